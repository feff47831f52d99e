//! StorageMigration: all or chosen files of a pool go to another one, each verified before its row is switched. The
//! old bytes are garbage only then, so at any moment of any crash every file is whole in one of the two pools.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value, json};

use super::outcome::{FAILED_LISTED, outcome};
use super::places::{self, Places, announce_change, own_files, publish};
use super::relocate::{Verify, admit, transfer};
use crate::domain::account::{Caller, Role};
use crate::domain::error::{Error, Kind, Result};
use crate::domain::file::File;
use crate::domain::id::{AccountId, FileId, PoolId};
use crate::domain::pool::Pool;
use crate::domain::task::TaskType;
use crate::domain::work::{Item, ItemState, Lane, NewItem};
use crate::engine::Engine;
use crate::engine::context::{Context, Ending, Work, results};
use crate::engine::operation::{Operation, Plan, Request};
use crate::engine::submit::ITEMS_MAX;
use crate::store::file_changes::{self, Switch};
use crate::store::items::{self, Mark};

const PAGE: usize = 1_000;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Parameters {
    source_pool_id: PoolId,
    target_pool_id: PoolId,
    file_ids: Option<Vec<FileId>>,
    #[serde(default = "yes")]
    delete_source: bool,
    #[serde(default = "yes")]
    verify: bool,
}

fn yes() -> bool {
    true
}

pub struct StorageMigration {
    places: Arc<Places>,
}

impl StorageMigration {
    pub fn new(places: Arc<Places>) -> Self {
        Self { places }
    }
}

impl Operation for StorageMigration {
    fn task_type(&self) -> TaskType {
        TaskType::StorageMigration
    }

    fn title(&self) -> &'static str {
        "Migrate a pool"
    }

    fn schema(&self) -> Value {
        let uuid = |title: &str| json!({ "type": "string", "format": "uuid", "title": title });
        json!({
            "type": "object",
            "required": ["sourcePoolId", "targetPoolId"],
            "additionalProperties": false,
            "properties": {
                "sourcePoolId": uuid("From pool"),
                "targetPoolId": uuid("Into pool"),
                "fileIds": {
                    "type": "array",
                    "items": { "type": "string", "format": "uuid" },
                    "title": "Only these files; all of the pool where left out"
                },
                "deleteSource": { "type": "boolean", "default": true, "title": "Free the space in the old pool" },
                "verify": { "type": "boolean", "default": true, "title": "Read every byte again where none is copied" }
            }
        })
    }

    fn plan(&self, engine: &Engine, request: &Request) -> Result<Plan> {
        let asked: Parameters = request.parse()?;
        let source = self.places.pool(asked.source_pool_id, "parameters.sourcePoolId")?;
        let target = self.places.pool(asked.target_pool_id, "parameters.targetPoolId")?;
        if source.id == target.id {
            let message = "parameters.targetPoolId must be another pool than the source.";
            return Err(Error::invalid("parameters.targetPoolId", message));
        }
        let caller = &request.caller;
        let files = match &asked.file_ids {
            Some(ids) => chosen(engine, caller.account_id, ids, source)?,
            None => all(engine, caller, source.id)?,
        };
        let bytes: u64 = files.iter().map(|file| file.size).sum();
        let room = self.places.dir(target.id)?.room()?;
        let shared = self.places.dir(source.id)?.shares_disk(self.places.dir(target.id)?);
        if bytes > room && !shared {
            return Err(Error::disk_full().with("needed", bytes).with("free", room));
        }
        for file in &files {
            admit(target, file, caller)?;
        }
        let parameters = json!({
            "sourcePoolId": source.id,
            "targetPoolId": target.id,
            "fileIds": asked.file_ids,
            "deleteSource": asked.delete_source,
            "verify": asked.verify,
        });
        let (from, to) = (&source.name, &target.name);
        let name = match files.as_slice() {
            [one] => format!("Migrate {} from {from} to {to}", one.name),
            many => format!("Migrate {} files from {from} to {to}", many.len()),
        };
        let mut plan = Plan::new(name, Lane::Io, parameters);
        plan.reserve_bytes = reserve(&files, target, caller.account_id, asked.delete_source);
        plan.items = files
            .into_iter()
            .map(|file| NewItem {
                item: json!({ "fileId": file.id, "accountId": file.account_id }),
                bytes: file.size,
                name: file.name,
            })
            .collect();
        plan.unique_key =
            Some(format!("migrate:{}", blake3::hash(plan.parameters.to_string().as_bytes())));
        Ok(plan)
    }

    fn run(&self, context: &Context) -> Work<Ending> {
        let wanted: Parameters =
            serde_json::from_value(context.task.parameters.clone()).map_err(Error::internal)?;
        let target = self.places.pool(wanted.target_pool_id, "targetPoolId")?;
        context.each_item(|item| self.migrate_one(context, &wanted, target, item))?;
        finish(context)
    }
}

impl StorageMigration {
    fn migrate_one(
        &self,
        context: &Context,
        wanted: &Parameters,
        target: &Pool,
        item: &Item,
    ) -> Work<()> {
        let seq = item.seq;
        let Some(file) =
            item_file(context, item)?.filter(|file| file.pool_id == wanted.source_pool_id)
        else {
            // Deleted or moved since the list was made: there is nothing left to do for it.
            let gone =
                Mark { detail: Some(json!({ "why": "no longer in the pool" })), error: None };
            context
                .commit(move |tx, task| items::mark(tx, task.pk, seq, ItemState::Skipped, &gone))?;
            return Ok(());
        };
        let verify = if wanted.verify { Verify::Always } else { Verify::WhereCopied };
        let switch = transfer(context, &self.places, &file, target, verify)?;
        let keeps_source = !wanted.delete_source;
        context.commit(move |tx, task| {
            if keeps_source {
                let copy = publish(tx, task.pk, copy_of(&file, &switch))?;
                announce_change(tx, "file.created", &copy)?;
            } else {
                let moved = places::switch(tx, task.pk, &file, &switch)?;
                announce_change(tx, "file.updated", &moved)?;
            }
            items::mark(tx, task.pk, seq, ItemState::Done, &Mark::default()).map(|_| ())
        })
    }
}

/// A second file over what was brought into the other pool.
fn copy_of(file: &File, to: &Switch) -> File {
    File {
        id: FileId::generate(),
        object_id: to.object_id,
        pool_id: to.pool_id,
        charge: to.charge,
        lock: to.lock.clone(),
        ..file.clone()
    }
}

fn item_file(context: &Context, item: &Item) -> Result<Option<File>> {
    let owner: AccountId =
        serde_json::from_value(item.item["accountId"].clone()).map_err(Error::internal)?;
    let id: FileId =
        serde_json::from_value(item.item["fileId"].clone()).map_err(Error::internal)?;
    context.engine.store.read_now(|db| file_changes::find(db, owner, id))
}

fn chosen(engine: &Engine, owner: AccountId, ids: &[FileId], source: &Pool) -> Result<Vec<File>> {
    let files = own_files(engine, owner, ids)?;
    match files.iter().find(|file| file.pool_id != source.id) {
        None => Ok(files),
        Some(stray) => Err(Error::invalid(
            "parameters.fileIds",
            format!("\"{}\" is not in pool \"{}\".", stray.name, source.name),
        )
        .with("fileId", stray.id.to_string())),
    }
}

/// Everything in the pool: an administrator's migration takes the files of all accounts, anyone else's the own ones.
fn all(engine: &Engine, caller: &Caller, pool_id: PoolId) -> Result<Vec<File>> {
    let mut files: Vec<File> = Vec::new();
    loop {
        let after = files.last().map(|file| file.id);
        let page = engine.store.read_now(|db| file_changes::in_pool(db, pool_id, after, PAGE))?;
        let full = page.len() == PAGE;
        files.extend(page);
        if !full {
            break;
        }
        if files.len() > ITEMS_MAX {
            return Err(Error::new(
                Kind::TooMany,
                format!(
                    "The pool holds more than {ITEMS_MAX} files; migrate them in parts, by fileIds."
                ),
            )
            .with("limit", ITEMS_MAX));
        }
    }
    files.retain(|file| caller.role == Role::Admin || file.account_id == caller.account_id);
    Ok(files)
}

/// What the caller's own files may cost more in the other pool. Other accounts' files are charged as they move.
fn reserve(files: &[File], target: &Pool, owner: AccountId, moves: bool) -> u64 {
    files
        .iter()
        .filter(|file| file.account_id == owner)
        .map(|file| {
            let charge = target.charge(file.size);
            if moves { charge.saturating_sub(file.charge) } else { charge }
        })
        .sum()
}

fn finish(context: &Context) -> Work<Ending> {
    let outcome = outcome(context, FAILED_LISTED)?;
    let pk = context.task.pk;
    let skipped = context.engine.store.read_now(|db| items::count(db, pk, ItemState::Skipped))?.0;
    results(json!({
        "migratedCount": outcome.done,
        "migratedBytes": outcome.bytes,
        "skippedCount": skipped,
        "failedCount": outcome.failed_count,
        "failed": outcome.failed,
    }))
}
