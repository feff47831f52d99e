//! The task table. Only `engine` calls the functions that write a status.

use rusqlite::{Connection, OptionalExtension, Row, named_params};
use serde_json::Value;

use super::Tx;
use super::columns::{Json, failed, is_duplicate};
use crate::domain::error::{Error, Kind, Result};
use crate::domain::id::{AccountId, ObjectId, TaskId};
use crate::domain::task::{Driver, State, Status, Task, TaskType};
use crate::domain::time::Timestamp;
use crate::domain::work::{AGE_MS_PER_POINT, Lane, gate, sort_key};

const COLUMNS: &str = "t.id, t.task_id, t.account_id, t.type, t.name, t.description, t.driver, t.status, t.intent, \
    t.phase, t.priority, t.params, t.results, t.error_code, t.error_message, t.units_done, t.units_total, t.progress, \
    t.estimated_ms, t.attempt, (select p.task_id from tasks p where p.id = t.parent_id), t.rev, t.created_at, \
    t.started_at, t.updated_at, t.last_activity, t.finished_at, t.lane, t.gate, t.items_done, t.items_total, \
    t.reserved_bytes, t.epoch, t.max_attempts, t.crashes, t.run_at";
pub(super) const COLUMN_COUNT: usize = 36;

pub(super) fn task(row: &Row<'_>) -> rusqlite::Result<Task> {
    Ok(Task {
        pk: row.get(0)?,
        id: row.get(1)?,
        account_id: row.get(2)?,
        task_type: row.get(3)?,
        name: row.get(4)?,
        description: row.get(5)?,
        driver: row.get(6)?,
        status: row.get(7)?,
        intent: row.get(8)?,
        phase: row.get(9)?,
        priority: row.get(10)?,
        parameters: row.get::<_, Json>(11)?.0,
        results: row.get::<_, Option<Json>>(12)?.map(|json| json.0),
        error_code: row.get(13)?,
        error_message: row.get(14)?,
        units_done: row.get::<_, i64>(15)? as u64,
        units_total: row.get::<_, Option<i64>>(16)?.map(|units| units as u64),
        progress: row.get(17)?,
        estimated_ms: row.get(18)?,
        attempt: row.get(19)?,
        parent_id: row.get(20)?,
        rev: row.get(21)?,
        created_at: row.get(22)?,
        started_at: row.get(23)?,
        updated_at: row.get(24)?,
        last_activity: row.get(25)?,
        finished_at: row.get(26)?,
        lane: row.get(27)?,
        gate: row.get(28)?,
        items_done: row.get::<_, i64>(29)? as u64,
        items_total: row.get::<_, i64>(30)? as u64,
        reserved_bytes: row.get::<_, i64>(31)? as u64,
        epoch: row.get(32)?,
        max_attempts: row.get(33)?,
        crashes: row.get(34)?,
        run_at: row.get(35)?,
    })
}

pub(super) fn columns() -> &'static str {
    COLUMNS
}

/// What a new task is made of.
pub struct NewTask {
    pub id: TaskId,
    pub account_id: AccountId,
    pub task_type: TaskType,
    pub name: String,
    pub description: Option<String>,
    pub driver: Driver,
    pub lane: Lane,
    /// Bits of `domain::work::gate`.
    pub gate: i64,
    pub run_at: Option<Timestamp>,
    pub priority: u8,
    pub parameters: Value,
    pub units_total: Option<u64>,
    pub items_total: u64,
    pub reserved_bytes: u64,
    pub estimated_ms: Option<i64>,
    /// Milliseconds without activity after which it expires.
    pub stale_ms: Option<i64>,
    /// At most one open task of an account has this key.
    pub unique_key: Option<String>,
    pub parent_pk: Option<i64>,
}

/// Inserts the task; `None` when an open task with its unique key exists.
pub fn insert(tx: &Tx<'_>, new: &NewTask) -> Result<Option<Task>> {
    let status = match new.driver {
        Driver::Server => Status::Pending,
        Driver::Client => Status::InProgress,
    };
    let inserted = tx
        .connection
        .prepare_cached(
            "insert into tasks (task_id, account_id, type, name, description, driver, lane, gate, run_at, status, \
             priority, sort_key, params, units_total, items_total, reserved_bytes, estimated_ms, expires_at, \
             unique_key, parent_id, rev, created_at, started_at, updated_at, last_activity, title) \
             values (:id, :account, :type, :name, :description, :driver, :lane, :gate, :run_at, :status, :priority, \
             :sort_key, :params, :units_total, :items_total, :reserved, :estimated, :expires, :unique_key, :parent, \
             1, :now, :started, :now, :now, coalesce(nullif(:description, ''), :name))",
        )
        .and_then(|mut statement| {
            statement.execute(named_params! {
                ":id": new.id,
                ":account": new.account_id,
                ":type": new.task_type,
                ":name": new.name,
                ":description": new.description,
                ":driver": new.driver,
                ":lane": new.lane,
                ":gate": new.gate,
                ":run_at": new.run_at,
                ":status": status,
                ":priority": new.priority,
                ":sort_key": sort_key(tx.now, new.priority),
                ":params": Json(new.parameters.clone()),
                ":units_total": new.units_total.map(|units| units as i64),
                ":items_total": new.items_total as i64,
                ":reserved": new.reserved_bytes as i64,
                ":estimated": new.estimated_ms,
                ":expires": new.stale_ms.map(|stale| tx.now.plus_ms(stale)),
                ":unique_key": new.unique_key,
                ":parent": new.parent_pk,
                ":now": tx.now,
                ":started": (new.driver == Driver::Client).then_some(tx.now),
            })
        });
    match inserted {
        Ok(_) => get(tx.connection, new.account_id, new.id).map(Some),
        Err(error) if is_duplicate(&error) => Ok(None),
        Err(error) => Err(failed(error)),
    }
}

/// A task of this account, or `NotFound`.
pub fn get(connection: &Connection, owner: AccountId, id: TaskId) -> Result<Task> {
    connection
        .prepare_cached(&format!(
            "select {COLUMNS} from tasks t where t.task_id = ?1 and t.account_id = ?2"
        ))
        .and_then(|mut statement| statement.query_row((id, owner), task).optional())
        .map_err(failed)?
        .ok_or_else(|| Error::not_found("task"))
}

/// The open task of this account with a unique key.
pub fn by_unique_key(connection: &Connection, owner: AccountId, key: &str) -> Result<Option<Task>> {
    connection
        .prepare_cached(&format!(
            "select {COLUMNS} from tasks t \
             where t.account_id = ?1 and t.unique_key = ?2 and t.unique_key is not null and t.status in (0, 1, 2)"
        ))
        .and_then(|mut statement| statement.query_row((owner, key), task).optional())
        .map_err(failed)
}

/// What goes with a change of status.
#[derive(Default)]
pub struct Outcome {
    pub results: Option<Value>,
    pub error: Option<(String, String)>,
    /// Milliseconds from now until it expires, where it still can.
    pub stale_ms: Option<i64>,
    /// Added to the number of attempts: 1 for a claim, -1 where one is given back.
    pub attempts: i64,
    /// 1 when the server went down while the task ran.
    pub crashes: i64,
    /// When it may be claimed again.
    pub run_at: Option<Timestamp>,
    /// 1 for a claim.
    pub epochs: i64,
    /// A new beginning: attempts, crashes and progress count from nothing again.
    pub afresh: bool,
}

/// Writes a state that `domain::task::step` allowed. Ends set `cleanup`, so that leftovers are removed after the
/// end is durable, again and again until it succeeds.
pub fn set_state(tx: &Tx<'_>, from: &Task, to: State, outcome: &Outcome) -> Result<Task> {
    let ended = to.status.is_final();
    let gate = match (to.status, outcome.run_at) {
        (Status::Pending, Some(_)) => from.gate | gate::SCHEDULED,
        _ => from.gate,
    };
    let changed = tx
        .connection
        .prepare_cached(
            "update tasks set status = :status, intent = :intent, rev = rev + 1, updated_at = :now, \
             last_activity = :now, finished_at = :finished, cleanup = :ended, phase = iif(status = :status, phase, null), \
             epoch = epoch + :epochs, attempt = iif(:afresh, 0, attempt + :attempts), \
             crashes = iif(:afresh, 0, crashes + :crashes), \
             started_at = iif(:status = 1, coalesce(started_at, :now), started_at), \
             gate = :gate, run_at = iif(:gate & 1, coalesce(:run_at, run_at), null), \
             progress = iif(:status = 3, 100, iif(:afresh, 0, progress)), \
             units_done = iif(:status = 3, coalesce(units_total, units_done), iif(:afresh, 0, units_done)), \
             results = iif(:afresh, null, coalesce(:results, results)), \
             error_code = :code, error_message = :message, \
             reserved_bytes = iif(:ended, 0, reserved_bytes), expires_at = :expires \
             where id = :pk and status = :was and rev = :rev",
        )
        .and_then(|mut statement| {
            statement.execute(named_params! {
                ":status": to.status,
                ":intent": to.intent,
                ":now": tx.now,
                ":finished": ended.then_some(tx.now),
                ":ended": ended,
                ":epochs": outcome.epochs,
                ":afresh": outcome.afresh,
                ":attempts": outcome.attempts,
                ":crashes": outcome.crashes,
                ":gate": gate,
                ":run_at": outcome.run_at,
                ":results": outcome.results.clone().map(Json),
                ":code": outcome.error.as_ref().map(|(code, _)| code),
                ":message": outcome.error.as_ref().map(|(_, message)| message),
                ":expires": outcome.stale_ms.filter(|_| !ended).map(|stale| tx.now.plus_ms(stale)),
                ":pk": from.pk,
                ":was": from.status,
                ":rev": from.rev,
            })
        })
        .map_err(|error| match is_duplicate(&error) {
            true => Error::new(Kind::Conflict, "Another open task does the same already."),
            false => failed(error),
        })?;
    if changed == 0 {
        return Err(Error::internal(format!(
            "task {} changed between reading and writing",
            from.id
        )));
    }
    get(tx.connection, from.account_id, from.id)
}

/// Records progress of a running task; the task as it is now, or `None` when it is not running any more.
pub fn set_progress(
    tx: &Tx<'_>,
    pk: i64,
    epoch: i64,
    units_done: u64,
    progress: f64,
) -> Result<Option<Task>> {
    let changed = tx
        .connection
        .prepare_cached(
            "update tasks set units_done = ?2, progress = max(progress, ?3), rev = rev + 1, updated_at = ?4, \
             last_activity = ?4 where id = ?1 and status = 1 and epoch = ?5",
        )
        .and_then(|mut statement| statement.execute((pk, units_done as i64, progress, tx.now, epoch)))
        .map_err(failed)?;
    if changed == 0 { Ok(None) } else { by_pk(tx.connection, pk) }
}

/// The task with this number, whoever's it is.
pub fn by_pk(connection: &Connection, pk: i64) -> Result<Option<Task>> {
    connection
        .prepare_cached(&format!("select {COLUMNS} from tasks t where t.id = ?1"))
        .and_then(|mut statement| statement.query_row([pk], task).optional())
        .map_err(failed)
}

/// The task, if the claim with this epoch still holds it: everything a worker commits passes here first.
pub fn fenced(connection: &Connection, pk: i64, epoch: i64) -> Result<Option<Task>> {
    Ok(by_pk(connection, pk)?
        .filter(|task| task.status == Status::InProgress && task.epoch == epoch))
}

/// Tells what a running task is doing, and how much there is to do.
pub fn set_phase(
    tx: &Tx<'_>,
    pk: i64,
    phase: Option<&str>,
    units_total: Option<u64>,
) -> Result<()> {
    tx.connection
        .prepare_cached(
            "update tasks set phase = ?2, units_total = coalesce(?3, units_total), rev = rev + 1, updated_at = ?4 \
             where id = ?1",
        )
        .and_then(|mut statement| {
            statement.execute((pk, phase, units_total.map(|units| units as i64), tx.now))
        })
        .map_err(failed)?;
    Ok(())
}

/// A new name or place in the order.
pub fn amend(tx: &Tx<'_>, pk: i64, name: Option<&str>, priority: Option<u8>) -> Result<()> {
    tx.connection
        .execute(
            "update tasks set name = coalesce(?2, name), \
             title = coalesce(nullif(description, ''), ?2, name), priority = coalesce(?3, priority), \
             sort_key = created_at - coalesce(?3, priority) * (?5), rev = rev + 1, updated_at = ?4 where id = ?1",
            (pk, name, priority, tx.now, AGE_MS_PER_POINT),
        )
        .map_err(failed)?;
    Ok(())
}

/// What a worker keeps between two runs of the same task.
pub fn checkpoint(connection: &Connection, pk: i64) -> Result<Option<Value>> {
    connection
        .prepare_cached("select checkpoint from tasks where id = ?1")
        .and_then(|mut statement| statement.query_row([pk], |row| row.get::<_, Option<Json>>(0)))
        .map(|json| json.map(|json| json.0))
        .map_err(failed)
}

pub fn set_checkpoint(tx: &Tx<'_>, pk: i64, checkpoint: Option<Value>) -> Result<()> {
    tx.connection
        .prepare_cached("update tasks set checkpoint = ?2 where id = ?1")
        .and_then(|mut statement| statement.execute((pk, checkpoint.map(Json))))
        .map_err(failed)?;
    Ok(())
}

/// Staging files that open tasks will go on with.
pub fn kept_drafts(connection: &Connection) -> Result<Vec<ObjectId>> {
    connection
        .prepare_cached(
            "select json_extract(checkpoint, '$.objectId') from tasks where checkpoint is not null \
             and status in (0, 1, 2) and json_extract(checkpoint, '$.objectId') is not null",
        )
        .and_then(|mut statement| statement.query_map([], |row| row.get(0))?.collect())
        .map_err(failed)
}

/// Changes the bytes of quota that a task holds by `more`; the account's side is the caller's.
pub fn hold(tx: &Tx<'_>, pk: i64, more: i64) -> Result<()> {
    tx.connection
        .prepare_cached("update tasks set reserved_bytes = reserved_bytes + ?2 where id = ?1")
        .and_then(|mut statement| statement.execute((pk, more)))
        .map_err(failed)?;
    Ok(())
}

/// Keeps a sealed secret until the task ends.
pub fn keep_secret(tx: &Tx<'_>, pk: i64, sealed: &[u8]) -> Result<()> {
    tx.connection
        .execute(
            "insert into task_secrets (task_pk, sealed) values (?1, ?2) \
             on conflict (task_pk) do update set sealed = excluded.sealed",
            (pk, sealed),
        )
        .map_err(failed)?;
    Ok(())
}

pub fn secret(connection: &Connection, pk: i64) -> Result<Option<Vec<u8>>> {
    connection
        .prepare_cached("select sealed from task_secrets where task_pk = ?1")
        .and_then(|mut statement| statement.query_row([pk], |row| row.get(0)).optional())
        .map_err(failed)
}

pub fn forget_secret(tx: &Tx<'_>, pk: i64) -> Result<()> {
    tx.connection
        .prepare_cached("delete from task_secrets where task_pk = ?1")
        .and_then(|mut statement| statement.execute([pk]))
        .map_err(failed)?;
    Ok(())
}
