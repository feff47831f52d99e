//! SQLite, and the only SQL of the program. One thread writes, in batches that share a commit; read-only
//! connections from a pool read. Nothing is answered or announced before its commit is on the disk.

use std::path::Path;
use std::time::Duration;

use r2d2_sqlite::SqliteConnectionManager;
use rusqlite::{Connection, OpenFlags};
use tokio::sync::oneshot;

use crate::clock::Clock;
use crate::domain::error::{Error, Kind, Result};
use crate::domain::event::Event;
use crate::domain::task::Task;

pub mod accounts;
pub mod audit;
pub mod bundles;
mod columns;
pub mod events;
pub mod file_changes;
pub mod file_filter;
pub mod file_lists;
pub mod files;
pub mod folders;
pub mod functions;
pub mod grants;
pub mod idempotency;
pub mod identities;
pub mod items;
pub mod lanes;
mod migrations;
pub mod multiparts;
pub mod notifications;
pub mod objects;
pub mod outbox;
pub mod pools;
pub mod previews;
pub mod push;
pub mod queue;
pub mod second_factor;
pub mod sessions;
pub mod settings;
pub mod task_facts;
pub mod task_lists;
pub mod tasks;
pub mod trash;
pub mod upkeep;
pub mod uploads;
pub mod usage;
pub mod webhooks;
mod writer;

pub use writer::Tx;

/// Releases before this one can corrupt a database in WAL mode when a checkpoint and a write race.
const SQLITE_FLOOR: i32 = 3_051_003;
const READERS: u32 = 8;
const READER_WAIT: Duration = Duration::from_secs(5);

/// What a query reads from.
pub type Db = Connection;

/// Hears of each batch after its commit, on the writer's thread: it must not block.
pub struct Listener {
    /// Tasks whose state changed, before anyone is answered.
    pub moved: Box<dyn Fn(Vec<Task>) + Send>,
    /// What is to be announced, in order.
    pub events: Box<dyn Fn(Vec<Event>) + Send>,
}

impl Listener {
    /// For a program that announces nothing, such as a command of the command line.
    pub fn none() -> Self {
        Self { moved: Box::new(|_| {}), events: Box::new(|_| {}) }
    }
}

#[derive(Clone)]
pub struct Store {
    writer: writer::Handle,
    readers: r2d2::Pool<SqliteConnectionManager>,
}

impl Store {
    /// Opens the database, brings its schema up to date, and starts the writer thread.
    pub fn open(path: &Path, clock: Clock, listener: Listener) -> Result<Self> {
        if rusqlite::version_number() < SQLITE_FLOOR {
            return Err(Error::internal(format!(
                "SQLite {} is too old; 3.51.3 or later is needed",
                rusqlite::version()
            )));
        }
        let mut connection = Connection::open(path).map_err(columns::failed)?;
        prepare_writer(&connection).map_err(columns::failed)?;
        functions::register(&connection).map_err(columns::failed)?;
        migrations::run(&mut connection)?;
        settings::ensure(&connection, &clock)?;

        let manager = SqliteConnectionManager::file(path)
            .with_flags(OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)
            .with_init(|connection| {
                connection.execute_batch(
                    "pragma query_only = on; pragma busy_timeout = 5000; pragma foreign_keys = on; \
                     pragma trusted_schema = off; pragma temp_store = memory; pragma cache_size = -4000;",
                )?;
                connection.set_prepared_statement_cache_capacity(64);
                Ok(())
            });
        let readers = r2d2::Pool::builder()
            .max_size(READERS)
            .min_idle(Some(1))
            .connection_timeout(READER_WAIT)
            .test_on_check_out(false)
            .build(manager)
            .map_err(|error| Error::internal(format!("opening the database: {error}")))?;
        Ok(Self { writer: writer::start(connection, clock, listener)?, readers })
    }

    /// Runs `work` in the next batch of the writer thread and waits for the commit. When `work` fails, nothing of it
    /// stays. The work is done even when the caller stops waiting.
    pub async fn write<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Tx<'_>) -> Result<T> + Send + 'static,
    {
        let (job, answer) = writer::job(work);
        self.writer.send(job).await?;
        answer.await.map_err(gone)?
    }

    /// Like [`Store::write`], for threads that are not asynchronous.
    pub fn write_now<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Tx<'_>) -> Result<T> + Send + 'static,
    {
        let (job, answer) = writer::job(work);
        self.writer.send_now(job)?;
        answer.blocking_recv().map_err(gone)?
    }

    /// Queues `work` and does not wait: for what may be lost, such as progress.
    pub fn post<F>(&self, work: F)
    where
        F: FnOnce(&Tx<'_>) -> Result<()> + Send + 'static,
    {
        let (job, _) = writer::job(work);
        let _ = self.writer.send_now(job);
    }

    /// Runs `query` on a read-only connection, on a thread where blocking does no harm.
    pub async fn read<T, F>(&self, query: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T> + Send + 'static,
    {
        let store = self.clone();
        tokio::task::spawn_blocking(move || store.read_now(query))
            .await
            .map_err(|error| Error::internal(format!("reading the database: {error}")))?
    }

    /// Like [`Store::read`], for threads that are not asynchronous.
    pub fn read_now<T>(&self, query: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        let connection = self.readers.get().map_err(|error| {
            Error::new(Kind::Busy, "The database is busy. Try again in a moment.").because(error)
        })?;
        query(&connection)
    }

    /// Operations waiting for the writer.
    pub fn queue_length(&self) -> usize {
        self.writer.queue_length()
    }

    /// Finishes what is queued, folds the log into the database, and ends the writer thread.
    pub fn close(&self) {
        self.writer.close();
    }
}

fn gone(_: oneshot::error::RecvError) -> Error {
    Error::new(Kind::ShuttingDown, "The server is stopping. Try again in a moment.")
}

fn prepare_writer(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "journal_mode", "wal")?;
    connection.execute_batch(
        "pragma synchronous = full; pragma foreign_keys = on; pragma busy_timeout = 5000; \
         pragma trusted_schema = off; pragma cell_size_check = on; pragma temp_store = memory; \
         pragma cache_size = -20000; pragma wal_autocheckpoint = 2000; pragma journal_size_limit = 67108864;",
    )?;
    connection.set_prepared_statement_cache_capacity(128);
    Ok(())
}
