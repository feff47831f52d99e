//! One quiet thread: removes leftovers of ended tasks, expires idle ones, forgets old ones.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::Engine;
use crate::domain::error::{Error, Result};
use crate::domain::id::{ObjectId, PoolId};
use crate::domain::task::{Status, Task, Verb};
use crate::domain::time::{DAY_MS, Timestamp};
use crate::store::tasks::Outcome;
use crate::store::{
    audit, events, grants, idempotency, multiparts, notifications, objects, sessions, tasks, upkeep,
};

/// Rows of one transaction, so that nobody waits long behind it.
const BATCH: usize = 200;
/// When a task that could only wait is looked at again.
const HOLD_MS: i64 = 3600 * 1000;
const KEEP_EVENTS_MS: i64 = 7 * DAY_MS;
const KEEP_NOTIFICATIONS_MS: i64 = 90 * DAY_MS;
const KEEP_EVENTS: u64 = 10_000;
/// When the wall clock and the steady clock disagree by more than this, the wall clock was moved, and nothing
/// expires until it has been quiet for a whole sweep: home servers start without knowing the date.
const CLOCK_JUMP_MS: i64 = 5 * 60 * 1000;

/// Wakes the janitor between sweeps.
#[derive(Default)]
pub(super) struct Bell {
    state: Mutex<BellState>,
    rung: Condvar,
    /// Held while leftovers are removed. A task is tried again once its own are gone; nobody with an older list may
    /// come after that.
    cleaning: Mutex<()>,
}

#[derive(Default)]
struct BellState {
    ringing: bool,
    stopping: bool,
}

impl Bell {
    pub(super) fn ring(&self) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).ringing = true;
        self.rung.notify_one();
    }

    fn stop(&self) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).stopping = true;
        self.rung.notify_one();
    }

    /// False when it is time to stop.
    fn wait(&self, at_most: Duration) -> bool {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut state, _) = self
            .rung
            .wait_timeout_while(state, at_most, |state| !state.ringing && !state.stopping)
            .unwrap_or_else(PoisonError::into_inner);
        state.ringing = false;
        !state.stopping
    }
}

/// The running janitor; [`Janitor::stop`] waits for the end of what it does.
pub struct Janitor {
    engine: Arc<Engine>,
    thread: JoinHandle<()>,
}

impl Janitor {
    pub fn start(engine: Arc<Engine>) -> Result<Self> {
        let running = engine.clone();
        let thread = std::thread::Builder::new()
            .name("janitor".into())
            .spawn(move || run(&running))
            .map_err(|error| Error::io("starting the janitor thread", &error))?;
        Ok(Self { engine, thread })
    }

    pub fn stop(self) {
        self.engine.janitor.stop();
        let _ = self.thread.join();
    }
}

fn run(engine: &Arc<Engine>) {
    let interval = Duration::from_millis(engine.settings.sweep_ms.max(1) as u64);
    let mut swept = Instant::now();
    let mut swept_at = engine.clock.now();
    complain(clean(engine).and_then(|()| collect(engine)));
    while engine.janitor.wait(interval.saturating_sub(swept.elapsed())) {
        complain(clean(engine).and_then(|()| collect(engine)));
        if swept.elapsed() < interval {
            continue;
        }
        let now = engine.clock.now();
        let drift = (now.0 - swept_at.0) - swept.elapsed().as_millis() as i64;
        (swept, swept_at) = (Instant::now(), now);
        if drift.abs() > CLOCK_JUMP_MS {
            tracing::warn!(drift_ms = drift, "the clock was moved; nothing expires in this sweep");
            continue;
        }
        complain(sweep(engine, now));
    }
}

fn complain(outcome: Result<()>) {
    if let Err(error) = outcome {
        tracing::error!(%error, "the janitor could not finish; it tries again at its next sweep");
    }
}

/// One sweep: expire, forget, let go.
pub fn sweep(engine: &Arc<Engine>, now: Timestamp) -> Result<()> {
    expire(engine, now)?;
    clean(engine)?;
    collect(engine)?;
    let keep = engine.settings.keep_finished_ms;
    while engine.store.write_now(move |tx| upkeep::prune(tx, Timestamp(now.0 - keep), BATCH))?
        == BATCH
    {}
    while engine.store.write_now(|tx| events::prune(tx, KEEP_EVENTS_MS, KEEP_EVENTS, BATCH))?
        == BATCH
    {}
    while engine.store.write_now(|tx| idempotency::prune(tx, DAY_MS, BATCH))? == BATCH {}
    while engine.store.write_now(|tx| notifications::prune(tx, KEEP_NOTIFICATIONS_MS, BATCH))?
        == BATCH
    {}
    engine.store.write_now(sessions::prune)?;
    engine.store.write_now(grants::prune)?;
    let before = now.plus_ms(-engine.settings.keep_audit_ms);
    engine.store.write_now(move |tx| audit::prune(tx, before))?;
    for operation in engine.operations() {
        operation.tend(engine, now)?;
        operation.relax();
    }
    Ok(())
}

fn expire(engine: &Arc<Engine>, now: Timestamp) -> Result<()> {
    loop {
        let overdue =
            engine.store.read_now(|connection| upkeep::overdue(connection, now, BATCH))?;
        let count = overdue.len();
        for task in overdue {
            expire_one(engine, &task, now)?;
        }
        if count < BATCH {
            return Ok(());
        }
    }
}

/// Activity does not touch the index of ends with each chunk; it is counted here, where it matters.
fn expire_one(engine: &Arc<Engine>, task: &Task, now: Timestamp) -> Result<()> {
    let rest = match task.status {
        Status::Paused => engine.settings.paused_ms,
        _ => engine.settings.stale_ms,
    };
    let ends = task.last_activity.plus_ms(rest);
    if ends > now {
        let pk = task.pk;
        return engine.store.write_now(move |tx| upkeep::extend(tx, pk, ends));
    }
    if !engine.operation(task.task_type)?.may_expire(task) {
        let (pk, later) = (task.pk, now.plus_ms(HOLD_MS));
        return engine.store.write_now(move |tx| upkeep::extend(tx, pk, later));
    }
    let (inner, task) = (engine.clone(), task.clone());
    engine.store.write_now(move |tx| {
        let task = tasks::get(tx.connection, task.account_id, task.id)?;
        if task.last_activity.plus_ms(rest) > now || task.status.is_final() {
            return Ok(());
        }
        inner.apply(tx, &task, Verb::Expire, Outcome::default()).map(|_| ())
    })
}

/// Removes the bytes of objects that nobody shows or holds: the row says so durably before the bytes go, and the row
/// goes last, so that a crash in between only repeats it.
pub fn collect(engine: &Engine) -> Result<()> {
    let mut after = None;
    let mut outcome = Ok(());
    loop {
        let garbage = engine.store.read_now(|db| objects::garbage(db, after, BATCH))?;
        let mut gone = Vec::new();
        for &(id, pool_id) in &garbage {
            match remove(engine, id, pool_id) {
                Ok(true) => gone.push(id),
                Ok(false) => {}
                Err(error) => outcome = Err(error),
            }
        }
        if !gone.is_empty() {
            engine
                .store
                .write_now(move |tx| gone.iter().try_for_each(|&id| objects::forget(tx, id)))?;
        }
        after = garbage.last().map(|&(id, _)| id);
        if garbage.len() < BATCH {
            return outcome;
        }
    }
}

/// Removes the bytes of an object, and what a server has of it in parts. False where its pool is not there: that keeps
/// its garbage until it is back.
fn remove(engine: &Engine, id: ObjectId, pool_id: PoolId) -> Result<bool> {
    let Ok(pool) = engine.blobs.pool(pool_id) else { return Ok(false) };
    if pool.check().is_err() {
        return Ok(false);
    }
    if let Some((upload_id, ..)) = engine.store.read_now(|db| multiparts::get(db, id))? {
        pool.abort(id, &upload_id)?;
    }
    pool.remove_object(id)?;
    engine.blobs.previews.remove(id).map(|()| true)
}

/// Removes the leftovers of ended tasks; what fails stays marked and is tried again.
pub fn clean(engine: &Engine) -> Result<()> {
    let _one_at_a_time = engine.janitor.cleaning.lock().unwrap_or_else(PoisonError::into_inner);
    loop {
        let ended = engine.store.read_now(|connection| upkeep::to_clean(connection, BATCH))?;
        let mut cleaned = Vec::new();
        for task in &ended {
            let operation = engine.operation(task.task_type);
            match operation.and_then(|operation| operation.clean(&engine.store, task)) {
                Ok(()) => cleaned.push(task.pk),
                Err(error) => {
                    tracing::warn!(task.id = %task.id, %error, "leftovers of a task remain")
                }
            }
        }
        let again = ended.len() == BATCH && !cleaned.is_empty();
        if !cleaned.is_empty() {
            engine
                .store
                .write_now(move |tx| cleaned.iter().try_for_each(|&pk| upkeep::cleaned(tx, pk)))?;
        }
        if !again {
            return Ok(());
        }
    }
}
