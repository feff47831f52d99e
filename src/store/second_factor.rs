//! The second factor of a sign-in: its sealed secret, the last code that was used, recovery codes.

use rusqlite::OptionalExtension;

use super::columns::failed;
use super::{Db, Tx};
use crate::domain::digest::Digest;
use crate::domain::error::Result;
use crate::domain::id::AccountId;

/// The secret of an account, sealed, and whether its owner has shown to have it.
pub struct Secret {
    pub sealed: Vec<u8>,
    pub confirmed: bool,
}

pub fn get(db: &Db, id: AccountId) -> Result<Option<Secret>> {
    db.prepare_cached(
        "select totp_secret, totp_confirmed from accounts where id = ?1 and totp_secret is not null",
    )
    .and_then(|mut statement| {
        statement
            .query_row([id], |row| Ok(Secret { sealed: row.get(0)?, confirmed: row.get(1)? }))
            .optional()
    })
    .map_err(failed)
}

/// Keeps a new secret, which counts once it is confirmed.
pub fn begin(tx: &Tx<'_>, id: AccountId, sealed: &[u8]) -> Result<()> {
    tx.connection
        .execute(
            "update accounts set totp_secret = ?1, totp_step = 0 where id = ?2 and totp_confirmed = 0",
            (sealed, id),
        )
        .map_err(failed)?;
    Ok(())
}

/// From now on signing in takes a code; these are what stands in for one.
pub fn confirm(tx: &Tx<'_>, id: AccountId, recovery: &[Digest]) -> Result<()> {
    tx.connection
        .execute("update accounts set totp_confirmed = 1 where id = ?1", [id])
        .map_err(failed)?;
    tx.connection
        .execute("delete from recovery_codes where account_id = ?1", [id])
        .map_err(failed)?;
    for hash in recovery {
        tx.connection
            .execute("insert into recovery_codes (account_id, hash) values (?1, ?2)", (id, hash))
            .map_err(failed)?;
    }
    Ok(())
}

pub fn remove(tx: &Tx<'_>, id: AccountId) -> Result<()> {
    tx.connection
        .execute("delete from recovery_codes where account_id = ?1", [id])
        .map_err(failed)?;
    tx.connection
        .execute(
            "update accounts set totp_secret = null, totp_confirmed = 0, totp_step = 0 where id = ?1",
            [id],
        )
        .map_err(failed)?;
    Ok(())
}

/// Uses up the code of a step; false when it or a later one was used already.
pub fn use_step(tx: &Tx<'_>, id: AccountId, step: u64) -> Result<bool> {
    let sql = "update accounts set totp_step = ?1 where id = ?2 and totp_step < ?1";
    Ok(tx.connection.execute(sql, (step as i64, id)).map_err(failed)? == 1)
}

/// Uses up a recovery code; false when there is no such one.
pub fn use_recovery(tx: &Tx<'_>, id: AccountId, hash: Digest) -> Result<bool> {
    let sql = "delete from recovery_codes where account_id = ?1 and hash = ?2";
    Ok(tx.connection.execute(sql, (id, hash)).map_err(failed)? == 1)
}

pub fn count_recovery(db: &Db, id: AccountId) -> Result<u64> {
    db.query_row("select count(*) from recovery_codes where account_id = ?1", [id], |row| {
        row.get::<_, i64>(0)
    })
    .map(|count| count as u64)
    .map_err(failed)
}
