//! What the caller's account was told while it was away, and what it wants to be told.

use std::collections::BTreeMap;

use actix_web::{HttpResponse, web};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::State;
use super::auth::Signed;
use super::input::{self, Body, NoBody, Query, page};
use super::pages;
use super::problem::Problem;
use crate::domain::error::{Error, Result};
use crate::domain::id::{AccountId, NotificationId};
use crate::domain::notification::{Channel, Choice, Subject};
use crate::notify::view;
use crate::store::notifications::{self, Page};

type Answer = Result<HttpResponse, Problem>;

/// Ids of one request, at most.
const IDS_MAX: usize = 500;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ListQuery {
    unread: Option<bool>,
    /// The number in `X-Next-Cursor`.
    cursor: Option<u64>,
    limit: Option<u32>,
}

/// The newest first.
pub async fn list(
    state: web::Data<State>,
    Signed(caller): Signed,
    Query(asked): Query<ListQuery>,
) -> Answer {
    let (_, limit) = page(None, asked.limit)?;
    let (owner, only_unread) = (caller.account_id, asked.unread.unwrap_or(false));
    let asked = Page { unread: only_unread, below: asked.cursor, limit };
    let store = &state.engine.store;
    let (rows, (all, unread)) = store
        .read(move |db| {
            Ok((notifications::list(db, owner, &asked)?, notifications::counts(db, owner)?))
        })
        .await?;
    let total = if only_unread { unread } else { all };
    let mut answer = pages::answer(Some(total), pages::below(&rows, limit, |row| row.seq));
    answer.insert_header(("x-unread", unread.to_string()));
    Ok(answer.json(rows.iter().map(view).collect::<Vec<_>>()))
}

impl State {
    async fn unread(&self, owner: AccountId) -> Answer {
        let counts = self.engine.store.read(move |db| notifications::counts(db, owner)).await?;
        Ok(HttpResponse::Ok().json(json!({ "unread": counts.1 })))
    }
}

pub async fn unread(state: web::Data<State>, Signed(caller): Signed) -> Answer {
    state.unread(caller.account_id).await
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ReadRequest {
    #[serde(default)]
    ids: Vec<NotificationId>,
    #[serde(default)]
    all: bool,
}

/// Marks some as read, or all; how many are unread then.
pub async fn read(
    state: web::Data<State>,
    Signed(caller): Signed,
    Body(wanted): Body<ReadRequest>,
) -> Answer {
    if wanted.all != wanted.ids.is_empty() {
        return Err(Error::invalid("ids", "Give either ids or all: true.").into());
    }
    if wanted.ids.len() > IDS_MAX {
        return Err(Error::invalid("ids", format!("ids must be at most {IDS_MAX}.")).into());
    }
    let owner = caller.account_id;
    let marked = state.engine.store.write(move |tx| match wanted.all {
        true => notifications::mark_all_read(tx, owner),
        false => notifications::mark_read(tx, owner, &wanted.ids),
    });
    marked.await?;
    state.unread(owner).await
}

pub async fn remove(
    state: web::Data<State>,
    Signed(caller): Signed,
    id: web::Path<String>,
    _: NoBody,
) -> Answer {
    let id: NotificationId = input::id(&id, "notification")?;
    let owner = caller.account_id;
    if !state.engine.store.write(move |tx| notifications::remove(tx, owner, id)).await? {
        return Err(Error::not_found("notification").into());
    }
    Ok(HttpResponse::NoContent().finish())
}

impl State {
    async fn preferences(&self, owner: AccountId) -> Answer {
        let store = &self.engine.store;
        let all = store
            .read(move |db| {
                let mut all = Map::new();
                for subject in Subject::CHOSEN {
                    let mut ways = Map::new();
                    for &channel in Channel::ALL {
                        let choice = notifications::choice(db, owner, subject, channel)?;
                        ways.insert(channel.name().to_owned(), json!(choice.name()));
                    }
                    all.insert(subject.name().to_owned(), Value::Object(ways));
                }
                Ok(Value::Object(all))
            })
            .await?;
        Ok(HttpResponse::Ok().json(all))
    }
}

pub async fn preferences(state: web::Data<State>, Signed(caller): Signed) -> Answer {
    state.preferences(caller.account_id).await
}

/// Events, with the ways to tell of each, and when each way is used.
type Preferences = BTreeMap<String, BTreeMap<String, String>>;

/// Sets all choices. What is left out goes back to its default.
pub async fn set_preferences(
    state: web::Data<State>,
    Signed(caller): Signed,
    Body(wanted): Body<Preferences>,
) -> Answer {
    let mut choices = Vec::new();
    for (event, ways) in &wanted {
        let subject = chosen(event)?;
        for (channel, choice) in ways {
            let field = format!("{event}.{channel}");
            let named =
                |error: Error| Error::invalid(&field, format!("{field}: {}", error.message()));
            let channel = Channel::parse(channel).map_err(named)?;
            choices.push((subject, channel, Choice::parse(choice).map_err(named)?));
        }
    }
    let owner = caller.account_id;
    state.engine.store.write(move |tx| notifications::choose(tx, owner, &choices)).await?;
    state.preferences(owner).await
}

/// An event that an account may choose ways for.
pub(super) fn chosen(event: &str) -> Result<Subject> {
    let found = Subject::CHOSEN.into_iter().find(|subject| subject.name() == event);
    found.ok_or_else(|| {
        let known = Subject::CHOSEN.map(Subject::name).join(", ");
        Error::invalid("events", format!("There is no event \"{event}\"; there are {known}."))
    })
}
