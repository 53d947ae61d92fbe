//! Removing messages: by their recipient alone, once, with all that waits for a party that goes.

use futures_util::future::join_all;
use nile_instance::store::{Authority, Ended, MessageState, Proven};
use nile_protocol::party::PartyId;

use super::{ALL, client, contents, done, message, named, node, numbers};
use crate::store::{NOW, TestStore, token};

#[tokio::test]
async fn only_its_recipient_removes_a_message_and_only_once() {
    let store = TestStore::open().with_acquainted_parties(2).await;
    for (from, to) in [(client(1), node(2)), (node(2), client(1))] {
        let sent = store
            .sent(named(message(from, to, "order"), "order 1"))
            .await;
        let kept = store.waits(to).await.rows;
        let queue_id = kept[0].queue_id;
        // Its sender, one of the sender's number, one of the recipient's number, and one who is nobody.
        for other in [from, client(2), node(1), node(99)] {
            assert_eq!(
                store.removed(other, &[queue_id]).await,
                [],
                "{other}, {sent:?}"
            );
        }
        assert_eq!(store.waits(to).await.rows, kept);

        let expected = Ended {
            queue_id,
            from,
            to,
            id: Some("order 1".into()),
            state: MessageState::Delivered,
            since: NOW,
        };
        let removed = store.removed(to, &[queue_id, queue_id, 9999, 0, -1]).await;
        assert_eq!(removed, [expected]);
        assert_eq!(store.removed(to, &[queue_id]).await, []);
        assert_eq!(store.waits(to).await.total, 0);
        store.assert_totals();
    }
}

#[tokio::test]
async fn a_removed_message_leaves_no_content_behind() {
    let store = TestStore::open().with_parties(1).await;
    let queue_id = store.said(client(1), node(1), "order").await;
    store.removed(node(1), &[queue_id]).await;
    let body: Option<String> = store
        .side_door()
        .query_row("SELECT body FROM message", [], |row| row.get(0))
        .unwrap();
    assert_eq!(body, None);
}

#[tokio::test]
async fn processing_removes_and_shows_what_still_waits() {
    let store = TestStore::open().with_parties(2).await;
    let mut ids = Vec::new();
    for content in ["a", "b", "c", "d"] {
        ids.push(store.said(client(1), node(1), content).await);
    }
    let foreign = store.said(client(1), node(2), "foreign").await;
    let process = |authority, ids| store.process(node(1), authority, ids, ALL, NOW);

    let processed = process(Authority::Session, vec![ids[2], foreign, ids[0]]).await;
    let processed = done(processed.unwrap());
    let ended: Vec<_> = processed.ended.iter().map(|ended| ended.queue_id).collect();
    assert_eq!(ended, [ids[2], ids[0]]);
    assert_eq!(contents(&processed.page.rows), ["b", "d"]);
    assert_eq!((processed.page.total, processed.page.newest), (2, ids[3]));

    let processed = process(Authority::Token(token(1)), vec![ids[1]]).await;
    assert_eq!(contents(&done(processed.unwrap()).page.rows), ["d"]);
    assert_eq!(contents(&store.waits(node(2)).await.rows), ["foreign"]);
    store.assert_totals();
}

#[tokio::test]
async fn as_many_clients_as_nodes_never_see_each_others_messages() {
    const PARTIES: u8 = 40;
    let store = TestStore::open().with_parties(PARTIES).await;
    let text = |from: PartyId, to: PartyId| format!("from {from} to {to}");
    let numbers = || 1..=i64::from(PARTIES);
    let pairs = || numbers().flat_map(|a| [(a, a), (a, (a % i64::from(PARTIES)) + 1)]);
    // Queued together, in this order: the clients first, because they must have written.
    let ways = pairs().map(|(a, b)| (client(a), node(b)));
    let ways = ways.chain(pairs().map(|(a, b)| (node(b), client(a))));
    let sent: Vec<_> = ways
        .map(|(from, to)| store.send(message(from, to, &text(from, to)), NOW))
        .collect();
    join_all(sent)
        .await
        .into_iter()
        .for_each(|sent| drop(sent.unwrap()));

    for party in numbers().flat_map(|number| [client(number), node(number)]) {
        let page = store.waits(party).await;
        assert_eq!(page.rows.len(), 2, "{party}");
        for row in &page.rows {
            assert_eq!(&*row.content, text(row.from, party));
        }
        let opposite = match party {
            PartyId::Client(id) => node(id.0),
            PartyId::Node(id) => client(id.0),
        };
        let ids = super::numbers(&page.rows);
        assert_eq!(store.removed(opposite, &ids).await, []);
        assert_eq!(store.waits(party).await.total, 2);
    }
    store.assert_totals();
}

#[tokio::test]
async fn what_waits_for_a_party_that_goes_is_refused_and_what_it_sent_stays() {
    let store = TestStore::open().with_acquainted_parties(2).await;
    for (gone, other) in [(node(1), client(1)), (client(2), node(2))] {
        let first = store.said(other, gone, "first").await;
        let second = store
            .sent(named(message(other, gone, "second"), "order 2"))
            .await;
        let by_it = store.said(gone, other, "sent by it").await;
        let refused = |queue_id, id: Option<&str>| Ended {
            queue_id,
            from: other,
            to: gone,
            id: id.map(Into::into),
            state: MessageState::Refused,
            since: NOW,
        };
        let number = u8::try_from(gone.number()).unwrap();
        let wrong = store.delete(gone, token(number + 1), NOW).await.unwrap();
        assert_eq!(wrong, Proven::InvalidToken);
        assert_eq!(
            numbers(&store.waits(gone).await.rows)[0],
            first,
            "{second:?}"
        );

        let deleted = store.delete(gone, token(number), NOW).await.unwrap();
        let expected = [refused(first, None), refused(first + 1, Some("order 2"))];
        assert_eq!(done(deleted), expected);
        let state = store.state(other, first).await;
        assert_eq!(state, Some(MessageState::Refused));
        assert_eq!(numbers(&store.waits(other).await.rows), [by_it]);
        assert_eq!(store.waits(gone).await.total, 0);
        store.assert_totals();
    }
}

#[tokio::test]
async fn a_message_whose_removal_was_answered_never_comes_back() {
    let store = TestStore::open().with_acquainted_parties(1).await;
    let gone = store.said(client(1), node(1), "gone").await;
    let kept = store.said(client(1), node(1), "kept").await;
    store.removed(node(1), &[gone]).await;
    let store = store.reopened().await;
    assert_eq!(numbers(&store.waits(node(1)).await.rows), [kept]);
    let next = store.said(client(1), node(1), "next").await;
    assert_eq!(numbers(&store.waits(node(1)).await.rows), [kept, next]);
    store.assert_totals();
}
