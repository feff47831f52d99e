//! What people ask of tasks: pause, resume, cancel, retry, a new name or priority. Children follow their parent.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;

use super::Engine;
use super::operation::Within;
use crate::domain::error::{Error, Kind, Result};
use crate::domain::event::{Event, Weight};
use crate::domain::id::{AccountId, TaskId};
use crate::domain::task::{Driver, Task, Verb, step};
use crate::domain::work::ItemState;
use crate::store::tasks::{self, Outcome};
use crate::store::{Tx, items, queue as rows, task_facts, upkeep};

/// Generations of children that a command reaches.
const DEPTH_MAX: usize = 8;
/// How long a retry waits until the leftovers of the failure are gone.
const CLEANING_WAIT: Duration = Duration::from_millis(20);
const CLEANING_TRIES: u32 = 250;

impl Engine {
    /// What a person asks of a task. Done when this returns, or recorded: then `intent` says what the worker will
    /// honour at its next safe point.
    pub async fn command(
        self: &Arc<Self>,
        owner: AccountId,
        id: TaskId,
        verb: Verb,
    ) -> Result<Task> {
        let engine = self.clone();
        if verb == Verb::Retry {
            // Goes on when its client hangs up: what is made ready is either used or taken back.
            return tokio::spawn(async move { engine.retry(owner, id).await })
                .await
                .map_err(Error::internal)?;
        }
        self.store.write(move |tx| engine.command_in(tx, owner, id, verb)).await
    }

    /// The same for many, each on its own: what is refused for one does not touch the others.
    pub async fn command_each(
        self: &Arc<Self>,
        owner: AccountId,
        ids: Vec<TaskId>,
        verb: Verb,
    ) -> Vec<(TaskId, Result<Task>)> {
        join_all(ids.into_iter().map(|id| async move { (id, self.command(owner, id, verb).await) }))
            .await
    }

    fn command_in(&self, tx: &Tx<'_>, owner: AccountId, id: TaskId, verb: Verb) -> Result<Task> {
        let task = tasks::get(tx.connection, owner, id)?;
        // What is refused to the parent must not reach a child.
        step(task.driver, task.state(), verb)?;
        if matches!(verb, Verb::Pause | Verb::Resume | Verb::Cancel) {
            self.cascade(tx, &task, verb)?;
        }
        self.apply(tx, &task, verb, Outcome::default())
    }

    /// Reaches the open descendants, the youngest first: who waits for a sibling is younger than it, and is to be
    /// cancelled with it rather than to fail for it.
    fn cascade(&self, tx: &Tx<'_>, parent: &Task, verb: Verb) -> Result<()> {
        let (mut descendants, mut generation): (Vec<i64>, _) = (Vec::new(), vec![parent.pk]);
        for _ in 0..DEPTH_MAX {
            let mut next = Vec::new();
            for pk in generation {
                next.extend(rows::children(tx.connection, pk)?.iter().map(|child| child.pk));
            }
            descendants.extend(&next);
            generation = next;
        }
        descendants.sort_unstable_by(|a, b| b.cmp(a));
        for pk in descendants {
            // As it is now: the end of another may have changed it.
            let Some(child) = tasks::by_pk(tx.connection, pk)? else { continue };
            match self.apply(tx, &child, verb, Outcome::default()) {
                Ok(_) => {}
                // It has ended, or is being cancelled: its own state is stronger.
                Err(error)
                    if matches!(
                        error.kind(),
                        Kind::TaskFinished | Kind::TaskPaused | Kind::Conflict
                    ) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// A failed task is tried again under its own id: items that are done stay done, failed ones are opened.
    async fn retry(self: &Arc<Self>, owner: AccountId, id: TaskId) -> Result<Task> {
        let task = self.to_retry(owner, id).await?;
        let operation = self.operation(task.task_type)?.clone();
        let engine = self.clone();
        let renewal = tokio::task::spawn_blocking(move || operation.renew(&engine, &task))
            .await
            .map_err(Error::internal)??;
        let (within, undo) = renewal.map(|made| (made.within, made.undo)).unzip();
        let engine = self.clone();
        let begun = self.store.write(move |tx| engine.retry_in(tx, owner, id, within)).await;
        if begun.is_err()
            && let Some(undo) = undo
        {
            tokio::task::spawn_blocking(undo).await.map_err(Error::internal)?;
        }
        begun
    }

    /// The task, once the leftovers of its failure are gone; refused before anything is prepared where it cannot be
    /// tried again.
    async fn to_retry(&self, owner: AccountId, id: TaskId) -> Result<Task> {
        for _ in 0..CLEANING_TRIES {
            let (task, clean) = self
                .store
                .read(move |db| {
                    let task = tasks::get(db, owner, id)?;
                    let clean = upkeep::is_clean(db, task.pk)?;
                    Ok((task, clean))
                })
                .await?;
            step(task.driver, task.state(), Verb::Retry)?;
            if clean {
                return Ok(task);
            }
            tokio::time::sleep(CLEANING_WAIT).await;
        }
        Err(being_cleaned())
    }

    fn retry_in(
        &self,
        tx: &Tx<'_>,
        owner: AccountId,
        id: TaskId,
        renewal: Option<Within>,
    ) -> Result<Task> {
        let task = tasks::get(tx.connection, owner, id)?;
        step(task.driver, task.state(), Verb::Retry)?;
        if !upkeep::is_clean(tx.connection, task.pk)? {
            return Err(being_cleaned());
        }
        if let Some(twin) = task_facts::open_twin(tx.connection, task.pk)? {
            let message = "Another task does the same already; look at that one.";
            return Err(Error::new(Kind::Conflict, message).with("taskId", twin.id.to_string()));
        }
        if let Some(over) = rows::failed_dependency(tx.connection, task.pk)? {
            let message = super::cannot_run(&over);
            return Err(
                Error::new(Kind::DependencyFailed, message).with("taskId", over.id.to_string())
            );
        }
        rows::open_if_ready(tx, task.pk)?;
        if task.driver == Driver::Server {
            items::reopen(tx, task.pk, &[ItemState::Failed])?;
        }
        self.operation(task.task_type)?.retry(tx, &task)?;
        if let Some(renewal) = renewal {
            renewal(tx, &task)?;
        }
        // What was prepared may have changed its row.
        let task = tasks::get(tx.connection, owner, id)?;
        self.apply(tx, &task, Verb::Retry, Outcome { afresh: true, ..Outcome::default() })
    }

    /// Gives a task that has not ended another name or place in the order.
    pub async fn amend(
        self: &Arc<Self>,
        owner: AccountId,
        id: TaskId,
        name: Option<String>,
        priority: Option<u8>,
    ) -> Result<Task> {
        let engine = self.clone();
        self.store
            .write(move |tx| {
                let task = tasks::get(tx.connection, owner, id)?;
                if task.status.is_final() && priority.is_some() {
                    return Err(Error::new(
                        Kind::TaskFinished,
                        format!(
                            "This task is {}; its priority no longer matters.",
                            task.status.word()
                        ),
                    )
                    .with("taskStatus", task.status.name()));
                }
                tasks::amend(tx, task.pk, name.as_deref(), priority)?;
                let task = tasks::get(tx.connection, owner, id)?;
                engine.announce_amended(tx, &task);
                Ok(task)
            })
            .await
    }

    fn announce_amended(&self, tx: &Tx<'_>, task: &Task) {
        let mut data = super::progress_data(task);
        data["priority"] = task.priority.into();
        tx.announce(Event::passing(
            task.account_id,
            "task.progress",
            task.id,
            Weight::Prompt,
            data,
        ));
    }
}

fn being_cleaned() -> Error {
    let message = "The leftovers of this task are being removed. Try again in a moment.";
    Error::new(Kind::Busy, message)
}
