//! Processes that are killed at any moment, and what those who spoke with them were told.
//!
//! Clients and nodes register, change what they tell, exchange tokens, and write to each other, over real
//! sockets, until the process is killed with SIGKILL: under traffic, while it starts, or while it copies its
//! log. Another one is started on the same data directory, and **what was answered is so; what was not is
//! one of what it may be**. After some lives everything is finished and looked at. Nothing in here
//! cuts the power: what a killed process has written is in the system's hands, synced or not.

mod account;
mod desk;
mod life;
mod line;
mod member;
mod message;
mod messages;
mod moment;
mod shared;

use std::{
    sync::atomic::{AtomicU64, Ordering},
    thread,
};

use tokio::runtime;

use self::{life::World, moment::Count};
use crate::support::{factor, seed};

/// How many data directories there are; `NILE_TEST_FACTOR` multiplies it.
const WORLDS: u64 = 2;

/// How many processes are killed on each.
const LIVES: u64 = 25;

/// How many data directories are in use at the same time.
const AT_ONCE: usize = 2;

/// More data directories than there ever are.
const NO_MORE: u64 = u64::MAX / 2;

/// `NILE_TEST_SEED` is that of the first directory, the next ones count on. It repeats what is planned, but not
/// how long the processes take for it.
#[test]
fn what_was_answered_is_kept_whenever_the_process_is_killed() {
    let (seed, worlds) = (seed(), WORLDS * factor());
    let next = AtomicU64::new(0);
    let mut count = Count::default();
    thread::scope(|scope| {
        let work = || {
            let mut count = Count::default();
            loop {
                let world = next.fetch_add(1, Ordering::Relaxed);
                if world >= worlds {
                    return count;
                }
                count.add(&run(seed.wrapping_add(world), &next));
            }
        };
        let threads: Vec<_> = (0..AT_ONCE).map(|_| scope.spawn(work)).collect();
        for thread in threads {
            count.add(&thread.join().expect("no promise was broken"));
        }
    });
    say(&count.to_string());
}

fn run(seed: u64, next: &AtomicU64) -> Count {
    let _watch = Watch { seed, next };
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let mut world = World::new(seed);
        for _ in 0..LIVES {
            world.live().await;
        }
        world.end().await;
        world.count
    })
}

/// Says how to repeat what panics meanwhile, and begins no other.
struct Watch<'a> {
    seed: u64,
    next: &'a AtomicU64,
}

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.next.store(NO_MORE, Ordering::Relaxed);
            say(&format!(
                "repeat with NILE_TEST_SEED={} cargo test --package nile-instance --test it kills",
                self.seed
            ));
        }
    }
}

#[expect(clippy::print_stdout, reason = "cargo shows it when it is wanted")]
fn say(text: &str) {
    println!("{text}");
}
