//! What a crash can leave of uploads, and how it is mended. Rows are the truth: bytes without a row count for
//! nothing, and a row without bytes is withdrawn.

use std::collections::HashSet;

use crate::blobs::pool::PoolDir;
use crate::blobs::staging::{self, Staging};
use crate::domain::error::Result;
use crate::domain::id::ObjectId;
use crate::engine::recovery::LastStop;
use crate::store::uploads::{self, Record};
use crate::store::{Store, objects, tasks};

pub(super) fn run(pool: &PoolDir, store: &Store, last: LastStop) -> Result<()> {
    let open = store.read_now(uploads::open)?;
    let mut resumable = 0;
    for record in open.iter().filter(|record| record.upload.pool_id == pool.id) {
        let pk = record.task.pk;
        if record.upload.key.is_some() {
            // An age file that was made but not recorded is made anew.
            store.write_now(move |tx| objects::release_held(tx, pk))?;
        }
        recover_one(pool, store, record)?;
        resumable += 1;
    }
    // Pools may share one folder of staging files, so the uploads of all pools count.
    let open = store.read_now(uploads::open)?;
    let mut staged: HashSet<ObjectId> = open.iter().map(|record| record.upload.object_id).collect();
    staged.extend(store.read_now(tasks::kept_drafts)?);
    // Staging files are named by this server alone, so one that no open upload or task goes on with is a leftover.
    pool.sweep_staging(|id| !staged.contains(&id))?;
    if last != LastStop::Clean {
        sweep_objects(pool, store)?;
    }
    if resumable > 0 {
        tracing::info!(pool = pool.name, uploads = resumable, "open uploads can be resumed");
    }
    Ok(())
}

fn recover_one(pool: &PoolDir, store: &Store, record: &Record) -> Result<()> {
    let upload = &record.upload;
    let size = upload.plan.file_size();
    if let Some(staging) = Staging::open(pool, upload.object_id)?
        && staging.size()? == size
    {
        return Ok(());
    }
    // Sealed, but the crash came before its row: the next `complete` does it again.
    if staging::unseal(pool, upload.object_id)? {
        tracing::info!(task.id = %upload.task_id, "an upload that was being completed is open again");
        return Ok(());
    }
    tracing::warn!(task.id = %upload.task_id, "the staging file of an upload is gone; its chunks are to be sent again");
    staging::remove(pool, upload.object_id);
    // What a server has of the old bytes is garbage, under the old name.
    let (pk, object_id) = (record.task.pk, ObjectId::generate());
    Staging::create(pool, object_id, size)?;
    store.write_now(move |tx| {
        uploads::reset_bytes(tx, pk)?;
        objects::release_held(tx, pk)?;
        uploads::set_object(tx, pk, object_id)
    })
}

/// Objects without a row are put aside, not deleted: the database may be an old copy.
fn sweep_objects(pool: &PoolDir, store: &Store) -> Result<()> {
    let sealed = pool.sealed()?;
    let unknown = store.read_now(|connection| {
        let mut unknown = Vec::new();
        for id in sealed {
            if !objects::exists(connection, id)? {
                unknown.push(id);
            }
        }
        Ok(unknown)
    })?;
    for id in unknown {
        tracing::warn!(object.id = %id, "an object belongs to no file; it was moved to quarantine");
        pool.quarantine(id)?;
    }
    Ok(())
}
