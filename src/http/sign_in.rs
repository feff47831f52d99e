//! Signing in and out, and the first set-up.

use actix_web::cookie::Cookie;
use actix_web::{HttpMessage, HttpRequest, HttpResponse, web};
use serde::Deserialize;
use serde_json::{Value, json};
use subtle::ConstantTimeEq;

use super::State;
use super::account::view;
use super::auth::{Signed, not_signed_in};
use super::input::{Body, NoBody, text};
use super::problem::Problem;
use super::tokens::{fingerprint, hash_password, secret, verify_password};
use crate::domain::account::{Account, Caller, Role, Scopes, check_password, parse_name};
use crate::domain::error::{Error, Kind, Result};
use crate::domain::id::AccountId;
use crate::store::accounts::{self, NewAccount};
use crate::store::sessions::{self, NewSession};

type Answer = Result<HttpResponse, Problem>;

/// Bytes of a sign-in: nobody's password is longer.
const LOGIN_MAX_BYTES: usize = 4 * 1024;

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
    Body(wanted): Body<SetupRequest, LOGIN_MAX_BYTES>,
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
    let attempt = state.attempt("", &request).await?;
    let code = state.settings.setup_code.as_deref().ok_or_else(closed)?;
    if !bool::from(code.as_bytes().ct_eq(wanted.code.as_bytes())) {
        attempt.failed();
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
    /// Of the second factor, or a recovery code.
    code: Option<String>,
}

pub async fn login(
    state: web::Data<State>,
    request: HttpRequest,
    Body(wanted): Body<LoginRequest, LOGIN_MAX_BYTES>,
) -> Answer {
    if !state.same_site(&request) {
        return Err(super::auth::cross_site().into());
    }
    super::audit::about(&request, &wanted.name);
    let attempt = state.attempt(&wanted.name, &request).await?;
    let (name, now) = (wanted.name.clone(), state.engine.clock.now());
    let found = state.engine.store.read(move |db| accounts::find(db, &name, now)).await?;
    let (account, hash) = found.unzip();
    // An unknown name costs the same time as a wrong password.
    let hash = hash.unwrap_or_else(|| state.settings.dummy_hash.clone());
    let fits = state.verify(wanted.password, hash).await?;
    let Some(account) = account.filter(|account| fits && !account.disabled) else {
        attempt.failed();
        return Err(Error::new(Kind::SignInFailed, "The name or the password is wrong.").into());
    };
    if account.second_factor {
        let Some(code) = wanted.code else {
            let message = "Send the code of your second factor too, or one of your recovery codes.";
            return Err(Error::new(Kind::CodeRequired, message).with("field", "code").into());
        };
        if !state.code_fits(account.id, &code).await? {
            attempt.failed();
            let message = "The code is wrong or was used already. Wait for the next one.";
            return Err(Error::new(Kind::SignInFailed, message).with("field", "code").into());
        }
    }
    attempt.succeeded();
    state.sign_in(account.id, &request).await
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
    state.known.forget(id);
    state.live.close_session(id);
    Ok(HttpResponse::NoContent().cookie(state.cookie("")).finish())
}

/// A ticket that opens one socket within 30 seconds, for clients that can send neither cookie nor header.
pub async fn ws_ticket(state: web::Data<State>, Signed(caller): Signed, _: NoBody) -> Answer {
    let (ticket, hash) = secret()?;
    state.known.keep_ticket(hash, caller)?;
    Ok(HttpResponse::Ok().json(json!({ "ticket": ticket, "expiresIn": 30 })))
}

/// A session that just began, with the secrets that are told once.
pub(super) struct Begun {
    pub cookie: Cookie<'static>,
    access_token: String,
    refresh_token: String,
    account: Account,
}

impl State {
    pub(super) async fn account(&self, id: AccountId) -> Result<Account> {
        let now = self.engine.clock.now();
        self.engine
            .store
            .read(move |db| accounts::get(db, id, now))
            .await?
            .ok_or_else(|| Error::not_found("account"))
    }

    /// Begins a session and answers with its tokens and its cookie.
    async fn sign_in(&self, account_id: AccountId, request: &HttpRequest) -> Answer {
        let begun = self.begin(account_id, request).await?;
        let body = tokens(self, &begun.access_token, &begun.refresh_token, &begun.account);
        Ok(HttpResponse::Ok().cookie(begun.cookie).json(body))
    }

    /// Begins a session of an account.
    pub(super) async fn begin(
        &self,
        account_id: AccountId,
        request: &HttpRequest,
    ) -> Result<Begun> {
        let ((refresh_token, refresh_hash), (cookie, cookie_hash)) = (secret()?, secret()?);
        let device = text(request, "user-agent").map(|agent| agent.chars().take(200).collect());
        let new = NewSession {
            account_id,
            refresh_hash,
            cookie_hash,
            device,
            address: self.address(request).to_string(),
            lifetime_ms: self.settings.session_ms,
        };
        let session_id = self.engine.store.write(move |tx| sessions::insert(tx, &new)).await?;
        let account = self.account(account_id).await?;
        let now = self.engine.clock.now();
        let access_token = self.keys.sign(account_id, session_id, now, self.settings.access_ms)?;
        tracing::info!(account.id = %account_id, session.id = %session_id, "signed in");
        let caller = Caller {
            account_id,
            session_id,
            name: account.name.as_str().into(),
            role: account.role,
            scopes: Scopes::ALL,
            until: None,
        };
        request.extensions_mut().insert(caller);
        Ok(Begun { cookie: self.cookie(&cookie), access_token, refresh_token, account })
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

    pub(super) async fn hash(&self, password: String) -> Result<String> {
        self.with_permit(move || hash_password(&password)).await?
    }

    pub(super) async fn verify(&self, password: String, hash: String) -> Result<bool> {
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
