//! Files that are to go for good: from the trash, and those whose own time is over.

use rusqlite::Row;

use super::Db;
use super::columns::failed;
use crate::domain::error::Result;
use crate::domain::id::{AccountId, FileId, PoolId};
use crate::domain::time::Timestamp;

/// A file that is due, with what makes it so.
pub struct Due {
    pub id: FileId,
    pub name: String,
    pub deleted_at: Option<Timestamp>,
    pub expired_at: Option<Timestamp>,
}

fn due(row: &Row<'_>) -> rusqlite::Result<Due> {
    Ok(Due { id: row.get(0)?, name: row.get(1)?, deleted_at: row.get(2)?, expired_at: row.get(3)? })
}

/// Files that are in the trash since `deleted_before` or longer, of one pool or of all, the oldest first.
pub fn trashed(
    db: &Db,
    owner: AccountId,
    pool_id: Option<PoolId>,
    deleted_before: Timestamp,
    limit: usize,
) -> Result<Vec<Due>> {
    db.prepare_cached(
        "select id, name, deleted_at, null from files where account_id = ?1 and deleted_at <= ?2 \
         and (?3 is null or +pool_id = ?3) order by deleted_at, id limit ?4",
    )
    .and_then(|mut statement| {
        statement.query_map((owner, deleted_before, pool_id, limit as i64), due)?.collect()
    })
    .map_err(failed)
}

/// Files whose own time is over, in the trash or not.
pub fn expired(db: &Db, owner: AccountId, now: Timestamp, limit: usize) -> Result<Vec<Due>> {
    db.prepare_cached(
        "select id, name, null, expired_at from files where account_id = ?1 and expired_at <= ?2 \
         order by expired_at, id limit ?3",
    )
    .and_then(|mut statement| statement.query_map((owner, now, limit as i64), due)?.collect())
    .map_err(failed)
}
