//! Sealed bytes: where they are and what they hash to.

use rusqlite::Connection;
use rusqlite::OptionalExtension;

use super::Tx;
use super::columns::failed;
use crate::domain::digest::Digest;
use crate::domain::error::Result;
use crate::domain::id::{AccountId, ObjectId, PoolId};

/// An object about to become visible.
pub struct NewObject {
    pub id: ObjectId,
    pub pool_id: PoolId,
    pub size: u64,
    pub sha256: Digest,
    pub blake3: Digest,
    pub block_size: u64,
    /// 32 bytes a block.
    pub blocks: Vec<u8>,
}

pub fn insert(tx: &Tx<'_>, new: &NewObject) -> Result<()> {
    tx.connection
        .prepare_cached(
            "insert into objects (id, pool_id, size, sha256, blake3, refs, created_at, block_size, blocks) \
             values (?1, ?2, ?3, ?4, ?5, 1, ?6, ?7, ?8)",
        )
        .and_then(|mut statement| {
            statement.execute((
                new.id,
                new.pool_id,
                new.size as i64,
                new.sha256,
                new.blake3,
                tx.now,
                new.block_size as i64,
                &new.blocks,
            ))
        })
        .map_err(failed)?;
    Ok(())
}

/// An object of this content that **this account** already shows somewhere: only its own bytes prove possession.
pub fn owned_by_hash(
    connection: &Connection,
    owner: AccountId,
    sha256: Option<Digest>,
    blake3: Option<Digest>,
    size: u64,
) -> Result<Option<(ObjectId, PoolId, Digest)>> {
    connection
        .prepare_cached(
            "select o.id, o.pool_id, o.sha256 from files f join objects o on o.id = f.object_id \
             where f.account_id = ?1 and f.size = ?2 and f.deleted_at is null \
               and (?3 is null or f.sha256 = ?3) and (?4 is null or o.blake3 = ?4) \
             order by f.created_at limit 1",
        )
        .and_then(|mut statement| {
            statement
                .query_row((owner, size as i64, sha256, blake3), |row| {
                    Ok((row.get(0)?, row.get(1)?, row.get(2)?))
                })
                .optional()
        })
        .map_err(failed)
}

pub fn exists(connection: &Connection, id: ObjectId) -> Result<bool> {
    connection
        .prepare_cached("select exists (select 1 from objects where id = ?1)")
        .and_then(|mut statement| statement.query_row([id], |row| row.get(0)))
        .map_err(failed)
}

/// One more file shows the object.
pub fn share(tx: &Tx<'_>, id: ObjectId) -> Result<()> {
    tx.connection
        .execute("update objects set refs = refs + 1 where id = ?1", [id])
        .map_err(failed)?;
    Ok(())
}
