//! Browsers that are told while their page is closed. Endpoints and keys lie here sealed.

use rusqlite::{OptionalExtension, Row};

use super::columns::failed;
use super::{Db, Tx};
use crate::domain::digest::Digest;
use crate::domain::error::{Error, Kind, Result};
use crate::domain::id::{AccountId, SubscriptionId};
use crate::domain::time::Timestamp;

/// Browsers of one account, at most.
const SUBSCRIPTIONS_MAX: i64 = 20;

/// One browser.
#[derive(Clone, Debug)]
pub struct Subscription {
    pub id: SubscriptionId,
    /// Tells the same endpoint again without opening it.
    pub endpoint_hash: Digest,
    pub host: String,
    pub device: Option<String>,
    pub sealed: Vec<u8>,
    pub created_at: Timestamp,
    /// The last time that its service took a message.
    pub sent_at: Option<Timestamp>,
}

const COLUMNS: &str = "id, endpoint_hash, host, device, sealed, created_at, sent_at";

fn subscription(row: &Row<'_>) -> rusqlite::Result<Subscription> {
    Ok(Subscription {
        id: row.get(0)?,
        endpoint_hash: row.get(1)?,
        host: row.get(2)?,
        device: row.get(3)?,
        sealed: row.get(4)?,
        created_at: row.get(5)?,
        sent_at: row.get(6)?,
    })
}

/// Adds a browser, in the place of an earlier subscription to the same endpoint.
///
/// # Errors
/// [`Kind::Conflict`] when the account has twenty already.
pub fn put(tx: &Tx<'_>, owner: AccountId, new: &Subscription) -> Result<()> {
    let sql = "delete from push_subscriptions where account_id = ?1 and endpoint_hash = ?2";
    tx.connection.execute(sql, (owner, new.endpoint_hash)).map_err(failed)?;
    let sql = "select count(*) from push_subscriptions where account_id = ?1";
    let count: i64 = tx.connection.query_row(sql, [owner], |row| row.get(0)).map_err(failed)?;
    if count >= SUBSCRIPTIONS_MAX {
        let message =
            format!("There are {SUBSCRIPTIONS_MAX} browsers already; remove one that is not used.");
        return Err(Error::new(Kind::Conflict, message).with("limit", SUBSCRIPTIONS_MAX));
    }
    tx.connection
        .execute(
            "insert into push_subscriptions (id, account_id, endpoint_hash, host, device, sealed, created_at) \
             values (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            (new.id, owner, new.endpoint_hash, &new.host, &new.device, &new.sealed, tx.now),
        )
        .map_err(failed)?;
    Ok(())
}

/// The browsers of an account, the oldest first.
pub fn list(db: &Db, owner: AccountId) -> Result<Vec<Subscription>> {
    db.prepare_cached(&format!(
        "select {COLUMNS} from push_subscriptions where account_id = ?1 order by created_at, id limit 100"
    ))
    .and_then(|mut statement| statement.query_map([owner], subscription)?.collect())
    .map_err(failed)
}

/// A browser of this account, or `NotFound`.
pub fn get(db: &Db, owner: AccountId, id: SubscriptionId) -> Result<Subscription> {
    db.prepare_cached(&format!(
        "select {COLUMNS} from push_subscriptions where id = ?1 and account_id = ?2"
    ))
    .and_then(|mut statement| statement.query_row((id, owner), subscription).optional())
    .map_err(failed)?
    .ok_or_else(|| Error::not_found("subscription"))
}

/// Removes it with all that waits for it; false when there is no such one.
pub fn remove(tx: &Tx<'_>, owner: AccountId, id: SubscriptionId) -> Result<bool> {
    let sql = "delete from push_subscriptions where id = ?1 and account_id = ?2";
    Ok(tx.connection.execute(sql, (id, owner)).map_err(failed)? == 1)
}

/// Notes that its service took a message.
pub fn touch(tx: &Tx<'_>, owner: AccountId, id: SubscriptionId) -> Result<()> {
    let sql = "update push_subscriptions set sent_at = ?3 where id = ?1 and account_id = ?2";
    tx.connection.execute(sql, (id, owner, tx.now)).map_err(failed)?;
    Ok(())
}
