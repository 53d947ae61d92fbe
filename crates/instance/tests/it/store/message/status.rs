//! What a sender is told of its messages, and taking them back.

use nile_instance::store::{Authority, MessageRef, MessageState, Status, Withdrawal};
use nile_protocol::party::PartyId;

use super::{client, done, later, message, named, node};
use crate::store::{NOW, TestStore};

impl TestStore {
    async fn withdrawn(&self, from: PartyId, queue_id: i64) -> Withdrawal {
        let withdrawn = self.withdraw(from, Authority::Session, queue_id, NOW);
        done(withdrawn.await.unwrap())
    }
}

#[tokio::test]
async fn a_sender_finds_its_message_by_its_number_and_by_its_name() {
    let store = TestStore::open().with_acquainted_parties(2).await;
    for (from, to) in [(client(1), node(2)), (node(2), client(1))] {
        let name = format!("the order of {from}");
        let sent = store.sent(named(message(from, to, "order"), &name)).await;
        let queue_id = store.waits(to).await.rows[0].queue_id;
        let by_number = MessageRef::QueueId(queue_id);
        let by_name = MessageRef::Id(name.as_str().into());
        let expected = Status {
            queue_id,
            id: Some(name.as_str().into()),
            state: MessageState::Stored,
            since: NOW,
            parked: false,
        };
        for message in [&by_number, &by_name] {
            let status = store.status(from, message.clone()).await;
            assert_eq!(status.as_ref(), Some(&expected), "{sent:?}");
            // Not even its recipient, and nobody of the sender's number.
            for other in [to, client(2), node(1)] {
                assert_eq!(store.status(other, message.clone()).await, None);
            }
        }
        let now = later(std::time::Duration::from_secs(5));
        store.acknowledge(to, vec![queue_id], now).await.unwrap();
        let delivered = Status {
            state: MessageState::Delivered,
            since: now,
            ..expected
        };
        assert_eq!(store.status(from, by_name).await, Some(delivered));
        assert_eq!(
            store.status(from, MessageRef::Id("order 2".into())).await,
            None
        );
        assert_eq!(store.status(from, MessageRef::QueueId(9999)).await, None);
    }
}

#[tokio::test]
async fn a_status_follows_the_writes_before_it() {
    let store = TestStore::open().with_parties(1).await;
    let sent = store.send(named(message(client(1), node(1), "order"), "order 1"), NOW);
    let status = store.message_status(
        client(1),
        Authority::Session,
        MessageRef::Id("order 1".into()),
        NOW,
    );
    let status = done(status.await.unwrap());
    assert_eq!(
        status.map(|status| status.state),
        Some(MessageState::Stored)
    );
    sent.await.unwrap();
}

#[tokio::test]
async fn a_sender_takes_back_what_still_waits_and_nothing_else() {
    let store = TestStore::open().with_acquainted_parties(2).await;
    for (from, to) in [(client(1), node(2)), (node(2), client(1))] {
        let queue_id = store.said(from, to, "order").await;
        for other in [to, client(2), node(1)] {
            assert_eq!(store.withdrawn(other, queue_id).await, Withdrawal::Unknown);
        }
        assert_eq!(store.waits(to).await.total, 1);

        let Withdrawal::Withdrawn(Some(ended)) = store.withdrawn(from, queue_id).await else {
            panic!("it was not withdrawn");
        };
        assert_eq!((ended.queue_id, ended.from, ended.to), (queue_id, from, to));
        assert_eq!(ended.state, MessageState::Withdrawn);
        assert_eq!(store.waits(to).await.total, 0);
        assert_eq!(store.removed(to, &[queue_id]).await, []);
        let again = store.withdrawn(from, queue_id).await;
        assert_eq!(again, Withdrawal::Withdrawn(None));

        let delivered = store.said(from, to, "order").await;
        store.removed(to, &[delivered]).await;
        assert_eq!(store.withdrawn(from, delivered).await, Withdrawal::Unknown);
        let state = store.state(from, delivered).await;
        assert_eq!(state, Some(MessageState::Delivered));
        store.assert_totals();
    }
}

#[tokio::test]
async fn taking_a_message_back_does_not_make_its_recipient_one_that_acknowledges() {
    let store = TestStore::open().with_parties(1).await;
    let queue_id = store.said(client(1), node(1), "order").await;
    store.withdrawn(client(1), queue_id).await;
    assert!(!store.waits(node(1)).await.acknowledges);
}
