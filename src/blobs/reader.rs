//! Reading sealed objects.

use std::fs::File;
use std::io::IoSliceMut;
use std::os::unix::fs::FileExt;

use rustix::io::{Errno, ReadWriteFlags};

use super::PoolDir;
use crate::domain::error::{Error, Result};
use crate::domain::id::ObjectId;

/// An open object. Reads name their position, so that one reader serves several ranges.
#[derive(Debug)]
pub struct Reader {
    file: File,
}

/// What is in memory of a file.
pub enum Cached {
    Bytes(Vec<u8>),
    /// Nothing of it; somebody has to wait for the disk.
    Elsewhere,
    /// This file system cannot tell.
    Unknown,
}

impl Reader {
    /// Opens an object and checks that it has the size its row says.
    pub fn open(pool: &PoolDir, id: ObjectId, size: u64) -> Result<Self> {
        let file = File::open(pool.object_path(id))
            .map_err(|error| Error::io(&format!("opening object {id}"), &error))?;
        let actual =
            file.metadata().map_err(|error| Error::io("looking at an object", &error))?.len();
        if actual != size {
            return Err(Error::internal(format!(
                "object {id} has {actual} bytes on disk instead of {size}"
            )));
        }
        Ok(Self { file })
    }

    /// From the beginning to the end, or from wherever it is sought to.
    pub fn into_stream(self) -> File {
        self.file
    }

    /// The bytes from there on that are in memory already, at most `length`.
    pub fn read_cached(&self, offset: u64, length: usize) -> Cached {
        let mut buffer = vec![0; length];
        let slices = &mut [IoSliceMut::new(&mut buffer)];
        match rustix::io::preadv2(&self.file, slices, offset, ReadWriteFlags::NOWAIT) {
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
        self.file
            .read_exact_at(&mut buffer, offset)
            .map_err(|error| Error::io("reading an object", &error))?;
        Ok(buffer)
    }
}
