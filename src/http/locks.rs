//! Passwords of encrypted files on the wire: opened for one answer, changed, and the key to take home.

use std::sync::Arc;

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;

use super::State;
use super::auth::Signed;
use super::content::disposition;
use super::input::Body;
use super::problem::Problem;
use crate::blobs::cipher::Identity;
use crate::domain::error::{Error, Result};
use crate::domain::file::File;
use crate::domain::password::Password;
use crate::operations::passwords::not_encrypted;

type Answer = Result<HttpResponse, Problem>;

/// Its value is the password as UTF-8.
pub const PASSWORD_HEADER: &str = "x-file-password";

/// The password a request brings in its header.
pub fn password(request: &HttpRequest) -> Result<Option<Password>> {
    let Some(value) = request.headers().get(PASSWORD_HEADER) else { return Ok(None) };
    let text = String::from_utf8(value.as_bytes().to_vec()).map_err(|_| {
        Error::invalid("X-File-Password", "X-File-Password must be the password in UTF-8.")
    })?;
    Ok(Some(Password::new(text)))
}

impl State {
    /// The key of an encrypted file, where the request brings its password.
    pub async fn opened(
        &self,
        request: &HttpRequest,
        file: &File,
    ) -> Result<Option<Arc<Identity>>> {
        let Some(password) = password(request)? else { return Ok(None) };
        let lock = file.lock.clone().ok_or_else(|| not_encrypted(file))?;
        let (passwords, owner, id) = (self.uploads.passwords.clone(), file.account_id, file.id);
        tokio::task::spawn_blocking(move || passwords.unlock(owner, id, &lock, &password).map(Some))
            .await
            .map_err(Error::internal)?
    }
}

/// The wrapped key: an age file that the password opens, to open the file without Drive.
pub async fn key(state: web::Data<State>, Signed(caller): Signed, id: web::Path<String>) -> Answer {
    let file = state.file(&caller, &id).await?;
    let lock = file.lock.as_ref().ok_or_else(|| not_encrypted(&file))?;
    let name = format!("{}.key.age", file.open_name());
    let content_type = "application/octet-stream";
    Ok(HttpResponse::Ok()
        .insert_header((header::CONTENT_TYPE, content_type))
        .insert_header((header::CONTENT_DISPOSITION, disposition(&name, content_type, false)))
        .insert_header((header::CACHE_CONTROL, "private, no-store"))
        .body(lock.wrapped_key.clone()))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PasswordRequest {
    password: Password,
    new_password: Password,
}

/// Another password for the same file.
pub async fn change(
    state: web::Data<State>,
    Signed(caller): Signed,
    id: web::Path<String>,
    Body(asked): Body<PasswordRequest>,
) -> Answer {
    let file = state.file(&caller, &id).await?;
    let (passwords, engine) = (state.uploads.passwords.clone(), state.engine.clone());
    let changed = tokio::task::spawn_blocking(move || {
        passwords.change(&engine, &file, &asked.password, &asked.new_password)
    })
    .await
    .map_err(Error::internal)??;
    Ok(HttpResponse::Ok().json(state.shown(&changed).await?))
}
