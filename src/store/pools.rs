//! The lasting identity of pools; their policy comes from the configuration.

use std::collections::HashMap;

use rusqlite::OptionalExtension;

use super::columns::failed;
use super::{Db, Tx};
use crate::domain::error::Result;
use crate::domain::id::PoolId;

/// The id of the pool with this name, and whether it was ever there: seen for the first time it gets the configured id
/// or a new one.
pub fn ensure(tx: &Tx<'_>, name: &str, configured: Option<PoolId>) -> Result<(PoolId, bool)> {
    let known = tx
        .connection
        .query_row("select id, opened_at is not null from pools where name = ?1", [name], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .optional()
        .map_err(failed)?;
    if let Some(known) = known {
        return Ok(known);
    }
    let is_free = |id: &PoolId| {
        let taken = tx.connection.query_row(
            "select exists (select 1 from pools where id = ?1)",
            [id],
            |row| row.get::<_, bool>(0),
        );
        taken.is_ok_and(|taken| !taken)
    };
    let id = configured.filter(is_free).unwrap_or_else(PoolId::generate);
    tx.connection
        .execute("insert into pools (id, name, created_at) values (?1, ?2, ?3)", (id, name, tx.now))
        .map_err(failed)?;
    Ok((id, false))
}

/// The pool is there; from now on it is never taken for a new one.
pub fn opened(tx: &Tx<'_>, id: PoolId) -> Result<()> {
    tx.connection
        .execute(
            "update pools set opened_at = ?2 where id = ?1 and opened_at is null",
            (id, tx.now),
        )
        .map_err(failed)?;
    Ok(())
}

/// Bytes of all objects in each pool.
pub fn used(db: &Db) -> Result<HashMap<PoolId, u64>> {
    db.prepare_cached("select id, used_bytes from pools")
        .and_then(|mut statement| {
            statement
                .query_map([], |row| Ok((row.get(0)?, row.get::<_, i64>(1)? as u64)))?
                .collect()
        })
        .map_err(failed)
}
