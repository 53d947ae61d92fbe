//! Clients and nodes alike: registering, proving who they are, changing, going.
//!
//! Each test is done for both kinds, in one store that has parties of the other kind with the same numbers and
//! other tokens.

use std::collections::HashSet;

use futures_util::future::join_all;
use nile_instance::{
    clock::Timestamp,
    store::{Authenticated, Change, Ended, LiveToken, NodeUpdate, Proven, Submission},
};
use nile_protocol::party::{MAX_INTEGER, PartyId, PartyKind};

use super::{HASH, NOW, TestStore, information, token};

const DAY: i64 = 24 * 60 * 60 * 1000;
const MADE: Change = Change::Done {
    confirmed: false,
    outcome: (),
};
const CONFIRMED: Change = Change::Done {
    confirmed: true,
    outcome: (),
};
const DELETED: Proven<Vec<Ended>> = Proven::Done {
    confirmed: false,
    outcome: Vec::new(),
};
const KINDS: [PartyKind; 2] = [PartyKind::Client, PartyKind::Node];

impl TestStore {
    /// A store with a few parties of the other kind than `kind`, whose tokens no test presents.
    async fn beside(kind: PartyKind) -> Self {
        let store = Self::open();
        let other = match kind {
            PartyKind::Client => PartyKind::Node,
            PartyKind::Node => PartyKind::Client,
        };
        for number in 200..210 {
            store.registered(other, number, "a neighbour").await;
        }
        store
    }

    async fn registered(&self, kind: PartyKind, number: u8, name: &str) -> PartyId {
        self.register_of(kind, token(number), information(name))
            .await
    }

    fn update(&self, party: PartyId, number: u8, name: &str, now: Timestamp) -> Submission<Change> {
        let (token, information) = (token(number), information(name));
        match party {
            PartyId::Client(id) => self.update_client(id, token, information, now),
            PartyId::Node(id) => {
                let update = NodeUpdate {
                    hash: None,
                    information: Some(information),
                };
                self.update_node(id, token, update, now)
            }
        }
    }

    async fn confirmed(&self, id: PartyId, number: u8, now: Timestamp) -> Change {
        self.confirm_token(id, token(number), now).await.unwrap()
    }

    /// Which live token of `id` the one with this number is.
    async fn live(&self, id: PartyId, number: u8) -> Option<LiveToken> {
        let party = self.authenticate(id, token(number), NOW).await.unwrap();
        party.map(|party| party.with)
    }

    async fn name(&self, id: PartyId, number: u8) -> Box<str> {
        self.authenticate(id, token(number), NOW)
            .await
            .unwrap()
            .unwrap()
            .information
    }
}

#[tokio::test]
async fn a_registered_party_is_known_by_its_token_and_by_no_other() {
    for kind in KINDS {
        let store = TestStore::beside(kind).await;
        let apples = store.registered(kind, 1, "apples").await;
        let pears = store.registered(kind, 2, "pears").await;

        let expected = Authenticated {
            hash: (kind == PartyKind::Node).then(|| HASH.into()),
            information: information("apples"),
            approved: true,
            with: LiveToken::Current,
        };
        assert_eq!(
            store.authenticate(apples, token(1), NOW).await.unwrap(),
            Some(expected)
        );
        assert_eq!(store.live(apples, 2).await, None);
        assert_eq!(store.live(pears, 1).await, None);
        assert_eq!(store.live(kind.party(99), 1).await, None);
        assert_eq!(store.live(kind.party(-1), 1).await, None);
    }
}

/// Where there is no such party another's row is read, for the time that this takes.
#[tokio::test]
async fn a_party_that_does_not_exist_has_nobodys_token() {
    for kind in KINDS {
        let store = TestStore::beside(kind).await;
        for number in [1, 2, 3] {
            store.registered(kind, number, "Ada").await;
        }
        assert_eq!(
            store.delete(kind.party(2), token(2), NOW).await.unwrap(),
            DELETED
        );
        for nobody in [i64::MIN, 0, 2, 4, 1000, MAX_INTEGER, i64::MAX] {
            for number in [1, 2, 3] {
                let party = kind.party(nobody);
                assert_eq!(store.live(party, number).await, None, "{party:?}");
                let changed = store.update(party, number, "Eve", NOW).await;
                assert_eq!(changed.unwrap(), Change::InvalidToken, "{party:?}");
            }
        }
        for number in [1, 3] {
            let party = kind.party(number.into());
            assert_eq!(store.name(party, number).await, information("Ada"));
        }
    }
}

#[tokio::test]
async fn information_is_kept_byte_for_byte() {
    for kind in KINDS {
        let store = TestStore::beside(kind).await;
        let raw: Box<str> = "{\"name\" :\"Zoë\\u0001\", \"n\":1.50,\t\"name\":\"ü\"}".into();
        let id = store.register_of(kind, token(1), raw.clone()).await;
        assert_eq!(store.name(id, 1).await, raw);
    }
}

#[tokio::test]
async fn a_thousand_concurrent_registrations_get_a_thousand_numbers() {
    for kind in KINDS {
        let store = TestStore::beside(kind).await;
        let registrations = (0..1000).map(|_| store.registered(kind, 1, "apples"));
        let mut ids = HashSet::new();
        for party in join_all(registrations).await {
            let id = party.number();
            assert!(id > 0 && ids.insert(id), "{id}");
        }
    }
}

#[tokio::test]
async fn an_update_replaces_the_information_and_only_with_the_token() {
    for kind in KINDS {
        let store = TestStore::beside(kind).await;
        let id = store.registered(kind, 1, "apples").await;

        let refused = store.update(id, 2, "stones", NOW).await.unwrap();
        assert_eq!(refused, Change::InvalidToken);
        assert_eq!(store.name(id, 1).await, information("apples"));

        let made = store.update(id, 1, "pears", NOW).await.unwrap();
        assert_eq!(made, MADE);
        assert_eq!(store.name(id, 1).await, information("pears"));

        let unknown = store.update(kind.party(99), 1, "x", NOW).await.unwrap();
        assert_eq!(unknown, Change::InvalidToken);
    }
}

#[tokio::test]
async fn a_deleted_party_is_gone_and_its_neighbour_is_not() {
    for kind in KINDS {
        let store = TestStore::beside(kind).await;
        let apples = store.registered(kind, 1, "apples").await;
        let pears = store.registered(kind, 1, "pears").await;

        let refused = store.delete(apples, token(2), NOW).await.unwrap();
        assert_eq!(refused, Proven::InvalidToken);
        assert_eq!(store.live(apples, 1).await, Some(LiveToken::Current));

        let deleted = store.delete(apples, token(1), NOW).await.unwrap();
        assert_eq!(deleted, DELETED);
        assert_eq!(store.live(apples, 1).await, None);
        let again = store.delete(apples, token(1), NOW).await.unwrap();
        assert_eq!(again, Proven::InvalidToken);
        assert_eq!(store.live(pears, 1).await, Some(LiveToken::Current));
    }
}

#[tokio::test]
async fn the_number_of_a_deleted_party_is_never_given_out_again() {
    for kind in KINDS {
        let store = TestStore::beside(kind).await;
        store.registered(kind, 1, "apples").await;
        let last = store.registered(kind, 2, "pears").await;
        store.delete(last, token(2), NOW).await.unwrap();

        assert!(store.registered(kind, 3, "plums").await.number() > last.number());
        let last = store.registered(kind, 4, "figs").await;
        store.delete(last, token(4), NOW).await.unwrap();

        let store = store.reopened().await;
        assert!(store.registered(kind, 5, "dates").await.number() > last.number());
    }
}

#[tokio::test]
async fn a_reopened_store_has_everything() {
    for kind in KINDS {
        let store = TestStore::beside(kind).await;
        let apples = store.registered(kind, 1, "apples").await;
        let pears = store.registered(kind, 2, "pears").await;
        let plums = store.registered(kind, 3, "plums").await;
        store.update(apples, 1, "red apples", NOW).await.unwrap();
        store.delete(pears, token(2), NOW).await.unwrap();
        store
            .rotate_token(plums, token(3), token(4), NOW)
            .await
            .unwrap();

        let store = store.reopened().await;
        assert_eq!(store.name(apples, 1).await, information("red apples"));
        assert_eq!(store.live(pears, 2).await, None);
        assert_eq!(store.live(plums, 3).await, Some(LiveToken::Current));
        assert_eq!(store.live(plums, 4).await, Some(LiveToken::Next));
    }
}

#[tokio::test]
async fn both_tokens_of_a_rotation_live_until_the_new_one_is_confirmed() {
    for kind in KINDS {
        let store = TestStore::beside(kind).await;
        let id = store.registered(kind, 1, "apples").await;
        assert_eq!(
            store
                .rotate_token(id, token(1), token(2), NOW)
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
}

#[tokio::test]
async fn an_update_with_the_new_token_confirms_it() {
    for kind in KINDS {
        let store = TestStore::beside(kind).await;
        let id = store.registered(kind, 1, "apples").await;
        store
            .rotate_token(id, token(1), token(2), NOW)
            .await
            .unwrap();

        let old = store.update(id, 1, "pears", NOW).await.unwrap();
        assert_eq!(old, MADE);
        assert_eq!(store.live(id, 2).await, Some(LiveToken::Next));

        let new = store.update(id, 2, "plums", NOW).await.unwrap();
        assert_eq!(new, CONFIRMED);
        assert_eq!(store.live(id, 1).await, None);
        assert_eq!(store.name(id, 2).await, information("plums"));
    }
}

#[tokio::test]
async fn a_rotation_with_the_new_token_confirms_it() {
    for kind in KINDS {
        let store = TestStore::beside(kind).await;
        let id = store.registered(kind, 1, "apples").await;
        store
            .rotate_token(id, token(1), token(2), NOW)
            .await
            .unwrap();

        assert_eq!(
            store
                .rotate_token(id, token(2), token(3), NOW)
                .await
                .unwrap(),
            CONFIRMED
        );
        assert_eq!(store.live(id, 1).await, None);
        assert_eq!(store.live(id, 2).await, Some(LiveToken::Current));
        assert_eq!(store.live(id, 3).await, Some(LiveToken::Next));
    }
}

#[tokio::test]
async fn a_second_rotation_replaces_a_token_that_was_never_used() {
    for kind in KINDS {
        let store = TestStore::beside(kind).await;
        let id = store.registered(kind, 1, "apples").await;
        store
            .rotate_token(id, token(1), token(2), NOW)
            .await
            .unwrap();
        assert_eq!(
            store
                .rotate_token(id, token(1), token(3), NOW)
                .await
                .unwrap(),
            MADE
        );

        assert_eq!(store.live(id, 1).await, Some(LiveToken::Current));
        assert_eq!(store.live(id, 2).await, None);
        assert_eq!(store.confirmed(id, 2, NOW).await, Change::InvalidToken);
        assert_eq!(store.live(id, 3).await, Some(LiveToken::Next));
    }
}

#[tokio::test]
async fn a_rotation_needs_a_live_token() {
    for kind in KINDS {
        let store = TestStore::beside(kind).await;
        let id = store.registered(kind, 1, "apples").await;
        let refused = store
            .rotate_token(id, token(2), token(3), NOW)
            .await
            .unwrap();
        assert_eq!(refused, Change::InvalidToken);
        assert_eq!(store.live(id, 3).await, None);
    }
}

#[tokio::test]
async fn a_party_can_be_deleted_with_either_token() {
    for kind in KINDS {
        let store = TestStore::beside(kind).await;
        for presented in [1, 2] {
            let id = store.registered(kind, 1, "apples").await;
            store
                .rotate_token(id, token(1), token(2), NOW)
                .await
                .unwrap();
            let deleted = store.delete(id, token(presented), NOW).await.unwrap();
            assert_ne!(deleted, Proven::InvalidToken);
            assert_eq!(store.live(id, 1).await, None);
            assert_eq!(store.live(id, 2).await, None);
        }
    }
}

#[tokio::test]
async fn a_new_token_that_is_not_used_for_a_day_is_discarded() {
    for kind in KINDS {
        let store = TestStore::beside(kind).await;
        let id = store.registered(kind, 1, "apples").await;
        store
            .rotate_token(id, token(1), token(2), NOW)
            .await
            .unwrap();

        let now = Timestamp(NOW.0 + DAY - 1);
        let party = store.authenticate(id, token(2), now).await.unwrap();
        assert_eq!(party.map(|party| party.with), Some(LiveToken::Next));

        let now = Timestamp(NOW.0 + DAY);
        assert_eq!(store.authenticate(id, token(2), now).await.unwrap(), None);
        assert_eq!(store.confirmed(id, 2, now).await, Change::InvalidToken);
        for refused in [
            store.update(id, 2, "stones", now),
            store.rotate_token(id, token(2), token(3), now),
        ] {
            assert_eq!(refused.await.unwrap(), Change::InvalidToken);
        }
        let refused = store.delete(id, token(2), now).await.unwrap();
        assert_eq!(refused, Proven::InvalidToken);

        let party = store.authenticate(id, token(1), now).await.unwrap();
        assert_eq!(party.map(|party| party.with), Some(LiveToken::Current));
        assert_eq!(
            store
                .rotate_token(id, token(1), token(4), now)
                .await
                .unwrap(),
            MADE
        );
    }
}
