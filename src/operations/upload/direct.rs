//! One small file in one request: received, hashed, sealed, and recorded in a single transaction.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use serde_json::json;
use sha2::Sha256;

use super::begin::{Begun, keep};
use super::finish::announce_completed;
use super::intake::{Hashes, Intake};
use super::lock::Locking;
use super::wanted::Wanted;
use super::{Uploads, detached, lock, new_file, new_task};
use crate::blobs::ledger::{self, BlockHasher};
use crate::blobs::pool::PoolDir;
use crate::blobs::staging::{self, Staging};
use crate::domain::account::Caller;
use crate::domain::chunks::{ChunkPlan, MIB};
use crate::domain::digest::{DeclaredHash, Digest};
use crate::domain::error::{Error, Kind, Result};
use crate::domain::file::{ContentType, File, LockKey, name_once_locked};
use crate::domain::id::{AccountId, ObjectId};
use crate::domain::task::Verb;
use crate::domain::upload::NewUpload;
use crate::operations::sealing::{Remembered, object_of};
use crate::store::idempotency::{Key, Made};
use crate::store::objects::NewObject;
use crate::store::tasks::Outcome;
use crate::store::{Store, accounts, files, objects, upkeep, uploads};

/// The staging file, removed when it is dropped before it was sealed.
struct Part {
    pool: Arc<PoolDir>,
    id: ObjectId,
    staging: Arc<Staging>,
    sealed: AtomicBool,
}

impl Part {
    fn seal(&self, store: &Store, locking: &Locking, object: NewObject) -> Result<NewObject> {
        self.staging.set_size(object.size)?;
        let object = self.hold(store, object)?;
        let mut journal = Remembered { store, id: self.id, tell: |_| locking.check() };
        let sealed = self.staging.seal(&self.pool, self.id, &mut journal);
        self.let_go_unless(store, self.id, sealed)?;
        self.sealed.store(!self.pool.is_remote(), Ordering::Relaxed);
        Ok(object)
    }

    /// At a server nothing may be without a row, since its list is never asked for.
    fn hold(&self, store: &Store, object: NewObject) -> Result<NewObject> {
        if !self.pool.is_remote() {
            return Ok(object);
        }
        store.write_now(move |tx| {
            objects::insert_held(tx, &object, objects::OF_A_REQUEST).map(|()| object)
        })
    }

    fn let_go_unless(&self, store: &Store, id: ObjectId, done: Result<()>) -> Result<()> {
        if done.is_err() && self.pool.is_remote() {
            store.write_now(move |tx| objects::let_go(tx, id))?;
        }
        done
    }

    /// Another object, of the encrypted bytes; the plain ones are removed with this.
    fn seal_encrypted(
        &self,
        store: &Store,
        locking: &Locking,
        plain: &NewObject,
        key: &LockKey,
    ) -> Result<NewObject> {
        let (size, recipient) = (plain.size, &key.recipient);
        let draft =
            lock::encrypt(&self.pool, &self.staging, size, plain.sha256, recipient, |_| Ok(()))?;
        let object = self.hold(store, object_of(&draft, self.pool.id)?)?;
        let id = object.id;
        let sealed = draft.seal(&mut Remembered { store, id, tell: |_| locking.check() });
        self.let_go_unless(store, id, sealed)?;
        Ok(object)
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        if !self.sealed.load(Ordering::Relaxed) {
            staging::remove(&self.pool, self.id);
        }
    }
}

/// The answer to a file that is about to come.
pub enum Coming {
    /// An earlier request with the same `Idempotency-Key` brought it: here it is.
    Stored(Box<File>),
    Awaited(Box<Direct>),
}

/// A whole file being received.
pub struct Direct {
    caller: Caller,
    wanted: Wanted,
    limit: u64,
    head: Vec<u8>,
    key: Option<LockKey>,
    intake: Intake<Part>,
}

impl Uploads {
    /// Begins to receive a file whose size may not be known yet: then `wanted.file_size` is 0 and counts for nothing.
    pub async fn begin_direct(&self, caller: &Caller, wanted: Wanted) -> Result<Coming> {
        let new = self.plan(caller, wanted.clone())?;
        if let Some(DeclaredHash::Sha256(sha256)) = new.declared_hash
            && let key = wanted.key(&self.engine.key, Some(sha256))
            && let Some(file) = self.stored_before(caller.account_id, key).await?
        {
            return Ok(Coming::Stored(Box::new(file)));
        }
        let limit = self.settings.max_chunk_size;
        if wanted.file_size > limit {
            return Err(too_large(limit));
        }
        self.check_bundle(caller.account_id, new.bundle_id).await?;
        self.check_room(caller.account_id, new.charge).await?;
        let key = self.new_key(caller.account_id, wanted.encrypt_password.clone()).await?;
        let pool = self.blobs().pool(new.pool_id)?.clone();
        let size = wanted.file_size;
        let part = tokio::task::spawn_blocking(move || {
            let id = ObjectId::generate();
            let staging = Arc::new(Staging::create_growing(&pool, id, size)?);
            Ok::<_, Error>(Part { pool, id, staging, sealed: AtomicBool::new(false) })
        })
        .await
        .map_err(Error::internal)??;
        let hashes = Hashes { blocks: BlockHasher::new(MIB, 0), sha256: Some(Sha256::default()) };
        let intake = Intake::new(part.staging.clone(), 0, hashes, part);
        let direct =
            Direct { caller: caller.clone(), wanted, limit, head: Vec::new(), key, intake };
        Ok(Coming::Awaited(Box::new(direct)))
    }

    /// What an earlier request with the same key, wish and bytes brought.
    async fn stored_before(&self, owner: AccountId, key: Option<Key>) -> Result<Option<File>> {
        match self.repeated(owner, key).await? {
            None => Ok(None),
            Some(Begun::Exists(file)) => Ok(Some(*file)),
            Some(Begun::Open(..)) => Err(Error::internal("a key of a file names an open upload")),
        }
    }

    /// The body is complete: seals it and makes it a file. This goes on when the client hangs up.
    pub async fn accept_direct(self: &Arc<Self>, direct: Box<Direct>) -> Result<File> {
        let uploads = self.clone();
        detached(async move { uploads.store_direct(*direct).await }).await
    }

    async fn store_direct(&self, direct: Direct) -> Result<File> {
        let Direct { caller, mut wanted, head, key, intake, .. } = direct;
        let size = intake.received();
        if wanted.file_size != 0 && wanted.file_size != size {
            return Err(Error::new(
                Kind::BodyIncomplete,
                format!(
                    "The body was to have {} bytes but {size} came; send it again.",
                    wanted.file_size
                ),
            ));
        }
        let (hashes, part) = intake.finish().await?;
        let sha256 =
            hashes.sha256().ok_or_else(|| Error::internal("a direct upload was not hashed"))?;
        let (owner, repeat) = (caller.account_id, wanted.key(&self.engine.key, Some(sha256)));
        wanted.file_size = size;
        let mut new = self.plan(&caller, wanted)?;
        new.plan = ChunkPlan::stored(size, self.settings.max_chunk_size);
        if new.content_type == ContentType::unknown()
            && let Some(found) = infer::get(&head)
        {
            new.content_type = ContentType::parse(found.mime_type())?;
        }
        let blocks = hashes.blocks.finish_whole();
        let blake3 = ledger::merge(&blocks, MIB, size)?;
        check(&new, sha256, blake3)?;
        let plain = NewObject {
            id: part.id,
            pool_id: new.pool_id,
            size,
            sha256,
            blake3,
            block_size: MIB,
            blocks,
        };
        new.key = key;
        match self.publish_direct(owner, new, plain, part, repeat.clone()).await {
            // An earlier request with this key has brought it; its answer is ours.
            Err(error) if error.kind() == Kind::Conflict => {
                self.stored_before(owner, repeat).await?.ok_or(error)
            }
            published => published,
        }
    }

    /// Seals what came and makes it a file; without that nothing stays.
    async fn publish_direct(
        &self,
        owner: AccountId,
        new: NewUpload,
        plain: NewObject,
        part: Arc<Part>,
        repeat: Option<Key>,
    ) -> Result<File> {
        let (sealing, lock, store) = (part.clone(), new.key.clone(), self.engine.store.clone());
        let locking = self.locking.clone();
        let object = tokio::task::spawn_blocking(move || match lock {
            None => sealing.seal(&store, &locking, plain),
            Some(key) => sealing.seal_encrypted(&store, &locking, &plain, &key),
        })
        .await
        .map_err(Error::internal)??;

        let id = object.id;
        let recorded = self.record_direct(owner, new, object, repeat).await;
        if recorded.is_err() {
            let (pool, store) = (part.pool.clone(), self.engine.store.clone());
            let removing = move || match pool.is_remote() {
                true => store.write_now(move |tx| objects::let_go(tx, id)),
                false => pool.remove_object(id),
            };
            tokio::task::spawn_blocking(removing).await.map_err(Error::internal)??;
        }
        recorded
    }

    async fn record_direct(
        &self,
        owner: AccountId,
        new: NewUpload,
        object: NewObject,
        repeat: Option<Key>,
    ) -> Result<File> {
        let engine = self.engine.clone();
        let charge = self.pool(object.pool_id)?.charge(object.size);
        let is_remote = self.blobs().pool(object.pool_id)?.is_remote();
        let (file, task) = self
            .engine
            .store
            .write(move |tx| {
                let mut file = new_file(owner, &new, object.id, object.sha256);
                // First of all, or a repetition could be told that there is no room for it.
                keep(tx, owner, repeat.as_ref(), Made::File(file.id))?;
                let mut wished = new_task(&engine, owner, &new);
                // The upload is over when its task appears, so there is nothing to find again.
                wished.unique_key = None;
                let task = engine
                    .create(tx, &wished)?
                    .ok_or_else(|| Error::internal("a new task id was taken"))?;
                uploads::insert(tx, &task, &new, object.id)?;
                accounts::charge(tx, owner, charge)?;
                match is_remote {
                    true => objects::share(tx, object.id)?,
                    false => objects::insert(tx, &object)?,
                }
                if let Some(key) = new.key.clone() {
                    file.name = name_once_locked(&file.name);
                    file.lock = Some(key.lock(file.size));
                }
                (file.size, file.charge) = (object.size, charge);
                (file.created_at, file.updated_at, file.uploaded_at) = (tx.now, tx.now, tx.now);
                files::insert(tx, &file)?;
                uploads::set_file(tx, task.pk, file.id)?;
                uploads::set_received(tx, task.pk)?;
                let results = json!({
                    "fileId": file.id,
                    "fileName": file.name,
                    "fileSize": file.size,
                    "hash": format!("sha256:{}", file.sha256),
                });
                let outcome = Outcome { results: Some(results), ..Outcome::default() };
                let task = engine.apply(tx, &task, Verb::Finish, outcome)?;
                // Nothing is left to clean: there were no chunks and the file is sealed.
                upkeep::cleaned(tx, task.pk)?;
                announce_completed(tx, &file, &task)?;
                Ok((file, task))
            })
            .await?;
        tracing::debug!(task.id = %task.id, file.id = %file.id, "stored in one request");
        Ok(file)
    }
}

impl Direct {
    /// Takes the next bytes of the body.
    pub async fn push(&mut self, bytes: Bytes) -> Result<()> {
        if self.intake.received() + bytes.len() as u64 > self.limit {
            return Err(too_large(self.limit));
        }
        if self.head.len() < 512 {
            self.head.extend_from_slice(&bytes[..bytes.len().min(512 - self.head.len())]);
        }
        self.intake.push(bytes).await
    }
}

fn too_large(limit: u64) -> Error {
    Error::new(
        Kind::BodyTooLarge,
        format!(
            "A direct upload takes at most {limit} bytes; create an upload and send chunks instead."
        ),
    )
    .with("limit", limit)
}

fn check(new: &NewUpload, sha256: Digest, blake3: Digest) -> Result<()> {
    let actual = match new.declared_hash {
        None => return Ok(()),
        Some(DeclaredHash::Sha256(_)) => DeclaredHash::Sha256(sha256),
        Some(DeclaredHash::Blake3(_)) => DeclaredHash::Blake3(blake3),
    };
    let declared = new.declared_hash.map(|hash| hash.to_string()).unwrap_or_default();
    if declared == actual.to_string() {
        return Ok(());
    }
    Err(Error::new(
        Kind::HashMismatch,
        format!("The file was declared as {declared} but is {actual}."),
    )
    .with("declared", declared)
    .with("actual", actual.to_string()))
}
