//! Messages: kept for their recipient alone until it removes them, and for nobody longer than promised.
//!
//! Most of it is done in both directions, between a client and a node of the same number.

mod answer;
mod model;
mod page;
mod quota;
mod send;
mod status;
mod sweep;
mod take;

use std::{collections::BTreeMap, time::Duration};

use nile_instance::{
    clock::Timestamp,
    store::{
        Authority, Ended, Limit, MessageRef, MessageState, NewMessage, Page, Proven, Sent, Status,
        Waiting,
    },
};
use nile_protocol::party::{ClientId, NodeId, PartyId, PartyKind};
use rusqlite::Connection;

use super::{NOW, TestStore, information, token};

pub(super) const ALL: Limit = Limit {
    messages: 10_000,
    bytes: 1 << 30,
};

pub(super) fn client(number: i64) -> PartyId {
    PartyId::Client(ClientId(number))
}

pub(super) fn node(number: i64) -> PartyId {
    PartyId::Node(NodeId(number))
}

/// `NOW`, and this much more.
pub(super) fn later(by: Duration) -> Timestamp {
    Timestamp(NOW.0 + i64::try_from(by.as_millis()).unwrap())
}

pub(super) fn days(number: u64) -> Duration {
    Duration::from_hours(24 * number)
}

/// A message over a connection, without a name.
pub(super) fn message(from: PartyId, to: PartyId, content: &str) -> NewMessage {
    NewMessage {
        from,
        authority: Authority::Session,
        to: Some(to),
        answers: None,
        id: None,
        content: content.into(),
    }
}

pub(super) fn named(message: NewMessage, id: &str) -> NewMessage {
    NewMessage {
        id: Some(id.into()),
        ..message
    }
}

/// What came of something that is done by a session.
pub(super) fn done<T>(proven: Proven<T>) -> T {
    match proven {
        Proven::Done {
            confirmed: false,
            outcome,
        } => outcome,
        Proven::Done { .. } => panic!("a token was confirmed, and none was there"),
        Proven::InvalidToken => panic!("a token was refused, and none was there"),
    }
}

pub(super) fn contents(rows: &[Waiting]) -> Vec<&str> {
    rows.iter().map(|row| &*row.content).collect()
}

/// The number of a message that was stored.
pub(super) fn number_of(sent: Proven<Sent>) -> i64 {
    match done(sent) {
        Sent::Stored { queue_id, .. } => queue_id,
        other => panic!("{other:?}"),
    }
}

fn numbers(rows: &[Waiting]) -> Vec<i64> {
    rows.iter().map(|row| row.queue_id).collect()
}

impl TestStore {
    /// Clients 1 to `number` and nodes 1 to `number`, each with the token of its number.
    pub(super) async fn with_parties(self, number: u8) -> Self {
        for number in 1..=number {
            for kind in [PartyKind::Client, PartyKind::Node] {
                let party = self.register_of(kind, token(number), information("party"));
                assert_eq!(party.await, kind.party(number.into()));
            }
        }
        self
    }

    /// The same, where every client has written to every node, and the nodes have read it.
    pub(super) async fn with_acquainted_parties(self, number: u8) -> Self {
        let store = self.with_parties(number).await;
        for (from, to) in (1..=number).flat_map(|a| (1..=number).map(move |b| (a, b))) {
            let queue_id = store
                .said(client(from.into()), node(to.into()), "hello")
                .await;
            let read = store
                .acknowledge(node(to.into()), vec![queue_id], NOW)
                .await;
            assert_eq!(read.unwrap().len(), 1);
        }
        store
    }

    async fn sent(&self, message: NewMessage) -> Sent {
        done(self.send(message, NOW).await.unwrap())
    }

    /// Stores a message, and tells its number.
    pub(super) async fn said(&self, from: PartyId, to: PartyId, content: &str) -> i64 {
        let sent = self.send(message(from, to, content), NOW).await;
        number_of(sent.unwrap())
    }

    pub(super) async fn waits(&self, party: PartyId) -> Page {
        self.page(party, 0, ALL).await.unwrap()
    }

    pub(super) async fn removed(&self, party: PartyId, queue_ids: &[i64]) -> Vec<Ended> {
        let ended = self.acknowledge(party, queue_ids.to_vec(), NOW);
        ended.await.unwrap()
    }

    async fn status(&self, from: PartyId, message: MessageRef) -> Option<Status> {
        let status = self.message_status(from, Authority::Session, message, NOW);
        done(status.await.unwrap())
    }

    async fn state(&self, from: PartyId, queue_id: i64) -> Option<MessageState> {
        let status = self.status(from, MessageRef::QueueId(queue_id)).await;
        status.map(|status| status.state)
    }

    fn assert_totals(&self) {
        assert_totals(&self.side_door());
    }
}

/// Counts what the store keeps the sums of.
pub(crate) fn assert_totals(door: &Connection) {
    let queues = "SELECT to_node, to_id, waiting, bytes FROM queue WHERE waiting OR bytes";
    let counted = "SELECT to_node, to_id, count(*), sum(length(CAST(body AS BLOB))) FROM message
        WHERE state = 0 GROUP BY to_node, to_id";
    assert_eq!(sums(door, queues), sums(door, counted));

    let pairs =
        "SELECT client_id, node_id, to_node, to_client FROM pair WHERE to_node OR to_client";
    let counted =
        "SELECT iif(to_node, from_id, to_id) AS client, iif(to_node, to_id, from_id) AS node,
        sum(to_node), sum(NOT to_node) FROM message WHERE state = 0 GROUP BY client, node";
    assert_eq!(sums(door, pairs), sums(door, counted));
}

/// Two numbers by two others.
fn sums(door: &Connection, query: &str) -> BTreeMap<(i64, i64), (i64, i64)> {
    let mut statement = door.prepare(query).unwrap();
    let rows = statement.query_map([], |row| {
        Ok(((row.get(0)?, row.get(1)?), (row.get(2)?, row.get(3)?)))
    });
    rows.unwrap().map(Result::unwrap).collect()
}
