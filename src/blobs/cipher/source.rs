//! Stands between the age crate and the readers and writers of the caller, for three reasons. The crate reads a header
//! without a limit. It reports damage as `io::Error`, so errors of the caller's own must be told from those. And, as
//! the standard library does, it tries again after `ErrorKind::Interrupted`, for ever if that is how a reader says stop.

use std::fmt;
use std::io::{self, BufRead, ErrorKind, Read, Seek, SeekFrom, Write};

use crate::domain::error::{Error, Kind, Result};

use super::{ARMOR, MAGIC};

/// Room for a hundred recipients; a file of ours has one, and a header of a few hundred bytes.
const HEADER_LIMIT_BYTES: usize = 16 * 1024;
const NONCE_BYTES: usize = 16;
const PIECE_BYTES: usize = 4096;

/// What was read of a file to find where its first chunk begins.
pub(super) struct Head {
    /// The header, the nonce, and what happened to be read after them.
    pub bytes: Vec<u8>,
    /// Where the first chunk begins.
    pub end: usize,
}

impl Head {
    pub(super) fn read(source: &mut impl Read) -> Result<Self> {
        let mut bytes = Vec::with_capacity(PIECE_BYTES);
        let mut piece = [0; PIECE_BYTES];
        loop {
            let header = header_end(&bytes)?;
            if let Some(end) = header.map(|end| end + NONCE_BYTES)
                && bytes.len() >= end
            {
                return Ok(Self { bytes, end });
            }
            if header.is_none() && bytes.len() > HEADER_LIMIT_BYTES {
                return Err(Error::new(
                    Kind::ContentLimit,
                    "This file is encrypted for too many recipients. Encrypt it for fewer.",
                ));
            }
            let count = read_some(source, &mut piece)
                .map_err(|error| Error::io("reading an encrypted file", &error))?;
            if count == 0 {
                return Err(corrupt("the file ends within its header"));
            }
            bytes.extend_from_slice(&piece[..count]);
        }
    }
}

/// Where the header ends: after the line that begins with three dashes. Its lines are printable ASCII, so that a header
/// without an end is known before much of the file is read.
fn header_end(head: &[u8]) -> Result<Option<usize>> {
    if head.starts_with(ARMOR) {
        return Err(Error::new(
            Kind::ContentInvalid,
            "This file is encrypted in text form. Encrypt it without --armor.",
        ));
    }
    let known = head.len().min(MAGIC.len());
    if head[..known] != MAGIC[..known] {
        return Err(corrupt("the first line is not that of an age file"));
    }
    let mut end = 0;
    for line in head.split_inclusive(|byte| *byte == b'\n') {
        let text = line.strip_suffix(b"\n");
        if !text.unwrap_or(line).iter().all(|byte| (b' '..=b'~').contains(byte)) {
            return Err(corrupt("the header is not text"));
        }
        end += line.len();
        if text.is_some() && line.starts_with(b"---") {
            return Ok(Some(end));
        }
    }
    Ok(None)
}

pub(super) fn corrupt(reason: impl fmt::Display) -> Error {
    Error::new(
        Kind::ContentCorrupt,
        "This encrypted file is damaged or belongs to another key. Restore it from a backup.",
    )
    .because(reason)
}

/// What an error from a reader of the age crate means: one of the source's own, or damage.
pub(super) fn reading(error: io::Error) -> Error {
    match error.downcast::<Theirs>() {
        Ok(Theirs(error)) => Error::io("reading an encrypted file", &error),
        Err(error) => corrupt(error),
    }
}

/// An error that the caller's reader made.
#[derive(Debug)]
struct Theirs(io::Error);

impl fmt::Display for Theirs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Theirs {}

fn theirs(error: io::Error) -> io::Error {
    io::Error::other(Theirs(error))
}

/// Only the kernel's own interruption is tried again; one that was made up is a wish to stop.
fn again(error: &io::Error) -> bool {
    error.kind() == ErrorKind::Interrupted && error.raw_os_error().is_some()
}

pub(super) fn read_some<R: Read + ?Sized>(source: &mut R, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match source.read(buffer) {
            Err(error) if again(&error) => {}
            other => return other,
        }
    }
}

/// A head that was read already, and the rest of its source. To seek is meant for the rest alone: positions are those
/// of the source, and the head must have been read to its end.
pub(super) struct Spliced<R> {
    head: Vec<u8>,
    taken: usize,
    rest: R,
}

impl<R> Spliced<R> {
    pub(super) fn new(head: Vec<u8>, rest: R) -> Self {
        Self { head, taken: 0, rest }
    }
}

impl<R: Read> Read for Spliced<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let head = &self.head[self.taken..];
        if head.is_empty() {
            return read_some(&mut self.rest, buffer).map_err(theirs);
        }
        let count = head.len().min(buffer.len());
        buffer[..count].copy_from_slice(&head[..count]);
        self.taken += count;
        Ok(count)
    }
}

/// Only for the header, all of which is in the head.
impl<R: Read> BufRead for Spliced<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        Ok(&self.head[self.taken..])
    }

    fn consume(&mut self, count: usize) {
        self.taken += count;
    }
}

impl<R: Seek> Seek for Spliced<R> {
    fn seek(&mut self, position: SeekFrom) -> io::Result<u64> {
        self.rest.seek(position).map_err(theirs)
    }
}

/// The caller's writer. Every write is whole, because the crate takes a short one for a failure while it writes the
/// header; and the first error is kept, because the crate there tells only its text.
pub(super) struct Sink<'a> {
    inner: &'a mut dyn Write,
    failure: Option<io::Error>,
}

impl<'a> Sink<'a> {
    pub(super) fn new(inner: &'a mut dyn Write) -> Self {
        Self { inner, failure: None }
    }

    /// Writes all, or fails with the error of the caller's writer.
    pub(super) fn put(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            match self.inner.write(bytes) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(count) => bytes = &bytes[count..],
                Err(error) if again(&error) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Flushes, or fails with the error of the caller's writer.
    pub(super) fn settle(&mut self) -> io::Result<()> {
        self.inner.flush()
    }

    /// What stopped the crate, if it was this.
    pub(super) fn failure(self) -> Option<io::Error> {
        self.failure
    }

    fn keep(&mut self, outcome: io::Result<()>) -> io::Result<()> {
        outcome.map_err(|error| {
            self.failure = Some(error);
            io::Error::other("the writer failed")
        })
    }
}

impl Write for Sink<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let outcome = self.put(bytes);
        self.keep(outcome).map(|()| bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let outcome = self.settle();
        self.keep(outcome)
    }
}
