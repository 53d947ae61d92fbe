//! What feeds hand over: single cases, and any course of events against a model.

mod model;
mod world;

use futures_util::FutureExt as _;
use proptest::prelude::*;

use self::{model::Step, world::World};
use super::*;

fn step() -> impl Strategy<Value = Step> {
    let index = any::<prop::sample::Index>;
    let single = prop_oneof![
        3 => (1_u8..4).prop_map(Step::Store),
        1 => (80_u8..130).prop_map(Step::Store),
        3 => index().prop_map(Step::Offer),
        2 => Just(Step::OfferAll),
        1 => index().prop_map(Step::Leave),
        4 => (index(), index()).prop_map(|(line, message)| Step::Acknowledge { line, message }),
        1 => index().prop_map(Step::Process),
        2 => index().prop_map(Step::Commit),
        2 => index().prop_map(Step::Take),
        1 => index().prop_map(Step::Close),
        8 => (index(), 1_usize..40).prop_map(|(reader, rows)| Step::Read { reader, rows }),
    ];
    let meanwhile = prop::collection::vec(single.clone().boxed(), 0..5);
    let again = prop::option::weighted(0.3, index());
    let limit = prop_oneof![Just(usize::MAX), 0_usize..10];
    let rotated = prop::option::weighted(0.2, index());
    let room = prop_oneof![1_usize..8, Just(2000)];
    let join = (again, limit, rotated, room, meanwhile).prop_map(
        |(again, limit, rotated, room, meanwhile)| Step::Join {
            again,
            limit,
            rotated,
            room,
            meanwhile,
        },
    );
    prop_oneof![2 => join, 9 => single]
}

/// Mostly short courses: what comes later often mends what was missed.
fn steps() -> impl Strategy<Value = Vec<Step>> {
    prop_oneof![
        9 => prop::collection::vec(step(), 1..16),
        1 => prop::collection::vec(step(), 16..120),
    ]
}

const A: WsId = WsId::numbered(0);
const B: WsId = WsId::numbered(1);

fn stretch(messages: &[i64]) -> Stretch {
    Stretch {
        messages: messages.iter().map(|queue_id| message(*queue_id)).collect(),
        end: true,
        newest: messages.last().copied().unwrap_or(0),
    }
}

/// Messages 1 and 2 come, in the wrong order: who reads for them, and after which.
fn behind(hub: &Hub, party: PartyId) -> Reading {
    let offered = hub.offer(party, &message(2), 1);
    assert!(!offered.pushed);
    let [reading] = offered.readings[..] else {
        panic!("nobody reads");
    };
    assert_eq!(hub.offer(party, &message(1), 0).readings, []);
    assert_eq!(hub.next_read(reading), Some(0));
    reading
}

#[test]
fn a_message_that_ends_while_it_is_read_is_not_pushed() {
    let hub = Hub::default();
    let voice = join(&hub, A, SHOPPER);
    let reading = behind(&hub, SHOPPER);
    assert_eq!(hub.settle(SHOPPER, &[1]), []);
    let _ = hub.hand(reading, 0, &stretch(&[1, 2]));
    assert_eq!(heard(&voice), ["2"]);
}

#[test]
fn a_message_that_ends_before_it_has_left_does_not_leave() {
    let hub = Hub::default();
    let voice = join(&hub, A, SHOPPER);
    assert!(hub.offer(SHOPPER, &message(1), 0).pushed);
    assert!(hub.offer(SHOPPER, &message(2), 1).pushed);
    assert_eq!(hub.settle(SHOPPER, &[1]), []);
    assert_eq!(heard(&voice), ["2"]);
}

#[test]
fn a_connection_of_a_node_that_comes_is_handed_what_the_others_have_beyond_its_page() {
    let hub = Hub::default();
    let silent = join(&hub, A, SHOP);
    for queue_id in 1..=4 {
        assert!(hub.offer(SHOP, &message(queue_id), queue_id - 1).pushed);
    }
    assert!(hub.acknowledge(A, 4).is_some());
    let start = Start {
        page: Some(1..=2),
        cursor: 2,
        behind: true,
    };
    let joining = Joining {
        start,
        ..joining(B, SHOP)
    };
    let comes = joining.line.voice.clone();
    let left = hub.begin_login(SHOP).join(joining).unwrap();
    assert_eq!(left.unacknowledged, [(SHOP, vec![3])], "in vain");
    assert!(
        !hub.offer(SHOP, &message(5), 4).pushed,
        "it is not its turn"
    );
    let [reading] = left.readings[..] else {
        panic!("somebody has to read");
    };
    assert_eq!(hub.next_read(reading), Some(2));
    let _ = hub.hand(reading, 2, &stretch(&[3, 4, 5]));
    assert_eq!(heard(&comes), ["3", "5"]);
    assert_eq!(heard(&silent), ["1", "2", "3", "4"]);
    assert_eq!(hub.acknowledge(A, 3), None, "another has it now");
}

#[test]
fn what_another_connection_acknowledges_while_it_is_read_is_not_pushed_here() {
    let hub = Hub::default();
    let voice = join(&hub, A, SHOPPER);
    let reading = behind(&hub, SHOPPER);
    assert_eq!(hub.acknowledge(A, 1), None, "it was not pushed");
    assert_eq!(hub.disregard(SHOPPER, 1), []);
    let _ = hub.hand(reading, 0, &stretch(&[1, 2]));
    assert_eq!(heard(&voice), ["2"]);

    assert!(hub.holds(SHOPPER, 1), "until the store has written it");
    assert_eq!(hub.settle(SHOPPER, &[1]), []);
    assert!(!hub.holds(SHOPPER, 1));
    assert_eq!(hub.disregard(SHOPPER, 9), []);
    hub.forget(SHOPPER, 9);
    assert!(!hub.holds(SHOPPER, 9), "there was no such message");
    hub.forget(SHOPPER, 2);
    assert!(hub.holds(SHOPPER, 2), "that one was pushed");
}

#[test]
fn a_message_that_is_acknowledged_is_not_pushed_again_before_that_is_written() {
    let hub = Hub::default();
    let (first, second) = (join(&hub, A, SHOP), join(&hub, B, SHOP));
    second
        .outbox
        .close(nile_socketio::Close::policy("it has gone"));
    for queue_id in [1, 2] {
        assert!(hub.offer(SHOP, &message(queue_id), queue_id - 1).pushed);
    }
    let start = Start {
        cursor: 2,
        ..Start::default()
    };
    let third = enter(
        &hub,
        SHOP,
        Joining {
            start,
            ..joining(B, SHOP)
        },
    );
    assert!(hub.offer(SHOP, &message(3), 2).pushed);
    assert!(hub.acknowledge(A, 2).is_some());
    assert_eq!(hub.acknowledge(A, 2), None, "once");
    let left = hub.end(A);
    assert_eq!(left.unacknowledged, [(SHOP, vec![1])]);
    assert_eq!(heard(&first), ["1", "2"]);
    assert_eq!(heard(&third), ["3"]);
    assert_eq!(hub.next_read(left.readings[0]), Some(0));
    let _ = hub.hand(left.readings[0], 0, &stretch(&[1, 2, 3]));
    assert_eq!(heard(&third), ["1"]);
    assert!(hub.holds(SHOP, 2), "until the store has it");
    assert_eq!(hub.settle(SHOP, &[2]), []);
    assert!(!hub.holds(SHOP, 2));
}

#[test]
fn a_late_offer_of_a_message_that_a_login_page_showed_pushes_nothing() {
    let hub = Hub::default();
    let first = join(&hub, A, SHOP);
    let start = Start {
        page: Some(1..=1),
        cursor: 1,
        behind: false,
    };
    let second = enter(
        &hub,
        SHOP,
        Joining {
            start,
            ..joining(B, SHOP)
        },
    );
    assert!(!hub.offer(SHOP, &message(1), 0).pushed);
    assert_eq!([heard(&first), heard(&second)], [[""; 0]; 2]);
}

#[test]
fn a_message_that_is_offered_late_was_pushed_all_the_same() {
    let hub = Hub::default();
    join(&hub, A, SHOPPER);
    let reading = behind(&hub, SHOPPER);
    let _ = hub.hand(reading, 0, &stretch(&[1, 2]));
    assert!(hub.offer(SHOPPER, &message(2), 1).pushed);
}

#[test]
fn a_message_is_pushed_at_once_when_all_before_it_has_ended() {
    let hub = Hub::default();
    let voice = join(&hub, A, SHOPPER);
    let reading = behind(&hub, SHOPPER);
    let nothing = Stretch {
        newest: 2,
        ..stretch(&[])
    };
    let _ = hub.hand(reading, 0, &nothing);
    assert_eq!(hub.next_read(reading), None);
    assert!(hub.offer(SHOPPER, &message(3), 2).pushed);
    assert_eq!(heard(&voice), ["3"]);
}

#[test]
fn no_more_than_the_window_is_pushed_until_something_is_acknowledged() {
    let hub = Hub::default();
    let voice = voice(100_000);
    enter(
        &hub,
        SHOPPER,
        Joining {
            line: line(A, &voice),
            ..joining(A, SHOPPER)
        },
    );
    let window = i64::try_from(WINDOW).unwrap();
    for queue_id in 1..=window {
        assert!(hub.offer(SHOPPER, &message(queue_id), queue_id - 1).pushed);
    }
    let offered = hub.offer(SHOPPER, &message(window + 1), window);
    assert!(!offered.pushed && offered.readings.is_empty());
    assert_eq!(heard(&voice).len(), WINDOW);
    let (_, readings) = hub.acknowledge(A, 7).unwrap();
    assert_eq!(hub.next_read(readings[0]), Some(window));
}

#[test]
fn a_reader_that_waits_for_room_goes_on_when_somebody_joins() {
    let hub = Hub::default();
    enter(
        &hub,
        SHOP,
        Joining {
            line: line(A, &voice(0)),
            ..joining(A, SHOP)
        },
    );
    let reading = behind(&hub, SHOP);
    let Next::Wait(outbox, changed) = hub.hand(reading, 0, &stretch(&[1, 2])) else {
        panic!("there is no room");
    };
    assert!(outbox.is(&hub.state().connections[&A].voice.outbox));
    let voice = join(&hub, B, SHOP);
    assert!(changed.notified().now_or_never().is_some());
    let _ = hub.hand(reading, 0, &stretch(&[1, 2]));
    assert_eq!(heard(&voice), ["1", "2"]);
}

/// How many courses of events there are for each kind of party; `NILE_TEST_FACTOR` multiplies it.
const COURSES: u32 = 512;

fn courses() -> ProptestConfig {
    let factor = std::env::var("NILE_TEST_FACTOR").map_or(1, |text| text.parse().unwrap());
    ProptestConfig {
        cases: COURSES * factor,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(courses())]

    #[test]
    fn a_client_has_all_that_waits_on_each_connection(
        steps in steps(),
    ) {
        World::new(SHOPPER).play(steps);
    }

    #[test]
    fn a_node_has_all_that_waits_on_one_of_its_connections(
        steps in steps(),
    ) {
        World::new(SHOP).play(steps);
    }
}
