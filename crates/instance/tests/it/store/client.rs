//! Clients: registering, proving who they are, changing, going.

use std::collections::HashSet;

use nile_instance::{
    clock::Timestamp,
    store::{Authenticated, Change, LiveToken},
};
use nile_protocol::party::ClientId;

use super::{NOW, TestStore, information, token};

const DAY: i64 = 24 * 60 * 60 * 1000;
const MADE: Change = Change::Made { confirmed: false };
const CONFIRMED: Change = Change::Made { confirmed: true };

impl TestStore {
    async fn registered(&self, number: u8, name: &str) -> ClientId {
        self.register_client(token(number), information(name), NOW)
            .await
            .unwrap()
    }

    async fn confirmed(&self, id: ClientId, number: u8, now: Timestamp) -> Change {
        self.confirm_client_token(id, token(number), now)
            .await
            .unwrap()
    }

    /// Which live token of `id` the one with this number is.
    async fn live(&self, id: ClientId, number: u8) -> Option<LiveToken> {
        let client = self
            .authenticate_client(id, token(number), NOW)
            .await
            .unwrap();
        client.map(|client| client.with)
    }

    async fn name(&self, id: ClientId, number: u8) -> Box<str> {
        self.authenticate_client(id, token(number), NOW)
            .await
            .unwrap()
            .unwrap()
            .information
    }
}

#[tokio::test]
async fn a_registered_client_is_known_by_its_token_and_by_no_other() {
    let store = TestStore::open();
    let apples = store.registered(1, "apples").await;
    let pears = store.registered(2, "pears").await;

    let expected = Authenticated {
        information: information("apples"),
        with: LiveToken::Current,
    };
    assert_eq!(
        store
            .authenticate_client(apples, token(1), NOW)
            .await
            .unwrap(),
        Some(expected)
    );
    assert_eq!(store.live(apples, 2).await, None);
    assert_eq!(store.live(pears, 1).await, None);
    assert_eq!(store.live(ClientId(99), 1).await, None);
    assert_eq!(store.live(ClientId(-1), 1).await, None);
}

#[tokio::test]
async fn information_is_kept_byte_for_byte() {
    let store = TestStore::open();
    let raw: Box<str> = "{\"name\" :\"Zoë\\u0001\", \"n\":1.50,\t\"name\":\"ü\"}".into();
    let id = store
        .register_client(token(1), raw.clone(), NOW)
        .await
        .unwrap();
    assert_eq!(store.name(id, 1).await, raw);
}

#[tokio::test]
async fn a_thousand_concurrent_registrations_get_a_thousand_numbers() {
    let store = TestStore::open();
    let submissions: Vec<_> = (0..1000)
        .map(|_| store.register_client(token(1), information("apples"), NOW))
        .collect();
    let mut ids = HashSet::new();
    for submission in submissions {
        let ClientId(id) = submission.await.unwrap();
        assert!(id > 0 && ids.insert(id), "{id}");
    }
}

#[tokio::test]
async fn an_update_replaces_the_information_and_only_with_the_token() {
    let store = TestStore::open();
    let id = store.registered(1, "apples").await;

    let refused = store
        .update_client(id, token(2), information("stones"), NOW)
        .await
        .unwrap();
    assert_eq!(refused, Change::InvalidToken);
    assert_eq!(store.name(id, 1).await, information("apples"));

    let made = store
        .update_client(id, token(1), information("pears"), NOW)
        .await
        .unwrap();
    assert_eq!(made, MADE);
    assert_eq!(store.name(id, 1).await, information("pears"));

    let unknown = store
        .update_client(ClientId(99), token(1), information("x"), NOW)
        .await
        .unwrap();
    assert_eq!(unknown, Change::InvalidToken);
}

#[tokio::test]
async fn a_deleted_client_is_gone_and_its_neighbour_is_not() {
    let store = TestStore::open();
    let apples = store.registered(1, "apples").await;
    let pears = store.registered(1, "pears").await;

    assert_eq!(
        store.delete_client(apples, token(2), NOW).await.unwrap(),
        Change::InvalidToken
    );
    assert_eq!(store.live(apples, 1).await, Some(LiveToken::Current));

    assert_eq!(
        store.delete_client(apples, token(1), NOW).await.unwrap(),
        MADE
    );
    assert_eq!(store.live(apples, 1).await, None);
    assert_eq!(
        store.delete_client(apples, token(1), NOW).await.unwrap(),
        Change::InvalidToken
    );
    assert_eq!(store.live(pears, 1).await, Some(LiveToken::Current));
}

#[tokio::test]
async fn the_number_of_a_deleted_client_is_never_given_out_again() {
    let store = TestStore::open();
    store.registered(1, "apples").await;
    let last = store.registered(2, "pears").await;
    store.delete_client(last, token(2), NOW).await.unwrap();

    assert!(store.registered(3, "plums").await.0 > last.0);
    let last = store.registered(4, "figs").await;
    store.delete_client(last, token(4), NOW).await.unwrap();

    let store = store.reopened().await;
    assert!(store.registered(5, "dates").await.0 > last.0);
}

#[tokio::test]
async fn a_reopened_store_has_everything() {
    let store = TestStore::open();
    let apples = store.registered(1, "apples").await;
    let pears = store.registered(2, "pears").await;
    let plums = store.registered(3, "plums").await;
    store
        .update_client(apples, token(1), information("red apples"), NOW)
        .await
        .unwrap();
    store.delete_client(pears, token(2), NOW).await.unwrap();
    store
        .rotate_client_token(plums, token(3), token(4), NOW)
        .await
        .unwrap();

    let store = store.reopened().await;
    assert_eq!(store.name(apples, 1).await, information("red apples"));
    assert_eq!(store.live(pears, 2).await, None);
    assert_eq!(store.live(plums, 3).await, Some(LiveToken::Current));
    assert_eq!(store.live(plums, 4).await, Some(LiveToken::Next));
}

#[tokio::test]
async fn both_tokens_of_a_rotation_live_until_the_new_one_is_confirmed() {
    let store = TestStore::open();
    let id = store.registered(1, "apples").await;
    assert_eq!(
        store
            .rotate_client_token(id, token(1), token(2), NOW)
            .await
            .unwrap(),
        MADE
    );
    assert_eq!(store.live(id, 1).await, Some(LiveToken::Current));
    assert_eq!(store.live(id, 2).await, Some(LiveToken::Next));

    // The old one is live, and using it ends nothing.
    assert_eq!(store.confirmed(id, 1, NOW).await, MADE);
    assert_eq!(store.live(id, 2).await, Some(LiveToken::Next));

    assert_eq!(store.confirmed(id, 2, NOW).await, CONFIRMED);
    assert_eq!(store.live(id, 1).await, None);
    assert_eq!(store.live(id, 2).await, Some(LiveToken::Current));

    assert_eq!(store.confirmed(id, 2, NOW).await, MADE, "again is no harm");
    assert_eq!(store.confirmed(id, 1, NOW).await, Change::InvalidToken);
    assert_eq!(store.live(id, 2).await, Some(LiveToken::Current));
}

#[tokio::test]
async fn an_update_with_the_new_token_confirms_it() {
    let store = TestStore::open();
    let id = store.registered(1, "apples").await;
    store
        .rotate_client_token(id, token(1), token(2), NOW)
        .await
        .unwrap();

    let old = store
        .update_client(id, token(1), information("pears"), NOW)
        .await
        .unwrap();
    assert_eq!(old, MADE);
    assert_eq!(store.live(id, 2).await, Some(LiveToken::Next));

    let new = store
        .update_client(id, token(2), information("plums"), NOW)
        .await
        .unwrap();
    assert_eq!(new, CONFIRMED);
    assert_eq!(store.live(id, 1).await, None);
    assert_eq!(store.name(id, 2).await, information("plums"));
}

#[tokio::test]
async fn a_rotation_with_the_new_token_confirms_it() {
    let store = TestStore::open();
    let id = store.registered(1, "apples").await;
    store
        .rotate_client_token(id, token(1), token(2), NOW)
        .await
        .unwrap();

    assert_eq!(
        store
            .rotate_client_token(id, token(2), token(3), NOW)
            .await
            .unwrap(),
        CONFIRMED
    );
    assert_eq!(store.live(id, 1).await, None);
    assert_eq!(store.live(id, 2).await, Some(LiveToken::Current));
    assert_eq!(store.live(id, 3).await, Some(LiveToken::Next));
}

#[tokio::test]
async fn a_second_rotation_replaces_a_token_that_was_never_used() {
    let store = TestStore::open();
    let id = store.registered(1, "apples").await;
    store
        .rotate_client_token(id, token(1), token(2), NOW)
        .await
        .unwrap();
    assert_eq!(
        store
            .rotate_client_token(id, token(1), token(3), NOW)
            .await
            .unwrap(),
        MADE
    );

    assert_eq!(store.live(id, 1).await, Some(LiveToken::Current));
    assert_eq!(store.live(id, 2).await, None);
    assert_eq!(store.confirmed(id, 2, NOW).await, Change::InvalidToken);
    assert_eq!(store.live(id, 3).await, Some(LiveToken::Next));
}

#[tokio::test]
async fn a_rotation_needs_a_live_token() {
    let store = TestStore::open();
    let id = store.registered(1, "apples").await;
    let refused = store
        .rotate_client_token(id, token(2), token(3), NOW)
        .await
        .unwrap();
    assert_eq!(refused, Change::InvalidToken);
    assert_eq!(store.live(id, 3).await, None);
}

#[tokio::test]
async fn a_client_can_be_deleted_with_either_token() {
    let store = TestStore::open();
    for presented in [1, 2] {
        let id = store.registered(1, "apples").await;
        store
            .rotate_client_token(id, token(1), token(2), NOW)
            .await
            .unwrap();
        let deleted = store
            .delete_client(id, token(presented), NOW)
            .await
            .unwrap();
        assert_ne!(deleted, Change::InvalidToken);
        assert_eq!(store.live(id, 1).await, None);
        assert_eq!(store.live(id, 2).await, None);
    }
}

#[tokio::test]
async fn a_new_token_that_is_not_used_for_a_day_is_discarded() {
    let store = TestStore::open();
    let id = store.registered(1, "apples").await;
    store
        .rotate_client_token(id, token(1), token(2), NOW)
        .await
        .unwrap();

    let now = Timestamp(NOW.0 + DAY - 1);
    let client = store.authenticate_client(id, token(2), now).await.unwrap();
    assert_eq!(client.map(|client| client.with), Some(LiveToken::Next));

    let now = Timestamp(NOW.0 + DAY);
    assert_eq!(
        store.authenticate_client(id, token(2), now).await.unwrap(),
        None
    );
    assert_eq!(store.confirmed(id, 2, now).await, Change::InvalidToken);
    for refused in [
        store.update_client(id, token(2), information("stones"), now),
        store.rotate_client_token(id, token(2), token(3), now),
        store.delete_client(id, token(2), now),
    ] {
        assert_eq!(refused.await.unwrap(), Change::InvalidToken);
    }

    let client = store.authenticate_client(id, token(1), now).await.unwrap();
    assert_eq!(client.map(|client| client.with), Some(LiveToken::Current));
    assert_eq!(
        store
            .rotate_client_token(id, token(1), token(4), now)
            .await
            .unwrap(),
        MADE
    );
}
