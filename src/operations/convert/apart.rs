//! Codecs of pictures compute for seconds without touching a stream, and so without hearing that their task is to stop.
//! They work on a thread of its own: the worker takes what that thread tells it, and leaves at once when it must. The
//! thread then ends at the next byte it reads or writes, and what it made is forgotten.

use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::streams::PIECE_BYTES;
use crate::blobs::reader::Stream;
use crate::domain::error::{Error, Kind, Result};
use crate::engine::context::{Context, Stop};

/// Pieces on their way to the worker.
const PIECES_MAX: usize = 4;
/// How often the worker looks whether its task is to stop.
const LOOK: Duration = Duration::from_millis(100);
/// Threads that compute at the same time, forgotten ones among them; see [`Share`].
const PLACES: usize = 4;

static TAKEN: Mutex<usize> = Mutex::new(0);
static LEFT: Condvar = Condvar::new();

/// Pictures with more pixels than this are worked on one at a time, so that their memory is needed once.
const LARGE_PIXELS: u64 = 16_000_000;

/// How much of the memory for such work one piece of it takes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Share {
    One,
    /// Nothing else computes meanwhile.
    All,
}

impl Share {
    /// Of a picture of this size.
    pub fn of(width: u32, height: u32) -> Self {
        let large = u64::from(width) * u64::from(height) > LARGE_PIXELS;
        if large { Self::All } else { Self::One }
    }
}

/// Runs `work` apart and writes what it makes to `sink`; with a patience it is forgotten when it takes longer.
///
/// # Errors
/// Those of `work` and of the sink; [`Kind::ContentLimit`] at the end of the patience; when the task is to stop, the
/// context knows it.
pub fn apart<T: Send + 'static>(
    context: &Context,
    file: Stream,
    (share, patience): (Share, Option<Duration>),
    sink: &mut dyn Write,
    work: impl FnOnce(Source, &mut Sink) -> Result<T> + Send + 'static,
) -> Result<T> {
    let stopped = |stop: Stop| {
        let _ = context.refuse(stop);
        Error::internal("the task stops here")
    };
    let place = Place::take(context, share).map_err(stopped)?;
    let (tell, hear) = sync_channel(PIECES_MAX);
    let thread = std::thread::Builder::new().name("convert".to_owned()).spawn(move || {
        let _place = place;
        let source = BufReader::new(Told { file, tell: tell.clone() });
        work(source, &mut Sink { tell })
    });
    let thread = thread.map_err(|error| Error::io("starting a thread", &error))?;
    let begun = Instant::now();
    loop {
        if patience.is_some_and(|patience| begun.elapsed() > patience) {
            return Err(Error::new(Kind::ContentLimit, "The picture takes too long to decode."));
        }
        match hear.recv_timeout(LOOK) {
            Ok(Sent::Read(bytes)) => context.advance(bytes).map_err(stopped)?,
            Ok(Sent::Written(bytes)) => sink
                .write_all(&bytes)
                .map_err(|error| Error::io("writing a converted file", &error))?,
            Err(RecvTimeoutError::Timeout) => context.glance().map_err(stopped)?,
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

enum Sent {
    Read(u64),
    Written(Vec<u8>),
}

/// The file, of which each byte read is told to the worker.
pub type Source = BufReader<Told>;

pub struct Told {
    file: Stream,
    tell: SyncSender<Sent>,
}

fn forgotten<T>(_: T) -> io::Error {
    io::Error::other("the task has stopped")
}

impl Read for Told {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let length = into.len().min(PIECE_BYTES);
        let read = self.file.read(&mut into[..length])?;
        self.tell.send(Sent::Read(read as u64)).map_err(forgotten)?;
        Ok(read)
    }
}

impl Seek for Told {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.file.seek(to)
    }
}

/// What is written goes to the worker.
pub struct Sink {
    tell: SyncSender<Sent>,
}

impl Write for Sink {
    fn write(&mut self, from: &[u8]) -> io::Result<usize> {
        let length = from.len().min(PIECE_BYTES);
        self.tell.send(Sent::Written(from[..length].to_vec())).map_err(forgotten)?;
        Ok(length)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A place among those that compute; free again when the thread has really ended.
struct Place(usize);

impl Place {
    fn take(context: &Context, share: Share) -> std::result::Result<Self, Stop> {
        let wanted = if share == Share::All { PLACES } else { 1 };
        let mut taken = TAKEN.lock().unwrap_or_else(PoisonError::into_inner);
        while *taken + wanted > PLACES {
            context.glance()?;
            taken = LEFT.wait_timeout(taken, LOOK).unwrap_or_else(PoisonError::into_inner).0;
        }
        *taken += wanted;
        Ok(Self(wanted))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        *TAKEN.lock().unwrap_or_else(PoisonError::into_inner) -= self.0;
        LEFT.notify_all();
    }
}
