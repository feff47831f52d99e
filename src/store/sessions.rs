//! Signed-in devices. A session is the one thing that can be revoked; every token names one.

use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, Row};

use super::columns::failed;
use super::{Db, Tx};
use crate::domain::account::{Role, Scopes};
use crate::domain::digest::Digest;
use crate::domain::error::{Error, Kind, Result};
use crate::domain::id::{AccountId, SessionId};
use crate::domain::time::Timestamp;

/// A session with the rights of its account.
#[derive(Clone, Debug)]
pub struct Session {
    pub id: SessionId,
    pub account_id: AccountId,
    pub name: Arc<str>,
    pub role: Role,
    pub scopes: Scopes,
    pub last_seen: Timestamp,
    pub expires_at: Timestamp,
}

/// What a session is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionKind {
    SignIn,
    Token,
    /// All the tokens that an outside issuer gave to somebody.
    Outside,
}

impl SessionKind {
    pub fn name(self) -> &'static str {
        match self {
            Self::SignIn => "sign-in",
            Self::Token => "token",
            Self::Outside => "outside",
        }
    }
}

/// A sign-in about to begin. The secrets themselves are never stored.
pub struct NewSession {
    pub account_id: AccountId,
    pub refresh_hash: Digest,
    pub cookie_hash: Digest,
    pub device: Option<String>,
    pub address: String,
    pub lifetime_ms: i64,
}

pub fn insert(tx: &Tx<'_>, new: &NewSession) -> Result<SessionId> {
    let id = SessionId::generate();
    tx.connection
        .execute(
            "insert into sessions (id, account_id, kind, refresh_hash, cookie_hash, device, address, created_at, \
             last_seen, expires_at) values (?1, ?2, 'sign-in', ?3, ?4, ?5, ?6, ?7, ?7, ?8)",
            (
                id,
                new.account_id,
                new.refresh_hash,
                new.cookie_hash,
                &new.device,
                &new.address,
                tx.now,
                tx.now.plus_ms(new.lifetime_ms),
            ),
        )
        .map_err(failed)?;
    Ok(id)
}

/// A token about to be made.
pub struct NewToken {
    pub account_id: AccountId,
    pub name: String,
    pub scopes: Scopes,
    pub hash: Digest,
    pub address: String,
    pub expires_at: Timestamp,
}

/// Tokens of one account, at most.
const TOKENS_MAX: i64 = 100;

pub fn insert_token(tx: &Tx<'_>, new: &NewToken) -> Result<SessionId> {
    let sql = "select count(*) from sessions where account_id = ?1 and kind = 'token' and revoked_at is null";
    let count: i64 =
        tx.connection.query_row(sql, [new.account_id], |row| row.get(0)).map_err(failed)?;
    if count >= TOKENS_MAX {
        let message =
            format!("There are {TOKENS_MAX} tokens already; remove one that is not used.");
        return Err(Error::new(Kind::Conflict, message).with("limit", TOKENS_MAX));
    }
    let id = SessionId::generate();
    tx.connection
        .execute(
            "insert into sessions (id, account_id, kind, name, scopes, token_hash, address, created_at, last_seen, \
             expires_at) values (?1, ?2, 'token', ?3, ?4, ?5, ?6, ?7, ?7, ?8)",
            (
                id,
                new.account_id,
                &new.name,
                new.scopes.names().join(" "),
                new.hash,
                &new.address,
                tx.now,
                new.expires_at,
            ),
        )
        .map_err(failed)?;
    Ok(id)
}

/// What its owner sees of a session.
pub struct Listed {
    pub id: SessionId,
    pub kind: SessionKind,
    pub name: Option<String>,
    pub scopes: Option<Scopes>,
    pub device: Option<String>,
    pub address: Option<String>,
    pub created_at: Timestamp,
    pub last_seen: Timestamp,
    pub expires_at: Timestamp,
}

/// The live sessions of an account of one kind, the newest first.
pub fn list(db: &Db, owner: AccountId, kind: SessionKind, now: Timestamp) -> Result<Vec<Listed>> {
    db.prepare_cached(
        "select id, name, scopes, device, address, created_at, last_seen, expires_at from sessions \
         where account_id = ?1 and kind = ?2 and revoked_at is null and expires_at > ?3 \
         order by created_at desc, id desc limit 500",
    )
    .and_then(|mut statement| {
        let row = |row: &Row<'_>| {
            Ok(Listed {
                id: row.get(0)?,
                kind,
                name: row.get(1)?,
                scopes: row.get::<_, Option<String>>(2)?.map(|names| scopes(Some(&names))),
                device: row.get(3)?,
                address: row.get(4)?,
                created_at: row.get(5)?,
                last_seen: row.get(6)?,
                expires_at: row.get(7)?,
            })
        };
        statement.query_map((owner, kind.name(), now), row)?.collect()
    })
    .map_err(failed)
}

const LIVE: &str = "select s.id, s.account_id, a.role, s.scopes, s.last_seen, s.expires_at, a.name from sessions s \
                    join accounts a on a.id = s.account_id \
                    where s.revoked_at is null and a.disabled = 0 and ";

fn session(row: &Row<'_>) -> rusqlite::Result<Session> {
    Ok(Session {
        id: row.get(0)?,
        account_id: row.get(1)?,
        role: row.get(2)?,
        scopes: scopes(row.get::<_, Option<String>>(3)?.as_deref()),
        last_seen: row.get(4)?,
        expires_at: row.get(5)?,
        name: row.get(6)?,
    })
}

/// No names mean no limit; names that nobody knows mean nothing.
fn scopes(names: Option<&str>) -> Scopes {
    match names {
        None => Scopes::ALL,
        Some(names) => Scopes::parse(names.split(' ')).unwrap_or(Scopes::NONE),
    }
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

pub fn by_token(connection: &Connection, hash: Digest) -> Result<Option<Session>> {
    one(connection, "s.token_hash = ?1", hash)
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

/// Ends one session of an account; false when there is no such one.
pub fn revoke_own(tx: &Tx<'_>, owner: AccountId, id: SessionId, kind: SessionKind) -> Result<bool> {
    let sql = "update sessions set revoked_at = ?1 \
               where id = ?2 and account_id = ?3 and kind = ?4 and revoked_at is null";
    let changed = tx.connection.execute(sql, (tx.now, id, owner, kind.name())).map_err(failed)?;
    Ok(changed == 1)
}

/// Ends every sign-in of an account but this one, outside tokens too; those that ended.
pub fn revoke_others(tx: &Tx<'_>, owner: AccountId, but: SessionId) -> Result<Vec<SessionId>> {
    let sql = "update sessions set revoked_at = ?1 \
               where account_id = ?2 and id <> ?3 and kind <> 'token' and revoked_at is null returning id";
    tx.connection
        .prepare_cached(sql)
        .and_then(|mut statement| {
            statement.query_map((tx.now, owner, but), |row| row.get(0))?.collect()
        })
        .map_err(failed)
}

/// Ends every session of an account, tokens too; those that ended.
pub fn revoke_all(tx: &Tx<'_>, owner: AccountId) -> Result<Vec<SessionId>> {
    let sql = "update sessions set revoked_at = ?1 where account_id = ?2 and revoked_at is null returning id";
    tx.connection
        .prepare_cached(sql)
        .and_then(|mut statement| statement.query_map((tx.now, owner), |row| row.get(0))?.collect())
        .map_err(failed)
}

/// Notes that a session was used.
pub fn touch(tx: &Tx<'_>, id: SessionId) -> Result<()> {
    tx.connection
        .prepare_cached("update sessions set last_seen = ?1 where id = ?2")
        .and_then(|mut statement| statement.execute((tx.now, id)))
        .map_err(failed)?;
    Ok(())
}

/// Has this account been signed in from this address?
pub fn known_address(db: &Db, name: &str, address: &str) -> Result<bool> {
    db.prepare_cached(
        "select exists (select 1 from sessions s join accounts a on a.id = s.account_id \
         where a.name = ?1 and s.address = ?2)",
    )
    .and_then(|mut statement| statement.query_row((name, address), |row| row.get(0)))
    .map_err(failed)
}

/// Forgets sessions that ended a week ago. That outside tokens were revoked is kept: nobody knows how long they last.
pub fn prune(tx: &Tx<'_>) -> Result<usize> {
    const WEEK_MS: i64 = 7 * 24 * 3600 * 1000;
    tx.connection
        .execute(
            "delete from sessions where expires_at < ?1 and not (kind = 'outside' and revoked_at is not null)",
            [tx.now.0 - WEEK_MS],
        )
        .map_err(failed)
}
