//! Changing files one at a time; many at once are the work of tasks.

use actix_web::{HttpResponse, web};
use serde::Deserialize;

use super::State;
use super::auth::Signed;
use super::input::{self, Body, NoBody, Query};
use super::problem::Problem;
use crate::domain::error::Result;
use crate::domain::file::{FileName, Folder};
use crate::domain::id::BundleId;
use crate::domain::time::Timestamp;
use crate::operations::bulk::Kinds;
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
    let id = input::id(&id, "file")?;
    if asked.permanent.unwrap_or(false) {
        files::apply(&state.engine, caller.account_id, id, Kinds::Purge).await?;
        return Ok(HttpResponse::NoContent().finish());
    }
    let file = files::apply(&state.engine, caller.account_id, id, Kinds::Delete).await?;
    Ok(HttpResponse::Ok().json(state.shown(&file).await?))
}

pub async fn restore(
    state: web::Data<State>,
    Signed(caller): Signed,
    id: web::Path<String>,
    _: NoBody,
) -> Answer {
    let id = input::id(&id, "file")?;
    let file = files::apply(&state.engine, caller.account_id, id, Kinds::Restore).await?;
    Ok(HttpResponse::Ok().json(state.shown(&file).await?))
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
