//! Tasks that wait for tasks, and tasks of tasks.

use drive::domain::error::Kind;
use drive::domain::id::AccountId;
use drive::domain::task::{Intent, Status, Task, Verb};
use drive::domain::work::Lane::Quick;
use drive::engine::recovery;
use drive::store::Tx;
use drive::store::tasks::Outcome;

use crate::harness::scripted::{Act, Job};
use crate::harness::world::{Make, World};

fn world() -> (World, AccountId) {
    let world = World::new(Make::new(&[(Quick, 4)]));
    let ada = world.account("ada", None);
    (world, ada)
}

fn after(world: &World, owner: AccountId, script: &[Act], on: &[&Task]) -> Task {
    let mut wanted = Job::quick(script).wanted();
    wanted.depends_on = on.iter().map(|task| task.id).collect();
    world.add(owner, wanted)
}

fn child(world: &World, parent: &Task, script: &[Act], on: &[&Task]) -> Task {
    let mut wanted = Job::quick(script).wanted();
    wanted.parent_id = Some(parent.id);
    wanted.depends_on = on.iter().map(|task| task.id).collect();
    world.add(parent.account_id, wanted)
}

fn statuses(world: &World, tasks: &[&Task]) -> Vec<Status> {
    tasks.iter().map(|task| world.status(task)).collect()
}

#[test]
fn a_gate_opens_in_the_commit_that_finishes_the_last_dependency() {
    let (world, ada) = world();
    let (a, b) = (world.job(ada, &Job::quick(&[])), world.job(ada, &Job::quick(&[])));
    let c = after(&world, ada, &[], &[&a, &b, &a]);
    let paused = after(&world, ada, &[], &[&a]);
    world.command(&paused, Verb::Pause).unwrap();
    assert_eq!(world.run_next(Quick).unwrap().id, a.id);
    assert_eq!((world.now(&c).gate, world.now(&paused).gate), (2, 0));
    assert_eq!(world.run_next(Quick).unwrap().id, b.id);
    assert_eq!(world.now(&c).gate, 0);
    assert_eq!(world.run_next(Quick).unwrap().id, c.id);
    assert_eq!(world.status(&paused), Status::Paused, "a gate that opens resumes nobody");
    // What has ended well already is not waited for.
    assert_eq!(after(&world, ada, &[], &[&a]).gate, 0);
}

#[test]
fn who_waits_for_what_failed_fails_with_all_who_wait_for_it() {
    let (world, ada) = world();
    let a = world.job(ada, &Job::quick(&[Act::Fatal]));
    let b = after(&world, ada, &[], &[&a]);
    // Waits for both: it is told of the end twice over.
    let c = after(&world, ada, &[], &[&a, &b]);
    let d = after(&world, ada, &[], &[&c, &a]);
    assert_eq!(world.run_next(Quick).unwrap().status, Status::Failed);
    for task in [&b, &c, &d] {
        let now = world.now(task);
        assert_eq!(
            (now.status, now.error_code.as_deref()),
            (Status::Failed, Some("DEPENDENCY_FAILED"))
        );
    }
    let mut wanted = Job::quick(&[]).wanted();
    wanted.depends_on = vec![a.id];
    assert_eq!(world.submit(ada, wanted).err().unwrap().kind(), Kind::DependencyFailed);
    let verdicts = [(Verb::Cancel, "cancelled"), (Verb::Expire, "expired")];
    for (verb, _) in verdicts {
        let a = world.job(ada, &Job::quick(&[]));
        let b = after(&world, ada, &[], &[&a]);
        world.command(&a, verb).unwrap();
        assert_eq!(world.status(&b), Status::Failed, "{verb:?}");
    }
}

#[test]
fn a_long_chain_of_tasks_ends_as_a_short_one_does() {
    let (world, ada) = world();
    let first = world.job(ada, &Job::quick(&[]));
    let mut last = first.clone();
    for _ in 1..1_000 {
        last = after(&world, ada, &[], &[&last]);
    }
    world.command(&first, Verb::Cancel).unwrap();
    assert_eq!(world.status(&last), Status::Failed);
    assert_eq!(world.number("select count(*) from tasks where status = 4"), 999);
}

#[test]
fn a_retry_waits_for_what_is_tried_again_and_not_for_what_is_done() {
    let (world, ada) = world();
    let a = world.job(ada, &Job::quick(&[Act::Panic(2), Act::Passing(1)]));
    let b = after(&world, ada, &[], &[&a]);
    world.run_next(Quick);
    world.advance(60_000);
    assert_eq!(world.run_next(Quick).unwrap().status, Status::Failed);
    drive::engine::janitor::clean(&world.engine).unwrap();
    // While what it waits for is not tried again, it would wait for ever.
    assert_eq!(world.command(&b, Verb::Retry).err().unwrap().kind(), Kind::DependencyFailed);
    world.command(&a, Verb::Retry).unwrap();
    assert_eq!(world.now(&world.command(&b, Verb::Retry).unwrap()).gate, 2);
    world.command(&b, Verb::Cancel).unwrap();

    // Done in the meantime: there is nothing left to wait for.
    let a = world.job(ada, &Job::quick(&[Act::Panic(2), Act::Ok]));
    let b = after(&world, ada, &[], &[&a]);
    world.command(&a, Verb::Pause).unwrap();
    let (engine, failing) = (world.engine.clone(), world.now(&a));
    let reject = move |tx: &Tx<'_>| engine.apply(tx, &failing, Verb::Reject, Outcome::default());
    world.engine.store.write_now(reject).unwrap();
    drive::engine::janitor::clean(&world.engine).unwrap();
    assert_eq!(statuses(&world, &[&a, &b]), [Status::Failed, Status::Failed]);
    let mended = "update tasks set params = json_set(params, '$.script', json('[\"Ok\", \"Ok\"]')) where id = ?1";
    world.db.execute(mended, [a.pk]).unwrap();
    world.command(&a, Verb::Retry).unwrap();
    while world.status(&a) != Status::Completed {
        world.advance(60_000);
        world.run_next(Quick).unwrap();
    }
    let again = world.command(&b, Verb::Retry).unwrap();
    assert_eq!((again.status, world.now(&b).gate), (Status::Pending, 0));
    assert_eq!(world.run_next(Quick).unwrap().id, b.id);
}

#[test]
fn children_follow_their_parent_even_where_they_wait_for_each_other() {
    let (mut world, ada) = world();
    let parent = world.job(ada, &Job { stepwise: true, ..Job::quick(&[Act::Ok]) });
    let claimed = world.claim(Quick).unwrap();
    world.begin(claimed);
    let one = child(&world, &parent, &[], &[]);
    let two = child(&world, &parent, &[], &[&one]);
    let grand = child(&world, &two, &[], &[]);
    let family = [&parent, &one, &two, &grand];
    world.command(&parent, Verb::Pause).unwrap();
    assert_eq!(world.now(&parent).intent, Intent::Pause);
    assert_eq!(statuses(&world, &family[1..]), [Status::Paused; 3]);
    world.command(&parent, Verb::Resume).unwrap();
    assert_eq!(world.now(&parent).intent, Intent::None);
    assert_eq!(statuses(&world, &family[1..]), [Status::Pending; 3]);
    world.command(&parent, Verb::Cancel).unwrap();
    assert_eq!(world.now(&parent).intent, Intent::Cancel);
    assert_eq!(statuses(&world, &family[1..]), [Status::Cancelled; 3], "cancelled, not failed");
    world.step(parent.id);
    assert_eq!(world.status(&parent), Status::Cancelled);
    // What is refused to the parent does not reach a child.
    let parent = world.job(ada, &Job::quick(&[]));
    let orphan = child(&world, &parent, &[], &[]);
    world.run_next(Quick);
    assert_eq!(world.status(&parent), Status::Completed);
    assert_eq!(world.command(&parent, Verb::Cancel).err().unwrap().kind(), Kind::TaskFinished);
    assert_eq!(world.status(&orphan), Status::Pending);
}

#[test]
fn a_retry_beside_a_newer_task_of_the_same_key_is_a_conflict() {
    let (world, ada) = world();
    let job = Job { unique: Some("one".into()), ..Job::quick(&[Act::Fatal]) };
    let first = world.job(ada, &job);
    assert_eq!(world.run_next(Quick).unwrap().status, Status::Failed);
    drive::engine::janitor::clean(&world.engine).unwrap();
    let second = world.job(ada, &job);
    assert_eq!(world.command(&first, Verb::Retry).err().unwrap().kind(), Kind::Conflict);
    world.command(&second, Verb::Cancel).unwrap();
    assert_eq!(world.command(&first, Verb::Retry).unwrap().status, Status::Pending);
}

#[test]
fn rows_of_an_operation_that_is_not_there_stop_neither_the_start_nor_the_others() {
    let (world, ada) = world();
    let strange = world.job(ada, &Job::quick(&[]));
    let other = world.job(ada, &Job::quick(&[]));
    let strangers = "update tasks set type = 'FileMove' where id = ?1";
    world.db.execute(strangers, [strange.pk]).unwrap();
    assert_eq!(world.run_next(Quick).unwrap().status, Status::Failed);
    assert_eq!(world.run_next(Quick).unwrap().id, other.id);
    drive::engine::janitor::sweep(&world.engine, world.make.clock.now()).unwrap();
    recovery::run(&world.engine).unwrap();
}
