//! A world for the engine alone: a store in a folder of its own, a clock, live clients; it can stop in order, and it
//! can be killed.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::{Arc, OnceLock, Weak};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use drive::blobs::Blobs;
use drive::blobs::sealed::ServerKey;
use drive::clock::Clock;
use drive::domain::account::Role;
use drive::domain::error::Result;
use drive::domain::id::{AccountId, SessionId, TaskId};
use drive::domain::pool::Recycling;
use drive::domain::task::{Status, Task, Verb};
use drive::domain::work::Lane;
use drive::engine::live::{Live, Membership};
use drive::engine::queue::Workers;
use drive::engine::recovery::{self, LastStop};
use drive::engine::submit::{Submitted, Wanted};
use drive::engine::{Engine, Settings};
use drive::store::accounts::{self, NewAccount};
use drive::store::{Listener, Store, events, task_lists, tasks};
use rusqlite::Connection;
use serde_json::Value;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::scripted::{Job, Scripted, Stage, caller};

pub const HOUR_MS: i64 = 3_600_000;

/// How a world is made, and made again.
#[derive(Clone)]
pub struct Make {
    pub clock: Clock,
    pub workers: HashMap<Lane, usize>,
}

impl Make {
    pub fn new(workers: &[(Lane, usize)]) -> Self {
        Self { clock: Clock::default(), workers: workers.iter().copied().collect() }
    }
}

pub struct World {
    pub engine: Arc<Engine>,
    pub live: Arc<Live>,
    pub stage: Arc<Stage>,
    pub last_stop: LastStop,
    pub db: Connection,
    pub make: Make,
    folder: Option<TempDir>,
    workers: Option<Workers>,
    runners: HashMap<TaskId, JoinHandle<()>>,
    runtime: Runtime,
}

impl World {
    /// A new world whose workers are the test's own hands.
    pub fn new(make: Make) -> Self {
        Self::open(super::folder(), make)
    }

    /// A new world with real workers.
    pub fn at_work(workers: &[(Lane, usize)]) -> Self {
        let mut world = Self::new(Make::new(workers));
        world.start();
        world
    }

    pub fn open(folder: TempDir, make: Make) -> Self {
        let live = Live::new(make.clock.clone());
        let ear = Arc::new(OnceLock::<Weak<Engine>>::new());
        let (hears, tells) = (ear.clone(), live.clone());
        let listener = Listener {
            moved: Box::new(move |moved| {
                if let Some(engine) = hears.get().and_then(Weak::upgrade) {
                    engine.on_moved(moved);
                }
            }),
            events: Box::new(move |events| tells.publish(events)),
        };
        let path = folder.path().join("drive.db");
        let store = Store::open(&path, make.clock.clone(), listener).unwrap();
        let stage = Arc::new(Stage::default());
        let settings = Settings {
            stale_ms: 24 * HOUR_MS,
            paused_ms: HOUR_MS,
            keep_finished_ms: 3 * HOUR_MS,
            keep_audit_ms: 24 * HOUR_MS,
            recycling: Recycling::default(),
            sweep_ms: HOUR_MS,
            workers: make.workers.clone(),
        };
        let key = ServerKey::from_bytes([7; 32]);
        let clock = make.clock.clone();
        let operation = Arc::new(Scripted { stage: stage.clone() });
        let engine = Engine::new(store, Blobs::default(), clock, settings, key, vec![operation]);
        let engine = Arc::new(engine);
        let _ = ear.set(Arc::downgrade(&engine));
        let last_stop = recovery::run(&engine).unwrap();
        let db = Connection::open(&path).unwrap();
        db.busy_timeout(Duration::from_secs(5)).unwrap();
        db.set_prepared_statement_cache_capacity(32);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        Self {
            engine,
            live,
            stage,
            last_stop,
            db,
            make,
            folder: Some(folder),
            workers: None,
            runners: HashMap::new(),
            runtime,
        }
    }

    pub fn start(&mut self) {
        self.workers = Some(Workers::start(&self.engine).unwrap());
    }

    pub fn account(&self, name: &str, quota_bytes: Option<u64>) -> AccountId {
        let new = NewAccount {
            name: name.to_owned(),
            password_hash: "none".to_owned(),
            role: Role::User,
            quota_bytes,
        };
        self.engine.store.write_now(move |tx| accounts::insert(tx, &new)).unwrap()
    }

    pub fn submit(&self, owner: AccountId, wanted: Wanted) -> Result<Submitted> {
        self.runtime.block_on(self.engine.submit(caller(owner), wanted))
    }

    /// A task that must be new.
    pub fn add(&self, owner: AccountId, wanted: Wanted) -> Task {
        match self.submit(owner, wanted).unwrap() {
            Submitted::New(task) => *task,
            Submitted::Known(task) => panic!("known already: {task:?}"),
        }
    }

    pub fn job(&self, owner: AccountId, job: &Job) -> Task {
        self.add(owner, job.wanted())
    }

    pub fn command(&self, task: &Task, verb: Verb) -> Result<Task> {
        self.runtime.block_on(self.engine.command(task.account_id, task.id, verb))
    }

    pub fn prioritise(&self, task: &Task, priority: u8) -> Result<Task> {
        let amended = self.engine.amend(task.account_id, task.id, None, Some(priority));
        self.runtime.block_on(amended)
    }

    /// The task as it is now.
    pub fn now(&self, task: &Task) -> Task {
        let pk = task.pk;
        self.engine.store.read_now(|db| tasks::by_pk(db, pk)).unwrap().expect("a task")
    }

    pub fn status(&self, task: &Task) -> Status {
        self.now(task).status
    }

    /// The task once it has this status.
    pub fn until(&self, task: &Task, status: Status) -> Task {
        let patience = Instant::now();
        loop {
            let now = self.now(task);
            if now.status == status {
                return now;
            }
            assert!(patience.elapsed().as_secs() < 20, "in vain waited for {status:?}: {now:?}");
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    pub fn number(&self, sql: &str) -> i64 {
        self.db.prepare_cached(sql).unwrap().query_row([], |row| row.get(0)).unwrap()
    }

    /// Moves the clock and opens the gates that are due then.
    pub fn advance(&self, milliseconds: i64) {
        self.make.clock.advance_ms(milliseconds);
        while self.engine.open_gates().unwrap() == Duration::ZERO {}
    }

    pub fn claim(&self, lane: Lane) -> Option<Task> {
        self.engine.claim_by_hand(lane).unwrap()
    }

    /// Begins to run a claimed task and returns when it is held, or over.
    pub fn begin(&mut self, claimed: Task) -> Option<i64> {
        let id = claimed.id;
        let (engine, stage) = (self.engine.clone(), self.stage.clone());
        stage.open(id);
        let runner = std::thread::spawn(move || {
            engine.run_by_hand(claimed);
            stage.over(id);
        });
        self.runners.insert(id, runner);
        self.settle(id)
    }

    /// Lets a held task go on until it is held again, or over.
    pub fn step(&mut self, id: TaskId) -> Option<i64> {
        self.stage.let_go(id);
        self.settle(id)
    }

    fn settle(&mut self, id: TaskId) -> Option<i64> {
        let held = self.stage.held(id);
        if held.is_none() {
            self.runners.remove(&id).expect("a runner").join().unwrap();
        }
        held
    }

    /// Claims and runs to the end on this thread; nothing may hold.
    pub fn run_next(&self, lane: Lane) -> Option<Task> {
        let claimed = self.claim(lane)?;
        self.engine.run_by_hand(claimed.clone());
        Some(self.now(&claimed))
    }

    /// A stop in order, and a start.
    pub fn restart(mut self) -> Self {
        self.stop();
        recovery::mark_clean(&self.engine.store).unwrap();
        self.engine.store.close();
        let folder = self.folder.take().unwrap();
        Self::open(folder, self.make.clone())
    }

    /// Ends the workers, each at its next safe point.
    pub fn stop(&mut self) -> bool {
        self.engine.queue.stop();
        assert!(self.runners.is_empty(), "a task is still held");
        self.workers.take().is_none_or(Workers::stop)
    }

    /// `kill -9` and a start: the new world has the files as they are this moment.
    pub fn crash(mut self) -> Self {
        let fresh = super::folder();
        self.copy_to(fresh.path());
        self.bury();
        Self::open(fresh, self.make.clone())
    }

    fn copy_to(&self, to: &Path) {
        self.engine.store.write_now(|_| Ok(())).unwrap();
        let from = self.folder.as_ref().unwrap().path();
        for name in ["drive.db", "drive.db-wal"] {
            std::fs::copy(from.join(name), to.join(name)).unwrap();
        }
    }

    /// Ends what is left of a world that nobody looks at any more.
    fn bury(&mut self) {
        self.stage.kill();
        self.engine.queue.stop();
        for (_, runner) in self.runners.drain() {
            let _ = runner.join();
        }
        if let Some(workers) = self.workers.take() {
            workers.stop();
        }
        self.engine.store.close();
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if self.folder.is_some() {
            self.bury();
        }
    }
}

/// What a client that follows the events of an account knows of its tasks.
#[derive(Default)]
pub struct View {
    pub tasks: BTreeMap<TaskId, (Status, i64)>,
    since: Option<(String, u64)>,
    member: Option<Membership>,
}

impl View {
    /// Connects as `/ws` does: joins first, catches up by number, or takes what is open.
    pub fn connect(&mut self, world: &World, owner: AccountId) {
        self.member = Some(world.live.join(owner, SessionId::generate()).unwrap());
        let store = &world.engine.store;
        let stream = store.write_now(move |tx| events::stream(tx, owner)).unwrap();
        let known = self.since.take().filter(|(id, seq)| {
            *id == stream.stream_id && (stream.pruned_through..=stream.last_seq).contains(seq)
        });
        let mut seq = stream.last_seq;
        match known {
            None => {
                self.tasks.clear();
                let open = store.read_now(|db| task_lists::active(db, owner, 500)).unwrap();
                self.tasks = open.iter().map(|task| (task.id, (task.status, task.rev))).collect();
            }
            Some((_, since)) => {
                seq = since;
                for (number, name, data) in
                    store.read_now(|db| events::after(db, owner, since, 100_000)).unwrap()
                {
                    assert_eq!(number, seq + 1, "events are numbered without a gap");
                    seq = number;
                    self.hear(&name, &data);
                }
            }
        }
        self.since = Some((stream.stream_id, seq));
    }

    pub fn disconnect(&mut self) {
        self.member = None;
    }

    pub fn is_connected(&self) -> bool {
        self.member.is_some()
    }

    /// Hears what has come in.
    pub fn listen(&mut self) {
        let Some(member) = &self.member else { return };
        for packet in member.client.take().unwrap() {
            let (_, known) = self.since.as_mut().unwrap();
            match packet.seq {
                Some(seq) if seq <= *known => continue,
                Some(seq) => {
                    assert_eq!(seq, *known + 1, "live events are numbered without a gap");
                    *known = seq;
                }
                None => {}
            }
            let text: Value = serde_json::from_str(&packet.text).unwrap();
            self.hear(text["type"].as_str().unwrap(), &text["data"]);
        }
    }

    fn hear(&mut self, name: &str, data: &Value) {
        let Some(id) = data["taskId"].as_str() else { return };
        let id = TaskId::parse(id).unwrap();
        let status = serde_json::from_value(data["status"].clone()).unwrap();
        let rev = data["rev"].as_i64().unwrap();
        let known = self.tasks.get(&id).map(|(_, rev)| *rev);
        if known.is_none() && !["task.created", "task.progress"].contains(&name) {
            return;
        }
        if known.is_none_or(|known| known <= rev) {
            self.tasks.insert(id, (status, rev));
        }
    }
}
