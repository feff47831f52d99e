//! What an account was told, and what it chose to be told.

use rusqlite::{OptionalExtension, Row};

use super::columns::failed;
use super::{Db, Tx};
use crate::domain::error::Result;
use crate::domain::id::{AccountId, NotificationId, TaskId};
use crate::domain::notification::{Channel, Choice, Subject};
use crate::domain::time::Timestamp;

/// Notifications that an account keeps; older ones make room.
const KEEP: i64 = 500;

/// Something about to be told.
pub struct New {
    pub subject: Subject,
    pub title: String,
    pub body: String,
    pub task_id: Option<TaskId>,
}

/// One row of the list.
#[derive(Clone, Debug)]
pub struct Notification {
    /// Its number, for the cursor.
    pub seq: u64,
    pub id: NotificationId,
    pub at: Timestamp,
    pub subject: Subject,
    pub title: String,
    pub body: String,
    pub task_id: Option<TaskId>,
    pub read_at: Option<Timestamp>,
}

const COLUMNS: &str = "seq, id, at, subject, title, body, task_id, read_at";

fn notification(row: &Row<'_>) -> rusqlite::Result<Notification> {
    Ok(Notification {
        seq: row.get::<_, i64>(0)? as u64,
        id: row.get(1)?,
        at: row.get(2)?,
        subject: row.get(3)?,
        title: row.get(4)?,
        body: row.get(5)?,
        task_id: row.get(6)?,
        read_at: row.get(7)?,
    })
}

/// Stores it; what is beyond the newest 500 of its account goes.
pub fn insert(tx: &Tx<'_>, owner: AccountId, new: &New) -> Result<Notification> {
    let id = NotificationId::generate();
    let made = tx
        .connection
        .prepare_cached(&format!(
            "insert into notifications (id, account_id, at, subject, title, body, task_id) \
             values (?1, ?2, ?3, ?4, ?5, ?6, ?7) returning {COLUMNS}"
        ))
        .and_then(|mut statement| {
            let row = (id, owner, tx.now, new.subject, &new.title, &new.body, new.task_id);
            statement.query_row(row, notification)
        })
        .map_err(failed)?;
    tx.connection
        .prepare_cached(
            "delete from notifications where account_id = ?1 and seq <= (select seq from notifications \
             where account_id = ?1 order by seq desc limit 1 offset ?2)",
        )
        .and_then(|mut statement| statement.execute((owner, KEEP)))
        .map_err(failed)?;
    Ok(made)
}

/// A page of an account's list.
pub struct Page {
    pub unread: bool,
    /// Only those before this number.
    pub below: Option<u64>,
    pub limit: u32,
}

/// The newest first.
pub fn list(db: &Db, owner: AccountId, page: &Page) -> Result<Vec<Notification>> {
    let unread = if page.unread { " and read_at is null" } else { "" };
    let below = page.below.map_or(i64::MAX, |below| below.min(i64::MAX as u64) as i64);
    db.prepare_cached(&format!(
        "select {COLUMNS} from notifications where account_id = ?1 and seq < ?2{unread} \
         order by seq desc limit ?3"
    ))
    .and_then(|mut statement| {
        statement.query_map((owner, below, page.limit), notification)?.collect()
    })
    .map_err(failed)
}

/// How many there are, and how many of them are unread.
pub fn counts(db: &Db, owner: AccountId) -> Result<(u64, u64)> {
    let count = |sql: &str| {
        db.prepare_cached(sql)
            .and_then(|mut statement| statement.query_row([owner], |row| row.get::<_, i64>(0)))
            .map(|count| count as u64)
            .map_err(failed)
    };
    Ok((
        count("select count(*) from notifications where account_id = ?1")?,
        count("select count(*) from notifications where account_id = ?1 and read_at is null")?,
    ))
}

/// Marks these as read; ids of others are passed over.
pub fn mark_read(tx: &Tx<'_>, owner: AccountId, ids: &[NotificationId]) -> Result<()> {
    let sql = "update notifications set read_at = ?1 where id = ?2 and account_id = ?3 and read_at is null";
    let mut statement = tx.connection.prepare_cached(sql).map_err(failed)?;
    for id in ids {
        statement.execute((tx.now, id, owner)).map_err(failed)?;
    }
    Ok(())
}

pub fn mark_all_read(tx: &Tx<'_>, owner: AccountId) -> Result<()> {
    let sql = "update notifications set read_at = ?1 where account_id = ?2 and read_at is null";
    tx.connection.execute(sql, (tx.now, owner)).map_err(failed)?;
    Ok(())
}

/// False when there is no such one.
pub fn remove(tx: &Tx<'_>, owner: AccountId, id: NotificationId) -> Result<bool> {
    let sql = "delete from notifications where id = ?1 and account_id = ?2";
    Ok(tx.connection.execute(sql, (id, owner)).map_err(failed)? == 1)
}

/// Forgets a batch of those older than `keep_ms`; how many went.
pub fn prune(tx: &Tx<'_>, keep_ms: i64, batch: usize) -> Result<usize> {
    let sql = "delete from notifications where seq in \
               (select seq from notifications where at < ?1 order by at limit ?2)";
    tx.connection.execute(sql, (tx.now.0 - keep_ms, batch as i64)).map_err(failed)
}

/// When an account wants to be told of this in this way.
pub fn choice(db: &Db, owner: AccountId, subject: Subject, channel: Channel) -> Result<Choice> {
    let sql = "select choice from notification_choices where account_id = ?1 and subject = ?2 and channel = ?3";
    let chosen: Option<String> = db
        .prepare_cached(sql)
        .and_then(|mut statement| {
            statement.query_row((owner, subject, channel.name()), |row| row.get(0)).optional()
        })
        .map_err(failed)?;
    chosen.map_or(Ok(subject.default_choice(channel)), |word| Choice::parse(&word))
}

/// Sets all choices of an account anew.
pub fn choose(tx: &Tx<'_>, owner: AccountId, choices: &[(Subject, Channel, Choice)]) -> Result<()> {
    tx.connection
        .execute("delete from notification_choices where account_id = ?1", [owner])
        .map_err(failed)?;
    let sql = "insert into notification_choices (account_id, subject, channel, choice) values (?1, ?2, ?3, ?4)";
    let mut statement = tx.connection.prepare_cached(sql).map_err(failed)?;
    for (subject, channel, choice) in choices {
        statement.execute((owner, subject, channel.name(), choice.name())).map_err(failed)?;
    }
    Ok(())
}
