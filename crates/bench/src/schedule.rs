//! Which request is next, and when it is due.
//!
//! In a *closed* loop a request is due as soon as a connection is free for it. In an *open* loop
//! each has its time, whatever became of those before; one that is sent late because a server
//! stalls has waited since that time, and its latency says so (coordinated omission).

use std::{
    ops::Range,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use tokio::time::{Instant, sleep_until};

/// Timers are as coarse as a millisecond; for the last part of a wait the thread stays busy.
const BUSY: Duration = Duration::from_millis(2);

/// The requests of one measurement. All connections take theirs from it.
#[derive(Debug)]
pub struct Schedule {
    begun: Instant,
    /// Between two requests, in an open loop.
    interval: Option<f64>,
    busy: Duration,
    first: u64,
    taken: AtomicU64,
    end: u64,
}

/// One request's place in a schedule.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Turn {
    /// Its number.
    pub number: u64,
    due: Option<Instant>,
    busy: Duration,
}

impl Schedule {
    /// Requests with these numbers, from now on; with a rate (a second), in an open loop.
    #[must_use]
    pub fn new(numbers: Range<u64>, rate: Option<f64>) -> Self {
        Self {
            begun: Instant::now(),
            interval: rate.map(f64::recip),
            busy: BUSY,
            first: numbers.start,
            taken: AtomicU64::new(numbers.start),
            end: numbers.end,
        }
    }

    /// The same with timers alone, as coarse as they are.
    #[must_use]
    pub const fn without_busy_waits(mut self) -> Self {
        self.busy = Duration::ZERO;
        self
    }

    /// How many requests there are.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.end.saturating_sub(self.first)
    }

    /// The next turn; nobody else gets it.
    #[must_use]
    pub fn take(&self) -> Option<Turn> {
        let number = self.taken.fetch_add(1, Relaxed);
        (number < self.end).then(|| Turn {
            number,
            due: self
                .interval
                .map(|interval| self.begun + after(number - self.first, interval)),
            busy: self.busy,
        })
    }
}

#[expect(clippy::cast_precision_loss, reason = "no run has 2^53 requests")]
fn after(requests: u64, interval: f64) -> Duration {
    Duration::from_secs_f64(requests as f64 * interval)
}

impl Turn {
    /// Whether it may be sent at this time.
    #[must_use]
    pub fn is_due(&self, now: Instant) -> bool {
        self.due.is_none_or(|due| due <= now)
    }

    /// From when its latency counts, if it is sent now.
    #[must_use]
    pub fn since(&self, now: Instant) -> Instant {
        self.due.unwrap_or(now)
    }

    /// Waits until it is due.
    pub async fn wait(&self) {
        let Some(due) = self.due else { return };
        if Instant::now() + self.busy < due {
            sleep_until(due - self.busy).await;
        }
        while Instant::now() < due {
            tokio::task::yield_now().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_is_taken_once() {
        let schedule = Schedule::new(5..8, None);
        assert_eq!(schedule.count(), 3);
        let mut numbers = Vec::new();
        while let Some(turn) = schedule.take() {
            numbers.push(turn.number);
        }
        assert_eq!(numbers, [5, 6, 7]);
        assert_eq!(schedule.take(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn in_an_open_loop_each_request_has_its_time() {
        let schedule = Schedule::new(100..103, Some(4.0)).without_busy_waits();
        let begun = Instant::now();
        for quarter in 0..3 {
            let due = begun + quarter * Duration::from_millis(250);
            let turn = schedule.take().unwrap();
            assert_eq!(turn.is_due(begun), quarter == 0);
            turn.wait().await;
            assert_eq!(Instant::now(), due);
            assert!(turn.is_due(due));
            assert_eq!(turn.since(due + Duration::from_secs(9)), due);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn in_a_closed_loop_a_request_counts_from_when_it_is_sent() {
        let turn = Schedule::new(0..1, None).take().unwrap();
        let now = Instant::now() + Duration::from_secs(9);
        assert_eq!(turn.since(now), now);
        turn.wait().await;
        assert!(turn.is_due(Instant::now()));
    }
}
