//! What a running operation holds in its hand: its task, the way to report and to commit, and the reason to stop.
//! Operations contain no other life-cycle code.

use std::cell::{Cell, RefCell};
use std::sync::Arc;

use serde_json::Value;
use zeroize::Zeroizing;

use super::Engine;
use super::running::{Running, Stopping};
use crate::domain::error::{Error, Kind, Result};
use crate::domain::progress::{Throttle, percent};
use crate::domain::task::Task;
use crate::domain::work::{Item, ItemState, is_passing};
use crate::store::items::{self, Mark};
use crate::store::{Tx, accounts, tasks};

/// Items read at once.
const ITEMS_READ: usize = 64;
/// A server's task shows 100 only when it is completed.
const NEARLY: f64 = 99.9;

/// Why an operation ends before its work is done.
#[derive(Debug)]
pub enum Stop {
    /// Pause, cancel, expiry or shutdown, at a safe point.
    Interrupted,
    /// Another claim holds the task: nothing more may be touched.
    Fenced,
    Failed(Error),
}

pub type Work<T> = std::result::Result<T, Stop>;

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// Runs in the transaction that completes the task; its value becomes the results.
pub type Ending = Box<dyn FnOnce(&Tx<'_>, &Task) -> Result<Value> + Send>;

/// An end that only has something to tell.
pub fn results(value: Value) -> Work<Ending> {
    Ok(Box::new(|_, _| Ok(value)))
}

pub struct Context {
    pub engine: Arc<Engine>,
    pub task: Task,
    running: Arc<Running>,
    done: Cell<u64>,
    total: Cell<u64>,
    throttle: RefCell<Throttle>,
    /// The reason met while bytes were on their way through a library that knows only its own errors.
    stopped: RefCell<Option<Stop>>,
}

impl Context {
    pub(super) fn new(engine: Arc<Engine>, task: Task, running: Arc<Running>) -> Result<Self> {
        let pk = task.pk;
        let done = engine.store.read_now(|db| items::bytes_over(db, pk))?;
        let now = engine.clock.now();
        running.resume_from(done);
        let context = Self {
            engine,
            running,
            done: Cell::new(done),
            total: Cell::new(task.units_total.unwrap_or(0)),
            throttle: RefCell::new(Throttle::new(task.progress, now)),
            stopped: RefCell::default(),
            task,
        };
        context.report();
        Ok(context)
    }

    /// `Err` when the work is to stop here: pause, cancel, expiry, shutdown.
    pub fn check(&self) -> Work<()> {
        self.engine.queue.pass_probe();
        self.glance()
    }

    /// The same while nothing is done but waiting; no point of the work.
    pub fn glance(&self) -> Work<()> {
        if self.running.stopping() == Stopping::No { Ok(()) } else { Err(Stop::Interrupted) }
    }

    /// Counts bytes that were worked on, reports them now and then, and stops where that is wanted. Call it at least
    /// once for every 256 KiB.
    pub fn advance(&self, bytes: u64) -> Work<()> {
        self.done.set(self.done.get() + bytes);
        self.report();
        self.check()
    }

    fn report(&self) {
        let (done, total) = (self.done.get(), self.total.get());
        let progress = if total == 0 { 0.0 } else { percent(done, total).min(NEARLY) };
        let now = self.engine.clock.now();
        if !self.throttle.borrow_mut().admit(progress, now) {
            return;
        }
        let (engine, pk, epoch) = (self.engine.clone(), self.task.pk, self.task.epoch);
        let done = done.min(total);
        self.running.sample(done, now);
        self.engine.store.post(move |tx| {
            if let Some(task) = tasks::set_progress(tx, pk, epoch, done, progress)? {
                engine.announce_progress(tx, &task);
            }
            Ok(())
        });
    }

    /// Counts anew from the items that are over: what was done of the current one was thrown away.
    pub fn recount(&self) -> Result<()> {
        let pk = self.task.pk;
        self.done.set(self.engine.store.read_now(|db| items::bytes_over(db, pk))?);
        Ok(())
    }

    /// Counts from nothing: the whole source is read again, and passed over where it was dealt with.
    pub fn recount_none(&self) {
        self.done.set(0);
    }

    /// Tells what is being done, and corrects the number of bytes there are to do.
    pub fn phase(&self, name: &'static str, units_total: Option<u64>) -> Work<()> {
        if let Some(total) = units_total {
            self.total.set(total);
        }
        let engine = self.engine.clone();
        self.commit(move |tx, task| {
            tasks::set_phase(tx, task.pk, Some(name), units_total)?;
            if let Some(now) = tasks::by_pk(tx.connection, task.pk)? {
                engine.announce_phase(tx, &now);
            }
            Ok(())
        })
    }

    /// One durable change. Nothing of it happens when another claim holds the task by now.
    pub fn commit<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Tx<'_>, &Task) -> Result<T> + Send + 'static,
    ) -> Work<T> {
        let (pk, epoch) = (self.task.pk, self.task.epoch);
        let done = self.engine.store.write_now(move |tx| {
            match tasks::fenced(tx.connection, pk, epoch)? {
                None => Ok(None),
                Some(task) => work(tx, &task).map(Some),
            }
        })?;
        done.ok_or(Stop::Fenced)
    }

    /// The first items that are still to do, in order.
    pub fn open_items(&self) -> Result<Vec<Item>> {
        let pk = self.task.pk;
        self.engine.store.read_now(|db| items::open(db, pk, ITEMS_READ))
    }

    /// Open items from `seq` on, for an operation that marks them later.
    pub fn items_from(&self, seq: i64) -> Result<Vec<Item>> {
        let pk = self.task.pk;
        self.engine.store.read_now(|db| items::from(db, pk, ItemState::Open, seq, ITEMS_READ))
    }

    /// Works through the open items. An item that fails is listed and the rest goes on; what may pass later, such as
    /// a full disk, ends this attempt.
    pub fn each_item(&self, mut work: impl FnMut(&Item) -> Work<()>) -> Work<()> {
        loop {
            let open = self.open_items()?;
            if open.is_empty() {
                return Ok(());
            }
            // Counted anew for each page only: a list may be long.
            self.recount()?;
            let mut over = self.done.get();
            for item in open {
                self.check()?;
                match work(&item) {
                    Err(Stop::Failed(error)) if !is_passing(&error) => {
                        self.fail_item(item.seq, &error)?;
                    }
                    ended => ended?,
                }
                over += item.bytes;
                self.done.set(over);
                self.advance(0)?;
            }
        }
    }

    /// Lists an item that cannot be done.
    pub fn fail_item(&self, seq: i64, error: &Error) -> Work<()> {
        if let Some(cause) = error.cause() {
            tracing::warn!(task.id = %self.task.id, item = seq, cause, "an item of a task failed");
        }
        let mark = Mark {
            detail: None,
            error: Some((error.kind().code().to_owned(), error.message().to_owned())),
        };
        self.commit(move |tx, task| items::mark(tx, task.pk, seq, ItemState::Failed, &mark))?;
        Ok(())
    }

    /// What an earlier run of this task kept.
    pub fn checkpoint(&self) -> Result<Option<Value>> {
        let pk = self.task.pk;
        self.engine.store.read_now(|db| tasks::checkpoint(db, pk))
    }

    /// What was sealed when the task was made.
    pub fn secret(&self) -> Result<Option<Zeroizing<Vec<u8>>>> {
        let pk = self.task.pk;
        match self.engine.store.read_now(|db| tasks::secret(db, pk))? {
            None => Ok(None),
            Some(sealed) => self.engine.key.open(&purpose(&self.task), &sealed).map(Some),
        }
    }

    /// Sets more of the account's quota aside for this task.
    pub fn reserve(&self, bytes: u64) -> Work<()> {
        self.commit(move |tx, task| {
            accounts::reserve(tx, task.account_id, bytes)?;
            tasks::hold(tx, task.pk, bytes as i64)
        })
    }

    /// Remembers why a reader or writer refused to go on, and gives the error that a library passes through.
    pub fn refuse(&self, why: Stop) -> std::io::Error {
        self.stopped.borrow_mut().get_or_insert(why);
        std::io::Error::other("the task stops here")
    }

    /// The true reason where one of our own readers or writers ended a library's work.
    pub fn settle<T>(&self, outcome: Result<T>) -> Work<T> {
        match self.stopped.borrow_mut().take() {
            Some(stop) => Err(stop),
            None => outcome.map_err(Stop::Failed),
        }
    }
}

/// What a task's secret is sealed for.
pub(super) fn purpose(task: &Task) -> String {
    format!("task:{}", task.id)
}

/// Stored bytes that no longer have their hash.
pub fn corrupt(name: &str) -> Error {
    Error::new(
        Kind::ContentCorrupt,
        format!(
            "\"{name}\" is damaged on the disk: its bytes no longer have their hash. Restore it from a backup."
        ),
    )
}
