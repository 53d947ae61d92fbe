//! Each of a script's operations on the disk fails in each way, once and until the disk is mended.
//!
//! The script opens a new store and asks for the same as ever; it is done by as many operations on the
//! disk as [`OPERATIONS`] says at least. After each failure **the same process serves again as soon as
//! the disk does**, what was answered is there, also after a loss of power, and as long as writes were
//! refused the store said that it cannot serve.

use faulty_disk::{Fault, Lasting};
use nile_instance::store::{Health, Store};

use super::{COMMAND, case, world::World};
use crate::support::given;

/// How many operations on the disk the script takes at least.
const OPERATIONS: u64 = 200;

/// Which script it is. `NILE_TEST_SEED` names another one.
const SCRIPT: u64 = 1;

/// Of how many operations one fails, unless `NILE_TEST_FACTOR` says how many scripts are walked through
/// from one operation to the next.
const STRIDE: u64 = 4;

/// How many times the script asks.
const GROUPS: usize = 14;

#[test]
fn after_any_failed_operation_nothing_answered_is_lost() {
    walk(Fault::Io);
}

#[test]
fn after_any_write_to_a_full_disk_nothing_answered_is_lost() {
    walk(Fault::Full);
}

#[test]
fn after_any_write_that_is_cut_short_nothing_answered_is_lost() {
    walk(Fault::ShortWrite);
}

#[test]
fn after_any_failed_sync_nothing_answered_is_lost() {
    walk(Fault::Sync);
}

fn walk(fault: Fault) {
    let first = given("NILE_TEST_SEED").unwrap_or(SCRIPT);
    let scripts = given("NILE_TEST_FACTOR");
    let stride = if scripts.is_some() { 1 } else { STRIDE };
    for script in first..first + scripts.unwrap_or(1) {
        for lasting in [Lasting::Once, Lasting::UntilMended] {
            let operations = walk_through(script, fault, lasting, stride);
            assert!(
                fault != Fault::Io || operations >= OPERATIONS,
                "{operations} are too few"
            );
        }
    }
}

/// Tells how many operations there were.
fn walk_through(script: u64, fault: Fault, lasting: Lasting, stride: u64) -> u64 {
    let mut spared = fastrand::u64(..stride);
    loop {
        let mut has_failed = false;
        let repeat = || {
            let what = format!("{fault:?} {lasting:?} {spared}");
            format!("NILE_TEST_FACTOR=1 NILE_TEST_SEED={script} {COMMAND}disk::walk # {what}")
        };
        case(repeat, async {
            has_failed = run(script, fault, spared, lasting).await;
        });
        if !has_failed {
            return spared;
        }
        spared += stride;
    }
}

/// Tells whether anything has failed.
async fn run(script: u64, fault: Fault, spared: u64, lasting: Lasting) -> bool {
    let mut world = World::new(script);
    world.disk.fail(fault, spared, lasting);
    let opened = world.open();
    let store = opened.unwrap_or_else(|_| {
        // It has said so, and whoever started it starts it again.
        world.disk.mend();
        world.open().unwrap()
    });
    for _ in 0..GROUPS {
        let (refused, operations) = (world.model.refused, world.rng.usize(1..4));
        world.ask(&store, operations).await;
        world.let_somebody_read();
        if world.model.refused > refused && lasting == Lasting::UntilMended {
            assert_ne!(store.health(), Health::Serving, "nothing can be written");
        }
    }
    world.nobody_else_reads();
    let has_failed = world.disk.has_failed();
    world.disk.mend();
    let store = assert_recovers(&mut world, store).await;
    World::end(store).await;
    world.disk.lose_power();
    let store = world.open().unwrap();
    world.look(&store).await;
    World::end(store).await;
    has_failed
}

/// The store serves again by itself, and so does the next one.
async fn assert_recovers(world: &mut World, store: Store) -> Store {
    World::recovered(&store).await;
    world.assert_serves(&store).await;
    world.look(&store).await;
    if world.rng.bool() {
        return store;
    }
    World::end(store).await;
    let store = world.open().unwrap();
    world.look(&store).await;
    world.assert_serves(&store).await;
    store
}
