//! FileMove: files go to another pool, bundle or folder. Within a pool only rows change. Between pools the bytes are
//! copied, held against their hash, and the row is switched; the old bytes are garbage then, and removed later.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value, json};

use super::bundles;
use super::outcome::finish;
use super::places::{self, Feed, Hashed, Outlet, Places, announce_change, item_file, own_files};
use super::sealing::seal;
use crate::blobs::draft::copy;
use crate::blobs::staging;
use crate::domain::error::{Error, Result};
use crate::domain::file::{ContentType, File, Folder};
use crate::domain::id::{BundleId, FileId, ObjectId, PoolId};
use crate::domain::pool::Pool;
use crate::domain::task::TaskType;
use crate::domain::work::{Item, ItemState, Lane, NewItem};
use crate::engine::Engine;
use crate::engine::context::{Context, Ending, Work, corrupt};
use crate::engine::operation::{Operation, Plan, Request};
use crate::store::file_changes::{self, Amend, Switch};
use crate::store::items::{self, Mark};
use crate::store::objects::{self, NewObject};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Parameters {
    file_ids: Vec<FileId>,
    target_pool_id: Option<PoolId>,
    target_bundle_id: Option<BundleId>,
    target_folder: Option<String>,
}

pub struct FileMove {
    places: Arc<Places>,
}

impl FileMove {
    pub fn new(places: Arc<Places>) -> Self {
        Self { places }
    }
}

impl Operation for FileMove {
    fn task_type(&self) -> TaskType {
        TaskType::FileMove
    }

    fn title(&self) -> &'static str {
        "Move files"
    }

    fn schema(&self) -> Value {
        json!({
            "type": "object",
            "required": ["fileIds"],
            "additionalProperties": false,
            "properties": {
                "fileIds": { "type": "array", "items": { "type": "string", "format": "uuid" }, "minItems": 1, "title": "Files" },
                "targetPoolId": { "type": "string", "format": "uuid", "title": "Into pool" },
                "targetBundleId": { "type": "string", "format": "uuid", "title": "Into bundle" },
                "targetFolder": { "type": "string", "title": "Into folder" }
            }
        })
    }

    fn plan(&self, engine: &Engine, request: &Request) -> Result<Plan> {
        let asked: Parameters = request.parse()?;
        let folder = asked
            .target_folder
            .as_deref()
            .map(|text| Folder::parse_as("parameters.targetFolder", text))
            .transpose()?;
        if asked.target_pool_id.is_none() && asked.target_bundle_id.is_none() && folder.is_none() {
            let message = "Say where to: targetPoolId, targetBundleId or targetFolder.";
            return Err(Error::invalid("parameters", message));
        }
        let owner = request.caller.account_id;
        bundles::check(engine, owner, asked.target_bundle_id, "parameters.targetBundleId")?;
        let files = own_files(engine, owner, &asked.file_ids)?;
        let target = asked
            .target_pool_id
            .map(|id| self.places.pool(id, "parameters.targetPoolId"))
            .transpose()?;
        let mut reserve = 0;
        let mut needed = 0;
        let mut items = Vec::new();
        for file in &files {
            let travels = target.is_some_and(|pool| pool.id != file.pool_id);
            if let Some(pool) = target
                && travels
            {
                admit(pool, file, &request.caller)?;
                reserve += pool.charge(file.size).saturating_sub(file.charge);
                needed += file.size;
            }
            items.push(NewItem {
                name: file.name.clone(),
                item: json!({ "fileId": file.id }),
                bytes: if travels { file.size } else { 0 },
            });
        }
        if let Some(pool) = target {
            let room = self.places.dir(pool.id)?.room()?;
            if needed > room {
                return Err(Error::disk_full().with("needed", needed).with("free", room));
            }
        }
        let lane = if needed > 0 { Lane::Io } else { Lane::Quick };
        let parameters = json!({
            "fileIds": files.iter().map(|file| file.id).collect::<Vec<_>>(),
            "targetPoolId": asked.target_pool_id,
            "targetBundleId": asked.target_bundle_id,
            "targetFolder": folder.as_ref().map(Folder::as_str),
        });
        let name = match (files.as_slice(), target, &folder) {
            ([one], Some(pool), _) => format!("Move {} to {}", one.name, pool.name),
            ([one], None, Some(folder)) => format!("Move {} to {}", one.name, folder.as_str()),
            (many, Some(pool), _) => format!("Move {} files to {}", many.len(), pool.name),
            (many, None, Some(folder)) => {
                format!("Move {} files to {}", many.len(), folder.as_str())
            }
            (many, ..) => format!("Move {} files to a bundle", many.len()),
        };
        let mut plan = Plan::new(name, lane, parameters);
        plan.items = items;
        plan.reserve_bytes = reserve;
        Ok(plan)
    }

    fn run(&self, context: &Context) -> Work<Ending> {
        let wanted: Parameters =
            serde_json::from_value(context.task.parameters.clone()).map_err(Error::internal)?;
        context.each_item(|item| self.move_one(context, &wanted, item))?;
        finish(context, "movedCount")
    }
}

impl FileMove {
    fn move_one(&self, context: &Context, wanted: &Parameters, item: &Item) -> Work<()> {
        let file = item_file(context, &item.item["fileId"])?;
        let switch = match wanted.target_pool_id {
            Some(pool_id) if pool_id != file.pool_id => {
                let pool = self.places.pool(pool_id, "targetPoolId")?;
                Some(transfer(context, &self.places, &file, pool, Verify::WhereCopied)?)
            }
            _ => None,
        };
        let amend = Amend {
            folder: wanted.target_folder.clone(),
            bundle_id: wanted.target_bundle_id.map(Some),
            ..Amend::default()
        };
        let seq = item.seq;
        context.commit(move |tx, task| {
            if let Some(switch) = &switch {
                places::switch(tx, task.pk, &file, switch)?;
            }
            let moved = file_changes::amend(tx, task.account_id, file.id, &amend)?;
            announce_change(tx, "file.updated", &moved)?;
            items::mark(tx, task.pk, seq, ItemState::Done, &Mark::default()).map(|_| ())
        })
    }
}

/// Refuses a file that a pool does not take, and names it.
pub(super) fn admit(
    pool: &Pool,
    file: &File,
    caller: &crate::domain::account::Caller,
) -> Result<()> {
    let content_type =
        ContentType::parse(&file.content_type).unwrap_or_else(|_| ContentType::unknown());
    pool.admit_stored(file.size, &content_type, caller.role, file.lock.is_some()).map_err(|error| {
        error.with("fileId", file.id.to_string()).with("fileName", file.name.clone())
    })
}

/// Are bytes read again that were not copied, but linked?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verify {
    WhereCopied,
    Always,
}

/// Brings a file's bytes into another pool: found there already, linked where both pools lie on one file system, or
/// copied and held against the hash. The row is not switched yet.
pub(super) fn transfer(
    context: &Context,
    places: &Places,
    file: &File,
    pool: &Pool,
    verify: Verify,
) -> Work<Switch> {
    let (owner, from, pool_id) = (file.account_id, file.object_id, pool.id);
    let twin = context.engine.store.read_now(|db| objects::twin_in(db, owner, from, pool_id))?;
    let object_id = match twin {
        Some(object_id) => object_id,
        None => match link(context, places, file, pool, verify)? {
            Some(object_id) => object_id,
            None => copy_verified(context, places, file, pool)?.id,
        },
    };
    Ok(Switch {
        object_id,
        pool_id: pool.id,
        size: file.size,
        sha256: file.sha256,
        charge: pool.charge(file.size),
        lock: file.lock.clone(),
    })
}

/// A second name for the same bytes, where the file system can give one.
fn link(
    context: &Context,
    places: &Places,
    file: &File,
    pool: &Pool,
    verify: Verify,
) -> Work<Option<ObjectId>> {
    let (from, to) = (places.dir(file.pool_id)?, places.dir(pool.id)?);
    if !from.shares_disk(to) {
        return Ok(None);
    }
    if verify == Verify::Always {
        check_hash(context, places, file)?;
    }
    let source = file.object_id;
    let known = context.engine.store.read_now(|db| objects::get(db, source))?;
    let Some(known) = known else { return Err(Error::not_found("file").into()) };
    let object = NewObject { id: ObjectId::generate(), pool_id: pool.id, ..known };
    let id = object.id;
    // The row first: nothing on the disk is without one.
    context.commit(move |tx, task| objects::insert_held(tx, &object, task.pk))?;
    if staging::link(from, source, to, id)?.is_some() {
        return Ok(Some(id));
    }
    context.commit(move |tx, _| objects::let_go(tx, id))?;
    Ok(None)
}

fn copy_verified(context: &Context, places: &Places, file: &File, pool: &Pool) -> Work<NewObject> {
    let mut source = Feed::new(context, places.open(file)?);
    let mut sink = Outlet::new(context, places.draft(pool.id)?);
    let copied = copy(&mut source, &mut sink).map_err(|error| Error::io("copying a file", &error));
    context.settle(copied)?;
    let draft = sink.sink;
    if draft.facts()?.sha256 != file.sha256 {
        return Err(corrupt(&file.name).into());
    }
    seal(context, pool.id, draft)
}

/// Reads a file and holds it against its hash.
pub(super) fn check_hash(context: &Context, places: &Places, file: &File) -> Work<()> {
    let mut source = Hashed::new(Feed::new(context, places.open(file)?));
    let read = copy(&mut source, &mut std::io::sink());
    context.settle(read.map_err(|error| Error::io("reading a file", &error)))?;
    if source.finish() == file.sha256 { Ok(()) } else { Err(corrupt(&file.name).into()) }
}
