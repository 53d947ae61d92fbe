//! How long messages wait, and how long they are remembered.

use std::time::Duration;

use nile_instance::{
    clock::Timestamp,
    store::{MessageState, Sent, Swept},
};

use super::{client, days, later, message, named, node, numbers};
use crate::store::{NOW, TestStore};

const NOTHING: [i64; 0] = [];

/// The last moment before this has passed since `NOW`.
fn just_before(by: Duration) -> Timestamp {
    Timestamp(later(by).0 - 1)
}

impl TestStore {
    async fn swept(&self, now: Timestamp) -> Vec<i64> {
        let Swept { ended, next } = self.sweep(0, now).await.unwrap();
        assert_eq!(next, None);
        for ended in &ended {
            assert_eq!((ended.state, ended.since), (MessageState::Expired, now));
        }
        ended.iter().map(|ended| ended.queue_id).collect()
    }

    fn remembered(&self) -> i64 {
        self.side_door()
            .query_row("SELECT count(*) FROM message", [], |row| row.get(0))
            .unwrap()
    }
}

#[tokio::test]
async fn a_message_waits_for_thirty_days_and_not_a_millisecond_longer() {
    let store = TestStore::open().with_parties(1).await;
    let queue_id = store.said(client(1), node(1), "order").await;
    assert_eq!(store.swept(just_before(days(30))).await, NOTHING);
    assert_eq!(store.waits(node(1)).await.total, 1);
    assert_eq!(store.swept(later(days(30))).await, [queue_id]);
    assert_eq!(store.waits(node(1)).await.total, 0);
    let state = store.state(client(1), queue_id).await;
    assert_eq!(state, Some(MessageState::Expired));
    assert_eq!(store.swept(later(days(30))).await, NOTHING);
    store.assert_totals();
}

#[tokio::test]
async fn what_was_handed_to_a_party_that_never_acknowledges_waits_for_seven_days_more() {
    let store = TestStore::open().with_parties(2).await;
    let mut ids = Vec::new();
    for to in [1, 1, 2, 1] {
        ids.push(store.said(client(1), node(to), "order").await);
    }
    let first = later(days(1));
    store
        .handed_over(node(1), vec![ids[0]], first)
        .await
        .unwrap();
    store
        .unacknowledged(node(1), vec![ids[1]], first)
        .await
        .unwrap();
    let foreign = ids[3];
    store
        .handed_over(node(2), vec![ids[2], foreign], first)
        .await
        .unwrap();
    // The first time counts.
    let second = later(days(2));
    for party in [node(1), node(2)] {
        store.handed_over(party, ids.clone(), second).await.unwrap();
        store
            .unacknowledged(party, ids.clone(), second)
            .await
            .unwrap();
    }
    let by_the_other = store.said(client(1), node(2), "order").await;
    store.removed(node(2), &[by_the_other]).await;

    assert_eq!(store.swept(just_before(days(8))).await, NOTHING);
    assert_eq!(store.swept(later(days(8))).await, ids[..2]);
    assert_eq!(store.swept(later(days(9))).await, ids[3..]);
    assert_eq!(numbers(&store.waits(node(2)).await.rows), [ids[2]]);
    store.assert_totals();
}

#[tokio::test]
async fn a_message_and_its_name_are_remembered_for_seven_days_after_its_end() {
    let store = TestStore::open().with_parties(1).await;
    let order = || named(message(client(1), node(1), "order"), "order 1");
    store.sent(order()).await;
    let kept = store.said(client(1), node(1), "kept").await;
    let removed = later(days(3));
    store
        .acknowledge(node(1), vec![kept - 1], removed)
        .await
        .unwrap();

    assert_eq!(store.swept(just_before(days(10))).await, NOTHING);
    assert_eq!(store.remembered(), 2);
    assert!(matches!(store.sent(order()).await, Sent::Repeated { .. }));
    assert_eq!(store.swept(later(days(10))).await, NOTHING);
    assert_eq!(store.remembered(), 1);
    assert_eq!(numbers(&store.waits(node(1)).await.rows), [kept]);
    assert!(matches!(store.sent(order()).await, Sent::Stored { .. }));
    store.assert_totals();
}

#[tokio::test]
async fn what_ended_when_it_was_sent_is_remembered_for_seven_days_and_not_a_millisecond_longer() {
    let store = TestStore::open().with_parties(1).await;
    let queue_id = store.said(client(1), node(1), "order").await;
    let removed = store.acknowledge(node(1), vec![queue_id], NOW);
    removed.await.unwrap();
    assert_eq!(store.swept(just_before(days(7))).await, NOTHING);
    assert_eq!(store.remembered(), 1);
    assert_eq!(store.swept(later(days(7))).await, NOTHING);
    assert_eq!(store.remembered(), 0);
    store.assert_totals();
}

#[tokio::test]
async fn a_sweep_goes_on_where_the_last_one_stopped_until_what_follows_is_young() {
    const MANY: i64 = 600;
    const YOUNG: i64 = 300;
    let store = TestStore::open().with_parties(9).await;
    for number in 0..MANY + YOUNG {
        let (from, to) = (client(number % 6 + 1), node(number / 100 + 1));
        let sent = if number < MANY { NOW } else { later(days(25)) };
        store.send(message(from, to, "order"), sent).await.unwrap();
    }
    let now = later(days(30));
    let (mut after, mut ended, mut goes) = (0, Vec::new(), 0);
    loop {
        let swept = store.sweep(after, now).await.unwrap();
        assert!(swept.ended.len() <= 256);
        ended.extend(swept.ended.iter().map(|ended| ended.queue_id));
        goes += 1;
        let Some(next) = swept.next else { break };
        assert!(next > after);
        after = next;
    }
    assert_eq!((goes, ended), (3, (1..=MANY).collect()));
    for shop in 7..=9 {
        assert_eq!(store.waits(node(shop)).await.total, 100);
    }
    store.assert_totals();
}

#[tokio::test]
async fn a_clock_that_was_wrong_for_a_while_ends_nothing_early_and_hides_nothing() {
    let store = TestStore::open().with_parties(1).await;
    let ahead = store.send(
        message(client(1), node(1), "from the future"),
        later(days(999)),
    );
    ahead.await.unwrap();
    let queue_id = store.said(client(1), node(1), "order").await;
    assert_eq!(store.swept(Timestamp(0)).await, NOTHING);
    assert_eq!(store.swept(later(days(30))).await, [queue_id]);
    assert_eq!(store.waits(node(1)).await.total, 1);
    assert_eq!(store.swept(Timestamp(NOW.0 - 1)).await, NOTHING);
}
