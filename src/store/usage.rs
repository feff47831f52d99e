//! What accounts store, by pool, kind of content and month.

use super::Db;
use super::columns::failed;
use crate::domain::error::Result;
use crate::domain::id::{AccountId, PoolId};
use crate::domain::time::Timestamp;

/// Files of one account that have pool, kind and month in common.
#[derive(Clone, Debug)]
pub struct Share {
    pub account_id: AccountId,
    pub pool_id: PoolId,
    /// The first word of the content type, such as `image`.
    pub kind: String,
    /// The month in which they came, such as `2026-11` (UTC).
    pub month: String,
    pub in_trash: bool,
    pub files: u64,
    /// What the files hold.
    pub bytes: u64,
    /// What they are charged to the quota.
    pub charged: u64,
}

/// All shares of one account, or of all.
pub fn shares(db: &Db, of: Option<AccountId>) -> Result<Vec<Share>> {
    let one = if of.is_some() { "where account_id = ?1" } else { "where ?1 is null" };
    let sql = format!(
        "select account_id, pool_id, substr(content_type, 1, instr(content_type || '/', '/') - 1) as kind, \
         strftime('%Y-%m', created_at / 1000, 'unixepoch') as month, deleted_at is not null as trashed, count(*), \
         sum(size), sum(charge) from files {one} group by account_id, pool_id, kind, month, trashed \
         order by account_id, pool_id, kind, month, trashed"
    );
    db.prepare_cached(&sql)
        .and_then(|mut statement| {
            let share = |row: &rusqlite::Row<'_>| {
                Ok(Share {
                    account_id: row.get(0)?,
                    pool_id: row.get(1)?,
                    kind: row.get(2)?,
                    month: row.get(3)?,
                    in_trash: row.get(4)?,
                    files: row.get::<_, i64>(5)? as u64,
                    bytes: row.get::<_, i64>(6)? as u64,
                    charged: row.get::<_, i64>(7)? as u64,
                })
            };
            statement.query_map([of], share)?.collect()
        })
        .map_err(failed)
}

/// The uploads of one account that ended on one day, as far as they took time: one request has no beginning to tell of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Day {
    /// Such as `2026-11-30` (UTC).
    pub day: String,
    pub uploads: u64,
    pub bytes: u64,
    /// From the beginning of each to its end, with its pauses.
    pub took_ms: u64,
}

/// The days since a moment on which uploads ended, the oldest first.
pub fn days(db: &Db, owner: AccountId, since: Timestamp) -> Result<Vec<Day>> {
    db.prepare_cached(
        "select strftime('%Y-%m-%d', finished_at / 1000, 'unixepoch') as day, count(*), sum(units_total), \
         sum(finished_at - started_at) from tasks where type = 'FileUpload' and status = 3 and account_id = ?1 \
         and finished_at > ?2 and finished_at > started_at group by day order by day",
    )
    .and_then(|mut found| {
        let number = |row: &rusqlite::Row<'_>, at| row.get::<_, i64>(at).map(|sum| sum as u64);
        let day = |row: &rusqlite::Row<'_>| {
            let (uploads, bytes, took_ms) = (number(row, 1)?, number(row, 2)?, number(row, 3)?);
            Ok(Day { day: row.get(0)?, uploads, bytes, took_ms })
        };
        found.query_map((owner, since), day)?.collect()
    })
    .map_err(failed)
}

/// Bytes of the trash, which count in the quota until they are purged.
pub fn trash(db: &Db, owner: AccountId) -> Result<u64> {
    db.prepare_cached(
        "select coalesce(sum(charge), 0) from files where account_id = ?1 and deleted_at is not null",
    )
    .and_then(|mut statement| statement.query_row([owner], |row| row.get::<_, i64>(0)))
    .map(|bytes| bytes as u64)
    .map_err(failed)
}

/// The names of the pools in the database, also of those that the settings no longer have.
pub fn pool_names(db: &Db) -> Result<Vec<(PoolId, String)>> {
    db.prepare_cached("select id, name from pools")
        .and_then(|mut statement| {
            statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
        })
        .map_err(failed)
}
