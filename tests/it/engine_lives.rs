//! The life of one task: retries, crashes, wishes, fences.

use drive::domain::error::Kind;
use drive::domain::id::AccountId;
use drive::domain::task::{Driver, Intent, State, Status, Task, Verb, step};
use drive::domain::work::Lane::{self, Quick};
use drive::domain::work::backoff_ms;
use drive::engine::Engine;
use drive::engine::recovery::LastStop;
use drive::store::queue as rows;
use drive::store::tasks::{self, Outcome};

use crate::harness::scripted::{Act, Job};
use crate::harness::world::{HOUR_MS, Make, View, World};

fn world() -> (World, AccountId) {
    let world = World::new(Make::new(&[(Quick, 2)]));
    let ada = world.account("ada", None);
    (world, ada)
}

/// A task in a worker's hands, held before its first item.
fn running(world: &mut World, owner: AccountId, script: &[Act]) -> Task {
    let task = world.job(owner, &Job { stepwise: true, ..Job::quick(script) });
    let claimed = world.claim(Quick).unwrap();
    assert_eq!(claimed.id, task.id);
    world.begin(claimed);
    world.now(&task)
}

fn apply(world: &World, task: &Task, verb: Verb) -> drive::domain::error::Result<Task> {
    let (engine, task) = (world.engine.clone(), world.now(task));
    let store = engine.store.clone();
    store.write_now(move |tx| engine.apply(tx, &task, verb, Outcome::default()))
}

fn outcomes(world: &World, task: &Task) -> Vec<String> {
    let pk = task.pk;
    let attempts = world.engine.store.read_now(|db| rows::attempts(db, pk)).unwrap();
    attempts.into_iter().rev().map(|attempt| attempt.outcome.unwrap_or_default()).collect()
}

#[test]
fn what_may_pass_is_tried_again_later_and_later_and_fails_in_the_end() {
    let (world, ada) = world();
    let task = world.job(ada, &Job::quick(&[Act::Ok, Act::Passing(9)]));
    for attempt in 1..=3 {
        let now = world.run_next(Quick).unwrap();
        assert_eq!((now.attempt, now.items_done), (attempt, 1));
        assert_eq!(now.error_code.as_deref(), Some("STORAGE_ERROR"));
        if attempt == 3 {
            assert_eq!(now.status, Status::Failed);
            break;
        }
        assert_eq!((now.status, now.gate), (Status::Pending, 1));
        let wait = now.run_at.unwrap().ms_since(now.updated_at);
        assert_eq!(wait, backoff_ms(attempt + 1, now.pk as u64 * 37));
        world.advance(wait - 500);
        assert!(world.claim(Quick).is_none(), "too early");
        world.advance(1_000);
    }
    assert_eq!(outcomes(&world, &task), ["failed"; 3]);
    drive::engine::janitor::clean(&world.engine).unwrap();
    let again = world.command(&task, Verb::Retry).unwrap();
    assert_eq!((again.status, again.attempt, again.epoch), (Status::Pending, 0, 3));
    let now = world.run_next(Quick).unwrap();
    assert_eq!((now.attempt, now.epoch, now.items_done), (1, 4, 1));
}

#[test]
fn what_is_wrong_fails_at_once_and_a_panic_is_tried_once_more() {
    let (world, ada) = world();
    world.job(ada, &Job::quick(&[Act::Fatal]));
    let now = world.run_next(Quick).unwrap();
    assert_eq!((now.status, now.error_code.as_deref()), (Status::Failed, Some("CONTENT_INVALID")));

    world.job(ada, &Job::quick(&[Act::Panic(1)]));
    assert_eq!(world.run_next(Quick).unwrap().status, Status::Pending);
    world.advance(60_000);
    assert_eq!(world.run_next(Quick).unwrap().status, Status::Completed);

    let task = world.job(ada, &Job::quick(&[Act::Panic(9)]));
    assert_eq!(world.run_next(Quick).unwrap().status, Status::Pending);
    world.advance(60_000);
    let now = world.run_next(Quick).unwrap();
    assert_eq!((now.status, now.error_code.as_deref()), (Status::Failed, Some("INTERNAL_ERROR")));
    assert!(!now.error_message.unwrap().contains("script"), "people do not see the panic");
    assert_eq!(world.now(&task).attempt, 2);
}

#[test]
fn an_item_that_fails_is_listed_and_the_rest_goes_on() {
    let (world, ada) = world();
    let script = [Act::Ok, Act::Fatal, Act::Passing(1), Act::Ok];
    let task = world.job(ada, &Job { lenient: true, ..Job::quick(&script) });
    let now = world.run_next(Quick).unwrap();
    assert_eq!(
        (now.status, now.items_done),
        (Status::Pending, 2),
        "what may pass ends the attempt"
    );
    world.advance(60_000);
    let now = world.run_next(Quick).unwrap();
    assert_eq!((now.status, now.items_done), (Status::Completed, 4));
    let failed =
        "select count(*) from task_items where state = 4 and error_code = 'CONTENT_INVALID'";
    assert_eq!((world.number(failed), task.items_total), (1, 4));
}

#[test]
fn scheduled_tasks_begin_when_their_time_has_come() {
    let (world, ada) = world();
    let mut wanted = Job::quick(&[]).wanted();
    wanted.run_at = Some(world.make.clock.now().plus_ms(HOUR_MS));
    let task = world.add(ada, wanted);
    assert_eq!(task.gate, 1);
    assert!(world.claim(Quick).is_none());
    let rest = world.engine.open_gates().unwrap();
    assert!(rest.as_millis() as i64 > HOUR_MS - 10_000, "{rest:?}");
    world.advance(HOUR_MS - 60_000);
    assert!(world.claim(Quick).is_none());
    world.command(&task, Verb::Pause).unwrap();
    world.advance(HOUR_MS / 2);
    assert_eq!(world.command(&task, Verb::Resume).unwrap().status, Status::Pending);
    world.advance(0);
    assert_eq!(
        world.run_next(Quick).unwrap().id,
        task.id,
        "paused over its time, it runs when resumed"
    );
    let mut wanted = Job::quick(&[]).wanted();
    wanted.run_at = Some(world.make.clock.now().plus_ms(-1));
    assert_eq!(world.add(ada, wanted).gate, 0, "the past is now");
}

#[test]
fn races_end_as_the_table_says() {
    let (mut world, ada) = world();
    // Cancel beats pause, and a pause after it is refused.
    let task = running(&mut world, ada, &[Act::Ok, Act::Ok]);
    world.command(&task, Verb::Pause).unwrap();
    assert_eq!(world.command(&task, Verb::Cancel).unwrap().intent, Intent::Cancel);
    assert_eq!(world.command(&task, Verb::Pause).err().unwrap().kind(), Kind::Conflict);
    assert_eq!(world.step(task.id), None);
    assert_eq!(world.now(&task).items_done, 1);
    assert_eq!((world.status(&task), world.now(&task).intent), (Status::Cancelled, Intent::None));

    // The work was done before the safe point: it stays done.
    let task = running(&mut world, ada, &[Act::Ok]);
    world.step(task.id);
    world.command(&task, Verb::Pause).unwrap();
    world.step(task.id);
    assert_eq!(world.status(&task), Status::Completed);

    // An error of a task that is to be cancelled is its cancelling; one that is to pause, and may pass, its pause.
    let task = running(&mut world, ada, &[Act::Fatal]);
    world.command(&task, Verb::Cancel).unwrap();
    world.step(task.id);
    assert_eq!(world.status(&task), Status::Cancelled);
    let task = running(&mut world, ada, &[Act::Passing(1)]);
    world.command(&task, Verb::Pause).unwrap();
    world.step(task.id);
    assert_eq!((world.status(&task), world.now(&task).gate), (Status::Paused, 0));
    world.command(&task, Verb::Cancel).unwrap();

    // Resume withdraws a pause that nobody has honoured: no stop, no second claim.
    let task = running(&mut world, ada, &[Act::Ok, Act::Ok]);
    world.command(&task, Verb::Pause).unwrap();
    assert_eq!(world.command(&task, Verb::Resume).unwrap().intent, Intent::None);
    assert_eq!(world.step(task.id), Some(1));
    world.step(task.id);
    world.step(task.id);
    assert_eq!((world.status(&task), world.now(&task).epoch), (Status::Completed, 1));
    assert_eq!(outcomes(&world, &task), ["completed"]);
}

#[test]
fn what_a_wish_leaves_of_a_run_can_be_seen() {
    let (mut world, ada) = world();
    let task = running(&mut world, ada, &[Act::Ok, Act::Ok]);
    let paused = world.command(&task, Verb::Pause).unwrap();
    assert_eq!((paused.status, paused.intent), (Status::InProgress, Intent::Pause));
    world.step(task.id);
    let paused = world.now(&task);
    assert_eq!(
        (paused.status, paused.items_done, paused.attempt),
        (Status::Paused, 1, 0),
        "no attempt was used"
    );
    let again = world.command(&task, Verb::Pause).unwrap();
    assert_eq!((again.status, again.rev), (Status::Paused, paused.rev), "twice is once");
    assert_eq!(world.command(&task, Verb::Resume).unwrap().status, Status::Pending);
    let claimed = world.claim(Quick).unwrap();
    assert_eq!(
        (claimed.epoch, world.begin(claimed)),
        (2, Some(1)),
        "it goes on at the first open item"
    );
    world.step(task.id);
    world.step(task.id);
    let done = world.now(&task);
    assert_eq!((done.status, done.items_done, done.progress), (Status::Completed, 2, 100.0));
    assert_eq!(done.results.unwrap()["done"], 2);
    assert_eq!(outcomes(&world, &task), ["paused", "completed"]);
}

#[test]
fn a_worker_of_an_older_claim_can_commit_nothing() {
    let (mut world, ada) = world();
    let task = running(&mut world, ada, &[Act::Ok, Act::Ok]);
    // Behind the worker's back its task is given back and claimed anew.
    apply(&world, &task, Verb::Yield).unwrap();
    let newer = world.claim(Quick).unwrap();
    assert_eq!((newer.id, newer.epoch), (task.id, 2));
    assert_eq!(world.step(task.id), None, "the old worker stops");
    let now = world.now(&task);
    assert_eq!((now.status, now.epoch, now.items_done), (Status::InProgress, 2, 0));
    assert_eq!(world.begin(newer), Some(0));
    // And its end takes nothing from the new one.
    assert!(world.engine.queue.running(task.pk).is_some());
    for _ in 0..3 {
        world.step(task.id);
    }
    assert_eq!(world.status(&task), Status::Completed);
}

#[test]
fn an_old_worker_that_ends_late_does_not_hide_the_new_one() {
    let (mut world, ada) = world();
    let task = running(&mut world, ada, &[Act::Ok, Act::Ok]);
    apply(&world, &task, Verb::Yield).unwrap();
    let newer = world.claim(Quick).unwrap();
    let old = task.id;
    // The new worker begins first, the old one ends second.
    let (engine, stage) = (world.engine.clone(), world.stage.clone());
    let runner = std::thread::spawn(move || engine.run_by_hand(newer));
    while world.engine.queue.running(task.pk).is_none_or(|running| running.epoch != 2) {
        std::thread::yield_now();
    }
    while world.stage.order().len() < 2 {
        std::thread::yield_now();
    }
    stage.let_go(old);
    // One of the two goes on; both are held under the same name, so each is let go in turn.
    let patience = std::time::Instant::now();
    while world.status(&task) != Status::Completed {
        stage.let_go(old);
        let known = world.engine.queue.running(task.pk).map(|running| running.epoch);
        let done = world.status(&task) == Status::Completed;
        assert!(done || known == Some(2), "the engine lost sight of a running task");
        assert!(patience.elapsed().as_secs() < 20);
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    runner.join().unwrap();
}

#[test]
fn after_a_crash_wishes_are_honoured_and_the_rest_goes_on() {
    let (mut world, ada) = world();
    let tasks: Vec<Task> = (0..4).map(|_| running(&mut world, ada, &[Act::Ok, Act::Ok])).collect();
    world.step(tasks[0].id);
    world.command(&tasks[1], Verb::Pause).unwrap();
    world.command(&tasks[2], Verb::Cancel).unwrap();
    apply(&world, &tasks[3], Verb::Expire).unwrap();
    let world = world.crash();
    assert_eq!(world.last_stop, LastStop::Crash);
    let now: Vec<Task> = tasks.iter().map(|task| world.now(task)).collect();
    let statuses: Vec<Status> = now.iter().map(|task| task.status).collect();
    assert_eq!(statuses, [Status::Pending, Status::Paused, Status::Cancelled, Status::Expired]);
    assert_eq!((now[0].crashes, now[0].attempt, now[0].items_done), (1, 0, 1));
    assert_eq!(world.number("select sum(cleanup) from tasks"), 2);
    assert_eq!(outcomes(&world, &tasks[0]), ["crashed"]);
}

#[test]
fn what_was_there_at_three_crashes_is_not_tried_again() {
    let (mut world, ada) = world();
    let task = running(&mut world, ada, &[Act::Ok]);
    for crash in 1..=3 {
        world = world.crash();
        let now = world.now(&task);
        assert_eq!(now.crashes, crash);
        if crash < 3 {
            assert_eq!(now.status, Status::Pending);
            let claimed = world.claim(Quick).unwrap();
            world.begin(claimed);
        }
    }
    let now = world.now(&task);
    assert_eq!((now.status, now.error_code.as_deref()), (Status::Failed, Some("TASK_CRASHED")));
    drive::engine::janitor::clean(&world.engine).unwrap();
    let again = world.command(&task, Verb::Retry).unwrap();
    assert_eq!((again.crashes, again.status), (0, Status::Pending));
}

#[test]
fn a_client_that_was_away_hears_of_what_was_given_back_and_tried_again() {
    let (mut world, ada) = world();
    let mut view = View::default();
    view.connect(&world, ada);
    let back = running(&mut world, ada, &[Act::Ok]);
    let failed = world.job(ada, &Job::quick(&[Act::Fatal]));
    world.run_next(Quick);
    drive::engine::janitor::clean(&world.engine).unwrap();
    world.engine.store.write_now(|_| Ok(())).unwrap();
    view.listen();
    assert_eq!(view.tasks[&failed.id].0, Status::Failed);
    view.disconnect();
    let world = world.crash();
    world.command(&failed, Verb::Retry).unwrap();
    view.connect(&world, ada);
    assert_eq!(view.tasks[&back.id].0, Status::Pending);
    assert_eq!(view.tasks[&failed.id].0, Status::Pending);
}

/// A row in this state, whatever it takes.
fn place(world: &World, task: &Task, driver: Driver, state: State) {
    world
        .db
        .execute_batch(&format!(
            "drop trigger if exists tasks_legal; \
             update tasks set driver = {}, status = {}, intent = {}, progress = 100, gate = 0, \
             finished_at = iif({} in (3, 4, 5, 6), 1, null) where id = {}",
            driver.number(),
            state.status.number(),
            state.intent.number(),
            state.status.number(),
            task.pk
        ))
        .unwrap();
}

#[test]
fn the_database_goes_where_the_table_says() {
    let (world, ada) = world();
    let task = world.job(ada, &Job::quick(&[]));
    let mut compared = 0;
    for &driver in Driver::ALL {
        for &status in Status::ALL {
            for &intent in Intent::ALL {
                let may = intent == Intent::None
                    || (status == Status::InProgress && driver == Driver::Server);
                if !may || (driver == Driver::Client && status == Status::Pending) {
                    continue;
                }
                for &verb in Verb::ALL {
                    let state = State { status, intent };
                    place(&world, &task, driver, state);
                    let before = world.now(&task);
                    let wanted = step(driver, state, verb);
                    match (apply(&world, &task, verb), wanted) {
                        (Ok(moved), Ok(wanted)) => {
                            assert_eq!(moved.state(), wanted, "{driver:?} {state:?} {verb:?}");
                            let now = world.now(&task);
                            assert_eq!((now.state(), now.rev), (wanted, moved.rev));
                            assert_eq!(now.rev > before.rev, wanted != state);
                            assert_eq!(now.finished_at.is_some(), wanted.status.is_final());
                        }
                        (Err(error), Err(wanted)) => {
                            assert_eq!(error.kind(), wanted.kind());
                            assert_eq!(world.now(&task).rev, before.rev);
                        }
                        (got, wanted) => {
                            panic!("{driver:?} {state:?} {verb:?}: {got:?} {wanted:?}")
                        }
                    }
                    compared += 1;
                }
            }
        }
    }
    assert_eq!(compared, (10 + 6) * Verb::ALL.len());
}

#[test]
fn progress_of_an_earlier_claim_is_not_written() {
    let (mut world, ada) = world();
    let task = running(&mut world, ada, &[Act::Ok]);
    let (pk, epoch) = (task.pk, task.epoch);
    let write = move |engine: &Engine, epoch| {
        engine.store.write_now(move |tx| tasks::set_progress(tx, pk, epoch, 5, 50.0)).unwrap()
    };
    assert!(write(&world.engine, epoch - 1).is_none());
    assert!(write(&world.engine, epoch).is_some_and(|task| task.progress == 50.0));
    assert!(write(&world.engine, epoch).is_some_and(|task| task.progress == 50.0));
    let lower = world.engine.store.write_now(move |tx| tasks::set_progress(tx, pk, epoch, 1, 10.0));
    assert_eq!(lower.unwrap().unwrap().progress, 50.0, "it never falls");
    let _ = Lane::Quick;
}
