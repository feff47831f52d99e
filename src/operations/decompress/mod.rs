//! FileDecompress: the content of an archive becomes files. Each entry is made an object as it comes out; they all
//! become visible together, in the transaction that ends the task. After an interruption what is out is passed over.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::bundles;
use super::places::{self, Feed, Places, announce_file, publish, readable_file};
use crate::blobs::archive::read::{Inspected, Lock, extract, inspect};
use crate::domain::account::Caller;
use crate::domain::error::{Error, Kind, Result};
use crate::domain::event::Event;
use crate::domain::file::{File, Folder};
use crate::domain::id::{BundleId, FileId, ObjectId, PoolId};
use crate::domain::pool::Pool;
use crate::domain::task::{Status, Task, TaskType};
use crate::domain::work::{Item, ItemState, Lane};
use crate::engine::context::{Context, Ending, Work};
use crate::engine::operation::{Operation, Plan, Request};
use crate::engine::{Engine, announce_quota};
use crate::store::items;
use crate::store::objects;
use crate::store::{Store, Tx, accounts, events};

mod unpack;

use unpack::Unpack;

const ENTRIES_MAX: u64 = 10_000;
const PAGE: usize = 500;
/// Ids and skipped entries that the results list; all are in the task's items.
const LISTED: usize = 1_000;
/// With more files than this, clients hear of the folder once and not of each file.
const TOLD_ONE_BY_ONE: u64 = 100;

#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Parameters {
    file_id: FileId,
    target_folder: Option<String>,
    target_bundle_id: Option<BundleId>,
    target_pool_id: Option<PoolId>,
    #[serde(skip_serializing)]
    password: Option<Zeroizing<String>>,
    /// Set by the plan: the archive has a password.
    #[serde(default)]
    encrypted: bool,
}

/// What an extracted entry becomes.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Made {
    object_id: ObjectId,
    folder: String,
    name: String,
    content_type: String,
    modified_ms: Option<i64>,
}

pub struct FileDecompress {
    places: Arc<Places>,
}

impl FileDecompress {
    pub fn new(places: Arc<Places>) -> Self {
        Self { places }
    }
}

impl Operation for FileDecompress {
    fn task_type(&self) -> TaskType {
        TaskType::FileDecompress
    }

    fn title(&self) -> &'static str {
        "Unpack an archive"
    }

    fn schema(&self) -> Value {
        let uuid = |title: &str| json!({ "type": "string", "format": "uuid", "title": title });
        json!({
            "type": "object",
            "required": ["fileId"],
            "additionalProperties": false,
            "properties": {
                "fileId": uuid("Archive"),
                "targetFolder": { "type": "string", "title": "Into folder" },
                "targetBundleId": uuid("Into bundle"),
                "targetPoolId": uuid("Into pool"),
                "password": { "type": "string", "format": "password", "title": "Password" }
            }
        })
    }

    fn plan(&self, engine: &Engine, request: &Request) -> Result<Plan> {
        let mut asked: Parameters = request.parse()?;
        let caller = &request.caller;
        bundles::check(
            engine,
            caller.account_id,
            asked.target_bundle_id,
            "parameters.targetBundleId",
        )?;
        let file = readable_file(engine, caller.account_id, asked.file_id)?;
        let pool = self.places.target(asked.target_pool_id, file.pool_id)?;
        let folder = match &asked.target_folder {
            Some(text) => Folder::parse_as("parameters.targetFolder", text)?,
            None => Folder::parse(&format!("{}/{}", file.folder, stem(&file.name)))?,
        };
        let password = asked.password.take();
        let found = inspect(
            self.places.open(&file)?,
            file.size,
            password.as_ref().map(|password| password.as_str()),
        )
        .map_err(|error| {
            error.with("fileId", file.id.to_string()).with("fileName", file.name.clone())
        })?;
        self.check(engine, caller, pool, &found)?;
        let parameters = Parameters {
            target_folder: Some(folder.as_str().to_owned()),
            target_pool_id: Some(pool.id),
            encrypted: found.lock == Lock::PasswordFits,
            ..asked
        };
        let parameters = serde_json::to_value(&parameters).map_err(Error::internal)?;
        let mut plan = Plan::new(format!("Unpack {}", file.name), Lane::Cpu, parameters);
        plan.units_total = Some(file.size);
        plan.secret = password
            .filter(|_| found.lock == Lock::PasswordFits)
            .map(|password| password.as_bytes().to_vec());
        Ok(plan)
    }

    fn run(&self, context: &Context) -> Work<Ending> {
        let wanted: Parameters =
            serde_json::from_value(context.task.parameters.clone()).map_err(Error::internal)?;
        let file = places::item_file(context, &json!(wanted.file_id))?;
        let pool = self.places.planned(wanted.target_pool_id)?.clone();
        let secret = context.secret()?;
        let password = match &secret {
            Some(secret) => Some(std::str::from_utf8(secret).map_err(Error::internal)?),
            None => None,
        };
        context.recount_none();
        let mut unpack = Unpack::new(context, &self.places, &pool, &wanted)?;
        let limits = unpack.limits()?;
        let source = Feed::new(context, self.places.open(&file)?);
        let out = extract(source, file.size, &file.name, password, &limits, &mut unpack);
        context.settle(out)?;
        context.settle(unpack.make_objects())?;
        context.phase("finishing", None)?;
        Ok(finish(wanted, pool))
    }

    /// What was taken out is garbage by now; another try begins anew.
    fn clean(&self, store: &Store, task: &Task) -> Result<()> {
        let pk = task.pk;
        if task.status == Status::Failed {
            store.write_now(move |tx| items::clear(tx, pk))?;
        }
        Ok(())
    }

    fn retry(&self, _tx: &Tx<'_>, task: &Task) -> Result<()> {
        super::compress::retry_needs_no_secret(task)
    }
}

impl FileDecompress {
    /// Refuses what can be told without unpacking.
    fn check(
        &self,
        engine: &Engine,
        caller: &Caller,
        pool: &Pool,
        found: &Inspected,
    ) -> Result<()> {
        match found.lock {
            Lock::PasswordMissing => {
                let message = "The archive is encrypted. Give its password.";
                return Err(Error::new(Kind::PasswordRequired, message)
                    .with("field", "parameters.password"));
            }
            Lock::PasswordWrong => {
                let message = "The password does not open the archive.";
                return Err(
                    Error::new(Kind::PasswordWrong, message).with("field", "parameters.password")
                );
            }
            Lock::Open | Lock::PasswordFits => {}
        }
        if found.entries.is_some_and(|entries| entries > ENTRIES_MAX) {
            let message = format!("The archive has more than {ENTRIES_MAX} entries.");
            return Err(Error::new(Kind::ArchiveLimit, message).with("limit", ENTRIES_MAX));
        }
        let owner = caller.account_id;
        if let Some(bytes) = found.total_bytes {
            let quota =
                engine.store.read_now(|db| accounts::quota_of(db, owner, engine.clock.now()))?;
            if !quota.has_room(pool.charge(bytes)) {
                return Err(quota.exceeded(pool.charge(bytes)));
            }
            let room = self.places.dir(pool.id)?.room()?;
            if bytes > room {
                return Err(Error::disk_full().with("needed", bytes).with("free", room));
            }
        }
        Ok(())
    }
}

/// The name without the endings of archives.
fn stem(name: &str) -> &str {
    let lower = name.to_lowercase();
    let endings = [
        ".tar.gz", ".tar.bz2", ".tar.xz", ".tar.zst", ".tgz", ".tbz2", ".txz", ".tzst", ".zip",
        ".7z", ".tar", ".gz", ".bz2", ".xz", ".zst",
    ];
    let cut = endings.iter().find(|ending| lower.ends_with(*ending) && lower.len() > ending.len());
    cut.and_then(|ending| name.get(..name.len() - ending.len())).unwrap_or(name)
}

/// All files become visible in the transaction that ends the task.
fn finish(wanted: Parameters, pool: Pool) -> Ending {
    Box::new(move |tx, task| {
        let one_by_one =
            items::count(tx.connection, task.pk, ItemState::Done)?.0 <= TOLD_ONE_BY_ONE;
        let (mut ids, mut count, mut next) = (Vec::new(), 0, 0);
        loop {
            let page = items::from(tx.connection, task.pk, ItemState::Done, next, PAGE)?;
            let Some(last) = page.last() else { break };
            next = last.seq + 1;
            for item in &page {
                let file = publish_one(tx, task, &wanted, &pool, item)?;
                if one_by_one {
                    announce_file(tx, "file.created", &file)?;
                }
                if ids.len() < LISTED {
                    ids.push(file.id);
                }
                count += 1;
            }
        }
        if !one_by_one {
            let data = json!({ "count": count, "folder": wanted.target_folder });
            events::record(tx, Event::lasting(task.account_id, "file.created", None, data))?;
        }
        announce_quota(tx, task.account_id)?;
        let skipped = items::from(tx.connection, task.pk, ItemState::Skipped, 0, LISTED)?;
        let skipped: Vec<_> = skipped
            .iter()
            .map(|item| json!({ "name": item.name, "why": item.error_message }))
            .collect();
        Ok(json!({
            "fileIds": ids,
            "fileCount": count,
            "folder": wanted.target_folder,
            "skipped": skipped,
        }))
    })
}

fn publish_one(
    tx: &Tx<'_>,
    task: &Task,
    wanted: &Parameters,
    pool: &Pool,
    item: &Item,
) -> Result<File> {
    let made: Made = serde_json::from_value(item.item.clone()).map_err(Error::internal)?;
    let object = objects::get(tx.connection, made.object_id)?
        .ok_or_else(|| Error::internal("an extracted object is gone"))?;
    let file = File {
        bundle_id: wanted.target_bundle_id,
        content_type: made.content_type,
        last_modified: made.modified_ms.map(crate::domain::time::Timestamp),
        ..places::new_file(task.account_id, pool, &object, &made.name, &made.folder)
    };
    publish(tx, task.pk, file)
}
