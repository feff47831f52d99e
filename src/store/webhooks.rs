//! Addresses that want to be told what happens in an account.

use rusqlite::{OptionalExtension, Row};

use super::columns::failed;
use super::{Db, Tx};
use crate::domain::error::{Error, Kind, Result};
use crate::domain::id::{AccountId, WebhookId};
use crate::domain::notification::{Format, Subject};
use crate::domain::time::Timestamp;

/// Webhooks of one account, at most.
const WEBHOOKS_MAX: i64 = 10;

/// One webhook. Its secret is sealed.
#[derive(Clone, Debug)]
pub struct Webhook {
    pub id: WebhookId,
    pub url: String,
    pub format: Format,
    pub subjects: Vec<Subject>,
    pub secret: Option<Vec<u8>>,
    pub enabled: bool,
    /// Deliveries that were given up since the last that arrived.
    pub failed_in_row: u32,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

const COLUMNS: &str =
    "id, url, format, subjects, secret, enabled, failed_in_row, created_at, updated_at";

fn webhook(row: &Row<'_>) -> rusqlite::Result<Webhook> {
    let subjects: String = row.get(3)?;
    Ok(Webhook {
        id: row.get(0)?,
        url: row.get(1)?,
        format: row.get(2)?,
        subjects: subjects.split(' ').filter_map(|word| Subject::parse(word).ok()).collect(),
        secret: row.get(4)?,
        enabled: row.get(5)?,
        failed_in_row: row.get(6)?,
        created_at: row.get(7)?,
        updated_at: row.get(8)?,
    })
}

fn words(subjects: &[Subject]) -> String {
    subjects.iter().map(|subject| subject.name()).collect::<Vec<_>>().join(" ")
}

/// Adds a webhook.
///
/// # Errors
/// [`Kind::Conflict`] when the account has ten already.
pub fn insert(tx: &Tx<'_>, owner: AccountId, new: &Webhook) -> Result<()> {
    let sql = "select count(*) from webhooks where account_id = ?1";
    let count: i64 = tx.connection.query_row(sql, [owner], |row| row.get(0)).map_err(failed)?;
    if count >= WEBHOOKS_MAX {
        let message =
            format!("There are {WEBHOOKS_MAX} webhooks already; remove one that is not used.");
        return Err(Error::new(Kind::Conflict, message).with("limit", WEBHOOKS_MAX));
    }
    tx.connection
        .execute(
            "insert into webhooks (id, account_id, url, format, subjects, secret, enabled, created_at, updated_at) \
             values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?8)",
            (
                new.id,
                owner,
                &new.url,
                new.format,
                words(&new.subjects),
                &new.secret,
                new.enabled,
                tx.now,
            ),
        )
        .map_err(failed)?;
    Ok(())
}

/// The webhooks of an account, the oldest first.
pub fn list(db: &Db, owner: AccountId) -> Result<Vec<Webhook>> {
    db.prepare_cached(&format!(
        "select {COLUMNS} from webhooks where account_id = ?1 order by created_at, id limit 100"
    ))
    .and_then(|mut statement| statement.query_map([owner], webhook)?.collect())
    .map_err(failed)
}

/// A webhook of this account, or `NotFound`.
pub fn get(db: &Db, owner: AccountId, id: WebhookId) -> Result<Webhook> {
    db.prepare_cached(&format!("select {COLUMNS} from webhooks where id = ?1 and account_id = ?2"))
        .and_then(|mut statement| statement.query_row((id, owner), webhook).optional())
        .map_err(failed)?
        .ok_or_else(|| Error::not_found("webhook"))
}

/// Writes what its owner may change. One that is turned on counts its failures from nothing.
pub fn update(tx: &Tx<'_>, owner: AccountId, changed: &Webhook) -> Result<()> {
    tx.connection
        .execute(
            "update webhooks set url = ?3, format = ?4, subjects = ?5, secret = ?6, \
             failed_in_row = iif(enabled = 0 and ?7, 0, failed_in_row), enabled = ?7, updated_at = ?8 \
             where id = ?1 and account_id = ?2",
            (
                changed.id,
                owner,
                &changed.url,
                changed.format,
                words(&changed.subjects),
                &changed.secret,
                changed.enabled,
                tx.now,
            ),
        )
        .map_err(failed)?;
    Ok(())
}

/// Removes it with its log; false when there is no such one.
pub fn remove(tx: &Tx<'_>, owner: AccountId, id: WebhookId) -> Result<bool> {
    let sql = "delete from webhooks where id = ?1 and account_id = ?2";
    Ok(tx.connection.execute(sql, (id, owner)).map_err(failed)? == 1)
}

/// Notes that a delivery arrived, or was given up; how many were given up in a row.
pub fn count(tx: &Tx<'_>, owner: AccountId, id: WebhookId, arrived: Arrived) -> Result<u32> {
    let sql = "update webhooks set failed_in_row = iif(?3, 0, failed_in_row + 1) \
               where id = ?1 and account_id = ?2 returning failed_in_row";
    let counted = tx
        .connection
        .query_row(sql, (id, owner, arrived == Arrived::Yes), |row| row.get(0))
        .optional()
        .map_err(failed)?;
    Ok(counted.unwrap_or(0))
}

/// Did a delivery arrive in the end?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrived {
    Yes,
    No,
}
