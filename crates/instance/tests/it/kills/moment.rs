//! When a process is killed.

use std::{fmt, fs, path::Path, time::Duration};

use fastrand::Rng;
use tokio::time::{interval, sleep, timeout};

use super::shared::Shared;

/// A log from which copying into the database is about to begin, under traffic.
const LONG_LOG: u64 = 12 << 20;

/// How often the database is looked at.
const LOOK: Duration = Duration::from_millis(1);

/// How long a checkpoint is waited for: under traffic there may be none for longer.
const CHECKPOINT: Duration = Duration::from_millis(700);

/// The same when nothing is written, in which case it comes after one or two seconds.
const CHECKPOINT_AT_REST: Duration = Duration::from_secs(5);

#[derive(Clone, Copy, Debug)]
pub(super) enum Moment {
    /// So long after it was started, perhaps before it serves.
    Starting(Duration),
    /// So long after it began to serve.
    Early(Duration),
    /// When so many things were said and heard.
    After(u64),
    /// While the log is copied into the database, or so many looks later: under traffic, or when nobody has
    /// said anything for a while.
    Copying { looks: u32, at_rest: bool },
}

/// How many processes were killed, and when; how much was asked of them.
#[derive(Clone, Debug, Default)]
pub(super) struct Count {
    starting: u32,
    early: u32,
    later: u32,
    copying: u32,
    pub(super) registered: usize,
    pub(super) messages: usize,
}

impl Moment {
    /// A random one, for a data directory with a log of so many bytes.
    pub(super) fn draw(rng: &mut Rng, log: u64) -> Self {
        let at_rest = rng.u8(..24) == 0;
        if at_rest || (log > LONG_LOG && rng.bool()) {
            let looks = rng.u32(..6);
            return Self::Copying { looks, at_rest };
        }
        match rng.u8(..20) {
            0..=3 => Self::Starting(Duration::from_micros(rng.u64(..40_000))),
            4..=6 => Self::Early(Duration::from_micros(rng.u64(..30_000))),
            7..=12 => Self::After(rng.u64(1..60)),
            _ => Self::After(rng.u64(60..1_000)),
        }
    }

    /// Waits for it, and returns what has come. A process that serves has been started.
    pub(super) async fn comes(self, shared: &Shared, database: &Path) -> Self {
        match self {
            Self::Starting(_) => {}
            Self::Early(wait) => sleep(wait).await,
            Self::After(number) => shared.events(number).await,
            Self::Copying { looks, at_rest } => {
                let begun = shared.now();
                let patience = if at_rest {
                    shared.rest_after(100);
                    CHECKPOINT_AT_REST
                } else {
                    CHECKPOINT
                };
                let copying = timeout(patience, written(database, looks)).await;
                if copying.is_err() {
                    return Self::After(shared.now() - begun);
                }
            }
        }
        self
    }
}

/// Waits until a file was written, and looks at it so many times more.
async fn written(file: &Path, looks: u32) {
    let changed = || fs::metadata(file).unwrap().modified().unwrap();
    let before = changed();
    let mut interval = interval(LOOK);
    while changed() == before {
        interval.tick().await;
    }
    for _ in 0..looks {
        interval.tick().await;
    }
}

impl Count {
    pub(super) fn killed(&mut self, moment: Moment) {
        let kind = match moment {
            Moment::Starting(_) => &mut self.starting,
            Moment::Early(_) => &mut self.early,
            Moment::After(_) => &mut self.later,
            Moment::Copying { .. } => &mut self.copying,
        };
        *kind += 1;
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.starting += other.starting;
        self.early += other.early;
        self.later += other.later;
        self.copying += other.copying;
        self.registered += other.registered;
        self.messages += other.messages;
    }
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            starting,
            early,
            later,
            copying,
            registered,
            messages,
        } = self;
        let kills = starting + early + later + copying;
        write!(
            f,
            "{kills} kills: {starting} while starting, {early} soon after, {later} under traffic, \
             {copying} during a checkpoint; {registered} registrations, {messages} messages"
        )
    }
}
