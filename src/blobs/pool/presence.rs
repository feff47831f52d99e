//! Whether a pool is there. A disk can be unmounted and a server unreachable while this program runs, so a pool is
//! **online** only as long as its marker can be read. One that is not is believed in nothing: least of all that it is
//! empty.

use std::sync::{Arc, MutexGuard, PoisonError};
use std::thread::ThreadId;
use std::time::{Duration, Instant};

use super::{Home, Opened, PoolDir, Seen};
use crate::domain::error::{Error, Kind, Result};

/// The marker of a folder is read again when it was last read this long ago.
const LOOK_EVERY: Duration = Duration::from_secs(2);

#[derive(Debug)]
pub(super) struct Presence {
    seen: Seen,
    /// `Err` says why it is offline.
    opened: Result<Arc<Opened>, String>,
    looked: Instant,
    /// Is what the last run left half done in it still to be mended?
    unmended: bool,
    /// Who mends it. For everybody else it is offline until that is done.
    mending: Option<ThreadId>,
}

/// How a pool that was away is back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Back {
    Online,
    /// It was away at the start: this thread is to mend it, then to call [`PoolDir::mended`].
    ToMend,
}

impl Presence {
    pub(super) fn unknown(seen: Seen) -> Self {
        let opened = Err("it was not looked for yet".to_owned());
        Self { seen, opened, looked: Instant::now(), unmended: true, mending: None }
    }
}

impl PoolDir {
    pub(super) fn look_first(&self) {
        let seen = self.lock().seen;
        let looked = self.try_open(seen);
        let mut presence = self.lock();
        match looked {
            Ok(opened) => {
                (presence.opened, presence.seen) = (Ok(Arc::new(opened)), Seen::Before);
            }
            Err(error) => self.lose(&mut presence, reason(&error)),
        }
    }

    pub(super) fn is_being_mended(&self) -> bool {
        self.lock().mending.is_some()
    }

    fn lock(&self) -> MutexGuard<'_, Presence> {
        self.presence.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lose(&self, presence: &mut Presence, why: String) {
        tracing::error!(
            pool = self.name,
            why,
            "a pool is offline; its files are listed but cannot be read"
        );
        presence.opened = Err(why);
    }

    /// What is at hand, or why nothing is. The marker of a folder is read again now and then, that of a bucket only
    /// after a failure.
    pub(in crate::blobs) fn online(&self) -> Result<Arc<Opened>> {
        let mut presence = self.lock();
        if presence.opened.is_ok() && presence.looked.elapsed() >= LOOK_EVERY {
            presence.looked = Instant::now();
            if let Home::Folder(folder) = &self.home
                && let Err(error) = folder.look(self.id)
            {
                self.lose(&mut presence, reason(&error));
            }
        }
        if presence.mending.is_some_and(|thread| thread != std::thread::current().id()) {
            return Err(self.offline("it is back and being mended"));
        }
        presence.opened.clone().map_err(|why| self.offline(&why))
    }

    fn offline(&self, why: &str) -> Error {
        let message = format!(
            "Pool \"{}\" is offline: its disk or server cannot be reached. Its files stay listed; try again when it \
             is back.",
            self.name
        );
        Error::new(Kind::PoolOffline, message)
            .with("pool", self.name.clone())
            .with("poolId", self.id.to_string())
            .because(why)
    }

    /// Ok, or [`Kind::PoolOffline`].
    pub fn check(&self) -> Result<()> {
        self.online().map(|_| ())
    }

    /// Why it is offline; `None` while it is online.
    pub fn why_offline(&self) -> Option<String> {
        self.online().err().map(|error| reason(&error))
    }

    /// Reads the marker of a folder this moment: what is not found in a pool that is away is not gone.
    pub(in crate::blobs) fn disk_is_there(&self) -> Result<()> {
        match &self.home {
            Home::Folder(folder) => folder.look(self.id).map_err(|error| self.lost(&error)),
            Home::Bucket(_) => Ok(()),
        }
    }

    fn lost(&self, error: &Error) -> Error {
        let why = reason(error);
        let mut presence = self.lock();
        if presence.opened.is_ok() {
            self.lose(&mut presence, why.clone());
        }
        self.offline(&why)
    }

    /// The better reason for a failure in this pool: that it is away, where its marker cannot be read.
    pub fn explain(&self, error: Error) -> Error {
        if !matches!(error.kind(), Kind::Io | Kind::Internal) {
            return error;
        }
        let looked = match &self.home {
            Home::Folder(folder) => folder.look(self.id),
            Home::Bucket(bucket) => bucket.look(self.id),
        };
        match looked {
            Ok(()) => error,
            Err(gone) => self.lost(&gone),
        }
    }

    /// The same for a failure of a staging file, which is never in a bucket.
    pub fn explain_staging(&self, error: Error) -> Error {
        if self.is_remote() { error } else { self.explain(error) }
    }

    /// Does something in the pool while it is online.
    pub(in crate::blobs) fn within<T>(&self, work: impl FnOnce(&Opened) -> Result<T>) -> Result<T> {
        let opened = self.online()?;
        work(&opened).map_err(|error| self.explain(error))
    }

    /// Looks whether a pool that is offline is back.
    pub fn look_again(&self) -> Option<Back> {
        let (away, seen) = {
            let presence = self.lock();
            (presence.opened.is_err(), presence.seen)
        };
        if !away {
            return None;
        }
        let opened = match self.try_open(seen) {
            Ok(opened) => opened,
            Err(error) => {
                self.lock().opened = Err(reason(&error));
                return None;
            }
        };
        let mut presence = self.lock();
        (presence.opened, presence.seen) = (Ok(Arc::new(opened)), Seen::Before);
        presence.looked = Instant::now();
        if presence.unmended {
            presence.mending = Some(std::thread::current().id());
            return Some(Back::ToMend);
        }
        tracing::info!(pool = self.name, "the pool is online again");
        Some(Back::Online)
    }

    /// What the last run left half done in the pool is mended. Where its disk did not allow it, the pool is offline and
    /// will be mended when it is back.
    ///
    /// # Errors
    /// What has nothing to do with the pool.
    pub fn mended(&self, outcome: Result<()>) -> Result<()> {
        let mut presence = self.lock();
        let returned = presence.mending.take().is_some();
        match outcome {
            Ok(()) => {
                presence.unmended = false;
                if returned {
                    tracing::info!(pool = self.name, "the pool is online");
                }
                Ok(())
            }
            Err(error) => {
                self.lose(&mut presence, reason(&error));
                match error.kind() {
                    Kind::Io | Kind::PoolOffline => Ok(()),
                    _ => Err(error),
                }
            }
        }
    }
}

/// What the log is told; it may hold paths.
fn reason(error: &Error) -> String {
    error.cause().unwrap_or(error.message()).to_owned()
}
