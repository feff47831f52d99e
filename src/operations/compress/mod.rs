//! FileCompress: files and folders become one archive, streamed into its pool. The archive in the making is kept when
//! the task is paused or the server goes down, and gone on with at the first entry that is not durably in it.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::bundles;
use super::places::{Places, announce_change, publish};
use crate::blobs::archive::Format;
use crate::blobs::archive::write::{Written, ZipSecret};
use crate::blobs::staging;
use crate::domain::account::Caller;
use crate::domain::error::{Error, Kind, Result};
use crate::domain::file::{File, FileName, Folder};
use crate::domain::id::{BundleId, FileId, ObjectId, PoolId};
use crate::domain::pool::Pool;
use crate::domain::task::{Status, Task, TaskType};
use crate::domain::work::{ItemState, Lane};
use crate::engine::Engine;
use crate::engine::context::{Context, Ending, Work};
use crate::engine::operation::{Operation, Plan, Request};
use crate::store::items;
use crate::store::objects::NewObject;
use crate::store::{Store, Tx, tasks};

mod archive;
mod contents;

use archive::{Archive, mark_done};

pub(super) use contents::retry_needs_no_secret;

#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Parameters {
    file_ids: Option<Vec<FileId>>,
    folder: Option<String>,
    bundle_id: Option<BundleId>,
    compression_format: Option<String>,
    compression_level: Option<u32>,
    output_file_name: Option<String>,
    target_folder: Option<String>,
    target_pool_id: Option<PoolId>,
    target_bundle_id: Option<BundleId>,
    #[serde(skip_serializing)]
    password: Option<Zeroizing<String>>,
    /// Set by the plan: the archive has a password.
    #[serde(default)]
    encrypted: bool,
}

/// What an earlier run left: the archive's staging file, and how much of it counts.
#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Saved {
    object_id: ObjectId,
    /// Bytes.
    offset: u64,
    /// Entries.
    count: u64,
}

pub struct FileCompress {
    places: Arc<Places>,
}

impl FileCompress {
    pub fn new(places: Arc<Places>) -> Self {
        Self { places }
    }
}

impl Operation for FileCompress {
    fn task_type(&self) -> TaskType {
        TaskType::FileCompress
    }

    fn title(&self) -> &'static str {
        "Make an archive"
    }

    fn schema(&self) -> Value {
        contents::schema()
    }

    fn plan(&self, engine: &Engine, request: &Request) -> Result<Plan> {
        let mut asked: Parameters = request.parse()?;
        let format = format(&asked)?;
        if asked.compression_level.is_some_and(|level| level > 9) {
            let message = "parameters.compressionLevel must be 0 (fast) to 9 (small).";
            return Err(Error::invalid("parameters.compressionLevel", message));
        }
        let secret = secret(&mut asked, format)?;
        bundles::check(
            engine,
            request.caller.account_id,
            asked.target_bundle_id,
            "parameters.targetBundleId",
        )?;
        let chosen = contents::choose(engine, &request.caller, &asked)?;
        let pool = self.target(&asked, &request.caller, format)?;
        let name = match &asked.output_file_name {
            Some(name) => contents::with_ending(name, format),
            None => format!("{}.{}", chosen.name, format.extension()),
        };
        let name = FileName::parse("parameters.outputFileName", &name)?;
        let folder = match &asked.target_folder {
            Some(text) => Folder::parse_as("parameters.targetFolder", text)?.as_str().to_owned(),
            None => chosen.beside.clone(),
        };
        let parameters = Parameters {
            compression_format: Some(format.extension().to_owned()),
            compression_level: Some(asked.compression_level.unwrap_or(6)),
            output_file_name: Some(name.to_string()),
            target_folder: Some(folder),
            target_pool_id: Some(pool.id),
            encrypted: secret.is_some(),
            ..asked
        };
        let parameters = serde_json::to_value(&parameters).map_err(Error::internal)?;
        let title = match chosen.items.as_slice() {
            [one] => format!("Compress {} into {name}", one.name),
            many => format!("Compress {} files into {name}", many.len()),
        };
        let mut plan = Plan::new(title, Lane::Cpu, parameters);
        plan.items = chosen.items;
        plan.secret = secret;
        Ok(plan)
    }

    fn run(&self, context: &Context) -> Work<Ending> {
        let wanted: Parameters =
            serde_json::from_value(context.task.parameters.clone()).map_err(Error::internal)?;
        let pool = self.places.planned(wanted.target_pool_id)?.clone();
        let mut work = Archive::open(context, &self.places, &pool, &wanted)?;
        let filled = work.fill();
        if let Err(stop) = filled {
            // What is whole stays, for the next run; an end of the task removes it.
            work.leave()?;
            return Err(stop);
        }
        let (object, pending) = work.finish()?;
        finish(context, &wanted, pool, object, pending)
    }

    /// The quota is free again and the archive begins anew, unless its staging file is there.
    fn clean(&self, store: &Store, task: &Task) -> Result<()> {
        let pk = task.pk;
        let saved = store.read_now(|db| tasks::checkpoint(db, pk))?.and_then(saved_of);
        let pool = task.parameters["targetPoolId"].as_str().and_then(|id| PoolId::parse(id).ok());
        if let (Some(saved), Some(pool)) = (saved, pool)
            && let Ok(dir) = self.places.dir(pool)
        {
            staging::remove(dir, saved.object_id);
        }
        if task.status == Status::Failed {
            store.write_now(move |tx| {
                tasks::set_checkpoint(tx, pk, None)?;
                items::reopen(tx, pk, &[ItemState::Done, ItemState::Failed])
            })?;
        }
        Ok(())
    }

    fn retry(&self, _tx: &Tx<'_>, task: &Task) -> Result<()> {
        retry_needs_no_secret(task)
    }
}

impl FileCompress {
    fn target(&self, asked: &Parameters, caller: &Caller, format: Format) -> Result<&Pool> {
        let default = self.places.default_pool()?.id;
        let pool = self.places.target(asked.target_pool_id, default)?;
        self.places.admit(pool, 0, format.content_type(), caller)?;
        Ok(pool)
    }
}

fn format(asked: &Parameters) -> Result<Format> {
    let word = asked.compression_format.as_deref().unwrap_or("zip");
    Format::parse(word).map_err(|_| {
        let message = "parameters.compressionFormat is one of zip, tar, tar.gz, tar.zst.";
        Error::invalid("parameters.compressionFormat", message)
    })
}

/// The password of a zip archive, with the seed of its salts, to be sealed.
fn secret(asked: &mut Parameters, format: Format) -> Result<Option<Vec<u8>>> {
    let Some(password) = asked.password.take() else { return Ok(None) };
    let refuse = |why: &str| Err(Error::invalid("parameters.password", why));
    if format != Format::Zip {
        return refuse(
            "Only zip archives take a password; choose zip, or encrypt the archive afterwards.",
        );
    }
    if password.is_empty() || password.chars().count() > 256 {
        return refuse("parameters.password must have 1 to 256 characters.");
    }
    let mut seed = vec![0; 32];
    getrandom::fill(&mut seed).map_err(Error::internal)?;
    Ok(Some([seed.as_slice(), password.as_bytes()].concat()))
}

fn zip_secret(context: &Context) -> Result<Option<ZipSecret>> {
    let Some(secret) = context.secret()? else { return Ok(None) };
    let (seed, password) =
        secret.split_at_checked(32).ok_or_else(|| Error::internal("a short secret"))?;
    Ok(Some(ZipSecret {
        password: String::from_utf8(password.to_vec()).map_err(Error::internal)?,
        seed: seed.try_into().map_err(Error::internal)?,
    }))
}

fn saved_of(checkpoint: Value) -> Option<Saved> {
    serde_json::from_value(checkpoint).ok()
}

/// The archive becomes a file in the transaction that ends the task.
fn finish(
    context: &Context,
    wanted: &Parameters,
    pool: Pool,
    object: NewObject,
    pending: Vec<(i64, Written)>,
) -> Work<Ending> {
    if pool.policy.max_file_size.is_some_and(|limit| object.size > limit) {
        let message = format!(
            "The archive has {} bytes, more than pool \"{}\" takes.",
            object.size, pool.name
        );
        return Err(Error::new(Kind::FileTooLarge, message).into());
    }
    let file = File {
        bundle_id: wanted.target_bundle_id,
        content_type: format(wanted)?.content_type().to_owned(),
        ..super::places::new_file(
            context.task.account_id,
            &pool,
            &object,
            wanted.output_file_name.as_deref().unwrap_or("archive"),
            wanted.target_folder.as_deref().unwrap_or("/"),
        )
    };
    Ok(Box::new(move |tx, task| {
        mark_done(tx, task.pk, &pending)?;
        let file = publish(tx, task.pk, file)?;
        announce_change(tx, "file.created", &file)?;
        let original = task.units_total.unwrap_or(0);
        Ok(json!({
            "resultFileId": file.id,
            "fileName": file.name,
            "compressedSize": file.size,
            "originalSize": original,
            "compressionRatio": if original == 0 { 1.0 } else { file.size as f64 / original as f64 },
            "fileCount": task.items_total,
        }))
    }))
}
