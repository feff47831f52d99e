//! FileUpload: a file comes in by chunks. Its client drives it; nothing of it is visible before it is whole.

use std::future::Future;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::blobs::Blobs;
use crate::blobs::pool::PoolDir;
use crate::blobs::staging::{self, Staging};
use crate::domain::digest::Digest;
use crate::domain::error::{Error, Kind, Result};
use crate::domain::file::File;
use crate::domain::id::{AccountId, FileId, ObjectId, PoolId, TaskId};
use crate::domain::pool::Pool;
use crate::domain::task::{Driver, Status, Task, TaskType};
use crate::domain::time::Timestamp;
use crate::domain::upload::NewUpload;
use crate::domain::work::Lane;
use crate::engine::operation::{Operation, Renewal};
use crate::engine::recovery::LastStop;
use crate::engine::{Engine, announce_quota};
use crate::operations::places::announce_change;
use crate::store::tasks::NewTask;
use crate::store::{Store, Tx, accounts, files, objects, uploads};

pub mod begin;
pub mod blocks;
pub mod direct;
pub mod finish;
pub mod intake;
pub mod lock;
pub mod open;
pub mod receive;
mod recover;
pub mod registry;
mod remote;
pub mod wanted;

use super::passwords::Passwords;
use registry::OpenUploads;

/// Rows of one transaction when an ended upload's chunks are forgotten.
const FORGET_BATCH: usize = 1_000;
/// What an upload's task is called where people see it.
const TASK_NAME: &str = "Upload File";

#[derive(Clone, Copy, Debug)]
pub struct Settings {
    pub default_chunk_size: u64,
    pub max_chunk_size: u64,
    /// The pool of uploads that name none.
    pub preferred_pool: PoolId,
}

/// The doors of the upload path.
pub struct Uploads {
    pub engine: Arc<Engine>,
    pub open: Arc<OpenUploads>,
    pub settings: Settings,
    pub pools: Vec<Pool>,
    pub passwords: Arc<Passwords>,
    pub locking: Arc<lock::Locking>,
}

impl Uploads {
    pub fn blobs(&self) -> &Blobs {
        &self.open.blobs
    }

    pub fn pool(&self, id: PoolId) -> Result<&Pool> {
        self.pools
            .iter()
            .find(|pool| pool.id == id)
            .ok_or_else(|| Error::not_found("pool").with("field", "poolId"))
    }
}

fn new_task(engine: &Engine, owner: AccountId, new: &NewUpload) -> NewTask {
    NewTask {
        id: TaskId::generate(),
        account_id: owner,
        task_type: TaskType::FileUpload,
        name: TASK_NAME.to_owned(),
        description: Some(new.file_name.to_string()),
        driver: Driver::Client,
        lane: Lane::Io,
        gate: 0,
        run_at: None,
        priority: new.priority,
        parameters: parameters(new),
        units_total: Some(new.plan.file_size()),
        items_total: 0,
        reserved_bytes: 0,
        estimated_ms: None,
        stale_ms: Some(engine.settings.stale_ms),
        unique_key: new.unique_key(),
        parent_pk: None,
    }
}

fn parameters(new: &NewUpload) -> Value {
    let mut parameters = json!({
        "fileName": new.file_name.as_str(),
        "fileSize": new.plan.file_size(),
        "contentType": new.content_type.as_str(),
        "folder": new.folder.as_str(),
        "poolId": new.pool_id,
        "bundleId": new.bundle_id,
        "chunkSize": new.plan.chunk_size(),
        "chunksCount": new.plan.count(),
        "hash": new.declared_hash.map(|hash| hash.to_string()),
    });
    if new.encrypted {
        parameters["encrypted"] = true.into();
    }
    parameters
}

fn new_file(owner: AccountId, new: &NewUpload, object_id: ObjectId, sha256: Digest) -> File {
    let unset = Timestamp(0);
    File {
        id: FileId::generate(),
        account_id: owner,
        pool_id: new.pool_id,
        bundle_id: new.bundle_id,
        object_id,
        name: new.file_name.to_string(),
        folder: new.folder.as_str().to_owned(),
        content_type: new.content_type.as_str().to_owned(),
        size: new.plan.file_size(),
        sha256,
        charge: new.charge,
        lock: None,
        tags: Vec::new(),
        last_modified: new.last_modified,
        created_at: unset,
        updated_at: unset,
        uploaded_at: unset,
        expired_at: new.file_expires_at,
        deleted_at: None,
    }
}

/// One more name for bytes that are there; or the file that says just this already.
fn add_name(tx: &Tx<'_>, mut file: File) -> Result<File> {
    if let Some(twin) = files::twin(tx.connection, &file)? {
        return Ok(twin);
    }
    (file.created_at, file.updated_at, file.uploaded_at) = (tx.now, tx.now, tx.now);
    accounts::charge(tx, file.account_id, file.charge)?;
    objects::share(tx, file.object_id)?;
    files::insert(tx, &file)?;
    announce_change(tx, "file.created", &file)?;
    Ok(file)
}

/// Why an upload that has ended takes nothing more.
fn finished(id: TaskId, status: Status) -> Error {
    Error::new(Kind::TaskFinished, format!("This upload is {}.", status.word()))
        .with("taskId", id.to_string())
        .with("taskStatus", status.name())
}

/// Why a request that began before an upload was tried again can do nothing for it.
fn begun_anew() -> Error {
    Error::new(Kind::Busy, "This upload began anew this moment. Send all its chunks again.")
}

/// Runs to its end even when the request that began it is gone.
async fn detached<T: Send + 'static>(
    work: impl Future<Output = Result<T>> + Send + 'static,
) -> Result<T> {
    tokio::spawn(work)
        .await
        .map_err(|error| Error::internal(format!("a request broke off: {error}")))?
}

/// The upload as the engine sees it.
pub struct FileUpload {
    open: Arc<OpenUploads>,
}

impl FileUpload {
    pub fn new(open: Arc<OpenUploads>) -> Self {
        Self { open }
    }

    /// Does its end take a while, so that it may have been broken off?
    fn ends_slowly(&self, task: &Task) -> bool {
        task.parameters["encrypted"] == true
            || self.pool_of(task).is_some_and(|pool| pool.is_remote())
    }

    fn pool_of(&self, task: &Task) -> Option<&Arc<PoolDir>> {
        let id = PoolId::parse(task.parameters["poolId"].as_str()?).ok()?;
        self.open.blobs.pool(id).ok()
    }
}

impl Operation for FileUpload {
    fn task_type(&self) -> TaskType {
        TaskType::FileUpload
    }

    fn title(&self) -> &'static str {
        "Upload a file"
    }

    fn is_creatable(&self) -> bool {
        false
    }

    /// A failed upload begins again without a byte, in a new staging file, with its quota reserved anew.
    fn renew(&self, engine: &Engine, task: &Task) -> Result<Option<Renewal>> {
        let (owner, id) = (task.account_id, task.id);
        let (record, open, quota) = engine.store.read_now(|db| {
            let record = uploads::get(db, owner, id)?;
            Ok((
                record,
                uploads::count_open(db, owner)?,
                accounts::quota_of(db, owner, engine.clock.now())?,
            ))
        })?;
        begin::check_room(open, &quota, record.upload.charge)?;
        let pool = self.open.blobs.pool(record.upload.pool_id)?.clone();
        let (charge, object_id) = (record.upload.charge, ObjectId::generate());
        Staging::create(&pool, object_id, record.upload.plan.file_size())?;
        let within = move |tx: &Tx<'_>, task: &Task| {
            uploads::reset_bytes(tx, task.pk)?;
            uploads::set_object(tx, task.pk, object_id)?;
            accounts::reserve(tx, task.account_id, charge)?;
            announce_quota(tx, task.account_id)
        };
        let undo = move || staging::remove(&pool, object_id);
        Ok(Some(Renewal { within: Box::new(within), undo: Box::new(undo) }))
    }

    /// A completed upload has settled its quota itself; any other end gives the reservation back.
    fn settle(&self, tx: &Tx<'_>, task: &Task) -> Result<()> {
        if task.status == Status::Completed {
            return Ok(());
        }
        let record = uploads::get(tx.connection, task.account_id, task.id)?;
        accounts::release(tx, task.account_id, record.upload.charge)?;
        announce_quota(tx, task.account_id)
    }

    fn moved(&self, task: &Task) {
        if let Some(open) = self.open.in_memory(task.account_id, task.id) {
            open.set_status(task.status);
        }
        if task.status.is_final() {
            self.open.forget(task.id);
        } else if task.status == Status::InProgress && self.ends_slowly(task) {
            self.open.resumed.notify_one();
        }
    }

    fn clean(&self, store: &Store, task: &Task) -> Result<()> {
        let (owner, id, pk) = (task.account_id, task.id, task.pk);
        let record = store.read_now(|connection| uploads::get(connection, owner, id))?;
        if let Ok(pool) = self.open.blobs.pool(record.upload.pool_id) {
            staging::remove(pool, record.upload.object_id);
        }
        while store.write_now(move |tx| uploads::forget_chunks(tx, pk, FORGET_BATCH))?
            == FORGET_BATCH
        {}
        Ok(())
    }

    fn recover(&self, store: &Store, pool: &PoolDir, last: LastStop) -> Result<()> {
        recover::run(pool, store, last)
    }

    /// Nobody can go on with it while its pool is away.
    fn may_expire(&self, task: &Task) -> bool {
        self.pool_of(task).is_none_or(|pool| pool.check().is_ok())
    }

    fn pool_is_back(&self) {
        self.open.resumed.notify_one();
    }

    fn relax(&self) {
        self.open.drop_idle();
    }
}
