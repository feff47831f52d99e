//! The end of an upload. Its hashes are known, so no byte is read again and the cost does not grow with the file:
//! seal (flush, rename, flush the folders), then one transaction makes it a file.

use std::sync::Arc;

use serde_json::{Value, json};

use super::open::Open;
use super::{Uploads, begun_anew, detached, finished};
use crate::blobs::bucket::NoJournal;
use crate::blobs::ledger;
use crate::blobs::staging;
use crate::domain::digest::{DeclaredHash, Digest};
use crate::domain::error::{Error, Kind, Result};
use crate::domain::event::Event;
use crate::domain::file::{ContentType, File, Lock, name_once_locked};
use crate::domain::id::{AccountId, FileId, TaskId};
use crate::domain::task::{Status, Task, Verb};
use crate::engine::Engine;
use crate::operations::places::announce_change;
use crate::store::objects::NewObject;
use crate::store::tasks::Outcome;
use crate::store::uploads::{self, Record};
use crate::store::{Tx, accounts, events, files, objects, tasks};

/// Missing chunks that an answer lists.
const MISSING_LISTED: usize = 1_000;
/// Bytes looked at to find out what a file is.
const SNIFF_BYTES: u64 = 512;
pub const HASH_MISMATCH: &str = "HASH_MISMATCH";

impl Uploads {
    /// Completes an upload. Again gives the same file; two at once give one. `hash` is what a client found while it
    /// was sending; it is held against the bytes before anything is published, beside the one declared at first.
    /// This goes on when the client hangs up.
    pub async fn complete(
        self: &Arc<Self>,
        owner: AccountId,
        id: TaskId,
        hash: Option<DeclaredHash>,
    ) -> Result<File> {
        let uploads = self.clone();
        detached(async move { uploads.complete_whole(owner, id, hash).await }).await
    }

    async fn complete_whole(
        &self,
        owner: AccountId,
        id: TaskId,
        hash: Option<DeclaredHash>,
    ) -> Result<File> {
        if let Some(file) = self.ended(owner, id).await? {
            return Ok(file);
        }
        let open = match self.open.get(&self.engine.store, owner, id).await {
            // It ended between the two looks, perhaps well.
            Err(error) if error.kind() == Kind::TaskFinished => {
                return self.ended(owner, id).await?.ok_or(error);
            }
            open => open?,
        };
        let _one_at_a_time = open.finishing.lock().await;
        if let Some(file) = self.ended(owner, id).await? {
            return Ok(file);
        }
        if open.has_ended() {
            // It ended this moment: how, its row says. When that is open, it was begun anew.
            return self.ended(owner, id).await?.ok_or_else(begun_anew);
        }
        let count = open.upload.plan.count();
        let (missing, present) = open.missing(MISSING_LISTED);
        if present < count {
            return Err(Error::new(
                Kind::ChunksMissing,
                format!(
                    "{} of {count} chunks are missing; send them, then complete again.",
                    count - present
                ),
            )
            .with("missingChunks", missing)
            .with("missingCount", count - present));
        }
        open.set_completing(true);
        let published = self.publish(&open, hash).await;
        if let Err(error) = &published {
            open.set_completing(false);
            if matches!(error.kind(), Kind::Io | Kind::PoolOffline) && !open.pool.is_remote() {
                // The open file may be one of a disk that is gone; the next look opens it anew.
                open.break_off();
            }
            if matches!(error.kind(), Kind::Io | Kind::Internal) {
                // A cancel that was quicker has taken chunks and staging file away; that is the better reason.
                self.ended(owner, id).await?;
            }
        }
        published
    }

    /// The file of an upload that has ended well; an error when it has ended otherwise; `None` while it is open.
    async fn ended(&self, owner: AccountId, id: TaskId) -> Result<Option<File>> {
        let now = self.engine.clock.now();
        self.engine
            .store
            .read(move |connection| {
                let Record { task, file_id, .. } = uploads::get(connection, owner, id)?;
                match (task.status, file_id) {
                    (Status::Completed, Some(file_id)) => {
                        files::get(connection, owner, file_id, now).map(Some)
                    }
                    (Status::InProgress, _) => Ok(None),
                    (Status::Paused, _) => Err(Error::new(
                        Kind::TaskPaused,
                        "This upload is paused. Resume it, then complete it.",
                    )),
                    (Status::Failed, _) if task.error_code.as_deref() == Some(HASH_MISMATCH) => {
                        Err(mismatch(
                            task.error_message.unwrap_or_default(),
                            task.results.unwrap_or_default(),
                        ))
                    }
                    (status, _) => Err(finished(id, status)),
                }
            })
            .await
    }

    async fn publish(&self, open: &Arc<Open>, hash: Option<DeclaredHash>) -> Result<File> {
        let sha256 = open.whole().await?.finish();
        let plan = open.upload.plan;
        let pk = open.task_pk;
        let blocks =
            self.engine.store.read(move |connection| uploads::blocks(connection, pk)).await?;
        let blake3 = ledger::merge(&blocks, plan.block_size(), plan.file_size())?;
        for declared in open.upload.declared_hash.into_iter().chain(hash) {
            self.verify(open, declared, sha256, blake3).await?;
        }

        if let Some(key) = open.upload.key.clone() {
            return self.publish_locked(open, key, sha256).await;
        }
        let object = NewObject {
            id: open.upload.object_id,
            pool_id: open.upload.pool_id,
            size: plan.file_size(),
            sha256,
            blake3,
            block_size: plan.block_size(),
            blocks,
        };
        if open.pool.is_remote() {
            return self.publish_remote(open, object).await;
        }
        let sealing = open.clone();
        let content_type = tokio::task::spawn_blocking(move || {
            let content_type = sniff(&sealing)?;
            let id = sealing.upload.object_id;
            sealing.staging.seal(&sealing.pool, id, &mut NoJournal).map(|()| content_type)
        })
        .await
        .map_err(Error::internal)??;

        let (engine, publishing) = (self.engine.clone(), open.clone());
        let made =
            Made { object, content_type, lock: None, is_held: false, charge: open.upload.charge };
        let published =
            self.engine.store.write(move |tx| record(tx, &engine, &publishing, &made)).await;
        match published {
            Ok((file, _)) => Ok(file),
            Err(error) => {
                self.unpublish(open, &error).await?;
                Err(error)
            }
        }
    }

    /// The declared hash decides; a mismatch ends the upload.
    async fn verify(
        &self,
        open: &Arc<Open>,
        declared: DeclaredHash,
        sha256: Digest,
        blake3: Digest,
    ) -> Result<()> {
        let actual = match declared {
            DeclaredHash::Sha256(_) => DeclaredHash::Sha256(sha256),
            DeclaredHash::Blake3(_) => DeclaredHash::Blake3(blake3),
        };
        if declared == actual {
            return Ok(());
        }
        let message = format!(
            "\"{}\" was declared as {declared} but is {actual}; nothing was stored.",
            open.upload.file_name
        );
        let hashes = json!({ "declared": declared.to_string(), "actual": actual.to_string() });
        let error = mismatch(message.clone(), hashes.clone());
        let (engine, failing) = (self.engine.clone(), open.clone());
        self.engine
            .store
            .write(move |tx| {
                let task = tasks::get(tx.connection, failing.account_id, failing.upload.task_id)?;
                let outcome = Outcome {
                    error: Some((HASH_MISMATCH.to_owned(), message.clone())),
                    results: Some(hashes),
                    ..Outcome::default()
                };
                let task = engine.apply(tx, &task, Verb::Fail, outcome)?;
                let data = json!({
                    "taskId": task.id,
                    "fileName": failing.upload.file_name,
                    "fileSize": failing.upload.plan.file_size(),
                    "errorMessage": message,
                    "failedAt": task.updated_at,
                });
                events::record(
                    tx,
                    Event::lasting(task.account_id, "upload.failed", Some(task.id), data),
                )?;
                Ok(task)
            })
            .await?;
        Err(error)
    }

    /// The object was sealed but its row was not committed: back to staging, unless the upload has ended meanwhile.
    async fn unpublish(&self, open: &Arc<Open>, error: &Error) -> Result<()> {
        let (open, ended) = (open.clone(), error.kind() == Kind::TaskFinished);
        tokio::task::spawn_blocking(move || {
            if ended {
                return open.pool.remove_object(open.upload.object_id);
            }
            staging::unseal(&open.pool, open.upload.object_id).map(|_| ())
        })
        .await
        .map_err(Error::internal)?
    }
}

/// Both hashes, at the first answer and at every later one.
fn mismatch(message: String, hashes: Value) -> Error {
    Error::new(Kind::HashMismatch, message)
        .with("declared", hashes["declared"].clone())
        .with("actual", hashes["actual"].clone())
}

/// The type found in the first bytes, where neither the client nor the name told one.
pub(super) fn sniff(open: &Open) -> Result<Option<String>> {
    if open.upload.content_type != ContentType::unknown().as_str() {
        return Ok(None);
    }
    let mut head = vec![0; open.upload.plan.file_size().min(SNIFF_BYTES) as usize];
    open.staging.read_at(&mut head, 0)?;
    Ok(infer::get(&head).map(|found| found.mime_type().to_owned()))
}

/// What came of an upload.
pub(super) struct Made {
    pub object: NewObject,
    /// Where it was found in the bytes.
    pub content_type: Option<String>,
    /// Of an encrypted file.
    pub lock: Option<Lock>,
    /// Has its object a row already, which the task holds?
    pub is_held: bool,
    /// Bytes of quota, at most those that the upload has reserved.
    pub charge: u64,
}

/// The one transaction in which the upload becomes a file.
pub(super) fn record(
    tx: &Tx<'_>,
    engine: &Engine,
    open: &Open,
    made: &Made,
) -> Result<(File, Task)> {
    let (upload, object) = (&open.upload, &made.object);
    let task = tasks::get(tx.connection, open.account_id, upload.task_id)?;
    match made.is_held {
        false => objects::insert(tx, object)?,
        true => objects::share(tx, object.id)?,
    }
    let name = match &made.lock {
        None => upload.file_name.clone(),
        Some(_) => name_once_locked(&upload.file_name),
    };
    let file = File {
        id: FileId::generate(),
        account_id: open.account_id,
        pool_id: upload.pool_id,
        bundle_id: upload.bundle_id,
        object_id: object.id,
        name,
        folder: upload.folder.clone(),
        content_type: made.content_type.clone().unwrap_or_else(|| upload.content_type.clone()),
        size: object.size,
        sha256: object.sha256,
        charge: made.charge,
        lock: made.lock.clone(),
        tags: Vec::new(),
        last_modified: upload.last_modified,
        created_at: tx.now,
        updated_at: tx.now,
        uploaded_at: tx.now,
        expired_at: upload.file_expires_at,
        deleted_at: None,
    };
    files::insert(tx, &file)?;
    accounts::settle(tx, open.account_id, upload.charge, file.charge)?;
    uploads::set_file(tx, task.pk, file.id)?;
    let results = json!({
        "fileId": file.id,
        "fileName": file.name,
        "fileSize": file.size,
        "hash": format!("sha256:{}", file.sha256),
    });
    let task = engine.apply(
        tx,
        &task,
        Verb::Finish,
        Outcome { results: Some(results), ..Outcome::default() },
    )?;
    announce_completed(tx, &file, &task)?;
    Ok((file, task))
}

/// The twin of `task.completed`, and the news for file lists.
pub(super) fn announce_completed(tx: &Tx<'_>, file: &File, task: &Task) -> Result<()> {
    let data = json!({
        "taskId": task.id,
        "fileId": file.id,
        "fileName": file.name,
        "fileSize": file.size,
        "completedAt": task.updated_at,
    });
    events::record(tx, Event::lasting(file.account_id, "upload.completed", Some(task.id), data))?;
    announce_change(tx, "file.created", file)
}
