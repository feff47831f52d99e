//! Accounts and the bytes they use.

use rusqlite::{OptionalExtension, Row};

use super::columns::{failed, is_duplicate};
use super::{Db, Tx};
use crate::domain::account::{Account, Quota, Role};
use crate::domain::error::{Error, Kind, Result};
use crate::domain::id::AccountId;
use crate::domain::time::Timestamp;

/// With the moment as the first parameter: time-limited grants count as long as they last.
const COLUMNS: &str = "id, name, role, disabled, quota_bytes + (select coalesce(sum(bytes), 0) from grants \
    where grants.account_id = accounts.id and grants.expires_at > ?1), used_bytes, reserved_bytes, created_at, \
    totp_confirmed";

fn account(row: &Row<'_>) -> rusqlite::Result<Account> {
    Ok(Account {
        id: row.get(0)?,
        name: row.get(1)?,
        role: row.get(2)?,
        disabled: row.get(3)?,
        quota: quota(row, 4)?,
        created_at: row.get(7)?,
        second_factor: row.get(8)?,
    })
}

fn quota(row: &Row<'_>, at: usize) -> rusqlite::Result<Quota> {
    Ok(Quota {
        limit: row.get::<_, Option<i64>>(at)?.map(|bytes| bytes as u64),
        used: row.get::<_, i64>(at + 1)? as u64,
        reserved: row.get::<_, i64>(at + 2)? as u64,
    })
}

/// What a new account is made of.
pub struct NewAccount {
    pub name: String,
    pub password_hash: String,
    pub role: Role,
    pub quota_bytes: Option<u64>,
}

pub fn insert(tx: &Tx<'_>, new: &NewAccount) -> Result<AccountId> {
    let id = AccountId::generate();
    let quota = new.quota_bytes.map(|bytes| bytes as i64);
    tx.connection
        .execute(
            "insert into accounts (id, name, password_hash, role, quota_bytes, created_at, updated_at) \
             values (?1, ?2, ?3, ?4, ?5, ?6, ?6)",
            (id, &new.name, &new.password_hash, new.role, quota, tx.now),
        )
        .map_err(|error| match is_duplicate(&error) {
            true => Error::new(Kind::NameTaken, "An account with this name exists.").with("field", "name"),
            false => failed(error),
        })?;
    Ok(id)
}

pub fn get(db: &Db, id: AccountId, now: Timestamp) -> Result<Option<Account>> {
    db.prepare_cached(&format!("select {COLUMNS} from accounts where id = ?2"))
        .and_then(|mut statement| statement.query_row((now, id), account).optional())
        .map_err(failed)
}

/// The account of a name and its password hash.
pub fn find(db: &Db, name: &str, now: Timestamp) -> Result<Option<(Account, String)>> {
    db.prepare_cached(&format!("select {COLUMNS}, password_hash from accounts where name = ?2"))
        .and_then(|mut statement| {
            statement.query_row((now, name), |row| Ok((account(row)?, row.get(9)?))).optional()
        })
        .map_err(failed)
}

pub fn password_hash(db: &Db, id: AccountId) -> Result<String> {
    db.prepare_cached("select password_hash from accounts where id = ?1 and disabled = 0")
        .and_then(|mut statement| statement.query_row([id], |row| row.get(0)).optional())
        .map_err(failed)?
        .ok_or_else(|| Error::not_found("account"))
}

/// All accounts by name.
pub fn list(db: &Db, now: Timestamp) -> Result<Vec<Account>> {
    db.prepare_cached(&format!("select {COLUMNS} from accounts order by name"))
        .and_then(|mut statement| statement.query_map([now], account)?.collect())
        .map_err(failed)
}

/// Is there anyone who can sign in as an administrator?
pub fn has_admin(db: &Db) -> Result<bool> {
    db.query_row(
        "select exists (select 1 from accounts where role = 'admin' and disabled = 0)",
        [],
        |row| row.get(0),
    )
    .map_err(failed)
}

pub fn set_password(tx: &Tx<'_>, id: AccountId, password_hash: &str) -> Result<()> {
    tx.connection
        .execute(
            "update accounts set password_hash = ?1, updated_at = ?2 where id = ?3",
            (password_hash, tx.now, id),
        )
        .map_err(failed)?;
    Ok(())
}

/// What an administrator changes of an account; `None` leaves it as it is.
#[derive(Default)]
pub struct Change {
    pub role: Option<Role>,
    pub disabled: Option<bool>,
    /// `Some(None)` takes the limit away.
    pub quota_bytes: Option<Option<u64>>,
}

/// Changes an account. The last administrator who can sign in stays one.
pub fn change(tx: &Tx<'_>, id: AccountId, change: &Change) -> Result<Account> {
    let sql = "update accounts set role = coalesce(?1, role), disabled = coalesce(?2, disabled), \
               quota_bytes = case when ?3 then ?4 else quota_bytes end, updated_at = ?5 where id = ?6";
    let limit = change.quota_bytes.flatten().map(|bytes| bytes as i64);
    let had_admin = has_admin(tx.connection)?;
    tx.connection
        .execute(
            sql,
            (change.role, change.disabled, change.quota_bytes.is_some(), limit, tx.now, id),
        )
        .map_err(failed)?;
    if had_admin && !has_admin(tx.connection)? {
        let message = "This is the last administrator. Make another one first.";
        return Err(Error::new(Kind::Conflict, message).with("accountId", id.to_string()));
    }
    get(tx.connection, id, tx.now)?.ok_or_else(|| Error::not_found("account"))
}

/// The bytes of an account at this moment, or `NotFound` when it is gone or disabled.
pub fn quota_of(db: &Db, id: AccountId, now: Timestamp) -> Result<Quota> {
    let found = get(db, id, now)?.filter(|account| !account.disabled);
    found.map(|account| account.quota).ok_or_else(|| Error::not_found("account"))
}

/// Sets bytes aside for an open upload, all or nothing.
pub fn reserve(tx: &Tx<'_>, id: AccountId, bytes: u64) -> Result<()> {
    take(tx, id, bytes, "reserved_bytes = reserved_bytes + ?1")
}

/// Charges bytes at once, all or nothing.
pub fn charge(tx: &Tx<'_>, id: AccountId, bytes: u64) -> Result<()> {
    take(tx, id, bytes, "used_bytes = used_bytes + ?1")
}

/// Gives charged bytes back.
pub fn discharge(tx: &Tx<'_>, id: AccountId, bytes: u64) -> Result<()> {
    tx.connection
        .prepare_cached("update accounts set used_bytes = max(used_bytes - ?1, 0) where id = ?2")
        .and_then(|mut statement| statement.execute((bytes as i64, id)))
        .map_err(failed)?;
    Ok(())
}

fn take(tx: &Tx<'_>, id: AccountId, bytes: u64, change: &str) -> Result<()> {
    let changed = tx
        .connection
        .execute(
            &format!(
                "update accounts set {change} where id = ?2 and disabled = 0 and (quota_bytes is null or \
                 used_bytes + reserved_bytes + ?1 <= quota_bytes + (select coalesce(sum(bytes), 0) from grants \
                 where grants.account_id = accounts.id and grants.expires_at > ?3))"
            ),
            (bytes as i64, id, tx.now),
        )
        .map_err(failed)?;
    match changed {
        1 => Ok(()),
        _ => Err(quota_of(tx.connection, id, tx.now)?.exceeded(bytes)),
    }
}

/// Gives a reservation back.
pub fn release(tx: &Tx<'_>, id: AccountId, bytes: u64) -> Result<()> {
    settle(tx, id, bytes, 0)
}

/// Turns a reservation into used bytes.
pub fn settle(tx: &Tx<'_>, id: AccountId, reserved: u64, used: u64) -> Result<()> {
    tx.connection
        .execute(
            "update accounts set reserved_bytes = max(reserved_bytes - ?1, 0), used_bytes = used_bytes + ?2 \
             where id = ?3",
            (reserved as i64, used as i64, id),
        )
        .map_err(failed)?;
    Ok(())
}

/// Counts used and reserved bytes anew from files and open uploads; the accounts that were wrong.
pub fn recount(tx: &Tx<'_>) -> Result<Vec<AccountId>> {
    tx.connection
        .prepare(
            "with truth as (select a.id, \
               (select coalesce(sum(f.charge), 0) from files f where f.account_id = a.id) as used, \
               (select coalesce(sum(u.charge), 0) from tasks t join uploads u on u.task_pk = t.id \
                where t.account_id = a.id and t.status in (1, 2)) + \
               (select coalesce(sum(t.reserved_bytes), 0) from tasks t \
                where t.account_id = a.id and t.status in (0, 1, 2)) as reserved from accounts a) \
             update accounts set used_bytes = truth.used, reserved_bytes = truth.reserved from truth \
             where truth.id = accounts.id \
               and (accounts.used_bytes <> truth.used or accounts.reserved_bytes <> truth.reserved) \
             returning accounts.id",
        )
        .and_then(|mut statement| statement.query_map([], |row| row.get(0))?.collect())
        .map_err(failed)
}
