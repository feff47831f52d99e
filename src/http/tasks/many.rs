//! One verb for many tasks: named by their ids, or meant by a filter.

use std::collections::HashSet;

use actix_web::{HttpResponse, web};
use serde_json::{Value, json};

use super::super::State;
use super::super::auth::Signed;
use super::super::input::Body;
use super::Answer;
use super::lists::with_filter;
use crate::domain::account::Caller;
use crate::domain::error::{Error, Result};
use crate::domain::id::TaskId;
use crate::domain::task::{Task, Verb};
use crate::engine::requested;
use crate::store::task_lists::{self as rows, Filter};

/// Tasks of one request.
const TASKS_MAX: usize = 1_000;

with_filter! {
    /// Which tasks are meant. A filter that names no status means those that the verb can change.
    Many {
        task_ids: Option<Vec<TaskId>>,
        dry_run: Option<bool>,
    }
}

pub async fn pause(
    state: web::Data<State>,
    Signed(caller): Signed,
    Body(asked): Body<Many>,
) -> Answer {
    command(&state, caller, asked, Verb::Pause).await
}

pub async fn resume(
    state: web::Data<State>,
    Signed(caller): Signed,
    Body(asked): Body<Many>,
) -> Answer {
    command(&state, caller, asked, Verb::Resume).await
}

pub async fn cancel(
    state: web::Data<State>,
    Signed(caller): Signed,
    Body(asked): Body<Many>,
) -> Answer {
    command(&state, caller, asked, Verb::Cancel).await
}

pub async fn retry(
    state: web::Data<State>,
    Signed(caller): Signed,
    Body(asked): Body<Many>,
) -> Answer {
    command(&state, caller, asked, Verb::Retry).await
}

async fn command(state: &State, caller: Caller, asked: Many, verb: Verb) -> Answer {
    let owner = caller.account_id;
    let filter = asked.filter()?;
    let filtered = filter != Filter::default();
    let only_counted = asked.dry_run.unwrap_or(false);
    let (matched, ids) = match asked.task_ids {
        Some(_) if filtered => {
            let message = "Give taskIds or a filter, not both.";
            return Err(Error::invalid("taskIds", message).into());
        }
        Some(ids) => {
            let ids = check_ids(ids)?;
            let named = ids.clone();
            let known = state.engine.store.read(move |db| rows::known(db, owner, &named)).await?;
            (known, ids)
        }
        None if !filtered => {
            let message = "Say which tasks: taskIds, or at least one filter.";
            return Err(Error::invalid("taskIds", message).into());
        }
        None => {
            let open_to = filter.statuses.is_empty().then_some(verb);
            let read = state.engine.store.read(move |db| {
                let matched = rows::count_matching(db, owner, &filter, open_to)?;
                Ok((matched, rows::matching(db, owner, &filter, open_to, TASKS_MAX)?))
            });
            read.await?
        }
    };
    let done = match only_counted {
        true => Vec::new(),
        false => state.engine.command_each(owner, ids, verb).await,
    };
    let succeeded = done.iter().filter(|(_, done)| done.is_ok()).count();
    let results: Vec<_> = done.iter().map(|(id, done)| result(*id, done)).collect();
    Ok(HttpResponse::Ok().json(json!({
        "matched": matched,
        "succeeded": succeeded,
        "dryRun": only_counted,
        "results": results,
    })))
}

/// Each id once.
fn check_ids(ids: Vec<TaskId>) -> Result<Vec<TaskId>> {
    if ids.is_empty() || ids.len() > TASKS_MAX {
        let message = format!("taskIds must name 1 to {TASKS_MAX} tasks.");
        return Err(Error::invalid("taskIds", message).with("limit", TASKS_MAX));
    }
    let mut seen = HashSet::new();
    Ok(ids.into_iter().filter(|id| seen.insert(*id)).collect())
}

fn result(id: TaskId, done: &Result<Task>) -> Value {
    match done {
        Ok(task) => json!({
            "taskId": id,
            "status": task.status,
            "requested": requested(task),
        }),
        Err(error) => json!({
            "taskId": id,
            "status": error.details().get("taskStatus"),
            "requested": null,
            "error": { "code": error.kind().code(), "message": error.message() },
        }),
    }
}
