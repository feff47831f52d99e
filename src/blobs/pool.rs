//! One pool: where its objects lie, and whether it is there. A disk can be unmounted and a server unreachable while
//! this program runs, so a pool is **online** only as long as its marker can be read. A pool that is not is believed in
//! nothing: least of all that it is empty.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::ThreadId;
use std::time::{Duration, Instant};

use super::bucket::Bucket;
use super::folder::Folder;
use super::{list_names, staging};
use crate::domain::error::{Error, Kind, Result};
use crate::domain::id::{ObjectId, PoolId};

/// The marker of a folder is read again when it was last read this long ago.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Has this pool been used before?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    Never,
    Before,
}

/// Where a pool's objects lie.
#[derive(Debug)]
pub enum Home {
    Folder(Folder),
    Bucket(Bucket),
}

/// What a pool is made of.
#[derive(Debug)]
pub struct Setup {
    pub id: PoolId,
    pub name: String,
    pub home: Home,
    /// Where staging files lie, if that is on the pool's file system.
    pub uploads: PathBuf,
    /// Bytes that are never given to uploads.
    pub keep_free: u64,
    /// Are bytes held against their block hashes before they are sent?
    pub verify_reads: bool,
    pub seen: Seen,
}

/// A pool's place on the disk or at a server.
#[derive(Debug)]
pub struct PoolDir {
    pub id: PoolId,
    pub name: String,
    pub verify_reads: bool,
    home: Home,
    wished_uploads: PathBuf,
    keep_free: u64,
    presence: Mutex<Presence>,
}

/// What is at hand while a pool is there.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) uploads: PathBuf,
    /// Open as long as the pool is online, so that the folder can be flushed without opening it each time.
    pub(super) uploads_dir: File,
}

#[derive(Debug)]
struct Presence {
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

impl Opened {
    pub(super) fn part_path(&self, id: ObjectId) -> PathBuf {
        self.uploads.join(part_name(id))
    }

    pub(super) fn sync(&self) -> Result<()> {
        self.uploads_dir
            .sync_all()
            .map_err(|error| Error::io("flushing the uploads folder", &error))
    }

    fn space(&self) -> Result<(u64, u64)> {
        let stat = rustix::fs::fstatvfs(&self.uploads_dir)
            .map_err(|error| Error::io("asking for free space", &error.into()))?;
        Ok((stat.f_blocks * stat.f_frsize, stat.f_bavail * stat.f_frsize))
    }
}

impl PoolDir {
    /// Opens a pool, making its folders when it is new. One that cannot be opened is offline; the log says why.
    pub fn open(setup: Setup) -> Self {
        let Setup { id, name, home, uploads, keep_free, verify_reads, seen } = setup;
        let presence = Mutex::new(Presence {
            seen,
            opened: Err(String::new()),
            looked: Instant::now(),
            unmended: true,
            mending: None,
        });
        let pool =
            Self { id, name, verify_reads, home, wished_uploads: uploads, keep_free, presence };
        match pool.try_open(seen) {
            Ok(opened) => {
                let mut presence = pool.lock();
                (presence.opened, presence.seen) = (Ok(Arc::new(opened)), Seen::Before);
            }
            Err(error) => pool.lose(&mut pool.lock(), reason(&error)),
        }
        pool
    }

    fn try_open(&self, seen: Seen) -> Result<Opened> {
        match &self.home {
            Home::Folder(folder) => folder.open(self.id, &self.wished_uploads, seen),
            Home::Bucket(bucket) => {
                bucket.open(self.id, seen)?;
                super::make_dir(&self.wished_uploads)?;
                let uploads_dir = super::open_dir(&self.wished_uploads)?;
                Ok(Opened { uploads: self.wished_uploads.clone(), uploads_dir })
            }
        }
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
    pub(super) fn online(&self) -> Result<Arc<Opened>> {
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

    /// Where its staging files are, or would be if it were online.
    pub(super) fn staging_folder(&self) -> PathBuf {
        self.online().map_or_else(|_| self.wished_uploads.clone(), |opened| opened.uploads.clone())
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
    pub(super) fn disk_is_there(&self) -> Result<()> {
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
    pub(super) fn within<T>(&self, work: impl FnOnce(&Opened) -> Result<T>) -> Result<T> {
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

    /// The word of the settings for where its objects lie.
    pub fn backend(&self) -> &'static str {
        match self.home {
            Home::Folder(_) => "local",
            Home::Bucket(_) => "s3",
        }
    }

    /// Do sealed objects go to a server, which takes its time?
    pub fn is_remote(&self) -> bool {
        matches!(self.home, Home::Bucket(_))
    }

    pub(super) fn home(&self) -> &Home {
        &self.home
    }

    /// Do both pools lie on one file system, so that one file can stand in both?
    pub fn shares_disk(&self, other: &Self) -> bool {
        let device = |pool: &Self| match &pool.home {
            Home::Folder(folder) => fs::metadata(folder.root()).map(|meta| meta.dev()).ok(),
            Home::Bucket(_) => None,
        };
        device(self).is_some_and(|own| Some(own) == device(other))
    }

    /// Bytes that staging files may still take: free for this user, less what is kept back.
    pub fn staging_room(&self) -> Result<u64> {
        self.within(|opened| Ok(opened.space()?.1.saturating_sub(self.keep_free)))
    }

    /// Bytes that all objects of a task may still take. What a server has is not known.
    pub fn room(&self) -> Result<u64> {
        if self.is_remote() {
            return self.check().map(|()| u64::MAX);
        }
        self.staging_room()
    }

    /// Total and free bytes of the pool's file system; `None` where they are not known.
    pub fn space(&self) -> Result<Option<(u64, u64)>> {
        if self.is_remote() {
            return self.check().map(|()| None);
        }
        self.within(|opened| opened.space().map(Some))
    }

    /// Removes the staging files that this says nobody goes on with. Once others write, not from a folder they share.
    pub fn sweep_staging(&self, is_left: impl Fn(ObjectId) -> bool) -> Result<()> {
        let opened = self.online()?;
        if self.lock().mending.is_some() && opened.uploads == self.wished_uploads {
            return Ok(());
        }
        for name in list_names(&opened.uploads)? {
            let id = name.strip_suffix(".part").and_then(|id| ObjectId::parse(id).ok());
            if id.is_some_and(&is_left) {
                staging::unlink(&opened.uploads.join(name));
            }
        }
        Ok(())
    }

    /// Names of all sealed objects; one read of 256 folders. A server is never asked for its list.
    pub fn sealed(&self) -> Result<Vec<ObjectId>> {
        match &self.home {
            Home::Folder(folder) => folder.sealed(),
            Home::Bucket(_) => Ok(Vec::new()),
        }
    }

    /// Puts an object that nothing explains aside. A listing alone never deletes: the database may be an old copy.
    pub fn quarantine(&self, id: ObjectId) -> Result<()> {
        match &self.home {
            Home::Folder(folder) => folder.quarantine(id),
            Home::Bucket(_) => Ok(()),
        }
    }

    /// Removes an object that no row names, or only one that says it is garbage.
    pub fn remove_object(&self, id: ObjectId) -> Result<()> {
        self.within(|_| match &self.home {
            Home::Bucket(bucket) => bucket.remove(id),
            Home::Folder(folder) => match fs::remove_file(folder.object_path(id)) {
                Ok(()) => Ok(()),
                Err(error) if error.kind() == ErrorKind::NotFound => self.disk_is_there(),
                Err(error) => Err(Error::io("removing an object", &error)),
            },
        })
    }

    /// Gives up what a server has of an object that is not whole yet.
    pub fn abort(&self, id: ObjectId, upload_id: &str) -> Result<()> {
        self.within(|_| match &self.home {
            Home::Bucket(bucket) => bucket.abort(id, upload_id),
            Home::Folder(_) => Ok(()),
        })
    }
}

pub(super) fn part_name(id: ObjectId) -> String {
    format!("{id}.part")
}

/// What the log is told; it may hold paths.
fn reason(error: &Error) -> String {
    error.cause().unwrap_or(error.message()).to_owned()
}
