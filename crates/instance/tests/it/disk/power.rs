//! Power is lost at any moment: what was answered is there, and nothing is there by halves.

use faulty_disk::{Fault, Lasting};
use nile_instance::store::Store;

use super::{COMMAND, case, world::World};
use crate::support::{factor, given};

/// How many losses of power there are; `NILE_TEST_FACTOR` multiplies it.
const LOSSES: u64 = 1_000;

/// How many operations of the disk a store has made after most of the runs.
const OPERATIONS: u64 = 500;

/// `NILE_TEST_SEED` repeats the run that failed.
#[test]
fn no_loss_of_power_loses_what_was_answered_or_leaves_anything_by_halves() {
    let runs = LOSSES * factor();
    let seeds = match given("NILE_TEST_SEED") {
        Some(seed) => vec![seed],
        None => (0..runs).map(|_| getrandom::u64().unwrap()).collect(),
    };
    for seed in seeds {
        case(
            || format!("NILE_TEST_SEED={seed} {COMMAND}disk::power"),
            run(seed),
        );
    }
}

async fn run(seed: u64) {
    let mut world = World::new(seed);
    let spared = world.rng.u64(..OPERATIONS);
    world.disk.fail(Fault::Power, spared, Lasting::Once);
    if let Ok(store) = world.open() {
        while !world.disk.has_failed() && world.model.letters.len() < 100 {
            let operations = world.rng.usize(1..12);
            world.ask(&store, operations).await;
        }
        World::end(store).await;
    }
    world.disk.lose_power();

    let store = reopened(&mut world).await;
    let doubtful = world.model.doubtful();
    world.look(&store).await;
    world.model.assert_in_order(&doubtful);
    if world.rng.bool() {
        // What was seen stays, although nothing was written since.
        World::end(store).await;
        world.disk.lose_power();
        let store = reopened(&mut world).await;
        world.look(&store).await;
        return go_on(world, store).await;
    }
    go_on(world, store).await;
}

/// Opens the store, while power is lost again and again.
async fn reopened(world: &mut World) -> Store {
    while world.rng.bool() {
        let spared = world.rng.u64(..12);
        world.disk.fail(Fault::Power, spared, Lasting::Once);
        if let Ok(store) = world.open() {
            World::end(store).await;
        }
        world.disk.lose_power();
    }
    world.open().unwrap()
}

async fn go_on(mut world: World, store: Store) {
    world.assert_serves(&store).await;
    world.ask(&store, 8).await;
    world.look(&store).await;
    World::end(store).await;
}
