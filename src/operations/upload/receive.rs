//! One chunk in: claimed, written at its place, hashed, flushed, recorded. Only then is it there.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde_json::json;
use sha2::Sha256;

use super::intake::{Hashes, Intake};
use super::open::{Claim, Open};
use super::{Uploads, begun_anew, detached, finished};
use crate::blobs::ledger::BlockHasher;
use crate::blobs::staging::Since;
use crate::domain::digest::Digest;
use crate::domain::error::{Error, Kind, Result};
use crate::domain::event::{Event, Weight};
use crate::domain::id::{AccountId, TaskId};
use crate::domain::task::{Status, Task};
use crate::domain::upload::Upload;
use crate::store::uploads::{self, DurableChunk};
use crate::store::{Tx, tasks};

/// When the front hash is this far behind, senders are slowed down: the end of an upload must not wait for it.
const LAG_BYTES: u64 = 32 * 1024 * 1024;
const LAG_WAIT: Duration = Duration::from_millis(250);

/// A chunk being received. Dropping it gives the chunk up; what was written counts for nothing.
pub struct Receiving {
    open: Arc<Open>,
    index: u32,
    length: u64,
    digest: Option<Digest>,
    since: Since,
    intake: Intake<Claim>,
}

/// The answer to an accepted chunk.
#[derive(Debug)]
pub struct Receipt {
    pub index: u32,
    pub chunks_received: u32,
    pub chunks_count: u32,
    pub progress: f64,
}

impl Uploads {
    /// Claims a chunk for one sender. `digest` is the SHA-256 the client declares for its body.
    pub async fn receive(
        &self,
        owner: AccountId,
        task_id: TaskId,
        index: u32,
        digest: Option<Digest>,
    ) -> Result<Receiving> {
        let open = self.open.get(&self.engine.store, owner, task_id).await?;
        let length = open.upload.plan.length(index)?;
        let claim = open.claim(index)?;
        let offset = open.upload.plan.offset(index);
        let hashes = Hashes {
            blocks: BlockHasher::new(open.upload.plan.block_size(), offset),
            sha256: digest.map(|_| Sha256::default()),
        };
        let since = open.staging.since();
        let intake = Intake::new(open.staging.clone(), offset, hashes, claim);
        Ok(Receiving { open, index, length, digest, since, intake })
    }

    /// The body is complete: checks it, makes it durable, records it. This goes on when the client hangs up, so that
    /// memory and database never disagree about a chunk.
    pub async fn accept(self: &Arc<Self>, receiving: Receiving) -> Result<Receipt> {
        let uploads = self.clone();
        detached(async move { uploads.accept_whole(receiving).await }).await
    }

    async fn accept_whole(&self, receiving: Receiving) -> Result<Receipt> {
        let Receiving { open, index, length, digest, since, intake } = receiving;
        if intake.received() != length {
            return Err(wrong_length(Kind::ChunkLengthWrong, index, length, intake.received()));
        }
        let (hashes, claim) = told(&open, intake.finish().await).await?;
        if let (Some(declared), Some(actual)) = (digest, hashes.sha256())
            && declared != actual
        {
            return Err(Error::new(
                Kind::DigestMismatch,
                "The chunk's bytes do not match its Content-Digest; send it again.",
            )
            .with("declared", declared.to_string())
            .with("actual", actual.to_string()));
        }
        let blocks = match open.upload.plan.count() {
            1 => hashes.blocks.finish_whole(),
            _ => hashes.blocks.finish_part(),
        };
        // The hash of the front goes on while the disk flushes.
        open.written(index);
        let recorded = self.record(&open, index, length, blocks, since).await;
        if recorded.is_err() {
            open.break_off();
        }
        let receipt = told(&open, recorded).await?;
        open.durable(index, length, self.engine.clock.now());
        drop(claim);
        // A lag here is no failure of this chunk: it is stored. Completing waits for the hash in any case.
        let _ = tokio::time::timeout(LAG_WAIT, open.catch_up(LAG_BYTES)).await;
        Ok(receipt)
    }

    async fn record(
        &self,
        open: &Arc<Open>,
        index: u32,
        length: u64,
        blocks: Vec<u8>,
        since: Since,
    ) -> Result<Receipt> {
        let staging = open.staging.clone();
        tokio::task::spawn_blocking(move || staging.flush(since))
            .await
            .map_err(|error| Error::internal(format!("flushing a chunk: {error}")))??;
        let chunk = DurableChunk { index, length, blocks, sha256: open.mark_for(index) };
        let (engine, open) = (self.engine.clone(), open.clone());
        self.engine
            .store
            .write(move |tx| {
                let object_id = open.upload.object_id;
                let Some((chunks_received, bytes)) =
                    uploads::add_chunk(tx, open.task_pk, object_id, &chunk)?
                else {
                    return Err(begun_anew());
                };
                let progress = open.upload.progress(bytes, 0);
                let Some(task) = tasks::set_progress(tx, open.task_pk, 0, bytes, progress)? else {
                    return Err(not_running(tx, &open));
                };
                engine.announce_progress(tx, &task);
                announce_upload(tx, &task, &open.upload, chunks_received);
                Ok(Receipt {
                    index,
                    chunks_received,
                    chunks_count: open.upload.plan.count(),
                    progress: task.progress,
                })
            })
            .await
    }
}

impl Receiving {
    /// Bytes this chunk must have.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Takes the next bytes of the body.
    pub async fn push(&mut self, bytes: Bytes) -> Result<()> {
        if self.intake.received() + bytes.len() as u64 > self.length {
            return Err(wrong_length(
                Kind::ChunkTooLarge,
                self.index,
                self.length,
                self.intake.received() + bytes.len() as u64,
            ));
        }
        told(&self.open, self.intake.push(bytes).await).await
    }
}

/// After a failure of the disk the open file is not believed any more: it may be one of a disk that is gone. Then that is
/// the better reason.
async fn told<T>(open: &Arc<Open>, outcome: Result<T>) -> Result<T> {
    match outcome {
        Err(error) if error.kind() == Kind::Io => {
            open.break_off();
            let pool = open.pool.clone();
            let explained = tokio::task::spawn_blocking(move || pool.explain_staging(error));
            Err(explained.await.map_err(Error::internal)?)
        }
        outcome => outcome,
    }
}

/// A chunk has exactly one legal length.
pub fn wrong_length(kind: Kind, index: u32, expected: u64, actual: u64) -> Error {
    let more = if kind == Kind::ChunkTooLarge { "at least " } else { "" };
    Error::new(
        kind,
        format!("Chunk {index} must have exactly {expected} bytes; {more}{actual} came."),
    )
    .with("chunkIndex", index)
    .with("expected", expected)
    .with("actual", actual)
}

fn not_running(tx: &Tx<'_>, open: &Open) -> Error {
    match tasks::get(tx.connection, open.account_id, open.upload.task_id) {
        Ok(task) if task.status == Status::Paused => Error::new(
            Kind::TaskPaused,
            "This upload was paused meanwhile. Resume it, then send the chunk again.",
        ),
        Ok(task) => finished(task.id, task.status),
        Err(error) => error,
    }
}

/// The twin of `task.progress` that clients of the original upload system listen to.
pub(super) fn announce_upload(tx: &Tx<'_>, task: &Task, upload: &Upload, chunks_received: u32) {
    let data = json!({
        "taskId": task.id,
        "fileName": upload.file_name,
        "fileSize": upload.plan.file_size(),
        "chunksUploaded": chunks_received,
        "chunksCount": upload.plan.count(),
        "progress": task.progress,
        "status": task.status,
        "lastActivity": task.last_activity,
        "rev": task.rev,
    });
    tx.announce(Event::passing(
        task.account_id,
        "upload.progress",
        task.id,
        Weight::Tick(task.progress),
        data,
    ));
}
