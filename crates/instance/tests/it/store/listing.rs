//! Nodes as others are told of them.

use nile_instance::store::{
    Authority, Delivery, ListedNode, NewMessage, NewNode, Protocol, approve_node,
};
use nile_protocol::party::{ClientId, NodeId, PartyId};

use super::{HASH, NOW, TestStore, information, token};

fn new_node(name: &str, delivery: Option<Delivery>, approved: bool) -> NewNode {
    NewNode {
        hash: HASH.into(),
        information: information(name),
        protocol: match delivery {
            Some(_) => Protocol::Http,
            None => Protocol::WebSocket,
        },
        approved,
        delivery,
    }
}

fn delivery() -> Delivery {
    Delivery {
        resource: "https://shop.example/nile".into(),
        secret: [7; 32],
    }
}

fn listed(id: i64, node: NewNode) -> ListedNode {
    ListedNode {
        id: NodeId(id),
        hash: node.hash,
        information: node.information,
        approved: node.approved,
        protocol: node.protocol,
        delivery: node.delivery,
        waiting: 0,
    }
}

impl TestStore {
    async fn with_nodes(self, nodes: &[NewNode]) -> Self {
        for node in nodes {
            self.register_node(token(1), node.clone(), NOW)
                .await
                .unwrap();
        }
        self
    }
}

#[tokio::test]
async fn only_nodes_that_take_part_are_listed_as_they_told() {
    let (apples, pears) = (
        new_node("apples", None, true),
        new_node("pears", Some(delivery()), true),
    );
    let stones = new_node("stones", None, false);
    let nodes = [apples.clone(), stones.clone(), pears.clone()];
    let store = TestStore::open().with_nodes(&nodes).await;

    let asked = [3, 9, 2, 1].map(NodeId).to_vec();
    let found = store.approved_among(asked.clone()).await.unwrap();
    assert_eq!(found, [listed(3, pears), listed(1, apples)]);

    let takes_part = async || {
        let found = store.authenticate(PartyId::Node(NodeId(2)), token(1), NOW);
        found.await.unwrap().unwrap().approved
    };
    assert!(!takes_part().await);
    approve_node(store.directory.path(), NodeId(2)).unwrap();
    assert!(takes_part().await);
    assert_eq!(store.approved_among(asked).await.unwrap().len(), 3);
}

#[tokio::test]
async fn nodes_over_http_are_listed_with_where_they_are_delivered_to_and_what_waits() {
    let apples = new_node("apples", Some(delivery()), true);
    let stones = new_node("stones", Some(delivery()), false);
    let without = NewNode {
        protocol: Protocol::Http,
        ..new_node("pears", None, true)
    };
    let nodes = [
        apples.clone(),
        new_node("figs", None, true),
        stones.clone(),
        without.clone(),
    ];
    let store = TestStore::open().with_nodes(&nodes).await;
    store
        .register_client(token(1), information("Ada"), NOW)
        .await
        .unwrap();
    for _ in 0..2 {
        let order = NewMessage {
            from: PartyId::Client(ClientId(1)),
            authority: Authority::Session,
            to: Some(PartyId::Node(NodeId(1))),
            answers: None,
            id: None,
            content: "order".into(),
        };
        store.send(order, NOW).await.unwrap();
    }
    let store = store.reopened().await;
    let expected = [
        ListedNode {
            waiting: 2,
            ..listed(1, apples)
        },
        listed(3, stones),
        listed(4, without),
    ];
    assert_eq!(store.http_nodes().await.unwrap(), expected);
}

#[test]
fn debug_output_shows_nothing_of_a_delivery_secret() {
    let shown = format!("{:?}", delivery());
    assert!(
        shown.contains("shop.example") && !shown.contains('7'),
        "{shown}"
    );
}
