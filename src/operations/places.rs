//! What operations share: where bytes lie, how they are read, and how what was made becomes a file.

use std::io::{self, Read, Seek, SeekFrom};
use std::sync::Arc;

use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::passwords::Passwords;
use crate::blobs::Blobs;
use crate::blobs::draft::{Draft, error_of};
use crate::blobs::pool::PoolDir;
use crate::blobs::reader::{Reader, Stream};
use crate::domain::account::{Caller, Role};
use crate::domain::digest::Digest;
use crate::domain::error::{Error, Kind, Result};
use crate::domain::event::Event;
use crate::domain::file::{ContentType, File, stem_and_ending};
use crate::domain::id::{AccountId, FileId, PoolId};
use crate::domain::pool::Pool;
use crate::domain::time::Timestamp;
use crate::engine::context::Context;
use crate::engine::submit::ITEMS_MAX;
use crate::engine::{Engine, announce_quota};
use crate::store::file_changes::{Amend, Switch};
use crate::store::file_filter::Filter;
use crate::store::objects::{self, NewObject};
use crate::store::{Db, Tx, accounts, events, file_changes, file_filter, files, tasks};

/// Names that are tried before a new file is refused.
const NAMES_MAX: u32 = 10_000;

/// The pools and their folders.
pub struct Places {
    pub blobs: Blobs,
    /// The first is the default.
    pub pools: Vec<Pool>,
    pub passwords: Arc<Passwords>,
}

impl Places {
    /// A pool that exists, or an error that names the parameter.
    pub fn pool(&self, id: PoolId, field: &str) -> Result<&Pool> {
        self.pools
            .iter()
            .find(|pool| pool.id == id)
            .ok_or_else(|| Error::not_found("pool").with("field", field))
    }

    /// Where a task that names no pool puts what it makes.
    pub fn default_pool(&self) -> Result<&Pool> {
        self.pools.first().ok_or_else(|| Error::internal("there is no pool"))
    }

    /// The pool that a request names as its `targetPoolId`, or else this one.
    pub fn target(&self, asked: Option<PoolId>, otherwise: PoolId) -> Result<&Pool> {
        self.pool(asked.unwrap_or(otherwise), "parameters.targetPoolId")
    }

    /// The pool that was chosen when the task was planned.
    pub fn planned(&self, chosen: Option<PoolId>) -> Result<&Pool> {
        let chosen = chosen.ok_or_else(|| Error::internal("a planned parameter is missing"))?;
        self.pool(chosen, "targetPoolId")
    }

    pub fn dir(&self, id: PoolId) -> Result<&Arc<PoolDir>> {
        self.blobs.pool(id)
    }

    /// Refuses what a pool does not take.
    pub fn admit(&self, pool: &Pool, size: u64, content_type: &str, caller: &Caller) -> Result<()> {
        let content_type =
            ContentType::parse(content_type).unwrap_or_else(|_| ContentType::unknown());
        pool.admit(size, &content_type, caller.role)
    }

    /// The same where no caller is at hand: its role was held against the pool when the task was made.
    pub fn takes(&self, pool: &Pool, size: u64, content_type: &ContentType) -> Result<()> {
        pool.admit(size, content_type, Role::Admin)
    }

    /// The stored bytes of a file.
    pub fn open(&self, file: &File) -> Result<Stream> {
        Ok(Reader::open(self.dir(file.pool_id)?, file.object_id, file.size)?.into_stream())
    }

    /// Begins an object in a pool.
    pub fn draft(&self, pool_id: PoolId) -> Result<Draft> {
        Draft::create(self.dir(pool_id)?)
    }
}

/// The files a request names: each once, in the given order, all of them there and the caller's own.
pub fn own_files(engine: &Engine, owner: AccountId, ids: &[FileId]) -> Result<Vec<File>> {
    if ids.is_empty() {
        return Err(Error::invalid("parameters.fileIds", "parameters.fileIds must name a file."));
    }
    let now = engine.clock.now();
    engine.store.read_now(|db| {
        let mut seen = std::collections::HashSet::new();
        ids.iter()
            .filter(|id| seen.insert(**id))
            .map(|&id| {
                files::get(db, owner, id, now).map_err(|error| {
                    error.with("field", "parameters.fileIds").with("fileId", id.to_string())
                })
            })
            .collect()
    })
}

/// The one file a request is about, which is to be read: an encrypted one cannot be.
pub fn readable_file(engine: &Engine, owner: AccountId, id: FileId) -> Result<File> {
    let now = engine.clock.now();
    let file = engine
        .store
        .read_now(|db| files::get(db, owner, id, now))
        .map_err(|error| error.with("field", "parameters.fileId").with("fileId", id.to_string()))?;
    if file.lock.is_some() {
        let message = format!("\"{}\" is encrypted. Decrypt it first.", file.name);
        return Err(Error::new(Kind::PasswordRequired, message).with("field", "parameters.fileId"));
    }
    Ok(file)
}

/// All files of a folder and below it. None, or more than a task takes, is refused; `remedy` says what to do then.
pub fn files_below(
    engine: &Engine,
    owner: AccountId,
    folder: &str,
    remedy: &str,
) -> Result<Vec<File>> {
    let filter = Filter { folder: Some(folder.to_owned()), deep: true, ..Filter::default() };
    let now = engine.clock.now();
    let files = engine
        .store
        .read_now(|db| file_filter::matching(db, owner, &filter, now, ITEMS_MAX + 1))?;
    let field = "parameters.folder";
    if files.is_empty() {
        return Err(Error::invalid(field, format!("There is no file in {folder}.")));
    }
    if files.len() > ITEMS_MAX {
        let message = format!("{folder} has more than {ITEMS_MAX} files; {remedy}");
        return Err(Error::invalid(field, message).with("limit", ITEMS_MAX));
    }
    Ok(files)
}

/// A file that an item names, as it is now.
pub fn item_file(context: &Context, id: &serde_json::Value) -> Result<File> {
    let id: FileId = serde_json::from_value(id.clone()).map_err(Error::internal)?;
    let (owner, now) = (context.task.account_id, context.engine.clock.now());
    context.engine.store.read_now(|db| files::get(db, owner, id, now))
}

/// A source whose bytes count as progress, and which ends when the task is to stop.
pub struct Feed<'a, R> {
    context: &'a Context,
    source: R,
}

impl<'a, R> Feed<'a, R> {
    pub fn new(context: &'a Context, source: R) -> Self {
        Self { context, source }
    }
}

impl<R: Read> Read for Feed<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = buffer.len().min(256 * 1024);
        let read = self
            .source
            .read(&mut buffer[..length])
            .map_err(|error| self.context.refuse(error_of("reading an object", error).into()))?;
        self.context.advance(read as u64).map_err(|stop| self.context.refuse(stop))?;
        Ok(read)
    }
}

impl<R: Seek> Seek for Feed<'_, R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.context.check().map_err(|stop| self.context.refuse(stop))?;
        self.source.seek(to)
    }
}

/// A source that is hashed while it is read.
pub struct Hashed<R> {
    pub source: R,
    hasher: Sha256,
}

impl<R> Hashed<R> {
    pub fn new(source: R) -> Self {
        Self { source, hasher: Sha256::new() }
    }

    pub fn finish(self) -> Digest {
        Digest(self.hasher.finalize().into())
    }
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.source.read(buffer)?;
        self.hasher.update(&buffer[..read]);
        Ok(read)
    }
}

/// A sink whose failures are the task's, whatever library stands between.
pub struct Outlet<'a, W> {
    context: &'a Context,
    pub sink: W,
}

impl<'a, W> Outlet<'a, W> {
    pub fn new(context: &'a Context, sink: W) -> Self {
        Self { context, sink }
    }
}

impl<W: io::Write> io::Write for Outlet<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.context.check().map_err(|stop| self.context.refuse(stop))?;
        self.sink
            .write(bytes)
            .map_err(|error| self.context.refuse(error_of("writing an object", error).into()))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.sink.flush()
    }
}

/// A file over an object that was just made; its type is to be told by whoever made it.
pub fn new_file(
    owner: AccountId,
    pool: &Pool,
    object: &NewObject,
    name: &str,
    folder: &str,
) -> File {
    let unset = Timestamp(0);
    File {
        id: FileId::generate(),
        account_id: owner,
        pool_id: pool.id,
        bundle_id: None,
        object_id: object.id,
        name: name.to_owned(),
        folder: folder.to_owned(),
        content_type: ContentType::unknown().as_str().to_owned(),
        size: object.size,
        sha256: object.sha256,
        charge: pool.charge(object.size),
        lock: None,
        tags: Vec::new(),
        last_modified: None,
        created_at: unset,
        updated_at: unset,
        uploaded_at: unset,
        expired_at: None,
        deleted_at: None,
    }
}

/// Makes an object that the task holds a new file, charged to the quota: from what the task has reserved as far as
/// that goes, the rest anew.
pub fn publish(tx: &Tx<'_>, task_pk: i64, mut file: File) -> Result<File> {
    (file.created_at, file.updated_at, file.uploaded_at) = (tx.now, tx.now, tx.now);
    file.name = free_name(tx.connection, file.account_id, &file.folder, &file.name)?;
    let reserved = take_reserved(tx, task_pk, file.account_id, file.charge)?;
    accounts::settle(tx, file.account_id, reserved, reserved)?;
    if file.charge > reserved {
        accounts::charge(tx, file.account_id, file.charge - reserved)?;
    }
    objects::share(tx, file.object_id)?;
    files::insert(tx, &file)?;
    Ok(file)
}

/// Takes bytes out of what a task has reserved, at most `wanted`; how many. The account's side is the caller's. What is
/// reserved belongs to the task's own account: the files of others, which an administrator's task may work on, are
/// charged to those alone.
fn take_reserved(tx: &Tx<'_>, task_pk: i64, owner: AccountId, wanted: u64) -> Result<u64> {
    let task = tasks::by_pk(tx.connection, task_pk)?.filter(|task| task.account_id == owner);
    let taken = task.map_or(0, |task| task.reserved_bytes).min(wanted);
    if taken > 0 {
        tasks::hold(tx, task_pk, -(taken as i64))?;
    }
    Ok(taken)
}

/// Puts other bytes below a file. What the task has reserved for it pays first, as far as it is needed.
pub fn switch(tx: &Tx<'_>, task_pk: i64, file: &File, to: &Switch) -> Result<File> {
    let more = to.charge.saturating_sub(file.charge);
    let reserved = take_reserved(tx, task_pk, file.account_id, more)?;
    accounts::release(tx, file.account_id, reserved)?;
    file_changes::switch(tx, file, to)?;
    let switched = file_changes::find(tx.connection, file.account_id, file.id)?;
    switched.ok_or_else(|| Error::not_found("file"))
}

/// The name itself, or with the first number that is free: "notes (2).txt".
pub fn free_name(db: &Db, owner: AccountId, folder: &str, name: &str) -> Result<String> {
    if !file_changes::name_taken(db, owner, folder, name)? {
        return Ok(name.to_owned());
    }
    let (stem, ending) = stem_and_ending(name);
    for number in 2..NAMES_MAX {
        let mut short = stem;
        let mut wished = format!("{short} ({number}){ending}");
        while wished.len() > 255 && !short.is_empty() {
            let cut = short.char_indices().next_back().map_or(0, |(at, _)| at);
            short = &short[..cut];
            wished = format!("{short} ({number}){ending}");
        }
        if !file_changes::name_taken(db, owner, folder, &wished)? {
            return Ok(wished);
        }
    }
    Err(Error::new(Kind::NameTaken, format!("\"{name}\" exists too often in {folder}.")))
}

/// Another name for a file, or the first with a number that is free.
pub fn rename(tx: &Tx<'_>, file: &File, name: &str) -> Result<File> {
    let name = free_name(tx.connection, file.account_id, &file.folder, name)?;
    let amend = Amend { name: Some(name), ..Amend::default() };
    file_changes::amend(tx, file.account_id, file.id, &amend)
}

/// Tells the account's clients of a file that is new or another one now.
pub fn announce_file(tx: &Tx<'_>, name: &'static str, file: &File) -> Result<()> {
    let data = json!({
        "fileId": file.id,
        "name": file.name,
        "folder": file.folder,
        "size": file.size,
        "poolId": file.pool_id,
        "bundleId": file.bundle_id,
    });
    events::record(tx, Event::lasting(file.account_id, name, None, data))
}

/// The same, with what it does to the quota.
pub fn announce_change(tx: &Tx<'_>, name: &'static str, file: &File) -> Result<()> {
    announce_file(tx, name, file)?;
    announce_quota(tx, file.account_id)
}
