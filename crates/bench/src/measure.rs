//! What the server's process costs, as the system tells it: its CPU time and its memory.
//!
//! The time of threads is read to the nanosecond; that of threads which have ended is only in the
//! process's own account, in hundredths of a second.

use std::{fs, time::Duration};

use anyhow::Context;

/// The unit of times in `/proc/PID/stat`. Every Linux of today tells programs this.
const TICK: Duration = Duration::from_millis(10);

/// How far the two accounts may differ without a thread having ended.
const RESOLUTION: Duration = Duration::from_millis(40);

/// A process that is measured from outside.
#[derive(Clone, Copy, Debug)]
pub struct Process(pub u32);

/// Its account at one time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// The time of all threads that there are.
    threads: Duration,
    /// The time of all that there ever were, coarsely.
    process: Duration,
    /// Resident memory, in bytes.
    pub resident: u64,
}

impl Process {
    /// This one.
    #[must_use]
    pub fn own() -> Self {
        Self(std::process::id())
    }

    /// What the process has cost so far.
    pub fn sample(self) -> anyhow::Result<Sample> {
        let read = |name: &str| {
            let path = format!("/proc/{}/{name}", self.0);
            fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))
        };
        let resident = resident(&read("status")?).context("the process has no memory any more")?;
        let process = process_time(&read("stat")?).context("the process has no account")?;
        let threads = self.threads()?;
        Ok(Sample {
            threads,
            process,
            resident,
        })
    }

    /// The time of all threads that there are.
    pub fn threads(self) -> anyhow::Result<Duration> {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.0));
        let mut sum = Duration::ZERO;
        for task in tasks.context("the process has ended")? {
            // A thread may end between the two.
            if let Ok(text) = fs::read_to_string(task?.path().join("schedstat")) {
                let spent = text
                    .split_whitespace()
                    .next()
                    .context("an empty schedstat")?;
                sum += Duration::from_nanos(spent.parse()?);
            }
        }
        Ok(sum)
    }

    /// How many files, sockets included, it has open.
    pub fn open_files(self) -> anyhow::Result<usize> {
        Ok(fs::read_dir(format!("/proc/{}/fd", self.0))?.count())
    }
}

impl Sample {
    /// The CPU time since an earlier sample.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Duration {
        let threads = self.threads.saturating_sub(earlier.threads);
        let process = self.process.saturating_sub(earlier.process);
        if process > threads + RESOLUTION {
            process
        } else {
            threads
        }
    }
}

/// The sum of `utime` and `stime`. The name before them is in brackets, and may have brackets itself.
fn process_time(stat: &str) -> Option<Duration> {
    let (_, fields) = stat.rsplit_once(')')?;
    let times = fields.split_whitespace().skip(11).take(2);
    let ticks: u32 = times
        .map(|time| time.parse::<u32>().ok())
        .sum::<Option<u32>>()?;
    Some(TICK * ticks)
}

fn resident(status: &str) -> Option<u64> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kibibytes * 1024)
}

#[cfg(test)]
mod tests {
    use std::process::{Child, Command};

    use tokio::time::Instant;

    use super::*;

    #[test]
    fn the_accounts_of_the_system_are_read() {
        let stat = "42 (a ) b) S 1 42 42 0 -1 4194560 9 0 0 0 150 25 0 0 20 0 3 0 77";
        assert_eq!(process_time(stat), Some(Duration::from_millis(1750)));
        assert_eq!(
            resident("VmPeak:\t 9 kB\nVmRSS:\t     5120 kB\n"),
            Some(5_242_880)
        );
        assert_eq!(resident("VmPeak:\t 9 kB\n"), None);
    }

    /// A process of its own, as threads of this one end while other tests do.
    struct Busy(Child);

    impl Drop for Busy {
        fn drop(&mut self) {
            self.0.kill().unwrap();
            self.0.wait().unwrap();
        }
    }

    #[test]
    fn a_process_that_is_busy_costs_something() {
        let shell = Command::new("sh")
            .args(["-c", "while :; do :; done"])
            .spawn();
        let busy = Busy(shell.unwrap());
        let process = Process(busy.0.id());
        let before = process.sample().unwrap();
        let begun = Instant::now();
        // The clock of the scheduler ticks.
        while process.sample().unwrap().since(&before) == Duration::ZERO {
            assert!(begun.elapsed() < Duration::from_secs(30));
        }
        assert!(process.sample().unwrap().resident > 100_000);
    }

    #[test]
    fn threads_that_have_ended_are_not_forgotten() {
        let sample = |threads, process| Sample {
            threads: Duration::from_millis(threads),
            process: Duration::from_millis(process),
            resident: 0,
        };
        let spent = |before, after: Sample| after.since(&before).as_millis();
        assert_eq!(spent(sample(100, 100), sample(203, 190)), 103);
        assert_eq!(spent(sample(100, 100), sample(203, 240)), 103);
        assert_eq!(spent(sample(100, 100), sample(50, 300)), 200);
    }
}
