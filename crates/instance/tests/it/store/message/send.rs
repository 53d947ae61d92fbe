//! Accepting messages: who may write to whom, names, tokens.

use nile_instance::store::{Authority, MessageState, NewMessage, NewNode, Protocol, Proven, Sent};
use nile_protocol::party::{NodeId, PartyId};

use super::{ALL, client, contents, done, message, named, node};
use crate::store::{HASH, NOW, TestStore, information, token};

#[tokio::test]
async fn a_message_waits_for_its_recipient_as_it_was_sent() {
    let store = TestStore::open().with_acquainted_parties(2).await;
    for (from, to) in [(client(1), node(2)), (node(2), client(1))] {
        let raw = "{\"a\" :\"Zoë\\u0001\", \"n\":1.50,\t\"a\":null}";
        let queue_id = store.said(from, to, raw).await;
        let page = store.waits(to).await;
        assert_eq!(page.rows.len(), 1);
        let row = &page.rows[0];
        assert_eq!((row.queue_id, row.from), (queue_id, from));
        assert_eq!((&*row.content, row.queued_at), (raw, NOW));
        assert_eq!((page.total, page.newest), (1, queue_id));
        let state = store.state(from, queue_id).await;
        assert_eq!(state, Some(MessageState::Stored));
    }
}

#[tokio::test]
async fn a_client_and_a_node_of_one_number_have_two_queues() {
    let store = TestStore::open().with_acquainted_parties(3).await;
    store.said(client(1), node(2), "for the node").await;
    store.said(node(1), client(2), "for the client").await;

    assert_eq!(contents(&store.waits(node(2)).await.rows), ["for the node"]);
    assert_eq!(
        contents(&store.waits(client(2)).await.rows),
        ["for the client"]
    );
    for other in [client(1), node(1), client(3), node(3)] {
        assert_eq!(store.waits(other).await.rows, []);
        assert_eq!(store.waits(other).await.total, 0);
    }
}

#[tokio::test]
async fn every_message_tells_the_one_before_it() {
    let store = TestStore::open().with_parties(3).await;
    let mut last = 0;
    for from in [1, 2, 1, 3] {
        let sent = store.sent(message(client(from), node(1), "order")).await;
        let Sent::Stored {
            queue_id,
            previous,
            to,
            answered,
        } = sent
        else {
            panic!("{sent:?}");
        };
        assert_eq!((previous, to, answered), (last, node(1), None));
        assert!(queue_id > last);
        last = queue_id;
        store.said(client(from), node(2), "beside it").await;
        // It is the newest even when it is gone.
        store.removed(node(1), &[queue_id]).await;
        assert_eq!(store.waits(node(1)).await.newest, last);
    }
}

#[tokio::test]
async fn a_node_writes_only_to_clients_that_have_written_to_it() {
    let store = TestStore::open().with_parties(2).await;
    store.said(client(1), node(1), "hello").await;

    let written = store.sent(message(node(1), client(1), "good day")).await;
    assert!(matches!(written, Sent::Stored { .. }), "{written:?}");
    // One that has not, one that has written to another, and one that does not exist.
    for (from, to) in [
        (node(1), client(2)),
        (node(2), client(1)),
        (node(1), client(99)),
    ] {
        let refused = store.sent(message(from, to, "good day")).await;
        assert_eq!(refused, Sent::UnknownRecipient, "{from} to {to}");
    }
    assert_eq!(store.waits(client(2)).await.total, 0);
    store.assert_totals();
}

#[tokio::test]
async fn a_message_from_a_node_does_not_count_as_written_by_the_client() {
    let store = TestStore::open().with_parties(1).await;
    let refused = store.sent(message(node(1), client(1), "good day")).await;
    assert_eq!(refused, Sent::UnknownRecipient);
    let again = store.sent(message(node(1), client(1), "good day")).await;
    assert_eq!(again, Sent::UnknownRecipient);
}

#[tokio::test]
async fn a_client_writes_only_to_nodes_that_take_part() {
    let store = TestStore::open().with_parties(1).await;
    let unapproved = NewNode {
        hash: HASH.into(),
        information: information("stones"),
        protocol: Protocol::WebSocket,
        approved: false,
        delivery: None,
    };
    let NodeId(unapproved) = store
        .register_node(token(9), unapproved, NOW)
        .await
        .unwrap();
    for to in [unapproved, 99, 0, -1] {
        let refused = store.sent(message(client(1), node(to), "order")).await;
        assert_eq!(refused, Sent::UnknownRecipient, "{to}");
    }
    // The two kinds only write to each other.
    for (from, to) in [(client(1), client(1)), (node(1), node(1))] {
        let refused = store.sent(message(from, to, "order")).await;
        assert_eq!(refused, Sent::UnknownRecipient);
    }
    let lost = NewMessage {
        to: None,
        ..message(client(1), node(1), "order")
    };
    assert_eq!(store.sent(lost).await, Sent::NotPending);
}

#[tokio::test]
async fn a_deleted_party_cannot_be_written_to() {
    let store = TestStore::open().with_acquainted_parties(1).await;
    for (from, to) in [(node(1), client(1)), (client(1), node(1))] {
        store.delete(to, token(1), NOW).await.unwrap();
        let refused = store.sent(message(from, to, "hello")).await;
        assert_eq!(refused, Sent::UnknownRecipient);
    }
}

#[tokio::test]
async fn a_name_is_stored_once_per_sender_and_remembered_after_a_restart() {
    let mut store = TestStore::open().with_acquainted_parties(2).await;
    for (from, to) in [(client(1), node(2)), (node(2), client(1))] {
        let order = || named(message(from, to, "apples"), "order 1");
        let Sent::Stored { queue_id, .. } = store.sent(order()).await else {
            panic!("it was not stored");
        };
        let repeated = |state| Sent::Repeated {
            queue_id,
            to,
            state,
        };
        assert_eq!(store.sent(order()).await, repeated(MessageState::Stored));
        assert_eq!(store.waits(to).await.total, 1);

        store.removed(to, &[queue_id]).await;
        assert_eq!(store.sent(order()).await, repeated(MessageState::Delivered));
        store = store.reopened().await;
        assert_eq!(store.sent(order()).await, repeated(MessageState::Delivered));
        assert_eq!(store.waits(to).await.total, 0);
    }
    // Another sender's names are its own, also one of the same number.
    for (from, to) in [(client(2), node(2)), (node(1), client(1))] {
        let other = store
            .sent(named(message(from, to, "pears"), "order 1"))
            .await;
        assert!(matches!(other, Sent::Stored { .. }), "{other:?}");
    }
}

#[tokio::test]
async fn a_name_with_anything_else_behind_it_is_a_conflict() {
    let store = TestStore::open().with_parties(2).await;
    let order = named(message(client(1), node(1), "apples"), "order 1");
    store.sent(order.clone()).await;
    for other in [
        NewMessage {
            content: "pears".into(),
            ..order.clone()
        },
        NewMessage {
            to: Some(node(2)),
            ..order.clone()
        },
        NewMessage {
            to: None,
            ..order.clone()
        },
        NewMessage {
            answers: Some(1),
            ..order.clone()
        },
        NewMessage {
            answers: Some(0),
            ..order.clone()
        },
    ] {
        assert_eq!(
            store.sent(other.clone()).await,
            Sent::IdConflict,
            "{other:?}"
        );
    }
    assert_eq!(store.waits(node(1)).await.total, 1);
    assert_eq!(store.waits(node(2)).await.total, 0);
}

#[tokio::test]
async fn a_refused_message_does_not_use_its_name() {
    let store = TestStore::open().with_parties(1).await;
    let refused = store
        .sent(named(message(client(1), node(9), "apples"), "order 1"))
        .await;
    assert_eq!(refused, Sent::UnknownRecipient);
    let stored = store
        .sent(named(message(client(1), node(1), "apples"), "order 1"))
        .await;
    assert!(matches!(stored, Sent::Stored { .. }), "{stored:?}");
}

#[tokio::test]
async fn whoever_has_no_session_needs_a_live_token_for_everything() {
    let store = TestStore::open().with_acquainted_parties(2).await;
    for (from, to) in [(client(1), node(1)), (node(1), client(1))] {
        let queue_id = store.said(from, to, "hello").await;
        let wrong = Authority::Token(token(2));
        let refused = NewMessage {
            authority: wrong,
            ..message(from, to, "order")
        };
        let refused = store.send(refused, NOW).await.unwrap();
        assert_eq!(refused, Proven::InvalidToken);
        let refused = store.withdraw(from, wrong, queue_id, NOW).await.unwrap();
        assert_eq!(refused, Proven::InvalidToken);
        let name = nile_instance::store::MessageRef::QueueId(queue_id);
        let refused = store.message_status(from, wrong, name, NOW).await.unwrap();
        assert_eq!(refused, Proven::InvalidToken);
        let refused = store
            .process(to, wrong, vec![queue_id], ALL, NOW)
            .await
            .unwrap();
        assert_eq!(refused, Proven::InvalidToken);
        assert_eq!(store.waits(to).await.total, 1);
    }
}

#[tokio::test]
async fn a_new_token_is_confirmed_whatever_the_outcome_is() {
    async fn rotate(store: &TestStore, party: PartyId, (old, new): (u8, u8)) -> Authority {
        let rotated = store.rotate_token(party, token(old), token(new), NOW).await;
        assert!(matches!(rotated.unwrap(), Proven::Done { .. }));
        Authority::Token(token(new))
    }
    let store = TestStore::open().with_parties(1).await;
    let from = client(1);

    let authority = rotate(&store, from, (1, 2)).await;
    let lost = NewMessage {
        authority,
        ..message(from, node(9), "order")
    };
    let refused = Proven::Done {
        confirmed: true,
        outcome: Sent::UnknownRecipient,
    };
    assert_eq!(store.send(lost, NOW).await.unwrap(), refused);
    let old = store.authenticate(from, token(1), NOW).await.unwrap();
    assert_eq!(old, None);

    let authority = rotate(&store, from, (2, 3)).await;
    let processed = store
        .process(from, authority, vec![], ALL, NOW)
        .await
        .unwrap();
    assert!(matches!(
        processed,
        Proven::Done {
            confirmed: true,
            ..
        }
    ));
    // The next time it is a token like any other.
    let processed = store
        .process(from, authority, vec![], ALL, NOW)
        .await
        .unwrap();
    done(processed);

    let authority = rotate(&store, from, (3, 4)).await;
    let withdrawn = store.withdraw(from, authority, 1, NOW).await.unwrap();
    assert!(matches!(
        withdrawn,
        Proven::Done {
            confirmed: true,
            ..
        }
    ));
    let old = store.authenticate(from, token(3), NOW).await.unwrap();
    assert_eq!(old, None);
}
