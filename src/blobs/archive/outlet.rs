//! The one way out of an archive: counts what comes, holds the limits, lets through only safe paths.

use std::io::Read;

use super::read::{Head, Limits, Visitor, Wanted};
use super::{PIECE, decoding, invalid, limit, names};
use crate::domain::error::Result;

/// Below this no ratio is judged: a small file of zeros is no bomb.
const RATIO_FREE_BYTES: u64 = 10 * 1024 * 1024;

/// What an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    File,
    Folder,
    /// Something that is not extracted, and why.
    Other(&'static str),
}

/// Where the content of an entry goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// To the visitor.
    Give,
    /// Nowhere, but it counts: it was extracted before an interruption.
    Count,
    /// Nowhere.
    Drop,
}

pub struct Outlet<'a> {
    visitor: &'a mut dyn Visitor,
    limits: &'a Limits,
    archive_bytes: u64,
    entries: u64,
    /// Bytes of files.
    content: u64,
    /// All bytes that decoders gave, with those nobody sees.
    came_out: u64,
    piece: Vec<u8>,
}

impl<'a> Outlet<'a> {
    pub fn new(visitor: &'a mut dyn Visitor, limits: &'a Limits, archive_bytes: u64) -> Self {
        let piece = vec![0; PIECE];
        Self { visitor, limits, archive_bytes, entries: 0, content: 0, came_out: 0, piece }
    }

    pub fn limits(&self) -> &'a Limits {
        self.limits
    }

    /// Counts an entry and asks the visitor about it.
    pub fn begin(
        &mut self,
        name: &str,
        what: What,
        size: Option<u64>,
        modified_ms: Option<i64>,
    ) -> Result<Way> {
        let index = self.entries;
        self.entries += 1;
        check_entries(self.entries, self.limits)?;
        // Many tar archives begin with "./".
        if what == What::Folder && name.split('/').all(|part| matches!(part, "" | ".")) {
            return Ok(Way::Drop);
        }
        let path = match (what, names::path(name, self.limits.depth)) {
            (What::Other(why), _) | (_, Err(why)) => {
                self.visitor.skipped(&names::shortened(name), why)?;
                return Ok(Way::Drop);
            }
            (_, Ok(path)) => path,
        };
        if what == What::Folder {
            self.visitor.folder(&path)?;
            return Ok(Way::Drop);
        }
        match self.visitor.entry(&Head { index, path, size, modified_ms })? {
            Wanted::Content => Ok(Way::Give),
            Wanted::Pass => Ok(Way::Count),
        }
    }

    pub fn piece(&mut self, bytes: &[u8], way: Way) -> Result<()> {
        let count = bytes.len() as u64;
        self.came_out += count;
        let allowed = self.limits.ratio.saturating_mul(self.archive_bytes);
        if self.came_out > RATIO_FREE_BYTES && self.came_out > allowed {
            return Err(limit(format!(
                "The archive grows to more than {} times its size, which is taken for an attack.",
                self.limits.ratio
            )));
        }
        if way != Way::Drop {
            self.count(count)?;
        }
        if way == Way::Give {
            self.visitor.bytes(bytes)?;
        }
        Ok(())
    }

    /// Content that need not be decoded to be passed over.
    pub fn passed(&mut self, size: u64) -> Result<()> {
        self.count(size)
    }

    fn count(&mut self, count: u64) -> Result<()> {
        self.content = self.content.saturating_add(count);
        if self.content > self.limits.total_bytes {
            return Err(limit(format!(
                "The archive unpacks to more than the {} bytes that are allowed here.",
                self.limits.total_bytes
            ))
            .with("limit", self.limits.total_bytes));
        }
        Ok(())
    }

    /// The next `count` bytes of a stream, all of them.
    pub fn exactly(
        &mut self,
        stream: &mut dyn Read,
        count: u64,
        name: &str,
        way: Way,
    ) -> Result<()> {
        if self.drain(&mut stream.take(count), name, way)? < count {
            return Err(invalid(Some(name), "the archive ends before its content"));
        }
        Ok(())
    }

    /// All of a stream; gives the number of bytes.
    pub fn drain(&mut self, stream: &mut dyn Read, name: &str, way: Way) -> Result<u64> {
        let mut buffer = std::mem::take(&mut self.piece);
        buffer.resize(PIECE, 0);
        let mut total = 0;
        loop {
            let count = stream.read(&mut buffer).map_err(|error| decoding(Some(name), &error))?;
            if count == 0 {
                break;
            }
            total += count as u64;
            self.piece(&buffer[..count], way)?;
        }
        self.piece = buffer;
        Ok(total)
    }

    /// The entry's content was whole and right.
    pub fn end(&mut self, way: Way) -> Result<()> {
        match way {
            Way::Give => self.visitor.entry_end(),
            Way::Count | Way::Drop => Ok(()),
        }
    }
}

/// Refuses archives of too many entries, as soon as their number is known.
pub fn check_entries(count: u64, limits: &Limits) -> Result<()> {
    if count <= limits.entries {
        return Ok(());
    }
    Err(limit(format!(
        "The archive has more than {} entries. Split it, or unpack it elsewhere.",
        limits.entries
    ))
    .with("limit", limits.entries))
}
