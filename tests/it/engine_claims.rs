//! Who is next: priority and age, one account beside another, lane beside lane.

use std::time::{Duration, Instant};

use drive::domain::id::AccountId;
use drive::domain::task::{Status, Task, Verb};
use drive::domain::work::Lane::{self, Cpu, Io, Maintenance, Quick};
use drive::domain::work::gate;
use drive::store::{Tx, tasks};

use crate::harness::scripted::{Act, Job, new_task};
use crate::harness::world::{Make, World};

fn with_priority(world: &World, owner: AccountId, priority: u8) -> Task {
    let mut wanted = Job::quick(&[]).wanted();
    wanted.priority = priority;
    world.add(owner, wanted)
}

/// Many tasks at once, without asking how many an account may have.
fn flood(world: &World, owner: AccountId, lane: Lane, count: usize) {
    world
        .engine
        .store
        .write_now(move |tx: &Tx<'_>| {
            (0..count).try_for_each(|_| {
                let job = Job::new(lane, &[]);
                tasks::insert(tx, &new_task(owner, &job)).map(|_| ())
            })
        })
        .unwrap();
    world.engine.queue.ring();
}

#[test]
fn priority_is_a_head_start_that_age_makes_up_for() {
    let world = World::new(Make::new(&[(Quick, 2)]));
    let ada = world.account("ada", None);
    let old = with_priority(&world, ada, 0);
    world.advance(60_000);
    let two_points = with_priority(&world, ada, 3);
    let one_point = with_priority(&world, ada, 1);
    let none = with_priority(&world, ada, 0);
    world.advance(49 * 60_000 + 15_000);
    let urgent = with_priority(&world, ada, 100);
    let later_raised = with_priority(&world, ada, 0);
    world.prioritise(&later_raised, 5).unwrap();
    let mut order = Vec::new();
    while let Some(task) = world.run_next(Quick) {
        order.push(task.id);
    }
    let wanted = [&two_points, &old, &urgent, &one_point, &none, &later_raised];
    assert_eq!(order, wanted.map(|task| task.id));
}

#[test]
fn one_account_with_thousands_of_tasks_keeps_nobody_waiting() {
    for (workers, many) in [(1, 10_000), (2, 500), (4, 500)] {
        let mut world = World::new(Make::new(&[(Quick, workers)]));
        let hog = world.account("hog", None);
        flood(&world, hog, Quick, many);
        world.advance(1_000);
        // Alone it may use every worker.
        let mut held = Vec::new();
        for _ in 0..workers {
            held.push(world.claim(Quick).unwrap());
        }
        assert!(held.iter().all(|task| task.account_id == hog));
        let others: Vec<AccountId> =
            (0..3).map(|number| world.account(&format!("other{number}"), None)).collect();
        world.advance(1_000);
        let waiting: Vec<Task> =
            others.iter().map(|&other| world.job(other, &Job::quick(&[]))).collect();
        // Each turn of a worker that becomes free goes to one who waits, until nobody does.
        for task in held.drain(..).take(1) {
            world.begin(task);
        }
        for task in &waiting {
            world.advance(10);
            let next = world.run_next(Quick).unwrap();
            assert_eq!(next.id, task.id, "{workers} workers");
        }
        world.advance(10);
        assert_eq!(world.run_next(Quick).unwrap().account_id, hog);
    }
}

#[test]
fn accounts_with_much_to_do_take_turns() {
    let world = World::new(Make::new(&[(Cpu, 1)]));
    let owners: Vec<AccountId> =
        (0..3).map(|number| world.account(&format!("user{number}"), None)).collect();
    for &owner in &owners {
        flood(&world, owner, Cpu, 50);
        world.advance(1_000);
    }
    let mut turns = Vec::new();
    for _ in 0..30 {
        world.advance(10);
        turns.push(world.run_next(Cpu).unwrap().account_id);
    }
    for (number, round) in turns.chunks(3).enumerate() {
        assert!(owners.iter().all(|owner| round.contains(owner)), "round {number}: {round:?}");
    }
}

#[test]
fn small_work_uses_the_big_doors_and_never_the_reverse() {
    let world = World::new(Make::new(&[(Quick, 1), (Io, 1), (Cpu, 1), (Maintenance, 1)]));
    let ada = world.account("ada", None);
    let quick = world.job(ada, &Job::quick(&[]));
    let cpu = world.job(ada, &Job::new(Cpu, &[]));
    assert_eq!(world.claim(Maintenance).map(|task| task.id), None);
    assert_eq!(world.claim(Cpu).unwrap().id, cpu.id, "its own lane comes first");
    assert_eq!(world.claim(Io).unwrap().id, quick.id);
    world.job(ada, &Job::new(Io, &[]));
    world.job(ada, &Job::new(Maintenance, &[]));
    assert_eq!(world.claim(Quick).map(|task| task.id), None);
    assert_eq!(world.claim(Cpu).map(|task| task.id), None);
}

#[test]
fn long_work_does_not_delay_short_work() {
    let world = World::at_work(&[(Quick, 2), (Io, 2), (Cpu, 2)]);
    let (ada, bob) = (world.account("ada", None), world.account("bob", None));
    let long: Vec<Task> = (0..4).map(|_| world.job(ada, &Job::new(Cpu, &[Act::Patient]))).collect();
    world.stage.begun(long[0].id);
    world.stage.begun(long[1].id);
    let mut waits = Vec::new();
    for number in 0..200 {
        let owner = if number % 2 == 0 { ada } else { bob };
        let asked = Instant::now();
        let task = world.job(owner, &Job::quick(&[Act::Ok]));
        waits.push(world.stage.begun(task.id).saturating_duration_since(asked));
    }
    waits.sort();
    let p99 = waits[waits.len() * 99 / 100];
    assert!(p99 < Duration::from_millis(500), "quick tasks waited {p99:?}");
    assert_eq!(world.status(&long[0]), Status::InProgress);
    assert_eq!(world.status(&long[3]), Status::Pending, "two workers, two conversions");
    for task in &long {
        world.command(task, Verb::Cancel).unwrap();
        world.until(task, Status::Cancelled);
    }
}

#[test]
fn what_is_scheduled_is_not_looked_at_by_claims() {
    let world = World::new(Make::new(&[(Quick, 2)]));
    let ada = world.account("ada", None);
    flood(&world, ada, Quick, 3);
    let gated = format!("update tasks set gate = {}, run_at = 0 where id = 2", gate::SCHEDULED);
    world.db.execute(&gated, []).unwrap();
    assert_eq!(world.claim(Quick).unwrap().pk, 1);
    assert_eq!(world.claim(Quick).unwrap().pk, 3);
    assert!(world.claim(Quick).is_none());
    world.advance(0);
    assert_eq!(world.claim(Quick).unwrap().pk, 2);
}
