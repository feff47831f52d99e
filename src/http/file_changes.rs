//! Changing files and folders one at a time; many at once are the work of tasks.

use actix_web::http::header;
use actix_web::{HttpResponse, web};
use serde::Deserialize;
use serde_json::{Value, json};

use super::State;
use super::auth::Signed;
use super::files::view;
use super::input::{self, Body, NoBody, Query};
use super::problem::Problem;
use super::tasks;
use crate::domain::error::{Error, Result};
use crate::domain::file::{FileName, Folder};
use crate::domain::id::{AccountId, BundleId};
use crate::domain::time::Timestamp;
use crate::engine::submit::Submitted;
use crate::operations::bulk::{Kinds, trash};
use crate::operations::files::{self, Content, OnConflict, Wish};

type Answer = Result<HttpResponse, Problem>;

fn on_conflict(text: Option<&str>) -> Result<OnConflict> {
    text.map_or(Ok(OnConflict::Refuse), OnConflict::parse)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ChangeRequest {
    name: Option<String>,
    folder: Option<String>,
    #[serde(default, deserialize_with = "crate::domain::json::maybe")]
    bundle_id: Option<Option<BundleId>>,
    tags: Option<Vec<String>>,
    #[serde(default, deserialize_with = "crate::domain::json::maybe")]
    expired_at: Option<Option<Timestamp>>,
    on_conflict: Option<String>,
}

pub async fn change(
    state: web::Data<State>,
    Signed(caller): Signed,
    id: web::Path<String>,
    Body(wanted): Body<ChangeRequest>,
) -> Answer {
    let wish = Wish {
        name: wanted.name.as_deref().map(|name| FileName::parse("name", name)).transpose()?,
        folder: wanted.folder.as_deref().map(Folder::parse).transpose()?,
        bundle_id: wanted.bundle_id,
        tags: wanted.tags,
        expired_at: wanted.expired_at,
    };
    let on_conflict = on_conflict(wanted.on_conflict.as_deref())?;
    let owner = caller.account_id;
    let file =
        files::change(&state.engine, owner, input::id(&id, "file")?, wish, on_conflict).await?;
    Ok(HttpResponse::Ok().json(view(&file)))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeleteQuery {
    permanent: Option<bool>,
}

/// To the trash, or with `permanent` for good.
pub async fn delete(
    state: web::Data<State>,
    Signed(caller): Signed,
    id: web::Path<String>,
    Query(asked): Query<DeleteQuery>,
    _: NoBody,
) -> Answer {
    let kind = if asked.permanent.unwrap_or(false) { Kinds::Purge } else { Kinds::Delete };
    apply(&state, caller.account_id, &id, kind).await
}

pub async fn restore(
    state: web::Data<State>,
    Signed(caller): Signed,
    id: web::Path<String>,
    _: NoBody,
) -> Answer {
    apply(&state, caller.account_id, &id, Kinds::Restore).await
}

/// The file as it is then; nothing when it is gone for good.
async fn apply(state: &State, owner: AccountId, id: &str, kind: Kinds) -> Answer {
    let changed = files::apply(&state.engine, owner, input::id(id, "file")?, kind).await?;
    Ok(match changed {
        Some(file) => HttpResponse::Ok().json(state.shown(&file)),
        None => HttpResponse::NoContent().finish(),
    })
}

/// Deletes all for good that is in the trash now, by a task.
pub async fn empty_trash(state: web::Data<State>, Signed(caller): Signed, _: NoBody) -> Answer {
    let engine = state.engine.clone();
    let queued = tokio::task::spawn_blocking(move || trash::empty(&engine, caller.account_id));
    let (Submitted::New(task) | Submitted::Known(task)) =
        queued.await.map_err(Error::internal)??;
    Ok(HttpResponse::Accepted()
        .insert_header((header::LOCATION, format!("/api/tasks/{}", task.id)))
        .json(tasks::view(&task)))
}

/// All folders in the order of their paths, each with its own files and with all that is below it.
pub async fn folders(state: web::Data<State>, Signed(caller): Signed) -> Answer {
    let tree = files::tree(&state.engine, caller.account_id).await?;
    let row = |(path, content): (&String, &Content)| -> Value {
        json!({
            "path": path,
            "name": path.rsplit('/').next(),
            "files": content.files,
            "bytes": content.bytes,
            "allFiles": content.all_files,
            "allBytes": content.all_bytes,
        })
    };
    Ok(HttpResponse::Ok().json(tree.iter().map(row).collect::<Vec<_>>()))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MoveRequest {
    from: String,
    to: String,
    on_conflict: Option<String>,
}

pub async fn move_folder(
    state: web::Data<State>,
    Signed(caller): Signed,
    Body(wanted): Body<MoveRequest>,
) -> Answer {
    let from = Folder::parse_as("from", &wanted.from)?;
    let to = Folder::parse_as("to", &wanted.to)?;
    let on_conflict = on_conflict(wanted.on_conflict.as_deref())?;
    let path = to.as_str().to_owned();
    let moved = files::move_folder(&state.engine, caller.account_id, from, to, on_conflict).await?;
    Ok(HttpResponse::Ok().json(json!({ "folder": path, "movedCount": moved })))
}
