//! The lasting identity of pools; their policy comes from the configuration.

use rusqlite::OptionalExtension;

use super::Tx;
use super::columns::failed;
use crate::domain::error::Result;
use crate::domain::id::PoolId;

/// The id of the pool with this name, and whether it was known: seen for the first time it gets the configured id or
/// a new one.
pub fn ensure(tx: &Tx<'_>, name: &str, configured: Option<PoolId>) -> Result<(PoolId, bool)> {
    let known = tx
        .connection
        .query_row("select id from pools where name = ?1", [name], |row| row.get(0))
        .optional()
        .map_err(failed)?;
    if let Some(id) = known {
        return Ok((id, true));
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
