//! A task in a worker's hands: what it was asked, whether it listens, how fast it is.

use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::domain::id::AccountId;
use crate::domain::progress::Rate;
use crate::domain::task::Task;
use crate::domain::time::Timestamp;
use crate::domain::work::Lane;

/// Why a running task is to stop at its next safe point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stopping {
    No,
    /// Pause, cancel or expiry: the task's row says which. Or its lane was paused, and the row says nothing: it goes back.
    Wish,
    Shutdown,
}

/// A task that a worker has.
pub struct Running {
    pub pk: i64,
    pub epoch: i64,
    pub name: String,
    pub lane: Lane,
    pub account_id: AccountId,
    stop: AtomicU8,
    heard: Mutex<Heard>,
    stuck: AtomicBool,
    rate: Mutex<(Rate, u64)>,
}

/// What a worker was last asked.
struct Heard {
    /// Revision of the row that says so: what is older counts no more, whichever thread brings it.
    rev: i64,
    /// Since when it is to stop.
    asked: Option<Instant>,
}

/// Newer than any row, the shutdown above all.
const SHUTDOWN_REV: i64 = i64::MAX;
const LANE_REV: i64 = SHUTDOWN_REV - 1;

impl Running {
    pub(super) fn new(task: &Task) -> Self {
        Self {
            pk: task.pk,
            epoch: task.epoch,
            name: task.id.to_string(),
            lane: task.lane,
            account_id: task.account_id,
            stop: AtomicU8::new(0),
            heard: Mutex::new(Heard { rev: task.rev, asked: None }),
            stuck: AtomicBool::new(false),
            // What an earlier run did is no part of this run's rate.
            rate: Mutex::new((Rate::default(), task.units_done)),
        }
    }

    pub fn stopping(&self) -> Stopping {
        match self.stop.load(Ordering::Relaxed) {
            0 => Stopping::No,
            1 => Stopping::Wish,
            _ => Stopping::Shutdown,
        }
    }

    /// Takes note of what the row said at this revision.
    pub(super) fn ask(&self, rev: i64, stopping: Stopping) {
        let mut heard = lock(&self.heard);
        if rev <= heard.rev {
            return;
        }
        heard.rev = rev;
        let number = match stopping {
            Stopping::No => 0,
            Stopping::Wish => 1,
            Stopping::Shutdown => 2,
        };
        self.stop.store(number, Ordering::Relaxed);
        heard.asked = (number != 0).then(|| heard.asked.unwrap_or_else(Instant::now));
        if number == 0 {
            self.stuck.store(false, Ordering::Relaxed);
        }
    }

    /// Whatever the row says from now on.
    pub(super) fn shut_down(&self) {
        self.ask(SHUTDOWN_REV, Stopping::Shutdown);
    }

    /// Whatever the row says: a wish in it is honoured all the same when the task stops.
    pub(super) fn hand_back(&self) {
        self.ask(LANE_REV, Stopping::Wish);
    }

    /// Tells once of a worker that was asked to stop longer ago than this.
    pub(super) fn report_if_late(&self, patience: Duration) {
        let asked = lock(&self.heard).asked;
        let late = asked.is_some_and(|asked| asked.elapsed() > patience);
        if late && !self.stuck.swap(true, Ordering::Relaxed) {
            tracing::error!(
                task.id = self.name,
                seconds = patience.as_secs(),
                "a worker has not stopped although it was asked to"
            );
        }
    }

    /// Counts from here: what earlier runs did says nothing of this one's pace.
    pub(super) fn resume_from(&self, done: u64) {
        lock(&self.rate).1 = done;
    }

    /// Notes how far the task is, for its rate.
    pub fn sample(&self, done: u64, now: Timestamp) {
        let mut rate = lock(&self.rate);
        let fresh = done.saturating_sub(rate.1);
        rate.1 = done;
        rate.0.add(fresh, now);
    }

    /// Bytes a second; `None` while nothing moves.
    pub fn bytes_per_second(&self, now: Timestamp) -> Option<u64> {
        lock(&self.rate).0.bytes_per_second(now).filter(|&rate| rate > 0)
    }

    /// Has it ignored a wish for long?
    pub fn is_stuck(&self) -> bool {
        self.stuck.load(Ordering::Relaxed)
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
