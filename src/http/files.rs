//! Files and pools as people see them.

use actix_web::{HttpResponse, web};
use serde::Deserialize;
use serde_json::{Value, json};
use unicode_normalization::UnicodeNormalization;

use super::State;
use super::auth::Signed;
use super::input::{self, Query, page};
use super::pages;
use super::problem::Problem;
use crate::domain::account::Role;
use crate::domain::error::{Error, Result};
use crate::domain::file::{File, Folder};
use crate::domain::id::{BundleId, PoolId};
use crate::domain::pool::Pool;
use crate::domain::preview::Preview;
use crate::domain::search::Question;
use crate::store::file_filter::Filter;
use crate::store::file_lists::{self, Page, Sort, Start};
use crate::store::{Db, files as rows, pools, previews};

type Answer = Result<HttpResponse, Problem>;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ListQuery {
    folder: Option<String>,
    /// The folders below `folder` too.
    deep: Option<bool>,
    /// A whole name; `q` looks for parts of names.
    name: Option<String>,
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
    cursor: Option<String>,
}

fn sort(text: &str, trashed: bool) -> Result<Sort> {
    let refuse = |message| Err(Error::invalid("sortBy", message));
    Ok(match text.to_ascii_lowercase().as_str() {
        "deletedat" if trashed => Sort::DeletedAt,
        _ if trashed => return refuse("The trash is sorted by deletedAt alone."),
        "name" => Sort::Name,
        "size" => Sort::Size,
        "type" => Sort::Type,
        "createdat" | "uploadedat" => Sort::CreatedAt,
        "updatedat" => Sort::UpdatedAt,
        _ => return refuse("sortBy is one of name, size, type, createdAt, updatedAt, uploadedAt."),
    })
}

pub async fn list(
    state: web::Data<State>,
    Signed(caller): Signed,
    Query(asked): Query<ListQuery>,
) -> Answer {
    let (offset, limit) = page(asked.offset, asked.limit)?;
    let trashed = asked.trashed.unwrap_or(false);
    let usual = if trashed { "deletedAt" } else { "createdAt" };
    let sort = sort(asked.sort_by.as_deref().unwrap_or(usual), trashed)?;
    let folder = asked.folder.as_deref().map(Folder::parse).transpose()?;
    let filter = Filter {
        folder: folder.map(|folder| folder.as_str().to_owned()),
        deep: asked.deep.unwrap_or(false),
        name: asked.name.map(|name| name.nfc().collect()),
        question: asked.q.as_deref().map(Question::parse).transpose()?,
        pool_id: asked.pool_id,
        bundle_id: asked.bundle_id,
        content_type: asked.r#type.map(|text| text.trim_end_matches('*').to_lowercase()),
        tag: asked.tag,
        trashed,
        ..Filter::default()
    };
    let (owner, now) = (caller.account_id, state.engine.clock.now());
    let descending = asked.sort_descending.unwrap_or(true);
    let purpose = format!("cursor:files:{owner}:{sort:?}:{descending}:{filter:?}");
    pages::one_way(asked.cursor.as_deref(), asked.offset)?;
    let start = match &asked.cursor {
        None => Start::Offset(offset),
        Some(text) => Start::After(state.open_place(&purpose, text)?),
    };
    let page = Page { filter, sort, descending, start, limit };
    let store = &state.engine.store;
    let read = store.read(move |db| {
        let found = file_lists::list(db, owner, now, &page)?;
        let seen = previews::of(db, owner, &found.files.iter().collect::<Vec<_>>())?;
        Ok((found, seen))
    });
    let (found, seen) = read.await?;
    let next = found.next.as_ref().map(|next| state.seal_place(&purpose, next)).transpose()?;
    let empty = Preview::default();
    let shown = |file: &File| state.view(file, seen.get(&file.object_id).unwrap_or(&empty));
    let views = found.files.iter().map(shown).collect::<Vec<_>>();
    Ok(pages::answer(found.total, next).json(views))
}

pub async fn get(state: web::Data<State>, Signed(caller): Signed, id: web::Path<String>) -> Answer {
    let file = state.file(&caller, &id).await?;
    Ok(HttpResponse::Ok().json(state.shown(&file).await?))
}

impl State {
    /// A file of the caller.
    pub async fn file(&self, caller: &crate::domain::account::Caller, id: &str) -> Result<File> {
        let id = input::id(id, "file")?;
        let (owner, now) = (caller.account_id, self.engine.clock.now());
        self.engine.store.read(move |db| rows::get(db, owner, id, now)).await
    }

    /// What is known of the content of a file; empty of an encrypted one, and while nobody has looked at it.
    pub async fn preview(&self, file: &File) -> Result<Preview> {
        let (owner, file) = (file.account_id, file.clone());
        let read = move |db: &Db| previews::of(db, owner, &[&file]);
        Ok(self.engine.store.read(read).await?.into_values().next().unwrap_or_default())
    }

    /// The CloudFile of a file, with its preview.
    pub async fn shown(&self, file: &File) -> Result<Value> {
        Ok(self.view(file, &self.preview(file).await?))
    }

    /// The same, of one whose preview is known; one in the trash tells when it goes for good.
    fn view(&self, file: &File, preview: &Preview) -> Value {
        let mut view = view(file, preview);
        view["purgeAt"] = json!(self.engine.settings.recycling.purge_at(file));
        view
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
                "public": pool.policy.public,
                "recycleDays": pool.policy.recycle_days,
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
pub fn view(file: &File, preview: &Preview) -> Value {
    let mut metadata = preview.metadata.clone();
    metadata.insert("lastModified".into(), json!(file.last_modified));
    let plain_size = file.lock.as_ref().map(|lock| lock.plain_size);
    metadata.insert("plainSize".into(), json!(plain_size));
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
        "hasThumbnail": preview.has_thumbnail(),
        "metadata": metadata,
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
