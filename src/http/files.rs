//! Files and pools as people see them.

use actix_web::{HttpResponse, web};
use serde::Deserialize;
use serde_json::{Value, json};

use super::State;
use super::auth::Signed;
use super::input::{self, Query, page};
use super::problem::Problem;
use crate::domain::error::{Error, Result};
use crate::domain::file::{File, Folder};
use crate::domain::id::{BundleId, PoolId};
use crate::store::files::{self as rows, Page, Sort};

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
        .json(files.iter().map(|file| state.shown(file)).collect::<Vec<_>>()))
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

    /// The CloudFile of one that may be in the trash, with the moment at which it goes for good.
    pub fn shown(&self, file: &File) -> Value {
        let mut view = view(file);
        view["purgeAt"] = json!(self.engine.settings.recycling.purge_at(file));
        view
    }
}

/// Where files can be stored, and what may be.
pub async fn pools(state: web::Data<State>, Signed(caller): Signed) -> Answer {
    let mut views = Vec::new();
    for pool in state.uploads.pools.iter().filter(|pool| caller.role >= pool.policy.require_role) {
        let (total, free) = state.uploads.blobs().pool(pool.id)?.space()?;
        views.push(json!({
            "id": pool.id,
            "name": pool.name,
            "isDefault": pool.id == state.uploads.settings.preferred_pool,
            "totalBytes": total,
            "freeBytes": free,
            "policy": {
                "maxFileSize": pool.policy.max_file_size,
                "acceptTypes": pool.policy.accept_types,
                "requireRole": pool.policy.require_role,
                "encryption": pool.policy.encryption,
                "quotaMultiplier": pool.policy.quota_multiplier,
                "recycleDays": pool.policy.recycle_days,
            },
        }));
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
        "purgeAt": null,
        "url": format!("/api/files/{}/content", file.id),
    })
}
