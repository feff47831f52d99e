//! Passwords of encrypted files. To try one takes some tenths of a second and 128 MiB (scrypt), so that a stolen
//! database is hard to guess; here is what keeps that cost from being turned against the server itself: few may wait,
//! guesses are counted, and a key that was opened is remembered for some minutes.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::blobs::cipher::{self, Identity, NewKey};
use crate::domain::error::{Error, Kind, Result};
use crate::domain::file::{File, Lock};
use crate::domain::id::{AccountId, FileId};
use crate::domain::password::Password;
use crate::engine::Engine;
use crate::store::file_changes::{self, Amend};

use super::places::announce_file;

/// Requests of one account that wait for a password to be stretched, beside the one it is done for.
const WAITING_MAX: usize = 2;
/// The same over all accounts: each of them takes a thread.
const WAITING_ALL_MAX: usize = 16;
/// Wrong passwords for one key in [`WRONG_WINDOW`], after which none is tried.
const WRONG_MAX: usize = 10;
const WRONG_WINDOW: Duration = Duration::from_secs(60);
/// How long an opened key is remembered after it was last used.
const KEEP: Duration = Duration::from_secs(5 * 60);
/// Opened keys that are remembered.
const KEEP_MAX: usize = 64;

/// A hash under a key that this process made up: neither key nor password can be found from it.
type Mark = [u8; 32];

struct Opened {
    /// Of the wrapped key alone.
    wrapped: Mark,
    identity: Arc<Identity>,
    used: Instant,
}

#[derive(Default)]
struct State {
    /// By wrapped key and password.
    opened: HashMap<Mark, Opened>,
    /// When wrong passwords were tried, by wrapped key. A try takes so long that a window holds some hundreds.
    wrong: HashMap<Mark, Vec<Instant>>,
    waiting: HashMap<AccountId, usize>,
}

/// Everything that stretches a password goes through here. Calls block.
pub struct Passwords {
    pepper: [u8; 32],
    state: Mutex<State>,
    /// Held while a password is stretched.
    turn: Mutex<()>,
}

/// A place in the queue.
struct Waiting<'a> {
    passwords: &'a Passwords,
    owner: AccountId,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let mut state = self.passwords.lock();
        if let Some(count) = state.waiting.get_mut(&self.owner) {
            *count -= 1;
            if *count == 0 {
                state.waiting.remove(&self.owner);
            }
        }
    }
}

impl Passwords {
    pub fn new() -> Result<Arc<Self>> {
        let mut pepper = [0; 32];
        getrandom::fill(&mut pepper)
            .map_err(|error| Error::internal(format!("no random bytes: {error}")))?;
        Ok(Arc::new(Self { pepper, state: Mutex::default(), turn: Mutex::default() }))
    }

    /// A fresh key under this password.
    pub fn new_key(&self, owner: AccountId, password: &Password) -> Result<NewKey> {
        let _waiting = self.queue(owner)?;
        let _turn = self.turn();
        cipher::new_key(password.as_str())
    }

    /// The key of a file. `PasswordWrong` names it in `details.fileId`; `TooMany` after too many of them.
    pub fn unlock(
        &self,
        owner: AccountId,
        id: FileId,
        lock: &Lock,
        password: &Password,
    ) -> Result<Arc<Identity>> {
        self.unwrap(owner, &lock.wrapped_key, password)
            .map_err(|error| error.with("fileId", id.to_string()))
    }

    /// The same for a key that belongs to no file yet.
    pub fn unwrap(
        &self,
        owner: AccountId,
        wrapped: &[u8],
        password: &Password,
    ) -> Result<Arc<Identity>> {
        let wrapped_mark = self.mark(wrapped, "");
        let mark = self.mark(wrapped, password.as_str());
        if let Some(identity) = self.known(&mark) {
            return Ok(identity);
        }
        let _waiting = self.queue(owner)?;
        let _turn = self.turn();
        // Someone may have opened it meanwhile.
        if let Some(identity) = self.known(&mark) {
            return Ok(identity);
        }
        self.refuse_guessing(&wrapped_mark)?;
        match cipher::unwrap_key(wrapped, password.as_str()) {
            Ok(identity) => Ok(self.keep(mark, wrapped_mark, identity)),
            Err(error) => {
                if error.kind() == Kind::PasswordWrong {
                    self.lock().wrong.entry(wrapped_mark).or_default().push(Instant::now());
                }
                Err(error)
            }
        }
    }

    /// Protects a file's key by another password; the file's bytes stay as they are.
    pub fn change(
        &self,
        engine: &Arc<Engine>,
        file: &File,
        old: &Password,
        new: &Password,
    ) -> Result<File> {
        new.check("newPassword")?;
        let lock = file.lock.as_ref().ok_or_else(|| not_encrypted(file))?;
        let identity = self.unlock(file.account_id, file.id, lock, old)?;
        let wrapped_key = {
            let _waiting = self.queue(file.account_id)?;
            let _turn = self.turn();
            cipher::wrap(&identity, new.as_str())?
        };
        let (owner, id, was) = (file.account_id, file.id, lock.wrapped_key.clone());
        let changed = engine.store.write_now(move |tx| {
            let now = file_changes::find(tx.connection, owner, id)?;
            if now.and_then(|file| file.lock).is_none_or(|lock| lock.wrapped_key != was) {
                let message = "The file or its password was changed this moment. Try again.";
                return Err(Error::new(Kind::Conflict, message));
            }
            let amend = Amend { wrapped_key: Some(wrapped_key), ..Amend::default() };
            let file = file_changes::amend(tx, owner, id, &amend)?;
            announce_file(tx, "file.updated", &file)?;
            Ok(file)
        })?;
        self.forget(&lock.wrapped_key);
        Ok(changed)
    }

    /// Lets go of keys that nobody has used for a while.
    pub fn relax(&self) {
        let mut state = self.lock();
        state.opened.retain(|_, opened| opened.used.elapsed() < KEEP);
        state.wrong.retain(|_, tries| tries.iter().any(|at| at.elapsed() < WRONG_WINDOW));
    }

    fn known(&self, mark: &Mark) -> Option<Arc<Identity>> {
        let mut state = self.lock();
        let opened = state.opened.get_mut(mark).filter(|opened| opened.used.elapsed() < KEEP)?;
        opened.used = Instant::now();
        Some(opened.identity.clone())
    }

    fn keep(&self, mark: Mark, wrapped: Mark, identity: Identity) -> Arc<Identity> {
        self.relax();
        let mut state = self.lock();
        if state.opened.len() >= KEEP_MAX {
            let oldest = state.opened.iter().min_by_key(|(_, opened)| opened.used);
            if let Some(oldest) = oldest.map(|(mark, _)| *mark) {
                state.opened.remove(&oldest);
            }
        }
        let identity = Arc::new(identity);
        let opened = Opened { wrapped, identity: identity.clone(), used: Instant::now() };
        state.opened.insert(mark, opened);
        identity
    }

    fn forget(&self, wrapped: &[u8]) {
        let mark = self.mark(wrapped, "");
        self.lock().opened.retain(|_, opened| opened.wrapped != mark);
    }

    fn refuse_guessing(&self, wrapped: &Mark) -> Result<()> {
        let mut state = self.lock();
        let Some(tries) = state.wrong.get_mut(wrapped) else { return Ok(()) };
        tries.retain(|at| at.elapsed() < WRONG_WINDOW);
        match tries.first() {
            Some(first) if tries.len() >= WRONG_MAX => {
                let seconds = (WRONG_WINDOW - first.elapsed().min(WRONG_WINDOW)).as_secs() + 1;
                let message = format!(
                    "{WRONG_MAX} wrong passwords were tried in a minute. Try again in {seconds} seconds."
                );
                Err(Error::new(Kind::TooMany, message).with("retryAfter", seconds))
            }
            _ => Ok(()),
        }
    }

    fn queue(&self, owner: AccountId) -> Result<Waiting<'_>> {
        let mut state = self.lock();
        let all: usize = state.waiting.values().sum();
        let own = state.waiting.entry(owner).or_default();
        if *own > WAITING_MAX || all > WAITING_ALL_MAX {
            let message = "Too many requests wait for a password to be checked. Try again soon.";
            return Err(Error::new(Kind::TooMany, message).with("retryAfter", 1));
        }
        *own += 1;
        Ok(Waiting { passwords: self, owner })
    }

    fn turn(&self) -> MutexGuard<'_, ()> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn mark(&self, wrapped: &[u8], password: &str) -> Mark {
        let mut hasher = blake3::Hasher::new_keyed(&self.pepper);
        hasher.update(&(wrapped.len() as u64).to_le_bytes());
        hasher.update(wrapped).update(password.as_bytes());
        *hasher.finalize().as_bytes()
    }
}

/// A password or a key was given or asked for where there is none.
pub fn not_encrypted(file: &File) -> Error {
    let message = format!("\"{}\" is not encrypted; it has no password.", file.name);
    Error::new(Kind::NotEncrypted, message).with("fileId", file.id.to_string())
}
