//! Runs tasks and knows no particular operation. It alone writes a task's status, and it announces every move.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::clock::Clock;
use crate::domain::error::{Error, Result};
use crate::domain::event::{Event, Weight};
use crate::domain::id::{AccountId, TaskId};
use crate::domain::task::{Status, Task, TaskType, Verb, step};
use crate::store::tasks::{NewTask, Outcome};
use crate::store::{Store, Tx, events, tasks};

pub mod janitor;
pub mod live;
pub mod operation;
pub mod recovery;

use operation::Operation;

/// How long tasks may rest.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// A client's task without activity expires after this time.
    pub stale_ms: i64,
    /// A paused task expires after this time.
    pub paused_ms: i64,
    /// Finished tasks are forgotten after this time.
    pub keep_finished_ms: i64,
    /// Time between two sweeps of the janitor.
    pub sweep_ms: i64,
}

pub struct Engine {
    pub store: Store,
    pub clock: Clock,
    pub settings: Settings,
    operations: Vec<Arc<dyn Operation>>,
    janitor: janitor::Bell,
}

impl Engine {
    pub fn new(
        store: Store,
        clock: Clock,
        settings: Settings,
        operations: Vec<Arc<dyn Operation>>,
    ) -> Self {
        Self { store, clock, settings, operations, janitor: janitor::Bell::default() }
    }

    pub fn operations(&self) -> &[Arc<dyn Operation>] {
        &self.operations
    }

    fn operation(&self, task_type: TaskType) -> Result<&Arc<dyn Operation>> {
        self.operations.iter().find(|operation| operation.task_type() == task_type).ok_or_else(
            || Error::internal(format!("no operation is registered for {}", task_type.name())),
        )
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
        Ok(Some(task))
    }

    /// Moves a task by one verb, in the transaction of its cause, and announces the move. The task as it is then;
    /// unchanged when there was nothing to do.
    pub fn apply(
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
        outcome.stale_ms = match to.status {
            Status::Paused => Some(self.settings.paused_ms),
            Status::InProgress => Some(self.settings.stale_ms),
            _ => None,
        };
        let moved = tasks::set_state(tx, task, to, &outcome)?;
        if to.status.is_final() {
            self.operation(task.task_type)?.settle(tx, &moved)?;
        }
        self.announce_move(tx, task, &moved)?;
        Ok(moved)
    }

    fn announce_move(&self, tx: &Tx<'_>, from: &Task, to: &Task) -> Result<()> {
        tx.announce(progress_event(to, Weight::Prompt));
        if from.status == to.status {
            return Ok(());
        }
        let (name, moment) = match to.status {
            Status::Pending => return Ok(()),
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

    /// What a person asks of a task: pause, resume, cancel. Done when this returns.
    pub async fn command(
        self: &Arc<Self>,
        owner: AccountId,
        id: TaskId,
        verb: Verb,
    ) -> Result<Task> {
        let engine = self.clone();
        let task = self
            .store
            .write(move |tx| {
                let task = tasks::get(tx.connection, owner, id)?;
                engine.apply(tx, &task, verb, Outcome::default())
            })
            .await?;
        self.after_move(&task);
        Ok(task)
    }

    /// To be called after the commit of a move: the operation hears of it, the janitor cleans up after an end.
    pub fn after_move(&self, task: &Task) {
        if let Ok(operation) = self.operation(task.task_type) {
            operation.moved(task);
        }
        if task.status.is_final() {
            self.janitor.ring();
        }
    }
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
        "lastActivity": task.last_activity,
        "rev": task.rev,
    })
}
