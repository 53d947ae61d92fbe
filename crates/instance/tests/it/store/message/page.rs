//! Pages: their bounds, the order, turning them for parties that never acknowledge, and what is pushed.

use nile_instance::store::{Limit, LiveToken, LoggedIn, Page};
use nile_protocol::party::PartyId;

use super::{ALL, client, contents, node, numbers};
use crate::store::{HASH, NOW, TestStore, token};

const fn at_most(messages: u32) -> Limit {
    Limit { messages, ..ALL }
}

impl TestStore {
    /// Messages from client 1 to node 1, and others between them that nobody asks for.
    async fn with_messages(self, texts: &[&str]) -> (Self, Vec<i64>) {
        let store = self.with_acquainted_parties(2).await;
        let mut ids = Vec::new();
        for text in texts {
            ids.push(store.said(client(1), node(1), text).await);
            store.said(client(1), node(2), "beside it").await;
            store.said(node(1), client(1), "back").await;
        }
        (store, ids)
    }

    async fn logged_in(&self, party: PartyId, limit: Limit) -> LoggedIn {
        let number = u8::try_from(party.number()).unwrap();
        let found = self.log_in(party, token(number), limit, NOW).await.unwrap();
        found.expect("the token is live")
    }

    /// Logs in and notes what was handed over, as the instance does.
    async fn turned(&self, party: PartyId, limit: Limit) -> Page {
        let page = self.logged_in(party, limit).await.page;
        let ids = numbers(&page.rows);
        self.handed_over(party, ids, NOW).await.unwrap();
        page
    }
}

#[tokio::test]
async fn a_page_holds_what_was_asked_for_in_the_order_of_sending() {
    let (store, ids) = TestStore::open().with_messages(&["a", "b", "c", "d"]).await;
    for (after, messages, expected) in [
        (0, 10, &["a", "b", "c", "d"][..]),
        (0, 2, &["a", "b"]),
        (0, 0, &[]),
        (ids[0], 2, &["b", "c"]),
        (ids[2] + 1, 10, &["d"]),
        (ids[3], 10, &[]),
    ] {
        let page = store.page(node(1), after, at_most(messages)).await.unwrap();
        assert_eq!(contents(&page.rows), expected);
        assert_eq!((page.total, page.newest), (4, ids[3]));
        let pending = store
            .pending(node(1), after, at_most(messages))
            .await
            .unwrap();
        assert_eq!((pending.rows, pending.newest), (page.rows, ids[3]));
    }
}

#[tokio::test]
async fn a_page_has_at_least_one_message_however_long_it_is() {
    let long = "x".repeat(10_000);
    let (store, _) = TestStore::open()
        .with_messages(&[&long, "b", "c", &long, "e"])
        .await;
    let lengths = async |after: i64, bytes| {
        let limit = Limit {
            messages: 10,
            bytes,
        };
        let page = store.page(node(1), after, limit).await.unwrap();
        let lengths: Vec<_> = page.rows.iter().map(|row| row.content.len()).collect();
        (lengths, page.rows.last().map_or(0, |row| row.queue_id))
    };
    let (first, last) = lengths(0, 100).await;
    assert_eq!(first, [10_000]);
    let (second, _) = lengths(last, 1).await;
    assert_eq!(second, [1]);
    let (second, last) = lengths(last, 10_001).await;
    assert_eq!(second, [1, 1]);
    assert_eq!(lengths(last, 10_001).await.0, [10_000, 1]);
    assert_eq!(lengths(0, 0).await.0, [10_000]);
}

#[tokio::test]
async fn a_login_tells_who_it_is_and_shows_what_waits() {
    let (store, ids) = TestStore::open().with_messages(&["a", "b"]).await;
    let LoggedIn { party, page } = store.logged_in(node(1), ALL).await;
    assert_eq!(party.hash.as_deref(), Some(HASH));
    assert_eq!((party.approved, party.with), (true, LiveToken::Current));
    assert_eq!(page, store.waits(node(1)).await);
    assert_eq!(numbers(&page.rows), ids);

    for (party, number) in [(node(1), 2), (client(9), 1), (node(9), 1)] {
        let refused = store.log_in(party, token(number), ALL, NOW).await.unwrap();
        assert_eq!(refused, None);
    }
}

#[tokio::test]
async fn a_party_that_acknowledges_is_shown_the_oldest_every_time() {
    let (store, ids) = TestStore::open().with_messages(&["a", "b", "c", "d"]).await;
    store.turned(node(1), at_most(2)).await;
    store.removed(node(1), &[ids[3]]).await;
    for _ in 0..2 {
        let page = store.turned(node(1), at_most(2)).await;
        assert!(page.acknowledges);
        assert_eq!(contents(&page.rows), ["a", "b"]);
    }
}

#[tokio::test]
async fn a_party_that_never_acknowledges_is_shown_page_after_page_and_then_from_the_beginning() {
    let store = TestStore::open().with_parties(1).await;
    for text in ["a", "b", "c", "d", "e"] {
        store.said(client(1), node(1), text).await;
    }
    let mut store = store;
    for expected in [
        &["a", "b"][..],
        &["c", "d"],
        &["e"],
        &["a", "b"],
        &["c", "d"],
    ] {
        let page = store.turned(node(1), at_most(2)).await;
        assert_eq!(contents(&page.rows), expected);
        assert_eq!((page.total, page.acknowledges), (5, false));
        store = store.reopened().await;
    }
    // Until it was handed over, it is shown again; and what is new comes in its turn.
    assert_eq!(
        contents(&store.logged_in(node(1), at_most(2)).await.page.rows),
        ["e"]
    );
    store.said(client(1), node(1), "f").await;
    assert_eq!(
        contents(&store.turned(node(1), at_most(2)).await.rows),
        ["e", "f"]
    );
    // Somebody else's acknowledging does not make it acknowledge.
    store.removed(client(1), &[1]).await;
    assert_eq!(
        contents(&store.turned(node(1), at_most(2)).await.rows),
        ["a", "b"]
    );
}

#[tokio::test]
async fn a_message_that_was_pushed_in_vain_ten_times_is_parked() {
    let (store, ids) = TestStore::open().with_messages(&["a", "b", "c"]).await;
    for time in 1..=10 {
        let pending = store.pending(node(1), 0, ALL).await.unwrap();
        assert_eq!(numbers(&pending.rows), ids, "{time}");
        // The others' are not touched, and neither is what is not pushed.
        for party in [node(1), node(2), client(1)] {
            let pushed = vec![ids[0], 9999];
            store.unacknowledged(party, pushed, NOW).await.unwrap();
        }
    }
    let pending = store.pending(node(1), 0, ALL).await.unwrap();
    assert_eq!(
        (numbers(&pending.rows), pending.end),
        (ids[1..].to_vec(), true)
    );
    assert_eq!(numbers(&store.waits(node(1)).await.rows), ids);
    assert_eq!(store.waits(node(1)).await.total, 3);

    let parked = async |queue_id| {
        let message = nile_instance::store::MessageRef::QueueId(queue_id);
        store.status(client(1), message).await.unwrap().parked
    };
    assert!(parked(ids[0]).await);
    assert!(!parked(ids[1]).await);
    store.removed(node(1), &[ids[0]]).await;
    assert!(!parked(ids[0]).await);
}

#[tokio::test]
async fn what_may_be_pushed_tells_whether_that_is_all() {
    let (store, ids) = TestStore::open().with_messages(&["a", "b", "c"]).await;
    for _ in 0..10 {
        store
            .unacknowledged(node(1), vec![ids[2]], NOW)
            .await
            .unwrap();
    }
    for (messages, bytes, rows, end) in [
        (3, 10, 2, true),
        (2, 10, 2, true),
        (1, 10, 1, false),
        (0, 10, 0, false),
        (3, 1, 1, false),
    ] {
        let limit = Limit { messages, bytes };
        let pending = store.pending(node(1), 0, limit).await.unwrap();
        assert_eq!((pending.rows.len(), pending.end), (rows, end), "{limit:?}");
        assert_eq!(pending.newest, ids[2]);
    }
    let pending = store.pending(node(1), ids[1], at_most(0)).await.unwrap();
    assert!(pending.end, "a parked one is not left behind");
}

#[tokio::test]
async fn a_damaged_row_does_not_stop_what_comes_after_it() {
    let (store, ids) = TestStore::open().with_messages(&["a", "b", "c"]).await;
    let damage = "UPDATE message SET body = CAST(x'ff' AS TEXT) WHERE seq = ?1";
    store.side_door().execute(damage, [ids[1]]).unwrap();
    assert_eq!(contents(&store.waits(node(1)).await.rows), ["a", "c"]);
}
