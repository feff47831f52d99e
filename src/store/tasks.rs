//! The task table. Only `engine` calls the functions that write a status.

use rusqlite::types::Value as Sql;
use rusqlite::{Connection, OptionalExtension, Row, named_params, params_from_iter};
use serde_json::Value;

use super::Tx;
use super::columns::{Json, failed, is_duplicate};
use crate::domain::error::{Error, Result};
use crate::domain::id::{AccountId, TaskId};
use crate::domain::task::{Driver, State, Status, Task, TaskType};

/// How many milliseconds of age one point of priority is worth: 100 points are a head start of 50 minutes, so
/// nothing waits for ever.
const AGE_MS_PER_POINT: i64 = 30_000;

const COLUMNS: &str = "t.id, t.task_id, t.account_id, t.type, t.name, t.description, t.driver, t.status, t.intent, \
    t.phase, t.priority, t.params, t.results, t.error_code, t.error_message, t.units_done, t.units_total, t.progress, \
    t.estimated_ms, t.attempt, (select p.task_id from tasks p where p.id = t.parent_id), t.rev, t.created_at, \
    t.started_at, t.updated_at, t.last_activity, t.finished_at";
pub(super) const COLUMN_COUNT: usize = 27;

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
    pub priority: u8,
    pub parameters: Value,
    pub units_total: Option<u64>,
    /// Milliseconds without activity after which it expires.
    pub stale_ms: Option<i64>,
    /// At most one open task of an account has this key.
    pub unique_key: Option<String>,
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
            "insert into tasks (task_id, account_id, type, name, description, driver, status, priority, sort_key, \
             params, units_total, expires_at, unique_key, rev, created_at, started_at, \
             updated_at, last_activity) \
             values (:id, :account, :type, :name, :description, :driver, :status, :priority, :sort_key, :params, \
             :units_total, :expires, :unique_key, 1, :now, :started, :now, :now)",
        )
        .and_then(|mut statement| {
            statement.execute(named_params! {
                ":id": new.id,
                ":account": new.account_id,
                ":type": new.task_type,
                ":name": new.name,
                ":description": new.description,
                ":driver": new.driver,
                ":status": status,
                ":priority": new.priority,
                ":sort_key": tx.now.0 - i64::from(new.priority) * AGE_MS_PER_POINT,
                ":params": Json(new.parameters.clone()),
                ":units_total": new.units_total.map(|units| units as i64),
                ":expires": new.stale_ms.map(|stale| tx.now.plus_ms(stale)),
                ":unique_key": new.unique_key,
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
}

/// Writes a state that `domain::task::step` allowed. Ends set `cleanup`, so that leftovers are removed after the
/// end is durable, again and again until it succeeds.
pub fn set_state(tx: &Tx<'_>, from: &Task, to: State, outcome: &Outcome) -> Result<Task> {
    let ended = to.status.is_final();
    let changed = tx
        .connection
        .prepare_cached(
            "update tasks set status = :status, intent = :intent, rev = rev + 1, updated_at = :now, \
             last_activity = :now, finished_at = :finished, cleanup = :ended, phase = null, \
             progress = iif(:status = 3, 100, progress), \
             units_done = iif(:status = 3, coalesce(units_total, units_done), units_done), \
             results = coalesce(:results, results), error_code = :code, error_message = :message, \
             expires_at = :expires \
             where id = :pk and status = :was and rev = :rev",
        )
        .and_then(|mut statement| {
            statement.execute(named_params! {
                ":status": to.status,
                ":intent": to.intent,
                ":now": tx.now,
                ":finished": ended.then_some(tx.now),
                ":ended": ended,
                ":results": outcome.results.clone().map(Json),
                ":code": outcome.error.as_ref().map(|(code, _)| code),
                ":message": outcome.error.as_ref().map(|(_, message)| message),
                ":expires": outcome.stale_ms.filter(|_| !ended).map(|stale| tx.now.plus_ms(stale)),
                ":pk": from.pk,
                ":was": from.status,
                ":rev": from.rev,
            })
        })
        .map_err(failed)?;
    if changed == 0 {
        return Err(Error::internal(format!(
            "task {} changed between reading and writing",
            from.id
        )));
    }
    get(tx.connection, from.account_id, from.id)
}

/// Records progress of a running task; the task as it is now, or `None` when it is not running any more.
pub fn set_progress(tx: &Tx<'_>, pk: i64, units_done: u64, progress: f64) -> Result<Option<Task>> {
    let changed = tx
        .connection
        .prepare_cached(
            "update tasks set units_done = ?2, progress = max(progress, ?3), rev = rev + 1, updated_at = ?4, \
             last_activity = ?4 where id = ?1 and status = 1",
        )
        .and_then(|mut statement| statement.execute((pk, units_done as i64, progress, tx.now)))
        .map_err(failed)?;
    if changed == 0 {
        return Ok(None);
    }
    tx.connection
        .prepare_cached(&format!("select {COLUMNS} from tasks t where t.id = ?1"))
        .and_then(|mut statement| statement.query_row([pk], task).optional())
        .map_err(failed)
}

/// Columns that a list may be sorted by; each has its index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sort {
    LastActivity,
    CreatedAt,
    UpdatedAt,
}

impl Sort {
    pub(super) fn column(self) -> &'static str {
        match self {
            Self::LastActivity => "t.last_activity",
            Self::CreatedAt => "t.created_at",
            Self::UpdatedAt => "t.updated_at",
        }
    }
}

/// One page of an account's tasks.
pub struct Page {
    pub types: Vec<TaskType>,
    pub statuses: Vec<Status>,
    pub sort: Sort,
    pub descending: bool,
    pub offset: u64,
    pub limit: u32,
}

/// The page, and how many tasks match.
pub fn list(connection: &Connection, owner: AccountId, page: &Page) -> Result<(Vec<Task>, u64)> {
    let mut filter = "t.account_id = ?".to_owned();
    let mut values = vec![Sql::Text(owner.to_string())];
    filter_by(&mut filter, &mut values, &page.types, &page.statuses);
    let total = count_by(connection, owner, &page.types, &page.statuses)?;

    let way = if page.descending { "desc" } else { "asc" };
    let order = format!("{} {way}, t.id {way}", page.sort.column());
    values.extend([Sql::from(i64::from(page.limit)), Sql::from(page.offset as i64)]);
    // Rows that the offset skips are never read: the inner query stays inside an index.
    let sql = format!(
        "select {COLUMNS} from tasks t where t.id in \
         (select t.id from tasks t where {filter} order by {order} limit ? offset ?) order by {order}"
    );
    let tasks = connection
        .prepare_cached(&sql)
        .and_then(|mut statement| statement.query_map(params_from_iter(values), task)?.collect())
        .map_err(failed)?;
    Ok((tasks, total))
}

/// How many tasks of an account have one of these types and statuses; all, where a list is empty.
pub(super) fn count_by(
    connection: &Connection,
    owner: AccountId,
    types: &[TaskType],
    statuses: &[Status],
) -> Result<u64> {
    let mut filter = "t.account_id = ?".to_owned();
    let mut values = vec![Sql::Text(owner.to_string())];
    in_list(
        &mut filter,
        &mut values,
        "t.type",
        types.iter().map(|one| Sql::Text(one.name().into())),
    );
    in_list(&mut filter, &mut values, "t.status", statuses.iter().map(|one| one.number().into()));
    count(connection, &format!("select count(*) from tasks t where {filter}"), &values)
}

/// Narrows a list. The signs before the columns keep the planner from choosing an index that would have to be sorted.
pub(super) fn filter_by(
    filter: &mut String,
    values: &mut Vec<Sql>,
    types: &[TaskType],
    statuses: &[Status],
) {
    in_list(filter, values, "+t.type", types.iter().map(|one| Sql::Text(one.name().into())));
    // One status has an index in which it stands before the order; several do not.
    let column = if statuses.len() == 1 { "t.status" } else { "+t.status" };
    in_list(filter, values, column, statuses.iter().map(|one| one.number().into()));
}

pub(super) fn in_list(
    filter: &mut String,
    values: &mut Vec<Sql>,
    column: &str,
    wanted: impl Iterator<Item = Sql>,
) {
    let before = values.len();
    values.extend(wanted);
    let added = values.len() - before;
    if added > 0 {
        let marks = vec!["?"; added].join(", ");
        filter.push_str(&format!(" and {column} in ({marks})"));
    }
}

pub(super) fn count(connection: &Connection, sql: &str, values: &[Sql]) -> Result<u64> {
    connection
        .prepare_cached(sql)
        .and_then(|mut statement| {
            statement.query_row(params_from_iter(values), |row| row.get::<_, i64>(0))
        })
        .map(|total| total as u64)
        .map_err(failed)
}

/// Tasks that are pending, running or paused, the most recently active first.
pub fn active(connection: &Connection, owner: AccountId, limit: usize) -> Result<Vec<Task>> {
    connection
        .prepare_cached(&format!(
            "select {COLUMNS} from tasks t where t.account_id = ?1 and t.status in (0, 1, 2) \
             order by t.last_activity desc, t.id desc limit ?2"
        ))
        .and_then(|mut statement| statement.query_map((owner, limit as i64), task)?.collect())
        .map_err(failed)
}

/// How many tasks are pending and running, over all accounts.
pub fn queue_lengths(connection: &Connection) -> Result<(u64, u64)> {
    connection
        .query_row(
            "select (select count(*) from tasks where status = 0 and gate = 0), \
                    (select count(*) from tasks where status = 1)",
            [],
            |row| Ok((row.get::<_, i64>(0)? as u64, row.get::<_, i64>(1)? as u64)),
        )
        .map_err(failed)
}
