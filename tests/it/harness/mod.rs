//! A real server for each test: `TestDrive::spawn()` opens a data directory of its own, serves on a free port of
//! 127.0.0.1, and when it is dropped looks whether the world is still in order.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread::JoinHandle;

use drive::app::App;
use drive::clock::Clock;
use drive::config::merged::Merged;
use drive::config::{Config, Flags};
use drive::domain::error::Error;
use drive::domain::id::{AccountId, TaskId};
use drive::domain::task::{Task, Verb};
use drive::engine::recovery::LastStop;
use drive::engine::{Engine, janitor};
use drive::notify::Notifier;
use rusqlite::Connection;
use tempfile::TempDir;
use tokio::sync::oneshot;

pub mod bucket;
pub mod child;
pub mod client;
pub mod issuer;
pub mod order;
pub mod pictures;
pub mod provider;
pub mod raw;
pub mod receiver;
pub mod routes;
pub mod scripted;
pub mod sender;
pub mod socket;
pub mod tasks;
pub mod world;

use client::Client;

/// A server inside the test's own process, with a clock that the test can move.
pub struct TestDrive {
    pub address: SocketAddr,
    pub clock: Clock,
    pub setup_code: Option<String>,
    /// How the run before this one ended.
    pub last_stop: LastStop,
    engine: Option<Arc<Engine>>,
    notifier: Option<Arc<Notifier>>,
    folder: Option<TempDir>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl TestDrive {
    /// A fresh server with default settings.
    pub fn spawn() -> Self {
        Self::spawn_with(&[])
    }

    /// A fresh server; each setting is written as `("DRIVE_SECTION_KEY", "value")`.
    pub fn spawn_with(settings: &[(&str, &str)]) -> Self {
        Self::open(folder(), settings, Clock::default()).unwrap_or_else(|error| panic!("{error}"))
    }

    /// Stops in order and starts again on the same data directory.
    pub fn restart(self) -> Self {
        self.restart_after(|_| {})
    }

    /// Stops in order and starts again on the same data directory with these settings.
    pub fn restart_with(mut self, settings: &[(&str, &str)]) -> Self {
        self.shut_down();
        let folder = self.folder.take().expect("a folder");
        Self::open(folder, settings, self.clock.clone()).unwrap_or_else(|error| panic!("{error}"))
    }

    /// Stops in order, lets `meddle` at the data directory, and starts again.
    pub fn restart_after(mut self, meddle: impl FnOnce(&Path)) -> Self {
        self.shut_down();
        let folder = self.folder.take().expect("a folder");
        meddle(folder.path());
        Self::open(folder, &[], self.clock.clone()).unwrap_or_else(|error| panic!("{error}"))
    }

    fn open(folder: TempDir, settings: &[(&str, &str)], clock: Clock) -> Result<Self, Error> {
        let config = config(folder.path(), settings)?;
        let (ready, opened) = std::sync::mpsc::sync_channel(1);
        let (stop, stopped) = oneshot::channel::<()>();
        let moving = clock.clone();
        let thread = std::thread::spawn(move || {
            let app = match App::open(&config, moving) {
                Ok(app) => app,
                Err(error) => return ready.send(Err(error)).unwrap(),
            };
            let (code, last_stop) = (app.setup_code.clone(), app.last_stop);
            let (engine, notifier) = (app.engine.clone(), app.notifier.clone());
            let bound = move |address| {
                ready.send(Ok((address, code, last_stop, engine, notifier))).unwrap();
            };
            app.run(|| async { drop(stopped.await) }, bound).expect("an orderly end");
        });
        let (address, setup_code, last_stop, engine, notifier) =
            opened.recv().expect("the server thread")?;
        Ok(Self {
            address,
            clock,
            setup_code,
            last_stop,
            engine: Some(engine),
            notifier: Some(notifier),
            folder: Some(folder),
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    pub fn data_dir(&self) -> &Path {
        self.folder.as_ref().expect("a folder").path()
    }

    /// A client that has not signed in.
    pub fn nobody(&self) -> Client {
        Client::new(self.address)
    }

    /// Makes the first administrator and signs it in.
    pub async fn admin(&self) -> Client {
        let mut client = self.nobody();
        client.set_up(self.setup_code.as_deref().expect("a set-up code"), "ada").await;
        client
    }

    /// Makes an account through the database, as the command line does, and signs it in.
    pub async fn account(&self, name: &str, role: &str, quota_bytes: Option<u64>) -> Client {
        order::add_account(&self.data_dir().join("drive.db"), name, role, quota_bytes);
        self.signed_in(name).await
    }

    /// A new sign-in of an account that exists.
    pub async fn signed_in(&self, name: &str) -> Client {
        let mut client = self.nobody();
        client.sign_in(name).await;
        client
    }

    /// An account of its own with no limit.
    pub async fn user(&self, name: &str) -> Client {
        self.account(name, "user", None).await
    }

    /// The database, to be looked at beside the running server.
    pub fn db(&self) -> Connection {
        let db = Connection::open(self.data_dir().join("drive.db")).unwrap();
        db.busy_timeout(std::time::Duration::from_secs(5)).unwrap();
        drive::store::functions::register(&db).unwrap();
        db
    }

    /// What one of the server's reading connections says to this statement, which must fail.
    pub async fn read_only_error(&self, sql: &'static str) -> String {
        let store = self.engine.as_ref().expect("an engine").store.clone();
        let failed = store
            .read(move |db| db.execute_batch(sql).map_err(drive::domain::error::Error::internal));
        failed.await.expect_err("a reader wrote").to_string()
    }

    /// What uploads hold at this moment.
    pub fn holdings(&self) -> order::Holdings {
        order::holdings(self.data_dir())
    }

    /// The same once the leftovers of all ended tasks are gone.
    pub async fn settled(&self) -> order::Holdings {
        eventually("ended tasks are cleaned", || self.holdings().to_clean == 0).await;
        self.holdings()
    }

    /// One sweep of the janitor, at the time of the test's clock.
    pub async fn sweep(&self) {
        let (engine, now) = (self.engine.clone().expect("an engine"), self.clock.now());
        tokio::task::spawn_blocking(move || janitor::sweep(&engine, now)).await.unwrap().unwrap();
    }

    /// A sweep, and the end of all removing of what nobody shows any more.
    pub async fn swept(&self) {
        self.sweep().await;
        let garbage = "select count(*) from objects where refs = 0 and task_pk is null";
        eventually("garbage is collected", || {
            self.db().query_row(garbage, [], |row| row.get::<_, i64>(0)).unwrap() == 0
        })
        .await;
    }

    /// Calls this at each safe point of each running task from now on.
    pub fn probe(&self, probe: Option<drive::engine::queue::Probe>) {
        self.engine.as_ref().expect("an engine").queue.set_probe(probe);
    }

    /// A command to a task, whoever's it is.
    pub async fn command(&self, task_id: &str, verb: Verb) -> Result<Task, Error> {
        let engine = self.engine.clone().expect("an engine");
        let sql = "select account_id from tasks where task_id = ?1";
        let owner: String = self.db().query_row(sql, [task_id], |row| row.get(0)).unwrap();
        let owner = AccountId::parse(&owner).unwrap();
        engine.command(owner, TaskId::parse(task_id).unwrap(), verb).await
    }

    /// Holds the first task that comes to its `point`th safe point until the second end is dropped; the first one hears
    /// that it is there.
    pub fn hold_at(&self, point: u64) -> (mpsc::Receiver<()>, mpsc::SyncSender<()>) {
        let (reached, hears) = mpsc::sync_channel(1);
        let (go, waits) = mpsc::sync_channel::<()>(1);
        let (passed, waits) = (AtomicU64::new(0), Mutex::new(waits));
        self.probe(Some(Arc::new(move || {
            if passed.fetch_add(1, Ordering::Relaxed) + 1 == point {
                let _ = reached.send(());
                let _ = waits.lock().unwrap().recv();
            }
        })));
        (hears, go)
    }

    /// Opens the gates of scheduled tasks that are due at the time of the test's clock.
    pub fn tick(&self) {
        let engine = self.engine.clone().expect("an engine");
        std::thread::spawn(move || engine.open_gates().unwrap()).join().unwrap();
    }

    /// Sends what is due at the time of the test's clock.
    pub fn send_due(&self) {
        self.notifier.as_ref().expect("a notifier").ring();
    }

    fn shut_down(&mut self) {
        (self.engine, self.notifier) = (None, None);
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
            && !std::thread::panicking()
        {
            panic!("the server did not end in order");
        }
    }
}

impl Drop for TestDrive {
    fn drop(&mut self) {
        self.shut_down();
        if let Some(folder) = &self.folder
            && !std::thread::panicking()
        {
            order::check(folder.path());
        }
    }
}

/// The settings of a test server: its own folder, a free port, no room kept back on the disk.
pub fn config(folder: &Path, settings: &[(&str, &str)]) -> Result<Config, Error> {
    let data_dir = folder.display().to_string();
    let own = [
        ("DRIVE_SERVER_DATA_DIR", data_dir.as_str()),
        ("DRIVE_SERVER_LISTEN", "127.0.0.1:0"),
        ("DRIVE_SERVER_SHUTDOWN_SECONDS", "3"),
        ("DRIVE_STORAGE_KEEP_FREE_BYTES", "0"),
        ("DRIVE_LIMITS_ENABLED", "false"),
        // Tasks that nobody asked for would be counted by tests about other things.
        ("DRIVE_PREVIEWS_ENABLED", "false"),
    ];
    let all =
        own.iter().chain(settings).map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Merged::read(&Flags::default(), all)?.build()
}

/// Waits until something that no event tells about has come true, such as the end of a clean-up.
pub async fn eventually(what: &str, mut come_true: impl FnMut() -> bool) {
    let patience = std::time::Instant::now();
    while !come_true() {
        assert!(patience.elapsed().as_secs() < 15, "in vain waited for: {what}");
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
}

/// A folder for one test. In memory where there is room: a server makes hundreds of folders, and a disk takes longer
/// to remove them than most tests take.
pub fn folder() -> TempDir {
    const ROOM_BYTES: u64 = 1 << 30;
    let memory = Path::new("/dev/shm");
    let roomy =
        rustix::fs::statvfs(memory).is_ok_and(|stat| stat.f_bavail * stat.f_frsize > ROOM_BYTES);
    let made = if roomy { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
    made.expect("a temporary folder")
}

/// A folder on another file system than [`folder`], where the machine has two.
pub fn other_disk() -> TempDir {
    tempfile::tempdir_in(std::env::temp_dir()).expect("a temporary folder")
}

/// The built program.
pub fn program() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_drive"))
}

/// Bytes that repeat nowhere soon, the same for the same seed.
pub fn bytes(seed: u64, length: usize) -> Vec<u8> {
    let mut out = vec![0; length];
    blake3::Hasher::new().update(&seed.to_le_bytes()).finalize_xof().fill(&mut out);
    out
}

/// SHA-256 in hexadecimal digits.
pub fn sha256(bytes: &[u8]) -> String {
    use sha2::Digest as _;
    drive::domain::digest::Digest(sha2::Sha256::digest(bytes).into()).to_string()
}
