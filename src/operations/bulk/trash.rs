//! The trash: emptied when its account asks, and by time. Both are bulk operations that purge, each file only while it is
//! still as it was when it was listed.

use std::collections::HashSet;
use std::sync::Arc;

use super::{Kinds, Listed, Parameters};
use crate::domain::error::{Error, Result};
use crate::domain::id::AccountId;
use crate::domain::task::TaskType;
use crate::domain::time::Timestamp;
use crate::domain::work::Lane;
use crate::engine::Engine;
use crate::engine::operation::Plan;
use crate::engine::submit::{ITEMS_MAX, Submitted};
use crate::operations::bulk::change::Change;
use crate::store::trash::{Due, expired, trashed};
use crate::store::{Db, accounts};

/// Files that one sweep deletes of an account; the next one takes the rest.
const SWEEP_MAX: usize = 10_000;

/// Queues the emptying of an account's trash as it is now: at most [`ITEMS_MAX`] files, the oldest first. Asked again
/// while that is under way, it is the same task. Blocks.
pub fn empty(engine: &Arc<Engine>, owner: AccountId) -> Result<Submitted> {
    let now = engine.clock.now();
    let all = engine.store.read_now(|db| trashed(db, owner, None, now, ITEMS_MAX))?;
    let name = match all.len() {
        1 => "Empty the trash (1 file)".to_owned(),
        many => format!("Empty the trash ({many} files)"),
    };
    let plan = purge(name, "trash.empty", all)?;
    engine.queue_own(owner, TaskType::BulkOperation, plan)
}

/// Queues for each account the end of what was long enough in the trash, and of files whose own time is over.
pub(super) fn tend(engine: &Arc<Engine>, now: Timestamp) -> Result<()> {
    for account in engine.store.read_now(|db| accounts::list(db, now))? {
        let due = engine.store.read_now(|db| due(engine, db, account.id, now))?;
        if due.is_empty() {
            continue;
        }
        let name = match due.len() {
            1 => "Delete a file whose time is over".to_owned(),
            many => format!("Delete {many} files whose time is over"),
        };
        let plan = purge(name, "trash.recycle", due)?;
        if let Err(error) = engine.queue_own(account.id, TaskType::BulkOperation, plan) {
            tracing::warn!(account.id = %account.id, %error, "old files stay until the next sweep");
        }
    }
    Ok(())
}

fn due(engine: &Engine, db: &Db, owner: AccountId, now: Timestamp) -> Result<Vec<Due>> {
    let mut found = expired(db, owner, now, SWEEP_MAX)?;
    for (pool, keep_ms) in engine.settings.recycling.pools() {
        let left = SWEEP_MAX - found.len();
        found.extend(trashed(db, owner, Some(pool), now.plus_ms(-keep_ms), left)?);
    }
    let mut seen = HashSet::new();
    found.retain(|file| seen.insert(file.id));
    Ok(found)
}

fn purge(name: String, key: &str, files: Vec<Due>) -> Result<Plan> {
    let parameters = Parameters {
        operation_type: Kinds::Purge,
        target_ids: None,
        filter: None,
        operation_parameters: Change { confirm: true, ..Change::default() },
    };
    let parameters = serde_json::to_value(&parameters).map_err(Error::internal)?;
    let mut plan = Plan::new(name, Lane::Maintenance, parameters);
    plan.unique_key = Some(key.to_owned());
    let listed = |file: Due| {
        let (deleted_at, expired_at) = (file.deleted_at, file.expired_at);
        Listed { file_id: file.id, deleted_at, expired_at }.item(file.name)
    };
    plan.items = files.into_iter().map(listed).collect::<Result<_>>()?;
    Ok(plan)
}
