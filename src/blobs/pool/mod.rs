//! One pool: where its objects lie, and what is done with them there.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::Mutex;

use super::bucket::Bucket;
use super::folder::Folder;
use super::{list_names, staging};
use crate::domain::error::{Error, Result};
use crate::domain::id::{ObjectId, PoolId};

mod presence;

pub use presence::Back;
use presence::Presence;

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
pub(in crate::blobs) struct Opened {
    pub(in crate::blobs) uploads: PathBuf,
    /// Open as long as the pool is online, so that the folder can be flushed without opening it each time.
    pub(in crate::blobs) uploads_dir: File,
}

impl Opened {
    pub(in crate::blobs) fn part_path(&self, id: ObjectId) -> PathBuf {
        self.uploads.join(part_name(id))
    }

    pub(in crate::blobs) fn sync(&self) -> Result<()> {
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
        let presence = Mutex::new(Presence::unknown(seen));
        let pool =
            Self { id, name, verify_reads, home, wished_uploads: uploads, keep_free, presence };
        pool.look_first();
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

    /// Where its staging files are, or would be if it were online.
    pub(in crate::blobs) fn staging_folder(&self) -> PathBuf {
        self.online().map_or_else(|_| self.wished_uploads.clone(), |opened| opened.uploads.clone())
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

    pub(in crate::blobs) fn home(&self) -> &Home {
        &self.home
    }

    /// Where an object lies, if that is on a disk of this machine.
    pub fn local_path(&self, id: ObjectId) -> Result<Option<PathBuf>> {
        self.check()?;
        Ok(match &self.home {
            Home::Folder(folder) => Some(folder.object_path(id)),
            Home::Bucket(_) => None,
        })
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
        if self.is_being_mended() && opened.uploads == self.wished_uploads {
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

pub(in crate::blobs) fn part_name(id: ObjectId) -> String {
    format!("{id}.part")
}
