//! The writer of all formats: entries one by one, each boundary a place to stop and go on.

use std::io::{Read, Write};

use serde::{Deserialize, Serialize};

use super::pack::Packer;
use super::tar::write::Tape;
use super::zip::write::Zip;
use super::{Format, PIECE};
use crate::domain::error::{Error, Result};

/// One file to put into an archive.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// Relative, `/` between its parts; see [`super::names::safe_name`].
    pub name: &'a str,
    /// Bytes that the content will yield, neither fewer nor more.
    pub size: u64,
    /// Milliseconds since 1970.
    pub modified_ms: Option<i64>,
}

/// What must be kept of an entry until the archive ends: its row in zip's central directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Written {
    pub name: String,
    pub size: u64,
    pub modified_ms: Option<i64>,
    /// Where the entry begins in the archive. Only zip fills this and the fields below.
    pub offset: u64,
    /// Bytes of content in the archive, with what encryption adds.
    pub compressed: u64,
    pub crc32: u32,
}

/// Encrypts zip entries (AES-256, WinZip AE-2). The seed makes the salts: one archive, one random seed, kept while
/// the archive is being written, so that going on gives the same bytes.
#[derive(Clone)]
pub struct ZipSecret {
    pub password: String,
    pub seed: [u8; 32],
}

impl std::fmt::Debug for ZipSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ZipSecret")
    }
}

/// Writes one archive. After an error it is of no use any more; go on from the last boundary with a new one.
pub struct Writer<W> {
    sink: Sink<W>,
    form: Form,
    /// Entries in the archive.
    count: u64,
    piece: Vec<u8>,
    failed: bool,
}

enum Form {
    Zip(Box<Zip>),
    Tape(Box<Tape>),
}

/// The way out, with the position in the archive.
pub(super) struct Sink<W> {
    inner: W,
    offset: u64,
}

impl<W: Write> Sink<W> {
    pub fn offset(&self) -> u64 {
        self.offset
    }

    pub fn put(&mut self, bytes: &[u8]) -> Result<()> {
        let mut left = bytes;
        while !left.is_empty() {
            let written = match self.inner.write(&left[..left.len().min(PIECE)]) {
                Ok(0) => Err(std::io::ErrorKind::WriteZero.into()),
                result => result,
            };
            let written = written.map_err(|error| Error::io("writing an archive", &error))?;
            self.offset += written as u64;
            left = &left[written..];
        }
        Ok(())
    }
}

/// An entry's content, in full pieces however short the reads were, so that compression sees the same pieces each time.
pub(super) struct Content<'a> {
    reader: &'a mut dyn Read,
    piece: &'a mut [u8],
    left: u64,
    name: &'a str,
}

impl Content<'_> {
    /// The next piece, or `None` when exactly the promised bytes have come.
    pub fn next(&mut self) -> Result<Option<&mut [u8]>> {
        if self.left == 0 {
            return match self.fill(1)? {
                0 => Ok(None),
                _ => Err(self.unlike("more")),
            };
        }
        let wanted = usize::try_from(self.left).map_or(PIECE, |left| left.min(PIECE));
        if self.fill(wanted)? < wanted {
            return Err(self.unlike("fewer"));
        }
        self.left -= wanted as u64;
        Ok(Some(&mut self.piece[..wanted]))
    }

    fn fill(&mut self, wanted: usize) -> Result<usize> {
        let mut filled = 0;
        while filled < wanted {
            let count = self
                .reader
                .read(&mut self.piece[filled..wanted])
                .map_err(|error| Error::io("reading a file for an archive", &error))?;
            if count == 0 {
                break;
            }
            filled += count;
        }
        Ok(filled)
    }

    fn unlike(&self, how: &str) -> Error {
        Error::internal(format!("{} has {how} bytes than its row says", self.name))
    }
}

impl<W: Write> Writer<W> {
    /// `level` is 0 (fast) to 9 (small); only zip takes a password.
    pub fn new(sink: W, format: Format, level: u32, secret: Option<ZipSecret>) -> Result<Self> {
        Self::resume(sink, format, level, secret, 0, 0)
    }

    /// Goes on at a boundary: `sink` stands at byte `offset` of the archive, and `count` entries are in it.
    pub fn resume(
        sink: W,
        format: Format,
        level: u32,
        secret: Option<ZipSecret>,
        offset: u64,
        count: u64,
    ) -> Result<Self> {
        if level > 9 {
            return Err(Error::invalid("level", "level must be 0 (fast) to 9 (small)."));
        }
        if secret.is_some() && format != Format::Zip {
            return Err(Error::invalid(
                "password",
                "Only zip archives take a password. Choose zip, or encrypt the archive afterwards.",
            ));
        }
        let form = match format {
            Format::Zip => Form::Zip(Box::new(Zip::new(level, secret))),
            Format::Tar => Form::Tape(Box::new(Tape::new(Packer::Plain))),
            Format::TarGz => Form::Tape(Box::new(Tape::new(Packer::gzip(level)))),
            Format::TarZst => Form::Tape(Box::new(Tape::new(Packer::zstd(level)))),
        };
        let sink = Sink { inner: sink, offset };
        Ok(Self { sink, form, count, piece: vec![0; PIECE], failed: false })
    }

    /// Puts one entry into the archive. Content that is longer or shorter than the entry says is an error.
    pub fn add(&mut self, entry: &Entry, content: &mut dyn Read) -> Result<Written> {
        if self.failed {
            return Err(Error::internal("an archive was written to after an error"));
        }
        // Until the entry is whole there is nothing to go on from.
        self.failed = true;
        let mut content =
            Content { reader: content, piece: &mut self.piece, left: entry.size, name: entry.name };
        let written = match &mut self.form {
            Form::Zip(zip) => zip.add(&mut self.sink, self.count, entry, &mut content)?,
            Form::Tape(tape) => tape.add(&mut self.sink, entry, &mut content)?,
        };
        self.count += 1;
        self.failed = false;
        Ok(written)
    }

    /// What the archive is written to.
    pub fn get_ref(&self) -> &W {
        &self.sink.inner
    }

    pub fn get_mut(&mut self) -> &mut W {
        &mut self.sink.inner
    }

    /// The offset at which the archive may be stopped and gone on with; everything before it is in the sink. `None`
    /// while a compressed stream of a tar archive is open: it ends after the entry that makes it 8 MiB long.
    pub fn boundary(&self) -> Option<u64> {
        let at_rest = match &self.form {
            Form::Zip(_) => true,
            Form::Tape(tape) => tape.is_at_rest(),
        };
        (at_rest && !self.failed).then_some(self.sink.offset)
    }

    /// Ends the archive. `entries` are all that were added, in their order, those before an interruption too.
    pub fn finish(mut self, entries: &mut dyn Iterator<Item = Result<Written>>) -> Result<W> {
        if self.failed {
            return Err(Error::internal("an archive was ended after an error"));
        }
        match &mut self.form {
            Form::Zip(zip) => zip.finish(&mut self.sink, self.count, entries)?,
            Form::Tape(tape) => tape.finish(&mut self.sink)?,
        }
        self.sink.inner.flush().map_err(|error| Error::io("writing an archive", &error))?;
        Ok(self.sink.inner)
    }
}

#[cfg(test)]
impl Writer<Vec<u8>> {
    /// What has reached the sink, whole or not.
    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.sink.inner
    }
}
