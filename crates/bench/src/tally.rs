//! What became of the requests: how long they took, and which failed.
//!
//! Every request ends in exactly one of three counts: completed, refused, failed.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex, MutexGuard,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use hdrhistogram::Histogram;

use crate::{client::Traffic, failure::Failure};

/// The longest latency that is told apart from longer ones.
const LONGEST: Duration = Duration::from_mins(10);

/// Latencies, to three digits.
#[derive(Clone, Debug)]
pub struct Latency(Histogram<u64>);

/// Counts that all connections share.
#[derive(Debug, Default)]
pub struct Tally {
    counts: Mutex<Counts>,
    /// Whatever became of them; read without the lock, for the progress bar.
    settled: AtomicU64,
}

/// What a tally has counted.
#[derive(Clone, Debug, Default)]
pub struct Counts {
    /// How long those that completed took.
    pub latency: Latency,
    /// Requests with the right answer.
    pub completed: u64,
    /// Requests that the server refused.
    pub refused: u64,
    /// Requests without an answer, or with a wrong one.
    pub failed: u64,
    /// Why not all completed, and how often.
    pub reasons: BTreeMap<String, u64>,
    /// What went over the sockets.
    pub traffic: Traffic,
}

impl Default for Latency {
    fn default() -> Self {
        let highest = nanoseconds(LONGEST);
        let latencies = Histogram::new_with_bounds(1, highest, 3);
        Self(latencies.expect("the bounds are apart"))
    }
}

impl Latency {
    /// Counts this latency so many times.
    pub fn record(&mut self, latency: Duration, times: u64) {
        self.0.saturating_record_n(nanoseconds(latency), times);
    }

    /// The latency that this part of all requests does not exceed, in milliseconds; 0 if there are none.
    #[must_use]
    pub fn quantile_ms(&self, part: f64) -> f64 {
        milliseconds(self.0.value_at_quantile(part))
    }

    /// The longest, in milliseconds.
    #[must_use]
    pub fn max_ms(&self) -> f64 {
        milliseconds(self.0.max())
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[expect(clippy::cast_precision_loss, reason = "it is rounded to three digits")]
fn milliseconds(nanoseconds: u64) -> f64 {
    nanoseconds as f64 / 1e6
}

impl Tally {
    /// So many requests completed, each after this long.
    pub fn complete(&self, latency: Duration, requests: u64) {
        let mut counts = self.lock();
        counts.latency.record(latency, requests);
        counts.completed += requests;
        self.settled.fetch_add(requests, Relaxed);
    }

    /// So many requests ended for this reason.
    pub fn fail(&self, failure: &Failure, requests: u64) {
        let mut counts = self.lock();
        match failure {
            Failure::Refused(_) => counts.refused += requests,
            _ => counts.failed += requests,
        }
        *counts.reasons.entry(failure.to_string()).or_default() += requests;
        self.settled.fetch_add(requests, Relaxed);
    }

    /// Of so many requests in all, those that have not ended never will.
    pub fn close(&self, count: u64) {
        let missing = count.saturating_sub(self.settled());
        if missing > 0 {
            self.fail(&Failure::Late, missing);
        }
    }

    /// So much went over a socket.
    pub fn carry(&self, traffic: Traffic) {
        let mut counts = self.lock();
        counts.traffic.received += traffic.received;
        counts.traffic.sent += traffic.sent;
    }

    /// How many requests have ended.
    #[must_use]
    pub fn settled(&self) -> u64 {
        self.settled.load(Relaxed)
    }

    /// All that has been counted.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.counts
            .lock()
            .expect("nothing panics while it holds the lock")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latencies_are_told_to_three_digits_whatever_their_size() {
        let mut latency = Latency::default();
        for exact in [0.000_12, 0.003_4, 0.567, 8.9, 1234.0] {
            latency = Latency::default();
            latency.record(Duration::from_secs_f64(exact / 1000.0), 5);
            assert!(
                (latency.quantile_ms(0.5) / exact - 1.0).abs() < 0.001,
                "{exact}"
            );
        }
        latency.record(LONGEST * 9, 1);
        assert!((latency.max_ms() / 600_000.0 - 1.0).abs() < 0.001);
    }

    #[test]
    fn a_quantile_is_what_so_many_do_not_exceed() {
        let mut latency = Latency::default();
        latency.record(Duration::from_millis(1), 98);
        latency.record(Duration::from_millis(50), 2);
        let rounded = |part| latency.quantile_ms(part).round();
        assert_eq!(
            [rounded(0.5), rounded(0.98), rounded(0.99)].map(f64::to_bits),
            [1.0, 1.0, 50.0].map(f64::to_bits)
        );
        assert!(Latency::default().quantile_ms(0.99).abs() < f64::EPSILON);
    }

    #[test]
    fn every_request_ends_in_one_count_and_every_reason_is_kept() {
        let tally = Tally::default();
        tally.complete(Duration::from_millis(1), 3);
        tally.fail(&Failure::Refused("queue_full".to_owned()), 2);
        tally.fail(&Failure::Late, 1);
        tally.close(10);
        tally.close(10);
        let counts = tally.counts();
        assert_eq!((counts.completed, counts.refused, counts.failed), (3, 2, 5));
        assert_eq!(tally.settled(), 10);
        let reasons: Vec<_> = counts.reasons.into_iter().collect();
        assert_eq!(
            reasons,
            [
                ("no answer in time".to_owned(), 5),
                ("refused: queue_full".to_owned(), 2)
            ]
        );
    }
}
