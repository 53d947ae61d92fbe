//! Whether the machine's clock can be believed.
//!
//! **What a clock that has jumped ahead says ends nothing for a day**, so that whoever runs the instance can
//! set it right. A clock cannot be told from a computer that was off, so a long absence counts as a jump, too;
//! and who does nothing only waits. Going back ends nothing early, and needs no judgement.

use std::time::Duration;

use tokio::time::Instant;

use crate::clock::Timestamp;

/// How much the clock may be ahead of the time that has passed.
const AHEAD: Duration = Duration::from_hours(24);

/// How long one that is further ahead is not believed, in time that passes.
const GRACE: Duration = Duration::from_hours(24);

/// What the time was when it was last believed, and since when it has not been.
#[derive(Debug)]
pub(super) struct Calendar {
    believed: (Timestamp, Instant),
    doubted: Option<Instant>,
}

impl Calendar {
    /// A calendar that believes that it was `wall` at `now`.
    pub(super) const fn new(wall: Timestamp, now: Instant) -> Self {
        Self {
            believed: (wall, now),
            doubted: None,
        }
    }

    /// Whether what is old by `wall` is old.
    pub(super) fn believes(&mut self, wall: Timestamp, now: Instant) -> bool {
        let (before, then) = self.believed;
        let ahead = wall
            .since(before)
            .saturating_sub(now.saturating_duration_since(then));
        let hours = ahead.as_secs() / 3600;
        if ahead > AHEAD {
            let since = self.doubted.get_or_insert_with(|| {
                tracing::warn!(
                    hours,
                    "the clock has jumped ahead, or the instance was off: for a day nothing expires, so \
                     that the clock can be set right"
                );
                now
            });
            if now.saturating_duration_since(*since) < GRACE {
                return false;
            }
        }
        if self.doubted.take().is_some() {
            tracing::info!(hours, "the clock is believed, and messages expire again");
        }
        self.believed = (wall, now);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp(1_800_000_000_000);
    const MINUTE: Duration = Duration::from_mins(1);
    const DAY: Duration = Duration::from_hours(24);
    const ALMOST_A_DAY: Duration = Duration::from_mins(24 * 60 - 1);
    const TEN_YEARS: Duration = Duration::from_hours(10 * 365 * 24);

    fn after(wall: Timestamp, by: Duration) -> Timestamp {
        Timestamp(wall.0 + i64::try_from(by.as_millis()).unwrap())
    }

    fn before(wall: Timestamp, by: Duration) -> Timestamp {
        Timestamp(wall.0 - i64::try_from(by.as_millis()).unwrap())
    }

    fn calendar() -> (Calendar, Instant) {
        let now = Instant::now();
        (Calendar::new(START, now), now)
    }

    #[test]
    fn a_clock_that_goes_with_the_time_is_believed_for_years() {
        let (mut calendar, start) = calendar();
        for day in 0..4000 {
            assert!(calendar.believes(after(START, DAY * day), start + DAY * day));
        }
    }

    #[test]
    fn a_clock_that_goes_wrong_a_little_is_believed() {
        let (mut calendar, start) = calendar();
        assert!(calendar.believes(after(START, DAY), start));
        assert!(calendar.believes(START, start + MINUTE));
        assert!(calendar.believes(after(START, DAY), start + MINUTE));
    }

    #[test]
    fn a_clock_that_has_jumped_ahead_is_not_believed_for_a_day() {
        let (mut calendar, start) = calendar();
        let ahead = after(START, TEN_YEARS);
        for passed in [Duration::ZERO, MINUTE, ALMOST_A_DAY] {
            assert!(
                !calendar.believes(after(ahead, passed), start + passed),
                "{passed:?}"
            );
        }
        assert!(calendar.believes(after(ahead, DAY), start + DAY));
        assert!(calendar.believes(after(ahead, DAY + MINUTE), start + DAY + MINUTE));
    }

    #[test]
    fn a_clock_that_was_set_right_again_is_believed_at_once() {
        let (mut calendar, start) = calendar();
        assert!(!calendar.believes(after(START, TEN_YEARS), start + MINUTE));
        assert!(calendar.believes(after(START, MINUTE * 2), start + MINUTE * 2));
        // And the day begins anew when it jumps again.
        assert!(!calendar.believes(after(START, TEN_YEARS), start + MINUTE * 3));
        assert!(!calendar.believes(after(START, TEN_YEARS), start + DAY));
    }

    #[test]
    fn a_clock_that_was_behind_for_years_has_a_day_to_show_that_it_is_right_now() {
        let (mut calendar, start) = calendar();
        let behind = before(START, TEN_YEARS);
        assert!(calendar.believes(behind, start + MINUTE));
        assert!(!calendar.believes(START, start + MINUTE * 2));
        assert!(calendar.believes(after(START, DAY), start + MINUTE * 2 + DAY));
    }
}
