use std::num::NonZeroU32;

use super::*;
use crate::address::Networks;

fn count(count: u32) -> NonZeroU32 {
    NonZeroU32::new(count).unwrap()
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn small() -> LimitsConfig {
    LimitsConfig {
        connections: count(5),
        connections_per_address: count(2),
        polling_sessions_per_address: 1,
        requests_per_second: count(3),
        failed_logins_per_minute: count(2),
        registrations_per_minute: count(2),
        new_connections_per_minute: count(3),
        exempt: Networks::try_from(vec!["192.0.2.0/24".to_owned()]).unwrap(),
        ..LimitsConfig::default()
    }
}

fn later(now: Instant, seconds: u64) -> Instant {
    now + Duration::from_secs(seconds)
}

#[test]
fn sockets_are_counted_in_total_and_given_back_once() {
    let limits = Limits::new(&small());
    let mut held: Vec<_> = (0..5).map(|_| limits.socket().unwrap()).collect();
    assert!(limits.socket().is_none());
    held.pop();
    held.push(limits.socket().unwrap());
    assert!(limits.socket().is_none());
    drop(held);
    assert_eq!(limits.state().sockets, 0);
}

#[test]
fn one_address_holds_so_many_connections_and_another_is_not_touched() {
    let (limits, now) = (Limits::new(&small()), Instant::now());
    let first = limits.connection(ip("198.51.100.1"), now).unwrap();
    let _second = limits.connection(ip("::ffff:198.51.100.1"), now).unwrap();
    let refused = limits.connection(ip("198.51.100.1"), now).unwrap_err();
    assert_eq!(refused.seconds(), 10);
    let _other = limits.connection(ip("198.51.100.2"), now).unwrap();
    drop(first);
    assert!(limits.connection(ip("198.51.100.1"), now).is_ok());
}

#[test]
fn new_connections_are_counted_by_the_minute_also_when_none_is_held() {
    let (limits, now) = (Limits::new(&small()), Instant::now());
    for _ in 0..3 {
        drop(limits.connection(ip("198.51.100.1"), now).unwrap());
    }
    let refused = limits.connection(ip("198.51.100.1"), now).unwrap_err();
    assert_eq!(refused.seconds(), 20);
    assert!(
        limits
            .connection(ip("198.51.100.1"), later(now, 19))
            .is_err()
    );
    assert!(
        limits
            .connection(ip("198.51.100.1"), later(now, 20))
            .is_ok()
    );
}

#[test]
fn a_refused_connection_does_not_count_as_a_new_one() {
    let (limits, now) = (Limits::new(&small()), Instant::now());
    let mut held: Vec<_> = (0..2)
        .map(|_| limits.connection(ip("198.51.100.1"), now).unwrap())
        .collect();
    for _ in 0..50 {
        assert!(limits.connection(ip("198.51.100.1"), now).is_err());
    }
    held.pop();
    assert!(limits.connection(ip("198.51.100.1"), now).is_ok());
}

#[test]
fn an_ipv6_customer_is_one_address_whatever_it_picks_inside_its_64() {
    let (limits, now) = (Limits::new(&small()), Instant::now());
    let one = limits.polling_session(ip("2001:db8:0:1::1"), now).unwrap();
    assert!(
        limits
            .polling_session(ip("2001:db8:0:1:ffff::9"), now)
            .is_err()
    );
    let _neighbour = limits.polling_session(ip("2001:db8:0:2::1"), now).unwrap();
    drop(one);
    assert!(
        limits
            .polling_session(ip("2001:db8:0:1:ffff::9"), now)
            .is_ok()
    );
}

#[test]
fn registrations_are_bounded_by_the_minute() {
    let (limits, now) = (Limits::new(&small()), Instant::now());
    assert!(limits.registration(ip("198.51.100.1"), now).is_ok());
    assert!(limits.registration(ip("198.51.100.1"), now).is_ok());
    let refused = limits.registration(ip("198.51.100.1"), now).unwrap_err();
    assert_eq!(refused.seconds(), 30);
    assert!(limits.registration(ip("198.51.100.2"), now).is_ok());
    assert!(
        limits
            .registration(ip("198.51.100.1"), later(now, 30))
            .is_ok()
    );
}

#[test]
fn only_failures_count_against_logging_in() {
    let (limits, now) = (Limits::new(&small()), Instant::now());
    for _ in 0..1_000 {
        assert!(limits.login_allowed(ip("198.51.100.1"), now).is_ok());
    }
    assert_eq!(
        limits.state().addresses.len(),
        0,
        "a good login leaves nothing to remember"
    );
    limits.login_failed(ip("198.51.100.1"), now);
    assert!(limits.login_allowed(ip("198.51.100.1"), now).is_ok());
    limits.login_failed(ip("198.51.100.1"), now);
    let refused = limits.login_allowed(ip("198.51.100.1"), now).unwrap_err();
    assert_eq!(refused.seconds(), 30);
    assert!(limits.login_allowed(ip("198.51.100.2"), now).is_ok());
    assert!(
        limits
            .login_allowed(ip("198.51.100.1"), later(now, 30))
            .is_ok()
    );
}

#[test]
fn failures_that_were_under_way_together_are_waited_off_afterwards() {
    let (limits, now) = (Limits::new(&small()), Instant::now());
    for _ in 0..10 {
        assert!(limits.login_allowed(ip("198.51.100.1"), now).is_ok());
    }
    for _ in 0..10 {
        limits.login_failed(ip("198.51.100.1"), now);
    }
    let refused = limits.login_allowed(ip("198.51.100.1"), now).unwrap_err();
    assert_eq!(refused.seconds(), 270);
}

#[test]
fn an_exempt_network_is_bound_by_the_total_alone() {
    let (limits, now) = (Limits::new(&small()), Instant::now());
    let exempt = ip("::ffff:192.0.2.9");
    let mut held = Vec::new();
    for _ in 0..100 {
        held.push(limits.connection(exempt, now).unwrap());
        held.push(limits.polling_session(exempt, now).unwrap());
        assert!(limits.registration(exempt, now).is_ok());
        limits.login_failed(exempt, now);
        assert!(limits.login_allowed(exempt, now).is_ok());
    }
    assert_eq!(limits.request_quota(exempt), Quota::UNLIMITED);
    assert_ne!(limits.request_quota(ip("198.51.100.1")), Quota::UNLIMITED);
    assert_eq!(limits.state().addresses.len(), 0);
    let _all: Vec<_> = (0..5).map(|_| limits.socket().unwrap()).collect();
    assert!(limits.socket().is_none());
}

#[test]
fn a_connection_may_ask_two_seconds_worth_at_once() {
    let (limits, now) = (Limits::new(&small()), Instant::now());
    let quota = limits.request_quota(ip("198.51.100.1"));
    let mut rate = Rate::default();
    let admitted = (0..100).filter(|_| rate.take(now, quota).is_ok()).count();
    assert_eq!(admitted, 6);
}

fn address(n: u32) -> IpAddr {
    IpAddr::V4((0x0a00_0000 + n).into())
}

#[test]
fn addresses_beyond_the_bound_share_one_entry_until_others_have_recovered() {
    let (limits, now) = (Limits::remembering(4, &small()), Instant::now());
    for n in 0..4 {
        assert!(limits.registration(address(n), now).is_ok());
    }
    assert!(limits.registration(address(4), now).is_ok());
    assert!(limits.registration(address(5), now).is_ok());
    assert!(
        limits.registration(address(6), now).is_err(),
        "the shared entry is used up"
    );
    assert!(
        limits.registration(address(0), now).is_ok(),
        "an address with its own entry is not touched"
    );
    assert_eq!(limits.state().addresses.len(), 4);
    // One registration is worked off after 30 s, and so are all but those of address 0.
    assert!(limits.registration(address(6), later(now, 30)).is_ok());
    assert_eq!(limits.state().addresses.len(), 2);
}

#[test]
fn a_permit_goes_back_to_where_it_was_taken_from() {
    let (limits, now) = (Limits::remembering(1, &small()), Instant::now());
    let own = limits.connection(address(0), now).unwrap();
    let shared = limits.connection(address(1), now).unwrap();
    drop(own);
    let now = later(now, 60);
    let own = limits.connection(address(1), now).unwrap();
    drop(shared);
    assert_eq!(limits.state().addresses.at(Place::Shared).connections, 0);
    assert_eq!(
        limits
            .state()
            .addresses
            .at(Place::Own(Key::of(address(1))))
            .connections,
        1
    );
    drop(own);
    assert_eq!(
        limits
            .state()
            .addresses
            .at(Place::Own(Key::of(address(1))))
            .connections,
        0
    );
}

#[test]
fn an_address_that_holds_something_is_not_forgotten_however_long_it_is_quiet() {
    let (limits, now) = (Limits::remembering(2, &small()), Instant::now());
    let _connection = limits.connection(address(0), now).unwrap();
    let _polling = limits.polling_session(address(1), now).unwrap();
    let now = later(now, 600);
    assert!(limits.registration(address(2), now).is_ok());
    let mut state = limits.state();
    assert_eq!(state.addresses.len(), 2);
    let places = [0, 1].map(|n| Place::Own(Key::of(address(n))));
    assert_eq!(state.addresses.at(places[0]).connections, 1);
    assert_eq!(state.addresses.at(places[1]).polling_sessions, 1);
}

#[test]
fn failed_logins_of_an_address_beyond_the_bound_are_counted_too() {
    let (limits, now) = (Limits::remembering(1, &small()), Instant::now());
    let _held = limits.connection(address(0), now).unwrap();
    limits.login_failed(address(1), now);
    limits.login_failed(address(2), now);
    assert!(limits.login_allowed(address(3), now).is_err());
    assert!(limits.login_allowed(address(0), now).is_ok());
}

#[test]
fn a_flood_of_addresses_is_forgotten_once_they_have_recovered() {
    let (limits, now) = (Limits::new(&small()), Instant::now());
    for n in 0..150_000 {
        let _ = limits.registration(address(n), now);
    }
    assert_eq!(limits.state().addresses.len(), ADDRESSES);
    assert!(
        limits
            .registration(address(200_000), later(now, 30))
            .is_ok()
    );
    assert_eq!(limits.state().addresses.len(), 1);
}

#[test]
fn permits_taken_and_dropped_by_many_threads_leave_nothing_counted() {
    let config = LimitsConfig {
        new_connections_per_minute: NonZeroU32::MAX,
        ..small()
    };
    let (limits, now) = (Limits::remembering(3, &config), Instant::now());
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let limits = limits.clone();
            scope.spawn(move || {
                for n in 0..2_000 {
                    let _socket = limits.socket();
                    let _connection = limits.connection(address((n + thread) % 7), now);
                    let _polling = limits.polling_session(address(n % 5), now);
                }
            });
        }
    });
    let mut state = limits.state();
    assert_eq!(state.sockets, 0);
    for place in (0..7)
        .map(|n| Place::Own(Key::of(address(n))))
        .chain([Place::Shared])
    {
        let entry = state.addresses.at(place);
        assert_eq!(
            (entry.connections, entry.polling_sessions),
            (0, 0),
            "{place:?}"
        );
    }
}
