//! What losses of power and failing disks have brought to light, each in as few steps as it takes.
//!
//! What a disk does with what was not synced is up to its seed, so each is tried on many disks.

use faulty_disk::{Fault, Lasting};

use super::{COMMAND, case, world::World};

const DISKS: u64 = 30;

fn on_many_disks(name: &str, work: impl AsyncFn(World)) {
    for seed in 0..DISKS {
        let repeat = || format!("{COMMAND}disk::found::{name} # disk {seed}");
        case(repeat, work(World::new(seed)));
    }
}

/// The journal that a new database is made with came back, and made it empty again.
#[test]
fn a_loss_of_power_does_not_make_a_new_database_empty() {
    let name = "a_loss_of_power_does_not_make_a_new_database_empty";
    on_many_disks(name, async |mut world| {
        let store = world.open().unwrap();
        world.assert_serves(&store).await;
        world.disk.lose_power();
        World::end(store).await;

        let store = world.open().unwrap();
        world.look(&store).await;
        World::end(store).await;
    });
}

/// After a sync that had failed the log was read as it had been written, and was not on the disk.
#[test]
fn what_was_seen_after_a_failed_sync_is_there_after_a_loss_of_power() {
    let name = "what_was_seen_after_a_failed_sync_is_there_after_a_loss_of_power";
    on_many_disks(name, async |mut world| {
        let store = world.open().unwrap();
        world.assert_serves(&store).await;
        world.disk.fail(Fault::Sync, 0, Lasting::Once);
        world.ask(&store, 4).await;
        // The process dies: it does not copy its log back.
        world.disk.fail(Fault::Full, 0, Lasting::UntilMended);
        World::end(store).await;
        world.disk.mend();

        for _ in 0..2 {
            let store = world.open().unwrap();
            world.look(&store).await;
            world.disk.lose_power();
            World::end(store).await;
        }
    });
}

/// The pragma had said that there is a log from now on, and then could not write that down.
#[test]
fn a_new_database_has_a_log_or_is_not_opened() {
    let name = "a_new_database_has_a_log_or_is_not_opened";
    for fault in [Fault::Io, Fault::Full, Fault::ShortWrite, Fault::Sync] {
        for spared in 0..40 {
            let repeat = || format!("{COMMAND}disk::found::{name} # {fault:?} {spared}");
            case(repeat, async {
                let mut world = World::new(spared);
                world.disk.fail(fault, spared, Lasting::Once);
                if let Ok(store) = world.open() {
                    world.disk.mend();
                    world.look(&store).await;
                    World::end(store).await;
                }
            });
        }
    }
}
