//! `Idempotency-Key`: what a key was used for, and what came of it.

use rusqlite::OptionalExtension;

use super::columns::failed;
use super::{Db, Tx};
use crate::domain::error::Result;
use crate::domain::id::{AccountId, FileId, TaskId};

/// A client's key with the hash of the request it stands for.
pub type Key = (String, [u8; 32]);

/// What a request made or found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Made {
    Task(TaskId),
    File(FileId),
}

/// The hash of the first request with this key, and what came of it.
pub fn find(db: &Db, owner: AccountId, key: &str) -> Result<Option<(Vec<u8>, Made)>> {
    db.prepare_cached(
        "select request_hash, task_id, file_id from idempotency_keys where account_id = ?1 and key = ?2",
    )
    .and_then(|mut statement| {
        statement
            .query_row((owner, key), |row| {
                let made = match row.get(1)? {
                    Some(task) => Made::Task(task),
                    None => Made::File(row.get(2)?),
                };
                Ok((row.get(0)?, made))
            })
            .optional()
    })
    .map_err(failed)
}

/// Keeps what came of a request; false when another request with this key was quicker.
pub fn keep(tx: &Tx<'_>, owner: AccountId, key: &Key, made: Made) -> Result<bool> {
    let (task, file) = match made {
        Made::Task(task) => (Some(task), None),
        Made::File(file) => (None, Some(file)),
    };
    let kept = tx
        .connection
        .execute(
            "insert into idempotency_keys (account_id, key, request_hash, task_id, file_id, created_at) \
             values (?1, ?2, ?3, ?4, ?5, ?6) on conflict do nothing",
            (owner, &key.0, key.1.as_slice(), task, file, tx.now),
        )
        .map_err(failed)?;
    Ok(kept == 1)
}

/// What is known of a request whose answer itself is kept.
#[derive(Debug, PartialEq, Eq)]
pub enum Claim {
    /// Nobody has used this key: it is the caller's now.
    Fresh,
    /// It was used for another request.
    Other,
    /// The same request is under way, or its end was lost.
    Pending,
    /// The sealed answer to the same request.
    Answered(Vec<u8>),
}

pub fn claim(tx: &Tx<'_>, owner: AccountId, (key, hash): &Key) -> Result<Claim> {
    let known = tx
        .connection
        .prepare_cached(
            "select request_hash, sealed from answers where account_id = ?1 and key = ?2",
        )
        .and_then(|mut statement| {
            let row = |row: &rusqlite::Row<'_>| {
                Ok((row.get::<_, Vec<u8>>(0)?, row.get::<_, Option<Vec<u8>>>(1)?))
            };
            statement.query_row((owner, key), row).optional()
        })
        .map_err(failed)?;
    match known {
        Some((known, _)) if known.as_slice() != hash.as_slice() => Ok(Claim::Other),
        Some((_, None)) => Ok(Claim::Pending),
        Some((_, Some(sealed))) => Ok(Claim::Answered(sealed)),
        None => {
            tx.connection
                .prepare_cached(
                    "insert into answers (account_id, key, request_hash, created_at) values (?1, ?2, ?3, ?4)",
                )
                .and_then(|mut statement| {
                    statement.execute((owner, key, hash.as_slice(), tx.now))
                })
                .map_err(failed)?;
            Ok(Claim::Fresh)
        }
    }
}

/// Keeps the answer to a claimed request; `None` gives the key back, since nothing came of it.
pub fn settle(tx: &Tx<'_>, owner: AccountId, key: &str, sealed: Option<&[u8]>) -> Result<()> {
    let settled = match sealed {
        Some(sealed) => tx
            .connection
            .prepare_cached("update answers set sealed = ?3 where account_id = ?1 and key = ?2")
            .and_then(|mut statement| statement.execute((owner, key, sealed))),
        None => tx
            .connection
            .prepare_cached(
                "delete from answers where account_id = ?1 and key = ?2 and sealed is null",
            )
            .and_then(|mut statement| statement.execute((owner, key))),
    };
    settled.map(|_| ()).map_err(failed)
}

/// Forgets a batch of keys older than `keep_ms`; how many of the larger table went.
pub fn prune(tx: &Tx<'_>, keep_ms: i64, batch: usize) -> Result<usize> {
    let forget = |table: &str| {
        let sql = format!(
            "delete from {table} where (account_id, key) in \
             (select account_id, key from {table} where created_at < ?1 limit ?2)"
        );
        tx.connection.execute(&sql, (tx.now.0 - keep_ms, batch as i64)).map_err(failed)
    };
    Ok(forget("idempotency_keys")?.max(forget("answers")?))
}
