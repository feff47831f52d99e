//! Objects on their way to a bucket, in parts that are remembered, so that none is sent twice.

use std::fs::File;
use std::future::Future;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::pin::pin;
use std::time::{Duration, Instant};

use bytes::Bytes;
use object_store::multipart::{MultipartStore as _, PartId};
use object_store::{Error as StoreError, ObjectStoreExt as _};
use tokio::task::JoinSet;
use tokio::time::error::Elapsed;

use super::{Bucket, SMALL_WAIT, failed, reason, runtime, wait_for};
use crate::domain::chunks::MIB;
use crate::domain::error::{Error, Result};
use crate::domain::id::ObjectId;

/// Parts of a multipart upload: all alike but the last, as some servers want it. S3 takes 5 MiB at least, 10,000 of them
/// at most.
const PART_BYTES: u64 = 8 * MIB;
const PARTS_MAX: u64 = 10_000;
/// Memory of one object on its way to the server, and how many of them are on their way at once.
const PUT_MEMORY_BYTES: u64 = 32 * MIB;
pub(super) const PUTS: usize = 4;
/// How often a sender looks whether it is still wanted.
const GLANCE: Duration = Duration::from_millis(250);
/// How long a server may take to put parts together.
const COMPLETE_WAIT: Duration = Duration::from_secs(600);

/// What is remembered of an object on its way to a server, so that it goes on after a restart.
pub trait Journal {
    /// The multipart upload that was begun for this object.
    fn known(&mut self) -> Result<Option<Multipart>>;

    /// Another one was begun; what was known is void.
    fn begin(&mut self, upload_id: &str, part_bytes: u64) -> Result<()>;

    /// The server has this part.
    fn part(&mut self, number: u64, tag: &str) -> Result<()>;

    /// Hears how many bytes the server has, and may stop it.
    fn tell(&mut self, done: u64) -> Result<()>;
}

/// For an object that is sealed at once, or never into a bucket.
pub struct NoJournal;

impl Journal for NoJournal {
    fn known(&mut self) -> Result<Option<Multipart>> {
        Ok(None)
    }

    fn begin(&mut self, _: &str, _: u64) -> Result<()> {
        Ok(())
    }

    fn part(&mut self, _: u64, _: &str) -> Result<()> {
        Ok(())
    }

    fn tell(&mut self, _: u64) -> Result<()> {
        Ok(())
    }
}

/// A multipart upload, with what the server said of each part it has: number from 0 and tag.
#[derive(Clone, Debug)]
pub struct Multipart {
    pub upload_id: String,
    pub part_bytes: u64,
    pub parts: Vec<(u64, String)>,
}

impl Bucket {
    /// Sends the first `size` bytes of a file. Parts that the server has are not sent again.
    pub(in crate::blobs) fn put(
        &self,
        file: &File,
        id: ObjectId,
        size: u64,
        journal: &mut dyn Journal,
    ) -> Result<()> {
        let turn = patiently(Duration::MAX, journal, 0, self.puts.acquire())?;
        let _until_the_end = turn.map_err(Error::internal)?;
        journal.tell(0)?;
        if size <= PART_BYTES {
            let bytes = read(file, 0..size)?;
            let path = self.path(id);
            let put = self.store.put(&path, bytes.into());
            patiently(wait_for(size), journal, 0, put)?
                .map_err(|error| failed("storing an object", &reason(&error)))?;
            return journal.tell(size);
        }
        let resumed = journal.known()?;
        // The server has it when only the answer to its end was lost.
        if resumed.is_some() && self.size_of(id)? == Some(size) {
            return journal.tell(size);
        }
        let known = match resumed {
            Some(known) => known,
            None => self.begin(id, size, journal)?,
        };
        let sent = self.send(file, id, size, known, journal)?;
        // The local copy goes after this, so the server is asked what it has. Where the answer to an end was lost, the
        // upload is as unknown as one that somebody else has cleaned up.
        if self.size_of(id)? == Some(size) {
            return journal.tell(size);
        }
        if sent == Sent::Forgotten {
            let known = self.begin(id, size, journal)?;
            self.send(file, id, size, known, journal)?;
            if self.size_of(id)? == Some(size) {
                return journal.tell(size);
            }
        }
        Err(failed("storing an object", "the server does not have all of it"))
    }

    fn begin(&self, id: ObjectId, size: u64, journal: &mut dyn Journal) -> Result<Multipart> {
        let part_bytes = PART_BYTES.max(size.div_ceil(PARTS_MAX).next_multiple_of(MIB));
        let path = self.path(id);
        let begin = self.store.create_multipart(&path);
        let upload_id = patiently(SMALL_WAIT, journal, 0, begin)?
            .map_err(|error| failed("beginning a multipart upload", &reason(&error)))?;
        journal.begin(&upload_id, part_bytes)?;
        Ok(Multipart { upload_id, part_bytes, parts: Vec::new() })
    }

    fn send(
        &self,
        file: &File,
        id: ObjectId,
        size: u64,
        known: Multipart,
        journal: &mut dyn Journal,
    ) -> Result<Sent> {
        let upload_id = known.upload_id.clone();
        let mut flying = JoinSet::new();
        let sent = self.send_parts(&mut flying, file, id, size, known, journal);
        // Whoever hears of a failure must not meet a part that arrives later.
        runtime()?.block_on(flying.shutdown());
        let Some(tags) = sent? else { return Ok(Sent::Forgotten) };
        let parts = tags.into_iter().map(|content_id| PartId { content_id }).collect();
        let path = self.path(id);
        let complete = self.store.complete_multipart(&path, &upload_id, parts);
        match patiently(COMPLETE_WAIT, journal, size, complete)? {
            Ok(_) => Ok(Sent::Whole),
            Err(StoreError::NotFound { .. }) => Ok(Sent::Forgotten),
            Err(error) => Err(failed("ending a multipart upload", &reason(&error))),
        }
    }

    /// The tags of all parts; `None` when the server knows nothing of the upload any more.
    fn send_parts(
        &self,
        flying: &mut JoinSet<Flown>,
        file: &File,
        id: ObjectId,
        size: u64,
        known: Multipart,
        journal: &mut dyn Journal,
    ) -> Result<Option<Vec<String>>> {
        let Multipart { upload_id, part_bytes, parts } = known;
        let mut tags: Vec<Option<String>> = vec![None; size.div_ceil(part_bytes) as usize];
        for (number, tag) in parts {
            if let Some(slot) = tags.get_mut(number as usize) {
                *slot = Some(tag);
            }
        }
        let missing: Vec<_> = (0..tags.len()).filter(|&number| tags[number].is_none()).collect();
        let at_once = (PUT_MEMORY_BYTES / part_bytes).clamp(1, 4) as usize;
        let mut rest = missing.into_iter();
        let mut done = part_bytes * tags.iter().flatten().count() as u64;
        loop {
            while flying.len() < at_once
                && let Some(number) = rest.next()
            {
                let begin = number as u64 * part_bytes;
                let bytes = read(file, begin..size.min(begin + part_bytes))?;
                let (store, path, upload) = (self.store.clone(), self.path(id), upload_id.clone());
                let part = async move {
                    let wait = wait_for(bytes.len() as u64);
                    let put = store.put_part(&path, &upload, number, bytes.into());
                    tokio::time::timeout(wait, put).await.map(|put| (number, put))
                };
                flying.spawn_on(part, runtime()?);
            }
            // Each part has its own time.
            let next = flying.join_next();
            let Some(ended) = patiently(Duration::MAX, journal, done.min(size), next)? else {
                return Ok(tags.into_iter().collect());
            };
            match ended.map_err(Error::internal)? {
                Ok((number, Ok(part))) => {
                    journal.part(number as u64, &part.content_id)?;
                    tags[number] = Some(part.content_id);
                    done += part_bytes;
                    journal.tell(done.min(size))?;
                }
                Ok((_, Err(StoreError::NotFound { .. }))) => return Ok(None),
                Ok((_, Err(error))) => return Err(failed("sending a part", &reason(&error))),
                Err(_) => return Err(failed("sending a part", "it took too long")),
            }
        }
    }
}

/// A part with its number and what the server said; or its time was over.
type Flown = Result<(usize, object_store::Result<PartId>), Elapsed>;

#[derive(PartialEq, Eq)]
enum Sent {
    Whole,
    /// The server knows nothing of the multipart upload any more.
    Forgotten,
}

/// Waits for an answer, and asks the journal now and then whether it is still wanted.
fn patiently<T>(
    at_most: Duration,
    journal: &mut dyn Journal,
    done: u64,
    question: impl Future<Output = T>,
) -> Result<T> {
    let begun = Instant::now();
    let mut question = pin!(question);
    loop {
        let waiting = async { tokio::time::timeout(GLANCE, &mut question).await };
        if let Ok(answer) = runtime()?.block_on(waiting) {
            return Ok(answer);
        }
        journal.tell(done)?;
        if begun.elapsed() > at_most {
            return Err(failed("sending an object", "there was no answer"));
        }
    }
}

fn read(file: &File, range: Range<u64>) -> Result<Bytes> {
    let mut buffer = vec![0; (range.end - range.start) as usize];
    file.read_exact_at(&mut buffer, range.start)
        .map_err(|error| Error::io("reading a staging file", &error))?;
    Ok(buffer.into())
}
