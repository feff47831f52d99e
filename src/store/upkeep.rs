//! What the janitor asks of the task table: whose time is over, what is to be cleaned, what can be forgotten.

use super::columns::failed;
use super::tasks::{columns, task};
use super::{Db, Tx};
use crate::domain::error::Result;
use crate::domain::id::AccountId;
use crate::domain::task::{Status, Task, TaskType};
use crate::domain::time::Timestamp;

/// Open tasks whose time is over, with the activity that may have extended it.
pub fn overdue(db: &Db, now: Timestamp, limit: usize) -> Result<Vec<Task>> {
    db.prepare_cached(&format!(
        "select {} from tasks t \
             where t.expires_at is not null and t.expires_at <= ?1 and t.status in (0, 1, 2) \
             order by t.expires_at limit ?2",
        columns()
    ))
    .and_then(|mut statement| statement.query_map((now, limit as i64), task)?.collect())
    .map_err(failed)
}

/// Moves the end of an active task's time.
pub fn extend(tx: &Tx<'_>, pk: i64, expires_at: Timestamp) -> Result<()> {
    tx.connection
        .execute(
            "update tasks set expires_at = ?2 where id = ?1 and status in (0, 1, 2)",
            (pk, expires_at),
        )
        .map_err(failed)?;
    Ok(())
}

/// Ended tasks whose leftovers are still to remove.
pub fn to_clean(db: &Db, limit: usize) -> Result<Vec<Task>> {
    db.prepare_cached(&format!(
        "select {} from tasks t where t.cleanup = 1 order by t.id limit ?1",
        columns()
    ))
    .and_then(|mut statement| statement.query_map([limit as i64], task)?.collect())
    .map_err(failed)
}

pub fn cleaned(tx: &Tx<'_>, pk: i64) -> Result<()> {
    tx.connection.execute("update tasks set cleanup = 0 where id = ?1", [pk]).map_err(failed)?;
    Ok(())
}

/// Forgets a batch of tasks that ended before `finished_before` and left nothing behind; how many went.
pub fn prune(tx: &Tx<'_>, finished_before: Timestamp, batch: usize) -> Result<usize> {
    tx.connection
        .execute(
            "delete from tasks where id in (select id from tasks where finished_at is not null \
             and finished_at < ?1 and cleanup = 0 order by finished_at limit ?2)",
            (finished_before, batch as i64),
        )
        .map_err(failed)
}

/// Forgets an account's failed and expired tasks of one type that left nothing behind.
pub fn forget_failed(
    tx: &Tx<'_>,
    owner: AccountId,
    task_type: TaskType,
    batch: usize,
) -> Result<usize> {
    tx.connection
        .execute(
            "delete from tasks where id in (select id from tasks where account_id = ?1 and type = ?2 \
             and status in (4, 6) and cleanup = 0 limit ?3)",
            (owner, task_type, batch as i64),
        )
        .map_err(failed)
}

/// Has everything been removed that the end of this task left behind?
pub fn is_clean(db: &Db, pk: i64) -> Result<bool> {
    db.prepare_cached("select cleanup = 0 from tasks where id = ?1")
        .and_then(|mut statement| statement.query_row([pk], |row| row.get(0)))
        .map_err(failed)
}

/// Forgets an account's ended tasks in one status that left nothing behind and ended at `finished_before` or earlier;
/// how many went.
pub fn forget_ended(
    tx: &Tx<'_>,
    owner: AccountId,
    status: Status,
    finished_before: Timestamp,
    batch: usize,
) -> Result<usize> {
    if !status.is_final() {
        return Ok(0);
    }
    tx.connection
        .execute(
            "delete from tasks where id in (select id from tasks where account_id = ?1 and status = ?2 \
             and finished_at <= ?3 and cleanup = 0 limit ?4)",
            (owner, status, finished_before, batch as i64),
        )
        .map_err(failed)
}
