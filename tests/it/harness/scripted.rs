//! The engine alone, without HTTP, on a real store, with an operation that does what a script says. The test holds the
//! strings: where the script says so, the operation waits until it is let go.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use drive::domain::account::{Caller, Role, Scopes};
use drive::domain::error::{Error, Kind};
use drive::domain::id::{AccountId, SessionId, TaskId};
use drive::domain::task::{Driver, TaskType};
use drive::domain::work::{Item, ItemState, Lane, NewItem};
use drive::engine::Engine;
use drive::engine::context::{Context, Ending, Stop, Work, results};
use drive::engine::operation::{Operation, Plan, Request};
use drive::engine::submit::Wanted;
use drive::store::items::{self, Mark};
use drive::store::tasks::NewTask;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// What one item of a task does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Act {
    Ok,
    /// Counts this many bytes, then is done.
    Advance(u64),
    /// Does not listen until it is let go.
    Hold,
    /// Works on and on and listens at each step, until it is let go.
    Patient,
    /// Fails in a way that may pass, in each attempt up to this one.
    Passing(i64),
    Fatal,
    /// Panics in each attempt up to this one.
    Panic(i64),
}

/// A task as a script.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Job {
    pub script: Vec<Act>,
    pub lane: Lane,
    pub item_bytes: u64,
    pub reserve: u64,
    pub unique: Option<String>,
    /// Driven by its client.
    pub client: bool,
    /// Holds before each item and before its end.
    pub stepwise: bool,
    /// Failed items are listed and the rest goes on.
    pub lenient: bool,
}

impl Job {
    pub fn new(lane: Lane, script: &[Act]) -> Self {
        Self {
            script: script.to_vec(),
            lane,
            item_bytes: 0,
            reserve: 0,
            unique: None,
            client: false,
            stepwise: false,
            lenient: false,
        }
    }

    pub fn quick(script: &[Act]) -> Self {
        Self::new(Lane::Quick, script)
    }

    pub fn wanted(&self) -> Wanted {
        let Value::Object(parameters) = serde_json::to_value(self).unwrap() else { panic!() };
        Wanted {
            task_type: TaskType::Custom,
            name: None,
            description: None,
            priority: 0,
            parameters,
            run_at: None,
            depends_on: Vec::new(),
            parent_id: None,
            idempotency: None,
        }
    }
}

/// The same as the table takes it, for many at once.
pub fn new_task(account_id: AccountId, job: &Job) -> NewTask {
    NewTask {
        id: TaskId::generate(),
        account_id,
        task_type: TaskType::Custom,
        name: "A script".to_owned(),
        description: None,
        driver: Driver::Server,
        lane: job.lane,
        gate: 0,
        run_at: None,
        priority: 0,
        parameters: serde_json::to_value(job).unwrap(),
        units_total: None,
        items_total: 0,
        reserved_bytes: 0,
        estimated_ms: None,
        stale_ms: None,
        unique_key: None,
        parent_pk: None,
    }
}

pub fn caller(account_id: AccountId) -> Caller {
    Caller {
        account_id,
        session_id: SessionId::generate(),
        name: "someone".into(),
        role: Role::User,
        scopes: Scopes::ALL,
        until: None,
    }
}

/// Where an operation waits for the test.
#[derive(Default)]
pub struct Stage {
    scene: Mutex<Scene>,
    bell: Condvar,
}

#[derive(Default)]
struct Scene {
    held: HashMap<TaskId, i64>,
    let_go: HashSet<TaskId>,
    over: HashSet<TaskId>,
    begun: Vec<(TaskId, Instant)>,
    stopped: HashMap<TaskId, Instant>,
    gone: bool,
}

const PATIENCE: Duration = Duration::from_secs(20);

impl Stage {
    /// Waits until the test lets the task go; `Err` when the process is as good as dead.
    fn hold(&self, id: TaskId, place: i64) -> Work<()> {
        let mut scene = self.scene.lock().unwrap();
        scene.held.insert(id, place);
        self.bell.notify_all();
        while !scene.let_go.remove(&id) && !scene.gone {
            scene = self.bell.wait(scene).unwrap();
        }
        scene.held.remove(&id);
        // A worker whose process was killed commits nothing more, like one whose claim is void.
        if scene.gone { Err(Stop::Fenced) } else { Ok(()) }
    }

    fn is_let_go(&self, id: TaskId) -> bool {
        let mut scene = self.scene.lock().unwrap();
        scene.let_go.remove(&id) || scene.gone
    }

    /// Lets a task that is held, or the next one to be, go on.
    pub fn let_go(&self, id: TaskId) {
        let mut scene = self.scene.lock().unwrap();
        scene.held.remove(&id);
        scene.let_go.insert(id);
        self.bell.notify_all();
    }

    /// Waits until the task is held, and tells before which item; `None` when its run is over instead.
    pub fn held(&self, id: TaskId) -> Option<i64> {
        let mut held = None;
        self.wait("a task is held", |scene| {
            held = scene.held.get(&id).copied();
            held.is_some() || scene.over.contains(&id)
        });
        held
    }

    /// Waits until the task's operation runs, and tells since when.
    pub fn begun(&self, id: TaskId) -> Instant {
        let mut begun = None;
        self.wait("a task begins", |scene| {
            begun = scene.begun.iter().rev().find(|(of, _)| *of == id).map(|(_, at)| *at);
            begun.is_some()
        });
        begun.unwrap()
    }

    /// The order in which operations began.
    pub fn order(&self) -> Vec<TaskId> {
        self.scene.lock().unwrap().begun.iter().map(|(id, _)| *id).collect()
    }

    /// A run of this task begins that the test drives.
    pub fn open(&self, id: TaskId) {
        self.scene.lock().unwrap().over.remove(&id);
    }

    pub fn over(&self, id: TaskId) {
        self.scene.lock().unwrap().over.insert(id);
        self.bell.notify_all();
    }

    /// The process is killed: whoever is held commits nothing more.
    pub fn kill(&self) {
        self.scene.lock().unwrap().gone = true;
        self.bell.notify_all();
    }

    fn wait(&self, what: &str, mut come_true: impl FnMut(&Scene) -> bool) {
        let patience = Instant::now();
        let mut scene = self.scene.lock().unwrap();
        while !come_true(&scene) {
            assert!(patience.elapsed() < PATIENCE, "in vain waited until {what}");
            scene = self.bell.wait_timeout(scene, PATIENCE / 10).unwrap().0;
        }
    }
}

/// `Custom`, as the tests understand it.
pub struct Scripted {
    pub stage: Arc<Stage>,
}

impl Operation for Scripted {
    fn task_type(&self) -> TaskType {
        TaskType::Custom
    }

    fn title(&self) -> &'static str {
        "Do what a script says"
    }

    fn plan(&self, _engine: &Engine, request: &Request) -> drive::domain::error::Result<Plan> {
        let parameters = Value::Object(request.parameters.clone());
        let job: Job = serde_json::from_value(parameters.clone()).unwrap();
        let mut plan = Plan::new("A script", job.lane, parameters);
        plan.driver = if job.client { Driver::Client } else { Driver::Server };
        plan.items = (0..job.script.len())
            .map(|number| NewItem {
                name: format!("item {number}"),
                item: json!({}),
                bytes: job.item_bytes,
            })
            .collect();
        plan.reserve_bytes = job.reserve;
        plan.unique_key = job.unique;
        Ok(plan)
    }

    fn run(&self, context: &Context) -> Work<Ending> {
        let id = context.task.id;
        let begun = (id, Instant::now());
        self.stage.scene.lock().unwrap().begun.push(begun);
        self.stage.bell.notify_all();
        let ran = self.play(context);
        self.stage.scene.lock().unwrap().stopped.insert(id, Instant::now());
        ran
    }
}

impl Scripted {
    fn play(&self, context: &Context) -> Work<Ending> {
        let job: Job = serde_json::from_value(context.task.parameters.clone()).unwrap();
        let id = context.task.id;
        if job.lenient {
            context.each_item(|item| self.item(context, &job, item))?;
        } else {
            loop {
                let open = context.open_items()?;
                if open.is_empty() {
                    break;
                }
                for item in &open {
                    context.check()?;
                    if job.stepwise {
                        self.stage.hold(id, item.seq)?;
                    }
                    self.item(context, &job, item)?;
                    context.recount()?;
                    context.advance(0)?;
                }
            }
        }
        if job.stepwise {
            self.stage.hold(id, job.script.len() as i64)?;
        }
        results(json!({ "done": job.script.len() }))
    }

    fn item(&self, context: &Context, job: &Job, item: &Item) -> Work<()> {
        let (id, attempt) = (context.task.id, context.task.attempt);
        match job.script[item.seq as usize] {
            Act::Ok => {}
            Act::Advance(bytes) => context.advance(bytes)?,
            Act::Hold => self.stage.hold(id, item.seq)?,
            Act::Patient => {
                while !self.stage.is_let_go(id) {
                    context.advance(1)?;
                    std::thread::sleep(Duration::from_millis(1));
                }
            }
            Act::Passing(last) if attempt <= last => {
                return Err(Error::new(Kind::Io, "The disk had a bad moment.").into());
            }
            Act::Fatal => {
                return Err(Error::new(Kind::ContentInvalid, "This will never do.").into());
            }
            Act::Panic(last) if attempt <= last => panic!("as the script says"),
            Act::Passing(_) | Act::Panic(_) => {}
        }
        let seq = item.seq;
        context.commit(move |tx, task| {
            items::mark(tx, task.pk, seq, ItemState::Done, &Mark::default()).map(|_| ())
        })
    }
}
