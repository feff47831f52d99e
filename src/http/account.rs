//! The caller's own account: password, signed-in devices, tokens for programs.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use serde_json::{Value, json};

use super::State;
use super::auth::Signed;
use super::input::{Body, NoBody};
use super::problem::Problem;
use super::tokens::new_token;
use crate::domain::account::{Account, Caller, Role, Scope, Scopes, check_password};
use crate::domain::error::{Error, Kind, Result};
use crate::domain::id::SessionId;
use crate::domain::time::DAY_MS;
use crate::store::sessions::{self, Listed, NewToken, SessionKind};
use crate::store::{Tx, accounts, usage};

type Answer = Result<HttpResponse, Problem>;

const TOKEN_NAME_MAX: usize = 64;

pub fn view(account: &Account) -> Value {
    json!({
        "id": account.id,
        "name": account.name,
        "role": account.role,
        "disabled": account.disabled,
        "secondFactor": account.second_factor,
        "quotaBytes": account.quota.limit,
        "usedBytes": account.quota.used,
        "reservedBytes": account.quota.reserved,
        "createdAt": account.created_at,
    })
}

pub async fn me(state: web::Data<State>, Signed(caller): Signed) -> Answer {
    let mut answer = view(&state.account(caller.account_id).await?);
    answer["scopes"] = json!(caller.scopes.names());
    Ok(HttpResponse::Ok().json(answer))
}

pub async fn quota(state: web::Data<State>, Signed(caller): Signed) -> Answer {
    let (owner, now) = (caller.account_id, state.engine.clock.now());
    let store = &state.engine.store;
    let (quota, trash) = store
        .read(move |db| Ok((accounts::quota_of(db, owner, now)?, usage::trash(db, owner)?)))
        .await?;
    Ok(HttpResponse::Ok().json(json!({
        "used": quota.used,
        "reserved": quota.reserved,
        "limit": quota.limit,
        "trash": trash,
    })))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PasswordRequest {
    current_password: String,
    new_password: String,
}

/// A new password, by whoever knows the present one. All other sign-ins end; tokens stay.
pub async fn password(
    state: web::Data<State>,
    request: HttpRequest,
    Signed(caller): Signed,
    Body(wanted): Body<PasswordRequest>,
) -> Answer {
    check_password(&wanted.new_password)
        .map_err(|_| Error::invalid("newPassword", "newPassword must have 8 to 256 characters."))?;
    state.confirm(&caller, wanted.current_password, &request).await?;
    let hash = state.hash(wanted.new_password).await?;
    let (owner, session) = (caller.account_id, caller.session_id);
    let ended = state.engine.store.write(move |tx| {
        accounts::set_password(tx, owner, &hash)?;
        sessions::revoke_others(tx, owner, session)
    });
    state.close(&ended.await?);
    Ok(HttpResponse::NoContent().finish())
}

impl State {
    /// Refuses unless this is the caller's password. Counts as an attempt to sign in.
    pub(super) async fn confirm(
        &self,
        caller: &Caller,
        password: String,
        request: &HttpRequest,
    ) -> Result<()> {
        let account = self.account(caller.account_id).await?;
        let attempt = self.attempt(&account.name, request).await?;
        let id = account.id;
        let hash = self.engine.store.read(move |db| accounts::password_hash(db, id)).await?;
        if !self.verify(password, hash).await? {
            attempt.failed();
            let message = "The password is wrong.";
            return Err(Error::new(Kind::PasswordWrong, message).with("field", "currentPassword"));
        }
        attempt.succeeded();
        Ok(())
    }

    /// Ends what these sessions hold open.
    pub(super) fn close(&self, ended: &[SessionId]) {
        for id in ended {
            self.known.forget(*id);
            self.live.close_session(*id);
        }
    }

    async fn listed(&self, caller: &Caller, kind: SessionKind) -> Result<Vec<Listed>> {
        let (owner, now) = (caller.account_id, self.engine.clock.now());
        self.engine.store.read(move |db| sessions::list(db, owner, kind, now)).await
    }

    /// Ends a session of the caller that is of one of these kinds.
    async fn revoke(&self, caller: &Caller, id: &str, kinds: &'static [SessionKind]) -> Result<()> {
        let unknown = || Error::not_found(kinds.first().map_or("session", |kind| kind.name()));
        let id = SessionId::parse(id).map_err(|_| unknown())?;
        let owner = caller.account_id;
        let end = move |tx: &Tx<'_>| {
            let mut ended = false;
            for kind in kinds {
                ended |= sessions::revoke_own(tx, owner, id, *kind)?;
            }
            Ok(ended)
        };
        if !self.engine.store.write(end).await? {
            return Err(unknown());
        }
        self.close(&[id]);
        Ok(())
    }
}

/// The devices that are signed in, and after them what stands for the tokens of an outside issuer.
pub async fn sessions(state: web::Data<State>, Signed(caller): Signed) -> Answer {
    let mut sessions = state.listed(&caller, SessionKind::SignIn).await?;
    sessions.extend(state.listed(&caller, SessionKind::Outside).await?);
    let view = |session: &Listed| {
        json!({
            "id": session.id,
            "kind": session.kind.name(),
            "device": session.device,
            "address": session.address,
            "current": session.id == caller.session_id,
            "createdAt": session.created_at,
            "lastSeen": session.last_seen,
            "expiresAt": session.expires_at,
        })
    };
    Ok(HttpResponse::Ok().json(sessions.iter().map(view).collect::<Vec<_>>()))
}

pub async fn end_session(
    state: web::Data<State>,
    Signed(caller): Signed,
    id: web::Path<String>,
    _: NoBody,
) -> Answer {
    state.revoke(&caller, &id, &[SessionKind::SignIn, SessionKind::Outside]).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Ends all sign-ins but this one.
pub async fn end_other_sessions(
    state: web::Data<State>,
    Signed(caller): Signed,
    _: NoBody,
) -> Answer {
    let (owner, session) = (caller.account_id, caller.session_id);
    let store = &state.engine.store;
    let ended = store.write(move |tx| sessions::revoke_others(tx, owner, session)).await?;
    state.close(&ended);
    Ok(HttpResponse::Ok().json(json!({ "ended": ended.len() })))
}

fn token_view(token: &Listed) -> Value {
    json!({
        "id": token.id,
        "name": token.name,
        "scopes": token.scopes.map(Scopes::names),
        "createdAt": token.created_at,
        "lastSeen": token.last_seen,
        "expiresAt": token.expires_at,
    })
}

pub async fn tokens(state: web::Data<State>, Signed(caller): Signed) -> Answer {
    let tokens = state.listed(&caller, SessionKind::Token).await?;
    Ok(HttpResponse::Ok().json(tokens.iter().map(token_view).collect::<Vec<_>>()))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TokenRequest {
    name: String,
    scopes: Vec<String>,
    expires_in_days: Option<i64>,
}

/// Makes a token for a program. Its text is shown once.
pub async fn make_token(
    state: web::Data<State>,
    request: HttpRequest,
    Signed(caller): Signed,
    Body(wanted): Body<TokenRequest>,
) -> Answer {
    let name = wanted.name.trim().to_owned();
    if name.is_empty() || name.chars().count() > TOKEN_NAME_MAX || name.contains(char::is_control) {
        let message = format!("name must have 1 to {TOKEN_NAME_MAX} characters.");
        return Err(Error::invalid("name", message).into());
    }
    let scopes = Scopes::parse(wanted.scopes.iter().map(String::as_str))?;
    if scopes.contains(Scope::Admin) && caller.role < Role::Admin {
        let message = "scopes: only administrators can make a token with the scope admin.";
        return Err(Error::new(Kind::Forbidden, message).with("field", "scopes").into());
    }
    let days = wanted.expires_in_days.unwrap_or(90);
    if !(1..=3650).contains(&days) {
        let message = "expiresInDays must be between 1 and 3650.";
        return Err(Error::invalid("expiresInDays", message).into());
    }
    let (text, hash) = new_token()?;
    let now = state.engine.clock.now();
    let new = NewToken {
        account_id: caller.account_id,
        name,
        scopes,
        hash,
        address: state.address(&request).to_string(),
        expires_at: now.plus_ms(days * DAY_MS),
    };
    let (name, expires_at) = (new.name.clone(), new.expires_at);
    let id = state.engine.store.write(move |tx| sessions::insert_token(tx, &new)).await?;
    Ok(HttpResponse::Created().json(json!({
        "id": id,
        "name": name,
        "scopes": scopes.names(),
        "token": text,
        "createdAt": now,
        "expiresAt": expires_at,
    })))
}

pub async fn remove_token(
    state: web::Data<State>,
    Signed(caller): Signed,
    id: web::Path<String>,
    _: NoBody,
) -> Answer {
    state.revoke(&caller, &id, &[SessionKind::Token]).await?;
    Ok(HttpResponse::NoContent().finish())
}
