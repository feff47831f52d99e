//! The archive in the making: filled entry by entry, saved now and then, gone on with after an interruption.

use std::time::{Duration, Instant};

use super::{Parameters, Saved, contents, format, saved_of, zip_secret};
use crate::blobs::archive::write::{Entry, Writer, Written};
use crate::blobs::draft::Draft;
use crate::domain::error::{Error, Result};
use crate::domain::id::ObjectId;
use crate::domain::pool::Pool;
use crate::domain::work::{Item, ItemState};
use crate::engine::context::{Context, Work};
use crate::operations::places::{Feed, Outlet, Places, item_file};
use crate::operations::sealing::seal;
use crate::store::items::{self, Mark};
use crate::store::objects::NewObject;
use crate::store::{Tx, tasks};

/// The archive is made durable this often, so that an interruption costs little.
const SAVE_EVERY: Duration = Duration::from_secs(3);
const SAVE_BYTES: u64 = 64 << 20;
const SAVE_ENTRIES: usize = 500;
/// Quota is set aside in steps of this size while the archive grows.
const RESERVE_STEP: u64 = 16 << 20;
const PAGE: usize = 1_000;

/// The archive in the making.
pub struct Archive<'a> {
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
    pub fn open(
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

    pub fn fill(&mut self) -> Work<()> {
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
    pub fn leave(mut self) -> Work<()> {
        self.writer.get_mut().sink.keep();
        self.save()
    }

    /// Ends the archive and makes it an object; with the entries that are not marked yet.
    pub fn finish(mut self) -> Work<(NewObject, Vec<(i64, Written)>)> {
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

pub fn mark_done(tx: &Tx<'_>, pk: i64, done: &[(i64, Written)]) -> Result<()> {
    for (seq, written) in done {
        let detail = Some(serde_json::to_value(written).map_err(Error::internal)?);
        items::mark(tx, pk, *seq, ItemState::Done, &Mark { detail, error: None })?;
    }
    Ok(())
}
