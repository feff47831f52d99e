//! The archive file beneath all readers: buffered, cheap to seek in, and with a memory for its own failures.
//!
//! Decoders turn every error into their own; without that memory a broken disk, or a task that is being paused,
//! would look like a damaged archive.

use std::io::{self, BufRead, Read, Seek, SeekFrom};

use super::PIECE;
use crate::domain::error::{Error, Result};

/// Reads `size` bytes of `inner`, which starts at its position 0.
pub(super) struct Source<R> {
    inner: R,
    size: u64,
    /// Where the next byte is read from.
    position: u64,
    /// Where `inner` stands; `None` before its first seek.
    inner_position: Option<u64>,
    window: Box<[u8]>,
    window_start: u64,
    window_length: usize,
    failure: Option<io::Error>,
}

impl<R: Read + Seek> Source<R> {
    pub fn new(inner: R, size: u64) -> Self {
        let window = vec![0; PIECE].into_boxed_slice();
        Self {
            inner,
            size,
            position: 0,
            inner_position: None,
            window,
            window_start: 0,
            window_length: 0,
            failure: None,
        }
    }

    pub fn size(&self) -> u64 {
        self.size
    }

    /// Goes to an offset from the start; beyond the end there is nothing to read.
    pub fn go_to(&mut self, position: u64) {
        self.position = position;
    }

    /// Up to `length` bytes at `position`: fewer only at the end of the file.
    pub fn read_at(&mut self, position: u64, length: usize) -> io::Result<Vec<u8>> {
        self.go_to(position);
        let mut bytes = Vec::new();
        self.take(length as u64).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// Replaces whatever a decoder made of a failure of the file by the failure itself.
    pub fn settle<T>(&mut self, result: Result<T>) -> Result<T> {
        match (result, self.failure.take()) {
            (Err(_), Some(failure)) => Err(Error::io("reading an archive", &failure)),
            (result, _) => result,
        }
    }

    fn offset_in_window(&self) -> Option<usize> {
        let offset = self.position.checked_sub(self.window_start)?;
        usize::try_from(offset).ok().filter(|offset| *offset < self.window_length)
    }

    fn refill(&mut self) -> io::Result<()> {
        if self.inner_position != Some(self.position) {
            self.inner.seek(SeekFrom::Start(self.position))?;
        }
        let left = self.size.saturating_sub(self.position);
        let length = usize::try_from(left).map_or(PIECE, |left| left.min(PIECE));
        self.window_start = self.position;
        self.window_length = 0;
        self.window_length = self.inner.read(&mut self.window[..length])?;
        self.inner_position = Some(self.position + self.window_length as u64);
        Ok(())
    }
}

impl<R: Read + Seek> BufRead for Source<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.failure.is_some() {
            return Err(io::Error::other("the archive file failed before"));
        }
        if self.offset_in_window().is_none()
            && self.position < self.size
            && let Err(error) = self.refill()
        {
            self.inner_position = None;
            let text = error.to_string();
            self.failure = Some(error);
            return Err(io::Error::other(text));
        }
        let offset = self.offset_in_window().unwrap_or(self.window_length);
        Ok(&self.window[offset..self.window_length])
    }

    fn consume(&mut self, amount: usize) {
        self.position += amount as u64;
    }
}

impl<R: Read + Seek> Read for Source<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let ready = self.fill_buf()?;
        let length = ready.len().min(into.len());
        into[..length].copy_from_slice(&ready[..length]);
        self.consume(length);
        Ok(length)
    }
}

impl<R: Read + Seek> Seek for Source<R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::End(by) => self.size.checked_add_signed(by),
            SeekFrom::Current(by) => self.position.checked_add_signed(by),
        };
        let Some(position) = position else {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "a position before the start"));
        };
        self.go_to(position);
        Ok(position)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;
    use crate::domain::error::Kind;

    #[test]
    fn it_reads_what_is_there_wherever_it_is_sent() {
        let bytes: Vec<u8> = (0..600_000_u32).map(|n| n.to_le_bytes()[0]).collect();
        let mut source = Source::new(Cursor::new(&bytes), bytes.len() as u64 - 1);
        for (at, length) in [(0, 10), (599_990, 100), (5, 300_000), (262_143, 2), (700_000, 1)] {
            let from = at.min(bytes.len() - 1);
            let until = (at + length).min(bytes.len() - 1);
            assert_eq!(source.read_at(at as u64, length).unwrap(), bytes[from..until.max(from)]);
        }
        source.seek(SeekFrom::End(-1)).unwrap();
        assert_eq!(source.seek(SeekFrom::Current(-1)).unwrap(), 599_997);
        assert!(source.seek(SeekFrom::Current(-600_000)).is_err());
    }

    #[test]
    fn a_failure_of_the_file_is_never_called_damage() {
        struct Failing;
        impl Read for Failing {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::ErrorKind::Interrupted.into())
            }
        }
        impl Seek for Failing {
            fn seek(&mut self, _: SeekFrom) -> io::Result<u64> {
                Ok(0)
            }
        }
        let mut source = Source::new(Failing, 100);
        assert!(source.read_at(0, 10).is_err());
        assert!(source.read_at(50, 10).is_err(), "it stays failed");
        let damage: Result<()> = Err(super::super::invalid(None, "looks damaged"));
        assert_eq!(source.settle(damage).unwrap_err().kind(), Kind::Io);
        assert!(source.settle(Ok(())).is_ok());
    }
}
