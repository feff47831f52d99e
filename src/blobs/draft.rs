//! An object that a task writes from its beginning to its end: hashed as it is written, sealed when it is whole. A
//! draft that was kept can be gone on with after an interruption.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;
use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use super::bucket::Journal;
use super::ledger::{self, BlockHasher};
use super::pool::{Home, Opened, PoolDir};
use super::staging::{self, Staging};
use crate::domain::chunks::MIB;
use crate::domain::digest::Digest;
use crate::domain::error::{Error, Result};
use crate::domain::id::ObjectId;

/// The kernel is asked to begin writing each time this much has come.
const WRITEBACK_BYTES: u64 = 4 * MIB;
/// The room on the disk is looked at each time this much has come.
const ROOM_BYTES: u64 = 64 * MIB;
const READ_BYTES: usize = 256 * 1024;

/// What is known of a draft's bytes at its end.
pub struct Facts {
    pub size: u64,
    pub sha256: Digest,
    pub blake3: Digest,
    pub block_size: u64,
    /// BLAKE3 chaining value of each block, 32 bytes each.
    pub blocks: Vec<u8>,
}

/// Removed when it is dropped, unless it was sealed or kept.
pub struct Draft {
    pool: Arc<PoolDir>,
    id: ObjectId,
    staging: Staging,
    size: u64,
    fresh: u64,
    sha256: Sha256,
    blocks: BlockHasher,
    stays: bool,
}

impl Draft {
    pub fn create(pool: &Arc<PoolDir>) -> Result<Self> {
        let id = ObjectId::generate();
        let staging = Staging::create_growing(pool, id, 0)?;
        Ok(Self::of(pool, id, staging))
    }

    /// The first `size` bytes of a draft that was kept; what was written after them is cut off. `None` when it is gone.
    pub fn reopen(pool: &Arc<PoolDir>, id: ObjectId, size: u64) -> Result<Option<Self>> {
        let Some(staging) = Staging::open(pool, id)? else { return Ok(None) };
        if staging.size()? < size {
            staging::remove(pool, id);
            return Ok(None);
        }
        staging.set_size(size)?;
        let mut draft = Self::of(pool, id, staging);
        draft.hash_to(size)?;
        Ok(Some(draft))
    }

    /// A draft over a second name of a file outside, which stays as it is; `None` where there can be none.
    pub(super) fn linked(pool: &Arc<PoolDir>, source: &Path) -> Result<Option<Self>> {
        let id = ObjectId::generate();
        let Some(staging) = Staging::link(pool, id, source)? else { return Ok(None) };
        let mut draft = Self::of(pool, id, staging);
        draft.hash_to(draft.staging.size()?)?;
        Ok(Some(draft))
    }

    /// Takes the bytes of another file by sharing its blocks; false where the file system cannot.
    pub(super) fn share(&mut self, source: &File) -> Result<bool> {
        if super::bring::reflink(self.staging.file(), source)? {
            self.hash_to(self.staging.size()?)?;
            return Ok(true);
        }
        Ok(false)
    }

    pub(super) fn file(&self) -> &File {
        self.staging.file()
    }

    /// Reads what is in the file already, up to there.
    fn hash_to(&mut self, size: u64) -> Result<()> {
        let mut buffer = vec![0; READ_BYTES];
        while self.size < size {
            let length = READ_BYTES.min((size - self.size) as usize);
            self.staging.read_at(&mut buffer[..length], self.size)?;
            self.hash(&buffer[..length]);
        }
        Ok(())
    }

    fn of(pool: &Arc<PoolDir>, id: ObjectId, staging: Staging) -> Self {
        Self {
            pool: pool.clone(),
            id,
            staging,
            size: 0,
            fresh: 0,
            sha256: Sha256::new(),
            blocks: BlockHasher::new(MIB, 0),
            stays: false,
        }
    }

    pub fn id(&self) -> ObjectId {
        self.id
    }

    pub fn size(&self) -> u64 {
        self.size
    }

    fn hash(&mut self, bytes: &[u8]) {
        self.sha256.update(bytes);
        self.blocks.update(bytes);
        self.size += bytes.len() as u64;
    }

    /// Reads what was written, from the beginning.
    pub fn reader(&self) -> impl Read + use<'_> {
        DraftReader { draft: self, at: 0 }
    }

    /// Returns when everything written so far is on the disk.
    pub fn flush_to_disk(&self) -> Result<()> {
        let since = self.staging.since();
        self.staging.flush(since)?;
        self.pool.within(Opened::sync)
    }

    /// The file stays when this is dropped, to be gone on with.
    pub fn keep(&mut self) {
        self.stays = true;
    }

    /// Hashes of the whole; the next step is [`Draft::seal`].
    pub fn facts(&self) -> Result<Facts> {
        let blocks = self.blocks.clone().finish_whole();
        Ok(Facts {
            size: self.size,
            sha256: Digest(self.sha256.clone().finalize().into()),
            blake3: ledger::merge(&blocks, MIB, self.size)?,
            block_size: MIB,
            blocks,
        })
    }

    /// Makes several drafts of one pool objects that survive a power cut. Their bytes are flushed one after the other,
    /// each folder once. Not for a pool that is remote.
    pub fn seal_all(drafts: Vec<Self>) -> Result<()> {
        let Some(pool) = drafts.first().map(|draft| draft.pool.clone()) else { return Ok(()) };
        let Home::Folder(folder) = pool.home() else {
            return Err(Error::internal("drafts of a bucket are sealed one by one"));
        };
        pool.within(|opened| {
            for draft in &drafts {
                draft.staging.set_size(draft.size)?;
                draft.staging.settle()?;
            }
            let mut ids = Vec::new();
            for mut draft in drafts {
                draft.staging.rename(opened, folder, draft.id)?;
                draft.stays = true;
                ids.push(draft.id);
            }
            staging::sync_folders(opened, folder, &ids)
        })
    }

    /// The same by one flush of the whole file system: for many small files, while little else is being written. Nothing
    /// may show them before this returns; until then a crash leaves names over bytes that are not there.
    pub fn seal_together(drafts: Vec<Self>) -> Result<()> {
        let Some(pool) = drafts.first().map(|draft| draft.pool.clone()) else { return Ok(()) };
        if !syncfs_tells() {
            return Self::seal_all(drafts);
        }
        let Home::Folder(folder) = pool.home() else {
            return Err(Error::internal("drafts of a bucket are sealed one by one"));
        };
        pool.within(|opened| {
            for mut draft in drafts {
                draft.staging.set_size(draft.size)?;
                draft.staging.protect()?;
                draft.staging.rename(opened, folder, draft.id)?;
                draft.stays = true;
            }
            // This folder is open since before the first byte was written, so whatever failed since is told here.
            rustix::fs::syncfs(&opened.uploads_dir)
                .map_err(|error| Error::io("flushing the file system", &error.into()))
        })
    }

    /// Makes it an object that survives a power cut. What was sent to a bucket leaves the local disk.
    pub fn seal(mut self, journal: &mut dyn Journal) -> Result<()> {
        self.staging.set_size(self.size)?;
        self.staging.seal(&self.pool, self.id, journal)?;
        self.stays = !self.pool.is_remote();
        Ok(())
    }

    fn take(&mut self, bytes: &[u8]) -> Result<()> {
        if self.size % ROOM_BYTES + bytes.len() as u64 >= ROOM_BYTES
            && self.pool.staging_room()? < ROOM_BYTES
        {
            return Err(Error::disk_full());
        }
        self.staging
            .write_slice_at(bytes, self.size)
            .map_err(|error| self.pool.explain_staging(error))?;
        self.hash(bytes);
        self.fresh += bytes.len() as u64;
        if self.fresh >= WRITEBACK_BYTES {
            self.start_writeback();
        }
        Ok(())
    }

    /// Asks the kernel to begin writing what is new, so that the flush at the end is short.
    pub fn start_writeback(&mut self) {
        self.staging.start_writeback(self.size - self.fresh, self.fresh);
        self.fresh = 0;
    }
}

/// Does this kernel say what went wrong in a flush of a whole file system? It does from 5.8 on; see syncfs(2).
fn syncfs_tells() -> bool {
    let release = rustix::system::uname().release().to_string_lossy().into_owned();
    let mut numbers = release.split(['.', '-']).map(|part| part.parse::<u32>().unwrap_or(0));
    (numbers.next(), numbers.next()) >= (Some(5), Some(8))
}

struct DraftReader<'a> {
    draft: &'a Draft,
    at: u64,
}

impl Read for DraftReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.draft.size - self.at;
        let length = usize::try_from(left).map_or(buffer.len(), |left| left.min(buffer.len()));
        self.draft.staging.read_at(&mut buffer[..length], self.at).map_err(io::Error::other)?;
        self.at += length as u64;
        Ok(length)
    }
}

/// A failure carries the error of the domain inside; [`error_of`] takes it out.
impl Write for Draft {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.take(bytes).map_err(io::Error::other)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if !self.stays {
            staging::remove(&self.pool, self.id);
        }
    }
}

/// The error that one of our own readers or writers put into an I/O error; or what that error itself says.
pub fn error_of(doing: &str, error: io::Error) -> Error {
    match error.downcast::<Error>() {
        Ok(own) => own,
        Err(plain) => Error::io(doing, &plain),
    }
}

/// Copies to the end in pieces.
pub fn copy(source: &mut dyn Read, sink: &mut dyn Write) -> io::Result<u64> {
    let mut buffer = vec![0; READ_BYTES];
    let mut copied = 0;
    loop {
        let length = match source.read(&mut buffer) {
            Ok(0) => return Ok(copied),
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        sink.write_all(&buffer[..length])?;
        copied += length as u64;
    }
}
