//! Bodies with file bytes: a chunk, or a small file in one request. Raw or multipart; never held whole in memory.

use actix_multipart::{Field, Multipart};
use actix_web::http::header;
use actix_web::{FromRequest, HttpMessage, HttpRequest, HttpResponse, web};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures_util::StreamExt;
use serde::Deserialize;
use serde_json::json;

use super::super::State;
use super::super::auth::Signed;
use super::super::files;
use super::super::input::{IDLE, Query, idempotency_key, next, text};
use super::super::locks::password;
use super::super::problem::Problem;
use super::parse_id;
use crate::domain::digest::Digest;
use crate::domain::error::{Error, Kind, Result};
use crate::domain::id::{AccountId, BundleId, PoolId, TaskId};
use crate::domain::preview::Preview;
use crate::domain::time::Timestamp;
use crate::operations::upload::direct::{Coming, Direct};
use crate::operations::upload::receive::{Receipt, Receiving, wrong_length};
use crate::operations::upload::wanted::Wanted;

type Answer = Result<HttpResponse, Problem>;

/// Parts of a multipart body that are looked through for the file.
const PARTS_MAX: usize = 8;
/// Bytes of a refused body that are read and thrown away, so that the connection can go on: a chunk and its wrapping.
const DRAIN_MAX: u64 = 16 * 1024 * 1024 + 64 * 1024;

/// Where body bytes go.
trait Sink {
    async fn take(&mut self, bytes: Bytes) -> Result<()>;
}

impl Sink for Receiving {
    async fn take(&mut self, bytes: Bytes) -> Result<()> {
        self.push(bytes).await
    }
}

impl Sink for Direct {
    async fn take(&mut self, bytes: Bytes) -> Result<()> {
        self.push(bytes).await
    }
}

pub async fn chunk(
    state: web::Data<State>,
    request: HttpRequest,
    Signed(caller): Signed,
    path: web::Path<(String, String)>,
    payload: web::Payload,
) -> Answer {
    let (id, index) = path.into_inner();
    let upload = async { Ok((caller.account_id, parse_id(&id)?)) };
    chunk_of(&state, &request, upload, &index, payload).await
}

/// Receives a chunk of an upload, once it is known which.
pub(in crate::http) async fn chunk_of(
    state: &State,
    request: &HttpRequest,
    upload: impl Future<Output = Result<(AccountId, TaskId)>>,
    index: &str,
    mut payload: web::Payload,
) -> Answer {
    match receive(state, request, upload, index, &mut payload).await {
        Ok(receipt) => Ok(HttpResponse::Ok().json(json!({
            "chunkIndex": receipt.index,
            "chunksUploaded": receipt.chunks_received,
            "chunksCount": receipt.chunks_count,
            "progress": receipt.progress,
        }))),
        Err(error) => {
            drain(payload).await;
            Err(error.into())
        }
    }
}

async fn receive(
    state: &State,
    request: &HttpRequest,
    upload: impl Future<Output = Result<(AccountId, TaskId)>>,
    index: &str,
    payload: &mut web::Payload,
) -> Result<Receipt> {
    let (owner, id) = upload.await?;
    let digits = index.bytes().all(|byte| byte.is_ascii_digit());
    let index: u32 = index.parse().ok().filter(|_| digits).ok_or_else(|| {
        Error::new(Kind::ChunkIndexOutOfRange, "The chunk index must be a whole number from 0 on.")
    })?;
    let digest = content_digest(request)?;
    let mut receiving = state.uploads.receive(owner, id, index, digest).await?;
    if !is_multipart(request)
        && let Some(length) = content_length(request)
        && length != receiving.length()
    {
        let kind =
            if length > receiving.length() { Kind::ChunkTooLarge } else { Kind::ChunkLengthWrong };
        return Err(wrong_length(kind, index, receiving.length(), length));
    }
    fill(request, payload, &mut receiving).await?;
    state.uploads.accept(receiving).await
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DirectQuery {
    file_name: String,
    content_type: Option<String>,
    hash: Option<String>,
    pool_id: Option<PoolId>,
    bundle_id: Option<BundleId>,
    folder: Option<String>,
    expired_at: Option<Timestamp>,
    last_modified: Option<Timestamp>,
}

pub async fn direct(
    state: web::Data<State>,
    request: HttpRequest,
    Signed(caller): Signed,
    Query(asked): Query<DirectQuery>,
    mut payload: web::Payload,
) -> Answer {
    let length = content_length(&request).filter(|_| !is_multipart(&request));
    let wanted = Wanted {
        file_name: asked.file_name,
        file_size: length.unwrap_or(0),
        content_type: asked.content_type,
        hash: asked.hash,
        pool_id: asked.pool_id,
        bundle_id: asked.bundle_id,
        folder: asked.folder,
        expired_at: asked.expired_at,
        last_modified: asked.last_modified,
        // Never in the query, which proxies write into their logs.
        encrypt_password: password(&request)?,
        idempotency: idempotency_key(&request)?,
        ..Wanted::default()
    };
    let received = async {
        let mut direct = match state.uploads.begin_direct(&caller, wanted).await? {
            Coming::Stored(file) => return Ok(*file),
            Coming::Awaited(direct) => direct,
        };
        fill(&request, &mut payload, direct.as_mut()).await?;
        state.uploads.accept_direct(direct).await
    };
    let stored = received.await;
    drain(payload).await;
    Ok(HttpResponse::Ok().json(files::view(&stored?, &Preview::default())))
}

fn is_multipart(request: &HttpRequest) -> bool {
    request.content_type().eq_ignore_ascii_case("multipart/form-data")
}

fn content_length(request: &HttpRequest) -> Option<u64> {
    text(request, header::CONTENT_LENGTH)?.parse().ok()
}

/// `Content-Digest: sha-256=:base64:` (RFC 9530); other algorithms beside it are ignored.
fn content_digest(request: &HttpRequest) -> Result<Option<Digest>> {
    let Some(value) = text(request, "content-digest") else { return Ok(None) };
    let wrong = || {
        Error::invalid(
            "Content-Digest",
            "Content-Digest must look like sha-256=:<base64 of the body's SHA-256>:",
        )
    };
    let ours = value.split(',').find_map(|one| one.trim().strip_prefix("sha-256="));
    let encoded =
        ours.and_then(|one| one.trim().strip_prefix(':')?.strip_suffix(':')).ok_or_else(wrong)?;
    let bytes = STANDARD.decode(encoded).map_err(|_| wrong())?;
    bytes.try_into().map(|bytes| Some(Digest(bytes))).map_err(|_| wrong())
}

/// Moves the body's file bytes into the sink.
async fn fill(
    request: &HttpRequest,
    payload: &mut web::Payload,
    sink: &mut impl Sink,
) -> Result<()> {
    if !is_multipart(request) {
        while let Some(bytes) = next(payload).await? {
            sink.take(bytes).await?;
        }
        return Ok(());
    }
    let mut inner = std::mem::replace(payload, empty_payload(request).await?).into_inner();
    let mut multipart =
        Multipart::from_request(request, &mut inner).await.map_err(|error| malformed(&error))?;
    let mut found = false;
    for _ in 0..PARTS_MAX {
        let Some(field) = patient(multipart.next()).await? else {
            return match found {
                true => Ok(()),
                false => Err(Error::new(
                    Kind::MultipartInvalid,
                    "The multipart body holds no part with the chunk.",
                )),
            };
        };
        let field = field.map_err(|error| malformed(&error))?;
        // The first part with a file is the one, or the first of all where none says so.
        let is_file =
            field.content_disposition().is_some_and(|about| about.get_filename().is_some());
        if !found && (is_file || field.name() == Some("chunk")) {
            found = true;
            copy(field, sink).await?;
        } else {
            skip(field).await?;
        }
    }
    Err(Error::new(
        Kind::MultipartInvalid,
        format!("The multipart body has more than {PARTS_MAX} parts."),
    ))
}

async fn empty_payload(request: &HttpRequest) -> Result<web::Payload> {
    web::Payload::from_request(request, &mut actix_web::dev::Payload::None)
        .await
        .map_err(|error| Error::internal(error.to_string()))
}

async fn copy(mut field: Field, sink: &mut impl Sink) -> Result<()> {
    while let Some(bytes) = patient(field.next()).await? {
        sink.take(bytes.map_err(|error| malformed(&error))?).await?;
    }
    Ok(())
}

/// Reads over a part that is not the file; it must be small.
async fn skip(mut field: Field) -> Result<()> {
    let mut left = 64 * 1024;
    while let Some(bytes) = patient(field.next()).await? {
        let length = bytes.map_err(|error| malformed(&error))?.len();
        if length > left {
            return Err(Error::new(
                Kind::MultipartInvalid,
                "Only one part of the multipart body may be large.",
            ));
        }
        left -= length;
    }
    Ok(())
}

async fn patient<T>(future: impl Future<Output = T>) -> Result<T> {
    tokio::time::timeout(IDLE, future).await.map_err(|_| {
        Error::new(Kind::BodyTimeout, "No byte of the body came for 30 seconds; send it again.")
    })
}

fn malformed(error: &dyn std::fmt::Display) -> Error {
    Error::new(
        Kind::MultipartInvalid,
        format!("The multipart body is malformed or broke off: {error}."),
    )
}

/// Reads what is left of a body that is not wanted, so that a client on a kept connection hears why. Bounded in bytes and
/// time; beyond that the connection is closed.
async fn drain(mut payload: web::Payload) {
    let mut left = DRAIN_MAX;
    let reading = async {
        while let Ok(Some(bytes)) = next(&mut payload).await {
            match left.checked_sub(bytes.len() as u64) {
                Some(rest) => left = rest,
                None => break,
            }
        }
    };
    let _ = tokio::time::timeout(std::time::Duration::from_secs(10), reading).await;
}
