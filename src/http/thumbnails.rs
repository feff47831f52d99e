//! Small pictures of files, as tasks made them.

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;

use super::State;
use super::auth::Signed;
use super::conditions::is_known;
use super::content::CONTENT_POLICY;
use super::input::Query;
use super::problem::Problem;
use crate::domain::digest::Digest;
use crate::domain::error::{Error, Kind, Result};
use crate::domain::file::File;
use crate::domain::preview::Scale;
use crate::operations::previews::hash_of;
use crate::store::previews;

/// The largest size that can be asked for, in pixels; there is none that large.
const SIDE_MAX: u32 = 16_384;
/// Seconds in which a browser does not ask again; an object never changes, but a file may show another one.
const CACHING: &str = "private, max-age=300";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ThumbnailQuery {
    /// Pixels of the longer side; the next larger thumbnail is given, or the largest there is.
    size: Option<u32>,
}

impl ThumbnailQuery {
    /// # Errors
    /// [`Kind::Invalid`] with the field `size`.
    pub fn side(&self) -> Result<u32> {
        match self.size.unwrap_or(Scale::Small.side()) {
            side @ 1..=SIDE_MAX => Ok(side),
            _ => Err(Error::invalid("size", format!("size is 1 to {SIDE_MAX} pixels."))),
        }
    }
}

pub async fn thumbnail(
    state: web::Data<State>,
    request: HttpRequest,
    Signed(caller): Signed,
    id: web::Path<String>,
    Query(asked): Query<ThumbnailQuery>,
) -> Result<HttpResponse, Problem> {
    let side = asked.side()?;
    let file = state.file(&caller, &id).await?;
    Ok(state.thumbnail(&request, &file, side).await?)
}

impl State {
    /// The answer with a thumbnail of a file that the caller may see.
    ///
    /// # Errors
    /// [`Kind::NoThumbnail`].
    pub async fn thumbnail(
        &self,
        request: &HttpRequest,
        file: &File,
        side: u32,
    ) -> Result<HttpResponse> {
        let preview = self.preview(file).await?;
        let (scale, hash) = preview.at_least(side).ok_or_else(none)?;
        let etag = format!("\"{hash}\"");
        let mut answer = HttpResponse::Ok();
        answer
            .insert_header((header::ETAG, etag.clone()))
            .insert_header((header::CACHE_CONTROL, CACHING))
            .insert_header(("content-security-policy", CONTENT_POLICY));
        if is_known(request, &etag, file.updated_at)? {
            return Ok(answer.status(actix_web::http::StatusCode::NOT_MODIFIED).finish());
        }
        let bytes = self.thumbnail_bytes(file, scale, hash).await?;
        Ok(answer.insert_header((header::CONTENT_TYPE, "image/webp")).body(bytes))
    }

    /// The bytes, if they are those that were made; else they are made again.
    async fn thumbnail_bytes(&self, file: &File, scale: Scale, hash: Digest) -> Result<Vec<u8>> {
        let (kept, object_id) = (self.uploads.blobs().previews.clone(), file.object_id);
        let read = tokio::task::spawn_blocking(move || {
            let found = kept.read(object_id, scale)?;
            Ok::<_, Error>(found.filter(|bytes| hash_of(bytes) == hash))
        });
        if let Some(bytes) = read.await.map_err(Error::internal)?? {
            return Ok(bytes);
        }
        let owner = file.account_id;
        self.engine.store.write(move |tx| previews::again(tx, owner, object_id)).await?;
        self.settings.previews.ring();
        Err(none())
    }
}

fn none() -> Error {
    Error::new(Kind::NoThumbnail, "There is no thumbnail of this file, or none yet.")
}
