//! The beginning of an upload: checked, reserved, opened; or found to be unnecessary.

use std::sync::Arc;

use super::wanted::Wanted;
use super::{Uploads, add_name, detached, new_file, new_task};
use crate::blobs::cipher;
use crate::blobs::staging::{self, Staging};
use crate::domain::account::{Caller, Quota};
use crate::domain::chunks::ChunkPlan;
use crate::domain::digest::{DeclaredHash, Digest};
use crate::domain::error::{Error, Kind, Result};
use crate::domain::file::{ContentType, File, FileName, Folder, LockKey};
use crate::domain::id::{AccountId, BundleId, ObjectId, TaskId};
use crate::domain::password::Password;
use crate::domain::task::Task;
use crate::domain::upload::NewUpload;
use crate::engine::announce_quota;
use crate::store::idempotency::{self, Key, Made};
use crate::store::uploads::Record;
use crate::store::{Db, Tx, accounts, bundles, files, objects, tasks, uploads};

/// Open uploads of one account.
const OPEN_MAX: u64 = 1_000;

/// The answer to a create.
#[derive(Debug)]
pub enum Begun {
    /// The account stores these bytes already; here is the file.
    Exists(Box<File>),
    /// An open upload, new or found again, with the chunks it has.
    Open(Box<Record>, Vec<u32>),
}

impl Uploads {
    /// Checks, reserves and opens an upload; or finds what makes it unnecessary.
    pub async fn begin(self: &Arc<Self>, caller: &Caller, wanted: Wanted) -> Result<Begun> {
        let (uploads, caller) = (self.clone(), caller.clone());
        detached(async move { uploads.begin_whole(caller, wanted).await }).await
    }

    async fn begin_whole(&self, caller: Caller, wanted: Wanted) -> Result<Begun> {
        let owner = caller.account_id;
        let key = wanted.key(&self.engine.key, None);
        if let Some(begun) = self.repeated(owner, key.clone()).await? {
            return Ok(begun);
        }
        let password = wanted.encrypt_password.clone();
        let new = self.plan(&caller, wanted)?;
        self.check_bundle(owner, new.bundle_id).await?;
        match self.begin_new(owner, new, key.clone(), password).await {
            // Another request with this key was quicker; its answer is ours.
            Err(error) if error.kind() == Kind::Conflict => {
                self.repeated(owner, key).await?.ok_or(error)
            }
            begun => begun,
        }
    }

    /// What an earlier request with the same key made.
    pub(super) async fn repeated(
        &self,
        owner: AccountId,
        key: Option<Key>,
    ) -> Result<Option<Begun>> {
        let Some((key, hash)) = key else { return Ok(None) };
        let now = self.engine.clock.now();
        self.engine
            .store
            .read(move |db| match idempotency::find(db, owner, &key)? {
                None => Ok(None),
                Some((known, _)) if known != hash => Err(Error::new(
                    Kind::IdempotencyMismatch,
                    "This Idempotency-Key was used for another request. Use a new key for a new upload.",
                )),
                Some((_, Made::File(id))) => {
                    Ok(Some(Begun::Exists(Box::new(files::get(db, owner, id, now)?))))
                }
                Some((_, Made::Task(id))) => open_upload(db, &tasks::get(db, owner, id)?).map(Some),
            })
            .await
    }

    async fn begin_new(
        &self,
        owner: AccountId,
        mut new: NewUpload,
        key: Option<Key>,
        password: Option<Password>,
    ) -> Result<Begun> {
        if let Some(begun) = self.find(owner, &new, key.clone(), password.as_ref()).await? {
            return Ok(begun);
        }
        self.check_room(owner, new.charge).await?;
        new.key = self.new_key(owner, password.clone()).await?;
        let pool = self.blobs().pool(new.pool_id)?.clone();
        let object_id = ObjectId::generate();
        let (making, size) = (pool.clone(), new.plan.file_size());
        // What is encrypted lies on the disk twice for a while.
        let needed = if new.encrypted { size + cipher::encrypted_size_at_most(size) } else { size };
        tokio::task::spawn_blocking(move || {
            let room = making.staging_room()?;
            if needed > room {
                return Err(Error::disk_full().with("needed", needed).with("free", room));
            }
            Staging::create(&making, object_id, size)
        })
        .await
        .map_err(Error::internal)??;

        let begun = self.insert(owner, new, object_id, key).await;
        if !matches!(&begun, Ok(Begun::Open(record, _)) if record.upload.object_id == object_id) {
            // Refused, or another request was quicker: the file just made belongs to nobody.
            staging::remove(&pool, object_id);
            self.same_password(owner, begun.as_ref().ok(), password.as_ref()).await?;
        }
        begun
    }

    /// A key for a new upload, where it is to be encrypted.
    pub(super) async fn new_key(
        &self,
        owner: AccountId,
        password: Option<Password>,
    ) -> Result<Option<LockKey>> {
        let Some(password) = password else { return Ok(None) };
        let passwords = self.passwords.clone();
        tokio::task::spawn_blocking(move || passwords.new_key(owner, &password))
            .await
            .map_err(Error::internal)?
            .map(|key| Some(LockKey { recipient: key.recipient, wrapped_key: key.wrapped }))
    }

    /// An upload that is found again keeps its key, so it must be asked for with its password.
    async fn same_password(
        &self,
        owner: AccountId,
        begun: Option<&Begun>,
        password: Option<&Password>,
    ) -> Result<()> {
        let (Some(Begun::Open(record, _)), Some(password)) = (begun, password) else {
            return Ok(());
        };
        let Some(key) = record.upload.key.clone() else { return Ok(()) };
        let (passwords, password, id) =
            (self.passwords.clone(), password.clone(), record.task.id.to_string());
        let opened = tokio::task::spawn_blocking(move || {
            passwords.unwrap(owner, &key.wrapped_key, &password).map(|_| ())
        });
        opened.await.map_err(Error::internal)?.map_err(|error| match error.kind() {
            Kind::PasswordWrong => Error::new(
                Kind::PasswordWrong,
                "This file is being uploaded with another password. Give that one, or cancel the open upload.",
            )
            .with("taskId", id),
            _ => error,
        })
    }

    pub(super) async fn check_bundle(&self, owner: AccountId, id: Option<BundleId>) -> Result<()> {
        if id.is_none() {
            return Ok(());
        }
        self.engine.store.read(move |db| bundles::check(db, owner, id, "bundleId")).await
    }

    /// Refuses early what the reservation would refuse, before any space is taken on the disk.
    pub(super) async fn check_room(&self, owner: AccountId, charge: u64) -> Result<()> {
        let now = self.engine.clock.now();
        self.engine
            .store
            .read(move |db| {
                let quota = accounts::quota_of(db, owner, now)?;
                check_room(uploads::count_open(db, owner)?, &quota, charge)
            })
            .await
    }

    /// Parses what was asked for and holds it against the pool's policy.
    pub(super) fn plan(&self, caller: &Caller, wanted: Wanted) -> Result<NewUpload> {
        if let Some(password) = &wanted.encrypt_password {
            password.check("encryptPassword")?;
        }
        let encrypted = wanted.encrypt_password.is_some();
        let file_name = FileName::parse("fileName", &wanted.file_name)?;
        let content_type = match wanted.content_type.as_deref() {
            None | Some("") => guess_type(file_name.as_str()),
            Some(text) => ContentType::parse(text)?,
        };
        if wanted.file_size > i64::MAX as u64 {
            return Err(Error::invalid("fileSize", "fileSize must be below 2^63."));
        }
        if let Some(priority) = wanted.priority
            && priority > 100
        {
            return Err(Error::invalid("priority", "priority must be between 0 and 100."));
        }
        if wanted.fingerprint.as_ref().is_some_and(|text| text.is_empty() || text.len() > 512) {
            return Err(Error::invalid("fingerprint", "fingerprint must have 1 to 512 bytes."));
        }
        let now = self.engine.clock.now();
        if wanted.expired_at.is_some_and(|moment| moment <= now) {
            return Err(Error::invalid("expiredAt", "expiredAt must be in the future."));
        }
        let pool = self.pool(wanted.pool_id.unwrap_or(self.settings.preferred_pool))?;
        pool.admit_stored(wanted.file_size, &content_type, caller.role, encrypted)?;
        let stored = match encrypted {
            true => cipher::encrypted_size_at_most(wanted.file_size),
            false => wanted.file_size,
        };
        let wished = wanted.chunk_size.unwrap_or(self.settings.default_chunk_size);
        Ok(NewUpload {
            plan: ChunkPlan::new(wanted.file_size, wished, self.settings.max_chunk_size)?,
            folder: wanted.folder.as_deref().map_or_else(|| Ok(Folder::root()), Folder::parse)?,
            declared_hash: wanted
                .hash
                .as_deref()
                .filter(|hash| !hash.is_empty())
                .map(DeclaredHash::parse)
                .transpose()?,
            charge: pool.charge(stored),
            encrypted,
            key: None,
            pool_id: pool.id,
            file_name,
            content_type,
            bundle_id: wanted.bundle_id,
            fingerprint: wanted.fingerprint,
            file_expires_at: wanted.expired_at,
            last_modified: wanted.last_modified,
            priority: wanted.priority.unwrap_or(0),
        })
    }

    /// The same upload while it is open, or the same bytes where this account stores them already.
    async fn find(
        &self,
        owner: AccountId,
        new: &NewUpload,
        key: Option<Key>,
        password: Option<&Password>,
    ) -> Result<Option<Begun>> {
        let wanted = new.clone();
        let found = self
            .engine
            .store
            .read(move |db| {
                if let Some(task) = open_twin(db, owner, &wanted)? {
                    return Ok(Found::Open(task.id, Box::new(open_upload(db, &task)?)));
                }
                // What is stored already is not what will be stored of an encrypted one.
                let hash = wanted.declared_hash.filter(|_| !wanted.encrypted);
                let Some(hash) = hash else { return Ok(Found::Nothing) };
                let (sha256, blake3) = match hash {
                    DeclaredHash::Sha256(digest) => (Some(digest), None),
                    DeclaredHash::Blake3(digest) => (None, Some(digest)),
                };
                let hit =
                    objects::owned_by_hash(db, owner, sha256, blake3, wanted.plan.file_size())?;
                Ok(match hit.filter(|(_, pool_id, _)| *pool_id == wanted.pool_id) {
                    Some((object_id, _, sha256)) => Found::Object(object_id, sha256),
                    None => Found::Nothing,
                })
            })
            .await?;
        let store = &self.engine.store;
        match found {
            Found::Nothing => Ok(None),
            Found::Open(id, begun) => {
                self.same_password(owner, Some(&begun), password).await?;
                if key.is_some() {
                    store.write(move |tx| keep(tx, owner, key.as_ref(), Made::Task(id))).await?;
                }
                Ok(Some(*begun))
            }
            Found::Object(object_id, sha256) => {
                let file = new_file(owner, new, object_id, sha256);
                let named = store.write(move |tx| {
                    let file = add_name(tx, file)?;
                    keep(tx, owner, key.as_ref(), Made::File(file.id)).map(|()| file)
                });
                Ok(Some(Begun::Exists(Box::new(named.await?))))
            }
        }
    }

    async fn insert(
        &self,
        owner: AccountId,
        new: NewUpload,
        object_id: ObjectId,
        key: Option<Key>,
    ) -> Result<Begun> {
        let engine = self.engine.clone();
        self.engine
            .store
            .write(move |tx| {
                let Some(task) = engine.create(tx, &new_task(&engine, owner, &new))? else {
                    let twin = open_twin(tx.connection, owner, &new)?
                        .ok_or_else(|| Error::internal("an upload is neither new nor there"))?;
                    if !new.encrypted {
                        keep(tx, owner, key.as_ref(), Made::Task(twin.id))?;
                    }
                    return open_upload(tx.connection, &twin);
                };
                keep(tx, owner, key.as_ref(), Made::Task(task.id))?;
                accounts::reserve(tx, owner, new.charge)?;
                uploads::insert(tx, &task, &new, object_id)?;
                announce_quota(tx, owner)?;
                open_upload(tx.connection, &task)
            })
            .await
    }
}

/// Is there room for one more open upload?
pub(super) fn check_room(open: u64, quota: &Quota, charge: u64) -> Result<()> {
    if open >= OPEN_MAX {
        let message =
            format!("You have {OPEN_MAX} open uploads. Complete or cancel some, then try again.");
        return Err(Error::new(Kind::TooMany, message).with("limit", OPEN_MAX));
    }
    if quota.has_room(charge) { Ok(()) } else { Err(quota.exceeded(charge)) }
}

enum Found {
    Nothing,
    Open(TaskId, Box<Begun>),
    Object(ObjectId, Digest),
}

/// Keeps the client's key, if it sent one, with what its request made.
pub(super) fn keep(tx: &Tx<'_>, owner: AccountId, key: Option<&Key>, made: Made) -> Result<()> {
    match key {
        Some(key) if !idempotency::keep(tx, owner, key, made)? => Err(Error::new(
            Kind::Conflict,
            "Another request with this Idempotency-Key is under way.",
        )),
        _ => Ok(()),
    }
}

/// The open upload that means the same.
fn open_twin(db: &Db, owner: AccountId, new: &NewUpload) -> Result<Option<Task>> {
    new.unique_key().map_or(Ok(None), |key| tasks::by_unique_key(db, owner, &key))
}

fn open_upload(db: &Db, task: &Task) -> Result<Begun> {
    let record = uploads::get(db, task.account_id, task.id)?;
    let chunks = uploads::arrived(db, task.pk)?.chunks;
    Ok(Begun::Open(Box::new(record), chunks))
}

/// What the name says about the content.
pub(in crate::operations) fn guess_type(name: &str) -> ContentType {
    mime_guess::from_path(name)
        .first_raw()
        .and_then(|text| ContentType::parse(text).ok())
        .unwrap_or_else(ContentType::unknown)
}
