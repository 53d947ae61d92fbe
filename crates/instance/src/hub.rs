//! Who is online on this process: the specification's list of WebSocket IDs and party ids.
//!
//! An entry belongs to one connection and is removed by that connection alone. A party is online as
//! often as it has connections. It knows nothing of what is sent, and stores nothing.

use std::{
    collections::HashMap,
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
};

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use nile_protocol::party::PartyId;
use nile_socketio::{Close, Outbox};

use crate::token::TokenHash;

/// A WebSocket ID: 128 random bits that name a connection to others.
///
/// It is public, and never the id of an Engine.IO session, which is a credential.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct WsId([u8; 16]);

impl WsId {
    /// An id that no connection has had.
    #[must_use]
    pub fn fresh() -> Self {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).expect("the operating system gives randomness");
        Self(bytes)
    }
}

/// 22 characters of base64url.
impl fmt::Display for WsId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&BASE64_URL_SAFE_NO_PAD.encode(self.0))
    }
}

impl fmt::Debug for WsId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The online list.
#[derive(Debug, Default)]
pub struct Hub(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    online: HashMap<WsId, Entry>,
    /// The connections of each party that is online, oldest first.
    parties: HashMap<PartyId, Vec<WsId>>,
    /// Parties of which a login is under way.
    logins: HashMap<PartyId, Logins>,
}

#[derive(Debug)]
struct Entry {
    party: PartyId,
    token: TokenHash,
    outbox: Outbox,
}

/// The logins of one party that are under way.
#[derive(Debug, Default)]
struct Logins {
    count: usize,
    /// How often tokens of the party have been revoked since the first of them began.
    revocations: usize,
}

/// A login that is under way. While it lives, a revocation of the party's tokens does not escape it.
#[derive(Debug)]
#[must_use]
pub struct Login<'a> {
    hub: &'a Hub,
    party: PartyId,
    revocations: usize,
}

impl Hub {
    /// Begins a login, before the token is looked at.
    pub fn begin_login(&self, party: PartyId) -> Login<'_> {
        let mut state = self.state();
        let logins = state.logins.entry(party).or_default();
        logins.count += 1;
        Login {
            hub: self,
            party,
            revocations: logins.revocations,
        }
    }

    /// Removes a connection, if it is on the list.
    pub fn leave(&self, connection: WsId) {
        self.state().leave(connection);
    }

    /// A party's tokens but `live` are no longer valid: tells the connections that came with another
    /// to close. They leave the list as they end.
    ///
    /// `by`, the connection that has just proved itself with `live`, has come with that from now on.
    pub fn revoke(&self, party: PartyId, live: Option<TokenHash>, by: Option<WsId>) {
        let mut state = self.state();
        let State {
            online,
            parties,
            logins,
        } = &mut *state;
        if let Some(logins) = logins.get_mut(&party) {
            logins.revocations += 1;
        }
        for connection in parties.get(&party).into_iter().flatten() {
            match (online.get_mut(connection), live) {
                (Some(entry), Some(live)) if Some(*connection) == by => entry.token = live,
                (Some(entry), live) if Some(entry.token) != live => entry
                    .outbox
                    .close(Close::policy("the token is no longer valid")),
                _ => {}
            }
        }
    }

    /// The online list, in no order.
    #[must_use]
    pub fn online(&self) -> Vec<(WsId, PartyId)> {
        self.state()
            .online
            .iter()
            .map(|(connection, entry)| (*connection, entry.party))
            .collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing in here can panic halfway through a change.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Login<'_> {
    /// Puts the connection on the list, in place of whatever it was there. `false`, and nothing is
    /// changed, when tokens of the party were revoked since the login began: begin it anew.
    #[must_use]
    pub fn join(self, connection: WsId, token: TokenHash, outbox: Outbox) -> bool {
        let mut state = self.hub.state();
        let logins = state.logins.get(&self.party);
        if logins.is_none_or(|logins| logins.revocations != self.revocations) {
            return false;
        }
        state.leave(connection);
        state.online.insert(
            connection,
            Entry {
                party: self.party,
                token,
                outbox,
            },
        );
        state
            .parties
            .entry(self.party)
            .or_default()
            .push(connection);
        true
    }
}

impl Drop for Login<'_> {
    fn drop(&mut self) {
        let mut state = self.hub.state();
        if let Some(logins) = state.logins.get_mut(&self.party) {
            logins.count -= 1;
            if logins.count == 0 {
                state.logins.remove(&self.party);
            }
        }
    }
}

impl State {
    fn leave(&mut self, connection: WsId) {
        let Some(Entry { party, .. }) = self.online.remove(&connection) else {
            return;
        };
        if let Some(connections) = self.parties.get_mut(&party) {
            connections.retain(|other| *other != connection);
            if connections.is_empty() {
                self.parties.remove(&party);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use nile_protocol::party::{ClientId, NodeId};

    use super::*;

    const SHOPPER: PartyId = PartyId::Client(ClientId(1));
    const SHOP: PartyId = PartyId::Node(NodeId(1));

    fn token(byte: u8) -> TokenHash {
        TokenHash::from_bytes([byte; 32])
    }

    fn join(hub: &Hub, connection: WsId, party: PartyId) -> Outbox {
        let outbox = Outbox::new(10);
        assert!(
            hub.begin_login(party)
                .join(connection, token(1), outbox.clone())
        );
        outbox
    }

    fn online(hub: &Hub) -> Vec<(String, PartyId)> {
        let mut online: Vec<_> = hub
            .online()
            .into_iter()
            .map(|(ws_id, party)| (ws_id.to_string(), party))
            .collect();
        online.sort_by(|a, b| a.0.cmp(&b.0));
        online
    }

    #[test]
    fn a_party_is_online_as_often_as_it_has_connections() {
        let hub = Hub::default();
        let (a, b) = (WsId([0; 16]), WsId([1; 16]));
        join(&hub, a, SHOPPER);
        join(&hub, b, SHOPPER);
        hub.leave(a);
        assert_eq!(online(&hub), [(b.to_string(), SHOPPER)]);
        hub.leave(a);
        assert_eq!(
            online(&hub),
            [(b.to_string(), SHOPPER)],
            "a connection leaves once"
        );
        hub.leave(b);
        assert_eq!(online(&hub), []);
        assert!(
            hub.state().parties.is_empty(),
            "nothing is kept of a party that left"
        );
    }

    #[test]
    fn a_second_login_on_a_connection_replaces_the_first() {
        let hub = Hub::default();
        let connection = WsId([0; 16]);
        join(&hub, connection, SHOPPER);
        join(&hub, connection, SHOPPER);
        assert_eq!(online(&hub), [(connection.to_string(), SHOPPER)]);
        join(&hub, connection, SHOP);
        assert_eq!(online(&hub), [(connection.to_string(), SHOP)]);
        hub.revoke(SHOPPER, None, None);
        assert!(
            !is_told_to_close(&hub, connection),
            "it speaks for the shop now"
        );
    }

    #[test]
    fn only_connections_of_a_revoked_token_are_told_to_close() {
        let hub = Hub::default();
        let (old, new, other) = (WsId([0; 16]), WsId([1; 16]), WsId([2; 16]));
        join(&hub, old, SHOPPER);
        assert!(
            hub.begin_login(SHOPPER)
                .join(new, token(2), Outbox::new(10))
        );
        join(&hub, other, SHOP);
        hub.revoke(SHOPPER, Some(token(2)), None);
        assert!(is_told_to_close(&hub, old));
        assert!(!is_told_to_close(&hub, new));
        assert!(!is_told_to_close(&hub, other));
    }

    #[test]
    fn the_connection_that_proves_the_new_token_stays_and_has_come_with_it() {
        let hub = Hub::default();
        let (prover, other) = (WsId([0; 16]), WsId([1; 16]));
        join(&hub, prover, SHOPPER);
        join(&hub, other, SHOPPER);
        hub.revoke(SHOPPER, Some(token(2)), Some(prover));
        assert!(is_told_to_close(&hub, other));
        hub.revoke(SHOPPER, Some(token(2)), None);
        assert!(!is_told_to_close(&hub, prover), "it came with the second");
        hub.revoke(SHOPPER, None, Some(prover));
        assert!(is_told_to_close(&hub, prover), "nothing is live any more");
    }

    #[test]
    fn a_revocation_does_not_escape_a_login_that_is_under_way() {
        let hub = Hub::default();
        let connection = WsId([0; 16]);
        let login = hub.begin_login(SHOPPER);
        let neighbour = hub.begin_login(SHOP);
        hub.revoke(SHOPPER, None, None);
        assert!(!login.join(connection, token(1), Outbox::new(10)));
        assert_eq!(online(&hub), []);
        assert!(
            neighbour.join(connection, token(1), Outbox::new(10)),
            "that was another party"
        );
        assert!(
            hub.begin_login(SHOPPER)
                .join(connection, token(2), Outbox::new(10))
        );
        assert!(
            hub.state().logins.is_empty(),
            "nothing is kept of logins that are over"
        );
    }

    fn is_told_to_close(hub: &Hub, connection: WsId) -> bool {
        hub.state().online[&connection]
            .outbox
            .push("x".into())
            .is_err()
    }
}
