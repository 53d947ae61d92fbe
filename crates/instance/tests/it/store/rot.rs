//! Bit rot: a bit of the database or its log flips, or a file is cut, anywhere; and nothing wrong is served.
//!
//! The store that is damaged has all that a store can have, the log included, as a killed process leaves it.
//! What each damage may lead to is decided in `verdict`; what is asked, in `answers`.

mod world;
mod answers;
mod verdict;

use std::{
    collections::BTreeMap,
    fs,
    ops::Range,
    path::Path,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    thread,
};

use proptest::{
    strategy::{Strategy, ValueTree},
    test_runner::{Config, RngSeed, TestRunner},
};
use tokio::runtime;

use self::{
    verdict::{Found, judge},
    world::World,
};
use crate::support::{factor, seed};

/// How many flips there are; `NILE_TEST_FACTOR` multiplies it.
const FLIPS: u64 = 200;

/// How many damages are tried at a time.
const THREADS: usize = 2;

pub(super) const PAGE: u64 = 4096;
pub(super) const FRAME: u64 = 24 + PAGE;
pub(super) const LOG_HEADER: u64 = 32;

/// What happens to the files.
#[derive(Clone, Copy, Debug)]
pub(super) enum Damage {
    /// A bit of the database, by its number.
    FlipDatabase(u64),
    /// A bit of the log.
    FlipLog(u64),
    /// The database is as long as this.
    CutDatabase(u64),
    /// The log is.
    CutLog(u64),
}

/// `NILE_TEST_SEED` repeats a run.
#[test]
fn rot_is_never_served() {
    let (seed, factor) = (seed(), factor());
    let world = runtime().block_on(World::build());
    let damages = damages(&world, seed, FLIPS * factor);

    let (next, counts) = (AtomicUsize::new(0), Mutex::new(BTreeMap::new()));
    let work = || {
        let runtime = runtime();
        while let Some(damage) = damages.get(next.fetch_add(1, Relaxed)) {
            match runtime.block_on(judge(&world, *damage)) {
                Ok(found) => *counts.lock().unwrap().entry(found).or_insert(0) += 1,
                Err(wrong) => panic!(
                    "{damage:?}: {wrong}\nNILE_TEST_SEED={seed} NILE_TEST_FACTOR={factor} \
                     cargo test -p nile-instance --test it rot_is_never_served"
                ),
            }
        }
    };
    thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(work)).collect();
        for thread in threads {
            thread.join().unwrap();
        }
    });

    let counts = counts.into_inner().unwrap();
    println!("{} damages: {counts:?}", damages.len());
    for found in [Found::Harmless, Found::Refused, Found::Told] {
        assert!(
            counts.contains_key(&found),
            "none was {found:?}: {counts:?}"
        );
    }
}

fn runtime() -> runtime::Runtime {
    let mut builder = runtime::Builder::new_current_thread();
    builder.enable_all().build().unwrap()
}

/// Flips by chance, and every cut at a page.
fn damages(world: &World, seed: u64, flips: u64) -> Vec<Damage> {
    let (database, log) = (world.database.len() as u64, world.log.len() as u64);
    let mut runner = TestRunner::new(Config {
        rng_seed: RngSeed::Fixed(seed),
        ..Config::default()
    });
    let (in_database, in_log) = (0..database * 8, 0..log * 8);
    let mut damages: Vec<_> = (0..flips)
        .map(|number| {
            let mut one_of = |bits: &Range<u64>| bits.new_tree(&mut runner).unwrap().current();
            // The log is short, and much of the database is what it was before.
            if number % 4 == 0 {
                Damage::FlipLog(one_of(&in_log))
            } else {
                Damage::FlipDatabase(one_of(&in_database))
            }
        })
        .collect();
    damages.extend((0..database / PAGE).map(|page| Damage::CutDatabase(page * PAGE)));
    let frames = (log - LOG_HEADER) / FRAME;
    damages.extend((0..frames).map(|frame| Damage::CutLog(LOG_HEADER + frame * FRAME)));
    damages.push(Damage::CutLog(0));
    damages
}

impl Damage {
    /// Writes the files of `world` to `directory`, damaged.
    pub(super) fn write(self, world: &World, directory: &Path) {
        let (mut database, mut log) = (world.database.clone(), world.log.clone());
        let flip = |bytes: &mut Vec<u8>, bit: u64| {
            bytes[usize::try_from(bit / 8).unwrap()] ^= 1 << (bit % 8);
        };
        match self {
            Self::FlipDatabase(bit) => flip(&mut database, bit),
            Self::FlipLog(bit) => flip(&mut log, bit),
            Self::CutDatabase(length) => database.truncate(usize::try_from(length).unwrap()),
            Self::CutLog(length) => log.truncate(usize::try_from(length).unwrap()),
        }
        fs::write(directory.join("nile.db"), database).unwrap();
        fs::write(directory.join("nile.db-wal"), log).unwrap();
        fs::write(directory.join("nile.lock"), "kept").unwrap();
    }
}
