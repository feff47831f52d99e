//! Lists of tasks, how many there are, and what they add up to.

use rusqlite::types::Value as Sql;
use rusqlite::{Connection, params_from_iter};
use serde_json::Value;

use super::columns::failed;
use super::tasks::{self, columns, task};
use crate::domain::error::{Kind, Result};
use crate::domain::id::{AccountId, TaskId};
use crate::domain::task::{Status, Task, TaskType, Verb};
use crate::domain::time::Timestamp;
use crate::domain::work::Lane;

/// Columns that a list may be sorted by; each has its index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sort {
    LastActivity,
    CreatedAt,
    UpdatedAt,
    Priority,
    Name,
}

impl Sort {
    pub(super) fn column(self) -> &'static str {
        match self {
            Self::LastActivity => "t.last_activity",
            Self::CreatedAt => "t.created_at",
            Self::UpdatedAt => "t.updated_at",
            Self::Priority => "t.priority",
            Self::Name => "t.title",
        }
    }

    /// What a task is sorted by.
    fn value(self, of: &Task) -> Value {
        match self {
            Self::LastActivity => of.last_activity.0.into(),
            Self::CreatedAt => of.created_at.0.into(),
            Self::UpdatedAt => of.updated_at.0.into(),
            Self::Priority => of.priority.into(),
            Self::Name => of.title().into(),
        }
    }
}

/// Which tasks are meant. What is empty or `None` is not asked about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    pub types: Vec<TaskType>,
    pub statuses: Vec<Status>,
    /// What the workers of these lanes do; what clients drive is in none.
    pub lanes: Vec<Lane>,
    pub priorities: Vec<u8>,
    pub parent_id: Option<TaskId>,
    /// Part of what people see, without regard to the case of ASCII letters.
    pub query: Option<String>,
    pub created_after: Option<Timestamp>,
    pub created_before: Option<Timestamp>,
    pub finished_after: Option<Timestamp>,
    pub finished_before: Option<Timestamp>,
}

/// Where a page ended: the next one begins behind it, whatever came or went before it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Place {
    /// What the last task was sorted by.
    pub value: Value,
    pub pk: i64,
}

#[derive(Clone, Debug)]
pub enum Start {
    Offset(u64),
    After(Place),
}

/// One page of an account's tasks.
pub struct Page {
    pub filter: Filter,
    pub sort: Sort,
    pub descending: bool,
    pub start: Start,
    pub limit: u32,
}

pub struct Found {
    pub tasks: Vec<Task>,
    /// How many match; not counted for a page behind a place, so that its cost does not grow with the list.
    pub total: Option<u64>,
    /// `None` at the end of the list.
    pub next: Option<Place>,
}

/// The page. `NotFound` where the filter names a parent that is not there.
pub fn list(db: &Connection, owner: AccountId, page: &Page) -> Result<Found> {
    let asked = Asked::new(db, owner, &page.filter, Some(page.sort))?;
    // One more than asked for tells whether the list goes on.
    let wanted = page.limit as usize + 1;
    let mut total = None;
    let mut tasks = match &page.start {
        Start::Offset(offset) => {
            total = Some(count_matching(db, owner, &page.filter, None)?);
            cut(db, page, asked, wanted, *offset)?
        }
        Start::After(place) => behind(db, page, asked, place, wanted)?,
    };
    let goes_on = tasks.len() == wanted;
    tasks.truncate(page.limit as usize);
    let last = tasks.last().filter(|_| goes_on);
    let next = last.map(|last| Place { value: page.sort.value(last), pk: last.pk });
    Ok(Found { tasks, total, next })
}

/// The tasks behind a place. Asked in two steps, since SQLite seeks in an index by equal values and an id, or by a
/// value alone, but not by both at once; and thousands of tasks may have one name.
fn behind(
    db: &Connection,
    page: &Page,
    asked: Asked,
    place: &Place,
    wanted: usize,
) -> Result<Vec<Task>> {
    let sign = if page.descending { "<" } else { ">" };
    let column = page.sort.column();
    let mut equal = asked.clone();
    equal.and(&format!("{column} = ?"), sql(&place.value));
    equal.and(&format!("t.id {sign} ?"), place.pk.into());
    let mut tasks = cut(db, page, equal, wanted, 0)?;
    if tasks.len() < wanted {
        let mut beyond = asked;
        beyond.and(&format!("{column} {sign} ?"), sql(&place.value));
        tasks.extend(cut(db, page, beyond, wanted - tasks.len(), 0)?);
    }
    Ok(tasks)
}

/// Rows that the offset skips are never read: the inner query stays inside an index.
fn cut(
    db: &Connection,
    page: &Page,
    mut asked: Asked,
    limit: usize,
    offset: u64,
) -> Result<Vec<Task>> {
    let way = if page.descending { "desc" } else { "asc" };
    let order = format!("{} {way}, t.id {way}", page.sort.column());
    asked.values.extend([Sql::from(limit as i64), Sql::from(offset as i64)]);
    let (columns, filter) = (columns(), &asked.sql);
    let statement = format!(
        "select {columns} from tasks t where t.id in \
         (select t.id from tasks t where {filter} order by {order} limit ? offset ?) order by {order}"
    );
    db.prepare_cached(&statement)
        .and_then(|mut found| found.query_map(params_from_iter(asked.values), task)?.collect())
        .map_err(failed)
}

fn sql(value: &Value) -> Sql {
    match value {
        Value::String(text) => Sql::Text(text.clone()),
        number => Sql::Integer(number.as_i64().unwrap_or_default()),
    }
}

/// A filter on its way into a statement.
#[derive(Clone)]
struct Asked {
    sql: String,
    values: Vec<Sql>,
}

impl Asked {
    /// `walk` names the order of a list. The signs before all other columns keep the planner from choosing an index
    /// that would have to be sorted. The children of one task are few: they are found by their parent and sorted.
    fn new(db: &Connection, owner: AccountId, filter: &Filter, walk: Option<Sort>) -> Result<Self> {
        let parent = filter.parent_id.map(|id| parent(db, owner, id)).transpose()?;
        let sign = if walk.is_some() { "+" } else { "" };
        let own = if parent.is_some() { "+" } else { "" };
        let mut asked = Self {
            sql: format!("{own}t.account_id = ?"),
            values: vec![Sql::Text(owner.to_string())],
        };
        if let Some(pk) = parent {
            asked.and("t.parent_id = ?", pk.into());
        }
        let types = filter.types.iter().map(|one| Sql::Text(one.name().into()));
        in_list(&mut asked.sql, &mut asked.values, &format!("{sign}t.type"), types);
        // One status has an index in which it stands before the latest activity.
        let ordered = walk == Some(Sort::LastActivity) && filter.statuses.len() == 1;
        let status =
            if ordered && parent.is_none() { "t.status".into() } else { format!("{sign}t.status") };
        let statuses = filter.statuses.iter().map(|one| one.number().into());
        in_list(&mut asked.sql, &mut asked.values, &status, statuses);
        let priorities = filter.priorities.iter().map(|&one| i64::from(one).into());
        in_list(&mut asked.sql, &mut asked.values, &format!("{sign}t.priority"), priorities);
        asked.narrow(filter);
        let free = walk == Some(Sort::CreatedAt) && parent.is_none();
        let created = if free { "" } else { sign };
        asked.moment(&format!("{created}t.created_at > ?"), filter.created_after);
        asked.moment(&format!("{created}t.created_at < ?"), filter.created_before);
        Ok(asked)
    }

    fn and(&mut self, clause: &str, value: Sql) {
        self.sql.push_str(" and ");
        self.sql.push_str(clause);
        self.values.push(value);
    }

    /// What no order of a list has an index for.
    fn narrow(&mut self, filter: &Filter) {
        if !filter.lanes.is_empty() {
            self.sql.push_str(" and +t.driver = 0");
            let lanes = filter.lanes.iter().map(|one| one.number().into());
            in_list(&mut self.sql, &mut self.values, "+t.lane", lanes);
        }
        if let Some(query) = &filter.query {
            let escaped = query.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
            self.and("t.title like ? escape '\\'", format!("%{escaped}%").into());
        }
        self.moment("+t.finished_at > ?", filter.finished_after);
        self.moment("+t.finished_at < ?", filter.finished_before);
    }

    fn moment(&mut self, clause: &str, moment: Option<Timestamp>) {
        if let Some(moment) = moment {
            self.and(clause, moment.0.into());
        }
    }

    /// Keeps to the tasks that a person's verb can change.
    fn open_to(&mut self, verb: Option<Verb>) {
        self.sql.push_str(match verb {
            Some(Verb::Pause) => " and +t.status in (0, 1)",
            // A pause that no worker has honoured yet can be withdrawn.
            Some(Verb::Resume) => " and (+t.status = 2 or (+t.status = 1 and t.intent = 1))",
            Some(Verb::Cancel) => " and +t.status in (0, 1, 2)",
            Some(Verb::Retry) => " and +t.status = 4",
            _ => "",
        });
    }
}

fn parent(db: &Connection, owner: AccountId, id: TaskId) -> Result<i64> {
    let parent = tasks::get(db, owner, id).map_err(|error| error.with("field", "parentId"))?;
    Ok(parent.pk)
}

/// How many tasks a filter means; with a verb, only those that it can change.
pub fn count_matching(
    db: &Connection,
    owner: AccountId,
    filter: &Filter,
    verb: Option<Verb>,
) -> Result<u64> {
    let mut asked = Asked::new(db, owner, filter, None)?;
    asked.open_to(verb);
    count(db, &format!("select count(*) from tasks t where {}", asked.sql), &asked.values)
}

/// The oldest of the tasks that a filter means; with a verb, only of those that it can change.
pub fn matching(
    db: &Connection,
    owner: AccountId,
    filter: &Filter,
    verb: Option<Verb>,
    limit: usize,
) -> Result<Vec<TaskId>> {
    let mut asked = Asked::new(db, owner, filter, Some(Sort::CreatedAt))?;
    asked.open_to(verb);
    asked.values.push((limit as i64).into());
    db.prepare_cached(&format!(
        "select t.task_id from tasks t where {} order by t.created_at, t.id limit ?",
        asked.sql
    ))
    .and_then(|mut found| {
        found.query_map(params_from_iter(asked.values), |row| row.get(0))?.collect()
    })
    .map_err(failed)
}

/// Which of these ids name a task of this account.
pub fn known(db: &Connection, owner: AccountId, ids: &[TaskId]) -> Result<u64> {
    ids.iter().try_fold(0, |known, &id| match tasks::get(db, owner, id) {
        Ok(_) => Ok(known + 1),
        Err(error) if error.kind() == Kind::NotFound => Ok(known),
        Err(error) => Err(error),
    })
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

/// Tasks of all accounts with the names of their owners, the newest first, and how many there are. Of the filter,
/// priorities, parents and times of creation do not count.
pub fn everybodys(
    db: &Connection,
    filter: &Filter,
    below: Option<i64>,
    limit: u32,
) -> Result<(Vec<(Task, String)>, u64)> {
    let mut asked = Asked { sql: "t.id < ?".to_owned(), values: vec![i64::MAX.into()] };
    let types = filter.types.iter().map(|one| Sql::Text(one.name().into()));
    in_list(&mut asked.sql, &mut asked.values, "+t.type", types);
    let statuses = filter.statuses.iter().map(|one| one.number().into());
    in_list(&mut asked.sql, &mut asked.values, "+t.status", statuses);
    asked.narrow(filter);
    let total =
        count(db, &format!("select count(*) from tasks t where {}", asked.sql), &asked.values)?;
    if let (Some(below), Some(first)) = (below, asked.values.first_mut()) {
        *first = below.into();
    }
    let (columns, found) = (columns(), &asked.sql);
    let statement = format!(
        "select {columns}, a.name from tasks t join accounts a on a.id = t.account_id where {found} \
         order by t.id desc limit {limit}"
    );
    let tasks = db
        .prepare_cached(&statement)
        .and_then(|mut found| {
            let row = |row: &rusqlite::Row<'_>| {
                let last = row.as_ref().column_count() - 1;
                Ok((task(row)?, row.get(last)?))
            };
            found.query_map(params_from_iter(asked.values), row)?.collect()
        })
        .map_err(failed)?;
    Ok((tasks, total))
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
