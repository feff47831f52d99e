//! Folders as people see them.

use actix_web::{HttpResponse, web};
use serde::Deserialize;
use serde_json::{Value, json};

use super::State;
use super::auth::Signed;
use super::file_changes::on_conflict;
use super::input::{Body, NoBody, Query};
use super::problem::Problem;
use crate::domain::file::Folder;
use crate::operations::folders::{self, Content};

type Answer = Result<HttpResponse, Problem>;

/// All folders in the order of their paths, each with its own files and with all that is below it.
pub async fn list(state: web::Data<State>, Signed(caller): Signed) -> Answer {
    let tree = folders::tree(&state.engine, caller.account_id).await?;
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

pub async fn rename(
    state: web::Data<State>,
    Signed(caller): Signed,
    Body(wanted): Body<MoveRequest>,
) -> Answer {
    let from = Folder::parse_as("from", &wanted.from)?;
    let to = Folder::parse_as("to", &wanted.to)?;
    let on_conflict = on_conflict(wanted.on_conflict.as_deref())?;
    let path = to.as_str().to_owned();
    let moved = folders::rename(&state.engine, caller.account_id, from, to, on_conflict).await?;
    Ok(HttpResponse::Ok().json(json!({ "folder": path, "movedCount": moved })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PathRequest {
    path: String,
}

/// A folder with nothing in it yet: 201, or 200 where it is there already.
pub async fn create(
    state: web::Data<State>,
    Signed(caller): Signed,
    Body(wanted): Body<PathRequest>,
) -> Answer {
    let folder = Folder::parse_as("path", &wanted.path)?;
    let path = folder.as_str().to_owned();
    let is_new = folders::create(&state.engine, caller.account_id, folder).await?;
    let mut answer = if is_new { HttpResponse::Created() } else { HttpResponse::Ok() };
    Ok(answer.json(json!({ "path": path })))
}

/// All its files go to the trash, those below it too.
pub async fn delete(
    state: web::Data<State>,
    Signed(caller): Signed,
    Query(asked): Query<PathRequest>,
    _: NoBody,
) -> Answer {
    let folder = Folder::parse_as("path", &asked.path)?;
    let trashed = folders::delete(&state.engine, caller.account_id, folder).await?;
    Ok(HttpResponse::Ok().json(json!({ "path": asked.path, "trashedCount": trashed })))
}
