//! The end of an upload into a pool at a server. Its bytes lie in staging until the server has them and the object's row
//! says so. That takes as long as the line needs, so it stops when the upload is paused or cancelled or the server stops;
//! the parts that have arrived are remembered, and [`Uploads::finish_interrupted`] goes on with the next.

use std::sync::Arc;
use std::time::Duration;

use super::finish::{Made, record, sniff};
use super::lock::{Running, begin_long, still_wanted};
use super::open::Open;
use super::{Uploads, finished};
use crate::blobs::staging;
use crate::domain::error::{Error, Kind, Result};
use crate::domain::file::File;
use crate::domain::task::Status;
use crate::domain::work::is_passing;
use crate::engine::Engine;
use crate::operations::sealing::Remembered;
use crate::store::objects::{self, NewObject};
use crate::store::{Tx, tasks};

/// When what failed may work again.
const TRY_AGAIN: Duration = Duration::from_secs(30);

impl Uploads {
    /// Makes a file of an upload whose bytes are whole and have these hashes.
    pub(super) async fn publish_remote(&self, open: &Arc<Open>, object: NewObject) -> Result<File> {
        let (engine, begun, held) = (self.engine.clone(), open.clone(), object.clone());
        self.engine.store.write(move |tx| begin(tx, &engine, &begun, &held)).await?;
        let outcome = self.seal_remote(open, object).await;
        let pk = open.task_pk;
        if let Err(error) = &outcome {
            tracing::warn!(task.id = %open.upload.task_id, %error, "an upload was not sent to its end");
            self.try_again_after(error);
            self.engine.store.write(move |tx| break_off(tx, pk)).await?;
            return outcome;
        }
        let open = open.clone();
        tokio::task::spawn_blocking(move || staging::remove(&open.pool, open.upload.object_id))
            .await
            .map_err(Error::internal)?;
        outcome
    }

    /// Goes on by itself after what may pass: nobody may be waiting for an answer any more. Of a pool that comes back it
    /// is told.
    pub(super) fn try_again_after(&self, error: &Error) {
        if error.kind() == Kind::PoolOffline || !is_passing(error) {
            return;
        }
        let again = self.open.clone();
        tokio::spawn(async move {
            tokio::time::sleep(TRY_AGAIN).await;
            again.resumed.notify_one();
        });
    }

    async fn seal_remote(&self, open: &Arc<Open>, object: NewObject) -> Result<File> {
        let turn = self.locking.sends.clone().acquire_owned().await.map_err(Error::internal)?;
        let running = Arc::new(Running::begin(&self.locking)?);
        let (engine, sealing, working) = (self.engine.clone(), open.clone(), running.clone());
        let content_type = tokio::task::spawn_blocking(move || {
            let _until_here = (turn, &working);
            let content_type = sniff(&sealing)?;
            let tell = |_| {
                working.check()?;
                still_wanted(&sealing)
            };
            let id = sealing.upload.object_id;
            let mut journal = Remembered { store: &engine.store, id, tell };
            sealing.staging.seal(&sealing.pool, id, &mut journal)?;
            Ok::<_, Error>(content_type)
        })
        .await
        .map_err(Error::internal)??;
        let (engine, publishing) = (self.engine.clone(), open.clone());
        let made =
            Made { object, content_type, lock: None, is_held: true, charge: open.upload.charge };
        let recorded =
            self.engine.store.write(move |tx| record(tx, &engine, &publishing, &made)).await;
        drop(running);
        recorded.map(|(file, _)| file)
    }
}

/// The row first, so that nothing at the server is without one.
fn begin(tx: &Tx<'_>, engine: &Engine, open: &Open, object: &NewObject) -> Result<()> {
    let task = tasks::get(tx.connection, open.account_id, open.upload.task_id)?;
    if task.status != Status::InProgress {
        return Err(finished(task.id, task.status));
    }
    objects::insert_held(tx, object, open.task_pk)?;
    begin_long(tx, engine, open, "storing")
}

/// What has arrived stays for the next try, unless there is none.
fn break_off(tx: &Tx<'_>, pk: i64) -> Result<()> {
    match tasks::by_pk(tx.connection, pk)? {
        Some(task) if task.status.is_final() => objects::release_held(tx, pk),
        // A move has taken the phase away already.
        Some(task) if task.phase.is_some() => tasks::set_phase(tx, pk, None, None),
        _ => Ok(()),
    }
}
