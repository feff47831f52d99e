//! What may happen to the engine, and how often.

use drive::domain::task::Verb;
use drive::domain::work::Lane::{Cpu, Quick};
use proptest::prelude::*;

use crate::engine_model::{Step, Wish};
use crate::harness::scripted::Act;
use crate::harness::world::HOUR_MS;

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let act = prop_oneof![
        6 => Just(Act::Ok),
        2 => (1..4i64).prop_map(Act::Passing),
        1 => Just(Act::Fatal),
        1 => (1..3i64).prop_map(Act::Panic),
    ];
    prop::collection::vec(act, 0..3)
}

fn wishes() -> impl Strategy<Value = Wish> {
    let place = (0..2usize, prop_oneof![3 => Just(Quick), 1 => Just(Cpu)]);
    let priority = prop_oneof![4 => Just(0u8), 1 => Just(1), 1 => Just(2), 1 => Just(100)];
    let keys = (prop::option::weighted(0.2, 0..2u8), prop::option::weighted(0.2, (0..2u8, 0..2u8)));
    let family = (
        prop_oneof![3 => Just(vec![]), 2 => prop::collection::vec(0..16usize, 1..3)],
        prop::option::weighted(0.25, 0..16usize),
    );
    let delay = prop::option::weighted(0.15, prop_oneof![Just(-5i64), Just(10_000), Just(HOUR_MS)]);
    let reserve = prop_oneof![3 => Just(0u64), 1 => Just(300), 1 => Just(700)];
    let client = prop::bool::weighted(0.1);
    (place, priority, acts(), keys, family, delay, reserve, client).prop_map(
        |((account, lane), priority, script, keys, family, delay_ms, reserve, client)| Wish {
            account,
            lane,
            priority,
            script,
            unique: keys.0,
            idempotency: keys.1,
            depends_on: family.0,
            parent: family.1,
            delay_ms,
            reserve,
            client,
        },
    )
}

pub fn steps() -> BoxedStrategy<Step> {
    let task = || 0..16usize;
    let verb = prop_oneof![
        3 => Just(Verb::Pause),
        4 => Just(Verb::Resume),
        2 => Just(Verb::Cancel),
        3 => Just(Verb::Retry),
    ];
    let lane = prop_oneof![2 => Just(Quick), 1 => Just(Cpu)];
    let moments = prop_oneof![
        3 => Just(1_000i64),
        4 => Just(11_000),
        1 => Just(40 * 60_000),
        1 => Just(2 * HOUR_MS),
        1 => Just(25 * HOUR_MS),
    ];
    let priority = prop_oneof![Just(0u8), Just(1), Just(5), Just(100)];
    prop_oneof![
        8 => wishes().prop_map(Step::Create),
        10 => lane.prop_map(Step::Claim),
        16 => task().prop_map(Step::Work),
        9 => (task(), verb).prop_map(|(task, verb)| Step::Ask(task, verb)),
        1 => (task(), priority).prop_map(|(task, priority)| Step::Prioritise(task, priority)),
        5 => moments.prop_map(Step::Advance),
        1 => Just(Step::Sweep),
        1 => Just(Step::Stop),
        2 => Just(Step::Crash),
        2 => Just(Step::Connect),
        1 => Just(Step::Disconnect),
        1 => (task(), prop_oneof![Just(Verb::Finish), Just(Verb::Fail)])
            .prop_map(|(task, verb)| Step::ClientEnds(task, verb)),
    ]
    .boxed()
}
