//! Tasks of every type: listing, looking, pausing, resuming, cancelling.

use actix_web::{HttpResponse, web};
use serde::Deserialize;
use serde_json::{Value, json};

use super::State;
use super::auth::Signed;
use super::input::{NoBody, Query, page};
use super::problem::Problem;
use crate::domain::error::{Error, Result};
use crate::domain::id::TaskId;
use crate::domain::task::{Intent, Status, Task, TaskType, Verb};
use crate::store::task_lists::{self as lists, Page, Sort};
use crate::store::tasks as rows;

pub mod create;

type Answer = Result<HttpResponse, Problem>;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ListQuery {
    r#type: Option<String>,
    status: Option<String>,
    sort_by: Option<String>,
    sort_descending: Option<bool>,
    offset: Option<u64>,
    limit: Option<u32>,
}

pub async fn list(
    state: web::Data<State>,
    Signed(caller): Signed,
    Query(asked): Query<ListQuery>,
) -> Answer {
    let (offset, limit) = page(asked.offset, asked.limit)?;
    let types = asked.r#type.as_deref().map_or_else(
        || Ok(Vec::new()),
        |text| text.split(',').map(|one| TaskType::parse(one.trim())).collect::<Result<Vec<_>>>(),
    )?;
    let sort =
        match asked.sort_by.as_deref().unwrap_or("lastActivity").to_ascii_lowercase().as_str() {
            "lastactivity" => Sort::LastActivity,
            "createdat" => Sort::CreatedAt,
            "updatedat" => Sort::UpdatedAt,
            _ => {
                let message = "sortBy is one of lastActivity, createdAt, updatedAt.";
                return Err(Error::invalid("sortBy", message).into());
            }
        };
    let descending = asked.sort_descending.unwrap_or(true);
    let page = Page {
        types,
        statuses: statuses(asked.status.as_deref())?,
        sort,
        descending,
        offset,
        limit,
    };
    let owner = caller.account_id;
    let (tasks, total) = state.engine.store.read(move |db| lists::list(db, owner, &page)).await?;
    Ok(HttpResponse::Ok()
        .insert_header(("X-Total", total.to_string()))
        .json(tasks.iter().map(view).collect::<Vec<_>>()))
}

/// One status or several, separated by commas.
pub fn statuses(text: Option<&str>) -> Result<Vec<Status>> {
    text.map_or_else(
        || Ok(Vec::new()),
        |text| text.split(',').map(|one| Status::parse(one.trim())).collect(),
    )
}

pub async fn get(state: web::Data<State>, Signed(caller): Signed, id: web::Path<String>) -> Answer {
    let (owner, id) = (caller.account_id, parse_id(&id)?);
    let task = state.engine.store.read(move |db| rows::get(db, owner, id)).await?;
    Ok(HttpResponse::Ok().json(view(&task)))
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

async fn command(
    state: &State,
    caller: &crate::domain::account::Caller,
    id: &str,
    verb: Verb,
) -> Answer {
    let task = state.engine.command(caller.account_id, parse_id(id)?, verb).await?;
    let mut answer = match task.intent {
        Intent::None => HttpResponse::Ok(),
        // Recorded; a worker honours it at its next safe point.
        _ => HttpResponse::Accepted(),
    };
    Ok(answer.json(view(&task)))
}

fn parse_id(text: &str) -> Result<TaskId> {
    TaskId::parse(text).map_err(|_| Error::not_found("task"))
}

/// How a task looks on the wire.
pub fn view(task: &Task) -> Value {
    json!({
        "taskId": task.id,
        "name": task.name,
        "description": task.description,
        "type": task.task_type,
        "status": task.status,
        "requested": (task.intent != Intent::None).then(|| task.intent.name().to_lowercase()),
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
        "bytesDone": task.units_done,
        "bytesTotal": task.units_total,
        "itemsDone": task.items_done,
        "itemsTotal": task.items_total,
        "lane": task.lane.word(),
        "runAt": task.run_at,
        "attempt": task.attempt,
        "parentId": task.parent_id,
        "rev": task.rev,
    })
}
