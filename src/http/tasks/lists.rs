//! Lists of tasks: what a filter means, and how a client walks through more than one page.

use actix_web::{HttpResponse, web};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::super::State;
use super::super::auth::Signed;
use super::super::input::{Query, page, whose};
use super::super::pages;
use super::Answer;
use crate::domain::error::{Error, Result};
use crate::domain::id::{AccountId, TaskId};
use crate::domain::task::{Status, Task, TaskType};
use crate::domain::time::Timestamp;
use crate::domain::work::Lane;
use crate::store::queue;
use crate::store::task_lists::{self as rows, Filter, Page, Sort, Start};

/// Values of one filter.
const WORDS_MAX: usize = 50;
const RECENT: u32 = 10;

/// One word or several: separated by commas, or as a JSON array of words and numbers.
pub struct Words(Vec<String>);

impl<'de> Deserialize<'de> for Words {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let word = |value: Value| match value {
            Value::String(text) => Some(text),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        };
        let words = match Value::deserialize(deserializer)? {
            Value::String(text) => Some(text.split(',').map(|one| one.trim().to_owned()).collect()),
            Value::Array(values) => values.into_iter().map(word).collect::<Option<Vec<_>>>(),
            other => word(other).map(|word| vec![word]),
        };
        match words {
            Some(words) if (1..=WORDS_MAX).contains(&words.len()) => Ok(Self(words)),
            _ => Err(serde::de::Error::custom(format!("give 1 to {WORDS_MAX} values"))),
        }
    }
}

impl Words {
    fn parse<T>(words: Option<&Self>, parse: impl Fn(&str) -> Result<T>) -> Result<Vec<T>> {
        words.map_or_else(|| Ok(Vec::new()), |words| words.0.iter().map(|one| parse(one)).collect())
    }

    pub fn statuses(words: Option<&Self>) -> Result<Vec<Status>> {
        Self::parse(words, Status::parse)
    }
}

/// A request with a filter of tasks and further fields. Serde cannot refuse unknown fields of a struct within another.
macro_rules! with_filter {
    ($(#[$doc:meta])* $name:ident { $($field:ident: $type:ty,)* }) => {
        $(#[$doc])*
        #[derive(serde::Deserialize)]
        #[serde(rename_all = "camelCase", deny_unknown_fields)]
        pub struct $name {
            r#type: Option<$crate::http::tasks::lists::Words>,
            status: Option<$crate::http::tasks::lists::Words>,
            lane: Option<$crate::http::tasks::lists::Words>,
            priority: Option<$crate::http::tasks::lists::Words>,
            parent_id: Option<$crate::domain::id::TaskId>,
            q: Option<String>,
            created_after: Option<$crate::domain::time::Timestamp>,
            created_before: Option<$crate::domain::time::Timestamp>,
            finished_after: Option<$crate::domain::time::Timestamp>,
            finished_before: Option<$crate::domain::time::Timestamp>,
            $($field: $type,)*
        }

        impl $name {
            fn filter(&self) -> $crate::domain::error::Result<$crate::store::task_lists::Filter> {
                $crate::http::tasks::lists::filter($crate::http::tasks::lists::Asked {
                    types: self.r#type.as_ref(),
                    statuses: self.status.as_ref(),
                    lanes: self.lane.as_ref(),
                    priorities: self.priority.as_ref(),
                    parent_id: self.parent_id,
                    query: self.q.as_deref(),
                    created: (self.created_after, self.created_before),
                    finished: (self.finished_after, self.finished_before),
                })
            }
        }
    };
}

pub(super) use with_filter;

/// The fields of a filter as they came.
pub struct Asked<'a> {
    pub types: Option<&'a Words>,
    pub statuses: Option<&'a Words>,
    pub lanes: Option<&'a Words>,
    pub priorities: Option<&'a Words>,
    pub parent_id: Option<TaskId>,
    pub query: Option<&'a str>,
    pub created: (Option<Timestamp>, Option<Timestamp>),
    pub finished: (Option<Timestamp>, Option<Timestamp>),
}

pub fn filter(asked: Asked<'_>) -> Result<Filter> {
    let priority = |word: &str| match word.parse::<u8>() {
        Ok(priority) if priority <= 100 => Ok(priority),
        _ => Err(Error::invalid("priority", "priority is a number between 0 and 100, or several.")),
    };
    if asked.query.is_some_and(|query| query.is_empty() || query.len() > 255) {
        return Err(Error::invalid("q", "q must have 1 to 255 bytes."));
    }
    Ok(Filter {
        types: Words::parse(asked.types, TaskType::parse)?,
        statuses: Words::statuses(asked.statuses)?,
        lanes: Words::parse(asked.lanes, Lane::parse)?,
        priorities: Words::parse(asked.priorities, priority)?,
        parent_id: asked.parent_id,
        query: asked.query.map(str::to_owned),
        created_after: asked.created.0,
        created_before: asked.created.1,
        finished_after: asked.finished.0,
        finished_before: asked.finished.1,
    })
}

with_filter! {
    /// What `GET /tasks` is asked.
    ListQuery {
        sort_by: Option<String>,
        sort_descending: Option<bool>,
        offset: Option<u64>,
        limit: Option<u32>,
        cursor: Option<String>,
        account: Option<String>,
    }
}

/// Everybody's tasks, the newest first, for administrators.
async fn everybodys(state: &State, asked: &ListQuery) -> Answer {
    let (_, limit) = page(None, asked.limit)?;
    let filter = asked.filter()?;
    let below = asked.cursor.as_deref().map(str::parse::<i64>).transpose();
    let below = below.map_err(|_| Error::invalid("cursor", "cursor is a number here."))?;
    let store = &state.engine.store;
    let (found, total) = store.read(move |db| rows::everybodys(db, &filter, below, limit)).await?;
    let mut answer = pages::answer(Some(total), pages::below(&found, limit, |(task, _)| task.pk));
    let view = |(task, name): &(Task, String)| {
        let mut view = state.now(task, None);
        view["account"] = name.as_str().into();
        view
    };
    Ok(answer.json(found.iter().map(view).collect::<Vec<_>>()))
}

pub async fn list(
    state: web::Data<State>,
    Signed(caller): Signed,
    Query(asked): Query<ListQuery>,
) -> Answer {
    let Some(owner) = whose(&caller, asked.account.as_deref())? else {
        return everybodys(&state, &asked).await;
    };
    let (offset, limit) = page(asked.offset, asked.limit)?;
    let filter = asked.filter()?;
    let sort = sort(asked.sort_by.as_deref())?;
    let descending = asked.sort_descending.unwrap_or(true);
    let purpose = purpose(owner, &filter, sort, descending);
    pages::one_way(asked.cursor.as_deref(), asked.offset)?;
    let start = match &asked.cursor {
        None => Start::Offset(offset),
        Some(text) => Start::After(state.open_place(&purpose, text)?),
    };
    let page = Page { filter, sort, descending, start, limit };
    let (found, views) = state.page(owner, page).await?;
    let next = found.next.as_ref().map(|next| state.seal_place(&purpose, next)).transpose()?;
    Ok(pages::answer(found.total, next).json(views))
}

fn sort(text: Option<&str>) -> Result<Sort> {
    Ok(match text.unwrap_or("lastActivity").to_ascii_lowercase().as_str() {
        "lastactivity" => Sort::LastActivity,
        "createdat" => Sort::CreatedAt,
        "updatedat" => Sort::UpdatedAt,
        "priority" => Sort::Priority,
        "name" => Sort::Name,
        _ => {
            let message = "sortBy is one of lastActivity, createdAt, updatedAt, priority, name.";
            return Err(Error::invalid("sortBy", message));
        }
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecentQuery {
    limit: Option<u32>,
}

/// The tasks that moved last.
pub async fn recent(
    state: web::Data<State>,
    Signed(caller): Signed,
    Query(asked): Query<RecentQuery>,
) -> Answer {
    let (offset, limit) = page(None, asked.limit.or(Some(RECENT)))?;
    let page = Page {
        filter: Filter::default(),
        sort: Sort::LastActivity,
        descending: true,
        start: Start::Offset(offset),
        limit,
    };
    let (_, views) = state.page(caller.account_id, page).await?;
    Ok(HttpResponse::Ok().json(views))
}

/// What a cursor is sealed for: it is good for this account, this filter and this order alone.
fn purpose(owner: AccountId, filter: &Filter, sort: Sort, descending: bool) -> String {
    format!("cursor:{owner}:{sort:?}:{descending}:{filter:?}")
}

impl State {
    async fn page(&self, owner: AccountId, page: Page) -> Result<(rows::Found, Vec<Value>)> {
        let read = self.engine.store.read(move |db| {
            let found = rows::list(db, owner, &page)?;
            let positions: Result<Vec<_>> =
                found.tasks.iter().map(|task| queue::position(db, task)).collect();
            Ok((found, positions?))
        });
        let (found, positions) = read.await?;
        let views =
            found.tasks.iter().zip(positions).map(|(task, at)| self.now(task, at)).collect();
        Ok((found, views))
    }
}
