//! Who is online on this process, and how each connection is reached.
//!
//! **An entry belongs to one connection and is removed by that connection alone.** A party is online as
//! often as it has connections. The hub stores nothing and waits for nothing: what it cannot decide without
//! the store it tells its caller to find out.

mod ws_id;
mod voice;
mod feed;
mod presence;
mod delivery;
mod news;
#[cfg(test)]
mod tests;

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError, Weak},
};

use nile_protocol::party::PartyId;
use nile_socketio::Close;
use tokio::sync::Notify;

pub use self::{
    delivery::{Offered, Reading},
    feed::{Next, Start, Stretch, WINDOW},
    news::Unforwarded,
    presence::Card,
    voice::{Dialect, Line, Message, Voice},
    ws_id::WsId,
};
use self::{
    feed::{Feed, Listener},
    presence::Presence,
};
use crate::token::TokenHash;

/// The connections that are known, and the parties that are online.
#[derive(Debug, Default)]
pub struct Hub {
    state: Mutex<State>,
    /// Told when subscribers may have something to hear.
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    connections: HashMap<WsId, Connection>,
    parties: HashMap<PartyId, Party>,
    /// Parties of which a login is under way.
    logins: HashMap<PartyId, Logins>,
    presence: Presence,
    /// Told when a message comes for the party; kept by those who wait for that.
    watches: HashMap<PartyId, Weak<Notify>>,
    feeds: u64,
}

/// A connection that others can reach, logged in or not.
#[derive(Debug)]
struct Connection {
    voice: Voice,
    session: Option<Session>,
    /// It has asked for the online nodes.
    browses: bool,
    /// It hears what becomes of the messages of its party.
    follows: bool,
}

#[derive(Debug)]
struct Session {
    party: PartyId,
    token: TokenHash,
    kind: Kind,
}

/// What a connection that speaks for a party does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It is on the online list.
    Online,
    /// It only hears what is sent to the party.
    Listening,
}

/// A party that somebody speaks for.
#[derive(Debug, Default)]
struct Party {
    /// Its connections, oldest first.
    connections: Vec<WsId>,
    feeds: Vec<Feed>,
}

/// The logins of one party that are under way.
#[derive(Debug, Default)]
struct Logins {
    count: usize,
    /// How often what a login reads of the party has changed since the first of them began: its tokens, or
    /// what others see of it.
    changes: usize,
    /// How many messages came for the party since then.
    messages: usize,
}

/// A login that is under way. While it lives, neither a change of the party nor a message for it escapes it.
#[derive(Debug)]
#[must_use]
pub struct Login<'a> {
    hub: &'a Hub,
    party: PartyId,
    changes: usize,
    messages: usize,
}

/// Who logs in, and where.
#[derive(Debug)]
pub struct Joining {
    /// The connection.
    pub line: Line,
    /// What it does for the party.
    pub kind: Kind,
    /// The token it came with.
    pub token: TokenHash,
    /// What the answer hands over.
    pub start: Start,
    /// What others see of a node, and whether it is approved. Clients have none.
    pub card: Option<(Card, bool)>,
}

/// What a connection leaves behind.
#[derive(Debug, Default)]
#[must_use]
pub struct Left {
    /// What was pushed and not acknowledged, and for whom.
    pub unacknowledged: Vec<(PartyId, Vec<i64>)>,
    /// Who has to read now.
    pub readings: Vec<Reading>,
    /// The party, if nobody hears any more what is sent to it.
    pub unheard: Option<PartyId>,
}

impl Hub {
    /// Begins a login, before anything about the party is read.
    pub fn begin_login(&self, party: PartyId) -> Login<'_> {
        let mut state = self.state();
        let logins = state.logins.entry(party).or_default();
        logins.count += 1;
        Login {
            hub: self,
            party,
            changes: logins.changes,
            messages: logins.messages,
        }
    }

    /// The connection speaks for nobody any more. What it has asked for as nobody stays.
    pub fn leave(&self, connection: WsId) -> Left {
        let mut state = self.state();
        let left = state.leave(connection);
        let entry = state.connections.get(&connection);
        if entry.is_some_and(|entry| !entry.browses) {
            state.connections.remove(&connection);
        }
        self.notify(&state);
        left
    }

    /// The connection has ended.
    pub fn end(&self, connection: WsId) -> Left {
        let mut state = self.state();
        let left = state.leave(connection);
        state.connections.remove(&connection);
        self.notify(&state);
        left
    }

    /// A party's tokens but `live` are no longer valid: tells the connections that came with another
    /// to close. They leave the list as they end.
    ///
    /// `by`, the connection that has just proved itself with `live`, has come with that from now on.
    pub fn revoke(&self, party: PartyId, live: Option<TokenHash>, by: Option<WsId>) {
        let mut state = self.state();
        state.changes(party);
        let State {
            connections,
            parties,
            presence,
            ..
        } = &mut *state;
        for connection in parties
            .get(&party)
            .iter()
            .flat_map(|party| &party.connections)
        {
            let Some(entry) = connections.get_mut(connection) else {
                continue;
            };
            match (&mut entry.session, live) {
                (Some(session), Some(live)) if Some(*connection) == by => session.token = live,
                (Some(session), live) if Some(session.token) != live => entry
                    .voice
                    .outbox
                    .close(Close::policy("the token is no longer valid")),
                _ => {}
            }
        }
        if let (PartyId::Node(node), None) = (party, live) {
            presence.forget(node);
            self.notify(&state);
        }
    }

    /// The online list, in no order.
    #[must_use]
    pub fn online(&self) -> Vec<(WsId, PartyId)> {
        let state = self.state();
        let online = state.connections.iter().filter_map(|(connection, entry)| {
            let session = entry.session.as_ref()?;
            (session.kind == Kind::Online).then_some((*connection, session.party))
        });
        online.collect()
    }

    /// For each of these parties the connection that it has been online on for longest.
    #[must_use]
    pub fn connections_of(&self, parties: &[PartyId]) -> Vec<Option<WsId>> {
        let state = self.state();
        let parties = parties.iter();
        parties.map(|party| state.connection_of(*party)).collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing in here can panic halfway through a change.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Login<'_> {
    /// Puts the connection on the list, in place of whatever it was there, and has it hear what comes for
    /// the party. `None`, and nothing is changed, when something about the party has changed since the
    /// login began: begin it anew.
    #[must_use]
    pub fn join(self, joining: Joining) -> Option<Left> {
        let mut state = self.hub.state();
        let logins = state.logins.get(&self.party)?;
        if logins.changes != self.changes {
            return None;
        }
        let missed = logins.messages != self.messages;
        let mut left = state.leave(joining.line.connection);
        state.join(self.party, joining, missed, &mut left);
        self.hub.notify(&state);
        Some(left)
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

impl Left {
    fn pushed_in_vain(&mut self, party: PartyId, queue_ids: Vec<i64>) {
        if !queue_ids.is_empty() {
            self.unacknowledged.push((party, queue_ids));
        }
    }
}

impl State {
    /// What a login reads of the party changes: those under way begin anew.
    fn changes(&mut self, party: PartyId) {
        if let Some(logins) = self.logins.get_mut(&party) {
            logins.changes += 1;
        }
    }

    fn join(&mut self, party: PartyId, joining: Joining, missed: bool, left: &mut Left) {
        let Joining {
            line,
            kind,
            token,
            mut start,
            card,
        } = joining;
        start.behind |= missed;
        let connection = line.connection;
        self.know(&line).session = Some(Session { party, token, kind });
        let entry = self.parties.entry(party).or_default();
        entry.connections.push(connection);
        let listener = Listener { line, start };
        self.feeds += 1;
        entry.listen(party, listener, self.feeds, left);
        if let (PartyId::Node(node), Some((card, approved))) = (party, card) {
            let oldest = self.connection_of(party);
            self.presence.arrive(node, card, approved, false);
            self.presence.connected(node, oldest);
        }
    }

    fn leave(&mut self, connection: WsId) -> Left {
        let Some(entry) = self.connections.get_mut(&connection) else {
            return Left::default();
        };
        entry.follows = false;
        let Some(Session { party, .. }) = entry.session.take() else {
            return Left::default();
        };
        let mut left = Left::default();
        if let Some(entry) = self.parties.get_mut(&party) {
            entry.connections.retain(|other| *other != connection);
            left = entry.unlisten(party, connection);
            if entry.connections.is_empty() {
                self.parties.remove(&party);
                left.unheard = Some(party);
            }
        }
        if let PartyId::Node(node) = party {
            let oldest = self.connection_of(party);
            self.presence.connected(node, oldest);
        }
        left
    }

    fn connection_of(&self, party: PartyId) -> Option<WsId> {
        let connections = &self.parties.get(&party)?.connections;
        connections.iter().copied().find(|connection| {
            let session = self
                .connections
                .get(connection)
                .and_then(|entry| entry.session.as_ref());
            session.is_some_and(|session| session.kind == Kind::Online)
        })
    }
}
