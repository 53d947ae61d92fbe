//! The store that rots: what it holds, and how it answers when it is whole.

use std::{fs, ops::Range, time::Duration};

use nile_instance::{
    clock::Timestamp,
    store::{Authority, Delivery, NewNode, Protocol, QueueOptions},
    token::TokenHash,
};
use nile_protocol::party::{NodeId, PartyId, PartyKind};

use super::{
    FRAME, LOG_HEADER,
    answers::{Answers, ask},
    verdict::contents_of,
};
use crate::store::{
    HASH, NOW, TestStore, information,
    message::{client, later, message, named, node},
    token,
};

const CLIENTS: u8 = 9;
const NODES: u8 = 5;

/// What a store holds, and what a killed process leaves of it.
pub(crate) struct World {
    pub(super) database: Vec<u8>,
    pub(super) log: Vec<u8>,
    /// Every token that was given, be it live or not, and whose it is.
    pub(super) tokens: Vec<(PartyId, TokenHash)>,
    /// Every message, and who sent it; its name if it has one.
    pub(super) messages: Vec<(i64, PartyId, Option<String>)>,
    pub(super) nodes: Vec<NodeId>,
    /// What is answered.
    pub(super) answers: Answers,
    /// Everything that is in the tables.
    pub(super) contents: String,
    /// What was in them before the first commit that is in the log, and after each.
    pub(super) history: Vec<String>,
}

fn long(letter: &str, length: usize) -> String {
    format!("\"{}\"", letter.repeat(length))
}

fn by_hours(hours: u64) -> Timestamp {
    later(Duration::from_hours(hours))
}

impl World {
    /// Does everything that leaves something in a store.
    pub(super) async fn build() -> Self {
        let store = TestStore::open();
        let mut world = Self {
            database: Vec::new(),
            log: Vec::new(),
            tokens: Vec::new(),
            messages: Vec::new(),
            nodes: (1..=NODES.into()).map(NodeId).collect(),
            answers: Answers::default(),
            contents: String::new(),
            history: Vec::new(),
        };
        world.register(&store).await;
        for round in 0..3 {
            world.send(&store, round, 1..CLIENTS.into()).await;
        }
        world.end_some(&store).await;
        let store = store.reopened().await;

        // What follows stays in the log: whoever reads keeps it from being copied back.
        let reader = store.side_door();
        reader.execute_batch("BEGIN; SELECT * FROM client").unwrap();
        world
            .history
            .push(contents_of(store.directory.path()).unwrap());
        world.send(&store, 3, 5..7).await;
        let new = store.rotate_token(client(2), token(2), token(102), NOW);
        new.await.unwrap();
        world
            .history
            .push(contents_of(store.directory.path()).unwrap());
        world.answers = ask(&store, &world).await;
        world.contents = contents_of(store.directory.path()).unwrap();

        world.database = fs::read(store.database()).unwrap();
        world.log = fs::read(store.database().with_extension("db-wal")).unwrap();
        assert!(
            world.log.len() as u64 > LOG_HEADER + 10 * FRAME,
            "the log was copied back"
        );
        drop(reader);
        store.close().await.unwrap();
        world
    }

    async fn register(&mut self, store: &TestStore) {
        let who = |kind: PartyKind, number: u8| (kind.party(number.into()), token(number));
        for number in 1..=CLIENTS {
            let (party, token) = who(PartyKind::Client, number);
            let name = "c".repeat(if number == 3 { 4000 } else { 40 });
            let id = store.register_client(token, information(&name), NOW).await;
            assert_eq!(PartyId::Client(id.unwrap()), party);
            self.tokens.push((party, token));
        }
        for number in 1..=NODES {
            let (party, token) = who(PartyKind::Node, number);
            let by_post = number % 2 == 0;
            let node = NewNode {
                hash: HASH.into(),
                information: information(&format!("node {number}")),
                protocol: if by_post {
                    Protocol::Http
                } else {
                    Protocol::WebSocket
                },
                approved: number != 5,
                delivery: by_post.then(|| Delivery {
                    resource: format!("https://shop{number}.example/").into(),
                    secret: [number; 32],
                }),
            };
            let id = store.register_node(token, node, NOW).await;
            assert_eq!(PartyId::Node(id.unwrap()), party);
            self.tokens.push((party, token));
        }
        let (old, new) = (token(1), token(101));
        store.rotate_token(client(1), old, new, NOW).await.unwrap();
        self.tokens
            .extend([(client(1), new), (client(2), token(102))]);
    }

    /// Messages in both directions, of every length, some with names.
    async fn send(&mut self, store: &TestStore, round: u64, clients: Range<i64>) {
        for number in clients {
            let (from, to) = (client(number), node(number % i64::from(NODES - 1) + 1));
            let length = [20, 200, 2000, 6000][usize::try_from(number % 4).unwrap()];
            for (from, to) in [(from, to), (to, from)] {
                let content = long(&round.to_string(), length);
                let mut message = message(from, to, &content);
                let name = (number % 2 == 0).then(|| format!("{round}/{number}"));
                if let Some(name) = &name {
                    message = named(message, name);
                }
                let sent = store.send(message, by_hours(round)).await.unwrap();
                let queue_id = crate::store::message::number_of(sent);
                self.messages.push((queue_id, from, name));
                if !self.history.is_empty() {
                    self.history
                        .push(contents_of(store.directory.path()).unwrap());
                }
            }
        }
    }

    /// One of each end, and what is noted of those that have none.
    async fn end_some(&mut self, store: &TestStore) {
        let party = |number: usize| self.messages[number].1;
        let id = |number: usize| self.messages[number].0;
        assert_eq!((party(0), party(3)), (client(1), node(3)));
        let removed = store.acknowledge(node(2), vec![id(0)], NOW).await.unwrap();
        assert_eq!(removed.len(), 1);
        let withdrawn = store.withdraw(node(3), Authority::Session, id(3), NOW);
        withdrawn.await.unwrap();
        let handed = vec![id(1)];
        store
            .handed_over(client(1), handed.clone(), NOW)
            .await
            .unwrap();
        store.unacknowledged(client(1), handed, NOW).await.unwrap();
        let refused = store.delete(client(CLIENTS.into()), token(CLIENTS), NOW);
        refused.await.unwrap();
        // So late that what has ended would be forgotten, were it an hour later.
        let kept = QueueOptions::default().kept.as_secs() / 3600;
        let late = later(Duration::from_hours(kept - 1));
        store.sweep(0, late).await.unwrap();
    }
}
