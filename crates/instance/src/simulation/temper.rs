//! What a seed is like: how often what happens, and how narrow everything is.
//!
//! **Seeds differ in this as much as in what happens**: one has a disk that is slow, another links that
//! break; one does nearly nothing but send.

use std::{num::NonZeroUsize, time::Duration};

use fastrand::Rng;

use crate::{
    config::LimitsConfig,
    store::{Options, QueueOptions},
};

/// What may happen next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Happening {
    /// Somebody asks for something.
    Ask,
    /// Somebody acknowledges a push.
    Acknowledge,
    Connect,
    /// Somebody closes a link.
    Leave,
    /// A link breaks.
    Cut,
    /// The instance notices that a link is broken.
    Notice,
    /// Something arrives at the instance, or at the other end.
    Up,
    Down,
    /// The instance does what it can for a connection.
    Serve,
    Write,
    Read,
    AnswerWrite,
    AnswerRead,
    /// Time passes.
    Pass,
    /// The clock is set.
    Jump,
    Restart,
    Crash,
}

/// How often what happens, in an even temper. The store is slow, so that much happens meanwhile.
const EVEN: [(Happening, u32); 17] = [
    (Happening::Ask, 200),
    (Happening::Acknowledge, 60),
    (Happening::Connect, 40),
    (Happening::Leave, 8),
    (Happening::Cut, 16),
    (Happening::Notice, 24),
    (Happening::Up, 220),
    (Happening::Down, 220),
    (Happening::Serve, 260),
    (Happening::Write, 60),
    (Happening::Read, 20),
    (Happening::AnswerWrite, 120),
    (Happening::AnswerRead, 20),
    (Happening::Pass, 50),
    (Happening::Jump, 1),
    (Happening::Restart, 2),
    (Happening::Crash, 6),
];

pub(super) struct Temper {
    weights: Vec<(Happening, u32)>,
    sum: u32,
    pub(super) clients: usize,
    pub(super) nodes: usize,
    /// Connections that each may have.
    pub(super) links: usize,
    /// How much happens before all comes to rest.
    pub(super) steps: usize,
    /// How many messages somebody sends at a time, at most.
    pub(super) burst: usize,
    /// Of so many times that pass one is longer than anybody waits.
    pub(super) haste: u32,
    /// How many writes share a commit at most.
    pub(super) batch: usize,
    /// Of a hundred commits and look-ups so many fail.
    pub(super) failing: u32,
    /// How much an outbox holds, in bytes.
    pub(super) outbound: usize,
    /// How much of that fits onto a link at once.
    pub(super) room: usize,
    pub(super) options: Options,
    pub(super) limits: LimitsConfig,
}

impl Temper {
    pub(super) fn draw(rng: &mut Rng) -> Self {
        let weights = EVEN.map(|(what, weight)| (what, weight * factor(what, rng)));
        let steps = if rng.u8(..8) == 0 { 1500 } else { 500 };
        let outbound = one(rng, [12_000, 1 << 20]);
        Self {
            sum: weights.iter().map(|(_, weight)| weight).sum(),
            weights: weights.into(),
            clients: rng.usize(1..=3),
            nodes: rng.usize(1..=3),
            links: rng.usize(1..=3),
            steps: rng.usize(20..steps),
            burst: one(rng, [1, 2, 8]),
            haste: one(rng, [6, 40, 40]),
            batch: one(rng, [1, 3, 64]),
            failing: one(rng, [0, 0, 4, 20]),
            outbound,
            room: one(rng, [300, 4_000, 64_000]),
            options: options(rng),
            limits: limits(rng),
        }
    }

    pub(super) fn next(&self, rng: &mut Rng) -> Happening {
        let mut at = rng.u32(..self.sum);
        for (what, weight) in &self.weights {
            if at < *weight {
                return *what;
            }
            at -= weight;
        }
        unreachable!("the weights have this sum")
    }
}

/// What nothing goes on without is never left out.
fn factor(what: Happening, rng: &mut Rng) -> u32 {
    match what {
        Happening::Ask | Happening::Connect | Happening::Pass => one(rng, [1, 2, 4]),
        Happening::Up
        | Happening::Down
        | Happening::Serve
        | Happening::Write
        | Happening::Read
        | Happening::AnswerWrite
        | Happening::AnswerRead => one(rng, [1, 3, 3, 9]),
        _ => one(rng, [0, 1, 3, 6]),
    }
}

fn one<T: Copy, const N: usize>(rng: &mut Rng, of: [T; N]) -> T {
    of[rng.usize(..N)]
}

fn options(rng: &mut Rng) -> Options {
    let length = |length| NonZeroUsize::new(length).expect("none of these is zero");
    Options {
        deadline: Duration::from_secs(10),
        write_queue: length(one(rng, [2, 2048])),
        read_queue: length(one(rng, [1, 1024])),
        readers: NonZeroUsize::MIN,
        queue: QueueOptions {
            messages: one(rng, [6, 1000, 1000]),
            pair: one(rng, [3, 100, 100]),
            bytes: one(rng, [10_000, 4 << 20]),
            pushes: one(rng, [2, 10]),
            ..QueueOptions::default()
        },
        ..Options::default()
    }
}

fn limits(rng: &mut Rng) -> LimitsConfig {
    let defaults = LimitsConfig::default();
    let exempt = vec!["192.0.2.0/24".to_owned()];
    match rng.u8(..4) {
        0 => LimitsConfig {
            requests_per_second: 2.try_into().expect("it is not zero"),
            failed_logins_per_minute: 20.try_into().expect("it is not zero"),
            ..defaults
        },
        _ => LimitsConfig {
            exempt: exempt.try_into().expect("it is a network"),
            ..defaults
        },
    }
}
