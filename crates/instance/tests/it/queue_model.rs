//! Random operations of a few clients and nodes, over real sockets, against a model of their queues.
//!
//! Clients and nodes have the same numbers. After each operation everybody who is online must have what
//! waits for them; at the end everything that waits is handed over and nothing else. What may be said
//! meanwhile is decided in `model`; what is done, in `world`.

mod connection;
mod member;
mod model;
mod operation;
mod world;

use std::cell::Cell;

use proptest::test_runner::{Config, RngSeed, TestError, TestRunner};
use tokio::runtime;

use self::{
    operation::{Operation, operations},
    world::World,
};
use crate::support::{factor, seed};

/// How many random cases there are; `NILE_TEST_FACTOR` multiplies it.
const CASES: u32 = 32;

/// `NILE_TEST_SEED` repeats a run.
#[test]
fn no_message_is_lost_doubled_reordered_or_heard_by_a_stranger() {
    let seed = seed();
    let mut runner = TestRunner::new(Config {
        cases: CASES * u32::try_from(factor()).unwrap(),
        rng_seed: RngSeed::Fixed(seed),
        failure_persistence: None,
        max_shrink_iters: 300,
        max_shrink_time: 60_000,
        ..Config::default()
    });
    let (begun, passed) = (Cell::new(0), Cell::new(0));
    let result = runner.run(&operations(), |operations| {
        begun.set(begun.get() + 1);
        run(operations);
        // What runs after a failure runs to make it smaller.
        if begun.get() == passed.get() + 1 {
            passed.set(begun.get());
        }
        Ok(())
    });
    if let Err(TestError::Fail(reason, operations)) = result {
        let passed = passed.get();
        panic!("after {passed} cases of NILE_TEST_SEED={seed}: {reason}\n{operations:?}");
    }
    result.unwrap();
}

fn run(operations: Vec<Operation>) {
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let mut world = World::start().await;
        for operation in operations {
            world = world.step(operation).await;
        }
        world.end().await;
    });
}
