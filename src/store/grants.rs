//! Bytes that an account may use for a while, on top of its quota.

use rusqlite::Row;

use super::columns::failed;
use super::{Db, Tx};
use crate::domain::error::{Error, Kind, Result};
use crate::domain::id::{AccountId, GrantId};
use crate::domain::time::Timestamp;

/// Live grants of one account, at most.
const GRANTS_MAX: i64 = 100;

pub struct Grant {
    pub id: GrantId,
    pub bytes: u64,
    pub reason: Option<String>,
    pub granted_by: String,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
}

pub struct NewGrant {
    pub account_id: AccountId,
    pub bytes: u64,
    pub reason: Option<String>,
    pub granted_by: String,
    pub expires_at: Timestamp,
}

fn grant(row: &Row<'_>) -> rusqlite::Result<Grant> {
    Ok(Grant {
        id: row.get(0)?,
        bytes: row.get::<_, i64>(1)? as u64,
        reason: row.get(2)?,
        granted_by: row.get(3)?,
        created_at: row.get(4)?,
        expires_at: row.get(5)?,
    })
}

pub fn insert(tx: &Tx<'_>, new: &NewGrant) -> Result<Grant> {
    let live = list(tx.connection, new.account_id, tx.now)?.len() as i64;
    if live >= GRANTS_MAX {
        let message = format!("The account has {GRANTS_MAX} grants already; remove one of them.");
        return Err(Error::new(Kind::Conflict, message).with("limit", GRANTS_MAX));
    }
    let id = GrantId::generate();
    tx.connection
        .execute(
            "insert into grants (id, account_id, bytes, reason, granted_by, created_at, expires_at) \
             values (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            (
                id,
                new.account_id,
                new.bytes as i64,
                &new.reason,
                &new.granted_by,
                tx.now,
                new.expires_at,
            ),
        )
        .map_err(failed)?;
    Ok(Grant {
        id,
        bytes: new.bytes,
        reason: new.reason.clone(),
        granted_by: new.granted_by.clone(),
        created_at: tx.now,
        expires_at: new.expires_at,
    })
}

/// The grants of an account that last, the one that ends first at the head.
pub fn list(db: &Db, owner: AccountId, now: Timestamp) -> Result<Vec<Grant>> {
    db.prepare_cached(
        "select id, bytes, reason, granted_by, created_at, expires_at from grants \
         where account_id = ?1 and expires_at > ?2 order by expires_at, id limit 500",
    )
    .and_then(|mut statement| statement.query_map((owner, now), grant)?.collect())
    .map_err(failed)
}

/// Ends a grant; false when there is no such one.
pub fn remove(tx: &Tx<'_>, owner: AccountId, id: GrantId) -> Result<bool> {
    let sql = "delete from grants where account_id = ?1 and id = ?2";
    Ok(tx.connection.execute(sql, (owner, id)).map_err(failed)? == 1)
}

/// Forgets grants that ended a month ago.
pub fn prune(tx: &Tx<'_>) -> Result<usize> {
    const MONTH_MS: i64 = 30 * 24 * 3600 * 1000;
    tx.connection
        .execute("delete from grants where expires_at < ?1", [tx.now.0 - MONTH_MS])
        .map_err(failed)
}
