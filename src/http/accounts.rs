//! Signing in and out, the first set-up, and the caller's own account.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use serde_json::{Value, json};
use subtle::ConstantTimeEq;

use super::State;
use super::auth::{Signed, not_signed_in};
use super::input::{Body, NoBody, text};
use super::problem::Problem;
use super::tokens::{fingerprint, hash_password, secret, verify_password};
use crate::domain::account::{Account, Caller, Role, check_password, parse_name};
use crate::domain::error::{Error, Kind, Result};
use crate::domain::id::AccountId;
use crate::store::accounts::{self, NewAccount};
use crate::store::sessions::{self, NewSession};

type Answer = Result<HttpResponse, Problem>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SetupRequest {
    code: String,
    name: String,
    password: String,
}

/// Makes the first administrator, with the code that the server printed at its start.
pub async fn setup(
    state: web::Data<State>,
    request: HttpRequest,
    Body(wanted): Body<SetupRequest>,
) -> Answer {
    if !state.same_site(&request) {
        return Err(super::auth::cross_site().into());
    }
    let name = parse_name(&wanted.name)?;
    check_password(&wanted.password)?;
    let closed = || {
        Error::new(
            Kind::SetupClosed,
            "The set-up code is wrong or was used. The server prints it when it starts.",
        )
    };
    let code = state.settings.setup_code.as_deref().ok_or_else(closed)?;
    if !bool::from(code.as_bytes().ct_eq(wanted.code.as_bytes())) {
        return Err(closed().into());
    }
    let password_hash = state.hash(wanted.password).await?;
    let quota_bytes = state.settings.default_quota;
    let account_id = state
        .engine
        .store
        .write(move |tx| {
            if accounts::has_admin(tx.connection)? {
                return Err(Error::new(
                    Kind::SetupClosed,
                    "Drive is set up already; sign in instead.",
                ));
            }
            accounts::insert(
                tx,
                &NewAccount { name, password_hash, role: Role::Admin, quota_bytes },
            )
        })
        .await?;
    (state.settings.setup_done)();
    tracing::info!(account.id = %account_id, "the first administrator was made");
    state.sign_in(account_id, &request).await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoginRequest {
    name: String,
    password: String,
}

pub async fn login(
    state: web::Data<State>,
    request: HttpRequest,
    Body(wanted): Body<LoginRequest>,
) -> Answer {
    if !state.same_site(&request) {
        return Err(super::auth::cross_site().into());
    }
    let name = wanted.name.clone();
    let found = state.engine.store.read(move |db| accounts::find(db, &name)).await?;
    let (account, hash) = found.unzip();
    // An unknown name costs the same time as a wrong password.
    let hash = hash.unwrap_or_else(|| state.settings.dummy_hash.clone());
    let fits = state.verify(wanted.password, hash).await?;
    match account.filter(|account| fits && !account.disabled) {
        Some(account) => state.sign_in(account.id, &request).await,
        None => Err(Error::new(Kind::SignInFailed, "The name or the password is wrong.").into()),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RefreshRequest {
    refresh_token: String,
}

/// Exchanges a refresh token, which is used up by it.
pub async fn refresh(state: web::Data<State>, Body(wanted): Body<RefreshRequest>) -> Answer {
    let old = fingerprint(&wanted.refresh_token);
    let now = state.engine.clock.now();
    let session = state.engine.store.read(move |db| sessions::by_refresh(db, old)).await?;
    let session = session.filter(|session| session.expires_at > now).ok_or_else(not_signed_in)?;
    let (refresh_token, new) = secret()?;
    let (id, life) = (session.id, state.settings.session_ms);
    if !state.engine.store.write(move |tx| sessions::rotate(tx, id, old, new, life)).await? {
        return Err(not_signed_in().into());
    }
    let account = state.account(session.account_id).await?;
    let access_token = state.keys.sign(account.id, id, now, state.settings.access_ms)?;
    Ok(HttpResponse::Ok().json(tokens(&state, &access_token, &refresh_token, &account)))
}

pub async fn logout(state: web::Data<State>, Signed(caller): Signed, _: NoBody) -> Answer {
    let id = caller.session_id;
    state.engine.store.write(move |tx| sessions::revoke(tx, id)).await?;
    state.gate.forget(id);
    state.live.close_session(id);
    Ok(HttpResponse::NoContent().cookie(state.cookie("")).finish())
}

/// A ticket that opens one socket within 30 seconds, for clients that can send neither cookie nor header.
pub async fn ws_ticket(state: web::Data<State>, Signed(caller): Signed, _: NoBody) -> Answer {
    let (ticket, hash) = secret()?;
    state.gate.keep_ticket(hash, caller)?;
    Ok(HttpResponse::Ok().json(json!({ "ticket": ticket, "expiresIn": 30 })))
}

pub async fn me(state: web::Data<State>, Signed(caller): Signed) -> Answer {
    Ok(HttpResponse::Ok().json(view(&state.account(caller.account_id).await?)))
}

pub async fn quota(state: web::Data<State>, Signed(caller): Signed) -> Answer {
    let owner = caller.account_id;
    let quota = state.engine.store.read(move |db| accounts::quota_of(db, owner)).await?;
    Ok(HttpResponse::Ok().json(json!({
        "used": quota.used,
        "reserved": quota.reserved,
        "limit": quota.limit,
        "trash": 0,
    })))
}

impl State {
    async fn account(&self, id: AccountId) -> Result<Account> {
        self.engine
            .store
            .read(move |db| accounts::get(db, id))
            .await?
            .ok_or_else(|| Error::not_found("account"))
    }

    /// Begins a session and answers with its tokens and its cookie.
    async fn sign_in(&self, account_id: AccountId, request: &HttpRequest) -> Answer {
        let ((refresh_token, refresh_hash), (cookie, cookie_hash)) = (secret()?, secret()?);
        let device = text(request, "user-agent").map(|agent| agent.chars().take(200).collect());
        let new = NewSession {
            account_id,
            refresh_hash,
            cookie_hash,
            device,
            lifetime_ms: self.settings.session_ms,
        };
        let session_id = self.engine.store.write(move |tx| sessions::insert(tx, &new)).await?;
        let account = self.account(account_id).await?;
        let now = self.engine.clock.now();
        let access_token = self.keys.sign(account_id, session_id, now, self.settings.access_ms)?;
        let caller = Caller { account_id, session_id, role: account.role };
        tracing::info!(account.id = %caller.account_id, session.id = %caller.session_id, "signed in");
        Ok(HttpResponse::Ok().cookie(self.cookie(&cookie)).json(tokens(
            self,
            &access_token,
            &refresh_token,
            &account,
        )))
    }

    /// Password work is slow and takes 19 MiB, so two are done at once and few may wait.
    async fn with_permit<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T> {
        let busy =
            || Error::new(Kind::TooMany, "Too many people are signing in. Try again in a moment.");
        let _place = self.password_queue.try_acquire().map_err(|_| busy())?;
        let _permit = self.password_work.acquire().await.map_err(|_| busy())?;
        tokio::task::spawn_blocking(work).await.map_err(Error::internal)
    }

    async fn hash(&self, password: String) -> Result<String> {
        self.with_permit(move || hash_password(&password)).await?
    }

    async fn verify(&self, password: String, hash: String) -> Result<bool> {
        self.with_permit(move || verify_password(&password, &hash)).await
    }
}

fn tokens(state: &State, access_token: &str, refresh_token: &str, account: &Account) -> Value {
    json!({
        "accessToken": access_token,
        "refreshToken": refresh_token,
        "tokenType": "Bearer",
        "expiresIn": state.settings.access_ms / 1000,
        "account": view(account),
    })
}

fn view(account: &Account) -> Value {
    json!({
        "id": account.id,
        "name": account.name,
        "role": account.role,
        "quotaBytes": account.quota.limit,
        "usedBytes": account.quota.used,
        "reservedBytes": account.quota.reserved,
        "createdAt": account.created_at,
    })
}
