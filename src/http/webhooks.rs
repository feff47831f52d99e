//! The caller's webhooks and their log.

use actix_web::{HttpResponse, web};
use serde::Deserialize;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::State;
use super::auth::Signed;
use super::input::{self, Body, NoBody, Query, page};
use super::notifications::chosen;
use super::pages;
use super::problem::Problem;
use crate::domain::error::{Error, Kind, Result};
use crate::domain::id::{AccountId, WebhookId};
use crate::domain::notification::{Format, Subject};
use crate::notify::{self, forms, secrets};
use crate::outgoing::parse_url;
use crate::store::Db;
use crate::store::outbox::{self, Attempt, Logged, State as Delivered, Target};
use crate::store::webhooks::{self, Webhook};

type Answer = Result<HttpResponse, Problem>;

/// With what became of the last delivery that was tried: failures count in a row only when they are given up.
fn seen(db: &Db, owner: AccountId, webhook: &Webhook) -> Result<Value> {
    let mut view = view(webhook);
    let last = outbox::log(db, owner, webhook.id, None, 1)?;
    let tried = last.first().filter(|last| !last.attempts.is_empty());
    view["lastArrived"] = json!(tried.map(|last| last.state == Delivered::Sent));
    Ok(view)
}

fn view(webhook: &Webhook) -> Value {
    json!({
        "id": webhook.id,
        "url": webhook.url,
        "format": webhook.format.name(),
        "events": webhook.subjects.iter().map(|subject| subject.name()).collect::<Vec<_>>(),
        "hasSecret": webhook.secret.is_some(),
        "enabled": webhook.enabled,
        "failedInRow": webhook.failed_in_row,
        "createdAt": webhook.created_at,
        "updatedAt": webhook.updated_at,
    })
}

pub async fn list(state: web::Data<State>, Signed(caller): Signed) -> Answer {
    let owner = caller.account_id;
    let read = state.engine.store.read(move |db| {
        let all = webhooks::list(db, owner)?;
        all.iter().map(|webhook| seen(db, owner, webhook)).collect::<Result<Vec<_>>>()
    });
    Ok(HttpResponse::Ok().json(read.await?))
}

pub async fn get(state: web::Data<State>, Signed(caller): Signed, id: web::Path<String>) -> Answer {
    let (owner, id) = (caller.account_id, input::id::<WebhookId>(&id, "webhook")?);
    let read = state.engine.store.read(move |db| seen(db, owner, &webhooks::get(db, owner, id)?));
    Ok(HttpResponse::Ok().json(read.await?))
}

/// What a webhook is made of, or how it changes.
/// The same with a new secret, which is shown this once.
fn with_secret(mut view: Value, secret: Option<Zeroizing<String>>) -> Value {
    if let Some(secret) = secret {
        view["secret"] = json!(*secret);
    }
    view
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Wanted {
    url: Option<String>,
    format: Option<String>,
    events: Option<Vec<String>>,
    secret: Option<Zeroizing<String>>,
    enabled: Option<bool>,
}

impl State {
    /// Puts what is wanted into a webhook; a secret that was generated, to be shown once.
    fn fill(&self, webhook: &mut Webhook, wanted: Wanted) -> Result<Option<Zeroizing<String>>> {
        if let Some(format) = wanted.format {
            let format = Format::parse(&format)?;
            if format != webhook.format {
                // A key for signatures must not be sent to somebody as a token.
                webhook.secret = None;
            }
            webhook.format = format;
        }
        if let Some(url) = wanted.url {
            webhook.url = url;
        }
        let url = parse_url("url", &webhook.url, self.notifier.reach())?;
        forms::check_url(webhook.format, &url)?;
        if let Some(events) = wanted.events {
            webhook.subjects = events.iter().map(|event| chosen(event)).collect::<Result<_>>()?;
            webhook.subjects.sort_unstable();
            webhook.subjects.dedup();
        }
        if webhook.subjects.is_empty() {
            return Err(Error::invalid("events", "events must name at least one event."));
        }
        webhook.enabled = wanted.enabled.unwrap_or(webhook.enabled);
        if let Some(secret) = wanted.secret {
            forms::check_secret(&secret)?;
            webhook.secret = Some(self.notifier.seal_secret(webhook.id, &secret)?);
            return Ok(None);
        }
        match (webhook.format, &webhook.secret) {
            (Format::Generic, None) => {
                let secret = secrets::generate()?;
                webhook.secret = Some(self.notifier.seal_secret(webhook.id, &secret)?);
                Ok(Some(secret))
            }
            (Format::Gotify, None) => {
                let message = "secret is required: the token of a Gotify application.";
                Err(Error::invalid("secret", message))
            }
            _ => Ok(None),
        }
    }
}

pub async fn create(
    state: web::Data<State>,
    Signed(caller): Signed,
    Body(wanted): Body<Wanted>,
) -> Answer {
    if wanted.url.is_none() {
        return Err(Error::invalid("url", "url is required.").into());
    }
    let now = state.engine.clock.now();
    let mut webhook = Webhook {
        id: WebhookId::generate(),
        url: String::new(),
        format: Format::Generic,
        subjects: Subject::CHOSEN.to_vec(),
        secret: None,
        enabled: true,
        failed_in_row: 0,
        created_at: now,
        updated_at: now,
    };
    let shown = state.fill(&mut webhook, wanted)?;
    let owner = caller.account_id;
    let made = state.engine.store.write(move |tx| {
        webhooks::insert(tx, owner, &webhook)?;
        webhooks::get(tx.connection, owner, webhook.id)
    });
    Ok(HttpResponse::Created().json(with_secret(view(&made.await?), shown)))
}

pub async fn change(
    state: web::Data<State>,
    Signed(caller): Signed,
    id: web::Path<String>,
    Body(wanted): Body<Wanted>,
) -> Answer {
    let (owner, id) = (caller.account_id, input::id::<WebhookId>(&id, "webhook")?);
    let changing = state.clone();
    let changed = state.engine.store.write(move |tx| {
        let mut webhook = webhooks::get(tx.connection, owner, id)?;
        let shown = changing.fill(&mut webhook, wanted)?;
        webhooks::update(tx, owner, &webhook)?;
        if !webhook.enabled {
            outbox::give_up(tx, Target::Webhook(owner, id))?;
        }
        let webhook = webhooks::get(tx.connection, owner, id)?;
        Ok((seen(tx.connection, owner, &webhook)?, shown))
    });
    let (view, shown) = changed.await?;
    Ok(HttpResponse::Ok().json(with_secret(view, shown)))
}

pub async fn remove(
    state: web::Data<State>,
    Signed(caller): Signed,
    id: web::Path<String>,
    _: NoBody,
) -> Answer {
    let (owner, id) = (caller.account_id, input::id::<WebhookId>(&id, "webhook")?);
    if !state.engine.store.write(move |tx| webhooks::remove(tx, owner, id)).await? {
        return Err(Error::not_found("webhook").into());
    }
    Ok(HttpResponse::NoContent().finish())
}

/// Sends a test; its delivery tells how it went.
pub async fn test(
    state: web::Data<State>,
    Signed(caller): Signed,
    id: web::Path<String>,
    _: NoBody,
) -> Answer {
    let (owner, id) = (caller.account_id, input::id::<WebhookId>(&id, "webhook")?);
    let queued = state.engine.store.write(move |tx| {
        if !webhooks::get(tx.connection, owner, id)?.enabled {
            let message = "The webhook is off; turn it on first.";
            return Err(Error::new(Kind::Conflict, message));
        }
        notify::test(tx, Target::Webhook(owner, id))
    });
    let delivery = queued.await?;
    state.notifier.ring();
    Ok(HttpResponse::Accepted().json(json!({ "deliveryId": delivery })))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LogQuery {
    /// The number in `X-Next-Cursor`.
    cursor: Option<u64>,
    limit: Option<u32>,
}

fn delivery_view(delivery: &Logged) -> Value {
    let attempt = |attempt: &Attempt| {
        json!({
            "at": attempt.at,
            "status": attempt.status,
            "error": attempt.error,
            "milliseconds": attempt.took_ms,
        })
    };
    json!({
        "id": delivery.id,
        "event": delivery.subject.name(),
        "state": delivery.state.name(),
        "createdAt": delivery.created_at,
        "nextAt": (delivery.state == Delivered::Waiting).then_some(delivery.due_at),
        "endedAt": delivery.ended_at,
        "attempts": delivery.attempts.iter().map(attempt).collect::<Vec<_>>(),
    })
}

/// What was sent and is waiting, the newest first.
pub async fn deliveries(
    state: web::Data<State>,
    Signed(caller): Signed,
    id: web::Path<String>,
    Query(asked): Query<LogQuery>,
) -> Answer {
    let (owner, id) = (caller.account_id, input::id::<WebhookId>(&id, "webhook")?);
    let (_, limit) = page(None, asked.limit)?;
    let store = &state.engine.store;
    let log = store
        .read(move |db| {
            webhooks::get(db, owner, id)?;
            outbox::log(db, owner, id, asked.cursor, limit)
        })
        .await?;
    let next = pages::below(&log, limit, |row| row.seq);
    Ok(pages::answer(None, next).json(log.iter().map(delivery_view).collect::<Vec<_>>()))
}
