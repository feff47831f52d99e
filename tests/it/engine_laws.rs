//! Laws of the task table, asked of the table itself.

use crate::harness::world::World;

/// What holds whatever happened.
pub fn laws(world: &World) {
    let nobody = [
        (
            "an attempt too many",
            "select count(*) from tasks where attempt > max_attempts or attempt < 0",
        ),
        (
            "an end without its time, or a wish without a worker",
            "select count(*) from tasks where (finished_at is not null) <> (status in (3, 4, 5, 6)) \
             or (intent <> 0 and (status <> 1 or driver <> 0)) or (status = 3 and progress <> 100)",
        ),
        (
            "quota that no task holds",
            "select count(*) from accounts a where reserved_bytes <> (select coalesce(sum(t.reserved_bytes), 0) \
             from tasks t where t.account_id = a.id and t.status in (0, 1, 2))",
        ),
        (
            "a gap in the events",
            "select count(*) from event_streams s where s.last_seq - s.pruned_through <> (select count(*) \
             from events e where e.account_id = s.account_id and e.seq > s.pruned_through)",
        ),
        (
            "claims that are open without a worker, or the reverse",
            "select (select count(*) from task_attempts where ended_at is null) <> \
             (select count(*) from tasks where status = 1 and driver = 0)",
        ),
        (
            "a key that two open tasks have",
            "select count(*) from (select 1 from tasks where unique_key is not null and status in (0, 1, 2) \
             group by account_id, unique_key having count(*) > 1)",
        ),
        (
            "a task that may run before what it waits for",
            "select count(*) from task_deps d join tasks t on t.id = d.task_pk join tasks o on o.id = d.dep_pk \
             where o.status <> 3 and t.status in (0, 1, 2, 3) and t.gate & 2 = 0",
        ),
    ];
    for (what, sql) in nobody {
        assert_eq!(world.number(sql), 0, "{what}");
    }
}
