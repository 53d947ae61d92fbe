//! A party with its connections: how it says things, and what it has to have heard.

use std::{net::SocketAddr, time::Duration};

use futures_util::future::select_all;
use nile_protocol::party::{PartyId, PartyKind};
use tokio::time::timeout;

use super::{
    connection::{Connection, Pushed},
    model::Model,
    operation::SLOTS,
};
use crate::support::request::{REGISTER_NODE, register, token_in};

/// How long a message that is due may take. It is reached only by one that is lost.
const SOON: Duration = Duration::from_secs(5);

pub(super) struct Member {
    pub(super) party: PartyId,
    pub(super) token: String,
    /// Logged in, each of them.
    pub(super) slots: [Option<Connection>; SLOTS],
    /// It is a node that has logged in beside itself: that connection took over what the other had, which
    /// may get it once more when that one ends.
    pub(super) took_over: bool,
}

impl Member {
    pub(super) async fn register(kind: PartyKind, desk: &mut Connection) -> Self {
        let request = match kind {
            PartyKind::Client => register("Ada"),
            PartyKind::Node => REGISTER_NODE.to_owned(),
        };
        let answer = desk.ask(&to_instance(kind), &request).await;
        let token = token_in(&answer);
        let number = token.split('_').nth(1).unwrap().parse().unwrap();
        Self {
            party: kind.party(number),
            token,
            slots: [const { None }; SLOTS],
            took_over: false,
        }
    }

    /// Whether a connection of this slot speaks Socket.IO: they take turns.
    pub(super) fn over_socketio(&self, slot: usize) -> bool {
        let slot = i64::try_from(slot).unwrap();
        (slot + self.party.number()) % 2 == 0
    }

    pub(super) async fn connect(&self, address: SocketAddr, slot: usize) -> Connection {
        Connection::open(address, self.over_socketio(slot)).await
    }

    pub(super) fn connections(&mut self) -> impl Iterator<Item = &mut Connection> {
        self.slots.iter_mut().flatten()
    }

    pub(super) fn channel(&self) -> String {
        to_instance(self.party.kind())
    }

    /// Waits until everything that has to be pushed was heard: on every connection of a client, on any of a node.
    pub(super) async fn catch_up(&mut self, model: &mut Model) {
        loop {
            self.take(model);
            let missing = self.missing(model);
            if missing.is_empty() {
                break;
            }
            let party = self.party;
            let hearing = self
                .connections()
                .map(|connection| Box::pin(connection.hear()));
            let heard = timeout(SOON, select_all(hearing)).await;
            let Ok((answer, ..)) = heard else {
                panic!("{party} does not hear {missing:?}");
            };
            assert_eq!(answer, None, "nobody asked");
        }
        self.hear_all(model).await;
    }

    /// Hears what it has been told up to now.
    pub(super) async fn hear_all(&mut self, model: &mut Model) {
        let channel = self.channel();
        for connection in self.connections() {
            connection.catch_up(&channel).await;
        }
        self.take(model);
    }

    fn missing(&self, model: &Model) -> Vec<i64> {
        let online: Vec<&Connection> = self.slots.iter().flatten().collect();
        let has = |connection: &Connection, id: i64| connection.received.contains(&id);
        if online.is_empty() {
            return Vec::new();
        }
        let mut missing = model.pushable(self.party);
        missing.retain(|id| match self.party.kind() {
            PartyKind::Client => !online.iter().all(|connection| has(connection, *id)),
            PartyKind::Node => !online.iter().any(|connection| has(connection, *id)),
        });
        missing
    }

    /// Looks at what was pushed so far.
    fn take(&mut self, model: &mut Model) {
        let party = self.party;
        for connection in self.slots.iter_mut().flatten() {
            let mut fresh = Vec::new();
            for push in std::mem::take(&mut connection.pushed) {
                let channel = match party.kind() {
                    PartyKind::Client => "node.to.client",
                    PartyKind::Node => "client.to.node",
                };
                assert_eq!(push.channel, channel);
                let queue_id = push.message.queue_id;
                if model.heard(party, &push.message) {
                    fresh.push(queue_id);
                }
                let is_new = connection.received.insert(queue_id);
                assert!(
                    is_new || self.took_over,
                    "{party} hears {queue_id} twice on a connection"
                );
                connection.held.push(push);
            }
            assert!(
                fresh.is_sorted(),
                "{party} hears {fresh:?} for the first time"
            );
        }
    }

    /// The connection of a slot has ended, or has logged in anew.
    pub(super) fn forget(model: &mut Model, held: &[Pushed]) {
        for push in held {
            model.pushed_in_vain(push.message.queue_id);
        }
    }
}

pub(super) fn to_instance(kind: PartyKind) -> String {
    format!("{}.to.instance", kind.word())
}
