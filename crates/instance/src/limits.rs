//! What one address and one connection may take, so that the others get their share.
//!
//! Invariant: the state is bounded. An address whose rates have recovered and that
//! holds nothing is forgotten; when 100,000 are remembered all the same,
//! further ones share a single entry. An address is an IPv4 address or an IPv6 /64.
//! Nothing here waits or knows a transport: it answers, the caller refuses.
//!
//! Not the crate `governor`: its keyed store cannot be bounded, and its limiter is
//! larger than the one instant that [`Rate`] costs a connection.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::config::LimitsConfig;

mod rate;
mod table;
#[cfg(test)]
mod tests;

pub use rate::{Quota, Rate, RetryAfter};
use table::{Entry, Key, Place, Table};

/// Addresses remembered at once, about 10 MiB.
const ADDRESSES: usize = 100_000;

/// When to come back after a refusal by count. A guess: nobody knows when a connection will end.
const COUNT_RETRY: Duration = Duration::from_secs(10);

/// The limits of one process, shared by all its connections.
#[derive(Debug)]
pub struct Limits {
    config: LimitsConfig,
    requests: Quota,
    failed_logins: Quota,
    registrations: Quota,
    new_connections: Quota,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    sockets: u32,
    addresses: Table,
}

/// One open socket of the total. Dropping it gives the place back.
#[derive(Debug)]
#[must_use]
pub struct SocketPermit {
    limits: Arc<Limits>,
}

/// One connection or one polling session of an address. Dropping it gives the place back.
#[derive(Debug)]
#[must_use]
pub struct AddressPermit {
    limits: Arc<Limits>,
    /// None where the address is exempt and was not counted.
    place: Option<Place>,
    count: Count,
}

/// Which of an address's counts a permit is of.
#[derive(Clone, Copy, Debug)]
enum Count {
    Connections,
    PollingSessions,
}

impl Limits {
    /// Limits with nothing counted yet.
    #[must_use]
    pub fn new(config: &LimitsConfig) -> Arc<Self> {
        Self::remembering(ADDRESSES, config)
    }

    fn remembering(addresses: usize, config: &LimitsConfig) -> Arc<Self> {
        Arc::new(Self {
            config: config.clone(),
            // Two seconds' worth at once: an app that reconnects catches up without a refusal.
            requests: Quota::per_second(config.requests_per_second, 2),
            failed_logins: Quota::per_minute(config.failed_logins_per_minute),
            registrations: Quota::per_minute(config.registrations_per_minute),
            new_connections: Quota::per_minute(config.new_connections_per_minute),
            state: Mutex::new(State {
                sockets: 0,
                addresses: Table::new(addresses),
            }),
        })
    }

    /// Takes one of all the sockets this process may hold; exempt addresses count too.
    ///
    /// None when all are taken: the instance is `unavailable`.
    pub fn socket(self: &Arc<Self>) -> Option<SocketPermit> {
        let mut state = self.state();
        if state.sockets >= self.config.connections.get() {
            return None;
        }
        state.sockets += 1;
        Some(SocketPermit {
            limits: self.clone(),
        })
    }

    /// Counts a new connection of `address`: how many it holds, and how many a minute are new.
    ///
    /// Behind a trusted proxy the address is known only when a request has come.
    pub fn connection(
        self: &Arc<Self>,
        address: IpAddr,
        now: Instant,
    ) -> Result<AddressPermit, RetryAfter> {
        let most = self.config.connections_per_address.get();
        self.admit(address, now, Count::Connections, |entry| {
            if entry.connections >= most {
                return Err(RetryAfter::from(COUNT_RETRY));
            }
            entry.new_connections.take(now, self.new_connections)
        })
    }

    /// Counts a polling session of `address`. It costs memory before anyone has logged in.
    pub fn polling_session(
        self: &Arc<Self>,
        address: IpAddr,
        now: Instant,
    ) -> Result<AddressPermit, RetryAfter> {
        let most = self.config.polling_sessions_per_address;
        self.admit(address, now, Count::PollingSessions, |entry| {
            if entry.polling_sessions >= most {
                return Err(RetryAfter::from(COUNT_RETRY));
            }
            Ok(())
        })
    }

    /// Counts a registration from `address`, whether it will succeed or not.
    pub fn registration(&self, address: IpAddr, now: Instant) -> Result<(), RetryAfter> {
        let Some(key) = self.key(address) else {
            return Ok(());
        };
        let mut state = self.state();
        let (_, entry) = state.addresses.entry(key, now);
        entry.registrations.take(now, self.registrations)
    }

    /// Whether a token from `address` is looked at at all; ask before the work of checking it.
    pub fn login_allowed(&self, address: IpAddr, now: Instant) -> Result<(), RetryAfter> {
        let Some(key) = self.key(address) else {
            return Ok(());
        };
        match self.state().addresses.peek(key) {
            Some(entry) => entry.failed_logins.check(now, self.failed_logins),
            None => Ok(()),
        }
    }

    /// Counts a token from `address` that was not valid, at login or elsewhere.
    pub fn login_failed(&self, address: IpAddr, now: Instant) {
        if let Some(key) = self.key(address) {
            let mut state = self.state();
            let (_, entry) = state.addresses.entry(key, now);
            entry.failed_logins.charge(now, self.failed_logins);
        }
    }

    /// What one connection from `address` may ask; its [`Rate`] belongs to the connection.
    #[must_use]
    pub fn request_quota(&self, address: IpAddr) -> Quota {
        if self.config.exempt.contains(address) {
            Quota::UNLIMITED
        } else {
            self.requests
        }
    }

    fn admit(
        self: &Arc<Self>,
        address: IpAddr,
        now: Instant,
        count: Count,
        check: impl FnOnce(&mut Entry) -> Result<(), RetryAfter>,
    ) -> Result<AddressPermit, RetryAfter> {
        let mut place = None;
        if let Some(key) = self.key(address) {
            let mut state = self.state();
            let (found, entry) = state.addresses.entry(key, now);
            check(entry)?;
            *count.of(entry) += 1;
            place = Some(found);
        }
        Ok(AddressPermit {
            limits: self.clone(),
            place,
            count,
        })
    }

    /// None for an address that is exempt.
    fn key(&self, address: IpAddr) -> Option<Key> {
        (!self.config.exempt.contains(address)).then(|| Key::of(address))
    }

    /// Counts stay whole when a holder panics: every change under this lock is one step.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Count {
    fn of(self, entry: &mut Entry) -> &mut u32 {
        match self {
            Self::Connections => &mut entry.connections,
            Self::PollingSessions => &mut entry.polling_sessions,
        }
    }
}

impl Drop for SocketPermit {
    fn drop(&mut self) {
        self.limits.state().sockets -= 1;
    }
}

impl Drop for AddressPermit {
    fn drop(&mut self) {
        if let Some(place) = self.place {
            let mut state = self.limits.state();
            *self.count.of(state.addresses.at(place)) -= 1;
        }
    }
}
