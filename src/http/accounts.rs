//! Accounts, as administrators see and change them.

use actix_web::{HttpResponse, web};
use serde::Deserialize;
use serde_json::{Value, json};

use super::State;
use super::account::view;
use super::auth::Signed;
use super::input::{self, Body, NoBody};
use super::pages;
use super::problem::Problem;
use crate::domain::account::{Role, check_password, parse_name};
use crate::domain::error::{Error, Result};
use crate::domain::id::{AccountId, GrantId};
use crate::domain::time::Timestamp;
use crate::store::accounts::{self, Change, NewAccount};
use crate::store::grants::{self, Grant, NewGrant};
use crate::store::{second_factor, sessions};

type Answer = Result<HttpResponse, Problem>;

/// The largest number of bytes that a quota or a grant can have: 8 EiB less one.
const BYTES_MAX: u64 = i64::MAX as u64 / 2;
const REASON_MAX: usize = 500;

pub async fn list(state: web::Data<State>) -> Answer {
    let now = state.engine.clock.now();
    let all = state.engine.store.read(move |db| accounts::list(db, now)).await?;
    Ok(pages::answer(Some(all.len() as u64), None).json(all.iter().map(view).collect::<Vec<_>>()))
}

fn account_id(text: &str) -> Result<AccountId> {
    input::id(text, "account")
}

fn checked(bytes: u64, field: &str) -> Result<u64> {
    if bytes > BYTES_MAX {
        return Err(Error::invalid(field, format!("{field} must be at most {BYTES_MAX}.")));
    }
    Ok(bytes)
}

pub async fn get(state: web::Data<State>, id: web::Path<String>) -> Answer {
    Ok(HttpResponse::Ok().json(view(&state.account(account_id(&id)?).await?)))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreateRequest {
    name: String,
    password: String,
    role: Option<String>,
    /// `null`: no limit; left out: the default of the settings.
    #[serde(default, deserialize_with = "crate::domain::json::maybe")]
    quota_bytes: Option<Option<u64>>,
}

pub async fn create(state: web::Data<State>, Body(wanted): Body<CreateRequest>) -> Answer {
    let name = parse_name(&wanted.name)?;
    check_password(&wanted.password)?;
    let role = wanted.role.as_deref().map_or(Ok(Role::User), Role::parse)?;
    let quota_bytes = match wanted.quota_bytes {
        None => state.settings.default_quota,
        Some(limit) => limit.map(|bytes| checked(bytes, "quotaBytes")).transpose()?,
    };
    let password_hash = state.hash(wanted.password).await?;
    let new = NewAccount { name, password_hash, role, quota_bytes };
    let id = state.engine.store.write(move |tx| accounts::insert(tx, &new)).await?;
    Ok(HttpResponse::Created().json(view(&state.account(id).await?)))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ChangeRequest {
    role: Option<String>,
    disabled: Option<bool>,
    #[serde(default, deserialize_with = "crate::domain::json::maybe")]
    quota_bytes: Option<Option<u64>>,
    /// A new password, set for someone who forgot theirs; all their sign-ins end.
    password: Option<String>,
    /// `false` takes the second factor away from someone who lost it.
    second_factor: Option<bool>,
}

pub async fn change(
    state: web::Data<State>,
    id: web::Path<String>,
    Body(wanted): Body<ChangeRequest>,
) -> Answer {
    let id = account_id(&id)?;
    let quota_bytes = match wanted.quota_bytes {
        Some(Some(bytes)) => Some(Some(checked(bytes, "quotaBytes")?)),
        other => other,
    };
    if wanted.second_factor == Some(true) {
        let message = "secondFactor can only be set to false; its owner turns it on.";
        return Err(Error::invalid("secondFactor", message).into());
    }
    let role = wanted.role.as_deref().map(Role::parse).transpose()?;
    let change = Change { role, disabled: wanted.disabled, quota_bytes };
    let hash = match wanted.password {
        None => None,
        Some(password) => {
            check_password(&password)?;
            Some(state.hash(password).await?)
        }
    };
    let (ended, account) = state
        .engine
        .store
        .write(move |tx| {
            if wanted.second_factor == Some(false) {
                second_factor::remove(tx, id)?;
            }
            let account = accounts::change(tx, id, &change)?;
            if change.quota_bytes.is_some() {
                crate::engine::announce_quota(tx, id)?;
            }
            let mut ended = Vec::new();
            if let Some(hash) = &hash {
                accounts::set_password(tx, id, hash)?;
            }
            // A new role or a lock-out must not wait for what was looked up a moment ago.
            if hash.is_some() || change.disabled == Some(true) {
                ended = sessions::revoke_all(tx, id)?;
            }
            Ok((ended, account))
        })
        .await?;
    state.known.forget_account(id);
    state.close(&ended);
    Ok(HttpResponse::Ok().json(view(&account)))
}

fn grant_view(grant: &Grant) -> Value {
    json!({
        "id": grant.id,
        "bytes": grant.bytes,
        "reason": grant.reason,
        "grantedBy": grant.granted_by,
        "createdAt": grant.created_at,
        "expiresAt": grant.expires_at,
    })
}

pub async fn list_grants(state: web::Data<State>, id: web::Path<String>) -> Answer {
    let (id, now) = (account_id(&id)?, state.engine.clock.now());
    state.account(id).await?;
    let grants = state.engine.store.read(move |db| grants::list(db, id, now)).await?;
    Ok(HttpResponse::Ok().json(grants.iter().map(grant_view).collect::<Vec<_>>()))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GrantRequest {
    bytes: u64,
    expires_at: Timestamp,
    reason: Option<String>,
}

/// Gives an account more room for a while. When it ends, what lies over the quota stays, but nothing can be added.
pub async fn grant(
    state: web::Data<State>,
    Signed(caller): Signed,
    id: web::Path<String>,
    Body(wanted): Body<GrantRequest>,
) -> Answer {
    let id = account_id(&id)?;
    state.account(id).await?;
    if wanted.bytes == 0 || wanted.bytes > BYTES_MAX / 128 {
        let message = format!("bytes must be between 1 and {}.", BYTES_MAX / 128);
        return Err(Error::invalid("bytes", message).into());
    }
    if wanted.expires_at <= state.engine.clock.now() {
        return Err(Error::invalid("expiresAt", "expiresAt must be in the future.").into());
    }
    if wanted.reason.as_ref().is_some_and(|reason| reason.len() > REASON_MAX) {
        let message = format!("reason must have at most {REASON_MAX} bytes.");
        return Err(Error::invalid("reason", message).into());
    }
    let new = NewGrant {
        account_id: id,
        bytes: wanted.bytes,
        reason: wanted.reason,
        granted_by: caller.account_id.to_string(),
        expires_at: wanted.expires_at,
    };
    let store = &state.engine.store;
    let made = store
        .write(move |tx| {
            let made = grants::insert(tx, &new)?;
            crate::engine::announce_quota(tx, id)?;
            Ok(made)
        })
        .await?;
    Ok(HttpResponse::Created().json(grant_view(&made)))
}

pub async fn end_grant(
    state: web::Data<State>,
    ids: web::Path<(String, String)>,
    _: NoBody,
) -> Answer {
    let (id, grant) = ids.into_inner();
    let id = account_id(&id)?;
    let grant: GrantId = input::id(&grant, "grant")?;
    let store = &state.engine.store;
    let there = store
        .write(move |tx| {
            let there = grants::remove(tx, id, grant)?;
            crate::engine::announce_quota(tx, id)?;
            Ok(there)
        })
        .await?;
    if !there {
        return Err(Error::not_found("grant").into());
    }
    Ok(HttpResponse::NoContent().finish())
}
