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

/// Forgets a batch of keys older than `keep_ms`; how many went.
pub fn prune(tx: &Tx<'_>, keep_ms: i64, batch: usize) -> Result<usize> {
    tx.connection
        .execute(
            "delete from idempotency_keys where (account_id, key) in \
             (select account_id, key from idempotency_keys where created_at < ?1 limit ?2)",
            (tx.now.0 - keep_ms, batch as i64),
        )
        .map_err(failed)
}
