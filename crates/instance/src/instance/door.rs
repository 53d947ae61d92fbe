//! Whether connections can be taken. They cannot when the system gives the process no more files.
//!
//! **A failure is over when nothing has failed for a while**, not when one connection was taken:
//! at the limit, each file that is given back lets one in. This only observes.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// The door is open again when so long nothing has failed. It is tried more often than that.
const OPEN_AGAIN: Duration = Duration::from_secs(1);

/// A failure that comes so long after the one before is news to the operator.
const NEWS_AGAIN: Duration = Duration::from_mins(1);

/// When no connection could be taken, the last time.
#[derive(Debug, Default)]
pub(crate) struct Door(Mutex<Option<Instant>>);

impl Door {
    /// Notes that a connection could not be taken, and tells whether that is news.
    pub(crate) fn fail(&self, now: Instant) -> bool {
        let last = self.last().replace(now);
        last.is_none_or(|last| now.duration_since(last) >= NEWS_AGAIN)
    }

    pub(crate) fn is_open(&self, now: Instant) -> bool {
        self.last()
            .is_none_or(|last| now.duration_since(last) >= OPEN_AGAIN)
    }

    /// The instant is whole whoever panicked while holding it.
    fn last(&self) -> MutexGuard<'_, Option<Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_door_that_sticks_again_and_again_is_told_of_once() {
        let (door, begun) = (Door::default(), Instant::now());
        assert!(door.is_open(begun));
        let tenths = (0..3000).map(|tenth| begun + Duration::from_millis(100 * tenth));
        let news = tenths.filter(|now| door.fail(*now)).count();
        assert_eq!(news, 1);
        let last = begun + Duration::from_millis(299_900);
        assert!(!door.is_open(last + OPEN_AGAIN - Duration::from_nanos(1)));
        assert!(door.is_open(last + OPEN_AGAIN));
        assert!(door.fail(last + NEWS_AGAIN));
    }
}
