//! Objects on their way to a server, in parts: what has arrived there, so that it is not sent twice.

use rusqlite::OptionalExtension;

use super::columns::failed;
use super::{Db, Tx};
use crate::domain::error::Result;
use crate::domain::id::ObjectId;

/// The server's name of a multipart upload, the bytes of a part, and number and tag of each part it has.
pub type Known = (String, u64, Vec<(u64, String)>);

/// What is known of an object on its way.
pub fn get(db: &Db, id: ObjectId) -> Result<Option<Known>> {
    let Some((upload_id, part_bytes)) = db
        .prepare_cached("select upload_id, part_bytes from multiparts where object_id = ?1")
        .and_then(|mut statement| {
            let row =
                statement.query_row([id], |row| Ok((row.get(0)?, row.get::<_, i64>(1)? as u64)));
            row.optional()
        })
        .map_err(failed)?
    else {
        return Ok(None);
    };
    let parts = db
        .prepare_cached(
            "select number, tag from multipart_parts where object_id = ?1 order by number",
        )
        .and_then(|mut statement| {
            statement
                .query_map([id], |row| Ok((row.get::<_, i64>(0)? as u64, row.get(1)?)))?
                .collect()
        })
        .map_err(failed)?;
    Ok(Some((upload_id, part_bytes, parts)))
}

/// A new multipart upload; what an earlier one of this object has is void.
pub fn begin(tx: &Tx<'_>, id: ObjectId, upload_id: &str, part_bytes: u64) -> Result<()> {
    forget(tx, id)?;
    tx.connection
        .execute(
            "insert into multiparts (object_id, upload_id, part_bytes, created_at) values (?1, ?2, ?3, ?4)",
            (id, upload_id, part_bytes as i64, tx.now),
        )
        .map_err(failed)?;
    Ok(())
}

/// The server has this part.
pub fn part(tx: &Tx<'_>, id: ObjectId, number: u64, tag: &str) -> Result<()> {
    tx.connection
        .prepare_cached(
            "insert or replace into multipart_parts (object_id, number, tag) values (?1, ?2, ?3)",
        )
        .and_then(|mut statement| statement.execute((id, number as i64, tag)))
        .map_err(failed)?;
    Ok(())
}

/// The object is whole, or given up.
pub fn forget(tx: &Tx<'_>, id: ObjectId) -> Result<()> {
    tx.connection.execute("delete from multiparts where object_id = ?1", [id]).map_err(failed)?;
    Ok(())
}
