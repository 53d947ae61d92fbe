//! Work of more than one request, such as a whole connection: so many at once, by a schedule.
//!
//! A job counts what it completes itself; one that fails is counted here.

use tokio::time::Instant;

use crate::{
    failure::Failure, load::stalled, progress::Progress, schedule::Schedule, tally::Tally,
};

/// Runs a job for each turn of a schedule, and gives up when `count` does not come nearer.
///
/// A job gets its number, and the time from which its latency counts.
pub async fn run<F>(
    at_once: usize,
    schedule: &Schedule,
    (tally, count, what): (&Tally, u64, &'static str),
    job: impl Fn(u64, Instant) -> F,
) where
    F: Future<Output = Result<(), Failure>>,
{
    let worker = async || {
        while let Some(turn) = schedule.take() {
            turn.wait().await;
            let since = turn.since(Instant::now());
            if let Err(failure) = job(turn.number, since).await {
                tally.fail(&failure, 1);
            }
        }
    };
    let all = futures_util::future::join_all((0..at_once).map(|_| worker()));
    tokio::select! {
        _ = all => {}
        () = stalled(tally, Progress::new(what), count) => {}
    }
}

#[cfg(test)]
mod tests {
    use std::{cell::Cell, time::Duration};

    use tokio::time::sleep;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn so_many_jobs_run_at_once_and_no_more() {
        let (now, most) = (Cell::new(0), Cell::new(0));
        let tally = Tally::default();
        let job = async |_, since: Instant| {
            now.set(now.get() + 1);
            most.set(most.get().max(now.get()));
            sleep(Duration::from_secs(1)).await;
            now.set(now.get() - 1);
            tally.complete(since.elapsed(), 1);
            Ok(())
        };
        run(3, &Schedule::new(0..10, None), (&tally, 10, "job"), job).await;
        assert_eq!((most.get(), tally.counts().completed), (3, 10));
    }

    #[tokio::test(start_paused = true)]
    async fn who_all_want_in_at_once_have_waited_since_then() {
        let tally = Tally::default();
        let job = async |_, since: Instant| {
            sleep(Duration::from_secs(1)).await;
            tally.complete(since.elapsed(), 1);
            Ok(())
        };
        let storm = Schedule::new(0..4, Some(f64::INFINITY)).without_busy_waits();
        run(1, &storm, (&tally, 4, "job"), job).await;
        assert!((tally.counts().latency.max_ms() / 4000.0 - 1.0).abs() < 0.01);
    }

    #[tokio::test(start_paused = true)]
    async fn jobs_that_get_nowhere_are_given_up() {
        let tally = Tally::default();
        let job = async |number, _| match number {
            0 => Err(Failure::Refused("unavailable".to_owned())),
            _ => std::future::pending().await,
        };
        run(2, &Schedule::new(0..5, None), (&tally, 5, "job"), job).await;
        tally.close(5);
        let counts = tally.counts();
        assert_eq!((counts.refused, counts.failed), (1, 4));
    }
}
