//! Takes entries as they come out of an archive, and makes them objects that nobody sees yet.

use std::collections::HashSet;
use std::io::Write as _;

use serde_json::json;

use super::{ENTRIES_MAX, Made, Parameters};
use crate::blobs::archive::read::{Head, Limits, Visitor, Wanted};
use crate::blobs::draft::{Draft, error_of};
use crate::domain::error::{Error, Kind, Result};
use crate::domain::file::{ContentType, FileName, Folder};
use crate::domain::pool::Pool;
use crate::domain::work::{ItemState, NewItem};
use crate::engine::context::{Context, Work};
use crate::operations::places::Places;
use crate::operations::sealing::seal_all;
use crate::store::items::{self, Mark};
use crate::store::{Tx, accounts};

const RATIO_MAX: u64 = 100;
const DEPTH_MAX: usize = 32;
/// Entries that wait to be made objects; from here on the older half is, so that they share their flushes while the
/// disk is busy with the younger half already.
const WAITING_MAX: usize = 128;
const WAITING_BYTES_MAX: u64 = 64 << 20;
/// Quota is set aside in steps of this size.
const RESERVE_STEP: u64 = 16 << 20;
const SNIFF_BYTES: usize = 512;

/// Takes entries as they come out.
pub struct Unpack<'a> {
    context: &'a Context,
    places: &'a Places,
    pool: &'a Pool,
    target: String,
    /// Entries that an earlier run dealt with.
    known: HashSet<i64>,
    current: Option<Coming>,
    /// Out, and waiting to be made objects together.
    waiting: Vec<Coming>,
    waiting_bytes: u64,
    /// Bytes that came out in this and earlier runs.
    total: u64,
    reserved: u64,
}

struct Coming {
    seq: i64,
    draft: Draft,
    head: Vec<u8>,
    folder: String,
    name: String,
    modified_ms: Option<i64>,
}

impl<'a> Unpack<'a> {
    pub fn new(
        context: &'a Context,
        places: &'a Places,
        pool: &'a Pool,
        wanted: &Parameters,
    ) -> Result<Self> {
        let pk = context.task.pk;
        let (known, total) = context.engine.store.read_now(|db| {
            let (mut known, mut total) = (HashSet::new(), 0);
            for state in [ItemState::Done, ItemState::Skipped] {
                for item in items::from(db, pk, state, 0, ENTRIES_MAX as usize)? {
                    known.insert(item.seq);
                    total += item.bytes;
                }
            }
            Ok((known, total))
        })?;
        Ok(Self {
            context,
            places,
            pool,
            target: wanted.target_folder.clone().unwrap_or_default(),
            known,
            current: None,
            waiting: Vec::new(),
            waiting_bytes: 0,
            total,
            reserved: context.task.reserved_bytes,
        })
    }

    /// What may come out: what the quota and the disk leave.
    pub fn limits(&self) -> Result<Limits> {
        let (owner, now) = (self.context.task.account_id, self.context.engine.clock.now());
        let quota = self.context.engine.store.read_now(|db| accounts::quota_of(db, owner, now))?;
        let left = quota.limit.map_or(u64::MAX, |limit| {
            limit.saturating_sub(quota.used + quota.reserved).saturating_add(self.reserved)
        });
        let room = self.places.dir(self.pool.id)?.staging_room()?.saturating_add(self.total);
        // A pool with a multiplier charges more than it stores; the reservation holds the quota to the byte.
        Ok(Limits {
            entries: ENTRIES_MAX,
            total_bytes: left.max(1 << 20).min(room),
            ratio: RATIO_MAX,
            depth: DEPTH_MAX,
        })
    }

    /// Lets an error of the task pass through the archive library.
    fn stop<T>(&self, outcome: Work<T>) -> Result<T> {
        outcome.map_err(|stop| {
            let _ = self.context.refuse(stop);
            Error::internal("the task stops here")
        })
    }

    /// Makes all that is out objects.
    pub fn make_objects(&mut self) -> Result<()> {
        self.make_older(self.waiting.len())
    }

    fn make_older(&mut self, count: usize) -> Result<()> {
        let waiting: Vec<_> = self.waiting.drain(..count).collect();
        self.waiting_bytes -= waiting.iter().map(|coming| coming.draft.size()).sum::<u64>();
        if waiting.is_empty() {
            return Ok(());
        }
        let (mut drafts, mut made) = (Vec::new(), Vec::new());
        for coming in waiting {
            let bytes = coming.draft.size();
            let content_type = content_type(&coming.name, &coming.head);
            let entry = Made {
                object_id: coming.draft.id(),
                content_type,
                folder: coming.folder,
                name: coming.name,
                modified_ms: coming.modified_ms,
            };
            made.push((coming.seq, bytes, entry));
            drafts.push(coming.draft);
        }
        let sealed = seal_all(self.context, self.places.dir(self.pool.id)?, drafts);
        self.stop(sealed)?;
        let listed = self.context.commit(move |tx, task| {
            for (seq, bytes, entry) in made {
                let item = NewItem {
                    name: format!("{}/{}", entry.folder.trim_end_matches('/'), entry.name),
                    item: serde_json::to_value(&entry).map_err(Error::internal)?,
                    bytes,
                };
                list(tx, task.pk, seq, &item, ItemState::Done, Mark::default())?;
            }
            Ok(())
        });
        self.stop(listed)
    }

    /// Where an entry goes, or why it cannot.
    fn place(&self, path: &[String]) -> Result<(String, String)> {
        let (name, folders) = path.split_last().ok_or_else(|| Error::invalid("name", "no name"))?;
        let folder = Folder::parse(&format!("{}/{}", self.target, folders.join("/")))?;
        Ok((folder.as_str().to_owned(), FileName::parse("name", name)?.to_string()))
    }

    fn pass_over(&self, seq: i64, name: &str, why: &str) -> Result<()> {
        let item = NewItem { name: name.to_owned(), item: json!({}), bytes: 0 };
        let mark = Mark {
            detail: None,
            error: Some((Kind::ArchiveInvalid.code().to_owned(), why.to_owned())),
        };
        let listed = self
            .context
            .commit(move |tx, task| list(tx, task.pk, seq, &item, ItemState::Skipped, mark));
        self.stop(listed)
    }

    /// Sets quota aside before the bytes are on the disk.
    fn reserve(&mut self, more: u64) -> Result<()> {
        self.total += more;
        let charge = self.pool.charge(self.total);
        if charge <= self.reserved {
            return Ok(());
        }
        let (exactly, step) =
            (charge - self.reserved, (charge - self.reserved).next_multiple_of(RESERVE_STEP));
        // Near the end of the quota the step may be too much where the bytes themselves still fit.
        let taken = match self.context.reserve(step) {
            Ok(()) => step,
            Err(_) => {
                let reserved = self.context.reserve(exactly);
                self.stop(reserved)?;
                exactly
            }
        };
        self.reserved += taken;
        Ok(())
    }
}

impl Visitor for Unpack<'_> {
    fn entry(&mut self, head: &Head) -> Result<Wanted> {
        let seq = head.index as i64;
        if self.known.contains(&seq) {
            return Ok(Wanted::Pass);
        }
        let named = head.path.join("/");
        let (folder, name) = match self.place(&head.path) {
            Ok(place) => place,
            Err(error) => {
                self.pass_over(seq, &named, error.message())?;
                return Ok(Wanted::Pass);
            }
        };
        let draft = self.places.draft(self.pool.id)?;
        self.current = Some(Coming {
            seq,
            draft,
            head: Vec::new(),
            folder,
            name,
            modified_ms: head.modified_ms,
        });
        Ok(Wanted::Content)
    }

    fn bytes(&mut self, piece: &[u8]) -> Result<()> {
        self.stop(self.context.check())?;
        self.reserve(piece.len() as u64)?;
        let Some(current) = &mut self.current else { return Ok(()) };
        if current.head.len() < SNIFF_BYTES {
            let more = piece.len().min(SNIFF_BYTES - current.head.len());
            current.head.extend_from_slice(&piece[..more]);
        }
        current.draft.write_all(piece).map_err(|error| error_of("writing an object", error))
    }

    fn entry_end(&mut self) -> Result<()> {
        let Some(mut current) = self.current.take() else { return Ok(()) };
        let (seq, size) = (current.seq, current.draft.size());
        let kind = ContentType::parse(&content_type(&current.name, &current.head))?;
        let refused = self.places.takes(self.pool, size, &kind).err();
        if let Some(refusal) = refused {
            let name = format!("{}/{}", current.folder.trim_end_matches('/'), current.name);
            return self.pass_over(seq, &name, refusal.message());
        }
        current.draft.start_writeback();
        self.waiting_bytes += size;
        self.waiting.push(current);
        if self.waiting.len() >= WAITING_MAX || self.waiting_bytes >= WAITING_BYTES_MAX {
            self.make_older(self.waiting.len() / 2)?;
        }
        Ok(())
    }

    fn skipped(&mut self, name: &str, why: &str) -> Result<()> {
        // It has no number of its own here; its name and place tell one from another.
        let seq = i64::from(u32::from_be_bytes(
            blake3::hash(name.as_bytes()).as_bytes()[..4].try_into().unwrap_or_default(),
        )) + ENTRIES_MAX as i64;
        if self.known.contains(&seq) {
            return Ok(());
        }
        self.known.insert(seq);
        self.pass_over(seq, name, why)
    }

    fn folder(&mut self, _path: &[String]) -> Result<()> {
        self.stop(self.context.check())
    }
}

/// What an entry is, by its first bytes, then by its name.
fn content_type(name: &str, head: &[u8]) -> String {
    let by_name = mime_guess::from_path(name).first_raw();
    let by_head = infer::get(head).map(|kind| kind.mime_type());
    by_name.or(by_head).unwrap_or(ContentType::unknown().as_str()).to_owned()
}

/// Appends an item that is over already.
fn list(
    tx: &Tx<'_>,
    pk: i64,
    seq: i64,
    item: &NewItem,
    state: ItemState,
    mark: Mark,
) -> Result<()> {
    items::insert(tx, pk, seq, std::slice::from_ref(item))?;
    items::mark(tx, pk, seq, state, &mark)?;
    items::count_new(tx, pk)
}
