//! Tokens of an outside issuer in the place of our own access tokens (JWT, RFC 7519, checked as RFC 8725 asks). The key
//! lies in a file, which is read again when it changes. All tokens of a person are one session here, so that they can
//! be listed and revoked; what was issued before the revocation is refused from then on.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use super::claims::{self, Expected, Moments};
use super::keys::{self, Key};
use super::{State, admit};
use crate::domain::account::{Caller, Scopes};
use crate::domain::error::{Error, Result};
use crate::domain::identity::{Claims, Person, Trust};
use crate::domain::time::Timestamp;
use crate::http::auth::SEEN_MS;
use crate::http::tokens::fingerprint;
use crate::store::Tx;
use crate::store::identities::{self, Admitted, Vouched};

/// How often the key file is looked at, while tokens come in.
const LOOK: Duration = Duration::from_secs(2);
/// Bytes of a key file.
const FILE_MAX: u64 = 256 * 1024;
/// Kinds (`typ`) of token that pass; RFC 9068 has a name for access tokens, most issuers have none.
const KINDS: [&str; 2] = ["jwt", "at+jwt"];

/// Tells one version of a file from the next.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Stamp {
    inode: u64,
    bytes: u64,
    seconds: i64,
    nanoseconds: i64,
}

/// The issuer whose tokens are believed, and its keys.
pub struct Tokens {
    trust: Trust,
    keys: RwLock<Arc<Vec<Key>>>,
    looked: Mutex<(Instant, Stamp)>,
}

impl Tokens {
    pub fn issuer(&self) -> &str {
        &self.trust.issuer
    }

    /// # Errors
    /// Says what is wrong with the key file.
    pub fn open(trust: Trust) -> Result<Self> {
        let wrong = |why: String| {
            let key = "auth.jwt.key_file";
            Error::invalid(key, format!("{key} {}: {why}", trust.key_file.display()))
        };
        let (stamp, bytes) = read(&trust.key_file, None)
            .map_err(|error| wrong(error.to_string()))?
            .ok_or_else(|| wrong("is not there.".to_owned()))?;
        let keys = keys::from_file(&bytes, trust.algorithm).map_err(wrong)?;
        let looked = Mutex::new((Instant::now(), stamp));
        Ok(Self { keys: RwLock::new(Arc::new(keys)), looked, trust })
    }

    /// Reads the key file again when it changed. What cannot be read leaves the keys as they are.
    async fn look(&self) {
        let known = {
            let mut looked = self.looked.lock().unwrap_or_else(PoisonError::into_inner);
            if looked.0.elapsed() < LOOK {
                return;
            }
            looked.0 = Instant::now();
            looked.1
        };
        let path = self.trust.key_file.clone();
        let found = tokio::task::spawn_blocking(move || read(&path, Some(known))).await;
        let warn = |why: &str| {
            let file = self.trust.key_file.display();
            tracing::warn!(%file, "the key of outside tokens stays as it was: the file {why}");
        };
        match found {
            Ok(Ok(None)) => {}
            Ok(Ok(Some((stamp, bytes)))) => {
                self.looked.lock().unwrap_or_else(PoisonError::into_inner).1 = stamp;
                match keys::from_file(&bytes, self.trust.algorithm) {
                    Ok(keys) => {
                        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(keys);
                        tracing::info!("the key of outside tokens was read again");
                    }
                    Err(why) => warn(&why),
                }
            }
            Ok(Err(error)) => warn(&format!("cannot be read: {error}")),
            Err(error) => warn(&format!("was not read: {error}")),
        }
    }

    fn check(&self, token: &str, now: Timestamp) -> Result<(Claims, Moments), String> {
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner).clone();
        let opened = keys::open(token, &keys).map_err(|refusal| format!("{refusal:?}"))?;
        let expected = Expected {
            issuer: &self.trust.issuer,
            audience: &self.trust.audience,
            kinds: &KINDS,
            skew_seconds: self.trust.skew_seconds,
        };
        let moments = claims::check(&opened, &expected, now)?;
        Ok((opened.claims, moments))
    }
}

/// A file's stamp and content; `None` when it is still the one that is known.
fn read(path: &Path, known: Option<Stamp>) -> std::io::Result<Option<(Stamp, Vec<u8>)>> {
    let file = File::open(path)?;
    let about = file.metadata()?;
    let stamp = Stamp {
        inode: about.ino(),
        bytes: about.size(),
        seconds: about.mtime(),
        nanoseconds: about.mtime_nsec(),
    };
    if known == Some(stamp) {
        return Ok(None);
    }
    let mut bytes = Vec::new();
    file.take(FILE_MAX).read_to_end(&mut bytes)?;
    Ok(Some((stamp, bytes)))
}

impl State {
    /// The holder of a token that the outside issuer made.
    pub(in crate::http) async fn by_outside_token(
        &self,
        token: &str,
        now: Timestamp,
    ) -> Result<Option<Caller>> {
        let Some(tokens) = &self.settings.outside.tokens else { return Ok(None) };
        tokens.look().await;
        let (claims, moments) = match tokens.check(token, now) {
            Ok(checked) => checked,
            Err(why) => {
                tracing::debug!("an outside token was refused: {why}");
                return Ok(None);
            }
        };
        let issuer = &tokens.trust.issuer;
        let Some(person) = tokens.trust.mapping.person(issuer, &claims) else { return Ok(None) };
        let key = fingerprint(&format!("{issuer}\0{}", person.subject));
        let issued = moments.issued;
        let enough = |known: &Vouched| !known.accepts(issued) || is_settled(known, &person, now);
        let vouched = match self.known.vouched(key).filter(enough) {
            Some(known) => known,
            None => {
                let (issuer, subject) = (person.issuer.clone(), person.subject.clone());
                let find = move |db: &_| identities::find(db, &issuer, &subject, now);
                let found = match self.engine.store.read(find).await?.filter(enough) {
                    Some(found) => Some(found),
                    None => self.settle(tokens, person, issued).await?,
                };
                let Some(found) = found else { return Ok(None) };
                // From here on, not from the last use: or whoever asks often would never be looked up again.
                self.known.keep_vouched(key, found.clone());
                found
            }
        };
        let session = vouched.session.as_ref().filter(|session| session.expires_at > now);
        let good = session.filter(|_| vouched.accepts(issued));
        Ok(good.map(|session| Caller {
            account_id: vouched.account_id,
            session_id: session.id,
            name: session.name.clone(),
            role: session.role,
            scopes: Scopes::ALL,
            until: Some(moments.ends),
        }))
    }

    /// Makes what a person lacks: the account, its role, the session of its tokens. `None`: nobody new is let in.
    async fn settle(
        &self,
        tokens: &Tokens,
        person: Person,
        issued: Timestamp,
    ) -> Result<Option<Vouched>> {
        let welcome = self.welcome(&tokens.trust.mapping)?;
        let life_ms = self.settings.session_ms;
        let settle = move |tx: &Tx<'_>| {
            let admitted = admit(tx, &person, issued, welcome.as_ref(), "")?;
            let Some(Admitted { vouched, moved, .. }) = admitted else { return Ok(None) };
            if vouched.accepts(issued) {
                let until = tx.now.plus_ms(life_ms);
                identities::keep_session(tx, vouched.account_id, &person.issuer, until)?;
            }
            let found = identities::find(tx.connection, &person.issuer, &person.subject, tx.now)?;
            Ok(found.map(|vouched| (vouched, moved)))
        };
        let Some((vouched, moved)) = self.engine.store.write(settle).await? else {
            return Ok(None);
        };
        if moved {
            self.known.forget_account(vouched.account_id);
        }
        Ok(Some(vouched))
    }
}

/// Is there nothing to write about this person?
fn is_settled(known: &Vouched, person: &Person, now: Timestamp) -> bool {
    person.role.is_none_or(|role| role == known.role)
        && known.session.as_ref().is_some_and(|one| now.0 - one.last_seen.0 <= SEEN_MS)
}
