//! The composition root: opens everything in order, recovers, serves, and shuts down in the opposite order. The same
//! for the program and for its tests.

use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use actix_web::dev::Server;
use actix_web::web;

use crate::blobs::previews::PreviewDir;
use crate::blobs::sealed::ServerKey;
use crate::blobs::{Blobs, make_dir, write_durably};
use crate::clock::Clock;
use crate::config::Config;
use crate::domain::error::{Error, Result};
use crate::engine::Engine;
use crate::engine::janitor::Janitor;
use crate::engine::live::Live;
use crate::engine::queue::Workers;
use crate::engine::recovery::{self, LastStop};
use crate::engine::watch::Watch;
use crate::http::{State, tokens};
use crate::notify::Notifier;
use crate::notify::sender::Sender;
use crate::operations;
use crate::operations::passwords::Passwords;
use crate::operations::places::Places;
use crate::operations::previews::desk::{Bell, Desk};
use crate::operations::upload::registry::OpenUploads;
use crate::operations::upload::{Settings as UploadSettings, Uploads};
use crate::outgoing;
use crate::store::{Listener, Store, accounts};
use crate::tls::Tls;

mod listen;
mod pools;
mod settings;
pub mod transfer;

use settings::{engine_settings, http_settings, notifier};

/// How often held-back progress is looked at.
const FLUSH: Duration = Duration::from_millis(100);

/// The opened data directory: locked, so that one server at most uses it.
pub struct DataDir {
    path: PathBuf,
    _lock: File,
}

impl DataDir {
    /// Opens and locks the data directory, making it when it is new.
    pub fn lock(config: &Config) -> Result<Self> {
        let path = prepare(config)?;
        let lock = File::create(path.join("LOCK"))
            .map_err(|error| Error::io("opening the lock file", &error))?;
        lock.try_lock().map_err(|_| {
            Error::invalid(
                "server.data_dir",
                format!("{} is in use by another Drive. Stop it first.", path.display()),
            )
        })?;
        Ok(Self { path, _lock: lock })
    }
}

/// Makes the data directory with its secrets.
fn prepare(config: &Config) -> Result<PathBuf> {
    let path = config.server.data_dir.clone();
    make_dir(&path)?;
    make_dir(&path.join("secrets"))?;
    let key = path.join("secrets/access-token.key");
    if !key.exists() {
        write_durably(&key, &tokens::random()?)?;
    }
    Ok(path)
}

/// Opens the database of a data directory, for the server or for a command beside it.
pub fn open_store(config: &Config, clock: Clock, listener: Listener) -> Result<Store> {
    let path = prepare(config)?;
    Store::open(&path.join("drive.db"), clock, listener)
}

/// Everything opened and recovered, not serving yet. Made outside of the asynchronous runtime, since it blocks.
pub struct App {
    /// `None` when there is an administrator.
    pub setup_code: Option<String>,
    pub last_stop: LastStop,
    pub engine: Arc<Engine>,
    pub notifier: Arc<Notifier>,
    /// SHA-256 of a certificate that the server signed itself, for people to compare.
    pub self_signed: Option<String>,
    tls: Option<Tls>,
    state: web::Data<State>,
    live: Arc<Live>,
    /// `None` where the settings want no previews.
    desk: Option<Desk>,
    data_dir: DataDir,
    config: Config,
}

/// A server that is bound to its address.
struct Serving {
    address: SocketAddr,
    server: Server,
    /// What looks after the certificate.
    keep: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    state: web::Data<State>,
    live: Arc<Live>,
    desk: Option<Desk>,
    uploads: Arc<Uploads>,
    store: Store,
    janitor: Janitor,
    watch: Watch,
    workers: Workers,
    data_dir: DataDir,
}

impl App {
    /// Opens the data directory and mends what the last run left half done.
    pub fn open(config: &Config, clock: Clock) -> Result<Self> {
        outgoing::install_provider();
        let data_dir = DataDir::lock(config)?;
        let tls = listen::tls(config, &data_dir, &clock)?;
        let live = Live::new(clock.clone());
        // The engine hears of moves through the store, which it needs to be made.
        let ear = Arc::new(OnceLock::<Weak<Engine>>::new());
        let previews = Arc::new(Bell::default());
        let listener = listener(&ear, &live, &previews);
        let store = open_store(config, clock.clone(), listener)?;
        let (pools, dirs) = pools::open(config, &store)?;
        let preferred_pool = pools::preferred(config, &pools)?;

        let idle = Duration::from_secs(u64::from(config.uploads.cache_minutes) * 60);
        let thumbnails = PreviewDir::open(&data_dir.path.join("previews"))?;
        let blobs = Blobs::new(dirs, thumbnails);
        let open = OpenUploads::new(blobs.clone(), idle);
        let mut by_preference = pools.clone();
        by_preference.sort_by_key(|pool| pool.id != preferred_pool);
        let places = Arc::new(Places {
            blobs: blobs.clone(),
            pools: by_preference,
            passwords: Passwords::new()?,
        });
        let operations = operations::all(open.clone(), &places);
        let key = server_key(&data_dir.path)?;
        let settings = engine_settings(config, &pools);
        let engine = Engine::new(store.clone(), blobs, clock, settings, key, operations);
        let engine = Arc::new(engine);
        let _ = ear.set(Arc::downgrade(&engine));
        // Before the first task can end: the start itself may fail one that took the server down.
        let notifier = notifier(config, &data_dir.path, &engine, &live)?;
        let last_stop = recovery::run(&engine)?;
        let uploads = Arc::new(Uploads {
            engine: engine.clone(),
            open,
            settings: UploadSettings {
                default_chunk_size: config.uploads.default_chunk_size,
                max_chunk_size: config.uploads.max_chunk_size,
                preferred_pool,
            },
            pools,
            passwords: places.passwords.clone(),
            locking: Arc::default(),
        });

        let setup_code = setup_code(&data_dir.path, &store)?;
        let secret = std::fs::read(data_dir.path.join("secrets/access-token.key"))
            .map_err(|error| Error::io("reading the access token key", &error))?;
        let settings = http_settings(config, &data_dir.path, setup_code.clone(), previews.clone())?;
        let state =
            State::new(engine.clone(), uploads, live.clone(), notifier.clone(), &secret, settings);
        let state = web::Data::new(state);
        let settle = Duration::from_secs(u64::from(config.previews.settle_seconds));
        let desk = Desk { engine: engine.clone(), bell: previews, settle };
        Ok(Self {
            setup_code,
            last_stop,
            engine,
            notifier,
            self_signed: tls.as_ref().and_then(|tls| tls.fingerprint.clone()),
            tls,
            state,
            live,
            desk: config.previews.enabled.then_some(desk),
            data_dir,
            config: config.clone(),
        })
    }

    /// Serves on this thread until what `stop` gives resolves. `stop` is called before `ready`, which is told the
    /// address: whoever hears that the server is ready can already stop it in order.
    pub fn run<F: Future<Output = ()>>(
        self,
        stop: impl FnOnce() -> F,
        ready: impl FnOnce(SocketAddr),
    ) -> Result<()> {
        actix_web::rt::System::new().block_on(async {
            let stopped = stop();
            let serving = self.bind()?;
            ready(serving.address);
            serving.run(stopped).await
        })
    }

    fn bind(self) -> Result<Serving> {
        let state = self.state;
        let (config, keep) = self.tls.map(|tls| (tls.config, tls.keep)).unzip();
        let (server, address) = listen::serve(&self.config, state.clone(), config)?;
        let uploads = state.uploads.clone();
        let janitor = Janitor::start(self.engine.clone())?;
        let watch = Watch::start(self.engine.clone())?;
        let workers = Workers::start(&self.engine)?;
        let store = self.engine.store.clone();
        let (live, desk, data_dir) = (self.live, self.desk, self.data_dir);
        Ok(Serving {
            address,
            server,
            keep,
            state,
            live,
            desk,
            uploads,
            store,
            janitor,
            watch,
            workers,
            data_dir,
        })
    }
}

impl Serving {
    /// Serves until `stop` resolves, then ends everything in order: sockets, requests, messages, workers, janitor,
    /// database.
    async fn run(self, stop: impl Future<Output = ()>) -> Result<()> {
        let Self {
            server,
            keep,
            state,
            live,
            desk,
            uploads,
            store,
            janitor,
            watch,
            workers,
            data_dir,
            ..
        } = self;
        let handle = server.handle();
        let server = tokio::spawn(server);
        let flusher = live.clone();
        let flush = tokio::spawn(async move {
            let mut tick = tokio::time::interval(FLUSH);
            loop {
                tick.tick().await;
                flusher.flush_due();
            }
        });
        let keep = keep.map(tokio::spawn);
        let finish = tokio::spawn(uploads.clone().finish_interrupted());
        let desk = desk.map(|desk| tokio::spawn(desk.watch()));
        let sender = Sender::start(state.notifier.clone());
        stop.await;
        finish.abort();
        if let Some(desk) = desk {
            desk.abort();
        }
        uploads.locking.stop();
        live.close_all();
        state.waiters.close();
        handle.stop(true).await;
        let served = server.await.map_err(Error::internal)?;
        flush.abort();
        if let Some(keep) = keep {
            keep.abort();
        }
        sender.stop().await;
        tokio::task::spawn_blocking(move || {
            let in_order = workers.stop();
            janitor.stop();
            watch.stop();
            uploads.locking.wait();
            // A worker that is left behind may be what brings the server down: its task's next start counts it.
            let marked = if in_order { recovery::mark_clean(&store) } else { Ok(()) };
            store.close();
            drop(data_dir);
            marked
        })
        .await
        .map_err(Error::internal)??;
        served.map_err(|error| Error::io("serving", &error))
    }
}

fn listener(ear: &Arc<OnceLock<Weak<Engine>>>, live: &Arc<Live>, previews: &Arc<Bell>) -> Listener {
    let (ear, live, previews) = (ear.clone(), live.clone(), previews.clone());
    Listener {
        moved: Box::new(move |moved| {
            previews.hear(&moved);
            if let Some(engine) = ear.get().and_then(Weak::upgrade) {
                engine.on_moved(moved);
            }
        }),
        events: Box::new(move |events| live.publish(events)),
    }
}

/// The key that seals what tasks keep secret; it lies beside the database, not in it.
fn server_key(data_dir: &Path) -> Result<ServerKey> {
    let path = data_dir.join("secrets/task-secrets.key");
    if !path.exists() {
        write_durably(&path, ServerKey::generate()?.as_bytes())?;
    }
    let bytes = std::fs::read(&path)
        .map_err(|error| Error::io("reading the key of task secrets", &error))?;
    let bytes = bytes.try_into().map_err(|_| {
        Error::internal(format!("{} must have 32 bytes; restore it", path.display()))
    })?;
    Ok(ServerKey::from_bytes(bytes))
}

/// The code that allows the first set-up: the same at each start until it is used.
fn setup_code(data_dir: &Path, store: &Store) -> Result<Option<String>> {
    let path = data_dir.join("secrets/setup-code");
    if store.read_now(accounts::has_admin)? {
        let _ = std::fs::remove_file(path);
        return Ok(None);
    }
    if let Ok(code) = std::fs::read_to_string(&path)
        && code.len() >= 32
    {
        return Ok(Some(code));
    }
    let (code, _) = tokens::secret()?;
    write_durably(&path, code.as_bytes())?;
    Ok(Some(code))
}
