//! FileCompress: files and folders become one archive, streamed into its pool. The archive in the making is kept when
//! the task is paused or the server goes down, and gone on with at the first entry that is not durably in it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::places::{Feed, Outlet, Places, announce_change, item_file, publish, seal};
use crate::blobs::archive::Format;
use crate::blobs::archive::write::{Entry, Writer, Written, ZipSecret};
use crate::blobs::draft::Draft;
use crate::blobs::staging;
use crate::domain::account::Caller;
use crate::domain::error::{Error, Kind, Result};
use crate::domain::file::{File, FileName, Folder};
use crate::domain::id::{BundleId, FileId, ObjectId, PoolId};
use crate::domain::pool::Pool;
use crate::domain::task::{Status, Task, TaskType};
use crate::domain::work::{Item, ItemState, Lane};
use crate::engine::Engine;
use crate::engine::context::{Context, Ending, Work};
use crate::engine::operation::{Operation, Plan, Request};
use crate::store::items::{self, Mark};
use crate::store::objects::NewObject;
use crate::store::{Store, Tx, tasks};

mod contents;

pub(super) use contents::retry_needs_no_secret;

/// The archive is made durable this often, so that an interruption costs little.
const SAVE_EVERY: Duration = Duration::from_secs(3);
const SAVE_BYTES: u64 = 64 << 20;
const SAVE_ENTRIES: usize = 500;
/// Quota is set aside in steps of this size while the archive grows.
const RESERVE_STEP: u64 = 16 << 20;
const PAGE: usize = 1_000;

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
        let title = format!("Compress {} files into {name}", chosen.items.len());
        let mut plan = Plan::new(title, Lane::Cpu, parameters);
        plan.items = chosen.items;
        plan.secret = secret;
        Ok(plan)
    }

    fn run(&self, context: &Context) -> Work<Ending> {
        let wanted: Parameters =
            serde_json::from_value(context.task.parameters.clone()).map_err(Error::internal)?;
        let pool = self.places.pool(required(wanted.target_pool_id)?, "targetPoolId")?.clone();
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
        let pool = match asked.target_pool_id {
            Some(id) => self.places.pool(id, "parameters.targetPoolId")?,
            None => self.places.default_pool()?,
        };
        self.places.admit(pool, 0, format.content_type(), caller)?;
        Ok(pool)
    }
}

fn required<T>(value: Option<T>) -> Result<T> {
    value.ok_or_else(|| Error::internal("a planned parameter is missing"))
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

/// The archive in the making.
struct Archive<'a> {
    context: &'a Context,
    places: &'a Places,
    pool: &'a Pool,
    writer: Writer<Outlet<'a, Draft>>,
    object_id: ObjectId,
    /// Entries that are in the archive since it was last saved.
    pending: Vec<(i64, Written)>,
    /// The last place where it can be gone on with: offset, entries in all, and how many of the pending ones.
    boundary: (u64, u64, usize),
    count: u64,
    saved: (Instant, u64),
    reserved: u64,
}

impl<'a> Archive<'a> {
    fn open(
        context: &'a Context,
        places: &'a Places,
        pool: &'a Pool,
        wanted: &Parameters,
    ) -> Work<Self> {
        let kept = match context.checkpoint()?.and_then(saved_of) {
            Some(saved) => {
                let dir = places.dir(pool.id)?;
                Draft::reopen(dir, saved.object_id, saved.offset)?.map(|draft| (draft, saved))
            }
            None => None,
        };
        let (draft, saved) = match kept {
            Some(kept) => kept,
            None => {
                let draft = places.draft(pool.id)?;
                let saved = Saved { object_id: draft.id(), offset: 0, count: 0 };
                (draft, saved)
            }
        };
        let checkpoint = serde_json::to_value(saved).map_err(Error::internal)?;
        context.commit(move |tx, task| {
            items::reopen_from(tx, task.pk, saved.count as i64)?;
            tasks::set_checkpoint(tx, task.pk, Some(checkpoint))
        })?;
        context.recount()?;
        let form = format(wanted)?;
        let level = wanted.compression_level.unwrap_or(6);
        let sink = Outlet::new(context, draft);
        let secret = zip_secret(context)?;
        let writer = Writer::resume(sink, form, level, secret, saved.offset, saved.count)?;
        Ok(Self {
            context,
            places,
            pool,
            writer,
            object_id: saved.object_id,
            pending: Vec::new(),
            boundary: (saved.offset, saved.count, 0),
            count: saved.count,
            saved: (Instant::now(), saved.offset),
            reserved: context.task.reserved_bytes,
        })
    }

    fn fill(&mut self) -> Work<()> {
        loop {
            let open = self.context.items_from(self.count as i64)?;
            if open.is_empty() {
                return Ok(());
            }
            for item in &open {
                self.context.check()?;
                self.add(item)?;
            }
        }
    }

    fn add(&mut self, item: &Item) -> Work<()> {
        let file = item_file(self.context, &item.item["fileId"])
            .map_err(|error| contents::lost(&item.name, error))?;
        contents::check_unchanged(&file, item)?;
        let entry = Entry {
            name: &item.name,
            size: file.size,
            modified_ms: file.last_modified.or(Some(file.uploaded_at)).map(|moment| moment.0),
        };
        let mut source = Feed::new(self.context, self.places.open(&file)?);
        let written = self.writer.add(&entry, &mut source);
        let written = self.context.settle(written)?;
        self.pending.push((item.seq, written));
        self.count += 1;
        if let Some(offset) = self.writer.boundary() {
            self.boundary = (offset, self.count, self.pending.len());
            let (at, before) = self.saved;
            if at.elapsed() > SAVE_EVERY
                || offset - before > SAVE_BYTES
                || self.pending.len() >= SAVE_ENTRIES
            {
                self.save()?;
            }
            self.reserve(offset)?;
        }
        Ok(())
    }

    /// Sets quota aside as the archive grows, so that a full quota shows early and others cannot take it meanwhile.
    fn reserve(&mut self, size: u64) -> Work<()> {
        let charge = self.pool.charge(size);
        if charge > self.reserved {
            let step = (charge - self.reserved).next_multiple_of(RESERVE_STEP);
            self.context.reserve(step)?;
            self.reserved += step;
        }
        Ok(())
    }

    /// Makes everything up to the last boundary durable, then says so.
    fn save(&mut self) -> Work<()> {
        let (offset, count, pending) = self.boundary;
        self.writer.get_ref().sink.flush_to_disk()?;
        let done: Vec<_> = self.pending.drain(..pending).collect();
        self.boundary.2 = 0;
        let saved = Saved { object_id: self.object_id, offset, count };
        let saved = serde_json::to_value(saved).map_err(Error::internal)?;
        self.context.commit(move |tx, task| {
            mark_done(tx, task.pk, &done)?;
            tasks::set_checkpoint(tx, task.pk, Some(saved))
        })?;
        self.saved = (Instant::now(), offset);
        Ok(())
    }

    /// The work stops here and may go on later.
    fn leave(mut self) -> Work<()> {
        self.writer.get_mut().sink.keep();
        self.save()
    }

    /// Ends the archive and makes it an object; with the entries that are not marked yet.
    fn finish(mut self) -> Work<(NewObject, Vec<(i64, Written)>)> {
        self.context.phase("finishing", None)?;
        let (context, pk) = (self.context, self.context.task.pk);
        let pending = std::mem::take(&mut self.pending);
        let mut before = contents::WrittenBefore::new(&context.engine.store, pk, PAGE);
        let unsaved = pending.iter().map(|(_, written)| Ok(written.clone()));
        let ended = self.writer.finish(&mut (&mut before).chain(unsaved));
        let draft = context.settle(ended)?.sink;
        Ok((seal(context, self.pool.id, draft)?, pending))
    }
}

fn mark_done(tx: &Tx<'_>, pk: i64, done: &[(i64, Written)]) -> Result<()> {
    for (seq, written) in done {
        let detail = Some(serde_json::to_value(written).map_err(Error::internal)?);
        items::mark(tx, pk, *seq, ItemState::Done, &Mark { detail, error: None })?;
    }
    Ok(())
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
