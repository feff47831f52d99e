//! Files and pools as people see them.

use actix_web::{HttpResponse, web};
use serde::Deserialize;
use serde_json::{Value, json};

use super::State;
use super::auth::Signed;
use super::input::{self, Query, page};
use super::problem::Problem;
use crate::domain::account::Role;
use crate::domain::error::{Error, Result};
use crate::domain::file::{File, Folder};
use crate::domain::id::{BundleId, PoolId};
use crate::domain::pool::Pool;
use crate::store::files::{self as rows, Page, Sort};
use crate::store::pools;

type Answer = Result<HttpResponse, Problem>;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ListQuery {
    folder: Option<String>,
    q: Option<String>,
    pool_id: Option<PoolId>,
    bundle_id: Option<BundleId>,
    /// A media type, or its first half with a star: `image/*`.
    r#type: Option<String>,
    tag: Option<String>,
    trashed: Option<bool>,
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
    let trashed = asked.trashed.unwrap_or(false);
    let usual = if trashed { "deletedAt" } else { "createdAt" };
    let sort = match asked.sort_by.as_deref().unwrap_or(usual).to_ascii_lowercase().as_str() {
        "deletedat" if trashed => Sort::DeletedAt,
        _ if trashed => {
            let message = "The trash is sorted by deletedAt alone.";
            return Err(Error::invalid("sortBy", message).into());
        }
        "name" => Sort::Name,
        "size" => Sort::Size,
        "createdat" | "uploadedat" => Sort::CreatedAt,
        "updatedat" => Sort::UpdatedAt,
        _ => {
            let message = "sortBy is one of name, size, createdAt, updatedAt, uploadedAt.";
            return Err(Error::invalid("sortBy", message).into());
        }
    };
    let folder = asked.folder.as_deref().map(Folder::parse).transpose()?;
    let page = Page {
        folder: folder.map(|folder| folder.as_str().to_owned()),
        query: asked.q,
        pool_id: asked.pool_id,
        bundle_id: asked.bundle_id,
        content_type: asked.r#type.map(|text| text.trim_end_matches('*').to_lowercase()),
        tag: asked.tag,
        sort,
        descending: asked.sort_descending.unwrap_or(true),
        offset,
        limit,
    };
    let (owner, now) = (caller.account_id, state.engine.clock.now());
    let (files, total) =
        state.engine.store.read(move |db| rows::list(db, owner, now, &page)).await?;
    Ok(HttpResponse::Ok()
        .insert_header(("X-Total", total.to_string()))
        .json(files.iter().map(view).collect::<Vec<_>>()))
}

pub async fn get(state: web::Data<State>, Signed(caller): Signed, id: web::Path<String>) -> Answer {
    Ok(HttpResponse::Ok().json(view(&state.file(&caller, &id).await?)))
}

impl State {
    /// A file of the caller.
    pub async fn file(&self, caller: &crate::domain::account::Caller, id: &str) -> Result<File> {
        let id = input::id(id, "file")?;
        let (owner, now) = (caller.account_id, self.engine.clock.now());
        self.engine.store.read(move |db| rows::get(db, owner, id, now)).await
    }
}

/// Where files can be stored, and what may be.
pub async fn pools(state: web::Data<State>, Signed(caller): Signed) -> Answer {
    let used = state.engine.store.read(pools::used).await?;
    // Looking at a disk may take a while.
    let shared = state.clone();
    let looked = tokio::task::spawn_blocking(move || {
        let blobs = shared.uploads.blobs();
        let look = |pool: &Pool| {
            let dir = blobs.pool(pool.id)?;
            Ok::<_, Error>((dir.backend(), dir.space().ok().flatten(), dir.why_offline()))
        };
        shared.uploads.pools.iter().map(look).collect::<Result<Vec<_>>>()
    });
    let looked = looked.await.map_err(Error::internal)??;
    let mut views = Vec::new();
    for (pool, (backend, space, why)) in state.uploads.pools.iter().zip(looked) {
        if caller.role < pool.policy.require_role {
            continue;
        }
        let mut view = json!({
            "id": pool.id,
            "name": pool.name,
            "isDefault": pool.id == state.uploads.settings.preferred_pool,
            "backend": backend,
            "state": if why.is_none() { "online" } else { "offline" },
            "usedBytes": used.get(&pool.id).copied().unwrap_or(0),
            "totalBytes": space.map(|(total, _)| total),
            "freeBytes": space.map(|(_, free)| free),
            "policy": {
                "maxFileSize": pool.policy.max_file_size,
                "acceptTypes": pool.policy.accept_types,
                "requireRole": pool.policy.require_role,
                "encryption": pool.policy.encryption,
                "quotaMultiplier": pool.policy.quota_multiplier,
            },
        });
        // Paths and servers are for administrators.
        if let Some(why) = why.filter(|_| caller.role == Role::Admin) {
            view["reason"] = why.into();
        }
        views.push(view);
    }
    Ok(HttpResponse::Ok().json(views))
}

/// The CloudFile of the contract.
pub fn view(file: &File) -> Value {
    json!({
        "id": file.id,
        "name": file.name,
        "folder": file.folder,
        "size": file.size,
        "contentType": file.content_type,
        "hash": format!("sha256:{}", file.sha256),
        "poolId": file.pool_id,
        "bundleId": file.bundle_id,
        "accountId": file.account_id,
        "isEncrypted": file.lock.is_some(),
        "hasThumbnail": false,
        "metadata": {
            "lastModified": file.last_modified,
            "plainSize": file.lock.as_ref().map(|lock| lock.plain_size),
        },
        "tags": file.tags,
        "createdAt": file.created_at,
        "updatedAt": file.updated_at,
        "uploadedAt": file.uploaded_at,
        "expiredAt": file.expired_at,
        "deletedAt": file.deleted_at,
        "url": format!("/api/files/{}/content", file.id),
    })
}
