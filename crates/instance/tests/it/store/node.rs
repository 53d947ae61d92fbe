//! What only nodes have; and that a client and a node of one number are two parties.

use nile_instance::store::{Change, LiveToken, NewNode, NodeUpdate, Protocol, Proven};
use nile_protocol::party::{ClientId, NodeId, PartyId};

use super::{HASH, NOW, TestStore, information, token};

const OTHER_HASH: &str = "bafybeiaaaebagbafaydqqcikbmga2dqpcaireeyuculbogazdinryhi6d4";
const MADE: Change = Change::Done {
    confirmed: false,
    outcome: (),
};

fn new_node(name: &str) -> NewNode {
    NewNode {
        hash: HASH.into(),
        information: information(name),
        protocol: Protocol::WebSocket,
        approved: true,
        delivery: None,
    }
}

impl TestStore {
    async fn told(&self, node: NodeId, number: u8) -> (Box<str>, Box<str>) {
        let party = PartyId::Node(node);
        let found = self.authenticate(party, token(number), NOW).await.unwrap();
        let found = found.expect("the token is live");
        (found.hash.expect("a node has a hash"), found.information)
    }
}

#[tokio::test]
async fn a_client_and_a_node_with_the_same_number_are_two_parties() {
    let store = TestStore::open();
    let client = store
        .register_client(token(1), information("Ada"), NOW)
        .await
        .unwrap();
    let node = store
        .register_node(token(2), new_node("apples"), NOW)
        .await
        .unwrap();
    assert_eq!((client, node), (ClientId(1), NodeId(1)));
    let (client, node) = (PartyId::Client(client), PartyId::Node(node));

    for (party, other) in [(client, 2), (node, 1)] {
        let foreign = token(other);
        assert_eq!(store.authenticate(party, foreign, NOW).await.unwrap(), None);
        for refused in [
            store.confirm_token(party, foreign, NOW),
            store.rotate_token(party, foreign, token(9), NOW),
        ] {
            assert_eq!(refused.await.unwrap(), Change::InvalidToken);
        }
        let refused = store.delete(party, foreign, NOW).await.unwrap();
        assert_eq!(refused, Proven::InvalidToken);
    }
    for refused in [
        store.update_client(ClientId(1), token(2), information("stones"), NOW),
        store.update_node(
            NodeId(1),
            token(1),
            NodeUpdate {
                hash: None,
                information: Some(information("stones")),
            },
            NOW,
        ),
    ] {
        assert_eq!(refused.await.unwrap(), Change::InvalidToken);
    }

    // What is done to one is not done to the other.
    assert_eq!(
        store
            .rotate_token(client, token(1), token(3), NOW)
            .await
            .unwrap(),
        MADE
    );
    assert_eq!(store.authenticate(node, token(3), NOW).await.unwrap(), None);
    let deleted = store.delete(client, token(1), NOW).await.unwrap();
    assert_ne!(deleted, Proven::InvalidToken);
    let node = store
        .authenticate(node, token(2), NOW)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(node.information, information("apples"));
    assert_eq!(node.with, LiveToken::Current);
}

#[tokio::test]
async fn clients_and_nodes_are_numbered_independently() {
    let store = TestStore::open();
    for number in 1..=3 {
        let node = store.register_node(token(1), new_node("apples"), NOW);
        assert_eq!(node.await.unwrap(), NodeId(number));
    }
    let client = store.register_client(token(1), information("Ada"), NOW);
    assert_eq!(client.await.unwrap(), ClientId(1));
    let node = store.register_node(token(1), new_node("pears"), NOW);
    assert_eq!(node.await.unwrap(), NodeId(4));
}

#[tokio::test]
async fn an_update_of_a_node_replaces_what_it_names_and_nothing_else() {
    let store = TestStore::open();
    let id = store
        .register_node(token(1), new_node("apples"), NOW)
        .await
        .unwrap();
    let neighbour = store
        .register_node(token(1), new_node("pears"), NOW)
        .await
        .unwrap();
    for (hash, name, expected) in [
        (Some(OTHER_HASH), None, (OTHER_HASH, "apples")),
        (None, Some("plums"), (OTHER_HASH, "plums")),
        (Some(HASH), Some("figs"), (HASH, "figs")),
    ] {
        let update = NodeUpdate {
            hash: hash.map(Into::into),
            information: name.map(information),
        };
        assert_eq!(
            store.update_node(id, token(1), update, NOW).await.unwrap(),
            MADE
        );
        let expected = (expected.0.into(), information(expected.1));
        assert_eq!(store.told(id, 1).await, expected);
    }
    let expected = (HASH.into(), information("pears"));
    assert_eq!(store.told(neighbour, 1).await, expected);

    let store = store.reopened().await;
    let expected = (HASH.into(), information("figs"));
    assert_eq!(store.told(id, 1).await, expected);
}

#[tokio::test]
async fn a_client_has_no_hash() {
    let store = TestStore::open();
    let id = store
        .register_client(token(1), information("Ada"), NOW)
        .await
        .unwrap();
    let client = store.authenticate(PartyId::Client(id), token(1), NOW).await;
    assert_eq!(client.unwrap().unwrap().hash, None);
}

#[tokio::test]
async fn how_a_node_registered_is_kept() {
    let store = TestStore::open();
    let door = store.side_door();
    for (protocol, approved, expected) in [
        (Protocol::WebSocket, true, ("websocket", 1)),
        (Protocol::Http, false, ("http", 0)),
    ] {
        let node = NewNode {
            protocol,
            approved,
            ..new_node("apples")
        };
        let NodeId(id) = store.register_node(token(1), node, NOW).await.unwrap();
        let kept: (String, i64) = door
            .query_row(
                "SELECT protocol, approved FROM node WHERE id = ?1",
                [id],
                |row| Ok((row.get(0)?, row.get(1)?)),
            )
            .unwrap();
        assert_eq!((kept.0.as_str(), kept.1), expected);
    }
}
