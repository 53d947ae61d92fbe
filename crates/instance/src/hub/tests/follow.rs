//! Who hears what becomes of the messages of its party.

use super::*;

const A: WsId = WsId::numbered(0);
const B: WsId = WsId::numbered(1);

fn tell(hub: &Hub, party: PartyId) {
    hub.tell_status(party, || "delivered".into());
}

#[test]
fn only_connections_of_the_party_that_follow_hear_it() {
    let hub = Hub::default();
    let (a, b) = (join(&hub, A, SHOPPER), join(&hub, B, SHOPPER));
    let shop = join(&hub, WsId::numbered(2), SHOP);
    hub.follow(A, true);
    hub.follow(WsId::numbered(2), true);
    tell(&hub, SHOPPER);
    assert_eq!(heard(&a), ["to client: delivered"]);
    assert_eq!(heard(&b), [""; 0]);
    assert_eq!(heard(&shop), [""; 0]);
    hub.follow(A, false);
    tell(&hub, SHOPPER);
    assert_eq!(heard(&a), [""; 0]);
}

#[test]
fn nothing_is_written_when_nobody_follows() {
    let hub = Hub::default();
    join(&hub, A, SHOPPER);
    hub.tell_status(SHOPPER, || unreachable!("nobody hears it"));
}

#[test]
fn a_login_or_logout_ends_what_its_connection_followed() {
    let hub = Hub::default();
    let voice = join(&hub, A, SHOPPER);
    hub.follow(A, true);
    enter(
        &hub,
        SHOP,
        Joining {
            line: line(A, &voice),
            ..joining(A, SHOP)
        },
    );
    tell(&hub, SHOP);
    assert_eq!(heard(&voice), [""; 0], "it has not asked as the shop");
    hub.follow(A, true);
    hub.browse(&line(A, &voice));
    let _ = hub.leave(A);
    enter(
        &hub,
        SHOP,
        Joining {
            line: line(A, &voice),
            ..joining(A, SHOP)
        },
    );
    tell(&hub, SHOP);
    assert_eq!(heard(&voice), [""; 0]);
}
