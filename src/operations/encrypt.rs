//! FileEncrypt: files become age files under one new key, whose private half is wrapped with the password. The password
//! itself is used while the task is planned and kept nowhere: to encrypt, the public half is enough.
//!
//! By then the private half is gone, so a ciphertext cannot be opened to see whether it is good. What can go wrong is
//! the source: it is held against its hash while it is read, and only then the file is switched.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};

use super::outcome::outcome;
use super::places::{
    self, Feed, Hashed, Outlet, Places, announce_change, item_file, own_files, publish, rename,
};
use super::sealing::seal;
use crate::blobs::cipher;
use crate::domain::error::{Error, Kind, Result};
use crate::domain::file::{File, LockKey};
use crate::domain::id::{AccountId, FileId};
use crate::domain::password::Password;
use crate::domain::task::TaskType;
use crate::domain::work::{Item, ItemState, Lane, NewItem};
use crate::engine::Engine;
use crate::engine::context::{Context, Ending, Work, corrupt, results};
use crate::engine::operation::{Operation, Plan, Request};
use crate::store::file_changes::Switch;
use crate::store::items::{self, Mark};

/// Files, done and failed, that the results list; the rest is in the task's items.
const LISTED: usize = 1_000;

/// What both directions ask for.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Parameters {
    pub file_ids: Vec<FileId>,
    pub password: Password,
    #[serde(default)]
    pub keep_original: bool,
}

/// What is kept of it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Kept {
    pub keep_original: bool,
}

pub struct FileEncrypt {
    places: Arc<Places>,
}

impl FileEncrypt {
    pub fn new(places: Arc<Places>) -> Self {
        Self { places }
    }
}

impl Operation for FileEncrypt {
    fn task_type(&self) -> TaskType {
        TaskType::FileEncrypt
    }

    fn title(&self) -> &'static str {
        "Encrypt files"
    }

    fn schema(&self) -> Value {
        schema(8)
    }

    fn plan(&self, engine: &Engine, request: &Request) -> Result<Plan> {
        let asked: Parameters = request.parse()?;
        asked.password.check("parameters.password")?;
        let owner = request.caller.account_id;
        let files = own_files(engine, owner, &asked.file_ids)?;
        for file in &files {
            if file.lock.is_some() {
                let message = format!("\"{}\" is encrypted already. Leave it out.", file.name);
                return Err(Error::invalid("parameters.fileIds", message)
                    .with("fileId", file.id.to_string()));
            }
            admit(&self.places, file, true)?;
        }
        let sizes = files.iter().map(|file| cipher::encrypted_size_at_most(file.size)).collect();
        let mut plan = plan(&self.places, "Encrypt", &files, sizes, asked.keep_original)?;
        refuse_without_room(engine, owner, plan.reserve_bytes)?;
        let key = self.places.passwords.new_key(owner, &asked.password)?;
        plan.checkpoint = Some(json!({
            "recipient": key.recipient,
            "wrappedKey": STANDARD.encode(&key.wrapped),
        }));
        Ok(plan)
    }

    fn run(&self, context: &Context) -> Work<Ending> {
        let kept: Kept = kept(context)?;
        let key = key(context)?;
        context.each_item(|item| self.encrypt_one(context, &key, kept.keep_original, item))?;
        finish(context)
    }
}

impl FileEncrypt {
    fn encrypt_one(
        &self,
        context: &Context,
        key: &LockKey,
        keep_original: bool,
        item: &Item,
    ) -> Work<()> {
        let file = item_file(context, &item.item["fileId"])?;
        if file.lock.is_some() {
            let message = "It was encrypted by another task meanwhile.";
            return Err(Error::new(Kind::Conflict, message).into());
        }
        admit(&self.places, &file, true)?;
        let source = Feed::new(context, self.places.open(&file)?);
        let mut source = Hashed::new(source);
        let mut sink = Outlet::new(context, self.places.draft(file.pool_id)?);
        let plain_size = context.settle(cipher::encrypt(&key.recipient, &mut source, &mut sink))?;
        if source.finish() != file.sha256 || plain_size != file.size {
            return Err(corrupt(&file.name).into());
        }
        let object = seal(context, file.pool_id, sink.sink)?;
        let to = Switch {
            object_id: object.id,
            pool_id: object.pool_id,
            size: object.size,
            sha256: object.sha256,
            charge: self.places.pool(object.pool_id, "poolId")?.charge(object.size),
            lock: Some(key.clone().lock(plain_size)),
        };
        let name = if keep_original { file.locked_name() } else { file.name_once_locked() };
        replace(context, item.seq, file, to, name, keep_original)
    }
}

/// One commit: the file shows the new bytes, or a second file does; and the item is done.
pub(super) fn replace(
    context: &Context,
    seq: i64,
    file: File,
    to: Switch,
    name: String,
    keep_original: bool,
) -> Work<()> {
    context.commit(move |tx, task| {
        let made = if keep_original {
            let copy = File {
                id: FileId::generate(),
                object_id: to.object_id,
                name,
                size: to.size,
                sha256: to.sha256,
                charge: to.charge,
                lock: to.lock,
                ..file
            };
            let made = publish(tx, task.pk, copy)?;
            announce_change(tx, "file.created", &made)?;
            made
        } else {
            let mut made = places::switch(tx, task.pk, &file, &to)?;
            if name != made.name {
                made = rename(tx, &made, &name)?;
            }
            announce_change(tx, "file.updated", &made)?;
            made
        };
        let mark = Mark { detail: Some(json!({ "fileId": made.id })), error: None };
        items::mark(tx, task.pk, seq, ItemState::Done, &mark).map(|_| ())
    })
}

/// Refuses where a pool wants its files the other way, and names the file.
pub(super) fn admit(places: &Places, file: &File, encrypted: bool) -> Result<()> {
    places.pool(file.pool_id, "poolId")?.admit_encrypted(encrypted).map_err(|error| {
        error.with("fileId", file.id.to_string()).with("fileName", file.name.clone())
    })
}

/// The work list of either direction. `sizes` are those that the files may have afterwards.
pub(super) fn plan(
    places: &Places,
    verb: &str,
    files: &[File],
    sizes: Vec<u64>,
    keep_original: bool,
) -> Result<Plan> {
    let mut reserve = 0;
    let mut needed = std::collections::HashMap::<_, u64>::new();
    for (file, size) in files.iter().zip(sizes) {
        let charge = places.pool(file.pool_id, "poolId")?.charge(size);
        reserve += if keep_original { charge } else { charge.saturating_sub(file.charge) };
        *needed.entry(file.pool_id).or_default() += size;
    }
    for (pool_id, needed) in needed {
        let room = places.dir(pool_id)?.room()?;
        if needed > room {
            return Err(Error::disk_full().with("needed", needed).with("free", room));
        }
    }
    let name = match files {
        [one] => format!("{verb} {}", one.name),
        many => format!("{verb} {} files", many.len()),
    };
    let parameters = json!({
        "fileIds": files.iter().map(|file| file.id).collect::<Vec<_>>(),
        "keepOriginal": keep_original,
    });
    let mut plan = Plan::new(name, Lane::Io, parameters);
    plan.items = files
        .iter()
        .map(|file| NewItem {
            name: file.name.clone(),
            item: json!({ "fileId": file.id }),
            bytes: file.lock.as_ref().map_or(file.size, |lock| lock.plain_size),
        })
        .collect();
    plan.reserve_bytes = reserve;
    Ok(plan)
}

/// Refuses early what the reservation would refuse, before a password is stretched.
pub(super) fn refuse_without_room(engine: &Engine, owner: AccountId, bytes: u64) -> Result<()> {
    let quota = engine
        .store
        .read_now(|db| crate::store::accounts::quota_of(db, owner, engine.clock.now()))?;
    if quota.has_room(bytes) { Ok(()) } else { Err(quota.exceeded(bytes)) }
}

pub(super) fn kept(context: &Context) -> Result<Kept> {
    serde_json::from_value(context.task.parameters.clone()).map_err(Error::internal)
}

fn key(context: &Context) -> Result<LockKey> {
    let lost = || Error::internal("the key of an encryption is gone");
    let kept = context.checkpoint()?.ok_or_else(lost)?;
    let recipient = kept["recipient"].as_str().ok_or_else(lost)?.to_owned();
    let wrapped = kept["wrappedKey"].as_str().ok_or_else(lost)?;
    let wrapped_key = STANDARD.decode(wrapped).map_err(Error::internal)?;
    Ok(LockKey { recipient, wrapped_key })
}

/// The results of either direction.
pub(super) fn finish(context: &Context) -> Work<Ending> {
    let outcome = outcome(context, LISTED)?;
    let pk = context.task.pk;
    let done =
        context.engine.store.read_now(|db| items::from(db, pk, ItemState::Done, 0, LISTED))?;
    let ids: Vec<_> = done
        .into_iter()
        .filter_map(|item| item.detail.map(|detail| detail["fileId"].clone()))
        .collect();
    results(json!({
        "fileIds": ids,
        "fileCount": outcome.done,
        "failedCount": outcome.failed_count,
        "failed": outcome.failed,
    }))
}

pub(super) fn schema(password_min: u32) -> Value {
    json!({
        "type": "object",
        "required": ["fileIds", "password"],
        "additionalProperties": false,
        "properties": {
            "fileIds": { "type": "array", "items": { "type": "string", "format": "uuid" }, "minItems": 1, "title": "Files" },
            "password": { "type": "string", "format": "password", "minLength": password_min, "maxLength": 256, "title": "Password" },
            "keepOriginal": { "type": "boolean", "default": false, "title": "Keep the original" }
        }
    })
}
