//! Accounts and the bytes they use.

use rusqlite::{Connection, OptionalExtension, Row};

use super::Tx;
use super::columns::{failed, is_duplicate};
use crate::domain::account::{Account, Quota, Role};
use crate::domain::error::{Error, Kind, Result};
use crate::domain::id::AccountId;

const COLUMNS: &str =
    "id, name, role, disabled, quota_bytes, used_bytes, reserved_bytes, created_at";

fn account(row: &Row<'_>) -> rusqlite::Result<Account> {
    Ok(Account {
        id: row.get(0)?,
        name: row.get(1)?,
        role: row.get(2)?,
        disabled: row.get(3)?,
        quota: quota(row, 4)?,
        created_at: row.get(7)?,
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

pub fn get(connection: &Connection, id: AccountId) -> Result<Option<Account>> {
    connection
        .prepare_cached(&format!("select {COLUMNS} from accounts where id = ?1"))
        .and_then(|mut statement| statement.query_row([id], account).optional())
        .map_err(failed)
}

/// The account of a name and its password hash.
pub fn find(connection: &Connection, name: &str) -> Result<Option<(Account, String)>> {
    connection
        .prepare_cached(&format!("select {COLUMNS}, password_hash from accounts where name = ?1"))
        .and_then(|mut statement| {
            statement.query_row([name], |row| Ok((account(row)?, row.get(8)?))).optional()
        })
        .map_err(failed)
}

pub fn list(connection: &Connection) -> Result<Vec<Account>> {
    connection
        .prepare_cached(&format!("select {COLUMNS} from accounts order by name"))
        .and_then(|mut statement| statement.query_map([], account)?.collect())
        .map_err(failed)
}

/// Is there anyone who can sign in as an administrator?
pub fn has_admin(connection: &Connection) -> Result<bool> {
    connection
        .query_row(
            "select exists (select 1 from accounts where role = 'admin' and disabled = 0)",
            [],
            |row| row.get(0),
        )
        .map_err(failed)
}

pub fn set_password(tx: &Tx<'_>, name: &str, password_hash: &str) -> Result<bool> {
    update(
        tx,
        "update accounts set password_hash = ?1, updated_at = ?2 where name = ?3",
        password_hash,
        name,
    )
}

pub fn disable(tx: &Tx<'_>, name: &str) -> Result<bool> {
    update(tx, "update accounts set disabled = ?1, updated_at = ?2 where name = ?3", 1, name)
}

fn update(tx: &Tx<'_>, sql: &str, value: impl rusqlite::ToSql, name: &str) -> Result<bool> {
    let changed = tx.connection.execute(sql, (value, tx.now, name)).map_err(failed)?;
    Ok(changed == 1)
}

/// The account, or `NotFound` when it is gone or disabled.
pub fn quota_of(connection: &Connection, id: AccountId) -> Result<Quota> {
    connection
        .prepare_cached("select quota_bytes, used_bytes, reserved_bytes from accounts where id = ?1 and disabled = 0")
        .and_then(|mut statement| statement.query_row([id], |row| quota(row, 0)).optional())
        .map_err(failed)?
        .ok_or_else(|| Error::not_found("account"))
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
                "update accounts set {change} where id = ?2 and disabled = 0 \
                 and (quota_bytes is null or used_bytes + reserved_bytes + ?1 <= quota_bytes)"
            ),
            (bytes as i64, id),
        )
        .map_err(failed)?;
    match changed {
        1 => Ok(()),
        _ => Err(quota_of(tx.connection, id)?.exceeded(bytes)),
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
