//! Sealed bytes: where they are and what they hash to.

use rusqlite::Connection;
use rusqlite::OptionalExtension;

use super::columns::failed;
use super::{Db, Tx, multiparts};
use crate::domain::digest::Digest;
use crate::domain::error::{Error, Kind, Result};
use crate::domain::id::{AccountId, ObjectId, PoolId};

/// An object: its place, and what its bytes hash to.
#[derive(Clone)]
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

/// Shown by one file from the beginning.
pub fn insert(tx: &Tx<'_>, new: &NewObject) -> Result<()> {
    insert_as(tx, new, 1, None)
}

/// Shown by nobody yet: it belongs to a task until that publishes it, and is garbage if the task ends otherwise. Again by
/// the same task says what it is now: a run that broke off before the rename may have left the row.
pub fn insert_held(tx: &Tx<'_>, new: &NewObject, task_pk: i64) -> Result<()> {
    insert_as(tx, new, 0, Some(task_pk))
}

fn insert_as(tx: &Tx<'_>, new: &NewObject, refs: i64, task_pk: Option<i64>) -> Result<()> {
    let inserted = tx
        .connection
        .prepare_cached(
            "insert into objects (id, pool_id, size, sha256, blake3, refs, task_pk, created_at, block_size, blocks) \
             values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) on conflict (id) do update set \
               size = excluded.size, sha256 = excluded.sha256, blake3 = excluded.blake3, \
               block_size = excluded.block_size, blocks = excluded.blocks \
             where refs = 0 and task_pk = excluded.task_pk",
        )
        .and_then(|mut statement| {
            statement.execute((
                new.id,
                new.pool_id,
                new.size as i64,
                new.sha256,
                new.blake3,
                refs,
                task_pk,
                tx.now,
                new.block_size as i64,
                &new.blocks,
            ))
        })
        .map_err(failed)?;
    match inserted {
        1 => Ok(()),
        _ => Err(Error::internal(format!("object {} belongs to someone else", new.id))),
    }
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

/// One more file shows the object. What nobody shows any more cannot come back: its bytes may be gone already.
pub fn share(tx: &Tx<'_>, id: ObjectId) -> Result<()> {
    let shared = tx
        .connection
        .prepare_cached(
            "update objects set refs = refs + 1, task_pk = null where id = ?1 and (refs > 0 or task_pk is not null)",
        )
        .and_then(|mut statement| statement.execute([id]))
        .map_err(failed)?;
    match shared {
        1 => multiparts::forget(tx, id),
        _ => Err(Error::new(Kind::Conflict, "The file was deleted this moment. Try again.")),
    }
}

/// One file less shows the object; the last one makes it garbage.
pub fn unshare(tx: &Tx<'_>, id: ObjectId) -> Result<()> {
    tx.connection
        .prepare_cached("update objects set refs = refs - 1 where id = ?1")
        .and_then(|mut statement| statement.execute([id]))
        .map_err(failed)?;
    Ok(())
}

/// Holds objects of requests that store a file at once; there is no task with this number.
pub const OF_A_REQUEST: i64 = 0;

/// What an ended task made and did not publish becomes garbage.
pub fn release_held(tx: &Tx<'_>, task_pk: i64) -> Result<()> {
    tx.connection
        .prepare_cached("update objects set task_pk = null where task_pk = ?1")
        .and_then(|mut statement| statement.execute([task_pk]))
        .map_err(failed)?;
    Ok(())
}

/// A task gives up an object it holds.
pub fn let_go(tx: &Tx<'_>, id: ObjectId) -> Result<()> {
    tx.connection
        .prepare_cached("update objects set task_pk = null where id = ?1 and refs = 0")
        .and_then(|mut statement| statement.execute([id]))
        .map_err(failed)?;
    Ok(())
}

/// Objects that nobody shows or holds, after this one: their bytes can be removed, then their rows.
pub fn garbage(db: &Db, after: Option<ObjectId>, limit: usize) -> Result<Vec<(ObjectId, PoolId)>> {
    let after = after.map(|id| id.to_string()).unwrap_or_default();
    db.prepare_cached(
        "select id, pool_id from objects where refs = 0 and task_pk is null and id > ?1 \
         order by id limit ?2",
    )
    .and_then(|mut statement| {
        statement.query_map((after, limit as i64), |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
    })
    .map_err(failed)
}

/// Forgets an object whose bytes are gone.
pub fn forget(tx: &Tx<'_>, id: ObjectId) -> Result<()> {
    tx.connection
        .prepare_cached("delete from objects where id = ?1 and refs = 0 and task_pk is null")
        .and_then(|mut statement| statement.execute([id]))
        .map_err(failed)?;
    Ok(())
}

/// An object with everything known of its bytes.
pub fn get(db: &Db, id: ObjectId) -> Result<Option<NewObject>> {
    db.prepare_cached(
        "select id, pool_id, size, sha256, blake3, block_size, blocks from objects where id = ?1",
    )
    .and_then(|mut statement| {
        statement
            .query_row([id], |row| {
                Ok(NewObject {
                    id: row.get(0)?,
                    pool_id: row.get(1)?,
                    size: row.get::<_, i64>(2)? as u64,
                    sha256: row.get(3)?,
                    blake3: row.get(4)?,
                    block_size: row.get::<_, i64>(5)? as u64,
                    blocks: row.get(6)?,
                })
            })
            .optional()
    })
    .map_err(failed)
}

/// An object of the same bytes in another pool that this account shows already.
pub fn twin_in(
    db: &Db,
    owner: AccountId,
    of: ObjectId,
    pool_id: PoolId,
) -> Result<Option<ObjectId>> {
    db.prepare_cached(
        "select t.id from objects o join objects t on t.sha256 = o.sha256 and t.size = o.size \
         where o.id = ?1 and t.pool_id = ?2 and t.refs > 0 and t.id <> o.id \
         and exists (select 1 from files f where f.object_id = t.id and f.account_id = ?3) limit 1",
    )
    .and_then(|mut statement| {
        statement.query_row((of, pool_id, owner), |row| row.get(0)).optional()
    })
    .map_err(failed)
}
