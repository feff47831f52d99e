//! BulkOperation: one change for many files, by their ids or by a filter. Only rows change, many in one transaction;
//! a file that cannot be changed is listed and does not stop the rest.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::bundles;
use super::outcome::finish;
use super::places::announce_file;
use crate::domain::account::Caller;
use crate::domain::error::{Error, Kind, Result};
use crate::domain::file::{File, FileName, Folder};
use crate::domain::id::{BundleId, FileId, PoolId};
use crate::domain::pool::Recycling;
use crate::domain::task::{Task, TaskType};
use crate::domain::time::{DAY_MS, Timestamp};
use crate::domain::work::{Item, ItemState, Lane, NewItem, is_passing};
use crate::engine::context::{Context, Ending, Work, results};
use crate::engine::operation::{Operation, Plan, Request};
use crate::engine::submit::ITEMS_MAX;
use crate::engine::{Engine, announce_quota};
use crate::store::file_filter::{self, Filter};
use crate::store::items::{self, Mark};
use crate::store::{Tx, events, file_changes};

pub(super) mod change;
pub mod trash;

use change::Change;

/// Names that a dry run lists.
const SAMPLE: usize = 20;
/// With more files than this, clients hear of each transaction once and not of each file.
pub const TOLD_ONE_BY_ONE: u64 = 100;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Kinds {
    Delete,
    Restore,
    Purge,
    Move,
    Copy,
    Rename,
    Tag,
    SetExpiry,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Parameters {
    operation_type: Kinds,
    target_ids: Option<Vec<FileId>>,
    filter: Option<Chosen>,
    #[serde(default)]
    operation_parameters: Change,
}

/// Which files a filter means.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Chosen {
    older_than_days: Option<u32>,
    /// A media type, or its first half with a star: `image/*`.
    r#type: Option<String>,
    folder: Option<String>,
    include_subfolders: Option<bool>,
    bundle_id: Option<BundleId>,
    pool_id: Option<PoolId>,
    tag: Option<String>,
    min_size: Option<u64>,
    max_size: Option<u64>,
}

/// A file on the work list. Where it says how the file was, the file is changed only while it still is so: what was
/// put back from the trash meanwhile stays.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Listed {
    file_id: FileId,
    #[serde(skip_serializing_if = "Option::is_none")]
    deleted_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expired_at: Option<Timestamp>,
}

impl Listed {
    fn item(self, name: String) -> Result<NewItem> {
        Ok(NewItem { name, item: serde_json::to_value(self).map_err(Error::internal)?, bytes: 0 })
    }

    fn is_conditional(&self) -> bool {
        self.deleted_at.is_some() || self.expired_at.is_some()
    }

    /// Is the file still as it was when it was listed?
    fn still_holds(&self, file: &File) -> bool {
        (self.deleted_at.is_none() || self.deleted_at == file.deleted_at)
            && (self.expired_at.is_none() || self.expired_at == file.expired_at)
    }
}

pub struct BulkOperation;

impl Operation for BulkOperation {
    fn task_type(&self) -> TaskType {
        TaskType::BulkOperation
    }

    fn title(&self) -> &'static str {
        "Change many files"
    }

    fn schema(&self) -> Value {
        change::schema()
    }

    fn plan(&self, engine: &Engine, request: &Request) -> Result<Plan> {
        let asked: Parameters = request.parse()?;
        asked.operation_parameters.check(asked.operation_type, engine.clock.now())?;
        let wanted = asked.operation_parameters.target_bundle_id;
        let field = "parameters.operationParameters.targetBundleId";
        bundles::check(engine, request.caller.account_id, wanted, field)?;
        let files = choose(engine, &request.caller, &asked)?;
        let dry = asked.operation_parameters.dry_run;
        let name = format!(
            "{}{} {}",
            if dry { "Try: " } else { "" },
            asked.operation_type.verb(),
            match files.as_slice() {
                [one] => one.name.to_string(),
                several => format!("{} files", several.len()),
            }
        );
        let mut parameters = serde_json::to_value(&asked).map_err(Error::internal)?;
        if dry {
            // What it would do is known now; the task only tells it.
            parameters["found"] = json!({
                "matched": files.len(),
                "bytes": files.iter().map(|file| file.size).sum::<u64>(),
                "sample": files.iter().take(SAMPLE).map(|file| &file.name).collect::<Vec<_>>(),
            });
        }
        let mut plan = Plan::new(name, Lane::Quick, parameters);
        if !dry {
            let by_filter = asked.filter.is_some() && asked.operation_type == Kinds::Purge;
            let listed = |file: File| {
                let deleted_at = file.deleted_at.filter(|_| by_filter);
                Listed { file_id: file.id, deleted_at, expired_at: None }.item(file.name)
            };
            plan.items = files.into_iter().map(listed).collect::<Result<_>>()?;
        }
        Ok(plan)
    }

    fn run(&self, context: &Context) -> Work<Ending> {
        if let Some(found) = context.task.parameters.get("found") {
            let mut told = found.clone();
            told["processed"] = json!(0);
            told["dryRun"] = json!(true);
            return results(told);
        }
        let wanted: Parameters =
            serde_json::from_value(context.task.parameters.clone()).map_err(Error::internal)?;
        loop {
            let open = context.open_items()?;
            if open.is_empty() {
                return finish(context, "processed");
            }
            let wanted = wanted.clone();
            let recycling = context.engine.settings.recycling.clone();
            context.commit(move |tx, task| change_batch(tx, task, &wanted, &recycling, &open))?;
            context.advance(0)?;
        }
    }

    fn tend(&self, engine: &Arc<Engine>, now: Timestamp) -> Result<()> {
        trash::tend(engine, now)
    }
}

impl Kinds {
    fn verb(self) -> &'static str {
        match self {
            Self::Delete => "Delete",
            Self::Restore => "Put back",
            Self::Purge => "Delete for good",
            Self::Move => "Move",
            Self::Copy => "Copy",
            Self::Rename => "Rename",
            Self::Tag => "Tag",
            Self::SetExpiry => "Set the expiry of",
        }
    }

    /// Whose files are in the trash.
    fn wants_trash(self) -> bool {
        matches!(self, Self::Restore | Self::Purge)
    }

    /// What it means for a file: deleting is for good where the pool keeps no trash.
    pub(super) fn of(self, file: &File, recycling: &Recycling) -> Self {
        match self {
            Self::Delete if recycling.is_off(file.pool_id) => Self::Purge,
            kind => kind,
        }
    }

    pub(super) fn event(self) -> &'static str {
        match self {
            Self::Delete | Self::Purge => "file.deleted",
            Self::Copy | Self::Restore => "file.created",
            _ => "file.updated",
        }
    }
}

/// The files a request means, by ids or by filter.
fn choose(engine: &Engine, caller: &Caller, asked: &Parameters) -> Result<Vec<File>> {
    let (owner, now) = (caller.account_id, engine.clock.now());
    let older = asked.operation_parameters.older_than_days;
    match (&asked.target_ids, &asked.filter) {
        (Some(ids), None) if ids.is_empty() => {
            let message = "parameters.targetIds must name a file.";
            Err(Error::invalid("parameters.targetIds", message))
        }
        (Some(ids), None) if ids.len() > ITEMS_MAX => {
            let message = format!("parameters.targetIds names at most {ITEMS_MAX} files.");
            Err(Error::invalid("parameters.targetIds", message))
        }
        (Some(ids), None) => engine.store.read_now(|db| {
            let before = older.map(|days| now.plus_ms(-i64::from(days) * DAY_MS));
            let mut seen = std::collections::HashSet::new();
            let mut files = Vec::new();
            for &id in ids.iter().filter(|id| seen.insert(**id)) {
                let found =
                    file_changes::find(db, owner, id)?.ok_or_else(|| Error::not_found("file"));
                let file = found.and_then(|file| file.unexpired(now)).map_err(|error| {
                    error.with("field", "parameters.targetIds").with("fileId", id.to_string())
                })?;
                if before.is_none_or(|before| file.created_at < before) {
                    files.push(file);
                }
            }
            Ok(files)
        }),
        (None, Some(chosen)) => by_filter(engine, caller, asked, chosen, now),
        _ => {
            let message = "Name the files by targetIds or by filter; one of the two.";
            Err(Error::invalid("parameters.targetIds", message))
        }
    }
}

fn by_filter(
    engine: &Engine,
    caller: &Caller,
    asked: &Parameters,
    chosen: &Chosen,
    now: Timestamp,
) -> Result<Vec<File>> {
    let folder = chosen
        .folder
        .as_deref()
        .map(|text| Folder::parse_as("parameters.filter.folder", text))
        .transpose()?;
    let days = chosen.older_than_days.or(asked.operation_parameters.older_than_days);
    let filter = Filter {
        name: None,
        deep: chosen.include_subfolders.unwrap_or(true),
        folder: folder.map(|folder| folder.as_str().to_owned()),
        question: None,
        bundle_id: chosen.bundle_id,
        pool_id: chosen.pool_id,
        content_type: chosen
            .r#type
            .as_deref()
            .map(|text| text.trim_end_matches('*').to_lowercase()),
        created_before: days.map(|days| now.plus_ms(-i64::from(days) * DAY_MS)),
        min_size: chosen.min_size,
        max_size: chosen.max_size,
        tag: chosen.tag.clone(),
        trashed: asked.operation_type.wants_trash(),
    };
    let owner = caller.account_id;
    let files = engine
        .store
        .read_now(|db| file_filter::matching(db, owner, &filter, now, ITEMS_MAX + 1))?;
    if files.len() > ITEMS_MAX {
        return Err(Error::new(
            Kind::TooMany,
            format!("The filter finds more than {ITEMS_MAX} files; narrow it."),
        )
        .with("field", "parameters.filter"));
    }
    Ok(files)
}

/// One transaction: each file on its own, so that one that fails leaves the others.
fn change_batch(
    tx: &Tx<'_>,
    task: &Task,
    wanted: &Parameters,
    recycling: &Recycling,
    open: &[Item],
) -> Result<()> {
    let one_by_one = task.items_total <= TOLD_ONE_BY_ONE;
    let mut changed = 0;
    for item in open {
        let done = tx.attempt(|tx| {
            let file = change_one(tx, task, wanted, recycling, item)?;
            if let Some(file) = &file
                && one_by_one
            {
                announce_file(tx, wanted.operation_type.event(), file)?;
            }
            Ok(file.map(|file| file.id))
        });
        let (state, mark) = match done {
            Ok(Some(id)) => {
                changed += 1;
                (ItemState::Done, Mark { detail: Some(json!({ "fileId": id })), error: None })
            }
            Ok(None) => (ItemState::Skipped, Mark::default()),
            Err(error) if is_passing(&error) => return Err(error),
            Err(error) => {
                let said = (error.kind().code().to_owned(), error.message().to_owned());
                (ItemState::Failed, Mark { detail: None, error: Some(said) })
            }
        };
        items::mark(tx, task.pk, item.seq, state, &mark)?;
    }
    if changed > 0 && !one_by_one {
        let data = json!({ "count": changed });
        let name = wanted.operation_type.event();
        let event = crate::domain::event::Event::lasting(task.account_id, name, None, data);
        events::record(tx, event)?;
    }
    if changed > 0 && matches!(wanted.operation_type, Kinds::Delete | Kinds::Purge | Kinds::Copy) {
        announce_quota(tx, task.account_id)?;
    }
    Ok(())
}

/// The file as it is then; `None` when it is left alone.
fn change_one(
    tx: &Tx<'_>,
    task: &Task,
    wanted: &Parameters,
    recycling: &Recycling,
    item: &Item,
) -> Result<Option<File>> {
    let listed: Listed = serde_json::from_value(item.item.clone()).map_err(Error::internal)?;
    let found = file_changes::find(tx.connection, task.account_id, listed.file_id)?;
    let file = match found {
        Some(file) if listed.still_holds(&file) => file,
        _ if listed.is_conditional() => return Ok(None),
        _ => return Err(Error::not_found("file")),
    };
    let kind = wanted.operation_type.of(&file, recycling);
    let file = if kind == Kinds::Purge { file } else { file.unexpired(tx.now)? };
    wanted.operation_parameters.apply(tx, kind, &file, item.seq).map(Some)
}

/// A name that is free in the folder: what is put back or moved takes no other file's place.
fn fresh_name(tx: &Tx<'_>, file: &File, folder: &str, name: &str) -> Result<String> {
    let name = FileName::parse("name", name)?;
    super::places::free_name(tx.connection, file.account_id, folder, name.as_str())
}
