//! What happens at the start, before anyone is served. The data directory is locked, so whatever a crash left half
//! done belongs to nobody.

use std::sync::Arc;

use super::Engine;
use crate::blobs::pool::{Back, PoolDir};
use crate::domain::error::{Kind, Result};
use crate::domain::task::{Intent, Task, Verb};
use crate::store::settings::{self, key};
use crate::store::tasks::Outcome;
use crate::store::{Store, Tx, accounts, objects, pools, queue};

/// Crashes after which a task is not tried again.
const CRASHES_MAX: i64 = 3;

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
pub fn run(engine: &Arc<Engine>) -> Result<LastStop> {
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
    engine.follow_paused_lanes()?;
    rescue(engine, last)?;
    // Nobody stores a file any more.
    engine.store.write_now(|tx| objects::release_held(tx, objects::OF_A_REQUEST))?;
    for pool in engine.blobs.all().filter(|pool| pool.check().is_ok()) {
        pool.mended(recover(engine, pool, last))?;
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

fn recover(engine: &Engine, pool: &PoolDir, last: LastStop) -> Result<()> {
    engine
        .operations()
        .iter()
        .try_for_each(|operation| operation.recover(&engine.store, pool, last))
}

/// Looks whether pools that are offline are back. One that was away at the start is mended before it is online: it may
/// be from before a crash.
pub(super) fn look_again(engine: &Engine) {
    for pool in engine.blobs.all() {
        let Some(back) = pool.look_again() else { continue };
        let id = pool.id;
        let opened = engine.store.write_now(move |tx| pools::opened(tx, id));
        if back == Back::ToMend {
            let mended = opened.and_then(|()| recover(engine, pool, LastStop::Crash));
            if let Err(error) = pool.mended(mended) {
                tracing::error!(pool = pool.name, %error, "a pool could not be mended; it is tried again");
            }
        }
        for operation in engine.operations() {
            operation.pool_is_back();
        }
    }
}

/// Takes back what workers had: wishes are honoured, the rest waits for a worker again. What was there at three
/// crashes is more likely their cause than their victim.
fn rescue(engine: &Arc<Engine>, last: LastStop) -> Result<()> {
    let orphans = engine.store.read_now(queue::orphans)?;
    if orphans.is_empty() {
        return Ok(());
    }
    tracing::info!(tasks = orphans.len(), "tasks that were interrupted go on");
    let rescuing = engine.clone();
    engine.store.write_now(move |tx| {
        orphans.iter().try_for_each(|task| rescue_one(&rescuing, tx, task, last))
    })
}

fn rescue_one(engine: &Engine, tx: &Tx<'_>, task: &Task, last: LastStop) -> Result<()> {
    let crashes = i64::from(last != LastStop::Clean);
    queue::attempt_ends(tx, task, if crashes == 0 { "shutdown" } else { "crashed" }, None)?;
    if task.crashes + crashes >= CRASHES_MAX && task.intent == Intent::None {
        let message = format!(
            "The server went down {CRASHES_MAX} times while it ran \"{}\". The log may have the reason.",
            task.name
        );
        let error = Some((Kind::TaskCrashed.code().to_owned(), message));
        let outcome = Outcome { error, crashes, ..Outcome::default() };
        return engine.apply(tx, task, Verb::Fail, outcome).map(|_| ());
    }
    // The attempt was not the task's fault.
    let outcome = Outcome { crashes, attempts: -1, ..Outcome::default() };
    engine.apply(tx, task, Verb::Yield, outcome).map(|_| ())
}

/// To be called when everything has stopped in order.
pub fn mark_clean(store: &Store) -> Result<()> {
    store.write_now(|tx| settings::set(tx, key::CLEAN_STOP, "yes"))
}

fn boot_id() -> String {
    std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default().trim().to_owned()
}
