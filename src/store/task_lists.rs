//! Lists of tasks, and how many there are.

use rusqlite::types::Value as Sql;
use rusqlite::{Connection, params_from_iter};

use super::columns::failed;
use super::tasks::{columns, task};
use crate::domain::error::Result;
use crate::domain::id::AccountId;
use crate::domain::task::{Status, Task, TaskType};

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
    let columns = columns();
    let sql = format!(
        "select {columns} from tasks t where t.id in \
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
    let columns = columns();
    connection
        .prepare_cached(&format!(
            "select {columns} from tasks t where t.account_id = ?1 and t.status in (0, 1, 2) \
             order by t.last_activity desc, t.id desc limit ?2"
        ))
        .and_then(|mut statement| statement.query_map((owner, limit as i64), task)?.collect())
        .map_err(failed)
}
