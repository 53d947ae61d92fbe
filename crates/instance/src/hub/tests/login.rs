//! What happens to a party while one of its connections logs in.

use super::*;

#[test]
fn a_revocation_does_not_escape_a_login_that_is_under_way() {
    let hub = Hub::default();
    let connection = WsId::numbered(0);
    let login = hub.begin_login(SHOPPER);
    let neighbour = hub.begin_login(SHOP);
    hub.revoke(SHOPPER, None, None);
    assert!(login.join(joining(connection, SHOPPER)).is_none());
    assert_eq!(online(&hub), []);
    let joined = neighbour.join(joining(connection, SHOP));
    assert!(joined.is_some(), "that was another party");
    join(&hub, connection, SHOPPER);
    let state = hub.state();
    assert!(
        state.logins.is_empty(),
        "nothing is kept of logins that are over"
    );
}

#[test]
fn a_login_that_begins_after_a_change_does_not_begin_anew() {
    let hub = Hub::default();
    let first = hub.begin_login(SHOPPER);
    hub.revoke(SHOPPER, Some(token(2)), None);
    let second = hub.begin_login(SHOPPER);
    assert!(second.join(joining(WsId::numbered(1), SHOPPER)).is_some());
    assert!(first.join(joining(WsId::numbered(0), SHOPPER)).is_none());
}

#[test]
fn a_login_that_begins_anew_leaves_what_the_connection_was() {
    let hub = Hub::default();
    let connection = WsId::numbered(0);
    join(&hub, connection, SHOPPER);
    let login = hub.begin_login(SHOP);
    hub.describe(NodeId(1), None, Some("{}"));
    assert!(login.join(joining(connection, SHOP)).is_none());
    assert_eq!(online(&hub), [(connection, SHOPPER)]);
    assert!(hub.hears(SHOPPER));
}

#[test]
fn what_a_node_tells_of_itself_meanwhile_makes_its_login_begin_anew() {
    let hub = Hub::default();
    let connection = WsId::numbered(0);
    let (login, client) = (hub.begin_login(SHOP), hub.begin_login(SHOPPER));
    hub.describe(NodeId(1), Some("new"), None);
    assert!(login.join(joining(connection, SHOP)).is_none());
    let joined = client.join(joining(connection, SHOPPER));
    assert!(
        joined.is_some(),
        "the client of that number has not changed"
    );
}

#[test]
fn an_approval_meanwhile_makes_a_login_begin_anew() {
    let hub = Hub::default();
    let stale = Joining {
        card: Some((card("{}"), false)),
        ..joining(WsId::numbered(1), SHOP)
    };
    join(&hub, WsId::numbered(0), SHOP);
    let login = hub.begin_login(SHOP);
    hub.approve(NodeId(1));
    assert!(login.join(stale).is_none());
    assert!(hub.is_approved(NodeId(1)));
}

#[test]
fn a_message_that_comes_while_a_login_is_under_way_is_read_afterwards() {
    let hub = Hub::default();
    let start = || Start {
        cursor: 4,
        ..Start::default()
    };
    let login = hub.begin_login(SHOPPER);
    let offered = hub.offer(SHOPPER, &message(5), 4);
    assert!(!offered.heard);
    let joining = Joining {
        start: start(),
        ..joining(WsId::numbered(0), SHOPPER)
    };
    let [reading] = login.join(joining).unwrap().readings[..] else {
        panic!("nobody reads");
    };
    assert_eq!(hub.next_read(reading), Some(4));
}

#[test]
fn a_message_that_came_before_a_login_began_is_in_its_page() {
    let hub = Hub::default();
    let other = hub.begin_login(SHOPPER);
    let _ = hub.offer(SHOPPER, &message(5), 4);
    let login = hub.begin_login(SHOPPER);
    let left = login.join(joining(WsId::numbered(0), SHOPPER)).unwrap();
    assert_eq!(left.readings, []);
    drop(other);
}

#[test]
fn a_login_that_is_given_up_leaves_nothing() {
    let hub = Hub::default();
    drop(hub.begin_login(SHOPPER));
    assert!(hub.state().logins.is_empty());
}
