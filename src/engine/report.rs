//! What a client reports of a task that it drives itself: how far it is, and how it ended.

use std::sync::Arc;

use serde_json::{Value, json};

use super::Engine;
use crate::domain::error::{Error, Kind, Result};
use crate::domain::id::{AccountId, TaskId};
use crate::domain::task::{Driver, Status, Task, Verb};
use crate::store::Tx;
use crate::store::tasks::{self, Outcome};

/// How far a client's task is.
pub struct Report {
    /// 0 to 100; what is less than before leaves it as it was.
    pub progress: f64,
    /// Shown as the task's phase; `None` leaves that, an empty one removes it.
    pub message: Option<String>,
    pub bytes_done: Option<u64>,
    pub bytes_total: Option<u64>,
}

/// How a client says that its task ended.
pub enum End {
    Completed {
        /// An object; `None` for an empty one.
        results: Option<Value>,
    },
    Failed {
        code: String,
        message: String,
    },
}

impl Engine {
    /// Notes progress. `TaskPaused` while the task is paused, so that its client knows to wait.
    pub async fn report(
        self: &Arc<Self>,
        owner: AccountId,
        id: TaskId,
        report: Report,
    ) -> Result<Task> {
        let engine = self.clone();
        self.store.write(move |tx| engine.report_in(tx, owner, id, report)).await
    }

    fn report_in(&self, tx: &Tx<'_>, owner: AccountId, id: TaskId, report: Report) -> Result<Task> {
        let task = self.reported(tx, owner, id)?;
        let total = report.bytes_total.or(task.units_total);
        let done = report.bytes_done.unwrap_or(task.units_done);
        if total.is_some_and(|total| done > total) {
            return Err(Error::invalid("bytesDone", "bytesDone is more than bytesTotal."));
        }
        match task.status {
            Status::InProgress => {}
            Status::Paused => {
                let message = "This task is paused. Wait until it is resumed, then report again.";
                return Err(
                    Error::new(Kind::TaskPaused, message).with("taskStatus", task.status.name())
                );
            }
            status => return Err(over(status)),
        }
        let phase = match report.message {
            Some(message) => Some(message).filter(|message| !message.is_empty()),
            None => task.phase,
        };
        tasks::set_phase(tx, task.pk, phase.as_deref(), report.bytes_total)?;
        let task = tasks::set_progress(tx, task.pk, task.epoch, done, report.progress)?
            .ok_or_else(|| Error::internal("a task stopped within a transaction"))?;
        self.announce_progress(tx, &task);
        Ok(task)
    }

    /// Ends a task as its client says. Said again, it changes nothing.
    pub async fn conclude(
        self: &Arc<Self>,
        owner: AccountId,
        id: TaskId,
        end: End,
    ) -> Result<Task> {
        let engine = self.clone();
        self.store
            .write(move |tx| {
                let task = engine.reported(tx, owner, id)?;
                let (status, verb, outcome) = match end {
                    End::Completed { results } => {
                        let results = Some(results.unwrap_or_else(|| json!({})));
                        let outcome = Outcome { results, ..Outcome::default() };
                        (Status::Completed, Verb::Finish, outcome)
                    }
                    End::Failed { code, message } => {
                        let error = Some((code, message));
                        (Status::Failed, Verb::Fail, Outcome { error, ..Outcome::default() })
                    }
                };
                if task.status == status {
                    return Ok(task);
                }
                engine.apply(tx, &task, verb, outcome)
            })
            .await
    }

    /// A task that its client reports on.
    fn reported(&self, tx: &Tx<'_>, owner: AccountId, id: TaskId) -> Result<Task> {
        let task = tasks::get(tx.connection, owner, id)?;
        if task.driver == Driver::Client && self.operation(task.task_type)?.is_reported() {
            return Ok(task);
        }
        let message = "The server drives this task itself; only a Custom task without a handler is reported by its client.";
        Err(Error::new(Kind::Conflict, message).with("taskStatus", task.status.name()))
    }
}

fn over(status: Status) -> Error {
    let message = format!("This task is {}; there is nothing more to report.", status.word());
    Error::new(Kind::TaskFinished, message).with("taskStatus", status.name())
}
