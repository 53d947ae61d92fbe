//! Answering a message: its removal and the answer's arrival are one.

use nile_instance::store::{Full, MessageState, NewMessage, Options, QueueOptions, Sent};
use nile_protocol::party::PartyId;

use super::{client, contents, message, named, node};
use crate::store::{NOW, TestStore, token};

fn answer(from: PartyId, to: Option<PartyId>, queue_id: i64) -> NewMessage {
    NewMessage {
        from,
        to,
        answers: Some(queue_id),
        ..message(from, client(1), "answer")
    }
}

#[tokio::test]
async fn an_answer_goes_to_the_sender_of_its_request_and_removes_that() {
    let store = TestStore::open().with_acquainted_parties(2).await;
    for (shop, shopper, other) in [
        (node(1), client(1), client(2)),
        (client(1), node(2), node(1)),
    ] {
        for to in [None, Some(shopper), Some(other)] {
            let request = store.said(shopper, shop, "request").await;
            let sent = store.sent(answer(shop, to, request)).await;
            let Sent::Stored {
                to,
                answered: Some(answered),
                queue_id,
                ..
            } = sent
            else {
                panic!("{sent:?}");
            };
            assert_eq!(to, shopper);
            assert_eq!((answered.queue_id, answered.from), (request, shopper));
            assert_eq!((answered.to, answered.since), (shop, NOW));
            assert_eq!(answered.state, MessageState::Delivered);
            assert_eq!(store.waits(shop).await.total, 0);
            assert_eq!(contents(&store.waits(shopper).await.rows), ["answer"]);
            store.assert_totals();
            store.removed(shopper, &[queue_id]).await;
        }
        assert_eq!(store.waits(other).await.total, 0);
        assert!(store.waits(shop).await.acknowledges);
    }
}

#[tokio::test]
async fn an_answer_needs_a_request_that_waits_for_whoever_answers() {
    let store = TestStore::open().with_acquainted_parties(2).await;
    let for_another = store.said(client(1), node(2), "request").await;
    let of_its_own = store.said(node(1), client(1), "offer").await;
    let answered = store.said(client(1), node(1), "request").await;
    store.sent(answer(node(1), None, answered)).await;
    for queue_id in [for_another, of_its_own, answered, 9999, 0, -1] {
        let lost = store.sent(answer(node(1), None, queue_id)).await;
        assert_eq!(lost, Sent::NotPending, "{queue_id}");
        // With a recipient it is a message like any other.
        let sent = store.sent(answer(node(1), Some(client(2)), queue_id)).await;
        let Sent::Stored { to, answered, .. } = sent else {
            panic!("{sent:?}");
        };
        assert_eq!((to, answered), (client(2), None));
    }
    assert_eq!(contents(&store.waits(node(2)).await.rows), ["request"]);
    store.assert_totals();
}

#[tokio::test]
async fn an_answer_that_finds_no_room_removes_nothing() {
    let options = Options {
        queue: QueueOptions {
            pair: 1,
            ..QueueOptions::default()
        },
        ..Options::default()
    };
    let store = TestStore::with(&options).with_acquainted_parties(1).await;
    let request = store.said(client(1), node(1), "request").await;
    let offer = store.said(node(1), client(1), "offer").await;

    let full = store.sent(answer(node(1), None, request)).await;
    assert_eq!(full, Sent::QueueFull(Full::Pair));
    assert_eq!(contents(&store.waits(node(1)).await.rows), ["request"]);
    assert_eq!(contents(&store.waits(client(1)).await.rows), ["offer"]);

    store.removed(client(1), &[offer]).await;
    let sent = store.sent(answer(node(1), None, request)).await;
    assert!(
        matches!(
            sent,
            Sent::Stored {
                answered: Some(_),
                ..
            }
        ),
        "{sent:?}"
    );
    store.assert_totals();
}

#[tokio::test]
async fn an_answer_to_somebody_who_is_gone_removes_nothing() {
    let store = TestStore::open().with_parties(1).await;
    let request = store.said(client(1), node(1), "request").await;
    store.delete(client(1), token(1), NOW).await.unwrap();
    let refused = store.sent(answer(node(1), None, request)).await;
    assert_eq!(refused, Sent::UnknownRecipient);
    assert_eq!(contents(&store.waits(node(1)).await.rows), ["request"]);
}

#[tokio::test]
async fn an_answer_that_is_repeated_is_stored_once() {
    let store = TestStore::open().with_parties(1).await;
    let request = store.said(client(1), node(1), "request").await;
    let sent = || named(answer(node(1), None, request), "answer 1");
    let first = store.sent(sent()).await;
    assert!(
        matches!(
            first,
            Sent::Stored {
                answered: Some(_),
                ..
            }
        ),
        "{first:?}"
    );
    let again = store.sent(sent()).await;
    assert!(
        matches!(again, Sent::Repeated { to, .. } if to == client(1)),
        "{again:?}"
    );
    assert_eq!(store.waits(client(1)).await.total, 1);
}
