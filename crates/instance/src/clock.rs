//! The time of day, as an argument.
//!
//! Nothing else in the crate asks the system for it, so a test can say what time it is. This is for what is stored and
//! shown; deadlines use `tokio::time::Instant`, because the time of day jumps.

use std::{
    sync::atomic::{AtomicI64, Ordering::Relaxed},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// A moment, in milliseconds since 1970-01-01T00:00:00Z, not counting leap seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// How long ago `earlier` was; zero if the clock has been set back since.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

/// Says what time it is.
pub trait Clock: Send + Sync {
    /// The present moment.
    fn now(&self) -> Timestamp;
}

/// The operating system's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        #[expect(
            clippy::disallowed_methods,
            reason = "this is the one place that the others get the time from"
        )]
        let now = SystemTime::now();
        // A clock before 1970 or past the year 292 million is wrong either way: what matters is not to panic.
        Timestamp(
            now.duration_since(UNIX_EPOCH)
                .map_or(0, |age| i64::try_from(age.as_millis()).unwrap_or(i64::MAX)),
        )
    }
}

/// A clock that stands still until it is told otherwise, for tests.
#[derive(Debug)]
pub struct FixedClock(AtomicI64);

impl FixedClock {
    /// A clock that says `now`.
    #[must_use]
    pub const fn at(now: Timestamp) -> Self {
        Self(AtomicI64::new(now.0))
    }

    /// Says `now` from here on.
    pub fn set(&self, now: Timestamp) {
        self.0.store(now.0, Relaxed);
    }

    /// Moves on by `by`, in whole milliseconds.
    pub fn advance(&self, by: Duration) {
        self.0
            .fetch_add(i64::try_from(by.as_millis()).unwrap_or(i64::MAX), Relaxed);
    }
}

impl Clock for FixedClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_system_clock_counts_milliseconds() {
        // 2020 and 2200: seconds would be far below, microseconds far above.
        let now = SystemClock.now();
        assert!(
            now > Timestamp(1_577_836_800_000) && now < Timestamp(7_258_118_400_000),
            "{now:?}"
        );
    }

    #[test]
    fn a_fixed_clock_moves_only_when_it_is_told_to() {
        let clock = FixedClock::at(Timestamp(1_000));
        assert_eq!(clock.now(), Timestamp(1_000));
        clock.advance(Duration::from_secs(2));
        assert_eq!(clock.now(), Timestamp(3_000));
        clock.set(Timestamp(5));
        assert_eq!(clock.now(), Timestamp(5));
    }

    #[test]
    fn a_clock_set_back_makes_nothing_older() {
        assert_eq!(
            Timestamp(1_000).since(Timestamp(400)),
            Duration::from_millis(600)
        );
        assert_eq!(Timestamp(400).since(Timestamp(1_000)), Duration::ZERO);
    }
}
