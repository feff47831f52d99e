//! Real workers on real threads: waking up, listening, stopping, starting again.

use std::time::{Duration, Instant};

use drive::domain::task::{Status, Task, Verb};
use drive::domain::work::Lane::{Cpu, Io, Maintenance, Quick};
use drive::engine::recovery::LastStop;

use crate::harness::scripted::{Act, Job};
use crate::harness::world::{HOUR_MS, Make, World};

const LANES: &[(drive::domain::work::Lane, usize)] =
    &[(Quick, 2), (Io, 2), (Cpu, 1), (Maintenance, 1)];

/// Clock ticks (10 ms) this process has spent computing.
fn cpu_ticks() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let after = stat.rsplit_once(')').unwrap().1;
    let fields: Vec<&str> = after.split_whitespace().collect();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}

#[test]
fn who_has_nothing_to_do_sleeps() {
    let world = World::at_work(LANES);
    let ada = world.account("ada", None);
    let task = world.job(ada, &Job::quick(&[Act::Ok]));
    world.until(&task, Status::Completed);
    std::thread::sleep(Duration::from_millis(200));
    let (looks, ticks) = (world.engine.queue.looks(), cpu_ticks());
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(world.engine.queue.looks(), looks, "a worker looked for work without being woken");
    assert!(cpu_ticks() - ticks <= 5, "an idle engine computes");
    let asked = Instant::now();
    let task = world.job(ada, &Job::quick(&[Act::Ok]));
    let waited = world.stage.begun(task.id).saturating_duration_since(asked);
    assert!(waited < Duration::from_millis(500), "{waited:?}");
}

#[test]
fn the_timer_wakes_who_is_due() {
    let world = World::at_work(LANES);
    let ada = world.account("ada", None);
    let mut wanted = Job::quick(&[]).wanted();
    wanted.run_at = Some(world.make.clock.now().plus_ms(300));
    let asked = Instant::now();
    let task = world.add(ada, wanted);
    let begun = world.stage.begun(task.id).saturating_duration_since(asked);
    assert!((280..1_500).contains(&begun.as_millis()), "{begun:?}");
}

#[test]
fn whoever_listens_does_as_he_is_told_at_once() {
    let world = World::at_work(LANES);
    let ada = world.account("ada", None);
    let mut worst = Duration::ZERO;
    for verb in [Verb::Pause, Verb::Cancel].repeat(10) {
        let task = world.job(ada, &Job::new(Io, &[Act::Patient]));
        world.stage.begun(task.id);
        let asked = Instant::now();
        world.command(&task, verb).unwrap();
        let end = if verb == Verb::Pause { Status::Paused } else { Status::Cancelled };
        world.until(&task, end);
        worst = worst.max(asked.elapsed());
    }
    println!("from the wish to its effect: {worst:?} at worst");
    assert!(worst < Duration::from_secs(1), "{worst:?}");
}

/// A wish is committed in the very moment its task begins: whatever the order, the worker hears of it.
#[test]
fn no_wish_is_lost_between_a_claim_and_its_run() {
    let world = World::at_work(&[(Quick, 4)]);
    let ada = world.account("ada", None);
    for round in 0..150 {
        let task = world.job(ada, &Job::quick(&[Act::Patient]));
        for _ in 0..round % 7 {
            std::thread::yield_now();
        }
        let verbs: &[Verb] = match round % 3 {
            0 => &[Verb::Cancel],
            1 => &[Verb::Pause, Verb::Cancel],
            _ => &[Verb::Pause, Verb::Resume, Verb::Cancel],
        };
        for &verb in verbs {
            world.command(&task, verb).unwrap();
        }
        world.until(&task, Status::Cancelled);
    }
}

#[test]
fn a_pause_that_is_withdrawn_again_and_again_loses_no_task() {
    let world = World::at_work(&[(Quick, 4)]);
    let ada = world.account("ada", None);
    let task = world.job(ada, &Job::quick(&[Act::Ok, Act::Patient]));
    for round in 0..200 {
        world.command(&task, Verb::Pause).unwrap();
        if round % 2 == 0 {
            std::thread::sleep(Duration::from_millis(round % 5));
        }
        world.command(&task, Verb::Resume).unwrap();
    }
    world.until(&task, Status::InProgress);
    world.stage.let_go(task.id);
    let done = world.until(&task, Status::Completed);
    assert_eq!((done.attempt, done.items_done), (1, 2), "a pause uses up no attempt");
    let open = "select count(*) from task_attempts where ended_at is null";
    assert_eq!(world.number(open), 0);
}

#[test]
fn a_stop_in_order_ends_within_a_second_and_everything_goes_on() {
    let mut world = World::at_work(LANES);
    let ada = world.account("ada", None);
    let tasks: Vec<Task> = (0..8)
        .map(|number| {
            let lane = if number % 2 == 0 { Quick } else { Io };
            world.job(ada, &Job::new(lane, &[Act::Ok, Act::Patient, Act::Ok]))
        })
        .collect();
    // Which four depends on who wakes up first: an io worker may have taken a quick task.
    let patience = Instant::now();
    while world.stage.order().len() < 4 {
        assert!(patience.elapsed().as_secs() < 15, "four workers began");
        std::thread::sleep(Duration::from_millis(2));
    }
    let asked = Instant::now();
    let in_order = world.stop();
    let took = asked.elapsed();
    println!("stopped after {took:?}");
    assert!(in_order && took < Duration::from_secs(1), "{took:?}");
    let before: Vec<Task> = tasks.iter().map(|task| world.now(task)).collect();
    assert!(before.iter().all(|task| task.status == Status::Pending && task.attempt == 0));
    let mut world = world.restart();
    assert_eq!(world.last_stop, LastStop::Clean);
    world.start();
    for task in &tasks {
        world.stage.let_go(task.id);
    }
    for task in &tasks {
        let done = world.until(task, Status::Completed);
        assert_eq!((done.items_done, done.attempt, done.crashes), (3, 1, 0));
    }
}

#[test]
fn a_worker_that_does_not_listen_is_reported_and_left_behind() {
    let mut world = World::at_work(LANES);
    let ada = world.account("ada", None);
    world.engine.queue.report_stuck_after(Duration::from_millis(100));
    let task = world.job(ada, &Job::quick(&[Act::Hold, Act::Patient]));
    world.stage.held(task.id);
    assert_eq!(world.engine.queue.stuck(), 0);
    world.command(&task, Verb::Pause).unwrap();
    let patience = Instant::now();
    while world.engine.queue.stuck() == 0 {
        assert!(patience.elapsed().as_secs() < 10, "nobody reported it");
        std::thread::sleep(Duration::from_millis(5));
    }
    // It is well again when the wish is withdrawn.
    world.command(&task, Verb::Resume).unwrap();
    assert_eq!(world.engine.queue.stuck(), 0);
    // A stop does not wait for it for ever; the next start finds what it had.
    world.engine.queue.stop_waits_at_most(Duration::from_millis(200));
    let asked = Instant::now();
    assert!(!world.stop());
    assert!(asked.elapsed() < Duration::from_secs(2));
    let world = world.crash();
    let now = world.now(&task);
    assert_eq!((now.status, now.crashes), (Status::Pending, 1));
}

#[test]
fn a_crash_amid_everything_loses_nothing() {
    let mut world = World::at_work(LANES);
    let ada = world.account("ada", None);
    let mut tasks = Vec::new();
    for round in 0..3 {
        for number in 0..6 {
            let lane = [Quick, Io, Cpu][number % 3];
            let script = [Act::Ok, Act::Patient, Act::Passing(1), Act::Ok];
            tasks.push(world.job(ada, &Job { item_bytes: 7, ..Job::new(lane, &script) }));
        }
        world.stage.begun(tasks[0].id);
        let pause = &tasks[round * 6 + 1];
        world.command(pause, Verb::Pause).unwrap();
        world = world.crash();
        assert_eq!(world.last_stop, LastStop::Crash);
        let status = world.status(pause);
        assert_eq!(status, Status::Paused);
        world.command(pause, Verb::Resume).unwrap();
        world.start();
    }
    let patience = Instant::now();
    while tasks.iter().any(|task| !world.status(task).is_final()) {
        tasks.iter().for_each(|task| world.stage.let_go(task.id));
        world.make.clock.advance_ms(10_000);
        world.engine.open_gates().unwrap();
        std::thread::sleep(Duration::from_millis(5));
        assert!(patience.elapsed().as_secs() < 25, "it does not end");
    }
    for task in &tasks {
        let now = world.now(task);
        let crashed = now.error_code.as_deref() == Some("TASK_CRASHED");
        assert!(now.status == Status::Completed || crashed, "{now:?}");
        assert!(now.attempt <= now.max_attempts && now.crashes <= 3);
    }
    assert_eq!(world.number("select sum(reserved_bytes) from accounts"), 0);
}

#[test]
fn a_pace_is_that_of_this_run_alone() {
    let mut world = World::new(Make::new(&[(Quick, 1)]));
    let ada = world.account("ada", None);
    let script = [Act::Ok, Act::Advance(4_000), Act::Ok];
    let job = Job { stepwise: true, item_bytes: 100_000_000, ..Job::quick(&script) };
    let task = world.job(ada, &job);
    let claimed = world.claim(Quick).unwrap();
    world.begin(claimed);
    world.step(task.id);
    world.command(&task, Verb::Pause).unwrap();
    // The second item ends before the pause is honoured; what it counted is a row by then.
    world.step(task.id);
    world.command(&task, Verb::Resume).unwrap();
    world.make.clock.advance_ms(HOUR_MS / 2);
    let claimed = world.claim(Quick).unwrap();
    world.begin(claimed);
    let running = world.engine.queue.running(task.pk).unwrap();
    world.make.clock.advance_ms(2_000);
    world.step(task.id);
    let pace = running.bytes_per_second(world.make.clock.now()).unwrap_or(0);
    assert!(pace <= 400_000_000, "{pace} bytes a second counts what an earlier run did");
}
