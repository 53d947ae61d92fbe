//! A token bucket whose whole state is one instant (GCRA, the generic cell rate algorithm).
//!
//! Invariant: in any stretch of time, at most the burst and one more for each
//! interval in it are admitted. It keeps no clock: the caller says what time it is.

use std::num::NonZeroU32;
use std::time::Duration;

use tokio::time::Instant;

/// How often something may happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// The time that one event is worth.
    interval: Duration,
    /// How far events may be ahead of one each interval: the burst less one.
    tolerance: Duration,
}

/// How much of a [`Quota`] is used up. The default is unused.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rate {
    /// When all that has been admitted is worked off, had it come evenly.
    due: Option<Instant>,
}

/// How long to wait after a refusal: whole seconds, at least one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryAfter(u64);

impl Quota {
    /// No bound at all.
    pub const UNLIMITED: Self = Self {
        interval: Duration::ZERO,
        tolerance: Duration::ZERO,
    };

    /// `count` a second, and so many for `seconds` at once.
    #[must_use]
    pub fn per_second(count: NonZeroU32, seconds: u32) -> Self {
        Self::new(
            count,
            Duration::from_secs(1),
            count.get().saturating_mul(seconds),
        )
    }

    /// `count` a minute, all of them at once if need be.
    #[must_use]
    pub fn per_minute(count: NonZeroU32) -> Self {
        Self::new(count, Duration::from_mins(1), count.get())
    }

    fn new(count: NonZeroU32, period: Duration, burst: u32) -> Self {
        // Rounded up, so that rounding never admits more than was configured.
        let interval = (period + Duration::from_nanos(u64::from(count.get()) - 1)) / count.get();
        Self {
            interval,
            tolerance: interval.saturating_mul(burst.saturating_sub(1)),
        }
    }
}

impl Rate {
    /// Admits one event and counts it, or says when one will be admitted.
    pub fn take(&mut self, now: Instant, quota: Quota) -> Result<(), RetryAfter> {
        self.check(now, quota)?;
        self.charge(now, quota);
        Ok(())
    }

    /// Whether an event would be admitted; it is not counted.
    pub fn check(&self, now: Instant, quota: Quota) -> Result<(), RetryAfter> {
        let ahead = self.due(now) - now;
        match ahead.checked_sub(quota.tolerance) {
            None | Some(Duration::ZERO) => Ok(()),
            Some(wait) => Err(RetryAfter::from(wait)),
        }
    }

    /// Counts an event that has happened, admitted or not; what is too much is waited off later.
    pub fn charge(&mut self, now: Instant, quota: Quota) {
        self.due = Some(self.due(now) + quota.interval);
    }

    /// Whether nothing is left to remember.
    #[must_use]
    pub fn is_recovered(&self, now: Instant) -> bool {
        self.due.is_none_or(|due| due <= now)
    }

    fn due(&self, now: Instant) -> Instant {
        self.due.map_or(now, |due| due.max(now))
    }
}

impl RetryAfter {
    /// The whole seconds, as `retry_after` and `Retry-After` carry them.
    #[must_use]
    pub fn seconds(self) -> u64 {
        self.0
    }
}

/// Rounds up, so that whoever waits as long as told is not refused again.
impl From<Duration> for RetryAfter {
    fn from(wait: Duration) -> Self {
        let started = u64::from(wait.subsec_nanos() > 0);
        Self((wait.as_secs() + started).max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn count(count: u32) -> NonZeroU32 {
        NonZeroU32::new(count).unwrap()
    }

    #[test]
    fn a_rate_costs_a_connection_sixteen_bytes() {
        assert!(size_of::<Rate>() <= 16, "{}", size_of::<Rate>());
    }

    #[test]
    fn the_burst_is_admitted_at_once_and_then_one_for_each_interval() {
        let quota = Quota::per_second(count(10), 2);
        let mut now = Instant::now();
        let mut rate = Rate::default();
        for n in 0..20 {
            assert_eq!(rate.take(now, quota), Ok(()), "{n}");
        }
        assert_eq!(rate.take(now, quota), Err(RetryAfter(1)));
        for _ in 0..50 {
            now += Duration::from_millis(99);
            assert!(rate.take(now, quota).is_err());
            now += Duration::from_millis(1);
            assert_eq!(rate.take(now, quota), Ok(()));
            assert!(rate.take(now, quota).is_err());
        }
        now += Duration::from_secs(2);
        assert!(rate.is_recovered(now));
        for n in 0..20 {
            assert_eq!(rate.take(now, quota), Ok(()), "{n}");
        }
        assert!(rate.take(now, quota).is_err());
    }

    #[test]
    fn a_count_that_does_not_divide_the_period_is_rounded_against_the_asker() {
        for number in [3, 7, 600, 1_999] {
            let quota = Quota::per_minute(count(number));
            assert!(
                quota.interval * number >= Duration::from_mins(1),
                "{number}"
            );
        }
    }

    #[test]
    fn a_check_counts_nothing_and_a_charge_counts_beyond_the_bound() {
        let quota = Quota::per_minute(count(2));
        let now = Instant::now();
        let mut rate = Rate::default();
        for _ in 0..9 {
            assert_eq!(rate.check(now, quota), Ok(()));
        }
        for _ in 0..4 {
            rate.charge(now, quota);
        }
        // Four are 120 s of work, of which 30 s (one event) may lie ahead.
        assert_eq!(rate.check(now, quota), Err(RetryAfter(90)));
        assert_eq!(rate.check(now + Duration::from_secs(90), quota), Ok(()));
    }

    #[test]
    fn a_wait_is_told_in_whole_seconds_rounded_up_and_never_none() {
        let told = |nanos| RetryAfter::from(Duration::from_nanos(nanos)).seconds();
        assert_eq!([0, 1, 999_999_999].map(told), [1, 1, 1]);
        assert_eq!([1_000_000_000, 1_000_000_001].map(told), [1, 2]);
    }

    #[test]
    fn an_unlimited_quota_admits_everything() {
        let now = Instant::now();
        let mut rate = Rate::default();
        for _ in 0..100_000 {
            assert_eq!(rate.take(now, Quota::UNLIMITED), Ok(()));
        }
    }

    #[test]
    fn the_largest_quota_neither_overflows_nor_refuses() {
        let now = Instant::now();
        for quota in [
            Quota::per_second(NonZeroU32::MAX, u32::MAX),
            Quota::per_minute(NonZeroU32::MAX),
        ] {
            let mut rate = Rate::default();
            assert_eq!(rate.take(now, quota), Ok(()));
            assert_eq!(rate.take(now, quota), Ok(()));
        }
    }

    proptest! {
        #[test]
        fn no_stretch_of_time_admits_more_than_the_burst_and_its_share(
            per_second in 1_u32..2_000,
            seconds in 1_u32..4,
            steps in proptest::collection::vec(prop_oneof![0_u64..50, 0_u64..50_000_000, 0_u64..3_000_000_000], 1..400),
        ) {
            let quota = Quota::per_second(count(per_second), seconds);
            let burst = u128::from(per_second * seconds);
            let start = Instant::now();
            let (mut now, mut rate, mut admitted) = (start, Rate::default(), Vec::new());
            for step in steps {
                now += Duration::from_nanos(step);
                match rate.take(now, quota) {
                    Ok(()) => admitted.push((now - start).as_nanos()),
                    Err(wait) => {
                        let later = now + Duration::from_secs(wait.seconds());
                        prop_assert_eq!(rate.check(later, quota), Ok(()), "told too short a wait");
                    }
                }
            }
            for (first, from) in admitted.iter().enumerate() {
                for (last, to) in admitted.iter().enumerate().skip(first) {
                    let number = (last - first + 1) as u128;
                    let share = (to - from) * u128::from(per_second) / 1_000_000_000;
                    prop_assert!(number <= burst + share, "{} in {} ns", number, to - from);
                }
            }
        }

        #[test]
        fn who_keeps_to_the_interval_is_never_refused(
            per_minute in 1_u32..100_000, jitter in proptest::collection::vec(0_u64..1_000_000_000, 1..300),
        ) {
            let quota = Quota::per_minute(count(per_minute));
            let (mut now, mut rate) = (Instant::now(), Rate::default());
            for late in jitter {
                prop_assert_eq!(rate.take(now, quota), Ok(()));
                now += quota.interval + Duration::from_nanos(late);
            }
        }
    }
}
