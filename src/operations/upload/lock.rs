//! The end of an upload that is to be encrypted. Its plain bytes lie in staging until the age file made of them is
//! sealed and recorded. That takes as long as reading and writing the file takes, so it tells its progress, stops when
//! the upload is paused or cancelled or the server stops, and begins anew after that: `completing` in the upload's row
//! says that its client has asked for the end, and [`Uploads::finish_interrupted`] goes on by itself.

use std::io::{self, Read, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;
use tokio::sync::Semaphore;

use super::finish::{Made, record, sniff};
use super::open::Open;
use super::receive::announce_upload;
use super::{Uploads, finished};
use crate::blobs::cipher;
use crate::blobs::draft::{Draft, error_of};
use crate::blobs::pool::PoolDir;
use crate::blobs::staging::{self, Staging};
use crate::clock::Clock;
use crate::domain::digest::Digest;
use crate::domain::error::{Error, Kind, Result};
use crate::domain::file::{File, LockKey};
use crate::domain::progress::Throttle;
use crate::domain::task::Status;
use crate::engine::Engine;
use crate::operations::places::Hashed;
use crate::operations::sealing::{Remembered, object_of};
use crate::store::objects::{self, NewObject};
use crate::store::{tasks, uploads};

/// Uploads that are encrypted at the same time; further ones wait. Each takes a thread and keeps a disk busy.
const TURNS: usize = 2;
/// Uploads that are sent to a server at the same time. Each takes a thread.
const SENDS: usize = 2;
const PIECE_BYTES: usize = 256 * 1024;
/// How long a stop waits for a piece to be over.
const STOP_WAIT: Duration = Duration::from_secs(10);
/// Unused keys are let go at least this often.
const RELAX: Duration = Duration::from_secs(60);

/// Who is encrypting or sending, and whether it is time to stop.
pub struct Locking {
    turns: Arc<Semaphore>,
    pub(super) sends: Arc<Semaphore>,
    stopping: AtomicBool,
    running: Mutex<usize>,
    ended: Condvar,
}

impl Default for Locking {
    fn default() -> Self {
        Self {
            turns: Arc::new(Semaphore::new(TURNS)),
            sends: Arc::new(Semaphore::new(SENDS)),
            stopping: AtomicBool::new(false),
            running: Mutex::default(),
            ended: Condvar::new(),
        }
    }
}

impl Locking {
    /// Each stops at its next piece, and none begins.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }

    /// Waits until none is running.
    pub fn wait(&self) {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        drop(self.ended.wait_timeout_while(running, STOP_WAIT, |running| *running > 0));
    }

    pub(super) fn check(&self) -> Result<()> {
        match self.stopping.load(Ordering::Relaxed) {
            false => Ok(()),
            true => Err(Error::new(
                Kind::ShuttingDown,
                "The server is stopping. It finishes this upload when it runs again.",
            )),
        }
    }
}

/// Counted while it lives.
pub(super) struct Running(Arc<Locking>);

impl Running {
    pub(super) fn check(&self) -> Result<()> {
        self.0.check()
    }

    pub(super) fn begin(locking: &Arc<Locking>) -> Result<Self> {
        *locking.running.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        let running = Self(locking.clone());
        locking.check().map(|()| running)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        *self.0.running.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        self.0.ended.notify_all();
    }
}

impl Uploads {
    /// Makes an encrypted file of an upload whose plain bytes are whole and have this hash.
    pub(super) async fn publish_locked(
        &self,
        open: &Arc<Open>,
        key: LockKey,
        sha256: Digest,
    ) -> Result<File> {
        let (engine, begun) = (self.engine.clone(), open.clone());
        self.engine.store.write(move |tx| begin_long(tx, &engine, &begun, "encrypting")).await?;
        let outcome = self.seal_locked(open, key, sha256).await;
        let pk = open.task_pk;
        if let Err(error) = &outcome {
            tracing::info!(task.id = %open.upload.task_id, %error, "an upload was not encrypted to its end");
            self.try_again_after(error);
            self.engine
                .store
                .write(move |tx| {
                    objects::release_held(tx, pk)?;
                    // A move has taken the phase away already.
                    match tasks::by_pk(tx.connection, pk)? {
                        Some(task) if task.phase.is_some() => tasks::set_phase(tx, pk, None, None),
                        _ => Ok(()),
                    }
                })
                .await?;
            return outcome;
        }
        let open = open.clone();
        tokio::task::spawn_blocking(move || staging::remove(&open.pool, open.upload.object_id))
            .await
            .map_err(Error::internal)?;
        outcome
    }

    async fn seal_locked(&self, open: &Arc<Open>, key: LockKey, sha256: Digest) -> Result<File> {
        let turn = self.locking.turns.clone().acquire_owned().await.map_err(Error::internal)?;
        let running = Arc::new(Running::begin(&self.locking)?);
        let (engine, sealing) = (self.engine.clone(), open.clone());
        let (recipient, working) = (key.recipient.clone(), running.clone());
        let (object, content_type) = tokio::task::spawn_blocking(move || {
            let _until_here = (turn, &working);
            let object = make_object(&engine, &working.0, &sealing, &recipient, sha256)?;
            Ok::<_, Error>((object, sniff(&sealing)?))
        })
        .await
        .map_err(Error::internal)??;
        let made = Made {
            charge: self.pool(object.pool_id)?.charge(object.size),
            lock: Some(key.lock(open.upload.plan.file_size())),
            is_held: true,
            object,
            content_type,
        };
        let (engine, publishing) = (self.engine.clone(), open.clone());
        let recorded =
            self.engine.store.write(move |tx| record(tx, &engine, &publishing, &made)).await;
        drop(running);
        recorded.map(|(file, _)| file)
    }

    /// Completes the uploads whose completion was asked for and broken off: at the start, and after a pause. Never ends.
    pub async fn finish_interrupted(self: Arc<Self>) {
        loop {
            match self.engine.store.read(uploads::completing).await {
                Ok(found) => {
                    let finishing = found.into_iter().map(|(owner, id)| {
                        let uploads = self.clone();
                        async move {
                            if let Err(error) = uploads.complete(owner, id, None).await {
                                tracing::warn!(task.id = %id, %error, "an upload could not be completed");
                            }
                        }
                    });
                    join_all(finishing).await;
                }
                Err(error) => {
                    tracing::error!(%error, "interrupted uploads could not be looked for")
                }
            }
            while tokio::time::timeout(RELAX, self.open.resumed.notified()).await.is_err() {
                self.passwords.relax();
            }
        }
    }
}

/// Notes that the end was asked for, and what is done for it.
pub(super) fn begin_long(
    tx: &crate::store::Tx<'_>,
    engine: &Engine,
    open: &Open,
    phase: &str,
) -> Result<()> {
    uploads::set_completing(tx, open.task_pk)?;
    tasks::set_phase(tx, open.task_pk, Some(phase), None)?;
    let task = tasks::get(tx.connection, open.account_id, open.upload.task_id)?;
    engine.announce_progress(tx, &task);
    Ok(())
}

/// Encrypts an upload to an object that its task holds: the row first, so that nothing on the disk is without one.
fn make_object(
    engine: &Arc<Engine>,
    locking: &Locking,
    open: &Arc<Open>,
    recipient: &str,
    sha256: Digest,
) -> Result<NewObject> {
    let mut teller = Teller::new(engine.clone(), open.clone());
    let tell = |done| {
        locking.check()?;
        teller.tell(done)
    };
    let size = open.upload.plan.file_size();
    let draft = encrypt(&open.pool, &open.staging, size, sha256, recipient, tell)?;
    let (object, pk) = (object_of(&draft, open.pool.id)?, open.task_pk);
    let object = engine.store.write_now(move |tx| {
        objects::insert_held(tx, &object, pk)?;
        Ok(object)
    })?;
    let tell = |_| {
        locking.check()?;
        still_wanted(open)
    };
    draft.seal(&mut Remembered { store: &engine.store, id: object.id, tell })?;
    Ok(object)
}

/// Encrypts the first `size` bytes of a staging file to a draft in the same pool, and holds what it reads against its
/// hash. `tell` hears how many bytes are done, and may stop it.
pub(super) fn encrypt(
    pool: &Arc<PoolDir>,
    staging: &Staging,
    size: u64,
    sha256: Digest,
    recipient: &str,
    tell: impl FnMut(u64) -> Result<()>,
) -> Result<Draft> {
    let mut source = Hashed::new(Pieces { staging, at: 0, size, tell, stopped: None });
    let mut sink = Sink { draft: Draft::create(pool)?, stopped: None };
    let outcome = cipher::encrypt(recipient, &mut source, &mut sink);
    if let Some(error) = source.source.stopped.take().or(sink.stopped.take()) {
        return Err(error);
    }
    let plain_size = outcome?;
    if source.finish() != sha256 || plain_size != size {
        return Err(Error::new(
            Kind::ContentCorrupt,
            "The bytes in staging are no longer those that came. Cancel this upload and send the file again.",
        ));
    }
    Ok(sink.draft)
}

/// Tells clients how far it is, and hears whether the upload is still to be completed.
struct Teller {
    engine: Arc<Engine>,
    open: Arc<Open>,
    clock: Clock,
    throttle: Throttle,
}

impl Teller {
    fn new(engine: Arc<Engine>, open: Arc<Open>) -> Self {
        let (clock, begun) = (engine.clock.clone(), open.upload.progress(u64::MAX, 0));
        let throttle = Throttle::new(begun, clock.now());
        Self { engine, open, clock, throttle }
    }

    fn tell(&mut self, done: u64) -> Result<()> {
        still_wanted(&self.open)?;
        let progress = self.open.upload.progress(u64::MAX, done);
        if !self.throttle.admit(progress, self.clock.now()) {
            return Ok(());
        }
        let (engine, open) = (self.engine.clone(), self.open.clone());
        self.engine.store.post(move |tx| {
            let size = open.upload.plan.file_size();
            if let Some(task) = tasks::set_progress(tx, open.task_pk, 0, size, progress)? {
                engine.announce_progress(tx, &task);
                announce_upload(tx, &task, &open.upload, open.upload.plan.count());
            }
            Ok(())
        });
        Ok(())
    }
}

/// `Err` once the upload is no longer in progress.
pub(super) fn still_wanted(open: &Open) -> Result<()> {
    match open.status() {
        Status::InProgress => Ok(()),
        Status::Paused => Err(Error::new(
            Kind::TaskPaused,
            "This upload was paused. It is completed after it is resumed.",
        )),
        status => Err(finished(open.upload.task_id, status)),
    }
}

/// A staging file from its beginning to its end.
struct Pieces<'a, F> {
    staging: &'a Staging,
    at: u64,
    size: u64,
    tell: F,
    /// Why it stopped, which the library between does not pass on.
    stopped: Option<Error>,
}

impl<F: FnMut(u64) -> Result<()>> Pieces<'_, F> {
    fn next(&mut self, buffer: &mut [u8]) -> Result<usize> {
        (self.tell)(self.at)?;
        let length = buffer.len().min(PIECE_BYTES).min((self.size - self.at) as usize);
        self.staging.read_at(&mut buffer[..length], self.at)?;
        self.at += length as u64;
        Ok(length)
    }
}

impl<F: FnMut(u64) -> Result<()>> Read for Pieces<'_, F> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.next(buffer).map_err(|error| {
            self.stopped = Some(error);
            io::Error::other("the encryption stops here")
        })
    }
}

struct Sink {
    draft: Draft,
    stopped: Option<Error>,
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.draft.write(bytes).map_err(|error| {
            self.stopped = Some(error_of("writing an object", error));
            io::Error::other("the encryption stops here")
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
