//! Single values of the database itself.

use rusqlite::{Connection, OptionalExtension};
use uuid::Uuid;

use super::Tx;
use super::columns::failed;
use crate::clock::Clock;
use crate::domain::error::Result;

/// The names of the values.
pub mod key {
    /// Identity of this database; a restored copy gets a new one by being opened elsewhere.
    pub const DATABASE_ID: &str = "database_id";
    pub const CREATED_AT: &str = "created_at";
    /// "yes" after a stop in order, "no" while running.
    pub const CLEAN_STOP: &str = "clean_stop";
    /// The kernel's boot id of the last run; another one after an unclean stop means the power failed.
    pub const BOOT_ID: &str = "boot_id";
    /// Number and hash of the last row that was taken off the beginning of the audit log.
    pub const AUDIT_PRUNED: &str = "audit_pruned";
    /// The lanes that an administrator paused: their words, separated by commas.
    pub const LANES_PAUSED: &str = "lanes_paused";
    /// The last day whose usage was handed to the billing webhook, counted from 1970.
    pub const USAGE_DAY: &str = "usage_day";
}

pub(super) fn ensure(connection: &Connection, clock: &Clock) -> Result<()> {
    let rows = [
        (key::DATABASE_ID, Uuid::new_v4().to_string()),
        (key::CREATED_AT, clock.now().0.to_string()),
    ];
    for (name, value) in rows {
        connection
            .execute(
                "insert into settings (key, value) values (?1, ?2) on conflict do nothing",
                (name, value),
            )
            .map_err(failed)?;
    }
    Ok(())
}

pub fn get(connection: &Connection, name: &str) -> Result<Option<String>> {
    connection
        .query_row("select value from settings where key = ?1", [name], |row| row.get(0))
        .optional()
        .map_err(failed)
}

pub fn set(tx: &Tx<'_>, name: &str, value: &str) -> Result<()> {
    tx.connection
        .execute(
            "insert into settings (key, value) values (?1, ?2) on conflict (key) do update set value = excluded.value",
            (name, value),
        )
        .map_err(failed)?;
    Ok(())
}
