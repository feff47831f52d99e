//! A request for a task on its way into the table: planned by its operation, then inserted in one transaction.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::context::purpose;
use super::operation::{Plan, Request};
use super::{Engine, announce_quota};
use crate::domain::account::{Caller, Role};
use crate::domain::error::{Error, Kind, Result};
use crate::domain::id::{AccountId, TaskId};
use crate::domain::task::{Driver, Status, Task, TaskType};
use crate::domain::time::Timestamp;
use crate::domain::work::gate;
use crate::store::idempotency::{self, Key, Made};
use crate::store::tasks::{self, NewTask};
use crate::store::{Tx, accounts, items, queue as rows};

/// Tasks of one account that are pending, running or paused.
const OPEN_MAX: u64 = 1_000;
/// Files of one task.
pub const ITEMS_MAX: usize = 100_000;
pub const DEPENDENCIES_MAX: usize = 64;

/// A task as a client asks for it.
pub struct Wanted {
    pub task_type: TaskType,
    pub name: Option<String>,
    pub description: Option<String>,
    pub priority: u8,
    pub parameters: Map<String, Value>,
    pub run_at: Option<Timestamp>,
    pub depends_on: Vec<TaskId>,
    pub parent_id: Option<TaskId>,
    /// The client's `Idempotency-Key` with the hash of its request.
    pub idempotency: Option<Key>,
}

/// What came of a request.
pub enum Submitted {
    New(Box<Task>),
    /// The same request was made before, or an open task does the same.
    Known(Box<Task>),
}

impl Engine {
    /// Checks, plans and queues a task.
    pub async fn submit(self: &Arc<Self>, caller: Caller, wanted: Wanted) -> Result<Submitted> {
        if caller.role < Role::User {
            return Err(Error::new(Kind::Forbidden, "A guest may look, but not ask for tasks."));
        }
        if let Some(known) = self.repeated(caller.account_id, wanted.idempotency.clone()).await? {
            return Ok(Submitted::Known(Box::new(known)));
        }
        let operation = self.operation(wanted.task_type)?.clone();
        let (engine, parameters) = (self.clone(), wanted.parameters.clone());
        let owner = caller.account_id;
        let plan = tokio::task::spawn_blocking(move || {
            operation.plan(&engine, &Request { caller, parameters })
        })
        .await
        .map_err(Error::internal)??;
        if plan.items.len() > ITEMS_MAX {
            let message =
                format!("A task takes at most {ITEMS_MAX} files; divide them among several tasks.");
            return Err(Error::invalid("parameters.fileIds", message).with("limit", ITEMS_MAX));
        }
        let engine = self.clone();
        self.store.write(move |tx| engine.insert(tx, owner, wanted, plan)).await
    }

    /// Queues a task that the server itself wants for an account. Blocks.
    pub fn queue_own(
        self: &Arc<Self>,
        owner: AccountId,
        task_type: TaskType,
        plan: Plan,
    ) -> Result<Submitted> {
        let wanted = Wanted {
            task_type,
            name: None,
            description: None,
            priority: 0,
            parameters: Map::new(),
            run_at: None,
            depends_on: Vec::new(),
            parent_id: None,
            idempotency: None,
        };
        let engine = self.clone();
        self.store.write_now(move |tx| engine.insert(tx, owner, wanted, plan))
    }

    async fn repeated(&self, owner: AccountId, key: Option<Key>) -> Result<Option<Task>> {
        let Some((key, hash)) = key else { return Ok(None) };
        self.store
            .read(move |db| match idempotency::find(db, owner, &key)? {
                None => Ok(None),
                Some((known, Made::Task(id))) if known == hash => {
                    tasks::get(db, owner, id).map(Some)
                }
                Some(_) => Err(Error::new(
                    Kind::IdempotencyMismatch,
                    "This Idempotency-Key was used for another request. Use a new key for a new task.",
                )),
            })
            .await
    }

    fn insert(
        &self,
        tx: &Tx<'_>,
        owner: AccountId,
        wanted: Wanted,
        plan: Plan,
    ) -> Result<Submitted> {
        if rows::count_open(tx.connection, owner)? >= OPEN_MAX {
            let message = format!(
                "You have {OPEN_MAX} open tasks. Wait for some, or cancel some, then try again."
            );
            return Err(Error::new(Kind::TooMany, message).with("limit", OPEN_MAX));
        }
        let dependencies = self.dependencies(tx, owner, &wanted.depends_on, plan.driver)?;
        let waits = dependencies.iter().any(|on| on.status != Status::Completed);
        let parent = wanted.parent_id.map(|id| parent(tx, owner, id)).transpose()?;
        let new = new_task(self, tx, owner, &wanted, &plan, waits, parent)?;
        let Some(task) = self.create(tx, &new)? else {
            let key = plan.unique_key.unwrap_or_default();
            let twin = tasks::by_unique_key(tx.connection, owner, &key)?
                .ok_or_else(|| Error::internal("a task is neither new nor there"))?;
            return Ok(Submitted::Known(Box::new(twin)));
        };
        for on in dependencies {
            rows::depend(tx, task.pk, on.pk)?;
        }
        items::insert(tx, task.pk, 0, &plan.items)?;
        if let Some(secret) = &plan.secret {
            tasks::keep_secret(tx, task.pk, &self.key.seal(&purpose(&task), secret)?)?;
        }
        if plan.checkpoint.is_some() {
            tasks::set_checkpoint(tx, task.pk, plan.checkpoint)?;
        }
        if plan.reserve_bytes > 0 {
            accounts::reserve(tx, owner, plan.reserve_bytes)?;
            announce_quota(tx, owner)?;
        }
        if let Some(key) = &wanted.idempotency
            && !idempotency::keep(tx, owner, key, Made::Task(task.id))?
        {
            return Err(Error::new(
                Kind::Conflict,
                "Another request with this Idempotency-Key is under way.",
            ));
        }
        Ok(Submitted::New(Box::new(task)))
    }

    /// The tasks that this one is to run after. They exist already, so a circle cannot come about.
    fn dependencies(
        &self,
        tx: &Tx<'_>,
        owner: AccountId,
        ids: &[TaskId],
        driver: Driver,
    ) -> Result<Vec<Task>> {
        if ids.len() > DEPENDENCIES_MAX {
            let message = format!("dependsOn takes at most {DEPENDENCIES_MAX} tasks.");
            return Err(Error::invalid("dependsOn", message));
        }
        if !ids.is_empty() && driver == Driver::Client {
            let message =
                "A task that its client drives starts at once; it cannot wait for others.";
            return Err(Error::invalid("dependsOn", message));
        }
        let mut dependencies = Vec::new();
        for &id in ids {
            let on = tasks::get(tx.connection, owner, id)
                .map_err(|error| error.with("field", "dependsOn").with("taskId", id.to_string()))?;
            if on.status.is_final() && on.status != Status::Completed {
                let message = format!("dependsOn names a task that is {}.", on.status.word());
                return Err(Error::new(Kind::DependencyFailed, message)
                    .with("field", "dependsOn")
                    .with("taskId", id.to_string()));
            }
            dependencies.push(on);
        }
        Ok(dependencies)
    }
}

fn parent(tx: &Tx<'_>, owner: AccountId, id: TaskId) -> Result<i64> {
    let parent =
        tasks::get(tx.connection, owner, id).map_err(|error| error.with("field", "parentId"))?;
    if parent.status.is_final() {
        let message = format!("The task parentId names is {}.", parent.status.word());
        return Err(Error::new(Kind::TaskFinished, message).with("field", "parentId"));
    }
    Ok(parent.pk)
}

fn new_task(
    engine: &Engine,
    tx: &Tx<'_>,
    owner: AccountId,
    wanted: &Wanted,
    plan: &Plan,
    waits: bool,
    parent_pk: Option<i64>,
) -> Result<NewTask> {
    let run_at = wanted.run_at.filter(|&moment| moment > tx.now);
    if run_at.is_some() && plan.driver == Driver::Client {
        let message = "A task that its client drives starts at once; leave runAt out.";
        return Err(Error::invalid("runAt", message));
    }
    let listed: u64 = plan.items.iter().map(|item| item.bytes).sum();
    let bytes = plan.units_total.unwrap_or(listed);
    let pace = rows::pace(tx.connection, owner, wanted.task_type)?;
    let estimated_ms = pace.map(|pace| (bytes as f64 / (1 << 20) as f64 * pace) as i64);
    let scheduled = if run_at.is_some() { gate::SCHEDULED } else { 0 };
    let waiting = if waits { gate::DEPENDENCIES } else { 0 };
    Ok(NewTask {
        id: TaskId::generate(),
        account_id: owner,
        task_type: wanted.task_type,
        name: wanted.name.clone().unwrap_or_else(|| plan.name.clone()),
        description: wanted.description.clone(),
        driver: plan.driver,
        lane: plan.lane,
        gate: scheduled | waiting,
        run_at,
        priority: wanted.priority,
        parameters: plan.parameters.clone(),
        units_total: (bytes > 0).then_some(bytes),
        items_total: plan.items.len() as u64,
        reserved_bytes: plan.reserve_bytes,
        estimated_ms,
        stale_ms: (plan.driver == Driver::Client).then_some(engine.settings.stale_ms),
        unique_key: plan.unique_key.clone(),
        parent_pk,
    })
}
