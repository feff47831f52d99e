//! Signed-in devices. A session is the one thing that can be revoked; every token names one.

use rusqlite::{Connection, OptionalExtension, Row};

use super::Tx;
use super::columns::failed;
use crate::domain::account::Role;
use crate::domain::digest::Digest;
use crate::domain::error::Result;
use crate::domain::id::{AccountId, SessionId};
use crate::domain::time::Timestamp;

/// A session with the rights of its account.
#[derive(Clone, Debug)]
pub struct Session {
    pub id: SessionId,
    pub account_id: AccountId,
    pub role: Role,
    pub expires_at: Timestamp,
}

/// A session about to begin. The secrets themselves are never stored.
pub struct NewSession {
    pub account_id: AccountId,
    pub refresh_hash: Digest,
    pub cookie_hash: Digest,
    pub device: Option<String>,
    pub lifetime_ms: i64,
}

pub fn insert(tx: &Tx<'_>, new: &NewSession) -> Result<SessionId> {
    let id = SessionId::generate();
    tx.connection
        .execute(
            "insert into sessions (id, account_id, refresh_hash, cookie_hash, device, created_at, last_seen, \
             expires_at) values (?1, ?2, ?3, ?4, ?5, ?6, ?6, ?7)",
            (
                id,
                new.account_id,
                new.refresh_hash,
                new.cookie_hash,
                &new.device,
                tx.now,
                tx.now.plus_ms(new.lifetime_ms),
            ),
        )
        .map_err(failed)?;
    Ok(id)
}

const LIVE: &str = "select s.id, s.account_id, a.role, s.expires_at from sessions s \
                    join accounts a on a.id = s.account_id \
                    where s.revoked_at is null and a.disabled = 0 and ";

fn session(row: &Row<'_>) -> rusqlite::Result<Session> {
    Ok(Session {
        id: row.get(0)?,
        account_id: row.get(1)?,
        role: row.get(2)?,
        expires_at: row.get(3)?,
    })
}

fn one(connection: &Connection, sql: &str, by: impl rusqlite::ToSql) -> Result<Option<Session>> {
    connection
        .prepare_cached(&format!("{LIVE}{sql}"))
        .and_then(|mut statement| statement.query_row([by], session).optional())
        .map_err(failed)
}

pub fn by_id(connection: &Connection, id: SessionId) -> Result<Option<Session>> {
    one(connection, "s.id = ?1", id)
}

pub fn by_cookie(connection: &Connection, hash: Digest) -> Result<Option<Session>> {
    one(connection, "s.cookie_hash = ?1", hash)
}

pub fn by_refresh(connection: &Connection, hash: Digest) -> Result<Option<Session>> {
    one(connection, "s.refresh_hash = ?1", hash)
}

/// Replaces the refresh secret and extends the session; false when another request was quicker.
pub fn rotate(
    tx: &Tx<'_>,
    id: SessionId,
    old: Digest,
    new: Digest,
    lifetime_ms: i64,
) -> Result<bool> {
    let changed = tx
        .connection
        .execute(
            "update sessions set refresh_hash = ?1, last_seen = ?2, expires_at = ?3 \
             where id = ?4 and refresh_hash = ?5 and revoked_at is null",
            (new, tx.now, tx.now.plus_ms(lifetime_ms), id, old),
        )
        .map_err(failed)?;
    Ok(changed == 1)
}

pub fn revoke(tx: &Tx<'_>, id: SessionId) -> Result<()> {
    tx.connection
        .execute(
            "update sessions set revoked_at = ?1 where id = ?2 and revoked_at is null",
            (tx.now, id),
        )
        .map_err(failed)?;
    Ok(())
}

/// Ends every session of an account.
pub fn revoke_all(tx: &Tx<'_>, name: &str) -> Result<()> {
    tx.connection
        .execute(
            "update sessions set revoked_at = ?1 \
             where revoked_at is null and account_id = (select id from accounts where name = ?2)",
            (tx.now, name),
        )
        .map_err(failed)?;
    Ok(())
}

/// Forgets sessions that ended a week ago.
pub fn prune(tx: &Tx<'_>) -> Result<usize> {
    const WEEK_MS: i64 = 7 * 24 * 3600 * 1000;
    tx.connection
        .execute("delete from sessions where expires_at < ?1", [tx.now.0 - WEEK_MS])
        .map_err(failed)
}
