//! Bundles, as their owner sees and changes them.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use serde_json::{Value, json};

use super::State;
use super::auth::Signed;
use super::input::{self, Body, NoBody, Query, page};
use super::pages;
use super::problem::Problem;
use super::tokens::random;
use crate::domain::bundle::{Bundle, Slug, check_passcode};
use crate::domain::error::{Error, Result};
use crate::domain::file::Folder;
use crate::domain::id::BundleId;
use crate::domain::time::Timestamp;
use crate::operations::bundles::{self, Wish};
use crate::store::bundles::{self as rows, Listed};

type Answer = Result<HttpResponse, Problem>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListQuery {
    cursor: Option<String>,
    limit: Option<u32>,
}

pub async fn list(
    state: web::Data<State>,
    request: HttpRequest,
    Signed(caller): Signed,
    Query(asked): Query<ListQuery>,
) -> Answer {
    let (_, limit) = page(None, asked.limit)?;
    let (owner, now) = (caller.account_id, state.engine.clock.now());
    let purpose = format!("cursor:bundles:{owner}");
    let below: Option<(i64, BundleId)> =
        asked.cursor.map(|text| state.open_place(&purpose, &text)).transpose()?;
    let below = below.map(|(at, id)| (Timestamp(at), id));
    let read = state
        .engine
        .store
        .read(move |db| Ok((rows::list(db, owner, below, now, limit)?, rows::count(db, owner)?)));
    let (found, total) = read.await?;
    let last = found.last().filter(|_| found.len() == limit as usize);
    let place = last.map(|last| (last.bundle.created_at.0, last.bundle.id));
    let next = place.map(|place| state.seal_place(&purpose, &place)).transpose()?;
    let mut views = Vec::new();
    for Listed { bundle, files, bytes } in &found {
        let mut view = state.bundle_view(&request, bundle)?;
        view["files"] = json!(files);
        view["bytes"] = json!(bytes);
        views.push(view);
    }
    Ok(pages::answer(Some(total), next).json(views))
}

pub async fn get(
    state: web::Data<State>,
    request: HttpRequest,
    Signed(caller): Signed,
    id: web::Path<String>,
) -> Answer {
    let (owner, id) = (caller.account_id, input::id(&id, "bundle")?);
    let bundle = state.engine.store.read(move |db| rows::get(db, owner, id)).await?;
    Ok(HttpResponse::Ok().json(state.bundle_view(&request, &bundle)?))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BundleRequest {
    slug: Option<String>,
    name: Option<String>,
    description: Option<String>,
    #[serde(default, deserialize_with = "crate::domain::json::maybe")]
    passcode: Option<Option<String>>,
    shared: Option<bool>,
    #[serde(default, deserialize_with = "crate::domain::json::maybe")]
    expired_at: Option<Option<Timestamp>>,
    #[serde(default, deserialize_with = "crate::domain::json::maybe")]
    download_limit: Option<Option<u64>>,
    #[serde(default, deserialize_with = "crate::domain::json::maybe")]
    upload_into: Option<Option<String>>,
}

impl State {
    async fn wish(&self, asked: BundleRequest) -> Result<Wish> {
        let passcode_hash = match asked.passcode {
            None => None,
            Some(None) => Some(None),
            Some(Some(passcode)) => {
                check_passcode(&passcode)?;
                Some(Some(self.hash(passcode).await?))
            }
        };
        let folder = |text: String| Folder::parse_as("uploadInto", &text);
        Ok(Wish {
            slug: asked.slug.as_deref().map(Slug::parse).transpose()?,
            name: asked.name,
            description: asked.description,
            passcode_hash,
            shared: asked.shared,
            expired_at: asked.expired_at,
            download_limit: asked.download_limit,
            upload_into: asked.upload_into.map(|path| path.map(folder).transpose()).transpose()?,
        })
    }

    fn bundle_view(&self, request: &HttpRequest, bundle: &Bundle) -> Result<Value> {
        Ok(json!({
            "id": bundle.id,
            "accountId": bundle.account_id,
            "slug": bundle.slug.as_str(),
            "name": bundle.name,
            "description": bundle.description,
            "hasPasscode": bundle.passcode_hash.is_some(),
            "shared": bundle.shared,
            "expiredAt": bundle.expired_at,
            "downloadLimit": bundle.download_limit,
            "downloads": bundle.downloads,
            "uploadInto": bundle.upload_into.as_ref().map(Folder::as_str),
            "createdAt": bundle.created_at,
            "updatedAt": bundle.updated_at,
            "url": format!("{}/s/{}", self.own_address(request)?, bundle.slug),
        }))
    }
}

pub async fn create(
    state: web::Data<State>,
    request: HttpRequest,
    Signed(caller): Signed,
    Body(asked): Body<BundleRequest>,
) -> Answer {
    if asked.name.is_none() {
        return Err(
            Error::invalid("name", "name is missing: what visitors see above the files.").into()
        );
    }
    let wish = state.wish(asked).await?;
    let bundle = bundles::create(&state.engine, caller.account_id, wish, random()?).await?;
    Ok(HttpResponse::Created().json(state.bundle_view(&request, &bundle)?))
}

pub async fn change(
    state: web::Data<State>,
    request: HttpRequest,
    Signed(caller): Signed,
    id: web::Path<String>,
    Body(asked): Body<BundleRequest>,
) -> Answer {
    let id = input::id(&id, "bundle")?;
    let wish = state.wish(asked).await?;
    let bundle = bundles::change(&state.engine, caller.account_id, id, wish).await?;
    Ok(HttpResponse::Ok().json(state.bundle_view(&request, &bundle)?))
}

pub async fn remove(
    state: web::Data<State>,
    Signed(caller): Signed,
    id: web::Path<String>,
    _: NoBody,
) -> Answer {
    let id = input::id(&id, "bundle")?;
    bundles::remove(&state.engine, caller.account_id, id).await?;
    Ok(HttpResponse::NoContent().finish())
}
