//! Changing files one at a time; many at once are the work of tasks.

use actix_web::http::header;
use actix_web::{HttpResponse, web};
use serde::Deserialize;

use super::State;
use super::auth::Signed;
use super::input::{self, Body, NoBody, Query};
use super::problem::Problem;
use super::tasks;
use crate::domain::error::{Error, Result};
use crate::domain::file::{FileName, Folder};
use crate::domain::id::{AccountId, BundleId};
use crate::domain::time::Timestamp;
use crate::engine::submit::Submitted;
use crate::operations::bulk::{Kinds, trash};
use crate::operations::files::{self, OnConflict, Wish};

type Answer = Result<HttpResponse, Problem>;

pub(super) fn on_conflict(text: Option<&str>) -> Result<OnConflict> {
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
    Ok(HttpResponse::Ok().json(state.shown(&file).await?))
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
    match changed {
        Some(file) => Ok(HttpResponse::Ok().json(state.shown(&file).await?)),
        None => Ok(HttpResponse::NoContent().finish()),
    }
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

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CopyRequest {
    folder: Option<String>,
    name: Option<String>,
    on_conflict: Option<String>,
}

/// One more file over the same bytes. Where nothing else is said, a name that is taken gets a number.
pub async fn copy(
    state: web::Data<State>,
    Signed(caller): Signed,
    id: web::Path<String>,
    Body(wanted): Body<CopyRequest>,
) -> Answer {
    let name = wanted.name.as_deref().map(|name| FileName::parse("name", name)).transpose()?;
    let folder = wanted.folder.as_deref().map(Folder::parse).transpose()?;
    let on_conflict = OnConflict::parse(wanted.on_conflict.as_deref().unwrap_or("keepBoth"))?;
    let (owner, id) = (caller.account_id, input::id(&id, "file")?);
    let file = files::copy(&state.engine, owner, id, folder, name, on_conflict).await?;
    Ok(HttpResponse::Created().json(state.shown(&file).await?))
}
