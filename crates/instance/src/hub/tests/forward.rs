//! What is sent from connection to connection.

use super::*;

const A: WsId = WsId::numbered(0);
const B: WsId = WsId::numbered(1);

/// From a client, or nobody, at `A`.
fn from_client(hub: &Hub, to: WsId) -> Result<(), Unforwarded> {
    hub.forward(&line(A, &voice(1000)), PartyKind::Client, to, "hi")
}

/// From a node at `A`.
fn from_node(hub: &Hub, to: WsId) -> Result<(), Unforwarded> {
    hub.forward(&line(A, &voice(1000)), PartyKind::Node, to, "hi")
}

#[test]
fn a_client_or_nobody_reaches_a_node() {
    let hub = Hub::default();
    let shop = join(&hub, B, SHOP);
    assert_eq!(from_client(&hub, B), Ok(()));
    join(&hub, A, SHOPPER);
    assert_eq!(from_client(&hub, B), Ok(()));
    assert_eq!(heard(&shop), ["client: hi", "client: hi"]);
    let _ = hub.leave(B);
    assert_eq!(from_client(&hub, B), Err(Unforwarded::Offline));
}

#[test]
fn a_node_reaches_a_client() {
    let hub = Hub::default();
    let shopper = join(&hub, B, SHOPPER);
    assert_eq!(from_node(&hub, B), Ok(()));
    assert_eq!(heard(&shopper), ["node: hi"]);
}

#[test]
fn whoever_has_forwarded_to_a_node_can_be_answered() {
    let hub = Hub::default();
    join(&hub, B, SHOP);
    let guest = voice(1000);
    assert_eq!(
        from_node(&hub, A),
        Err(Unforwarded::Offline),
        "nobody knows it"
    );
    hub.forward(&line(A, &guest), PartyKind::Client, B, "hi")
        .unwrap();
    assert_eq!(from_node(&hub, A), Ok(()));
    assert_eq!(heard(&guest), ["node: hi"]);
    let _ = hub.end(A);
    assert_eq!(from_node(&hub, A), Err(Unforwarded::Offline));
}

#[test]
fn whoever_could_not_forward_is_not_known() {
    let hub = Hub::default();
    assert_eq!(from_client(&hub, B), Err(Unforwarded::Offline));
    assert_eq!(from_node(&hub, A), Err(Unforwarded::Offline));
}

#[test]
fn whoever_looks_at_the_nodes_can_be_written_to() {
    let hub = Hub::default();
    hub.browse(&line(B, &voice(1000)));
    assert_eq!(from_node(&hub, B), Ok(()));
}

#[test]
fn nobody_reaches_its_own_kind() {
    let hub = Hub::default();
    join(&hub, B, SHOPPER);
    assert_eq!(from_client(&hub, B), Err(Unforwarded::Offline));
    join(&hub, B, SHOP);
    assert_eq!(from_node(&hub, B), Err(Unforwarded::Offline));
    hub.browse(&line(WsId::numbered(2), &voice(1000)));
    let guest = from_client(&hub, WsId::numbered(2));
    assert_eq!(guest, Err(Unforwarded::Offline));
}

#[test]
fn a_connection_that_only_listens_is_not_reached() {
    let hub = Hub::default();
    let [shopper, shop] = [WsId::numbered(2), WsId::numbered(3)];
    listen(&hub, shopper, SHOPPER);
    listen(&hub, shop, SHOP);
    join(&hub, B, SHOP);
    assert_eq!(from_node(&hub, shopper), Err(Unforwarded::Offline));
    assert_eq!(from_client(&hub, shop), Err(Unforwarded::Offline));
}

#[test]
fn a_node_is_reached_when_it_is_approved() {
    let hub = Hub::default();
    let card = Some((card("{}"), false));
    enter(
        &hub,
        SHOP,
        Joining {
            card,
            ..joining(B, SHOP)
        },
    );
    assert_eq!(from_client(&hub, B), Err(Unforwarded::Offline));
    assert_eq!(hub.unapproved(), [NodeId(1)]);
    hub.approve(NodeId(1));
    assert_eq!(from_client(&hub, B), Ok(()));
    assert_eq!(hub.unapproved(), []);
}

#[test]
fn what_an_outbox_has_no_room_for_is_told_and_what_has_ended_is_offline() {
    let hub = Hub::default();
    let voice = voice("client: hi".len());
    enter(
        &hub,
        SHOP,
        Joining {
            line: line(B, &voice),
            ..joining(B, SHOP)
        },
    );
    assert_eq!(from_client(&hub, B), Ok(()));
    assert_eq!(from_client(&hub, B), Err(Unforwarded::Full));
    voice.outbox.end();
    assert_eq!(from_client(&hub, B), Err(Unforwarded::Offline));
}
