//! The memory of the server while it is besieged: bounded, and flat.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::measure::Process;

/// How often it is looked at.
const LOOK: Duration = Duration::from_millis(500);
/// What it may grow from the second third of a siege to the last.
const GROWTH: u64 = 16 << 20;

/// Resident bytes, one look after another.
#[derive(Debug)]
pub(super) struct Memory(Vec<u64>);

/// Looks until then, or until the process is gone.
pub(super) async fn watch(process: Process, until: Instant) -> Memory {
    let mut looks = Vec::new();
    while Instant::now() < until {
        let Ok(sample) = process.sample() else { break };
        looks.push(sample.resident);
        sleep(LOOK).await;
    }
    Memory(looks)
}

impl Memory {
    /// At the beginning, at most in the second third, and at most in the last.
    pub(super) fn thirds(&self) -> [u64; 3] {
        let third = self.0.len() / 3;
        let most = |looks: &[u64]| looks.iter().copied().max().unwrap_or_default();
        let (second, last) = (&self.0[third..2 * third], &self.0[2 * third..]);
        [
            self.0.first().copied().unwrap_or_default(),
            most(second),
            most(last),
        ]
    }

    /// What of the promise was not kept, where so much was too much.
    pub(super) fn broken(&self, most: u64) -> Vec<String> {
        let mebibytes = |bytes: u64| bytes >> 20;
        let [_, second, last] = self.thirds();
        let reached = self.0.iter().copied().max().unwrap_or_default();
        let mut broken = Vec::new();
        if reached > most {
            broken.push(format!(
                "memory: {} MiB, more than {}",
                mebibytes(reached),
                mebibytes(most)
            ));
        }
        if last > second + GROWTH {
            broken.push(format!(
                "memory: it grows, from {} to {} MiB",
                mebibytes(second),
                mebibytes(last)
            ));
        }
        broken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_that_grows_or_is_too_much_is_told() {
        let mebibytes = |looks: &[u64]| Memory(looks.iter().map(|it| it << 20).collect());
        let most = 100 << 20;
        let flat = mebibytes(&[5, 40, 60, 60, 60, 61]);
        assert_eq!(flat.broken(most), Vec::<String>::new());
        let grows = mebibytes(&[5, 10, 20, 30, 40, 50]);
        assert_eq!(grows.broken(most), ["memory: it grows, from 30 to 50 MiB"]);
        let much = mebibytes(&[5, 101, 20, 20, 20, 20]);
        assert_eq!(much.broken(most), ["memory: 101 MiB, more than 100"]);
    }
}
