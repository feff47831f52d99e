//! What happens at the start, before anyone is served. The data directory is locked, so whatever a crash left half
//! done belongs to nobody.

use super::Engine;
use crate::domain::error::Result;
use crate::store::settings::{self, key};
use crate::store::{Store, accounts};

/// How the last run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LastStop {
    First,
    Clean,
    /// Killed: what was written is still in the page cache.
    Crash,
    /// The machine was restarted meanwhile.
    PowerLoss,
}

/// Repairs, then marks the database as running.
pub fn run(engine: &Engine) -> Result<LastStop> {
    let boot_id = boot_id();
    let last = engine.store.read_now(|connection| {
        let clean = settings::get(connection, key::CLEAN_STOP)?;
        let boot = settings::get(connection, key::BOOT_ID)?;
        Ok(match clean.as_deref() {
            None => LastStop::First,
            Some("yes") => LastStop::Clean,
            Some(_) if boot.as_deref() == Some(&boot_id) => LastStop::Crash,
            Some(_) => LastStop::PowerLoss,
        })
    })?;
    for operation in engine.operations() {
        operation.recover(&engine.store, last)?;
    }
    engine.store.write_now(move |tx| {
        for account in accounts::recount(tx)? {
            tracing::warn!(account.id = %account, "the bytes used by an account were counted wrongly; mended");
        }
        settings::set(tx, key::BOOT_ID, &boot_id)?;
        settings::set(tx, key::CLEAN_STOP, "no")
    })?;
    Ok(last)
}

/// To be called when everything has stopped in order.
pub fn mark_clean(store: &Store) -> Result<()> {
    store.write_now(|tx| settings::set(tx, key::CLEAN_STOP, "yes"))
}

fn boot_id() -> String {
    std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default().trim().to_owned()
}
