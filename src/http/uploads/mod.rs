//! The upload routes: create, complete, and everything that tells how an upload stands.

use actix_web::{HttpResponse, web};
use serde::Deserialize;
use serde_json::{Value, json};

use super::State;
use super::auth::Signed;
use super::input::{MaybeBody, Query, page};
use super::pages;
use super::problem::Problem;
use super::{files, tasks};
use crate::domain::digest::DeclaredHash;
use crate::domain::error::{Error, Result};
use crate::domain::id::TaskId;
use crate::domain::preview::Preview;
use crate::domain::task::{Status, TaskType, Verb};
use crate::engine::janitor;
use crate::operations::upload::blocks::Block;
use crate::store::task_lists::Sort as TaskSort;
use crate::store::uploads::{self as rows, Page, Record, Sort};

pub mod body;
pub mod create;

type Answer = Result<HttpResponse, Problem>;

/// Waiting longer than this, `complete` answers with the task instead of the file.
const COMPLETE_WAIT: std::time::Duration = std::time::Duration::from_secs(30);
/// Tasks that one clean-up forgets at once.
const CLEANUP_BATCH: usize = 200;

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub struct CompleteRequest {
    /// What the client hashed while it was sending.
    hash: Option<String>,
}

pub async fn complete(
    state: web::Data<State>,
    Signed(caller): Signed,
    id: web::Path<String>,
    MaybeBody(asked): MaybeBody<CompleteRequest>,
) -> Answer {
    let id = parse_id(&id)?;
    let hash = asked.hash.as_deref().map(DeclaredHash::parse).transpose()?;
    let (uploads, owner) = (state.uploads.clone(), caller.account_id);
    let completing = async move { uploads.complete(owner, id, hash).await };
    match tokio::time::timeout(COMPLETE_WAIT, completing).await {
        Ok(file) => Ok(HttpResponse::Ok().json(files::view(&file?, &Preview::default()))),
        Err(_) => {
            let task =
                state.engine.store.read(move |db| crate::store::tasks::get(db, owner, id)).await?;
            Ok(HttpResponse::Accepted()
                .insert_header(("Location", format!("/api/tasks/{id}")))
                .json(tasks::view(&task)))
        }
    }
}

/// A task id in a path; anything that is none names no task.
pub fn parse_id(text: &str) -> Result<TaskId> {
    super::input::id(text, "upload")
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ListQuery {
    status: Option<String>,
    fingerprint: Option<String>,
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
    let sort =
        match asked.sort_by.as_deref().unwrap_or("lastActivity").to_ascii_lowercase().as_str() {
            "filename" => Sort::FileName,
            "filesize" => Sort::FileSize,
            "createdat" | "created" => Sort::Task(TaskSort::CreatedAt),
            "updatedat" | "updated" => Sort::Task(TaskSort::UpdatedAt),
            "lastactivity" | "activity" => Sort::Task(TaskSort::LastActivity),
            _ => {
                let message =
                    "sortBy is one of filename, filesize, createdAt, updatedAt, lastActivity.";
                return Err(Error::invalid("sortBy", message).into());
            }
        };
    let page = Page {
        statuses: tasks::statuses(asked.status.as_deref())?,
        fingerprint: asked.fingerprint,
        sort,
        descending: asked.sort_descending.unwrap_or(true),
        offset,
        limit,
    };
    let owner = caller.account_id;
    let (records, total) = state.engine.store.read(move |db| rows::list(db, owner, &page)).await?;
    let views: Vec<_> = records.iter().map(|record| view(record, None)).collect();
    Ok(pages::answer(Some(total), None).json(views))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecentQuery {
    limit: Option<u32>,
}

pub async fn recent(
    state: web::Data<State>,
    Signed(caller): Signed,
    Query(asked): Query<RecentQuery>,
) -> Answer {
    let (_, limit) = page(None, asked.limit.or(Some(10)))?;
    let records = state.recent(&caller, limit).await?;
    Ok(HttpResponse::Ok().json(records.iter().map(|record| view(record, None)).collect::<Vec<_>>()))
}

impl State {
    async fn recent(
        &self,
        caller: &crate::domain::account::Caller,
        limit: u32,
    ) -> Result<Vec<Record>> {
        let owner = caller.account_id;
        let page = Page {
            statuses: Vec::new(),
            fingerprint: None,
            sort: Sort::Task(TaskSort::LastActivity),
            descending: true,
            offset: 0,
            limit,
        };
        Ok(self.engine.store.read(move |db| rows::list(db, owner, &page)).await?.0)
    }

    /// An upload with the chunks it has; all of them once it is completed.
    async fn upload(
        &self,
        caller: &crate::domain::account::Caller,
        id: &str,
    ) -> Result<(Record, Vec<u32>)> {
        let (owner, id) = (caller.account_id, parse_id(id)?);
        self.engine
            .store
            .read(move |db| {
                let record = rows::get(db, owner, id)?;
                let chunks = match record.task.status {
                    Status::Completed => (0..record.upload.plan.count()).collect(),
                    status if status.is_final() => Vec::new(),
                    _ => rows::arrived(db, record.task.pk)?.chunks,
                };
                Ok((record, chunks))
            })
            .await
    }
}

pub async fn progress(
    state: web::Data<State>,
    Signed(caller): Signed,
    id: web::Path<String>,
) -> Answer {
    let (record, chunks) = state.upload(&caller, &id).await?;
    Ok(HttpResponse::Ok().json(view(&record, Some(&chunks))))
}

pub async fn resume(
    state: web::Data<State>,
    Signed(caller): Signed,
    id: web::Path<String>,
) -> Answer {
    progress(state, Signed(caller), id).await
}

/// Hashes of some of what has arrived, for whoever brings the file again to hold against it.
pub async fn blocks(
    state: web::Data<State>,
    Signed(caller): Signed,
    id: web::Path<String>,
) -> Answer {
    let blocks = state.uploads.blocks(caller.account_id, parse_id(&id)?).await?;
    let view = |block: &Block| json!({ "offset": block.offset, "length": block.length, "hash": format!("sha256:{}", block.sha256) });
    Ok(HttpResponse::Ok().json(blocks.iter().map(view).collect::<Vec<_>>()))
}

pub async fn details(
    state: web::Data<State>,
    Signed(caller): Signed,
    id: web::Path<String>,
) -> Answer {
    let (record, chunks) = state.upload(&caller, &id).await?;
    let pool = state.uploads.pool(record.upload.pool_id)?;
    let speed = state
        .uploads
        .open
        .in_memory(caller.account_id, record.task.id)
        .and_then(|open| open.rate(state.engine.clock.now()));
    let left = record.upload.plan.file_size().saturating_sub(record.upload.bytes_received);
    let seconds = speed
        .filter(|speed| *speed > 0 && !record.task.status.is_final())
        .map(|speed| left.div_ceil(speed));
    Ok(HttpResponse::Ok().json(json!({
        "task": view(&record, Some(&chunks)),
        "pool": { "id": pool.id, "name": pool.name },
        "bundle": record.upload.bundle_id.map(|id| json!({ "id": id })),
        "uploadSpeed": speed,
        "uploadSpeedText": speed.map(|speed| format!("{}/s", in_words(speed))),
        "estimatedTimeRemaining": seconds,
        "estimatedTimeRemainingText": seconds.map(time_in_words),
    })))
}

/// Bytes for people, in decimal units.
fn in_words(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "kB", "MB", "GB", "TB"];
    let mut value = bytes as f64;
    let mut unit = 0;
    while value >= 1000.0 && unit + 1 < UNITS.len() {
        value /= 1000.0;
        unit += 1;
    }
    let digits = if unit == 0 || value >= 100.0 { 0 } else { 1 };
    format!("{value:.digits$} {}", UNITS[unit])
}

fn time_in_words(seconds: u64) -> String {
    match seconds {
        0..=59 => format!("{seconds} s"),
        60..=3599 => format!("{} min", seconds.div_ceil(60)),
        _ => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
    }
}

pub async fn stats(state: web::Data<State>, Signed(caller): Signed) -> Answer {
    let owner = caller.account_id;
    let stats = state.engine.store.read(move |db| rows::stats(db, owner)).await?;
    let recent = state.recent(&caller, 5).await?;
    let of = |status: Status| stats.by_status[status.number() as usize];
    let recent: Vec<_> = recent
        .iter()
        .map(|record| {
            json!({
                "taskId": record.task.id,
                "fileName": record.upload.file_name,
                "status": record.task.status,
                "lastActivity": record.task.last_activity,
                "progress": record.task.progress,
            })
        })
        .collect();
    Ok(HttpResponse::Ok().json(json!({
        "totalTasks": stats.by_status.iter().sum::<u64>(),
        "inProgressTasks": of(Status::InProgress),
        "pausedTasks": of(Status::Paused),
        "completedTasks": of(Status::Completed),
        "failedTasks": of(Status::Failed),
        "cancelledTasks": of(Status::Cancelled),
        "expiredTasks": of(Status::Expired),
        "totalUploadedBytes": stats.uploaded_bytes,
        "averageProgress": stats.average_progress,
        "recentActivity": recent,
    })))
}

/// Cancels an upload: its bytes and its reservation go.
pub async fn cancel(
    state: web::Data<State>,
    Signed(caller): Signed,
    id: web::Path<String>,
) -> Answer {
    let (owner, id) = (caller.account_id, parse_id(&id)?);
    // Other tasks are cancelled by their own route.
    state.engine.store.read(move |db| rows::get(db, owner, id).map(|_| ())).await?;
    let task = state.engine.command(owner, id, Verb::Cancel).await?;
    Ok(HttpResponse::Ok().json(tasks::view(&task)))
}

/// Forgets the caller's failed and expired uploads.
pub async fn cleanup(state: web::Data<State>, Signed(caller): Signed) -> Answer {
    // One that failed a moment ago may not be cleaned yet, and would stay.
    let engine = state.engine.clone();
    tokio::task::spawn_blocking(move || janitor::clean(&engine))
        .await
        .map_err(Error::internal)??;
    let owner = caller.account_id;
    let mut forgotten = 0;
    loop {
        let gone = state
            .engine
            .store
            .write(move |tx| {
                crate::store::upkeep::forget_failed(tx, owner, TaskType::FileUpload, CLEANUP_BATCH)
            })
            .await?;
        forgotten += gone;
        if gone < CLEANUP_BATCH {
            return Ok(HttpResponse::Ok().json(json!({
                "cleaned": forgotten,
                "message": format!("Cleaned up {forgotten} failed tasks"),
            })));
        }
    }
}

/// How an upload looks on the wire.
fn view(record: &Record, chunks: Option<&[u32]>) -> Value {
    let Record { task, upload, file_id } = record;
    let mut view = json!({
        "taskId": task.id,
        "fileName": upload.file_name,
        "fileSize": upload.plan.file_size(),
        "folder": upload.folder,
        "contentType": upload.content_type,
        "chunkSize": upload.plan.chunk_size(),
        "chunksCount": upload.plan.count(),
        "chunksUploaded": upload.chunks_received,
        "bytesUploaded": upload.bytes_received,
        "progress": task.progress,
        "status": task.status,
        "poolId": upload.pool_id,
        "bundleId": upload.bundle_id,
        "hash": upload.declared_hash.map(|hash| hash.to_string()),
        "fingerprint": upload.fingerprint,
        "lastModified": upload.last_modified,
        "expiredAt": upload.file_expires_at,
        "priority": task.priority,
        "fileId": file_id,
        "errorCode": task.error_code,
        "errorMessage": task.error_message,
        "createdAt": task.created_at,
        "updatedAt": task.updated_at,
        "lastActivity": task.last_activity,
        "completedAt": task.finished_at,
    });
    if let Some(chunks) = chunks {
        view["uploadedChunks"] = json!(chunks);
    }
    view
}
