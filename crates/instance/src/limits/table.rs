//! What is remembered of each address, within a bound.
//!
//! Invariant: an entry that someone holds a permit of stays where it is, so a
//! permit is given back to the entry that it was taken from.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

use tokio::time::Instant;

use super::rate::Rate;

/// The smallest table that is worth sweeping.
const SWEEP_FROM: usize = 1_024;

/// A sweep of a full table takes milliseconds, so a flood of new addresses gets one a second.
const SWEEP_PAUSE: Duration = Duration::from_secs(1);

/// Whom a limit is for: one IPv4 address, or the /64 that one IPv6 customer has at the least.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Key {
    V4(u32),
    V6(u64),
}

/// Where an address is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Own(Key),
    /// With all the others that came when the table was full.
    Shared,
}

/// What one address holds and has done lately.
#[derive(Debug, Default)]
pub(super) struct Entry {
    pub(super) connections: u32,
    pub(super) polling_sessions: u32,
    pub(super) new_connections: Rate,
    pub(super) registrations: Rate,
    pub(super) failed_logins: Rate,
}

#[derive(Debug)]
pub(super) struct Table {
    entries: HashMap<Key, Entry>,
    shared: Entry,
    capacity: usize,
    /// The number of entries at which to sweep next.
    sweep_at: usize,
    swept: Option<Instant>,
}

impl Key {
    pub(super) fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self::V4(address.to_bits()),
            IpAddr::V6(address) => {
                let [a, b, c, d, ..] = address.segments().map(u64::from);
                Self::V6(a << 48 | b << 32 | c << 16 | d)
            }
        }
    }
}

impl Entry {
    fn is_idle(&self, now: Instant) -> bool {
        let rates = [
            &self.new_connections,
            &self.registrations,
            &self.failed_logins,
        ];
        self.connections == 0
            && self.polling_sessions == 0
            && rates.into_iter().all(|rate| rate.is_recovered(now))
    }
}

impl Table {
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            entries: HashMap::new(),
            shared: Entry::default(),
            capacity,
            sweep_at: SWEEP_FROM.min(capacity),
            swept: None,
        }
    }

    /// The entry of `key`, made if there is room, otherwise the shared one.
    pub(super) fn entry(&mut self, key: Key, now: Instant) -> (Place, &mut Entry) {
        if !self.entries.contains_key(&key) {
            self.sweep_if_due(now);
            if self.entries.len() >= self.capacity {
                return (Place::Shared, &mut self.shared);
            }
        }
        (Place::Own(key), self.entries.entry(key).or_default())
    }

    /// What is remembered of `key`, making nothing.
    pub(super) fn peek(&self, key: Key) -> Option<&Entry> {
        let full = self.entries.len() >= self.capacity;
        self.entries
            .get(&key)
            .or_else(|| full.then_some(&self.shared))
    }

    /// The entry that a permit was taken from.
    pub(super) fn at(&mut self, place: Place) -> &mut Entry {
        match place {
            Place::Own(key) => self.entries.entry(key).or_default(),
            Place::Shared => &mut self.shared,
        }
    }

    /// Forgets idle entries each time their number has doubled, and once a second while full.
    fn sweep_if_due(&mut self, now: Instant) {
        let rested = self.swept.is_none_or(|swept| now >= swept + SWEEP_PAUSE);
        if self.entries.len() >= self.sweep_at && rested {
            self.entries.retain(|_, entry| !entry.is_idle(now));
            self.sweep_at = (self.entries.len() * 2).max(SWEEP_FROM).min(self.capacity);
            self.swept = Some(now);
        }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }
}
