//! Who is asking: sessions, tickets, cookies.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use actix_web::cookie::{Cookie, SameSite, time::Duration as CookieDuration};
use actix_web::dev::Payload;
use actix_web::http::{Method, header};
use actix_web::{FromRequest, HttpMessage, HttpRequest};

use super::State;
use super::input::text;
use super::problem::Problem;
use super::tokens::{TOKEN_PREFIX, fingerprint};
use crate::domain::account::Caller;
use crate::domain::digest::Digest;
use crate::domain::error::{Error, Kind, Result};
use crate::domain::id::{AccountId, SessionId};
use crate::domain::time::Timestamp;
use crate::store::identities::Vouched;
use crate::store::sessions::{self, Session};

pub const COOKIE: &str = "drive_session";
/// A session is looked up again after this time, so that a revocation by another process is seen within a second.
const REMEMBER: Duration = Duration::from_millis(400);
/// How much later than noted a session may have been used last.
pub const SEEN_MS: i64 = 60_000;
const REMEMBERED_MAX: usize = 10_000;
/// The account that a page shows, by its id. Pages of one browser share their cookie: when another one signs somebody else
/// in, this one may not go on in the new name.
const SHOWN_ACCOUNT: &str = "x-drive-account";
const TICKET_LIFE: Duration = Duration::from_secs(30);
const TICKETS_MAX: usize = 1_000;

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum By {
    Id(SessionId),
    Cookie(Digest),
    Token(Digest),
}

/// Sessions looked up a moment ago, and tickets for sockets.
#[derive(Default)]
pub struct Known {
    remembered: Mutex<HashMap<By, (Session, Instant)>>,
    /// By a digest of issuer and subject.
    vouched: Mutex<HashMap<Digest, (Vouched, Instant)>>,
    tickets: Mutex<HashMap<Digest, (Caller, Instant)>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Known {
    /// Forgets a session that was just revoked.
    pub fn forget(&self, id: SessionId) {
        lock(&self.remembered).retain(|_, (session, _)| session.id != id);
        let is = |known: &Vouched| known.session.as_ref().is_some_and(|session| session.id == id);
        lock(&self.vouched).retain(|_, (known, _)| !is(known));
        lock(&self.tickets).retain(|_, (caller, _)| caller.session_id != id);
    }

    /// Forgets what was known of an account that was just changed.
    pub fn forget_account(&self, id: AccountId) {
        lock(&self.remembered).retain(|_, (session, _)| session.account_id != id);
        lock(&self.vouched).retain(|_, (known, _)| known.account_id != id);
        lock(&self.tickets).retain(|_, (caller, _)| caller.account_id != id);
    }

    /// An outside identity that was looked up a moment ago.
    pub fn vouched(&self, key: Digest) -> Option<Vouched> {
        let known = lock(&self.vouched);
        known
            .get(&key)
            .filter(|(_, seen)| seen.elapsed() < REMEMBER)
            .map(|(known, _)| known.clone())
    }

    pub fn keep_vouched(&self, key: Digest, vouched: Vouched) {
        let mut known = lock(&self.vouched);
        if known.len() >= REMEMBERED_MAX {
            known.clear();
        }
        known.insert(key, (vouched, Instant::now()));
    }

    /// Keeps a ticket for one use within 30 seconds.
    pub fn keep_ticket(&self, hash: Digest, caller: Caller) -> Result<()> {
        let mut tickets = lock(&self.tickets);
        tickets.retain(|_, (_, made)| made.elapsed() < TICKET_LIFE);
        if tickets.len() >= TICKETS_MAX {
            return Err(Error::new(
                Kind::TooMany,
                "Too many tickets are waiting to be used. Try again in a moment.",
            ));
        }
        tickets.insert(hash, (caller, Instant::now()));
        Ok(())
    }

    /// Takes a ticket; a second use finds nothing.
    pub fn take_ticket(&self, ticket: &str) -> Option<Caller> {
        let (caller, made) = lock(&self.tickets).remove(&fingerprint(ticket))?;
        (made.elapsed() < TICKET_LIFE).then_some(caller)
    }
}

impl State {
    async fn session(&self, by: By) -> Result<Option<Session>> {
        if let Some((session, seen)) = lock(&self.known.remembered).get(&by)
            && seen.elapsed() < REMEMBER
        {
            return Ok(Some(session.clone()));
        }
        let found = self
            .engine
            .store
            .read(move |db| match by {
                By::Id(id) => sessions::by_id(db, id),
                By::Cookie(hash) => sessions::by_cookie(db, hash),
                By::Token(hash) => sessions::by_token(db, hash),
            })
            .await?;
        if let Some(session) = &found {
            self.note_use(session);
        }
        let mut remembered = lock(&self.known.remembered);
        if remembered.len() >= REMEMBERED_MAX {
            remembered.clear();
        }
        match &found {
            Some(session) => remembered.insert(by, (session.clone(), Instant::now())),
            None => remembered.remove(&by),
        };
        Ok(found)
    }

    /// Notes now and then that a session is in use; nobody waits for it.
    fn note_use(&self, session: &Session) {
        if self.engine.clock.now().0 - session.last_seen.0 > SEEN_MS {
            let (store, id) = (self.engine.store.clone(), session.id);
            tokio::spawn(async move { store.write(move |tx| sessions::touch(tx, id)).await });
        }
    }

    fn caller(&self, session: Session, now: Timestamp) -> Option<Caller> {
        (session.expires_at > now).then_some(Caller {
            account_id: session.account_id,
            session_id: session.id,
            name: session.name,
            role: session.role,
            scopes: session.scopes,
            until: None,
        })
    }

    /// Is the caller's session still good?
    pub async fn session_lives(&self, caller: &Caller) -> Result<bool> {
        let now = self.engine.clock.now();
        let session = self.session(By::Id(caller.session_id)).await?;
        Ok(caller.until.is_none_or(|until| until > now)
            && session
                .is_some_and(|session| session.expires_at > now && session.role == caller.role))
    }

    /// The holder of an access token whose session lives, of a token that was made for a program, or of one that an
    /// outside issuer made.
    pub async fn by_token(&self, token: &str) -> Result<Option<Caller>> {
        let now = self.engine.clock.now();
        if token.starts_with(TOKEN_PREFIX) {
            let session = self.session(By::Token(fingerprint(token))).await?;
            return Ok(session.and_then(|session| self.caller(session, now)));
        }
        let Some(claims) = self.keys.verify(token, now) else {
            return self.by_outside_token(token, now).await;
        };
        let session = self.session(By::Id(claims.sid)).await?;
        Ok(session
            .filter(|session| session.account_id == claims.sub)
            .and_then(|one| self.caller(one, now)))
    }

    /// Who sent this request, by `Authorization` or by cookie. A cookie counts only for requests of our own pages.
    pub async fn authenticate(&self, request: &HttpRequest) -> Result<Option<Caller>> {
        if let Some(value) = text(request, header::AUTHORIZATION) {
            let token =
                value.split_once(' ').filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
            return match token {
                Some((_, token)) => self.by_token(token.trim()).await,
                None => Ok(None),
            };
        }
        let Some(cookie) = request.cookie(COOKIE) else { return Ok(None) };
        let session = self.session(By::Cookie(fingerprint(cookie.value()))).await?;
        let Some(caller) =
            session.and_then(|session| self.caller(session, self.engine.clock.now()))
        else {
            return Ok(None);
        };
        if text(request, SHOWN_ACCOUNT).is_some_and(|shown| shown != caller.account_id.to_string())
        {
            return Err(Error::new(
                Kind::NotSignedIn,
                "Another account is signed in in this browser now.",
            ));
        }
        let safe = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
        if !safe && !self.same_site(request) {
            return Err(cross_site());
        }
        Ok(Some(caller))
    }

    /// Does the request come from our own pages? Browsers say so in `Sec-Fetch-Site`, older ones in `Origin`;
    /// programs that are no browser send neither.
    pub fn same_site(&self, request: &HttpRequest) -> bool {
        if let Some(site) = text(request, "sec-fetch-site") {
            return matches!(site, "same-origin" | "none");
        }
        self.own_origin(request)
    }

    /// Is `Origin` absent or ours? Sockets are held against this, for they send no `Sec-Fetch-Site` everywhere.
    pub fn own_origin(&self, request: &HttpRequest) -> bool {
        let Some(origin) = request.headers().get(header::ORIGIN) else { return true };
        let Ok(origin) = origin.to_str() else { return false };
        if !self.settings.public_url.is_empty() {
            return origin == self.settings.public_url.trim_end_matches('/');
        }
        let host = super::origin::host(request).unwrap_or_default();
        origin
            .split_once("://")
            .is_some_and(|(_, of)| !host.is_empty() && of.eq_ignore_ascii_case(host))
    }

    /// The cookie of a session; an empty one signs out.
    pub fn cookie(&self, secret: &str) -> Cookie<'static> {
        let life = if secret.is_empty() { 0 } else { self.settings.session_ms / 1000 };
        Cookie::build(COOKIE, secret.to_owned())
            .path("/")
            .http_only(true)
            .same_site(SameSite::Lax)
            .secure(self.settings.origins.secure)
            .max_age(CookieDuration::seconds(life))
            .finish()
    }
}

pub fn not_signed_in() -> Error {
    Error::new(Kind::NotSignedIn, "Sign in first: this needs a session cookie or an access token.")
}

pub fn cross_site() -> Error {
    Error::new(Kind::CrossSite, "This request came from a page of another site and was refused.")
}

/// The caller, as the gate found it.
pub struct Signed(pub Caller);

impl FromRequest for Signed {
    type Error = Problem;
    type Future = std::future::Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let caller = request.extensions().get::<Caller>().cloned();
        std::future::ready(caller.map(Self).ok_or_else(|| Problem(not_signed_in())))
    }
}
