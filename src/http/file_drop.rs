//! Files that visitors of a link bring, in chunks as any other upload. A visitor knows the upload by a sealed word that
//! is good for this link alone, is told of nothing that its owner has, and cannot see what became of it.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use serde_json::{Value, json};

use super::State;
use super::auth::cross_site;
use super::input::{Body, NoBody};
use super::problem::Problem;
use super::share::tell_owner;
use super::uploads::body;
use crate::domain::account::{Caller, Scopes};
use crate::domain::bundle::Share;
use crate::domain::error::{Error, Kind, Result};
use crate::domain::file::Folder;
use crate::domain::id::{SessionId, TaskId};
use crate::domain::notification::Subject;
use crate::domain::task::Verb;
use crate::domain::time::Timestamp;
use crate::notify::told::Told;
use crate::operations::upload::begin::Begun;
use crate::operations::upload::wanted::Wanted;
use crate::store::{bundles, uploads};

type Answer = Result<HttpResponse, Problem>;

/// Open uploads of one link.
const OPEN_MAX: u64 = 20;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreateRequest {
    file_name: String,
    file_size: u64,
    /// Smaller chunks than usual, for what lies between takes no larger ones.
    chunk_size: Option<u64>,
    content_type: Option<String>,
    last_modified: Option<Timestamp>,
}

/// A link that takes files, and the folder they go to.
struct FileDrop {
    share: Share,
    folder: Folder,
}

impl FileDrop {
    /// Uploads belong to the owner of the link; of the owner's rights this has none but to store.
    fn owner(&self) -> Caller {
        Caller {
            account_id: self.share.bundle().account_id,
            session_id: SessionId::generate(),
            name: self.share.owner().name.as_str().into(),
            role: self.share.owner().role,
            scopes: Scopes::NONE,
            until: None,
        }
    }

    fn purpose(&self) -> String {
        format!("drop:{}", self.share.bundle().id)
    }
}

impl State {
    async fn file_drop(&self, request: &HttpRequest, slug: &str) -> Result<FileDrop> {
        if !self.same_site(request) {
            return Err(cross_site());
        }
        let share = self.share(request, slug).await?;
        let Some(folder) = share.bundle().upload_into.clone() else {
            let message = "This link takes no files.";
            return Err(Error::new(Kind::Forbidden, message));
        };
        Ok(FileDrop { share, folder })
    }

    /// The upload that a visitor's word stands for.
    fn dropped(&self, inbox: &FileDrop, word: &str) -> Result<TaskId> {
        let opened = self.open_word(&inbox.purpose(), word);
        let id = opened.and_then(|plain| std::str::from_utf8(&plain).ok()?.parse().ok());
        id.ok_or_else(|| Error::not_found("upload"))
    }
}

pub async fn create(
    state: web::Data<State>,
    request: HttpRequest,
    slug: web::Path<String>,
    Body(asked): Body<CreateRequest>,
) -> Answer {
    let inbox = state.file_drop(&request, &slug).await?;
    let counted = inbox.share.clone();
    let read = move |db: &crate::store::Db| bundles::open_uploads(db, &counted);
    if state.engine.store.read(read).await? >= OPEN_MAX {
        let message = "Others are sending files by this link. Try again when they are done.";
        return Err(Error::new(Kind::TooMany, message).with("retryAfter", 30).into());
    }
    // Without a hash nothing is found again, so nobody learns what the owner has.
    let wanted = Wanted {
        file_name: asked.file_name,
        file_size: asked.file_size,
        chunk_size: asked.chunk_size,
        content_type: asked.content_type,
        folder: Some(inbox.folder.as_str().to_owned()),
        last_modified: asked.last_modified,
        fingerprint: Some(format!("{}{}", inbox.share.mark(), TaskId::generate())),
        ..Wanted::default()
    };
    let Begun::Open(record, _) = state.uploads.begin(&inbox.owner(), wanted).await? else {
        return Err(Error::internal("an upload without a hash was found again").into());
    };
    let word = state.seal_word(&inbox.purpose(), record.task.id.to_string().as_bytes())?;
    Ok(HttpResponse::Created().json(json!({
        "uploadId": word,
        "chunkSize": record.upload.plan.chunk_size(),
        "chunksCount": record.upload.plan.count(),
    })))
}

pub async fn chunk(
    state: web::Data<State>,
    request: HttpRequest,
    path: web::Path<(String, String, String)>,
    payload: web::Payload,
) -> Answer {
    let (slug, word, index) = path.into_inner();
    let upload = async {
        let inbox = state.file_drop(&request, &slug).await?;
        let id = state.dropped(&inbox, &word)?;
        Ok((inbox.share.bundle().account_id, id))
    };
    body::chunk_of(&state, &request, upload, &index, payload).await
}

/// What has arrived of it, to go on with the rest.
pub async fn progress(
    state: web::Data<State>,
    request: HttpRequest,
    path: web::Path<(String, String)>,
) -> Answer {
    let (slug, word) = path.into_inner();
    let inbox = state.file_drop(&request, &slug).await?;
    let (owner, id) = (inbox.share.bundle().account_id, state.dropped(&inbox, &word)?);
    let read = state.engine.store.read(move |db| {
        let record = uploads::get(db, owner, id)?;
        let chunks = uploads::arrived(db, record.task.pk)?.chunks;
        Ok((record, chunks))
    });
    let (record, chunks) = read.await?;
    Ok(HttpResponse::Ok().json(json!({
        "status": record.task.status,
        "chunkSize": record.upload.plan.chunk_size(),
        "chunksCount": record.upload.plan.count(),
        "uploadedChunks": chunks,
    })))
}

pub async fn complete(
    state: web::Data<State>,
    request: HttpRequest,
    path: web::Path<(String, String)>,
    _: NoBody,
) -> Answer {
    let (slug, word) = path.into_inner();
    let inbox = state.file_drop(&request, &slug).await?;
    let (owner, id) = (inbox.share.bundle().account_id, state.dropped(&inbox, &word)?);
    let file = state.uploads.complete(owner, id, None).await?;
    let (notifier, share) = (state.notifier.clone(), inbox.share.clone());
    let name = file.name.clone();
    let tell = move |tx: &crate::store::Tx<'_>| {
        let title = format!("Somebody sent files by \"{}\"", share.bundle().name);
        tell_owner(tx, &notifier, &share, Told::new(Subject::FileShared, &title, &name, None))
    };
    // The file is stored; that its owner is told of it later at worst changes nothing of that.
    if let Err(error) = state.engine.store.write(tell).await {
        tracing::warn!(cause = error.cause(), "nobody was told of a file that came: {error}");
    }
    state.notifier.ring();
    let seen: Value =
        json!({ "name": file.name, "size": file.size, "hash": format!("sha256:{}", file.sha256) });
    Ok(HttpResponse::Ok().json(seen))
}

pub async fn cancel(
    state: web::Data<State>,
    request: HttpRequest,
    path: web::Path<(String, String)>,
    _: NoBody,
) -> Answer {
    let (slug, word) = path.into_inner();
    let inbox = state.file_drop(&request, &slug).await?;
    let (owner, id) = (inbox.share.bundle().account_id, state.dropped(&inbox, &word)?);
    state.engine.command(owner, id, Verb::Cancel).await?;
    Ok(HttpResponse::NoContent().finish())
}
