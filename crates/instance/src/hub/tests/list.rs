//! Who is on the list, and who is told to close.

use super::*;

#[test]
fn a_party_is_online_as_often_as_it_has_connections() {
    let hub = Hub::default();
    let (a, b) = (WsId::numbered(0), WsId::numbered(1));
    join(&hub, a, SHOPPER);
    join(&hub, b, SHOPPER);
    assert_eq!(online(&hub), [(a, SHOPPER), (b, SHOPPER)]);
    let _ = hub.leave(a);
    assert_eq!(online(&hub), [(b, SHOPPER)]);
    let _ = hub.leave(a);
    assert_eq!(online(&hub), [(b, SHOPPER)], "a connection leaves once");
    let _ = hub.end(b);
    assert_eq!(online(&hub), []);
    let state = hub.state();
    assert!(state.parties.is_empty(), "nothing is kept of a party");
    assert!(state.connections.is_empty(), "nor of a connection");
}

#[test]
fn a_second_login_on_a_connection_replaces_the_first() {
    let hub = Hub::default();
    let connection = WsId::numbered(0);
    join(&hub, connection, SHOPPER);
    join(&hub, connection, SHOPPER);
    assert_eq!(online(&hub), [(connection, SHOPPER)]);
    let shop = join(&hub, connection, SHOP);
    assert_eq!(online(&hub), [(connection, SHOP)]);
    assert!(!hub.hears(SHOPPER));
    hub.revoke(SHOPPER, None, None);
    assert!(!is_told_to_close(&shop), "it speaks for the shop now");
}

#[test]
fn what_a_replaced_session_held_is_told() {
    let hub = Hub::default();
    let connection = WsId::numbered(0);
    join(&hub, connection, SHOPPER);
    assert!(hub.offer(SHOPPER, &message(1), 0).pushed);
    let joining = joining(connection, SHOP);
    let left = hub.begin_login(SHOP).join(joining).unwrap();
    assert_eq!(left.unacknowledged, [(SHOPPER, vec![1])]);
    assert_eq!(hub.acknowledge(connection, 1), None, "it is the shop's now");
}

#[test]
fn parties_of_both_kinds_with_the_same_number_are_two() {
    let hub = Hub::default();
    let (shopper, shop) = (WsId::numbered(0), WsId::numbered(1));
    join(&hub, shopper, SHOPPER);
    let voice = join(&hub, shop, SHOP);
    assert!(hub.offer(SHOPPER, &message(1), 0).pushed);
    assert_eq!(heard(&voice), [""; 0]);
    assert!(!hub.holds(SHOP, 1));
    assert_eq!(hub.acknowledge(shop, 1), None);
    assert_eq!(
        hub.connections_of(&[SHOP, SHOPPER]),
        [Some(shop), Some(shopper)]
    );
}

#[test]
fn only_connections_of_a_revoked_token_are_told_to_close() {
    let hub = Hub::default();
    let (old, new, other) = (WsId::numbered(0), WsId::numbered(1), WsId::numbered(2));
    let old = join(&hub, old, SHOPPER);
    let token = token(2);
    let new = enter(
        &hub,
        SHOPPER,
        Joining {
            token,
            ..joining(new, SHOPPER)
        },
    );
    let other = join(&hub, other, SHOP);
    hub.revoke(SHOPPER, Some(token), None);
    assert!(is_told_to_close(&old));
    assert!(!is_told_to_close(&new));
    assert!(!is_told_to_close(&other));
}

#[test]
fn the_connection_that_proves_the_new_token_stays_and_has_come_with_it() {
    let hub = Hub::default();
    let (proves, other) = (WsId::numbered(0), WsId::numbered(1));
    let voice = join(&hub, proves, SHOPPER);
    let other = join(&hub, other, SHOPPER);
    hub.revoke(SHOPPER, Some(token(2)), Some(proves));
    assert!(is_told_to_close(&other));
    hub.revoke(SHOPPER, Some(token(2)), None);
    assert!(!is_told_to_close(&voice), "it came with the second");
    hub.revoke(SHOPPER, None, Some(proves));
    assert!(is_told_to_close(&voice), "nothing is live any more");
}

#[test]
fn whoever_only_listens_is_on_no_list() {
    let hub = Hub::default();
    let (listens, other) = (WsId::numbered(0), WsId::numbered(1));
    listen(&hub, listens, SHOPPER);
    listen(&hub, other, SHOP);
    assert_eq!(online(&hub), []);
    assert_eq!(hub.connections_of(&[SHOPPER, SHOP]), [None, None]);
    assert_eq!(hub.nodes().as_str(), "[]");
    assert!(hub.hears(SHOPPER) && hub.hears(SHOP));
    let logged_in = WsId::numbered(2);
    join(&hub, logged_in, SHOPPER);
    assert_eq!(hub.connections_of(&[SHOPPER]), [Some(logged_in)]);
}

#[test]
fn whoever_only_listens_hears_messages_and_is_told_to_close() {
    let hub = Hub::default();
    let connection = WsId::numbered(0);
    let listener = listen(&hub, connection, SHOPPER);
    let offered = hub.offer(SHOPPER, &message(1), 0);
    assert!(offered.pushed && offered.heard);
    assert_eq!(heard(&listener), ["1"]);
    assert_eq!(hub.acknowledge(connection, 1), Some((SHOPPER, vec![])));
    hub.revoke(SHOPPER, None, None);
    assert!(is_told_to_close(&listener));
}

#[test]
fn a_message_for_nobody_is_not_heard() {
    let hub = Hub::default();
    let offered = hub.offer(SHOPPER, &message(1), 0);
    assert!(!offered.pushed && !offered.heard && offered.readings.is_empty());
}

#[test]
fn who_looks_at_the_nodes_stays_known_when_it_leaves_and_not_when_it_ends() {
    let hub = Hub::default();
    let connection = WsId::numbered(0);
    let voice = join(&hub, connection, SHOPPER);
    hub.browse(&line(connection, &voice));
    let _ = hub.leave(connection);
    assert_eq!(online(&hub), []);
    hub.install(NodeId(7), card("{}"), true);
    assert_eq!(hub.tell_presence(|nodes| nodes.as_str().into()), 1);
    let _ = hub.end(connection);
    assert!(hub.state().connections.is_empty());
}
