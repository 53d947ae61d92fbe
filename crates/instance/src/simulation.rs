//! The whole instance but its transports, in one thread, in time that passes when it is told to.
//!
//! Clients and nodes speak to [`Session`](crate::instance::session::Session)s over links that are slow and
//! break; the store's work is done by hand; the process dies at any moment, also between a commit and its
//! answer. **One seed is one course of events**: it is the same every time, whatever the machine. What may be
//! heard meanwhile is the oracle's business. What a disk does to a file, and what sockets do, is tested
//! elsewhere.

mod moment;
mod trace;
mod temper;
mod asked;
mod carrier;
mod link;
mod oracle;
mod process;
mod world;

use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    thread,
};

use tokio::runtime;

use self::world::{Counts, Life, World};

/// How many seeds there are: always the same, unless `NILE_TEST_FACTOR` says how many times as many others.
const SEEDS: u64 = 1000;

/// Of so many seeds one is run twice.
const TWICE: u64 = 25;

const THREADS: u64 = 2;

/// What came of a seed.
struct Course {
    digest: u64,
    counts: Counts,
    lines: Vec<String>,
}

/// `NILE_TEST_SEED` runs that seed alone.
#[test]
fn whatever_happens_nothing_is_lost_doubled_reordered_or_heard_by_a_stranger() {
    if let Some(seed) = number("NILE_TEST_SEED") {
        assert_eq!(
            run(seed).digest,
            run(seed).digest,
            "two courses of one seed"
        );
        return;
    }
    let factor = number("NILE_TEST_FACTOR");
    let first = factor.map_or(0, |_| u64::from(getrandom::u32().unwrap()) << 16);
    let count = SEEDS * factor.unwrap_or(1);
    let next = AtomicU64::new(0);
    let sum = Mutex::new(Counts::default());
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                let _watch = Watch(&next);
                loop {
                    let at = next.fetch_add(1, Relaxed);
                    if at >= count {
                        return;
                    }
                    let course = run(first + at);
                    if at.is_multiple_of(TWICE) {
                        same(&course, &run(first + at), first + at);
                    }
                    sum.lock().unwrap().add(course.counts);
                }
            });
        }
    });
    let Counts {
        stored,
        heard,
        cut,
        crashes,
        failed,
    } = *sum.lock().unwrap();
    println!(
        "{count} seeds: {stored} stored, {heard} heard, {cut} cut, {crashes} crashes, {failed} failed"
    );
    let least = usize::try_from(count).unwrap() / 4;
    assert!(
        [stored, heard, cut, crashes, failed]
            .iter()
            .all(|count| *count > least)
    );
}

/// Begins no other seed when one has failed.
struct Watch<'a>(&'a AtomicU64);

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.store(u64::MAX / 2, Relaxed);
        }
    }
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap())
}

impl Counts {
    fn add(&mut self, other: Self) {
        self.stored += other.stored;
        self.heard += other.heard;
        self.cut += other.cut;
        self.crashes += other.crashes;
        self.failed += other.failed;
    }
}

fn same(one: &Course, other: &Course, seed: u64) {
    let differs = one
        .lines
        .iter()
        .zip(&other.lines)
        .find(|(one, other)| one != other);
    assert_eq!(
        one.digest, other.digest,
        "two courses of seed {seed}: {differs:?}"
    );
}

/// Runs a seed to its end.
fn run(seed: u64) -> Course {
    // Where there is a file system in memory, nothing waits for a disk that is not under test.
    let memory = Path::new("/dev/shm");
    let directory = if memory.is_dir() {
        tempfile::tempdir_in(memory)
    } else {
        tempfile::tempdir()
    };
    let directory = directory.unwrap();
    let mut world = World::new(seed, directory.path().to_owned());
    let result = catch_unwind(AssertUnwindSafe(
        || while live(&mut world) == Life::Crashed {},
    ));
    if let Err(reason) = result {
        let reason = reason_of(&*reason);
        let shown = match number("NILE_TEST_SEED") {
            // Asked for by itself it shows all.
            Some(_) => &world.trace.lines,
            None => world.trace.tail(),
        };
        panic!(
            "{}\nseed {seed}: {reason}\nagain: NILE_TEST_SEED={seed} cargo test -p nile-instance --lib simulation",
            shown.join("\n")
        );
    }
    Course {
        digest: world.trace.digest(),
        counts: world.counts,
        lines: std::mem::take(&mut world.trace.lines),
    }
}

/// One life of the instance, with a runtime of its own: what it has under way ends with it.
fn live(world: &mut World) -> Life {
    let mut builder = runtime::Builder::new_current_thread();
    let runtime = builder.enable_time().start_paused(true).build().unwrap();
    runtime.block_on(world.live())
}

fn reason_of(reason: &(dyn Any + Send)) -> &str {
    let text = reason.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| reason.downcast_ref().copied())
        .unwrap_or("it panicked")
}
