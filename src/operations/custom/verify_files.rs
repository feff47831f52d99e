//! verifyFiles: reads files again and holds their bytes against their hashes, to find what a disk has damaged.

use serde::Deserialize;
use serde_json::{Value, json};

use super::Handler;
use crate::domain::account::{Caller, Role};
use crate::domain::error::{Error, Kind, Result};
use crate::domain::file::{File, Folder};
use crate::domain::id::{AccountId, FileId, PoolId};
use crate::domain::work::{Item, ItemState, Lane, NewItem};
use crate::engine::Engine;
use crate::engine::context::{Context, Ending, Stop, Work, results};
use crate::engine::operation::{Plan, Request};
use crate::engine::submit::ITEMS_MAX;
use crate::operations::places::{Places, files_below, own_files};
use crate::operations::relocate::check_hash;
use crate::store::file_changes;
use crate::store::files;
use crate::store::items::{self, Mark};

/// Damaged files that the results list; the rest is in the task's items.
const CORRUPT_LISTED: usize = 100;
/// Files read at once from a pool's list.
const PAGE: usize = 1_000;
/// What to do with more files than a task takes.
const ONE_BY_ONE: &str = "check one folder after the other.";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Parameters {
    file_ids: Option<Vec<FileId>>,
    folder: Option<String>,
    pool_id: Option<PoolId>,
}

/// What an item remembers of its file. Of a pool's check the owner too, who need not be the one who asked.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct About {
    file_id: FileId,
    account_id: Option<AccountId>,
}

pub struct VerifyFiles;

impl Handler for VerifyFiles {
    fn name(&self) -> &'static str {
        "verifyFiles"
    }

    fn title(&self) -> &'static str {
        "Check files for damage"
    }

    fn properties(&self) -> Value {
        json!({
            "fileIds": { "type": "array", "items": { "type": "string", "format": "uuid" }, "minItems": 1, "title": "Files" },
            "folder": { "type": "string", "title": "Folder, with all below it" },
            "poolId": { "type": "string", "format": "uuid", "title": "Pool, for administrators" }
        })
    }

    fn plan(&self, places: &Places, engine: &Engine, request: &Request) -> Result<Plan> {
        let asked: Parameters = request.parse()?;
        let given = [asked.file_ids.is_some(), asked.folder.is_some(), asked.pool_id.is_some()];
        if given.iter().filter(|&&given| given).count() > 1 {
            let message =
                "Give one of fileIds, folder and poolId; without any, all your files are meant.";
            return Err(Error::invalid("parameters", message));
        }
        let owner = request.caller.account_id;
        let (name, parameters, items) = if let Some(ids) = &asked.file_ids {
            let files = own_files(engine, owner, ids)?;
            let name = match files.as_slice() {
                [one] => format!("Verify {}", one.name),
                many => format!("Verify {} files", many.len()),
            };
            (name, json!({ "fileIds": ids }), files.iter().map(item).collect())
        } else if let Some(id) = asked.pool_id {
            of_pool(places, engine, &request.caller, id)?
        } else {
            of_folder(engine, owner, asked.folder.as_deref())?
        };
        let mut plan = Plan::new(name, Lane::Maintenance, parameters);
        plan.items = items;
        Ok(plan)
    }

    fn run(&self, places: &Places, context: &Context) -> Work<Ending> {
        context.each_item(|item| verify(places, context, item))?;
        let pk = context.task.pk;
        let (whole, bytes, corrupt, gone, listed) = context.engine.store.read_now(|db| {
            let (whole, bytes) = items::count(db, pk, ItemState::Done)?;
            let corrupt = items::count(db, pk, ItemState::Failed)?.0;
            let gone = items::count(db, pk, ItemState::Skipped)?.0;
            Ok((
                whole,
                bytes,
                corrupt,
                gone,
                items::from(db, pk, ItemState::Failed, 0, CORRUPT_LISTED)?,
            ))
        })?;
        results(json!({
            "verifiedCount": whole,
            "verifiedBytes": bytes,
            "corruptCount": corrupt,
            "corrupt": listed.iter().map(told).collect::<Vec<_>>(),
            "skippedCount": gone,
        }))
    }
}

type Found = (String, Value, Vec<NewItem>);

fn of_folder(engine: &Engine, owner: AccountId, folder: Option<&str>) -> Result<Found> {
    let folder = folder.map(|text| Folder::parse_as("parameters.folder", text)).transpose()?;
    let path = folder.as_ref().map_or("/", Folder::as_str).to_owned();
    let files = files_below(engine, owner, &path, ONE_BY_ONE)?;
    let name = if path == "/" { "Verify all files".to_owned() } else { format!("Verify {path}") };
    Ok((name, json!({ "folder": path }), files.iter().map(item).collect()))
}

fn of_pool(places: &Places, engine: &Engine, caller: &Caller, id: PoolId) -> Result<Found> {
    if caller.role < Role::Admin {
        let message = "Only administrators check a whole pool. Give fileIds or folder.";
        return Err(Error::new(Kind::Forbidden, message).with("field", "parameters.poolId"));
    }
    let pool = places.pool(id, "parameters.poolId")?;
    let mut items = Vec::new();
    let mut after = None;
    loop {
        let page = engine.store.read_now(|db| file_changes::in_pool(db, id, after, PAGE))?;
        after = page.last().map(|file| file.id);
        for file in &page {
            // What other people's files are called is their own business.
            let own = file.account_id == caller.account_id;
            let name = if own { file.name.clone() } else { file.id.to_string() };
            let about = json!({ "fileId": file.id, "accountId": file.account_id });
            items.push(NewItem { name, item: about, bytes: file.size });
        }
        if items.len() > ITEMS_MAX {
            let message = format!("The pool has more than {ITEMS_MAX} files; {ONE_BY_ONE}");
            return Err(Error::invalid("parameters.poolId", message).with("limit", ITEMS_MAX));
        }
        if page.len() < PAGE {
            return Ok((format!("Verify pool {}", pool.name), json!({ "poolId": id }), items));
        }
    }
}

fn item(file: &File) -> NewItem {
    NewItem { name: file.name.clone(), item: json!({ "fileId": file.id }), bytes: file.size }
}

fn verify(places: &Places, context: &Context, item: &Item) -> Work<()> {
    let about: About = serde_json::from_value(item.item.clone()).map_err(Error::internal)?;
    let owner = about.account_id.unwrap_or(context.task.account_id);
    let now = context.engine.clock.now();
    let found = context.engine.store.read_now(|db| files::get(db, owner, about.file_id, now));
    let state = match found {
        // Deleted since the list was made.
        Err(error) if error.kind() == Kind::NotFound => ItemState::Skipped,
        found => match check_hash(context, places, &found?) {
            Ok(()) => ItemState::Done,
            // A sector that cannot be read, or an object that is gone, is what is looked for.
            Err(Stop::Failed(error)) if matches!(error.kind(), Kind::Io | Kind::Internal) => {
                return context.fail_item(item.seq, &error);
            }
            Err(stop) => return Err(stop),
        },
    };
    let seq = item.seq;
    context
        .commit(move |tx, task| items::mark(tx, task.pk, seq, state, &Mark::default()).map(|_| ()))
}

fn told(item: &Item) -> Value {
    let mut told = item.item.clone();
    told["name"] = item.name.as_str().into();
    told["errorCode"] = item.error_code.clone().into();
    told["errorMessage"] = item.error_message.clone().into();
    told
}
