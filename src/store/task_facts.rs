//! What can be told of a task beside its row: what it waits for, who does the same, and what many add up to.

use rusqlite::{Connection, OptionalExtension, Row};

use super::columns::failed;
use super::tasks::{columns, task};
use crate::domain::error::Result;
use crate::domain::id::{AccountId, TaskId};
use crate::domain::task::{Status, Task, TaskType};

/// The tasks that a task was made to wait for.
pub fn dependencies(db: &Connection, pk: i64) -> Result<Vec<TaskId>> {
    db.prepare_cached(
        "select t.task_id from task_deps d join tasks t on t.id = d.dep_pk where d.task_pk = ?1 order by d.dep_pk",
    )
    .and_then(|mut found| found.query_map([pk], |row| row.get(0))?.collect())
    .map_err(failed)
}

/// The open task that holds the unique key of this one.
pub fn open_twin(db: &Connection, pk: i64) -> Result<Option<Task>> {
    let columns = columns();
    db.prepare_cached(&format!(
        "select {columns} from tasks me join tasks t on t.account_id = me.account_id and t.unique_key = me.unique_key \
         where me.id = ?1 and t.unique_key is not null and t.status in (0, 1, 2) and t.id <> me.id"
    ))
    .and_then(|mut found| found.query_row([pk], task).optional())
    .map_err(failed)
}

/// What an account's tasks of one type in one status add up to.
pub struct Sums {
    pub task_type: TaskType,
    pub status: Status,
    pub tasks: u64,
    /// Bytes that they worked on.
    pub bytes: u64,
    /// Milliseconds from start to end, of those that were started and have ended, and how many these are.
    pub took_ms: u64,
    pub took: u64,
}

pub fn sums(db: &Connection, owner: AccountId) -> Result<Vec<Sums>> {
    db.prepare_cached(
        "select type, status, count(*), sum(units_done), coalesce(sum(finished_at - started_at), 0), \
         count(finished_at - started_at) from tasks where account_id = ?1 group by type, status",
    )
    .and_then(|mut found| {
        let number = |row: &Row<'_>, at| row.get::<_, i64>(at).map(|sum| sum.max(0) as u64);
        found
            .query_map([owner], |row| {
                Ok(Sums {
                    task_type: row.get(0)?,
                    status: row.get(1)?,
                    tasks: number(row, 2)?,
                    bytes: number(row, 3)?,
                    took_ms: number(row, 4)?,
                    took: number(row, 5)?,
                })
            })?
            .collect()
    })
    .map_err(failed)
}
