//! Quotas: each refuses what would pass it, and only that.

use nile_instance::store::{Full, NewMessage, Options, QueueOptions, Sent};

use super::{client, done, message, named, node};
use crate::store::{NOW, TestStore};

async fn bounded(queue: QueueOptions) -> TestStore {
    let options = Options {
        queue,
        ..Options::default()
    };
    TestStore::with(&options).with_acquainted_parties(3).await
}

impl TestStore {
    async fn full(&self, message: NewMessage) -> Option<Full> {
        match done(self.send(message, NOW).await.unwrap()) {
            Sent::Stored { .. } => None,
            Sent::QueueFull(full) => Some(full),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn as_many_messages_wait_for_a_party_as_may() {
    let store = bounded(QueueOptions {
        messages: 3,
        ..QueueOptions::default()
    })
    .await;
    for from in [1, 2, 3] {
        assert_eq!(store.full(message(client(from), node(1), "m")).await, None);
    }
    let refused = store.full(message(client(3), node(1), "m")).await;
    assert_eq!(refused, Some(Full::Recipient));
    // Others are not concerned, be they of the same number.
    assert_eq!(store.full(message(client(3), node(2), "m")).await, None);
    assert_eq!(store.full(message(node(3), client(1), "m")).await, None);

    let oldest = store.waits(node(1)).await.rows[0].queue_id;
    store.removed(node(1), &[oldest]).await;
    assert_eq!(store.full(message(client(3), node(1), "m")).await, None);
    store.assert_totals();
}

#[tokio::test]
async fn as_many_bytes_wait_for_a_party_as_may() {
    let store = bounded(QueueOptions {
        bytes: 100,
        ..QueueOptions::default()
    })
    .await;
    assert_eq!(
        store
            .full(message(client(1), node(1), &"x".repeat(60)))
            .await,
        None
    );
    let refused = store
        .full(message(client(2), node(1), &"x".repeat(41)))
        .await;
    assert_eq!(refused, Some(Full::Recipient));
    assert_eq!(
        store
            .full(message(client(2), node(1), &"x".repeat(40)))
            .await,
        None
    );
    let refused = store.full(message(client(2), node(1), "1")).await;
    assert_eq!(refused, Some(Full::Recipient));
    assert_eq!(store.waits(node(1)).await.total, 2);
}

#[tokio::test]
async fn as_many_messages_of_one_sender_wait_for_a_party_as_may() {
    let store = bounded(QueueOptions {
        pair: 2,
        ..QueueOptions::default()
    })
    .await;
    for (from, to, third) in [
        (client(1), node(1), client(2)),
        (node(1), client(1), node(2)),
    ] {
        for _ in 0..2 {
            assert_eq!(store.full(message(from, to, "m")).await, None);
        }
        assert_eq!(store.full(message(from, to, "m")).await, Some(Full::Pair));
        assert_eq!(store.full(message(third, to, "m")).await, None);
        let oldest = store.waits(to).await.rows[0].queue_id;
        store.removed(to, &[oldest]).await;
        assert_eq!(store.full(message(from, to, "m")).await, None);
        store.removed(to, &[oldest + 1]).await;
    }
}

#[tokio::test]
async fn a_store_that_is_as_large_as_it_may_be_takes_no_more_and_lets_go() {
    const LONG: usize = 100_000;
    let store = bounded(QueueOptions {
        store_bytes: 1_000_000,
        ..QueueOptions::default()
    })
    .await;
    let long = "x".repeat(LONG);
    let mut stored = Vec::new();
    let refused = loop {
        match store.sent(message(client(1), node(1), &long)).await {
            Sent::Stored { queue_id, .. } => stored.push(queue_id),
            other => break other,
        }
    };
    assert_eq!(refused, Sent::QueueFull(Full::Store));
    assert!((8..=10).contains(&stored.len()), "{}", stored.len());
    let refused = store.full(message(client(2), node(2), "short")).await;
    assert_eq!(refused, Some(Full::Store));

    store.removed(node(1), &stored[..1]).await;
    assert_eq!(store.full(message(client(2), node(2), "short")).await, None);
}

#[tokio::test]
async fn a_repetition_is_answered_when_there_is_no_room() {
    let store = bounded(QueueOptions {
        messages: 1,
        ..QueueOptions::default()
    })
    .await;
    let order = || named(message(client(1), node(1), "m"), "order 1");
    assert_eq!(store.full(order()).await, None);
    let repeated = store.sent(order()).await;
    assert!(matches!(repeated, Sent::Repeated { .. }), "{repeated:?}");
}
