//! FileDecrypt: age files become what is inside. The password opens the wrapped keys while the task is planned, so that
//! a wrong one is told at once; what the task keeps is the private keys, sealed with the server's key until it ends.

use std::sync::Arc;

use serde_json::Value;
use zeroize::Zeroizing;

use super::encrypt::{Parameters, admit, finish, kept, plan, refuse_without_room, replace, schema};
use super::passwords::not_encrypted;
use super::places::{Feed, Outlet, Places, item_file, own_files};
use super::sealing::seal;
use crate::blobs::cipher::{self, Identity};
use crate::domain::error::{Error, Kind, Result};
use crate::domain::file::{File, Lock};
use crate::domain::id::AccountId;
use crate::domain::password::Password;
use crate::domain::task::{Task, TaskType};
use crate::domain::work::Item;
use crate::engine::Engine;
use crate::engine::context::{Context, Ending, Work, corrupt};
use crate::engine::operation::{Operation, Plan, Request};
use crate::store::Tx;
use crate::store::file_changes::Switch;

/// Different keys of one request: each takes some tenths of a second to open.
const KEYS_MAX: usize = 16;

pub struct FileDecrypt {
    places: Arc<Places>,
}

impl FileDecrypt {
    pub fn new(places: Arc<Places>) -> Self {
        Self { places }
    }
}

impl Operation for FileDecrypt {
    fn task_type(&self) -> TaskType {
        TaskType::FileDecrypt
    }

    fn title(&self) -> &'static str {
        "Decrypt files"
    }

    fn schema(&self) -> Value {
        schema(1)
    }

    fn plan(&self, engine: &Engine, request: &Request) -> Result<Plan> {
        let asked: Parameters = request.parse()?;
        let owner = request.caller.account_id;
        let files = own_files(engine, owner, &asked.file_ids)?;
        let mut sizes = Vec::with_capacity(files.len());
        for file in &files {
            let lock = file
                .lock
                .as_ref()
                .ok_or_else(|| not_encrypted(file).with("field", "parameters.fileIds"))?;
            admit(&self.places, file, false)?;
            sizes.push(lock.plain_size);
        }
        let mut plan = plan(&self.places, "Decrypt", &files, sizes, asked.keep_original)?;
        refuse_without_room(engine, owner, plan.reserve_bytes)?;
        plan.secret = Some(self.unlock(owner, &files, &asked.password)?);
        Ok(plan)
    }

    fn run(&self, context: &Context) -> Work<Ending> {
        let kept = kept(context)?;
        let identities = identities(context)?;
        context
            .each_item(|item| self.decrypt_one(context, &identities, kept.keep_original, item))?;
        finish(context)
    }

    /// The keys were forgotten when the task failed, and the password was never kept.
    fn retry(&self, _tx: &Tx<'_>, _task: &Task) -> Result<()> {
        Err(Error::new(
            Kind::PasswordRequired,
            "The password is not kept. Create the task anew, with the password.",
        ))
    }

    fn relax(&self) {
        self.places.passwords.relax();
    }
}

impl FileDecrypt {
    /// The private keys of all files, a line each.
    fn unlock(&self, owner: AccountId, files: &[File], password: &Password) -> Result<Vec<u8>> {
        let mut different: Vec<(&File, &Lock)> = Vec::new();
        for file in files {
            let Some(lock) = &file.lock else { continue };
            if different.iter().all(|(_, known)| known.wrapped_key != lock.wrapped_key) {
                different.push((file, lock));
            }
            if different.len() > KEYS_MAX {
                let message = format!(
                    "These files have more than {KEYS_MAX} different keys. Divide them among several tasks."
                );
                return Err(Error::invalid("parameters.fileIds", message).with("limit", KEYS_MAX));
            }
        }
        let mut text = Zeroizing::new(String::with_capacity(KEYS_MAX * 128));
        for (file, lock) in different {
            let identity =
                self.places.passwords.unlock(owner, file.id, lock, password).map_err(|error| {
                    error.with("fileName", file.name.clone()).with("field", "parameters.password")
                })?;
            text.push_str(&identity.to_secret_text());
            text.push('\n');
        }
        Ok(text.as_bytes().to_vec())
    }

    fn decrypt_one(
        &self,
        context: &Context,
        identities: &[Identity],
        keep_original: bool,
        item: &Item,
    ) -> Work<()> {
        let file = item_file(context, &item.item["fileId"])?;
        let lock = file.lock.clone().ok_or_else(|| not_encrypted(&file))?;
        admit(&self.places, &file, false)?;
        let fitting = identities.iter().find(|one| one.recipient() == lock.recipient);
        let identity = fitting.ok_or_else(|| {
            let message = "It was encrypted anew meanwhile. Create a task with its new password.";
            Error::new(Kind::PasswordRequired, message)
        })?;
        let source = Feed::new(context, self.places.open(&file)?);
        let mut sink = Outlet::new(context, self.places.draft(file.pool_id)?);
        let plain_size = context.settle(cipher::decrypt(identity, source, &mut sink))?;
        if plain_size != lock.plain_size {
            return Err(corrupt(&file.name).into());
        }
        let object = seal(context, file.pool_id, sink.sink)?;
        let to = Switch {
            object_id: object.id,
            pool_id: object.pool_id,
            size: object.size,
            sha256: object.sha256,
            charge: self.places.pool(object.pool_id, "poolId")?.charge(object.size),
            lock: None,
        };
        let name = file.open_name().to_owned();
        replace(context, item.seq, file, to, name, keep_original)
    }
}

fn identities(context: &Context) -> Result<Vec<Identity>> {
    let secret = context.secret()?.ok_or_else(|| {
        let message = "The keys of this task are gone. Create it anew, with the password.";
        Error::new(Kind::PasswordRequired, message)
    })?;
    let text = str::from_utf8(&secret).map_err(Error::internal)?;
    text.lines().map(Identity::from_secret_text).collect()
}
