//! What the engine asks of an operation. There is one for each task type; the list is `operations::all`.

use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::Engine;
use super::context::{Context, Ending, Work};
use super::recovery::LastStop;
use crate::blobs::pool::PoolDir;
use crate::domain::account::Caller;
use crate::domain::error::{Error, Result};
use crate::domain::json;
use crate::domain::task::{Driver, Task, TaskType};
use crate::domain::time::Timestamp;
use crate::domain::work::{Lane, NewItem};
use crate::store::{Store, Tx};

/// What a client asks for, before it is checked.
pub struct Request {
    pub caller: Caller,
    pub parameters: Map<String, Value>,
}

impl Request {
    /// The parameters as an operation's own type; an error names the field, such as `parameters.fileIds`.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T> {
        json::object(self.parameters.clone(), "parameters")
    }
}

/// A request that was checked: what will be done, in the order it will be done.
pub struct Plan {
    /// What people see: "Compress 12 files into harbour.zip".
    pub name: String,
    pub driver: Driver,
    pub lane: Lane,
    /// What is kept and shown. Secrets are not among it.
    pub parameters: Value,
    /// Sealed with the server's key and forgotten when the task ends.
    pub secret: Option<Vec<u8>>,
    /// What [`super::context::Context::checkpoint`] gives at first. Clients never see it; unlike a secret it is still
    /// there when a failed task is tried again.
    pub checkpoint: Option<Value>,
    pub items: Vec<NewItem>,
    /// Bytes to do, where that is not the sum of the items.
    pub units_total: Option<u64>,
    /// Bytes of quota the task may need, set aside until it ends.
    pub reserve_bytes: u64,
    /// At most one open task of an account has this key; a second request gets the first one's task.
    pub unique_key: Option<String>,
}

impl Plan {
    pub fn new(name: impl Into<String>, lane: Lane, parameters: Value) -> Self {
        Self {
            name: name.into(),
            driver: Driver::Server,
            lane,
            parameters,
            secret: None,
            checkpoint: None,
            items: Vec::new(),
            units_total: None,
            reserve_bytes: 0,
            unique_key: None,
        }
    }
}

/// Runs in the transaction that begins another try.
pub type Within = Box<dyn FnOnce(&Tx<'_>, &Task) -> Result<()> + Send>;

/// What another try of a failed task needs beside its rows, made before the transaction that begins it.
pub struct Renewal {
    pub within: Within,
    /// Takes everything back when that transaction does not come about.
    pub undo: Box<dyn FnOnce() + Send>,
}

pub trait Operation: Send + Sync {
    fn task_type(&self) -> TaskType;

    /// What a person calls it: "Upload a file".
    fn title(&self) -> &'static str;

    /// JSON Schema (draft 2020-12) of the parameters; forms are made from it.
    fn schema(&self) -> Value {
        json!({ "type": "object", "properties": {} })
    }

    /// Can `POST /tasks` make one? Uploads have a door of their own.
    fn is_creatable(&self) -> bool {
        true
    }

    /// May the client of such a task, where it drives it, report how far it is and how it ended?
    fn is_reported(&self) -> bool {
        false
    }

    /// Checks a request and freezes the work list. Refuses here what can be known to fail. Runs where blocking does no
    /// harm.
    fn plan(&self, _engine: &Engine, _request: &Request) -> Result<Plan> {
        Err(Error::invalid("type", format!("{} is not created here.", self.task_type().name())))
    }

    /// Does the work, from the first item that is open. What it returns runs in the transaction that ends the task.
    fn run(&self, context: &Context) -> Work<Ending> {
        let _ = context;
        Err(Error::internal("this task is driven by its client").into())
    }

    /// Makes ready what another try needs and a transaction must not wait for, such as a file with all its space. Runs
    /// where blocking does no harm.
    fn renew(&self, _engine: &Engine, _task: &Task) -> Result<Option<Renewal>> {
        Ok(None)
    }

    /// Prepares a failed task for another try: what cannot go on starts anew.
    fn retry(&self, _tx: &Tx<'_>, _task: &Task) -> Result<()> {
        Ok(())
    }

    /// Settles what a task that has just ended still holds, such as reserved bytes, in the transaction of its end.
    fn settle(&self, _tx: &Tx<'_>, _task: &Task) -> Result<()> {
        Ok(())
    }

    /// Hears of a move after its commit; only to refresh what is kept in memory.
    fn moved(&self, _task: &Task) {}

    /// Removes what an ended task left behind. Called until it succeeds; a second call must do no harm.
    fn clean(&self, _store: &Store, _task: &Task) -> Result<()> {
        Ok(())
    }

    /// Mends what a crash left half done in a pool. Called once for each: before anything is served, or, where the pool
    /// was offline then, before it is online.
    fn recover(&self, _store: &Store, _pool: &PoolDir, _last: LastStop) -> Result<()> {
        Ok(())
    }

    /// Makes the tasks that time asks for. Called by each sweep of the janitor; what is made already is made once.
    fn tend(&self, _engine: &Arc<Engine>, _now: Timestamp) -> Result<()> {
        Ok(())
    }

    /// Is an idle task let go? Not while it can only wait.
    fn may_expire(&self, _task: &Task) -> bool {
        true
    }

    /// A pool that was offline is online again.
    fn pool_is_back(&self) {}

    /// Lets go of what has not been used for a while. Called by each sweep of the janitor.
    fn relax(&self) {}
}
