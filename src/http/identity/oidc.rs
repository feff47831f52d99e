//! Signing in at an outside provider: the authorization code flow of OpenID Connect (RFC 6749, section 4.1) with PKCE,
//! state and nonce. A browser comes to `start`, goes to the provider, and comes back to `callback`; each attempt is
//! bound to the browser that began it, and used once. People are always sent to `/` at the end, never to an address
//! that a request names.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use actix_web::cookie::time::Duration as CookieDuration;
use actix_web::cookie::{Cookie, SameSite};
use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use url::Url;

use super::provider::{Client, failed, quoted};
use super::{State, admit};
use crate::domain::digest::Digest;
use crate::domain::error::{Error, Kind, Result};
use crate::domain::id::AccountId;
use crate::domain::identity::Provider;
use crate::domain::time::Timestamp;
use crate::http::audit::about;
use crate::http::problem::{self, Problem};
use crate::http::tokens::{fingerprint, secret};
use crate::store::Tx;

type Answer = Result<HttpResponse, Problem>;

const COOKIE: &str = "drive_oidc";
/// Where the provider sends people back to, and the only path that the cookie is sent to.
const BACK: &str = "/api/auth/oidc";
/// How long somebody may take to sign in there.
const LIFE_MS: i64 = 10 * 60 * 1000;
const PENDING_MAX: usize = 1_000;
/// Bytes of a code that are handed on.
const CODE_MAX: usize = 4 * 1024;

/// The provider, and who is on the way to it.
pub struct SignIn {
    client: Client,
    pending: Mutex<HashMap<Digest, Begun>>,
}

/// Somebody who went to the provider.
struct Begun {
    /// The cookie of the browser, as its fingerprint.
    browser: Digest,
    nonce: String,
    verifier: String,
    redirect_uri: String,
    at: Timestamp,
}

impl SignIn {
    pub fn issuer(&self) -> &str {
        &self.client.provider.issuer
    }

    /// # Errors
    /// Names the setting that cannot be used.
    pub fn open(provider: Provider) -> Result<Self> {
        Ok(Self { client: Client::open(provider)?, pending: Mutex::default() })
    }

    /// Remembers an attempt. Where there are too many, the oldest gives way: whoever floods us must outrun everybody.
    fn keep(&self, state: Digest, begun: Begun) {
        let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        pending.retain(|_, old| begun.at.ms_since(old.at) < LIFE_MS);
        if pending.len() >= PENDING_MAX
            && let Some(oldest) = pending.iter().min_by_key(|(_, old)| old.at).map(|(key, _)| *key)
        {
            pending.remove(&oldest);
        }
        pending.insert(state, begun);
    }

    /// Takes an attempt; a second use finds nothing.
    fn take(&self, state: &str, now: Timestamp) -> Option<Begun> {
        let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        pending.remove(&fingerprint(state)).filter(|begun| now.ms_since(begun.at) < LIFE_MS)
    }
}

/// Can people sign in elsewhere, and what is that called?
pub async fn offer(state: web::Data<State>) -> HttpResponse {
    let provider = state.settings.outside.sign_in.as_ref().map(|one| &one.client.provider);
    let label = provider.map_or("", |provider| provider.label.as_str());
    HttpResponse::Ok().json(json!({ "enabled": provider.is_some(), "label": label }))
}

/// Sends the browser to the provider.
pub async fn start(state: web::Data<State>, request: HttpRequest) -> Answer {
    let sign_in = state.provider()?;
    match begin(&state, sign_in, &request).await {
        Ok((url, cookie)) => Ok(HttpResponse::Found()
            .insert_header((header::LOCATION, url.as_str()))
            .cookie(cookie)
            .finish()),
        Err(error) => Ok(turned_away(&error)),
    }
}

async fn begin(
    state: &State,
    sign_in: &SignIn,
    request: &HttpRequest,
) -> Result<(Url, Cookie<'static>)> {
    let metadata = sign_in.client.metadata().await?;
    let ((token, key), (nonce, _), (verifier, _)) = (secret()?, secret()?, secret()?);
    let (browser, fingerprint) = secret()?;
    let redirect_uri = format!("{}{BACK}/callback", state.own_address(request)?);
    let provider = &sign_in.client.provider;
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(&verifier));
    let mut url = metadata.authorization.clone();
    url.query_pairs_mut().extend_pairs([
        ("response_type", "code"),
        ("client_id", &provider.client_id),
        ("redirect_uri", &redirect_uri),
        ("scope", &provider.scopes),
        ("state", &token),
        ("nonce", &nonce),
        ("code_challenge", &challenge),
        ("code_challenge_method", "S256"),
    ]);
    let at = state.engine.clock.now();
    sign_in.keep(key, Begun { browser: fingerprint, nonce, verifier, redirect_uri, at });
    Ok((url, state.bond(browser)))
}

/// What the provider sends along with the browser; the first of each name counts.
#[derive(Default)]
struct Returned {
    code: Option<String>,
    state: Option<String>,
    error: Option<String>,
    issuer: Option<String>,
}

impl Returned {
    fn parse(query: &str) -> Self {
        let mut returned = Self::default();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let field = match name.as_ref() {
                "code" => &mut returned.code,
                "state" => &mut returned.state,
                "error" => &mut returned.error,
                "iss" => &mut returned.issuer,
                _ => continue,
            };
            field.get_or_insert_with(|| value.into_owned());
        }
        returned
    }
}

/// Takes the browser back from the provider and begins a session.
pub async fn callback(state: web::Data<State>, request: HttpRequest) -> Answer {
    let sign_in = state.provider()?;
    let begun = async {
        let account_id = state.finish(sign_in, &request).await?;
        state.begin(account_id, &request).await
    };
    let mut answer = match begun.await {
        Ok(begun) => HttpResponse::Found()
            .insert_header((header::LOCATION, "/"))
            .cookie(begun.cookie)
            .finish(),
        Err(error) => turned_away(&error),
    };
    // The attempt is used up, however it ended.
    answer.add_removal_cookie(&state.bond(String::new())).map_err(Error::internal)?;
    Ok(answer)
}

/// Sends the browser to the page, which says what went wrong.
fn turned_away(error: &Error) -> HttpResponse {
    let code = error.kind().code();
    match problem::status(error.kind()) {
        500 => tracing::error!(code, "an outside sign-in failed: {error}"),
        _ => tracing::info!(code, "an outside sign-in was refused: {error}"),
    }
    let location = format!("/#signin-error={code}");
    let mut answer = HttpResponse::Found().insert_header((header::LOCATION, location)).finish();
    problem::note(&mut answer, error);
    answer
}

impl State {
    fn provider(&self) -> Result<&SignIn> {
        let known = self.settings.outside.sign_in.as_ref();
        known.ok_or_else(|| Error::not_found("sign-in provider"))
    }

    /// The cookie that binds an attempt to its browser. `Lax`: the way back begins at another site.
    fn bond(&self, value: String) -> Cookie<'static> {
        Cookie::build(COOKIE, value)
            .path(BACK)
            .http_only(true)
            .same_site(SameSite::Lax)
            .secure(self.settings.origins.secure)
            .max_age(CookieDuration::milliseconds(LIFE_MS))
            .finish()
    }

    /// The account of whoever comes back.
    async fn finish(&self, sign_in: &SignIn, request: &HttpRequest) -> Result<AccountId> {
        let returned = Returned::parse(request.query_string());
        let now = self.engine.clock.now();
        let begun = returned.state.and_then(|state| sign_in.take(&state, now));
        let begun = begun.ok_or_else(|| failed("an unknown, used or old state"))?;
        let cookie = request.cookie(COOKIE).map(|cookie| fingerprint(cookie.value()));
        if cookie != Some(begun.browser) {
            return Err(failed("another browser began this"));
        }
        let client = &sign_in.client;
        let metadata = client.metadata().await?;
        let names = returned.issuer.as_ref().is_some_and(|name| *name != client.provider.issuer);
        if names || (metadata.names_itself && returned.issuer.is_none()) {
            return Err(failed("another provider answered"));
        }
        if let Some(error) = returned.error {
            return Err(failed(format!("the provider says {}", quoted(&error))));
        }
        let code = returned.code.filter(|code| code.len() <= CODE_MAX);
        let code = code.ok_or_else(|| failed("there is no code"))?;
        let claims =
            client.exchange(&code, &begun.redirect_uri, &begun.verifier, &begun.nonce, now).await?;
        let (issuer, mapping) = (&client.provider.issuer, &client.provider.mapping);
        let person = mapping.person(issuer, &claims).ok_or_else(|| failed("it names nobody"))?;
        about(request, &person.name);
        let (welcome, address) = (self.welcome(mapping)?, self.address(request).to_string());
        let admitted = self.engine.store.write(move |tx: &Tx<'_>| {
            // It was made just now, for this browser: no revocation came after it.
            admit(tx, &person, Timestamp(i64::MAX), welcome.as_ref(), &address)
        });
        let admitted = admitted.await?.filter(|admitted| !admitted.vouched.disabled);
        let admitted = admitted.ok_or_else(|| {
            let message = "You have no account here that may sign in. Ask an administrator.";
            Error::new(Kind::Forbidden, message)
        })?;
        if admitted.moved {
            self.known.forget_account(admitted.vouched.account_id);
        }
        Ok(admitted.vouched.account_id)
    }
}
