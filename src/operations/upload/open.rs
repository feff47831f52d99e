//! What is kept in memory of an open upload: its file, which chunks have come, who is sending, how far the hash is.
//! The database is the truth; this can be dropped and loaded again at any moment when nobody is sending.

use std::collections::{HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use super::finished;

use crate::blobs::Blobs;
use crate::blobs::ledger::FrontHasher;
use crate::blobs::pool::PoolDir;
use crate::blobs::staging::Staging;
use crate::domain::chunks::ChunkSet;
use crate::domain::error::{Error, Kind, Result};
use crate::domain::id::AccountId;
use crate::domain::progress::Rate;
use crate::domain::task::Status;
use crate::domain::time::Timestamp;
use crate::domain::upload::Upload;
use crate::store::uploads::{Arrived, Record};

/// Stored states of the front hash, one for each recent chunk.
const MARKS: usize = 64;

/// The memory of one open upload.
pub struct Open {
    pub account_id: AccountId,
    pub task_pk: i64,
    pub upload: Upload,
    pub pool: Arc<PoolDir>,
    pub staging: Arc<Staging>,
    state: Mutex<State>,
    /// Rings when the front hash has moved.
    moved: Notify,
    /// Held while the upload is being completed.
    pub finishing: tokio::sync::Mutex<()>,
}

struct State {
    status: Status,
    /// Chunks whose rows are committed.
    durable: ChunkSet,
    /// Chunks whose bytes are whole in the file; the front hash follows these.
    written: ChunkSet,
    in_flight: HashSet<u32>,
    /// `None` while a thread is hashing.
    front: Option<FrontHasher>,
    front_position: u64,
    marks: VecDeque<(u64, Vec<u8>)>,
    /// Something failed after bytes were counted as written: the memory must be loaded anew.
    broken: bool,
    completing: bool,
    rate: Rate,
    touched: Instant,
}

/// The right to write one chunk. Freed when its last holder is gone, which may be a thread that is still writing.
pub struct Claim {
    open: Arc<Open>,
    index: u32,
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.open.lock().in_flight.remove(&self.index);
    }
}

impl Open {
    pub(super) fn load(record: Record, arrived: Arrived, blobs: &Blobs) -> Result<Self> {
        let upload = record.upload;
        let pool = blobs.pool(upload.pool_id)?.clone();
        let staging = Staging::open(&pool, upload.object_id)?.ok_or_else(|| {
            Error::internal(format!("upload {} has lost its staging file", upload.task_id))
        })?;
        let mut durable = ChunkSet::new(upload.plan.count());
        for index in arrived.chunks {
            durable.insert(index);
        }
        let front_bytes = front_bytes(&upload, &durable);
        let front = arrived
            .sha256_state
            .filter(|_| arrived.sha256_front <= front_bytes)
            .and_then(|state| FrontHasher::restore(&state, arrived.sha256_front))
            .unwrap_or_default();
        let state = State {
            status: record.task.status,
            written: durable.clone(),
            durable,
            in_flight: HashSet::new(),
            front_position: front.position(),
            front: Some(front),
            marks: VecDeque::new(),
            broken: false,
            completing: false,
            rate: Rate::default(),
            touched: Instant::now(),
        };
        Ok(Self {
            account_id: record.task.account_id,
            task_pk: record.task.pk,
            upload,
            pool,
            staging: Arc::new(staging),
            state: Mutex::new(state),
            moved: Notify::new(),
            finishing: tokio::sync::Mutex::default(),
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The right to send one chunk, or the reason why not.
    pub fn claim(self: &Arc<Self>, index: u32) -> Result<Claim> {
        let mut state = self.lock();
        state.touched = Instant::now();
        let about = |kind, message: &str| {
            Err(Error::new(kind, message)
                .with("taskId", self.upload.task_id.to_string())
                .with("chunkIndex", index))
        };
        if state.durable.contains(index) {
            return about(
                Kind::ChunkAlreadyUploaded,
                "This chunk is already stored; go on with the next one.",
            );
        }
        match state.status {
            Status::Paused => {
                return about(
                    Kind::TaskPaused,
                    "This upload is paused. Resume it, then send the chunk again.",
                );
            }
            Status::InProgress => {}
            status => {
                return Err(finished(self.upload.task_id, status).with("chunkIndex", index));
            }
        }
        if state.completing {
            return about(
                Kind::UploadFinishing,
                "This upload is being completed and takes no more chunks.",
            );
        }
        if state.broken {
            return about(
                Kind::Busy,
                "The server is recovering from a disk error. Try again in a moment.",
            );
        }
        if !state.in_flight.insert(index) {
            return about(
                Kind::ChunkInFlight,
                "Another request is sending this chunk. Try again when it has ended.",
            );
        }
        Ok(Claim { open: self.clone(), index })
    }

    /// True when this memory may answer without a look at the database. While a broken one has senders it stays,
    /// and refuses new ones: nobody may write where an old sender still does.
    pub(super) fn is_usable(&self) -> bool {
        let state = self.lock();
        if state.broken { !state.in_flight.is_empty() } else { state.status == Status::InProgress }
    }

    pub(super) fn is_broken(&self) -> bool {
        self.lock().broken
    }

    pub(super) fn untouched_for(&self) -> Duration {
        self.lock().touched.elapsed()
    }

    /// Was this memory in use when its upload ended? What was begun anew under the same id has another one.
    pub(super) fn has_ended(&self) -> bool {
        self.lock().status.is_final()
    }

    pub fn status(&self) -> Status {
        self.lock().status
    }

    pub fn set_status(&self, status: Status) {
        self.lock().status = status;
    }

    /// All bytes of a chunk are in the file: the front hash may follow.
    pub fn written(self: &Arc<Self>, index: u32) {
        self.lock().written.insert(index);
        self.follow();
    }

    /// The chunk's row is committed.
    pub fn durable(&self, index: u32, bytes: u64, now: Timestamp) {
        let mut state = self.lock();
        state.durable.insert(index);
        state.rate.add(bytes, now);
    }

    pub fn rate(&self, now: Timestamp) -> Option<u64> {
        self.lock().rate.bytes_per_second(now)
    }

    /// The hash state to store with a chunk: the latest that covers only bytes that are durable with its row.
    pub fn mark_for(&self, index: u32) -> Option<(Vec<u8>, u64)> {
        let state = self.lock();
        let mut durable = state.durable.clone();
        durable.insert(index);
        let front = front_bytes(&self.upload, &durable);
        let (position, bytes) =
            state.marks.iter().rev().find(|(position, _)| *position <= front)?;
        Some((bytes.clone(), *position))
    }

    /// Chunks that are durable.
    pub fn arrived(&self) -> Vec<u32> {
        self.lock().durable.indexes()
    }

    /// Chunks that are missing, at most `limit` of them, and how many are there.
    pub fn missing(&self, limit: usize) -> (Vec<u32>, u32) {
        let state = self.lock();
        (state.durable.missing(limit), state.durable.present())
    }

    /// After this no chunk is accepted any more.
    pub fn set_completing(&self, completing: bool) {
        self.lock().completing = completing;
    }

    /// From now on this memory is not believed; it is loaded again when the last sender has gone.
    pub fn break_off(&self) {
        self.lock().broken = true;
        self.moved.notify_waiters();
    }

    /// Starts a thread that hashes up to the front, unless one is at it.
    fn follow(self: &Arc<Self>) {
        let mut state = self.lock();
        if state.broken || state.front_position >= front_bytes(&self.upload, &state.written) {
            return;
        }
        if let Some(front) = state.front.take() {
            drop(state);
            let open = self.clone();
            tokio::task::spawn_blocking(move || open.hash(front));
        }
    }

    fn hash(self: Arc<Self>, mut front: FrontHasher) {
        let chunk_size = self.upload.plan.chunk_size();
        let mut buffer = Vec::new();
        loop {
            let mut state = self.lock();
            let end = front_bytes(&self.upload, &state.written);
            if front.position() >= end || state.broken {
                state.front = Some(front);
                drop(state);
                self.moved.notify_waiters();
                return;
            }
            drop(state);
            let next = (front.position() / chunk_size + 1) * chunk_size;
            if let Err(error) = front.advance(self.staging.file(), next.min(end), &mut buffer) {
                tracing::error!(task.id = %self.upload.task_id, %error, "hashing an upload failed");
                self.break_off();
                return;
            }
            let mut state = self.lock();
            state.front_position = front.position();
            if state.marks.len() == MARKS {
                state.marks.pop_front();
            }
            state.marks.push_back((front.position(), front.store()));
            drop(state);
            self.moved.notify_waiters();
        }
    }

    /// Waits until no more than `lag` bytes of the contiguous front are unhashed.
    pub async fn catch_up(self: &Arc<Self>, lag: u64) -> Result<()> {
        loop {
            let moved = self.moved.notified();
            tokio::pin!(moved);
            moved.as_mut().enable();
            self.follow();
            let (broken, behind) = {
                let state = self.lock();
                let end = front_bytes(&self.upload, &state.written);
                (state.broken, end - state.front_position.min(end))
            };
            if broken {
                return Err(Error::new(
                    Kind::Busy,
                    "The server is recovering from a disk error. Try again.",
                ));
            }
            if behind <= lag {
                return Ok(());
            }
            moved.await;
        }
    }

    /// The hash of the whole file, once [`Open::catch_up`] has come to its end.
    pub async fn whole(self: &Arc<Self>) -> Result<FrontHasher> {
        self.catch_up(0).await?;
        // The hashing thread puts its state back a moment after it reports its position.
        loop {
            let moved = self.moved.notified();
            tokio::pin!(moved);
            moved.as_mut().enable();
            let front = self.lock().front.clone();
            match front {
                Some(front) => return Ok(front),
                None => moved.await,
            }
        }
    }
}

/// Bytes of the contiguous front.
fn front_bytes(upload: &Upload, chunks: &ChunkSet) -> u64 {
    upload.plan.offset(chunks.front()).min(upload.plan.file_size())
}
