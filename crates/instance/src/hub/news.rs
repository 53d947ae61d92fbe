//! What connections are told beside their queues: what others forward to them, which nodes are there, and
//! what became of what they sent.

use std::sync::Arc;

use nile_protocol::{
    json::Raw,
    party::{NodeId, PartyId, PartyKind},
};
use nile_socketio::{Frame, Refused};

use super::{
    Connection, Hub, Kind, State,
    presence::Card,
    voice::{Dialect, Line, Voice},
    ws_id::WsId,
};

/// Why something could not be forwarded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unforwarded {
    /// The sender can reach no such connection.
    Offline,
    /// The connection has not taken what waits for it.
    Full,
}

impl Hub {
    /// Sends `body` from a connection, whose party is of this kind, to one of the other kind. The
    /// connection it comes from can be answered from now on.
    pub fn forward(
        &self,
        from: &Line,
        kind: PartyKind,
        to: WsId,
        body: &str,
    ) -> Result<(), Unforwarded> {
        let mut state = self.state();
        if !state.can_reach(kind, to) {
            return Err(Unforwarded::Offline);
        }
        state.know(from);
        let recipient = &state.connections[&to].voice;
        let frame = recipient.dialect.message(kind, body, None);
        recipient
            .outbox
            .push(frame)
            .map_err(|refused| match refused {
                Refused::Full => Unforwarded::Full,
                Refused::Closed => Unforwarded::Offline,
            })
    }

    /// The list of online nodes. The connection hears of its changes from now on.
    pub fn browse(&self, line: &Line) -> Raw {
        let mut state = self.state();
        state.know(line).browses = true;
        state.presence.show()
    }

    /// The list of online nodes.
    pub fn nodes(&self) -> Raw {
        self.state().presence.list()
    }

    /// Whether the connection hears what becomes of the messages of its party.
    pub fn follow(&self, connection: WsId, on: bool) {
        if let Some(entry) = self.state().connections.get_mut(&connection) {
            entry.follows = on;
        }
    }

    /// Tells the connections of `party` that want to hear it what became of a message. Whoever has no room
    /// for it does not hear it, and can ask.
    pub fn tell_status(&self, party: PartyId, body: impl FnOnce() -> String) {
        let state = self.state();
        let mut followers = state.followers(party).peekable();
        if followers.peek().is_none() {
            return;
        }
        let body = body();
        for voice in followers {
            for frame in voice.dialect.said(party.kind(), &body).iter() {
                // A connection that has no room or has ended does not hear it.
                let _ = voice.outbox.push(Arc::clone(frame));
            }
        }
    }

    /// A node can be reached without a connection.
    pub fn install(&self, node: NodeId, card: Card, approved: bool) {
        let mut state = self.state();
        state.presence.arrive(node, card, approved, true);
        self.notify(&state);
    }

    /// A node tells something else about itself.
    pub fn describe(&self, node: NodeId, hash: Option<&str>, information: Option<&str>) {
        let mut state = self.state();
        state.changes(PartyId::Node(node));
        state.presence.describe(node, hash, information);
        self.notify(&state);
    }

    /// The nodes that are there and wait for the operator's word.
    #[must_use]
    pub fn unapproved(&self) -> Vec<NodeId> {
        self.state().presence.unapproved()
    }

    /// A node takes part from now on.
    pub fn approve(&self, node: NodeId) {
        let mut state = self.state();
        state.changes(PartyId::Node(node));
        state.presence.approve(node);
        self.notify(&state);
    }

    /// Whether the node takes part, as far as is known here.
    #[must_use]
    pub fn is_approved(&self, node: NodeId) -> bool {
        self.state().presence.is_approved(node)
    }

    /// Waits until subscribers may have something to hear.
    pub async fn presence_changed(&self) {
        self.changed.notified().await;
    }

    /// Tells all who hear of presence how things are, if they have not been told. `body` wraps the list.
    /// Returns how many were told.
    pub fn tell_presence(&self, body: impl FnOnce(Raw) -> String) -> usize {
        let (list, hearers) = {
            let mut state = self.state();
            let Some(list) = state.presence.tell() else {
                return 0;
            };
            let hearers = state
                .connections
                .values()
                .filter(|entry| entry.hears_presence());
            let hearers: Vec<Voice> = hearers.map(|entry| entry.voice.clone()).collect();
            (list, hearers)
        };
        let body = body(list);
        let mut written: Vec<(&'static dyn Dialect, Arc<[Frame]>)> = Vec::new();
        for voice in &hearers {
            let known = written
                .iter()
                .find(|(dialect, _)| voice.sounds_like(*dialect));
            let frames = if let Some((_, frames)) = known {
                Arc::clone(frames)
            } else {
                let frames = voice.dialect.said(PartyKind::Client, &body);
                written.push((voice.dialect, Arc::clone(&frames)));
                frames
            };
            voice.outbox.tell(frames);
        }
        hearers.len()
    }

    pub(super) fn notify(&self, state: &State) {
        if state.presence.is_untold() {
            self.changed.notify_one();
        }
    }
}

impl State {
    /// A client, or nobody, reaches nodes that take part; a node reaches all others.
    fn can_reach(&self, from: PartyKind, to: WsId) -> bool {
        let Some(recipient) = self.connections.get(&to) else {
            return false;
        };
        let session = recipient.session.as_ref();
        if session.is_some_and(|session| session.kind == Kind::Listening) {
            return false;
        }
        match (from, session.map(|session| session.party)) {
            (PartyKind::Client, Some(PartyId::Node(node))) => self.presence.is_approved(node),
            (PartyKind::Node, Some(PartyId::Client(_)) | None) => true,
            _ => false,
        }
    }

    /// The entry of a connection, which can be reached from now on.
    pub(super) fn know(&mut self, line: &Line) -> &mut Connection {
        self.connections
            .entry(line.connection)
            .or_insert_with(|| Connection {
                voice: line.voice.clone(),
                session: None,
                browses: false,
                follows: false,
            })
    }

    fn followers(&self, party: PartyId) -> impl Iterator<Item = &Voice> {
        let connections = self
            .parties
            .get(&party)
            .into_iter()
            .flat_map(|party| &party.connections);
        connections
            .filter_map(|connection| self.connections.get(connection))
            .filter(|entry| entry.follows)
            .map(|entry| &entry.voice)
    }
}

impl Connection {
    /// Those who have asked for the nodes hear of them, and clients that are online.
    fn hears_presence(&self) -> bool {
        let session = self.session.as_ref();
        self.browses
            || session.is_some_and(|session| {
                session.kind == Kind::Online && session.party.kind() == PartyKind::Client
            })
    }
}
