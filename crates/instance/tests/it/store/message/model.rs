//! Anything, in any order: the sums are what a recount finds, and everything is its own party's.

use std::{future::Future, pin::Pin};

use futures_util::future::join_all;
use nile_instance::{
    clock::Timestamp,
    store::{Authority, Ended, NewMessage, Options, Proven, QueueOptions, Store, Withdrawal},
};
use nile_protocol::party::PartyId;
use proptest::{collection::vec, option, prelude::*};
use tokio::runtime::Runtime;

use super::{ALL, client, message, node};
use crate::store::{NOW, TestStore, token};

const PARTIES: u8 = 4;
const MESSAGES: i64 = 400;
const HOUR: i64 = 60 * 60 * 1000;

#[derive(Clone, Debug)]
enum Operation {
    Send(NewMessage),
    Acknowledge(PartyId, Vec<i64>),
    Process(PartyId, Vec<i64>),
    HandOver(PartyId, Vec<i64>),
    Miss(PartyId, Vec<i64>),
    Withdraw(PartyId, i64),
    Sweep(i64),
    Delete(PartyId),
}

fn parties() -> impl Strategy<Value = PartyId> {
    (1..=i64::from(PARTIES), any::<bool>()).prop_map(|(number, is_node)| {
        if is_node {
            node(number)
        } else {
            client(number)
        }
    })
}

fn messages() -> impl Strategy<Value = NewMessage> {
    let name = option::weighted(0.3, 0..50_u8);
    let answers = option::weighted(0.2, 1..MESSAGES);
    (
        parties(),
        1..=i64::from(PARTIES),
        answers,
        name,
        0..60_usize,
    )
        .prop_map(|(from, to, answers, name, length)| {
            let to = if matches!(from, PartyId::Client(_)) {
                node(to)
            } else {
                client(to)
            };
            NewMessage {
                answers,
                id: name.map(|name| name.to_string().into()),
                ..message(from, to, &"ü".repeat(length))
            }
        })
}

fn operations() -> impl Strategy<Value = Operation> {
    let ids = || vec(1..MESSAGES, 0..30);
    prop_oneof![
        500 => messages().prop_map(Operation::Send),
        60 => (parties(), ids()).prop_map(|(party, ids)| Operation::Acknowledge(party, ids)),
        20 => (parties(), ids()).prop_map(|(party, ids)| Operation::Process(party, ids)),
        20 => (parties(), ids()).prop_map(|(party, ids)| Operation::HandOver(party, ids)),
        20 => (parties(), ids()).prop_map(|(party, ids)| Operation::Miss(party, ids)),
        60 => (parties(), 1..MESSAGES).prop_map(|(party, id)| Operation::Withdraw(party, id)),
        40 => (0..MESSAGES).prop_map(Operation::Sweep),
        1 => parties().prop_map(Operation::Delete),
    ]
}

type Done<'a> = Pin<Box<dyn Future<Output = ()> + 'a>>;

impl Operation {
    /// Asks for it now; what is returned looks at the result.
    fn begin<'a>(self, store: &Store, now: Timestamp) -> Done<'a> {
        match self {
            Self::Send(message) => {
                let sent = store.send(message, now);
                Box::pin(async move { assert!(matches!(sent.await, Ok(Proven::Done { .. }))) })
            }
            Self::Acknowledge(party, ids) => {
                let ended = store.acknowledge(party, ids, now);
                Box::pin(async move { are_for(party, &ended.await.unwrap()) })
            }
            Self::Process(party, ids) => {
                let processed = store.process(party, Authority::Session, ids, ALL, now);
                Box::pin(async move {
                    let processed = super::done(processed.await.unwrap());
                    are_for(party, &processed.ended);
                    assert_eq!(processed.page.rows.len() as u64, processed.page.total);
                })
            }
            Self::HandOver(party, ids) => {
                let noted = store.handed_over(party, ids, now);
                Box::pin(async move { noted.await.unwrap() })
            }
            Self::Miss(party, ids) => {
                let noted = store.unacknowledged(party, ids, now);
                Box::pin(async move { noted.await.unwrap() })
            }
            Self::Withdraw(party, id) => {
                let withdrawn = store.withdraw(party, Authority::Session, id, now);
                Box::pin(async move {
                    let withdrawn = super::done(withdrawn.await.unwrap());
                    if let Withdrawal::Withdrawn(Some(ended)) = withdrawn {
                        assert_eq!((ended.queue_id, ended.from), (id, party));
                    }
                })
            }
            Self::Sweep(after) => {
                let swept = store.sweep(after, now);
                Box::pin(async move { drop(swept.await.unwrap()) })
            }
            Self::Delete(party) => {
                let number = u8::try_from(party.number()).unwrap();
                let deleted = store.delete(party, token(number), now);
                Box::pin(async move {
                    if let Proven::Done { outcome, .. } = deleted.await.unwrap() {
                        are_for(party, &outcome);
                    }
                })
            }
        }
    }
}

fn are_for(party: PartyId, ended: &[Ended]) {
    assert!(
        ended.iter().all(|ended| ended.to == party),
        "{party}: {ended:?}"
    );
}

async fn run(operations: Vec<Operation>) {
    let options = Options {
        queue: QueueOptions {
            messages: 20,
            bytes: 1000,
            pair: 8,
            ..QueueOptions::default()
        },
        ..Options::default()
    };
    let mut store = TestStore::with(&options).with_parties(PARTIES).await;
    let mut now = NOW;
    let mut operations = operations.into_iter();
    loop {
        let part: Vec<_> = operations.by_ref().take(250).collect();
        if part.is_empty() {
            break;
        }
        let begun: Vec<_> = part
            .into_iter()
            .map(|operation| {
                now = Timestamp(now.0 + HOUR);
                operation.begin(&store, now)
            })
            .collect();
        join_all(begun).await;
        store.assert_totals();
        store = store.reopened_with(&options).await;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, max_shrink_iters: 200, ..ProptestConfig::default() })]

    #[test]
    fn the_sums_are_what_a_recount_finds(operations in vec(operations(), 1000)) {
        Runtime::new().unwrap().block_on(run(operations));
    }
}
