//! What the dispatcher asks of the task table: who is next, whose time has come, who waits for whom.

use rusqlite::{OptionalExtension, named_params};

use super::columns::failed;
use super::tasks::{columns, task};
use super::{Db, Tx};
use crate::domain::error::Result;
use crate::domain::id::AccountId;
use crate::domain::task::{Status, Task};
use crate::domain::time::Timestamp;
use crate::domain::work::Lane;

/// The first task of an account in a lane, in the account's own order.
pub struct Head {
    pub pk: i64,
    pub account_id: AccountId,
    pub priority: u8,
    /// See [`crate::domain::work::sort_key`].
    pub sort_key: i64,
}

/// The heads of all accounts with less than `cap` tasks running in a lane. A loose scan over the accounts, so its cost
/// does not grow with waiting tasks.
pub fn heads(db: &Db, lane: Lane, cap: usize) -> Result<Vec<Head>> {
    db.prepare_cached(
        "with recursive waiting(account) as ( \
           select min(account_id) from tasks where status = 0 and gate = 0 and lane = :lane \
           union all \
           select (select min(account_id) from tasks \
                   where status = 0 and gate = 0 and lane = :lane and account_id > waiting.account) \
           from waiting where waiting.account is not null) \
         select t.id, t.account_id, t.priority, t.sort_key from waiting join tasks t on t.id = \
           (select x.id from tasks x where x.status = 0 and x.gate = 0 and x.lane = :lane \
            and x.account_id = waiting.account order by x.sort_key, x.id limit 1) \
         where waiting.account is not null and \
           (select count(*) from tasks r where r.status = 1 and r.driver = 0 and r.lane = :lane \
            and r.account_id = waiting.account) < :cap",
    )
    .and_then(|mut statement| {
        statement
            .query_map(named_params! { ":lane": lane, ":cap": cap as i64 }, |row| {
                Ok(Head {
                    pk: row.get(0)?,
                    account_id: row.get(1)?,
                    priority: row.get(2)?,
                    sort_key: row.get(3)?,
                })
            })?
            .collect()
    })
    .map_err(failed)
}

/// Is anything claimable in one of these lanes?
pub fn is_waiting(db: &Db, lanes: &[Lane]) -> Result<bool> {
    for lane in lanes {
        let found = db
            .prepare_cached(
                "select exists (select 1 from tasks where status = 0 and gate = 0 and lane = ?1)",
            )
            .and_then(|mut statement| statement.query_row([lane], |row| row.get::<_, bool>(0)))
            .map_err(failed)?;
        if found {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Opens the gate of tasks whose time has come; how many.
pub fn open_due(tx: &Tx<'_>, now: Timestamp) -> Result<usize> {
    tx.connection
        .prepare_cached(
            "update tasks set gate = gate & ~1, run_at = null, updated_at = ?2 where id in \
             (select id from tasks where status = 0 and run_at is not null and gate <> 0 and run_at <= ?1 limit 500)",
        )
        .and_then(|mut statement| statement.execute((now, tx.now)))
        .map_err(failed)
}

/// When the next gate opens.
pub fn next_due(db: &Db) -> Result<Option<Timestamp>> {
    db.prepare_cached(
        "select min(run_at) from tasks where status = 0 and run_at is not null and gate <> 0",
    )
    .and_then(|mut statement| statement.query_row([], |row| row.get(0)))
    .map_err(failed)
}

/// Tasks that a worker had when the server went down.
pub fn orphans(db: &Db) -> Result<Vec<Task>> {
    db.prepare_cached(&format!(
        "select {} from tasks t where t.status = 1 and t.driver = 0 order by t.id",
        columns()
    ))
    .and_then(|mut statement| statement.query_map([], task)?.collect())
    .map_err(failed)
}

/// Notes that a task waits for another.
pub fn depend(tx: &Tx<'_>, pk: i64, on: i64) -> Result<()> {
    tx.connection
        .prepare_cached(
            "insert into task_deps (task_pk, dep_pk) values (?1, ?2) on conflict do nothing",
        )
        .and_then(|mut statement| statement.execute((pk, on)))
        .map_err(failed)?;
    Ok(())
}

/// Open tasks that wait for this one.
pub fn dependents(db: &Db, pk: i64) -> Result<Vec<Task>> {
    db.prepare_cached(&format!(
        "select {} from task_deps d join tasks t on t.id = d.task_pk \
         where d.dep_pk = ?1 and t.status in (0, 2) order by t.id",
        columns()
    ))
    .and_then(|mut statement| statement.query_map([pk], task)?.collect())
    .map_err(failed)
}

/// A task that this one waits for in vain: it ended and did not complete.
pub fn failed_dependency(db: &Db, pk: i64) -> Result<Option<Task>> {
    db.prepare_cached(&format!(
        "select {} from task_deps d join tasks t on t.id = d.dep_pk \
         where d.task_pk = ?1 and t.status in (4, 5, 6) order by t.id limit 1",
        columns()
    ))
    .and_then(|mut statement| statement.query_row([pk], task).optional())
    .map_err(failed)
}

/// Opens a task's gate when all it waits for has completed.
pub fn open_if_ready(tx: &Tx<'_>, pk: i64) -> Result<bool> {
    let opened = tx
        .connection
        .prepare_cached(
            "update tasks set gate = gate & ~2, updated_at = ?2 where id = ?1 and gate & 2 and not exists \
             (select 1 from task_deps d join tasks t on t.id = d.dep_pk where d.task_pk = ?1 and t.status <> 3)",
        )
        .and_then(|mut statement| statement.execute((pk, tx.now)))
        .map_err(failed)?;
    Ok(opened == 1)
}

/// The open children of a task.
pub fn children(db: &Db, pk: i64) -> Result<Vec<Task>> {
    db.prepare_cached(&format!(
        "select {} from tasks t where t.parent_id = ?1 and t.status in (0, 1, 2) order by t.id limit 1000",
        columns()
    ))
    .and_then(|mut statement| statement.query_map([pk], task)?.collect())
    .map_err(failed)
}

/// How many children a task has, and how many of them completed and failed.
pub fn child_counts(db: &Db, pk: i64) -> Result<(u64, u64, u64)> {
    db.prepare_cached(
        "select count(*), count(*) filter (where status = 3), count(*) filter (where status = 4) \
         from tasks where parent_id = ?1",
    )
    .and_then(|mut statement| {
        statement.query_row([pk], |row| {
            let count = |at| row.get::<_, i64>(at).map(|count| count as u64);
            Ok((count(0)?, count(1)?, count(2)?))
        })
    })
    .map_err(failed)
}

/// How many tasks stand before this one in its lane; counted up to 1,000.
pub fn position(db: &Db, of: &Task) -> Result<Option<u64>> {
    if of.status != Status::Pending || of.gate != 0 {
        return Ok(None);
    }
    db.prepare_cached(
        "select count(*) from (select 1 from tasks t where t.status = 0 and t.gate = 0 and t.lane = ?1 \
         and (t.sort_key, t.id) < (select me.sort_key, me.id from tasks me where me.id = ?2) limit 1000)",
    )
    .and_then(|mut statement| statement.query_row((of.lane, of.pk), |row| row.get::<_, i64>(0)))
    .map(|count| Some(count as u64))
    .map_err(failed)
}

/// Tasks of one account that are pending, running or paused, without its uploads.
pub fn count_open(db: &Db, owner: AccountId) -> Result<u64> {
    db.prepare_cached(
        "select count(*) from tasks where account_id = ?1 and status in (0, 1, 2) and type <> 'FileUpload'",
    )
    .and_then(|mut statement| statement.query_row([owner], |row| row.get::<_, i64>(0)))
    .map(|count| count as u64)
    .map_err(failed)
}

/// For each lane: how many tasks wait for a worker, and how many have one.
pub fn lengths(db: &Db) -> Result<Vec<(Lane, u64, u64)>> {
    let count = |sql: &str, lane: Lane| {
        db.prepare_cached(sql)
            .and_then(|mut statement| statement.query_row([lane], |row| row.get::<_, i64>(0)))
            .map(|count| count as u64)
            .map_err(failed)
    };
    Lane::ALL
        .iter()
        .map(|&lane| {
            let pending = count(
                "select count(*) from tasks where status = 0 and gate = 0 and lane = ?1",
                lane,
            )?;
            let running = count(
                "select count(*) from tasks where status = 1 and driver = 0 and lane = ?1",
                lane,
            )?;
            Ok((lane, pending, running))
        })
        .collect()
}

/// Milliseconds that the last completed tasks of this kind took for each MiB, to guess how long the next will take.
pub fn pace(
    db: &Db,
    owner: AccountId,
    task_type: crate::domain::task::TaskType,
) -> Result<Option<f64>> {
    db.prepare_cached(
        "select avg((finished_at - started_at) * 1048576.0 / units_total) from \
         (select started_at, finished_at, units_total from tasks t \
          where account_id = ?1 and type = ?2 and status = 3 order by id desc limit 20) \
         where units_total > 0 and started_at is not null",
    )
    .and_then(|mut statement| statement.query_row((owner, task_type), |row| row.get(0)))
    .map_err(failed)
}

/// Tells how a claim began or ended.
pub fn attempt_begins(tx: &Tx<'_>, claimed: &Task) -> Result<()> {
    tx.connection
        .prepare_cached(
            "insert into task_attempts (task_pk, epoch, started_at) values (?1, ?2, ?3) on conflict do nothing",
        )
        .and_then(|mut statement| statement.execute((claimed.pk, claimed.epoch, tx.now)))
        .map_err(failed)?;
    Ok(())
}

pub fn attempt_ends(
    tx: &Tx<'_>,
    of: &Task,
    outcome: &str,
    error: Option<&(String, String)>,
) -> Result<()> {
    let (code, message) = error.map(|(code, message)| (code, message)).unzip();
    tx.connection
        .prepare_cached(
            "update task_attempts set ended_at = ?3, outcome = ?4, error_code = ?5, error_message = ?6 \
             where task_pk = ?1 and epoch = ?2",
        )
        .and_then(|mut statement| statement.execute((of.pk, of.epoch, tx.now, outcome, code, message)))
        .map_err(failed)?;
    Ok(())
}

/// How a claim went.
pub struct Attempt {
    pub started_at: Timestamp,
    pub ended_at: Option<Timestamp>,
    pub outcome: Option<String>,
    pub error_code: Option<String>,
    pub error_message: Option<String>,
}

/// The last claims of a task, the newest first.
pub fn attempts(db: &Db, pk: i64) -> Result<Vec<Attempt>> {
    db.prepare_cached(
        "select started_at, ended_at, outcome, error_code, error_message from task_attempts \
         where task_pk = ?1 order by epoch desc limit 20",
    )
    .and_then(|mut statement| {
        statement
            .query_map([pk], |row| {
                Ok(Attempt {
                    started_at: row.get(0)?,
                    ended_at: row.get(1)?,
                    outcome: row.get(2)?,
                    error_code: row.get(3)?,
                    error_message: row.get(4)?,
                })
            })?
            .collect()
    })
    .map_err(failed)
}
