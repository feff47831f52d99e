//! Reading sealed objects, from a folder or from a bucket; held against their block hashes where that is wanted.

use std::fs::File;
use std::io::{self, ErrorKind, IoSliceMut, Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use rustix::io::{Errno, ReadWriteFlags};
use tokio::sync::OwnedSemaphorePermit;

use super::bucket::{Bucket, Fetch};
use super::ledger;
use super::pool::{Home, PoolDir};
use crate::domain::chunks::MIB;
use crate::domain::error::{Error, Kind, Result};
use crate::domain::id::ObjectId;

/// Bytes asked of a server at once: at least, at first and after a jump; and at most, while somebody reads on.
const WINDOW_MIN: u64 = 64 * 1024;
const WINDOW_MAX: u64 = 2 * MIB;

/// An open object. Reads name their position, so that one reader serves several ranges.
#[derive(Debug)]
pub struct Reader {
    pool: Arc<PoolDir>,
    id: ObjectId,
    size: u64,
    source: Source,
    checked: Option<Checked>,
}

#[derive(Debug)]
enum Source {
    File(File),
    /// Of a bucket: what came last, and what is on its way behind it.
    Window(Mutex<Window>),
}

#[derive(Debug)]
struct Window {
    at: u64,
    bytes: Bytes,
    next: Option<(u64, u64, Fetch)>,
    length: u64,
    ahead: Option<OwnedSemaphorePermit>,
}

/// What the bytes are held against, with the block that was read last.
#[derive(Debug)]
struct Checked {
    block_size: u64,
    blocks: Vec<u8>,
    last: Mutex<Option<(u64, Arc<Vec<u8>>)>>,
}

/// What is in memory of a file.
pub enum Cached {
    Bytes(Vec<u8>),
    /// Nothing of it; somebody has to wait for the disk.
    Elsewhere,
    /// Nobody can tell: this file system does not, it lies at a server, or it is held against its hashes first.
    Unknown,
}

impl Reader {
    /// Opens an object and checks that it has the size its row says; in a bucket with the first bytes.
    pub fn open(pool: &Arc<PoolDir>, id: ObjectId, size: u64) -> Result<Self> {
        let source = pool.within(|_| match pool.home() {
            Home::Folder(folder) => {
                let file = File::open(folder.object_path(id))
                    .map_err(|error| Error::io(&format!("opening object {id}"), &error))?;
                let actual = file
                    .metadata()
                    .map_err(|error| Error::io("looking at an object", &error))?
                    .len();
                if actual != size {
                    return Err(Error::internal(format!(
                        "object {id} has {actual} bytes on disk instead of {size}"
                    )));
                }
                Ok(Source::File(file))
            }
            Home::Bucket(_) => Ok(Source::Window(Mutex::new(Window {
                at: 0,
                bytes: Bytes::new(),
                next: None,
                length: WINDOW_MIN,
                ahead: None,
            }))),
        })?;
        Ok(Self { pool: pool.clone(), id, size, source, checked: None })
    }

    /// Nothing is given out from now on that does not have the hash of its block (32 bytes each).
    pub fn checked(mut self, block_size: u64, blocks: Vec<u8>) -> Self {
        self.checked = Some(Checked { block_size, blocks, last: Mutex::default() });
        self
    }

    /// From the beginning to the end, or from wherever it is sought to.
    pub fn into_stream(self) -> Stream {
        Stream { reader: self, at: 0 }
    }

    /// The bytes from there on that are in memory already, at most `length`.
    pub fn read_cached(&self, offset: u64, length: usize) -> Cached {
        let (Source::File(file), None) = (&self.source, &self.checked) else {
            return Cached::Unknown;
        };
        let mut buffer = vec![0; length];
        let slices = &mut [IoSliceMut::new(&mut buffer)];
        match rustix::io::preadv2(file, slices, offset, ReadWriteFlags::NOWAIT) {
            Ok(read @ 1..) => {
                buffer.truncate(read);
                Cached::Bytes(buffer)
            }
            Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL) => Cached::Unknown,
            // An end or an error shows when it is read for good.
            _ => Cached::Elsewhere,
        }
    }

    pub fn read(&self, offset: u64, length: usize) -> Result<Vec<u8>> {
        let mut buffer = vec![0; length];
        self.read_at(&mut buffer, offset)?;
        Ok(buffer)
    }

    /// Fills the whole buffer from `offset` on.
    pub fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<()> {
        match &self.checked {
            None => self.read_raw(buffer, offset),
            Some(checked) => self.read_checked(checked, buffer, offset),
        }
    }

    fn read_raw(&self, buffer: &mut [u8], offset: u64) -> Result<()> {
        let read = match (&self.source, self.pool.home()) {
            (Source::File(file), _) => file
                .read_exact_at(buffer, offset)
                .map_err(|error| Error::io("reading an object", &error)),
            (Source::Window(window), Home::Bucket(bucket)) => {
                self.pool.check()?;
                let mut window = window.lock().unwrap_or_else(PoisonError::into_inner);
                window.read_at(bucket, self.id, self.size, buffer, offset)
            }
            (Source::Window(_), Home::Folder(_)) => Err(Error::internal("a folder has no window")),
        };
        read.map_err(|error| self.pool.explain(error))
    }

    fn read_checked(&self, checked: &Checked, buffer: &mut [u8], offset: u64) -> Result<()> {
        let mut filled = 0;
        while filled < buffer.len() {
            let at = offset + filled as u64;
            let (index, within) = (at / checked.block_size, (at % checked.block_size) as usize);
            let block = self.block(checked, index)?;
            let piece = block.get(within..).unwrap_or_default();
            let length = piece.len().min(buffer.len() - filled);
            if length == 0 {
                return Err(Error::internal(format!("object {} ends before {at}", self.id)));
            }
            buffer[filled..filled + length].copy_from_slice(&piece[..length]);
            filled += length;
        }
        Ok(())
    }

    fn block(&self, checked: &Checked, index: u64) -> Result<Arc<Vec<u8>>> {
        let mut last = checked.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, block)) = &*last
            && *known == index
        {
            return Ok(block.clone());
        }
        let begin = index * checked.block_size;
        let length = checked.block_size.min(self.size.saturating_sub(begin)) as usize;
        let mut block = vec![0; length];
        self.read_raw(&mut block, begin)?;
        if !ledger::is_block(&checked.blocks, checked.block_size, self.size, index, &block) {
            tracing::error!(
                object.id = %self.id, block = index, pool = self.pool.name,
                "a block of an object no longer has its hash; nothing of it is sent",
            );
            return Err(Error::new(
                Kind::ContentCorrupt,
                "The stored bytes of this file are damaged and were not sent. Restore it from a backup.",
            )
            .with("block", index));
        }
        let block = Arc::new(block);
        *last = Some((index, block.clone()));
        Ok(block)
    }
}

impl Window {
    fn read_at(
        &mut self,
        bucket: &Bucket,
        id: ObjectId,
        size: u64,
        buffer: &mut [u8],
        offset: u64,
    ) -> Result<()> {
        if offset + buffer.len() as u64 > size {
            return Err(Error::internal(format!("object {id} has {size} bytes only")));
        }
        let mut filled = 0;
        while filled < buffer.len() {
            let at = offset + filled as u64;
            if !(self.at..self.at + self.bytes.len() as u64).contains(&at) {
                self.turn(bucket, id, size, at, (buffer.len() - filled) as u64)?;
            }
            let piece = &self.bytes[(at - self.at) as usize..];
            let length = piece.len().min(buffer.len() - filled);
            buffer[filled..filled + length].copy_from_slice(&piece[..length]);
            filled += length;
        }
        Ok(())
    }

    /// Gets the bytes at `at`, of which so many are wanted. Whoever reads on gets more each time, and what comes next is
    /// asked for early.
    fn turn(
        &mut self,
        bucket: &Bucket,
        id: ObjectId,
        size: u64,
        at: u64,
        wanted: u64,
    ) -> Result<()> {
        let reads_on = at > 0 && at == self.at + self.bytes.len() as u64;
        if reads_on && self.ahead.is_none() {
            self.ahead = bucket.may_read_ahead();
        }
        self.length = match (reads_on, &self.ahead) {
            (true, Some(_)) => (self.length * 2).max(wanted).min(WINDOW_MAX),
            _ => wanted.clamp(WINDOW_MIN, WINDOW_MAX),
        };
        let fetch = match self.next.take() {
            Some((begin, end, fetch)) if begin == at => (end, fetch),
            _ => {
                let end = size.min(at + self.length);
                (end, bucket.fetch(id, size, at..end)?)
            }
        };
        let (end, fetch) = fetch;
        if self.ahead.is_some() && end < size {
            let beyond = size.min(end + self.length);
            self.next = Some((end, beyond, bucket.fetch(id, size, end..beyond)?));
        }
        self.bytes = Bytes::new();
        self.bytes = fetch.wait()?;
        self.at = at;
        Ok(())
    }
}

/// An object read from one end to the other, or from where it is sought to. A failure carries the error of the domain
/// inside; [`super::draft::error_of`] takes it out.
#[derive(Debug)]
pub struct Stream {
    reader: Reader,
    at: u64,
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.reader.size.saturating_sub(self.at);
        let length = usize::try_from(left).map_or(buffer.len(), |left| left.min(buffer.len()));
        self.reader.read_at(&mut buffer[..length], self.at).map_err(io::Error::other)?;
        self.at += length as u64;
        Ok(length)
    }
}

impl Seek for Stream {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let (from, by) = match to {
            SeekFrom::Start(at) => {
                self.at = at;
                return Ok(at);
            }
            SeekFrom::End(by) => (self.reader.size, by),
            SeekFrom::Current(by) => (self.at, by),
        };
        self.at =
            from.checked_add_signed(by).ok_or_else(|| io::Error::from(ErrorKind::InvalidInput))?;
        Ok(self.at)
    }
}
