//! One worker's round: claim a task, run its operation, commit how it ended.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::Engine;
use super::context::{Context, Ending, Stop, Work};
use super::queue::doors;
use super::running::{Running, Stopping};
use crate::domain::error::{Error, Kind, Result};
use crate::domain::task::{Intent, Status, Task, Verb};
use crate::domain::work::{Lane, backoff_ms, is_passing};
use crate::store::tasks::{self, Outcome};
use crate::store::{Tx, queue as rows};

/// A panic is tried once more: it may have been the moment's fault.
const PANICS_MAX: i64 = 2;

/// What a worker does, step by step, for tests that are their own workers.
impl Engine {
    /// Claims as a worker of this lane does.
    #[doc(hidden)]
    pub fn claim_by_hand(self: &Arc<Self>, lane: Lane) -> Result<Option<Task>> {
        claim(self, doors(lane))
    }

    /// Runs what was claimed, on this thread.
    #[doc(hidden)]
    pub fn run_by_hand(self: &Arc<Self>, claimed: Task) {
        run(self, claimed);
    }
}

/// Claims the next task of one of these lanes, in their order.
pub(super) fn claim(engine: &Arc<Engine>, lanes: &[Lane]) -> Result<Option<Task>> {
    let lanes: Vec<_> =
        lanes.iter().copied().filter(|&lane| !engine.queue.is_paused(lane)).collect();
    if !engine.store.read_now(|db| rows::is_waiting(db, &lanes))? {
        return Ok(None);
    }
    let claiming = engine.clone();
    engine.store.write_now(move |tx| {
        for lane in lanes {
            let slots = claiming.settings.workers.get(&lane).copied().unwrap_or(0);
            // Nobody takes every worker of a lane while others wait; when nobody waits, anybody may.
            let mut heads = rows::heads(tx.connection, lane, slots.saturating_sub(1).max(1))?;
            if heads.is_empty() {
                heads = rows::heads(tx.connection, lane, usize::MAX >> 1)?;
            }
            let next = claiming.queue.next_of(lane, &heads);
            if let Some(task) =
                next.map(|pk| tasks::by_pk(tx.connection, pk)).transpose()?.flatten()
            {
                let outcome = Outcome { attempts: 1, epochs: 1, ..Outcome::default() };
                let claimed = claiming.apply(tx, &task, Verb::Claim, outcome)?;
                rows::attempt_begins(tx, &claimed)?;
                claiming.queue.serves(lane, claimed.account_id, tx.now);
                return Ok(Some(claimed));
            }
        }
        Ok(None)
    })
}

/// Runs a claimed task until it ends, stops or fails.
pub(super) fn run(engine: &Arc<Engine>, task: Task) {
    let pk = task.pk;
    let running = engine.queue.begin(&task);
    // A wish may have been committed between the claim and this line.
    if let Ok(Some(now)) = engine.store.read_now(|db| tasks::by_pk(db, pk)) {
        engine.queue.on_moved(&now);
    }
    let id = task.id;
    let begun = std::time::Instant::now();
    let outcome = catch_unwind(AssertUnwindSafe(|| work(engine, &task, &running)));
    let (outcome, panicked) = match outcome {
        Ok(outcome) => (outcome, false),
        Err(_) => (Err(Stop::Failed(Error::internal(format!("task {id} panicked")))), true),
    };
    tracing::debug!(task.id = %id, ms = begun.elapsed().as_millis() as u64, ok = outcome.is_ok(), "a task stopped");
    let shutdown = || running.stopping() == Stopping::Shutdown;
    while let Err(error) = end(engine, &task, &outcome, shutdown(), panicked) {
        // Its end cannot be saved now, for the disk is full or the server is stopping; a start picks it up again.
        tracing::error!(task.id = %id, %error, "the end of a task could not be saved");
        if error.kind() == Kind::ShuttingDown || shutdown() {
            break;
        }
        std::thread::sleep(std::time::Duration::from_secs(1));
    }
    engine.queue.end(&running, engine.clock.now());
}

/// The operation's own work, and the transaction of a good end.
fn work(engine: &Arc<Engine>, task: &Task, running: &Arc<Running>) -> Work<()> {
    let operation = engine.operation(task.task_type)?.clone();
    let context = Context::new(engine.clone(), task.clone(), running.clone())?;
    // A wish that came before the work began is honoured before it begins.
    context.check()?;
    let ending = operation.run(&context)?;
    let engine = engine.clone();
    context.commit(move |tx, task| finish(&engine, tx, task, ending))
}

fn finish(engine: &Engine, tx: &Tx<'_>, task: &Task, ending: Ending) -> Result<()> {
    let results = ending(tx, task)?;
    // What the ending settled of the reservation is gone from the row.
    let task = tasks::by_pk(tx.connection, task.pk)?.unwrap_or_else(|| task.clone());
    let outcome = Outcome { results: Some(results), ..Outcome::default() };
    engine.apply(tx, &task, Verb::Finish, outcome)?;
    rows::attempt_ends(tx, &task, "completed", None)
}

/// Commits how an attempt ended that did not complete its task.
fn end(
    engine: &Arc<Engine>,
    task: &Task,
    outcome: &Work<()>,
    shutdown: bool,
    panicked: bool,
) -> Result<()> {
    let (pk, epoch) = (task.pk, task.epoch);
    let applying = engine.clone();
    let error = match outcome {
        Ok(()) | Err(Stop::Fenced) => return Ok(()),
        Err(Stop::Interrupted) => None,
        Err(Stop::Failed(error)) => {
            let cause = error.cause().unwrap_or(error.message());
            tracing::warn!(task.id = %task.id, kind = ?error.kind(), cause, "an attempt of a task failed");
            let passing = is_passing(error) || (panicked && task.attempt < PANICS_MAX);
            Some(((error.kind().code().to_owned(), error.message().to_owned()), passing))
        }
    };
    engine.store.write_now(move |tx| {
        let Some(task) = tasks::fenced(tx.connection, pk, epoch)? else { return Ok(()) };
        match error {
            None => stop_here(&applying, tx, &task, shutdown),
            Some((error, passing)) => fail(&applying, tx, &task, error, passing),
        }
    })
}

/// At a safe point: the wish is honoured; without one, or when it was withdrawn, the task goes back and the attempt
/// does not count.
fn stop_here(engine: &Engine, tx: &Tx<'_>, task: &Task, shutdown: bool) -> Result<()> {
    // A pause uses up no attempt either.
    let attempts = if task.intent == Intent::Pause { -1 } else { 0 };
    let outcome = Outcome { attempts, ..Outcome::default() };
    let honoured = engine.apply(tx, task, Verb::Honour, outcome)?;
    let word = match honoured.status {
        Status::InProgress => {
            let outcome = Outcome { attempts: -1, ..Outcome::default() };
            engine.apply(tx, task, Verb::Yield, outcome)?;
            if shutdown { "shutdown" } else { "interrupted" }
        }
        Status::Paused => "paused",
        Status::Cancelled => "cancelled",
        _ => "expired",
    };
    rows::attempt_ends(tx, task, word, None)
}

fn fail(
    engine: &Engine,
    tx: &Tx<'_>,
    task: &Task,
    error: (String, String),
    passing: bool,
) -> Result<()> {
    rows::attempt_ends(tx, task, "failed", Some(&error))?;
    let again = passing && task.attempt < task.max_attempts;
    let run_at = again.then(|| tx.now.plus_ms(backoff_ms(task.attempt + 1, task.pk as u64 * 37)));
    let verb = if again { Verb::Yield } else { Verb::Fail };
    let outcome = Outcome { error: Some(error), run_at, ..Outcome::default() };
    engine.apply(tx, task, verb, outcome).map(|_| ())
}
