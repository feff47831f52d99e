//! `POST create`: what a client wants to store.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use serde_json::json;

use super::super::State;
use super::super::auth::Signed;
use super::super::input::{Body, idempotency_key};
use super::Answer;
use crate::domain::id::{BundleId, PoolId};
use crate::domain::password::Password;
use crate::domain::time::Timestamp;
use crate::operations::upload::begin::Begun;
use crate::operations::upload::wanted::Wanted;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreateRequest {
    file_name: String,
    file_size: u64,
    content_type: Option<String>,
    hash: Option<String>,
    pool_id: Option<PoolId>,
    bundle_id: Option<BundleId>,
    folder: Option<String>,
    chunk_size: Option<u64>,
    encrypt_password: Option<Password>,
    expired_at: Option<Timestamp>,
    last_modified: Option<Timestamp>,
    fingerprint: Option<String>,
    priority: Option<u8>,
}

pub async fn create(
    state: web::Data<State>,
    request: HttpRequest,
    Signed(caller): Signed,
    Body(asked): Body<CreateRequest>,
) -> Answer {
    let wanted = Wanted {
        file_name: asked.file_name,
        file_size: asked.file_size,
        content_type: asked.content_type,
        hash: asked.hash,
        pool_id: asked.pool_id,
        bundle_id: asked.bundle_id,
        folder: asked.folder,
        chunk_size: asked.chunk_size,
        encrypt_password: asked.encrypt_password,
        expired_at: asked.expired_at,
        last_modified: asked.last_modified,
        fingerprint: asked.fingerprint,
        priority: asked.priority,
        idempotency: idempotency_key(&request)?,
    };
    let answer = match state.uploads.begin(&caller, wanted).await? {
        Begun::Exists(file) => json!({
            "fileExists": true,
            "file": state.shown(&file).await?,
            "taskId": null,
            "chunkSize": null,
            "chunksCount": null,
        }),
        Begun::Open(record, chunks) => json!({
            "fileExists": false,
            "taskId": record.task.id,
            "chunkSize": record.upload.plan.chunk_size(),
            "chunksCount": record.upload.plan.count(),
            "uploadedChunks": chunks,
            "status": record.task.status,
            "durability": "full",
        }),
    };
    Ok(HttpResponse::Ok().json(answer))
}
