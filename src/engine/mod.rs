//! Runs tasks and knows no particular operation. It alone writes a task's status, and it announces every move.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock, Weak};

use serde_json::{Value, json};
use tokio::sync::broadcast;

use crate::blobs::Blobs;
use crate::blobs::sealed::ServerKey;
use crate::clock::Clock;
use crate::domain::error::{Error, Kind, Result};
use crate::domain::event::{Event, Weight};
use crate::domain::id::TaskId;
use crate::domain::pool::Recycling;
use crate::domain::task::{Driver, Intent, Status, Task, TaskType, Verb, step};
use crate::domain::work::Lane;
use crate::store::tasks::{NewTask, Outcome};
use crate::store::{Store, Tx, accounts, events, objects, queue as rows, tasks};

mod command;
pub mod context;
pub mod janitor;
mod lanes;
pub mod live;
pub mod operation;
pub mod queue;
pub mod recovery;
pub mod report;
pub mod running;
pub mod submit;
pub mod watch;
mod worker;

use operation::Operation;

/// Ended tasks that someone may be waiting for; who is slower looks again.
const ENDED_QUEUE: usize = 1024;

/// How long tasks may rest, and who works.
#[derive(Clone, Debug)]
pub struct Settings {
    /// A client's task without activity expires after this time.
    pub stale_ms: i64,
    /// A paused task expires after this time.
    pub paused_ms: i64,
    /// Finished tasks are forgotten after this time.
    pub keep_finished_ms: i64,
    pub keep_audit_ms: i64,
    /// How long pools keep what is thrown away.
    pub recycling: Recycling,
    /// Time between two sweeps of the janitor.
    pub sweep_ms: i64,
    /// Worker threads of each lane.
    pub workers: HashMap<Lane, usize>,
}

/// Looks on when tasks end.
pub trait Witness: Send + Sync {
    /// Hears of an end in its transaction. What fails here is undone and logged; the task ends all the same.
    fn ended(&self, tx: &Tx<'_>, task: &Task) -> Result<()>;

    /// Hears after the commit, on the writer's thread: it must not block.
    fn committed(&self);
}

pub struct Engine {
    pub store: Store,
    pub blobs: Blobs,
    pub clock: Clock,
    pub settings: Settings,
    /// Seals what tasks must keep secret.
    pub key: ServerKey,
    pub queue: queue::Queue,
    operations: Vec<Arc<dyn Operation>>,
    janitor: janitor::Bell,
    ended: broadcast::Sender<TaskId>,
    witness: OnceLock<Weak<dyn Witness>>,
}

impl Engine {
    pub fn new(
        store: Store,
        blobs: Blobs,
        clock: Clock,
        settings: Settings,
        key: ServerKey,
        operations: Vec<Arc<dyn Operation>>,
    ) -> Self {
        Self {
            store,
            blobs,
            clock,
            settings,
            key,
            queue: queue::Queue::default(),
            operations,
            janitor: janitor::Bell::default(),
            ended: broadcast::channel(ENDED_QUEUE).0,
            witness: OnceLock::new(),
        }
    }

    /// From now on this one hears of every end. There is one place for it.
    pub fn set_witness(&self, witness: Weak<dyn Witness>) {
        let _ = self.witness.set(witness);
    }

    fn witness(&self) -> Option<Arc<dyn Witness>> {
        self.witness.get().and_then(Weak::upgrade)
    }

    pub fn operations(&self) -> &[Arc<dyn Operation>] {
        &self.operations
    }

    pub fn operation(&self, task_type: TaskType) -> Result<&Arc<dyn Operation>> {
        self.operations.iter().find(|operation| operation.task_type() == task_type).ok_or_else(
            || Error::internal(format!("no operation is registered for {}", task_type.name())),
        )
    }

    /// Hears of every task that ends from now on.
    pub fn ends(&self) -> broadcast::Receiver<TaskId> {
        self.ended.subscribe()
    }

    /// Inserts a task and announces it; `None` when its unique key is taken.
    pub fn create(&self, tx: &Tx<'_>, new: &NewTask) -> Result<Option<Task>> {
        let Some(task) = tasks::insert(tx, new)? else { return Ok(None) };
        let data = json!({
            "taskId": task.id,
            "name": task.name,
            "type": task.task_type,
            "status": task.status,
            "progress": task.progress,
            "priority": task.priority,
            "createdAt": task.created_at,
            "parameters": task.parameters,
            "rev": task.rev,
        });
        events::record(tx, Event::lasting(task.account_id, "task.created", Some(task.id), data))?;
        tx.moved(task.clone());
        Ok(Some(task))
    }

    /// Moves a task by one verb, in the transaction of its cause, and announces the move. The task as it is then;
    /// unchanged when there was nothing to do.
    pub fn apply(&self, tx: &Tx<'_>, task: &Task, verb: Verb, outcome: Outcome) -> Result<Task> {
        let moved = self.apply_alone(tx, task, verb, outcome)?;
        if moved.status.is_final() && moved.rev != task.rev {
            self.settle_dependents(tx, &moved)?;
        }
        Ok(moved)
    }

    /// The move itself, without what it means for others.
    fn apply_alone(
        &self,
        tx: &Tx<'_>,
        task: &Task,
        verb: Verb,
        mut outcome: Outcome,
    ) -> Result<Task> {
        let to = step(task.driver, task.state(), verb)?;
        if to == task.state() {
            return Ok(task.clone());
        }
        outcome.stale_ms = match (to.status, task.driver) {
            (Status::Paused, _) => Some(self.settings.paused_ms),
            (Status::InProgress, Driver::Client) => Some(self.settings.stale_ms),
            _ => None,
        };
        let moved = tasks::set_state(tx, task, to, &outcome)?;
        if to.status.is_final() {
            self.end(tx, task, &moved)?;
        }
        self.announce_move(tx, task, &moved)?;
        if to.status.is_final() {
            self.tell_witness(tx, &moved)?;
        }
        tx.moved(moved.clone());
        Ok(moved)
    }

    fn tell_witness(&self, tx: &Tx<'_>, ended: &Task) -> Result<()> {
        let Some(witness) = self.witness() else { return Ok(()) };
        match tx.attempt(|tx| witness.ended(tx, ended)) {
            // SQLite may have rolled back everything, the end too.
            Err(error) if error.kind() == Kind::DiskFull => Err(error),
            Err(error) => {
                tracing::error!(task.id = %ended.id, %error, "nobody is told of the end of a task");
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }

    /// What a task holds is given back in the transaction of its end: quota, its secret, what its operation took.
    fn end(&self, tx: &Tx<'_>, from: &Task, ended: &Task) -> Result<()> {
        if from.reserved_bytes > 0 {
            accounts::release(tx, from.account_id, from.reserved_bytes)?;
            announce_quota(tx, from.account_id)?;
        }
        tasks::forget_secret(tx, ended.pk)?;
        // What it made and did not publish is garbage from now on.
        objects::release_held(tx, ended.pk)?;
        match self.operation(ended.task_type) {
            Ok(operation) => operation.settle(tx, ended),
            // A task of a newer release; it must still be able to end.
            Err(_) => Ok(()),
        }
    }

    /// Those who waited for this task may go, or can never go, and neither can those who wait for them. One after
    /// the other, since a chain may be as long as there are tasks.
    fn settle_dependents(&self, tx: &Tx<'_>, ended: &Task) -> Result<()> {
        let mut ended = vec![ended.clone()];
        while let Some(over) = ended.pop() {
            for dependent in rows::dependents(tx.connection, over.pk)? {
                if over.status == Status::Completed {
                    self.open_if_ready(tx, dependent.pk)?;
                    continue;
                }
                let error = Some((Kind::DependencyFailed.code().to_owned(), cannot_run(&over)));
                let outcome = Outcome { error, ..Outcome::default() };
                ended.push(self.apply_alone(tx, &dependent, Verb::Reject, outcome)?);
            }
        }
        Ok(())
    }

    fn open_if_ready(&self, tx: &Tx<'_>, pk: i64) -> Result<()> {
        if rows::open_if_ready(tx, pk)?
            && let Some(ready) = tasks::by_pk(tx.connection, pk)?
        {
            tx.moved(ready);
        }
        Ok(())
    }

    fn announce_move(&self, tx: &Tx<'_>, from: &Task, to: &Task) -> Result<()> {
        if to.status == Status::Pending && !matches!(from.status, Status::Pending | Status::Paused)
        {
            // Given back, or tried again. There is no event of its own for it, so its progress tells, and is kept
            // for those who are away: the status they know is over.
            let event =
                Event::lasting(to.account_id, "task.progress", Some(to.id), progress_data(to));
            return events::record(tx, event);
        }
        tx.announce(progress_event(to, Weight::Prompt));
        if from.status == to.status {
            return Ok(());
        }
        let (name, moment) = match to.status {
            Status::Pending => ("task.resumed", "resumedAt"),
            Status::InProgress if from.status == Status::Pending => ("task.started", "startedAt"),
            Status::InProgress => ("task.resumed", "resumedAt"),
            Status::Paused => ("task.paused", "pausedAt"),
            Status::Completed => ("task.completed", "completedAt"),
            Status::Failed => ("task.failed", "failedAt"),
            Status::Cancelled => ("task.cancelled", "cancelledAt"),
            Status::Expired => ("task.expired", "expiredAt"),
        };
        let mut data = json!({
            "taskId": to.id,
            "name": to.name,
            "type": to.task_type,
            "status": to.status,
            "progress": to.progress,
            "rev": to.rev,
        });
        data[moment] = json!(to.updated_at);
        if to.status == Status::Completed {
            data["results"] = to.results.clone().unwrap_or_else(|| json!({}));
        }
        if let Some(message) = &to.error_message {
            data["errorCode"] = json!(to.error_code);
            data["errorMessage"] = json!(message);
        }
        events::record(tx, Event::lasting(to.account_id, name, Some(to.id), data))
    }

    /// Announces progress that was just recorded.
    pub fn announce_progress(&self, tx: &Tx<'_>, task: &Task) {
        tx.announce(progress_event(task, Weight::Tick(task.progress)));
    }

    /// Announces at once what a task is doing now.
    pub fn announce_phase(&self, tx: &Tx<'_>, task: &Task) {
        tx.announce(progress_event(task, Weight::Prompt));
    }

    /// Hears of moves after their commit, on the writer's thread: what is kept in memory follows, and those who are
    /// concerned wake up.
    pub fn on_moved(&self, moved: Vec<Task>) {
        if moved.iter().any(|task| task.status.is_final())
            && let Some(witness) = self.witness()
        {
            witness.committed();
        }
        for task in moved {
            if let Ok(operation) = self.operation(task.task_type) {
                operation.moved(&task);
            }
            self.queue.on_moved(&task);
            if task.status.is_final() {
                self.janitor.ring();
                // Nobody may be waiting.
                let _ = self.ended.send(task.id);
            }
        }
    }
}

/// Tells an account's clients how many bytes it uses now.
pub fn announce_quota(tx: &Tx<'_>, owner: crate::domain::id::AccountId) -> Result<()> {
    let Ok(quota) = accounts::quota_of(tx.connection, owner, tx.now) else { return Ok(()) };
    let data = json!({ "used": quota.used, "reserved": quota.reserved, "limit": quota.limit });
    events::record(tx, Event::lasting(owner, "quota.changed", None, data))
}

/// Why a task that was to run after this one cannot.
fn cannot_run(over: &Task) -> String {
    format!(
        "\"{}\" did not complete ({}), and this task was to run after it.",
        over.name,
        over.status.word()
    )
}

fn progress_event(task: &Task, weight: Weight) -> Event {
    Event::passing(task.account_id, "task.progress", task.id, weight, progress_data(task))
}

/// The data of `task.progress`.
fn progress_data(task: &Task) -> Value {
    json!({
        "taskId": task.id,
        "name": task.name,
        "type": task.task_type,
        "progress": task.progress,
        "status": task.status,
        "phase": task.phase,
        "bytesDone": task.units_done,
        "bytesTotal": task.units_total,
        "itemsDone": task.items_done,
        "itemsTotal": task.items_total,
        "requested": requested(task),
        "lastActivity": task.last_activity,
        "rev": task.rev,
    })
}

/// The wish that a running task has yet to honour.
pub fn requested(task: &Task) -> Option<String> {
    (task.intent != Intent::None).then(|| task.intent.name().to_lowercase())
}
