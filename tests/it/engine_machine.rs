//! The engine against its model: random lives of a few tasks, with crashes, stops, clients and a clock, compared after
//! every step. `ENGINE_CASES` asks for more cases than the usual ones.

use std::collections::HashMap;

use drive::clock::Clock;
use drive::domain::error::{Error, Kind};
use drive::domain::id::{AccountId, TaskId};
use drive::domain::task::{Status, Task, Verb};
use drive::domain::time::Timestamp;
use drive::domain::work::Lane::Quick;
use drive::engine::janitor;
use drive::engine::submit::Submitted;
use drive::store::tasks::{self, Outcome};
use proptest::prelude::*;
use proptest::test_runner::Config;
use proptest_state_machine::{ReferenceStateMachine, StateMachineTest, prop_state_machine};

use crate::engine_laws::laws;
use crate::engine_model::{Hands, Model, QUOTA, Row, SLOTS, Step, Told, Wish};
use crate::engine_steps::steps;
use crate::harness::scripted::{Act, Job};
use crate::harness::world::{Make, View, World};

const BEGIN_MS: i64 = 1_700_000_000_000;

pub struct Reference;

impl ReferenceStateMachine for Reference {
    type State = Model;
    type Transition = Step;

    fn init_state() -> BoxedStrategy<Model> {
        Just(Model::new(BEGIN_MS)).boxed()
    }

    fn transitions(_: &Model) -> BoxedStrategy<Step> {
        steps()
    }

    fn apply(mut model: Model, step: &Step) -> Model {
        model.take(step);
        model
    }
}

/// The engine, and what the test knows of it.
pub struct Machine {
    world: Option<World>,
    accounts: Vec<AccountId>,
    tasks: Vec<Task>,
    view: View,
    /// Rows that must never change again.
    absorbed: HashMap<i64, String>,
}

impl Machine {
    fn new() -> Self {
        let mut make = Make::new(&SLOTS);
        make.clock = Clock::still(Timestamp(BEGIN_MS));
        let world = World::new(make);
        let accounts = ["ada", "bob"].map(|name| world.account(name, Some(QUOTA))).to_vec();
        let mut view = View::default();
        view.connect(&world, accounts[0]);
        let (world, tasks, absorbed) = (Some(world), Vec::new(), HashMap::new());
        Self { world, accounts, tasks, view, absorbed }
    }

    fn world(&mut self) -> &mut World {
        self.world.as_mut().expect("a world")
    }

    fn named(&self, number: usize) -> Option<Task> {
        (!self.tasks.is_empty()).then(|| self.tasks[number % self.tasks.len()].clone())
    }

    fn place(&self, id: TaskId) -> usize {
        self.tasks.iter().position(|task| task.id == id).expect("a task that is known")
    }

    fn take(&mut self, step: &Step) -> Told {
        let done = |outcome: Result<Task, Error>| match outcome {
            Ok(_) => Told::Done,
            Err(error) => Told::Refused(error.kind()),
        };
        match step {
            Step::Create(wish) => self.create(wish),
            Step::Claim(lane) => {
                let claimed = self.world().claim(*lane);
                Told::Claimed(claimed.map(|task| {
                    let at = self.place(task.id);
                    self.tasks[at] = task;
                    at
                }))
            }
            Step::Ask(number, verb) => {
                let Some(task) = self.named(*number) else { return Told::Nothing };
                janitor::clean(&self.world().engine).unwrap();
                done(self.world().command(&task, *verb))
            }
            Step::Prioritise(number, priority) => {
                let Some(task) = self.named(*number) else { return Told::Nothing };
                done(self.world().prioritise(&task, *priority))
            }
            Step::ClientEnds(number, verb) => {
                let Some(task) = self.named(*number) else { return Told::Nothing };
                let (engine, verb) = (self.world().engine.clone(), *verb);
                let store = engine.store.clone();
                done(store.write_now(move |tx| {
                    let task = tasks::get(tx.connection, task.account_id, task.id)?;
                    if task.driver == drive::domain::task::Driver::Server {
                        return Ok(task);
                    }
                    engine.apply(tx, &task, verb, Outcome::default())
                }))
            }
            step => {
                self.pass(step);
                Told::Nothing
            }
        }
    }

    fn pass(&mut self, step: &Step) {
        let (ada, now) = (self.accounts[0], self.world().make.clock.now());
        match step {
            Step::Advance(milliseconds) => self.world().advance(*milliseconds),
            Step::Sweep => janitor::sweep(&self.world().engine, now).unwrap(),
            Step::Connect if !self.view.is_connected() => {
                let world = self.world.as_ref().expect("a world");
                self.view.connect(world, ada);
            }
            Step::Disconnect => {
                self.view.listen();
                self.view.disconnect();
            }
            Step::Crash | Step::Stop => {
                self.view.listen();
                self.view.disconnect();
                let world = self.world.take().expect("a world");
                let world =
                    if matches!(step, Step::Crash) { world.crash() } else { world.restart() };
                self.view.connect(&world, ada);
                self.world = Some(world);
            }
            _ => {}
        }
    }

    fn create(&mut self, wish: &Wish) -> Told {
        let job = Job {
            reserve: wish.reserve,
            unique: wish.unique.map(|key| key.to_string()),
            client: wish.client,
            stepwise: true,
            ..Job::new(wish.lane, &wish.script)
        };
        let mut wanted = job.wanted();
        wanted.priority = wish.priority;
        wanted.depends_on =
            wish.depends_on.iter().filter_map(|&on| self.named(on)).map(|on| on.id).collect();
        wanted.parent_id = wish.parent.and_then(|on| self.named(on)).map(|parent| parent.id);
        let now = self.world().make.clock.now();
        wanted.run_at = wish.delay_ms.map(|delay| now.plus_ms(delay));
        wanted.idempotency =
            wish.idempotency.map(|(key, request)| (key.to_string(), [request; 32]));
        let owner = self.accounts[wish.account];
        match self.world().submit(owner, wanted) {
            Ok(Submitted::New(task)) => {
                self.tasks.push(*task);
                Told::New(self.tasks.len() - 1)
            }
            Ok(Submitted::Known(task)) => Told::Known(self.place(task.id)),
            Err(error) => Told::Refused(error.kind()),
        }
    }

    /// Lets a worker do one step. What it does follows from the model before the step.
    fn work(&mut self, at: usize, hands: Hands) {
        let task = self.tasks[at].clone();
        match hands {
            Hands::None => {}
            Hands::Claimed => drop(self.world().begin(task)),
            Hands::Held => drop(self.world().step(task.id)),
        }
    }

    fn compare(&mut self, model: &Model) {
        let world = self.world.as_ref().expect("a world");
        let mut seen = 0;
        for (row, task) in model.rows.iter().zip(&self.tasks) {
            let pk = task.pk;
            let now = world.engine.store.read_now(|db| tasks::by_pk(db, pk)).unwrap();
            assert_eq!(now.is_none(), row.gone, "{row:?}");
            let Some(now) = now else { continue };
            seen += 1;
            assert_eq!(facts(&now), wanted(row, &self.tasks), "task {} of {row:?}", pk - 1);
        }
        assert_eq!(world.number("select count(*) from tasks"), seen, "no other rows");
        laws(world);
        self.nothing_ended_changes();
        self.clients_know();
    }

    fn nothing_ended_changes(&mut self) {
        let world = self.world.as_ref().expect("a world");
        let mut rows = world
            .db
            .prepare_cached(
                "select id, json_array(status, intent, rev, attempt, epoch, crashes, results, error_code, finished_at, \
                 started_at, items_done, units_done, progress, updated_at) from tasks where status in (3, 5, 6)",
            )
            .unwrap();
        let rows = rows.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        for (pk, row) in rows.map(Result::unwrap) {
            let known: &mut String = self.absorbed.entry(pk).or_insert_with(|| String::clone(&row));
            assert_eq!(*known, row, "an end changed");
        }
    }

    fn clients_know(&mut self) {
        let world = self.world.as_ref().expect("a world");
        // Callers are answered before clients are told; the next commit comes after both.
        world.engine.store.write_now(|_| Ok(())).unwrap();
        self.view.listen();
        if !self.view.is_connected() {
            return;
        }
        for task in self.tasks.iter().filter(|task| task.account_id == self.accounts[0]) {
            let pk = task.pk;
            let now = world.engine.store.read_now(|db| tasks::by_pk(db, pk)).unwrap();
            let Some(now) = now else { continue };
            let known = self.view.tasks.get(&task.id).map(|(status, _)| *status);
            assert!(known.is_some() || now.status.is_final(), "a client does not know {now:?}");
            assert_eq!(known.unwrap_or(now.status), now.status, "a client is wrong about {now:?}");
        }
    }

    /// Before a claim: nobody of the same account may be overtaken by more than the head start of its priority.
    fn overtaken(&self, claimed: &Task) {
        let world = self.world.as_ref().expect("a world");
        let sql = format!(
            "select count(*) from tasks y join tasks x on x.id = {} where y.status = 0 and y.gate = 0 \
             and y.lane = x.lane and y.account_id = x.account_id \
             and x.created_at - y.created_at > (x.priority - y.priority) * 30000",
            claimed.pk
        );
        assert_eq!(world.number(&sql), 0, "{claimed:?} overtook another");
    }
}

type Facts =
    (Status, i64, i64, Option<i64>, [i64; 3], (u64, u64), (u8, Option<i64>, Option<TaskId>));

fn facts(task: &Task) -> Facts {
    (
        task.status,
        task.intent.number(),
        task.gate,
        task.run_at.map(|at| at.0),
        [task.epoch, task.attempt, task.crashes],
        (task.items_done, task.reserved_bytes),
        (task.priority, task.finished_at.map(|at| at.0), task.parent_id),
    )
}

fn wanted(row: &Row, tasks: &[Task]) -> Facts {
    (
        row.status,
        row.intent.number(),
        row.gate,
        row.run_at,
        [row.epoch, row.attempt, row.crashes],
        (row.items_done as u64, row.reserved),
        (row.priority, row.finished, row.parent.map(|parent| tasks[parent].id)),
    )
}

/// The machine beside the model of a step ago, which says what workers hold.
pub struct Pair {
    machine: Machine,
    before: Model,
}

pub struct EngineTest;

impl StateMachineTest for EngineTest {
    type SystemUnderTest = Pair;
    type Reference = Reference;

    fn init_test(model: &Model) -> Pair {
        Pair { machine: Machine::new(), before: model.clone() }
    }

    fn apply(mut pair: Pair, model: &Model, step: Step) -> Pair {
        let machine = &mut pair.machine;
        let hands = |at: usize| pair.before.rows[at].hands;
        match &step {
            Step::Work(number) => {
                if let Some(at) = pair.before.named(*number) {
                    machine.work(at, hands(at));
                }
            }
            Step::Stop => {
                machine.world().engine.queue.stop();
                for at in 0..pair.before.rows.len() {
                    machine.work(at, hands(at));
                }
            }
            _ => {}
        }
        let told = machine.take(&step);
        assert_eq!(told, model.told, "{step:?}");
        if let Told::Claimed(Some(at)) = told {
            machine.overtaken(&machine.tasks[at]);
        }
        machine.compare(model);
        pair.before = model.clone();
        pair
    }
}

fn cases() -> u32 {
    std::env::var("ENGINE_CASES").ok().and_then(|count| count.parse().ok()).unwrap_or(256)
}

prop_state_machine! {
    #![proptest_config(Config { cases: cases(), failure_persistence: None, max_shrink_iters: 400, ..Config::default() })]

    #[test]
    fn the_engine_does_what_its_model_does(sequential 1..45 => EngineTest);
}

#[test]
fn the_comparison_would_notice_a_difference() {
    let (mut machine, mut model) = (Machine::new(), Model::new(BEGIN_MS));
    let wish = Wish {
        account: 0,
        lane: Quick,
        priority: 0,
        script: vec![Act::Ok],
        unique: None,
        idempotency: None,
        depends_on: vec![],
        parent: None,
        delay_ms: None,
        reserve: 300,
        client: false,
    };
    let step = Step::Create(wish);
    model.take(&step);
    assert_eq!(machine.take(&step), model.told);
    machine.compare(&model);
    let changes = [
        "update tasks set gate = 1",
        "update tasks set attempt = 1, epoch = 1",
        "update accounts set reserved_bytes = 1",
        "delete from events where seq = 1",
        "update tasks set status = 2",
    ];
    for sql in changes {
        machine.world().db.execute_batch(&format!("savepoint one; {sql}; release one")).unwrap();
        let seen =
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| machine.compare(&model)));
        assert!(seen.is_err(), "{sql} went unnoticed");
        machine = Machine::new();
        model = Model::new(BEGIN_MS);
        model.take(&step);
        machine.take(&step);
    }
    let refused = Told::Refused(Kind::NotFound);
    assert_ne!(machine.take(&Step::Ask(0, Verb::Pause)), refused);
}
