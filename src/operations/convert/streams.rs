//! What stands between a conversion and the streams it was handed. Codecs may hide an error of a stream, or call it damaged content;
//! here the first one is kept, every later call fails at once, and the caller learns the true reason.

use std::cell::RefCell;
use std::io::{self, BufRead, Read, Seek, SeekFrom, Write};
use std::rc::Rc;

use crate::domain::error::{Error, Result};

/// The most that is read or written in one call, so that a wish to stop is heard soon.
pub(super) const PIECE_BYTES: usize = 256 * 1024;

/// The first failure of any of the streams of one conversion.
#[derive(Clone, Default)]
pub(super) struct Watch(Rc<RefCell<Option<Error>>>);

impl Watch {
    pub(super) fn source<S>(&self, stream: S) -> Watched<S> {
        Watched { stream, watch: self.clone(), doing: "reading a file to convert" }
    }

    pub(super) fn sink<S>(&self, stream: S) -> Watched<S> {
        Watched { stream, watch: self.clone(), doing: "writing a converted file" }
    }

    fn goes_on(&self) -> io::Result<()> {
        match &*self.0.borrow() {
            Some(_) => Err(io::Error::other("an earlier call failed")),
            None => Ok(()),
        }
    }

    /// Keeps a failure. The first kind left out asks to be called again; the second is a place before the start of the file, which
    /// only damaged content asks for.
    fn note(&self, doing: &str, error: &io::Error) {
        if !matches!(error.kind(), io::ErrorKind::Interrupted | io::ErrorKind::InvalidInput) {
            *self.0.borrow_mut() = Some(Error::io(doing, error));
        }
    }

    /// The outcome of a conversion; a failure of its streams counts more than anything the codec said.
    pub(super) fn settle<T>(&self, outcome: Result<T>) -> Result<T> {
        match self.0.borrow_mut().take() {
            Some(failure) => Err(failure),
            None => outcome,
        }
    }
}

/// A stream whose failures are remembered.
pub(super) struct Watched<S> {
    stream: S,
    watch: Watch,
    doing: &'static str,
}

impl<S> Watched<S> {
    fn going<T>(&mut self, work: impl FnOnce(&mut S) -> io::Result<T>) -> io::Result<T> {
        self.watch.goes_on()?;
        work(&mut self.stream).inspect_err(|error| self.watch.note(self.doing, error))
    }
}

impl<S: Read> Read for Watched<S> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let length = into.len().min(PIECE_BYTES);
        self.going(|stream| stream.read(&mut into[..length]))
    }
}

impl<S: BufRead> BufRead for Watched<S> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.watch.goes_on()?;
        self.stream.fill_buf().inspect_err(|error| self.watch.note(self.doing, error))
    }

    fn consume(&mut self, amount: usize) {
        self.stream.consume(amount);
    }
}

impl<S: Seek> Seek for Watched<S> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.going(|stream| stream.seek(to))
    }

    fn seek_relative(&mut self, by: i64) -> io::Result<()> {
        self.going(|stream| stream.seek_relative(by))
    }

    fn stream_position(&mut self) -> io::Result<u64> {
        self.going(Seek::stream_position)
    }
}

impl<S: Write> Write for Watched<S> {
    fn write(&mut self, from: &[u8]) -> io::Result<usize> {
        let length = from.len().min(PIECE_BYTES);
        self.going(|stream| stream.write(&from[..length]))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.going(Write::flush)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::error::Kind;

    struct Failing(u32);

    impl Read for Failing {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            self.0 += 1;
            match self.0 {
                1 => Ok(into.len()),
                2 => Err(io::Error::other("stop")),
                _ => panic!("read again after an error"),
            }
        }
    }

    #[test]
    fn the_first_failure_is_kept_and_nothing_is_read_after_it() {
        let watch = Watch::default();
        let mut source = watch.source(Failing(0));
        let mut into = vec![0; 2 * PIECE_BYTES];
        assert_eq!(source.read(&mut into).unwrap(), PIECE_BYTES);
        assert!(source.read(&mut into).is_err());
        assert!(source.read(&mut into).is_err());
        let settled = watch.settle::<()>(Err(Error::new(Kind::ContentInvalid, "Damaged.")));
        assert_eq!(settled.unwrap_err().kind(), Kind::Io);
        assert!(watch.settle(Ok(())).is_ok());
    }

    #[test]
    fn a_place_before_the_start_is_no_failure_of_the_stream() {
        let watch = Watch::default();
        let mut source = watch.source(io::Cursor::new([0; 4]));
        assert!(source.seek(SeekFrom::Current(-1)).is_err());
        assert_eq!(source.read(&mut [0; 4]).unwrap(), 4);
        assert!(watch.settle(Ok(())).is_ok());
    }
}
