//! What the engine asks of an operation. There is one for each task type; the list is `operations::all`.

use super::recovery::LastStop;
use crate::domain::error::Result;
use crate::domain::task::{Task, TaskType};
use crate::store::{Store, Tx};

pub trait Operation: Send + Sync {
    fn task_type(&self) -> TaskType;

    /// What a person calls it: "Upload a file".
    fn title(&self) -> &'static str;

    /// Settles what a task that has just ended still holds, such as reserved bytes, in the transaction of its end.
    fn settle(&self, tx: &Tx<'_>, task: &Task) -> Result<()>;

    /// Hears of a move after its commit; only to refresh what is kept in memory.
    fn moved(&self, task: &Task);

    /// Removes what an ended task left behind. Called until it succeeds; a second call must do no harm.
    fn clean(&self, store: &Store, task: &Task) -> Result<()>;

    /// Mends what a crash left half done. Called once, before anything is served.
    fn recover(&self, store: &Store, last: LastStop) -> Result<()>;

    /// Lets go of what has not been used for a while. Called by each sweep of the janitor.
    fn relax(&self);
}
