//! The staging file of one upload: preallocated, written at final offsets in any order, renamed when it is whole.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, IoSlice};
use std::os::unix::fs::{FileExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use bytes::{Buf, Bytes};
use rustix::fs::{CWD, FallocateFlags, RenameFlags};

use super::bucket::Journal;
use super::folder::Folder;
use super::pool::{Home, Opened, PoolDir, part_name};
use super::{sync_dir, writeback};
use crate::domain::error::{Error, Result};
use crate::domain::id::ObjectId;

/// An open staging file. Every way of writing names an offset, so senders of different chunks share it freely.
#[derive(Debug)]
pub struct Staging {
    file: File,
    /// A second name of a file outside, which is neither changed nor made read-only.
    is_linked: bool,
    flushes: Mutex<Flushes>,
    flushed: Condvar,
}

/// Flushes of one file are shared: one caller flushes for all who wrote before it began.
#[derive(Debug, Default)]
struct Flushes {
    asked: u64,
    done: u64,
    running: bool,
    /// Counts failed flushes. The kernel reports a failure once and then calls the pages clean, so whoever wrote
    /// before or during a failed flush must write again.
    failures: u64,
}

/// Taken before the first byte of a chunk is written; see [`Staging::flush`].
#[derive(Clone, Copy, Debug)]
pub struct Since(u64);

impl Staging {
    /// Makes the file with all its space, so that a full disk shows now and not at 99 %. The name is durable after.
    pub fn create(pool: &PoolDir, id: ObjectId, size: u64) -> Result<Self> {
        let staging = Self::create_growing(pool, id, size)?;
        pool.within(Opened::sync).inspect_err(|_| remove(pool, id))?;
        Ok(staging)
    }

    /// Like [`Staging::create`] without making the name durable, for a file that is sealed in the same request.
    pub fn create_growing(pool: &PoolDir, id: ObjectId, size: u64) -> Result<Self> {
        let room = pool.staging_room()?;
        if size > room {
            return Err(Error::disk_full()
                .with("needed", size)
                .with("free", room)
                .because("not enough free space for the upload"));
        }
        pool.within(|opened| {
            let file = OpenOptions::new()
                .read(true)
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(opened.part_path(id))
                .map_err(|error| Error::io("making a staging file", &error))?;
            if let Err(error) = allocate(&file, size) {
                remove(pool, id);
                return Err(Error::io("allocating a staging file", &error));
            }
            Ok(Self::of(file))
        })
    }

    /// The staging file as it was left, or `None` when there is none.
    pub fn open(pool: &PoolDir, id: ObjectId) -> Result<Option<Self>> {
        pool.within(|opened| {
            match OpenOptions::new().read(true).write(true).open(opened.part_path(id)) {
                Ok(file) => Ok(Some(Self::of(file))),
                Err(error) if error.kind() == ErrorKind::NotFound => {
                    pool.disk_is_there().map(|()| None)
                }
                Err(error) => Err(Error::io("opening a staging file", &error)),
            }
        })
    }

    fn of(file: File) -> Self {
        Self { file, is_linked: false, flushes: Mutex::default(), flushed: Condvar::new() }
    }

    /// A second name for a file outside of the pool, opened for reading; `None` where the file system gives none.
    pub(super) fn link(pool: &PoolDir, id: ObjectId, source: &Path) -> Result<Option<Self>> {
        pool.within(|opened| {
            let path = opened.part_path(id);
            match rustix::fs::link(source, &path) {
                Ok(()) => {}
                Err(error) if is_no_link(error) => return Ok(None),
                Err(error) => return Err(Error::io("linking a file", &error.into())),
            }
            let file = super::bring::open_plain(&path).map_err(|error| {
                unlink(&path);
                Error::io("opening a linked file", &error)
            })?;
            Ok(Some(Self { is_linked: true, ..Self::of(file) }))
        })
    }

    pub fn file(&self) -> &File {
        &self.file
    }

    pub fn size(&self) -> Result<u64> {
        self.file
            .metadata()
            .map(|meta| meta.len())
            .map_err(|error| Error::io("looking at a staging file", &error))
    }

    /// Writes pieces one after the other from `offset` on, without copying them together, and starts their way to
    /// the disk.
    pub fn write_at(&self, pieces: &[Bytes], offset: u64) -> Result<()> {
        let mut at = offset;
        let mut rest: Vec<Bytes> = pieces.to_vec();
        let mut from = 0;
        while from < rest.len() {
            let slices: Vec<IoSlice<'_>> =
                rest[from..].iter().take(64).map(|piece| IoSlice::new(piece)).collect();
            let mut written = match rustix::io::pwritev(&self.file, &slices, at) {
                Ok(0) => return Err(Error::internal("the staging file takes no bytes")),
                Ok(count) => count,
                Err(rustix::io::Errno::INTR) => continue,
                Err(error) => return Err(Error::io("writing a chunk", &error.into())),
            };
            at += written as u64;
            while from < rest.len() && written >= rest[from].len() {
                written -= rest[from].len();
                from += 1;
            }
            if written > 0 {
                rest[from].advance(written);
            }
        }
        Ok(())
    }

    /// Writes one slice.
    pub fn write_slice_at(&self, bytes: &[u8], offset: u64) -> Result<()> {
        self.file
            .write_all_at(bytes, offset)
            .map_err(|error| Error::io("writing an object", &error))
    }

    /// Starts writing a range to the disk; does not wait.
    pub fn start_writeback(&self, offset: u64, length: u64) {
        writeback::start(&self.file, offset, length);
    }

    /// To be taken before writing what a later [`Staging::flush`] shall make durable.
    pub fn since(&self) -> Since {
        Since(self.lock().failures)
    }

    /// Returns when everything written before this call is on the disk. Callers at the same time share one flush.
    pub fn flush(&self, since: Since) -> Result<()> {
        let mut state = self.lock();
        state.asked += 1;
        let ticket = state.asked;
        loop {
            if state.failures != since.0 {
                return Err(Error::internal("an earlier flush of this staging file failed"));
            }
            if state.done >= ticket {
                return Ok(());
            }
            if state.running {
                state = self.flushed.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            state.running = true;
            let covers = state.asked;
            drop(state);
            let outcome = self.file.sync_data();
            state = self.lock();
            state.running = false;
            self.flushed.notify_all();
            match outcome {
                Ok(()) => state.done = covers,
                Err(error) => {
                    state.failures += 1;
                    return Err(Error::io("flushing a staging file", &error));
                }
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Flushes> {
        self.flushes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Seals the file. In a folder: read-only, flushed with its size, renamed to its object name, both folders flushed;
    /// in a bucket: sent there, and the file stays. When this returns, the object survives a power cut; when it is
    /// repeated after a crash, it ends the same.
    pub fn seal(&self, pool: &PoolDir, id: ObjectId, journal: &mut dyn Journal) -> Result<()> {
        match pool.home() {
            Home::Bucket(bucket) => {
                let size = self.size()?;
                pool.within(|_| bucket.put(&self.file, id, size, journal))
            }
            Home::Folder(folder) => pool.within(|opened| {
                self.settle()?;
                self.rename(opened, folder, id)?;
                sync_folders(opened, folder, &[id])
            }),
        }
    }

    /// The first step of sealing: read-only, and flushed with its size.
    pub(super) fn settle(&self) -> Result<()> {
        self.protect()?;
        self.file.sync_all().map_err(|error| Error::io("sealing a file", &error))
    }

    /// Makes the file read-only, unless it is somebody's own.
    pub(super) fn protect(&self) -> Result<()> {
        if self.is_linked {
            return Ok(());
        }
        self.file
            .set_permissions(fs::Permissions::from_mode(0o400))
            .map_err(|error| Error::io("sealing a file", &error))
    }

    /// The second step: renamed to its object name, never over another.
    pub(super) fn rename(&self, opened: &Opened, folder: &Folder, id: ObjectId) -> Result<()> {
        rustix::fs::renameat_with(
            CWD,
            opened.part_path(id),
            CWD,
            folder.object_path(id),
            RenameFlags::NOREPLACE,
        )
        .map_err(|error| Error::io("sealing a file", &error.into()))
    }

    /// Reads exactly `buffer.len()` bytes.
    pub fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<()> {
        self.file
            .read_exact_at(buffer, offset)
            .map_err(|error| Error::io("reading a staging file", &error))
    }

    /// Cuts or extends the file to what it holds.
    pub fn set_size(&self, size: u64) -> Result<()> {
        if self.is_linked {
            return Ok(());
        }
        self.file.set_len(size).map_err(|error| Error::io("sizing a staging file", &error))
    }
}

/// The last step of sealing: the names are durable, in the folders of these objects and in that of uploads.
pub(super) fn sync_folders(opened: &Opened, folder: &Folder, ids: &[ObjectId]) -> Result<()> {
    let folders: BTreeSet<_> = ids.iter().map(|&id| folder.object_dir(id)).collect();
    folders.iter().try_for_each(|folder| sync_dir(folder))?;
    opened.sync()
}

fn allocate(file: &File, size: u64) -> std::io::Result<()> {
    if size == 0 {
        return Ok(());
    }
    match rustix::fs::fallocate(file, FallocateFlags::empty(), 0, size) {
        Ok(()) => Ok(()),
        // Some file systems cannot reserve; there a full disk shows only when bytes arrive.
        Err(rustix::io::Errno::OPNOTSUPP) => file.set_len(size),
        Err(error) => Err(error.into()),
    }
}

/// Removes a staging file; one that is gone already is as good. On a disk that is away it stays until a start.
pub fn remove(pool: &PoolDir, id: ObjectId) {
    unlink(&pool.staging_folder().join(part_name(id)));
}

/// Gives sealed bytes a second name in another pool, where both lie on one file system; `None` where they do not.
pub fn link(from: &PoolDir, id: ObjectId, to: &PoolDir, new_id: ObjectId) -> Result<Option<()>> {
    let (Home::Folder(source), Home::Folder(target)) = (from.home(), to.home()) else {
        return Ok(None);
    };
    from.check()?;
    let linked = to.within(|_| link_in(source, id, target, new_id));
    linked.map_err(|error| from.explain(error))
}

fn link_in(source: &Folder, id: ObjectId, target: &Folder, new_id: ObjectId) -> Result<Option<()>> {
    match rustix::fs::link(source.object_path(id), target.object_path(new_id)) {
        Ok(()) => sync_dir(&target.object_dir(new_id)).map(Some),
        Err(error) if is_no_link(error) => Ok(None),
        Err(error) => Err(Error::io("linking an object", &error.into())),
    }
}

/// Does the file system say that it gives no second name here?
pub(super) fn is_no_link(error: rustix::io::Errno) -> bool {
    use rustix::io::Errno;
    matches!(error, Errno::XDEV | Errno::PERM | Errno::OPNOTSUPP | Errno::MLINK)
}

pub(super) fn unlink(path: &std::path::Path) {
    if let Err(error) = fs::remove_file(path)
        && error.kind() != ErrorKind::NotFound
    {
        tracing::warn!(path = %path.display(), %error, "a file could not be removed; the next start tries again");
    }
}

/// Takes a sealed file back to staging, when a crash fell between the rename and its row. What was sent to a bucket is
/// in staging anyway.
pub fn unseal(pool: &PoolDir, id: ObjectId) -> Result<bool> {
    let Home::Folder(folder) = pool.home() else { return Ok(false) };
    let object = folder.object_path(id);
    pool.within(|opened| {
        let back = || -> std::io::Result<()> {
            fs::set_permissions(&object, fs::Permissions::from_mode(0o600))?;
            fs::rename(&object, opened.part_path(id))
        };
        match back() {
            Ok(()) => {
                opened.sync()?;
                sync_dir(&folder.object_dir(id))?;
                Ok(true)
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {
                pool.disk_is_there().map(|()| false)
            }
            Err(error) => Err(Error::io("taking a file back to staging", &error)),
        }
    })
}
