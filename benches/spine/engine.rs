//! The task engine without HTTP: claims among very many tasks, tasks that do nothing, waking up, the start after a crash.

use std::collections::HashMap;
use std::path::Path;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex, OnceLock, Weak};
use std::time::{Duration, Instant};

use drive::blobs::Blobs;
use drive::blobs::sealed::ServerKey;
use drive::clock::Clock;
use drive::domain::account::{Caller, Role, Scopes};
use drive::domain::error::{Kind, Result};
use drive::domain::id::{AccountId, SessionId, TaskId};
use drive::domain::pool::Recycling;
use drive::domain::task::{Driver, TaskType};
use drive::domain::work::Lane;
use drive::engine::context::{Context, Ending, Work, results};
use drive::engine::operation::{Operation, Plan, Request};
use drive::engine::queue::Workers;
use drive::engine::submit::{Submitted, Wanted};
use drive::engine::{Engine, Settings, recovery};
use drive::store::accounts::{self, NewAccount};
use drive::store::tasks::{self, NewTask};
use drive::store::{Listener, Store, queue};
use serde_json::{Map, json};

use crate::parts::percentile;

/// An operation that tells when it runs, and does nothing.
struct Nothing {
    tell: Mutex<Option<SyncSender<(TaskId, Instant)>>>,
}

impl Operation for Nothing {
    fn task_type(&self) -> TaskType {
        TaskType::Custom
    }

    fn title(&self) -> &'static str {
        "Nothing"
    }

    fn plan(&self, _engine: &Engine, _request: &Request) -> Result<Plan> {
        Ok(Plan::new("Nothing", Lane::Quick, json!({})))
    }

    fn run(&self, context: &Context) -> Work<Ending> {
        if let Some(tell) = self.tell.lock().expect("no panic").as_ref() {
            let _ = tell.send((context.task.id, Instant::now()));
        }
        results(json!({}))
    }
}

struct Bench {
    engine: Arc<Engine>,
    operation: Arc<Nothing>,
}

impl Bench {
    fn open(folder: &Path, workers: usize) -> Self {
        std::fs::create_dir_all(folder).expect("a folder");
        let ear = Arc::new(OnceLock::<Weak<Engine>>::new());
        let hears = ear.clone();
        let listener = Listener {
            moved: Box::new(move |moved| {
                if let Some(engine) = hears.get().and_then(Weak::upgrade) {
                    engine.on_moved(moved);
                }
            }),
            events: Box::new(|_| {}),
        };
        let store =
            Store::open(&folder.join("drive.db"), Clock::default(), listener).expect("a store");
        let day = 24 * 3600 * 1000;
        let settings = Settings {
            stale_ms: day,
            paused_ms: day,
            keep_finished_ms: day,
            keep_audit_ms: day,
            recycling: Recycling::default(),
            sweep_ms: day,
            workers: HashMap::from([(Lane::Quick, workers)]),
        };
        let operation = Arc::new(Nothing { tell: Mutex::new(None) });
        let key = ServerKey::from_bytes([7; 32]);
        let operations: Vec<Arc<dyn Operation>> = vec![operation.clone()];
        let (clock, blobs) = (Clock::default(), Blobs::default());
        let engine = Arc::new(Engine::new(store, blobs, clock, settings, key, operations));
        let _ = ear.set(Arc::downgrade(&engine));
        Self { engine, operation }
    }

    fn accounts(&self, count: usize) -> Vec<AccountId> {
        let insert = move |tx: &drive::store::Tx<'_>| {
            (0..count)
                .map(|number| {
                    let new = NewAccount {
                        name: format!("account{number}"),
                        password_hash: "none".to_owned(),
                        role: Role::User,
                        quota_bytes: None,
                    };
                    accounts::insert(tx, &new)
                })
                .collect()
        };
        self.engine.store.write_now(insert).expect("accounts")
    }

    /// `count` waiting tasks: a sixth of them the first account's and first in order, the rest in turns.
    fn fill(&self, owners: &[AccountId], count: usize) {
        let owners = owners.to_vec();
        let insert = move |tx: &drive::store::Tx<'_>| {
            (0..count).try_for_each(|number| {
                let hog = number < count / 6;
                let owner = if hog { owners[0] } else { owners[number % owners.len()] };
                tasks::insert(tx, &waiting(owner)).map(|_| ())
            })
        };
        self.engine.store.write_now(insert).expect("tasks");
    }

    fn submit(&self, runtime: &tokio::runtime::Runtime, owner: AccountId) -> TaskId {
        loop {
            let caller = Caller {
                account_id: owner,
                session_id: SessionId::generate(),
                name: "someone".into(),
                role: Role::User,
                scopes: Scopes::ALL,
                until: None,
            };
            match runtime.block_on(self.engine.submit(caller, wanted())) {
                Ok(Submitted::New(task) | Submitted::Known(task)) => return task.id,
                Err(error) if error.kind() == Kind::TooMany => {
                    std::thread::sleep(Duration::from_millis(1));
                }
                Err(error) => panic!("{error}"),
            }
        }
    }

    fn hear(&self) -> std::sync::mpsc::Receiver<(TaskId, Instant)> {
        let (tell, hear) = sync_channel(100_000);
        *self.operation.tell.lock().expect("no panic") = Some(tell);
        hear
    }
}

fn waiting(owner: AccountId) -> NewTask {
    NewTask {
        id: TaskId::generate(),
        account_id: owner,
        task_type: TaskType::Custom,
        name: "Nothing".to_owned(),
        description: None,
        driver: Driver::Server,
        lane: Lane::Quick,
        gate: 0,
        run_at: None,
        priority: 0,
        parameters: json!({}),
        units_total: None,
        items_total: 0,
        reserved_bytes: 0,
        estimated_ms: None,
        stale_ms: None,
        unique_key: None,
        parent_pk: None,
    }
}

fn wanted() -> Wanted {
    Wanted {
        task_type: TaskType::Custom,
        name: None,
        description: None,
        priority: 0,
        parameters: Map::new(),
        run_at: None,
        depends_on: Vec::new(),
        parent_id: None,
        idempotency: None,
    }
}

fn told(what: &str, mut times: Vec<Duration>) {
    times.sort();
    let (p50, p99) = (percentile(&times, 50), percentile(&times, 99));
    println!("{what}: p50 {p50:.3} ms, p99 {p99:.3} ms");
}

pub fn engine(folder: &Path) {
    claims(&folder.join("engine-11"), 11);
    claims(&folder.join("engine-501"), 501);
    for producers in [1, 8] {
        throughput(&folder.join(format!("engine-{producers}-producers")), producers);
    }
    waking(&folder.join("engine-idle"));
    rescue(&folder.join("engine-rescue"));
}

/// Claims among 100,000 waiting tasks: the choice alone, and with its commit and flush.
fn claims(folder: &Path, owners: usize) {
    let bench = Bench::open(folder, 4);
    let owners = bench.accounts(owners);
    bench.fill(&owners, 100_000);
    let timed = |work: &mut dyn FnMut()| {
        let begin = Instant::now();
        work();
        begin.elapsed()
    };
    let store = &bench.engine.store;
    let mut choose = || {
        store.read_now(|db| queue::heads(db, Lane::Quick, 3)).expect("heads");
    };
    choose();
    let choices = (0..500).map(|_| timed(&mut choose)).collect();
    let mut claim = || {
        bench.engine.claim_by_hand(Lane::Quick).expect("a claim").expect("a task");
    };
    let claims = (0..500).map(|_| timed(&mut claim)).collect();
    let count = owners.len();
    told(&format!("100,000 tasks of {count} accounts, who is next"), choices);
    told(&format!("100,000 tasks of {count} accounts, a claim with its commit"), claims);
    store.close();
}

/// Tasks that do nothing, from their creation to their end.
fn throughput(folder: &Path, producers: usize) {
    const EACH: usize = 1_000;
    let bench = Bench::open(folder, 4);
    let owners = bench.accounts(producers);
    let workers = Workers::start(&bench.engine).expect("workers");
    let begin = Instant::now();
    std::thread::scope(|scope| {
        for &owner in &owners {
            let bench = &bench;
            scope.spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()
                    .expect("a runtime");
                for _ in 0..EACH {
                    bench.submit(&runtime, owner);
                }
            });
        }
    });
    let made = begin.elapsed();
    let store = &bench.engine.store;
    let left = || store.read_now(queue::lengths).expect("lengths");
    while left().iter().any(|(_, waiting, running)| waiting + running > 0) {
        std::thread::sleep(Duration::from_millis(2));
    }
    let count = (producers * EACH) as f64;
    println!(
        "empty tasks, {producers} producers: {:.0} made a second, {:.0} made, claimed and finished a second",
        count / made.as_secs_f64(),
        count / begin.elapsed().as_secs_f64()
    );
    workers.stop();
    store.close();
}

/// From a request to the first line of its operation, while nothing else happens.
fn waking(folder: &Path) {
    let bench = Bench::open(folder, 2);
    let owner = bench.accounts(1)[0];
    let workers = Workers::start(&bench.engine).expect("workers");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime");
    let hear = bench.hear();
    let times = (0..300)
        .map(|_| {
            let asked = Instant::now();
            bench.submit(&runtime, owner);
            let (_, begun) = hear.recv().expect("a run");
            std::thread::sleep(Duration::from_millis(10));
            begun - asked
        })
        .collect();
    told("from a request to its start, idle", times);
    workers.stop();
    bench.engine.store.close();
}

/// The start after a crash that met 10,000 running tasks.
fn rescue(folder: &Path) {
    let bench = Bench::open(folder, 4);
    let owners = bench.accounts(20);
    bench.fill(&owners, 10_000);
    recovery::run(&bench.engine).expect("a start");
    bench.engine.store.close();
    let db = rusqlite::Connection::open(folder.join("drive.db")).expect("the database");
    db.execute("update tasks set status = 1, epoch = 1, attempt = 1", []).expect("running");
    drop(db);
    let begin = Instant::now();
    let bench = Bench::open(folder, 4);
    let opened = begin.elapsed();
    recovery::run(&bench.engine).expect("a start");
    println!(
        "rescue of 10,000 running tasks: {:.0} ms, and {:.0} ms to open the database",
        (begin.elapsed() - opened).as_secs_f64() * 1000.0,
        opened.as_secs_f64() * 1000.0
    );
    bench.engine.store.close();
}
