//! The one thread that writes. It takes what is queued, runs each operation in a savepoint of one transaction,
//! commits, then answers the callers and hands the events on. Many requests so share one flush of the disk.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use super::Listener;
use super::columns::failed;
use crate::clock::Clock;
use crate::domain::error::{Error, Kind, Result};
use crate::domain::event::Event;
use crate::domain::task::Task;
use crate::domain::time::Timestamp;

/// Operations that may wait.
const QUEUE: usize = 1024;
/// Operations that share a commit.
const BATCH: usize = 256;
/// `EX_IOERR`: after a failed flush nothing in memory can be trusted; the log is replayed at the next start.
const EXIT_IO_ERROR: i32 = 74;

/// What an operation sees: the open transaction, one moment for all its rows, and where its events go.
pub struct Tx<'a> {
    pub connection: &'a Connection,
    pub now: Timestamp,
    events: RefCell<Vec<Event>>,
    moved: RefCell<Vec<Task>>,
}

impl Tx<'_> {
    /// Announces after the commit, in order. To be replayable an event goes through `events::record`.
    pub fn announce(&self, event: Event) {
        self.events.borrow_mut().push(event);
    }

    /// Does a part of a transaction that may fail without the rest: then nothing of it stays.
    pub fn attempt<T>(&self, work: impl FnOnce(&Self) -> Result<T>) -> Result<T> {
        let (announced, moved) = (self.events.borrow().len(), self.moved.borrow().len());
        self.connection.execute_batch("savepoint part").map_err(failed)?;
        let outcome = work(self);
        if outcome.is_err() {
            self.events.borrow_mut().truncate(announced);
            self.moved.borrow_mut().truncate(moved);
            if !self.connection.is_autocommit() {
                self.connection.execute_batch("rollback to part").map_err(failed)?;
            }
        }
        if !self.connection.is_autocommit() {
            self.connection.execute_batch("release part").map_err(failed)?;
        }
        outcome
    }

    /// Tells after the commit, and before anyone is answered, that a task's state is another one now.
    pub fn moved(&self, task: Task) {
        self.moved.borrow_mut().push(task);
    }
}

/// One operation in the queue: run inside the batch, then told how the commit ended.
pub(super) trait Job: Send {
    fn run(&mut self, tx: &Tx<'_>) -> bool;
    fn answer(self: Box<Self>, failure: Option<&Failure>);
}

/// Why a batch could not be committed, to be told to each of its callers.
pub(super) struct Failure {
    kind: Kind,
    cause: String,
}

impl Failure {
    fn to_error(&self) -> Error {
        let error = match self.kind {
            Kind::DiskFull => Error::disk_full(),
            kind => {
                Error::new(kind, "The database could not save the change. The log has the reason.")
            }
        };
        error.because(&self.cause)
    }
}

struct Typed<T, F> {
    work: Option<F>,
    outcome: Result<T>,
    reply: oneshot::Sender<Result<T>>,
}

impl<T: Send, F: FnOnce(&Tx<'_>) -> Result<T> + Send> Job for Typed<T, F> {
    fn run(&mut self, tx: &Tx<'_>) -> bool {
        if let Some(work) = self.work.take() {
            self.outcome = catch_unwind(AssertUnwindSafe(|| work(tx)))
                .unwrap_or_else(|_| Err(Error::internal("a database operation panicked")));
        }
        self.outcome.is_ok()
    }

    fn answer(self: Box<Self>, failure: Option<&Failure>) {
        let outcome = match (self.outcome, failure) {
            (Ok(_), Some(failure)) => Err(failure.to_error()),
            (outcome, _) => outcome,
        };
        // The caller may have gone; the work is done all the same.
        let _ = self.reply.send(outcome);
    }
}

pub(super) fn job<T, F>(work: F) -> (Box<dyn Job>, oneshot::Receiver<Result<T>>)
where
    T: Send + 'static,
    F: FnOnce(&Tx<'_>) -> Result<T> + Send + 'static,
{
    let (reply, answer) = oneshot::channel();
    let outcome = Err(Error::internal("a database operation did not run"));
    (Box::new(Typed { work: Some(work), outcome, reply }), answer)
}

enum Message {
    Work(Box<dyn Job>),
    Close,
}

#[derive(Clone)]
pub(super) struct Handle {
    queue: mpsc::Sender<Message>,
    thread: Arc<Mutex<Option<JoinHandle<()>>>>,
}

impl Handle {
    pub(super) async fn send(&self, job: Box<dyn Job>) -> Result<()> {
        self.queue.send(Message::Work(job)).await.map_err(|_| stopping())
    }

    pub(super) fn send_now(&self, job: Box<dyn Job>) -> Result<()> {
        self.queue.blocking_send(Message::Work(job)).map_err(|_| stopping())
    }

    pub(super) fn queue_length(&self) -> usize {
        self.queue.max_capacity() - self.queue.capacity()
    }

    pub(super) fn close(&self) {
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread
            && self.queue.blocking_send(Message::Close).is_ok()
        {
            let _ = thread.join();
        }
    }
}

fn stopping() -> Error {
    Error::new(Kind::ShuttingDown, "The server is stopping. Try again in a moment.")
}

pub(super) fn start(connection: Connection, clock: Clock, listener: Listener) -> Result<Handle> {
    let (queue, receiver) = mpsc::channel(QUEUE);
    let thread = std::thread::Builder::new()
        .name("db-writer".into())
        .spawn(move || run(connection, receiver, &clock, &listener))
        .map_err(|error| Error::io("starting the writer thread", &error))?;
    Ok(Handle { queue, thread: Arc::new(Mutex::new(Some(thread))) })
}

fn run(
    connection: Connection,
    mut queue: mpsc::Receiver<Message>,
    clock: &Clock,
    listener: &Listener,
) {
    let mut last = Timestamp(0);
    while let Some(first) = queue.blocking_recv() {
        let mut closing = false;
        let mut jobs = Vec::new();
        let mut next = Some(first);
        while let Some(message) = next {
            match message {
                Message::Work(job) => jobs.push(job),
                Message::Close => closing = true,
            }
            next = if jobs.len() < BATCH && !closing { queue.try_recv().ok() } else { None };
        }
        // One moment a batch, never before the last one: the order of rows survives a clock that steps back.
        last = clock.now().max(last);
        let tx = Tx {
            connection: &connection,
            now: last,
            events: RefCell::default(),
            moved: RefCell::default(),
        };
        let failure = batch(&tx, &mut jobs);
        let moved = tx.moved.take();
        if failure.is_none() && !moved.is_empty() {
            (listener.moved)(moved);
        }
        for job in jobs {
            job.answer(failure.as_ref());
        }
        let events = tx.events.take();
        if failure.is_none() && !events.is_empty() {
            (listener.events)(events);
        }
        if closing {
            break;
        }
    }
    let folded = connection.execute_batch("pragma optimize; pragma wal_checkpoint(truncate);");
    if let Err(error) = folded {
        tracing::warn!(%error, "the database log could not be folded in; the next start does it");
    }
}

/// Runs the jobs in one transaction; the reason when it could not be committed.
fn batch(tx: &Tx<'_>, jobs: &mut [Box<dyn Job>]) -> Option<Failure> {
    if jobs.is_empty() {
        return None;
    }
    let outcome = (|| {
        tx.connection.execute_batch("begin immediate")?;
        for job in jobs.iter_mut() {
            let (announced, moved) = (tx.events.borrow().len(), tx.moved.borrow().len());
            tx.connection.execute_batch("savepoint job")?;
            if !job.run(tx) {
                tx.events.borrow_mut().truncate(announced);
                tx.moved.borrow_mut().truncate(moved);
                if tx.connection.is_autocommit() {
                    // SQLite rolled the whole transaction back by itself, as it does on a full disk.
                    return Err(rusqlite::Error::SqliteFailure(
                        rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_FULL),
                        Some("database or disk is full".into()),
                    ));
                }
                tx.connection.execute_batch("rollback to job")?;
            }
            tx.connection.execute_batch("release job")?;
        }
        tx.connection.execute_batch("commit")
    })();
    let error = outcome.err()?;
    if !tx.connection.is_autocommit() {
        let _ = tx.connection.execute_batch("rollback");
    }
    if is_flush_failure(&error) {
        tracing::error!(%error, "the disk refused to flush the database; stopping, a restart recovers from the log");
        // Let the line reach the log before the process ends.
        std::thread::sleep(Duration::from_millis(50));
        std::process::exit(EXIT_IO_ERROR);
    }
    let error = failed(error);
    Some(Failure { kind: error.kind(), cause: error.to_string() })
}

/// A flush that failed must never be tried again and believed: the kernel has already marked the pages clean.
fn is_flush_failure(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error(),
        Some(cause) if matches!(
            cause.extended_code,
            rusqlite::ffi::SQLITE_IOERR_FSYNC | rusqlite::ffi::SQLITE_IOERR_DIR_FSYNC
        )
    )
}
