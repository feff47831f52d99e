//! Which open uploads are in memory, and how they get there.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use super::finished;
use super::open::Open;
use crate::blobs::Blobs;
use crate::domain::error::Result;
use crate::domain::id::{AccountId, TaskId};
use crate::store::{Store, tasks, uploads};

/// Uploads in memory, each with an open file, beyond which the longest idle one has to go.
const IN_MEMORY_MAX: usize = 256;

/// The open uploads that are in memory.
pub struct OpenUploads {
    pub blobs: Blobs,
    /// Rings when an upload that is to be encrypted goes on.
    pub resumed: Notify,
    /// An upload that nobody has touched for this long is dropped from memory.
    idle: Duration,
    map: Mutex<HashMap<TaskId, Arc<Open>>>,
    /// Rises when an upload is forgotten: what was read before that may be of an upload that has ended and begun anew.
    forgotten: AtomicU64,
}

impl OpenUploads {
    pub fn new(blobs: Blobs, idle: Duration) -> Arc<Self> {
        Arc::new(Self {
            blobs,
            resumed: Notify::new(),
            idle,
            map: Mutex::default(),
            forgotten: AtomicU64::new(0),
        })
    }

    fn map(&self) -> MutexGuard<'_, HashMap<TaskId, Arc<Open>>> {
        self.map.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many are in memory.
    pub fn len(&self) -> usize {
        self.map().len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The upload of this account if it is in memory.
    pub fn in_memory(&self, owner: AccountId, id: TaskId) -> Option<Arc<Open>> {
        self.map().get(&id).filter(|open| open.account_id == owner).cloned()
    }

    /// An upload of this account, loaded if need be. `NotFound` for anyone else's; `TaskFinished` when it has ended.
    pub async fn get(&self, store: &Store, owner: AccountId, id: TaskId) -> Result<Arc<Open>> {
        if let Some(open) = self.in_memory(owner, id) {
            if open.is_usable() {
                return Ok(open);
            }
            self.refresh(store, &open).await?;
            if !open.is_broken() {
                return Ok(open);
            }
            self.replace(&open);
        }
        loop {
            let forgotten = self.forgotten.load(Ordering::SeqCst);
            let loaded = self.load(store, owner, id).await?;
            let mut map = self.map();
            if self.forgotten.load(Ordering::SeqCst) != forgotten {
                continue;
            }
            if map.len() >= IN_MEMORY_MAX {
                drop_longest_idle(&mut map);
            }
            // Two requests may load at once; the first one's memory is used by both.
            return Ok(map.entry(id).or_insert_with(|| Arc::new(loaded)).clone());
        }
    }

    async fn load(&self, store: &Store, owner: AccountId, id: TaskId) -> Result<Open> {
        let blobs = self.blobs.clone();
        store
            .read(move |db| {
                let record = uploads::get(db, owner, id)?;
                refuse_ended(&record)?;
                let arrived = uploads::arrived(db, record.task.pk)?;
                // An end that came meanwhile has taken the staging file away.
                Open::load(record, arrived, &blobs).or_else(|error| {
                    refuse_ended(&uploads::get(db, owner, id)?)?;
                    Err(error)
                })
            })
            .await
    }

    /// Before refusing by a remembered status, look whether it still holds.
    async fn refresh(&self, store: &Store, open: &Arc<Open>) -> Result<()> {
        let (owner, id) = (open.account_id, open.upload.task_id);
        let task = store.read(move |connection| tasks::get(connection, owner, id)).await?;
        open.set_status(task.status);
        Ok(())
    }

    pub fn forget(&self, id: TaskId) {
        let mut map = self.map();
        self.forgotten.fetch_add(1, Ordering::SeqCst);
        map.remove(&id);
    }

    /// Forgets this very memory; a fresh one that another request has loaded meanwhile stays.
    fn replace(&self, broken: &Arc<Open>) {
        let mut map = self.map();
        if map.get(&broken.upload.task_id).is_some_and(|known| Arc::ptr_eq(known, broken)) {
            map.remove(&broken.upload.task_id);
        }
    }

    /// Drops what nobody has touched for a while and nobody holds.
    pub fn drop_idle(&self) {
        self.map()
            .retain(|_, open| Arc::strong_count(open) > 1 || open.untouched_for() < self.idle);
    }
}

fn refuse_ended(record: &uploads::Record) -> Result<()> {
    match record.task.status {
        status if status.is_final() => Err(finished(record.task.id, status)),
        _ => Ok(()),
    }
}

/// Drops the memory that nobody holds and that was not touched for the longest time, if there is any.
fn drop_longest_idle(map: &mut HashMap<TaskId, Arc<Open>>) {
    let idle = map.iter().filter(|(_, open)| Arc::strong_count(open) == 1);
    if let Some(id) = idle.max_by_key(|(_, open)| open.untouched_for()).map(|(&id, _)| id) {
        map.remove(&id);
    }
}
