//! Previews of objects. A trigger makes their rows with the files that show them, so nobody has to remember it.

use std::collections::HashMap;

use rusqlite::OptionalExtension;
use serde_json::Value;

use super::columns::{Json, failed};
use super::files::{COLUMNS, file};
use super::{Db, Tx};
use crate::domain::error::Result;
use crate::domain::file::File;
use crate::domain::id::{AccountId, ObjectId};
use crate::domain::preview::Preview;

/// An object that nobody has looked at yet.
pub struct Pending {
    pub object_id: ObjectId,
    pub size: u64,
    /// The name of one of the files that show it.
    pub name: String,
}

/// Accounts for which [`pending`] finds something; a loose scan, whose cost does not grow with what waits.
pub fn waiting(db: &Db) -> Result<Vec<AccountId>> {
    db.prepare_cached(
        "with recursive waiting(account) as ( \
           select min(account_id) from previews where pending = 1 \
           union all \
           select (select min(account_id) from previews where pending = 1 and account_id > waiting.account) \
           from waiting where waiting.account is not null) \
         select account from waiting where exists \
         (select 1 from previews p join files f on f.object_id = p.object_id \
          where p.account_id = waiting.account and p.pending = 1 and f.recipient is null)",
    )
    .and_then(|mut statement| statement.query_map([], |row| row.get(0))?.collect())
    .map_err(failed)
}

/// The first objects of an account that nobody has looked at, the oldest first. Those that no file shows any more, or
/// encrypted files alone, are not among them.
pub fn pending(db: &Db, owner: AccountId, limit: usize) -> Result<Vec<Pending>> {
    db.prepare_cached(
        "select p.object_id, f.size, f.name from previews p join files f on f.id = \
         (select min(x.id) from files x where x.object_id = p.object_id and x.recipient is null) \
         where p.account_id = ?1 and p.pending = 1 order by p.rowid limit ?2",
    )
    .and_then(|mut statement| {
        let row = |row: &rusqlite::Row<'_>| {
            let size = row.get::<_, i64>(1)? as u64;
            Ok(Pending { object_id: row.get(0)?, size, name: row.get(2)? })
        };
        statement.query_map((owner, limit as i64), row)?.collect()
    })
    .map_err(failed)
}

/// Files of this account that show an object as it is, at most `limit`.
pub fn files_over(db: &Db, owner: AccountId, object_id: ObjectId, limit: u64) -> Result<Vec<File>> {
    db.prepare_cached(&format!(
        "select {COLUMNS} from files where object_id = ?1 and +account_id = ?2 and recipient is null limit ?3"
    ))
    .and_then(|mut statement| statement.query_map((object_id, owner, limit as i64), file)?.collect())
    .map_err(failed)
}

/// Notes that somebody looks at an object now; how often that was begun and not ended, this time included. `None` when
/// it has been looked at, or is gone.
pub fn begin(tx: &Tx<'_>, owner: AccountId, object_id: ObjectId) -> Result<Option<u32>> {
    tx.connection
        .prepare_cached(
            "update previews set tries = tries + 1 where object_id = ?1 and account_id = ?2 and pending = 1 \
             returning tries",
        )
        .and_then(|mut statement| {
            statement.query_row((object_id, owner), |row| row.get(0)).optional()
        })
        .map_err(failed)
}

/// The look was broken off, and not by what was seen.
pub fn give_back(tx: &Tx<'_>, owner: AccountId, object_id: ObjectId) -> Result<()> {
    tx.connection
        .prepare_cached(
            "update previews set tries = max(tries - 1, 0) where object_id = ?1 and account_id = ?2 and pending = 1",
        )
        .and_then(|mut statement| statement.execute((object_id, owner)))
        .map_err(failed)?;
    Ok(())
}

/// Keeps what was seen; false when nobody shows the object any more, and its thumbnails must go.
pub fn finish(tx: &Tx<'_>, owner: AccountId, object_id: ObjectId, seen: &Preview) -> Result<bool> {
    let kept = tx
        .connection
        .prepare_cached(
            "update previews set pending = 0, tries = 0, metadata = ?3, small = ?4, large = ?5 \
             where object_id = ?1 and account_id = ?2 \
             and exists (select 1 from objects o where o.id = ?1 and o.refs > 0)",
        )
        .and_then(|mut statement| {
            let metadata = Json(Value::Object(seen.metadata.clone()));
            statement.execute((object_id, owner, metadata, seen.small, seen.large))
        })
        .map_err(failed)?;
    Ok(kept == 1)
}

/// The object is to be looked at again: a thumbnail of it is missing.
pub fn again(tx: &Tx<'_>, owner: AccountId, object_id: ObjectId) -> Result<()> {
    tx.connection
        .prepare_cached(
            "update previews set pending = 1, small = null, large = null \
             where object_id = ?1 and account_id = ?2 and pending = 0",
        )
        .and_then(|mut statement| statement.execute((object_id, owner)))
        .map_err(failed)?;
    Ok(())
}

/// The previews of these files, all of one account, that have been made; in one statement. Encrypted files have none.
pub fn of(db: &Db, owner: AccountId, files: &[&File]) -> Result<HashMap<ObjectId, Preview>> {
    let ids: Vec<String> = files
        .iter()
        .filter(|file| file.lock.is_none())
        .map(|file| file.object_id.to_string())
        .collect();
    db.prepare_cached(
        "select p.object_id, p.metadata, p.small, p.large from json_each(?1) j join previews p \
         on p.object_id = j.value where p.account_id = ?2 and p.pending = 0",
    )
    .and_then(|mut statement| {
        let row = |row: &rusqlite::Row<'_>| {
            let metadata = match row.get::<_, Json>(1)?.0 {
                Value::Object(metadata) => metadata,
                _ => serde_json::Map::new(),
            };
            let preview = Preview { metadata, small: row.get(2)?, large: row.get(3)? };
            Ok((row.get(0)?, preview))
        };
        statement.query_map((Json(ids.into()), owner), row)?.collect()
    })
    .map_err(failed)
}

/// Objects of this list that have no preview, so that no thumbnail of them has a meaning.
pub fn unknown(db: &Db, ids: &[ObjectId]) -> Result<Vec<ObjectId>> {
    let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
    db.prepare_cached(
        "select j.value from json_each(?1) j where not exists \
         (select 1 from previews p where p.object_id = j.value)",
    )
    .and_then(|mut statement| statement.query_map([Json(ids.into())], |row| row.get(0))?.collect())
    .map_err(failed)
}
