//! Tasks of every type: looking, pausing, resuming, cancelling, trying again, renaming.

use actix_web::{HttpResponse, web};
use serde::Deserialize;
use serde_json::{Value, json};

use super::State;
use super::auth::Signed;
use super::input::{Body, NoBody, Query, page};
use super::pages;
use super::problem::Problem;
use crate::domain::account::Caller;
use crate::domain::error::{Error, Result};
use crate::domain::id::TaskId;
use crate::domain::task::{Intent, Status, Task, Verb};
use crate::domain::work::{Item, ItemState};
use crate::engine::requested;
use crate::store::{items as item_rows, queue, task_facts, tasks as rows};

pub mod create;
pub mod lists;
pub mod many;
pub mod overview;
pub mod reports;
pub mod wait;

type Answer = Result<HttpResponse, Problem>;

/// One status or several, separated by commas.
pub fn statuses(text: Option<&str>) -> Result<Vec<Status>> {
    text.map_or_else(
        || Ok(Vec::new()),
        |text| text.split(',').map(|one| Status::parse(one.trim())).collect(),
    )
}

pub async fn get(state: web::Data<State>, Signed(caller): Signed, id: web::Path<String>) -> Answer {
    let (owner, id) = (caller.account_id, parse_id(&id)?);
    let read = state.engine.store.read(move |db| {
        let task = rows::get(db, owner, id)?;
        let position = queue::position(db, &task)?;
        let attempts = queue::attempts(db, task.pk)?;
        let depends_on = task_facts::dependencies(db, task.pk)?;
        let children = queue::child_counts(db, task.pk)?;
        Ok((task, position, attempts, depends_on, children))
    });
    let (task, position, attempts, depends_on, (total, completed, failed)) = read.await?;
    let attempts: Vec<_> = attempts
        .iter()
        .map(|attempt| {
            json!({
                "startedAt": attempt.started_at,
                "endedAt": attempt.ended_at,
                "outcome": attempt.outcome,
                "errorCode": attempt.error_code,
                "errorMessage": attempt.error_message,
            })
        })
        .collect();
    let running = state.engine.queue.running(task.pk);
    let mut view = state.now(&task, position);
    view["attempts"] = attempts.into();
    view["dependsOn"] = json!(depends_on);
    view["children"] = json!({ "total": total, "completed": completed, "failed": failed });
    view["stuck"] = running.is_some_and(|running| running.is_stuck()).into();
    Ok(HttpResponse::Ok().json(view))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ItemsQuery {
    state: Option<ItemState>,
    offset: Option<u64>,
    limit: Option<u32>,
}

/// The work list of a task over many files.
pub async fn items(
    state: web::Data<State>,
    Signed(caller): Signed,
    id: web::Path<String>,
    Query(asked): Query<ItemsQuery>,
) -> Answer {
    let (owner, id) = (caller.account_id, parse_id(&id)?);
    let (offset, limit) = page(asked.offset, asked.limit)?;
    let read = state.engine.store.read(move |db| {
        let task = rows::get(db, owner, id)?;
        item_rows::page(db, task.pk, asked.state, offset, limit)
    });
    let (items, total) = read.await?;
    Ok(pages::answer(Some(total), None).json(items.iter().map(item_view).collect::<Vec<_>>()))
}

fn item_view(item: &Item) -> Value {
    json!({
        "seq": item.seq,
        "name": item.name,
        "state": item.state,
        "bytes": item.bytes,
        "errorCode": item.error_code,
        "errorMessage": item.error_message,
        "detail": item.detail,
        "item": item.item,
    })
}

pub async fn pause(
    state: web::Data<State>,
    Signed(caller): Signed,
    id: web::Path<String>,
    _: NoBody,
) -> Answer {
    command(&state, &caller, &id, Verb::Pause).await
}

pub async fn resume(
    state: web::Data<State>,
    Signed(caller): Signed,
    id: web::Path<String>,
    _: NoBody,
) -> Answer {
    command(&state, &caller, &id, Verb::Resume).await
}

pub async fn cancel(
    state: web::Data<State>,
    Signed(caller): Signed,
    id: web::Path<String>,
    _: NoBody,
) -> Answer {
    command(&state, &caller, &id, Verb::Cancel).await
}

/// The task goes on under its id.
pub async fn retry(
    state: web::Data<State>,
    Signed(caller): Signed,
    id: web::Path<String>,
    _: NoBody,
) -> Answer {
    command(&state, &caller, &id, Verb::Retry).await
}

async fn command(state: &State, caller: &Caller, id: &str, verb: Verb) -> Answer {
    let task = state.engine.command(caller.account_id, parse_id(id)?, verb).await?;
    let mut answer = match task.intent {
        Intent::None => HttpResponse::Ok(),
        // Recorded; a worker honours it at its next safe point.
        _ => HttpResponse::Accepted(),
    };
    Ok(answer.json(view(&task)))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Amendment {
    name: Option<String>,
    priority: Option<u8>,
}

pub async fn amend(
    state: web::Data<State>,
    Signed(caller): Signed,
    id: web::Path<String>,
    Body(asked): Body<Amendment>,
) -> Answer {
    let id = parse_id(&id)?;
    let name = asked.name.as_deref().map(create::check_name).transpose()?;
    let priority = asked.priority.map(create::check_priority).transpose()?;
    if name.is_none() && priority.is_none() {
        return Err(Error::invalid("name", "Give a new name, a new priority, or both.").into());
    }
    let task = state.engine.amend(caller.account_id, id, name, priority).await?;
    Ok(HttpResponse::Ok().json(view(&task)))
}

fn parse_id(text: &str) -> Result<TaskId> {
    super::input::id(text, "task")
}

impl State {
    /// A task with what only this moment tells: its place in the queue, and how long it will still take.
    fn now(&self, task: &Task, position: Option<u64>) -> Value {
        let mut view = view(task);
        view["estimatedTimeRemaining"] = self.seconds_left(task).into();
        view["queuePosition"] = position.into();
        view
    }

    /// `None` while nothing moves, or where nobody knows how much there is to do.
    fn seconds_left(&self, task: &Task) -> Option<u64> {
        if task.status != Status::InProgress {
            return None;
        }
        let now = self.engine.clock.now();
        let by_worker =
            || self.engine.queue.running(task.pk).and_then(|one| one.bytes_per_second(now));
        let by_client = || {
            let open = self.uploads.open.in_memory(task.account_id, task.id)?;
            open.rate(now)
        };
        let rate = by_worker().or_else(by_client).filter(|&rate| rate > 0)?;
        Some(task.units_total?.saturating_sub(task.units_done).div_ceil(rate))
    }
}

/// How a task looks on the wire.
pub fn view(task: &Task) -> Value {
    json!({
        "taskId": task.id,
        "name": task.name,
        "description": task.description,
        "type": task.task_type,
        "status": task.status,
        "requested": requested(task),
        "progress": task.progress,
        "phase": task.phase,
        "priority": task.priority,
        "parameters": task.parameters,
        "results": task.results,
        "errorCode": task.error_code,
        "errorMessage": task.error_message,
        "createdAt": task.created_at,
        "startedAt": task.started_at,
        "updatedAt": task.updated_at,
        "lastActivity": task.last_activity,
        "completedAt": task.finished_at,
        "estimatedDurationSeconds": task.estimated_ms.map(|ms| ms / 1000),
        "estimatedTimeRemaining": null,
        "bytesDone": task.units_done,
        "bytesTotal": task.units_total,
        "itemsDone": task.items_done,
        "itemsTotal": task.items_total,
        "driver": task.driver,
        "lane": task.lane.word(),
        "queuePosition": null,
        "runAt": task.run_at,
        "attempt": task.attempt,
        "parentId": task.parent_id,
        "rev": task.rev,
    })
}
