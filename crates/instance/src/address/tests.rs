use std::net::IpAddr;

use http::header::FORWARDED;
use http::{HeaderMap, HeaderValue};
use proptest::prelude::*;

use super::{Networks, X_FORWARDED_FOR, client_address};

const PROXY: &str = "10.0.0.1";

fn networks(texts: &[&str]) -> Networks {
    let texts: Vec<String> = texts.iter().map(ToString::to_string).collect();
    Networks::try_from(texts).unwrap()
}

/// Trusts `10.0.0.0/8` and `2001:db8:aaaa::/48`; `F:` is a line of `Forwarded`, `X:` one of the other.
fn client(peer: &str, lines: &[&str]) -> String {
    let mut headers = HeaderMap::new();
    for line in lines {
        let (name, value) = line.split_once(": ").unwrap();
        let value = HeaderValue::from_str(value).unwrap();
        match name {
            "F" => headers.append(FORWARDED, value),
            _ => headers.append(X_FORWARDED_FOR, value),
        };
    }
    let trusted = networks(&["10.0.0.0/8", "2001:db8:aaaa::/48"]);
    client_address(peer.parse().unwrap(), &headers, &trusted).to_string()
}

fn check(cases: &[(&str, &[&str], &str)]) {
    for (peer, lines, expected) in cases {
        assert_eq!(client(peer, lines), *expected, "{peer} {lines:?}");
    }
}

#[test]
fn nothing_is_believed_from_a_peer_that_is_no_trusted_proxy() {
    check(&[
        ("192.0.2.7", &[], "192.0.2.7"),
        ("192.0.2.7", &["X: 198.51.100.1"], "192.0.2.7"),
        ("192.0.2.7", &["F: for=198.51.100.1"], "192.0.2.7"),
        ("192.0.2.7", &["X: 10.0.0.2"], "192.0.2.7"),
        (
            "192.0.2.7",
            &["X: 198.51.100.1, 10.0.0.2", "F: for=198.51.100.1"],
            "192.0.2.7",
        ),
        ("11.0.0.1", &["X: 198.51.100.1"], "11.0.0.1"),
        ("127.0.0.1", &["X: 198.51.100.1"], "127.0.0.1"),
        ("2001:db8:aaab::1", &["X: 198.51.100.1"], "2001:db8:aaab::1"),
        ("::ffff:192.0.2.7", &["X: 198.51.100.1"], "192.0.2.7"),
        ("::10.0.0.1", &["X: 198.51.100.1"], "::a00:1"),
    ]);
}

#[test]
fn the_right_most_hop_that_is_not_trusted_is_the_client() {
    check(&[
        (PROXY, &[], PROXY),
        (PROXY, &["X: 192.0.2.1"], "192.0.2.1"),
        ("::ffff:10.0.0.1", &["X: 192.0.2.1"], "192.0.2.1"),
        ("2001:db8:aaaa::9", &["X: 192.0.2.1"], "192.0.2.1"),
        (PROXY, &["X: 192.0.2.1, 10.0.0.2"], "192.0.2.1"),
        (
            PROXY,
            &["X: 192.0.2.1, 2001:db8:aaaa::1, 10.0.0.2"],
            "192.0.2.1",
        ),
        (PROXY, &["X: 203.0.113.9, 192.0.2.1, 10.0.0.2"], "192.0.2.1"),
        (PROXY, &["X: 203.0.113.9, 192.0.2.1"], "192.0.2.1"),
        (PROXY, &["X: 10.0.0.9, 192.0.2.1"], "192.0.2.1"),
        (PROXY, &["X: 10.0.0.9, 10.0.0.8"], "10.0.0.9"),
        (PROXY, &["X: 10.0.0.9"], "10.0.0.9"),
        (PROXY, &["X: 192.0.2.1,10.0.0.2"], "192.0.2.1"),
        (PROXY, &["X:   192.0.2.1 \t,\t 10.0.0.2  "], "192.0.2.1"),
        (PROXY, &["X: 2001:db8::1"], "2001:db8::1"),
        (PROXY, &["X: [2001:db8::1]"], "2001:db8::1"),
        (PROXY, &["X: [2001:db8::1]:443"], "2001:db8::1"),
        (PROXY, &["X: 192.0.2.1:8080"], "192.0.2.1"),
        (PROXY, &["X: ::ffff:192.0.2.1"], "192.0.2.1"),
        (PROXY, &["X: 192.0.2.1, ::ffff:10.0.0.2"], "192.0.2.1"),
        (PROXY, &["F: for=192.0.2.1"], "192.0.2.1"),
        (PROXY, &["F: For=192.0.2.1"], "192.0.2.1"),
        (PROXY, &["F: FOR=\"192.0.2.1\""], "192.0.2.1"),
        (PROXY, &["F: for=\"192.0.2.1:47011\""], "192.0.2.1"),
        (PROXY, &["F: for=192.0.2.1:47011"], "192.0.2.1"),
        (PROXY, &["F: for=\"192.0.2.1:_gazonk\""], "192.0.2.1"),
        (
            PROXY,
            &["F: for=\"[2001:db8:cafe::17]\""],
            "2001:db8:cafe::17",
        ),
        (
            PROXY,
            &["F: for=\"[2001:db8:cafe::17]:4711\""],
            "2001:db8:cafe::17",
        ),
        (PROXY, &["F: for=\"[::ffff:192.0.2.1]\""], "192.0.2.1"),
        (
            PROXY,
            &["F: for=192.0.2.1;proto=http;by=203.0.113.43"],
            "192.0.2.1",
        ),
        (
            PROXY,
            &["F: by=203.0.113.43 ; for=192.0.2.1 ; proto=https;"],
            "192.0.2.1",
        ),
        (
            PROXY,
            &["F: host=\"a,b;for=203.0.113.9\";for=192.0.2.1"],
            "192.0.2.1",
        ),
        (
            PROXY,
            &["F: for=192.0.2.1;host=\"a\\\",for=203.0.113.9\""],
            "192.0.2.1",
        ),
        (
            PROXY,
            &["F: for=192.0.2.1;host=\"a\\\\\", for=10.0.0.2"],
            "192.0.2.1",
        ),
        (
            PROXY,
            &["F: for=203.0.113.9, for=192.0.2.1, for=10.0.0.2"],
            "192.0.2.1",
        ),
        (
            PROXY,
            &["F: for=10.0.0.9, for=\"[2001:db8:aaaa::2]:80\""],
            "10.0.0.9",
        ),
    ]);
}

#[test]
fn lines_of_one_header_are_one_list_in_their_order() {
    check(&[
        (PROXY, &["X: 203.0.113.9", "X: 192.0.2.1"], "192.0.2.1"),
        (PROXY, &["X: 192.0.2.1", "X: 10.0.0.2"], "192.0.2.1"),
        (
            PROXY,
            &["X: 203.0.113.9, 192.0.2.1", "X: 10.0.0.3, 10.0.0.2"],
            "192.0.2.1",
        ),
        (
            PROXY,
            &["F: for=203.0.113.9", "F: for=192.0.2.1"],
            "192.0.2.1",
        ),
        (
            PROXY,
            &["F: for=192.0.2.1", "F: for=10.0.0.3, for=10.0.0.2"],
            "192.0.2.1",
        ),
        (PROXY, &["F: for=\"192.0.2.1", "F: for=10.0.0.3\""], PROXY),
    ]);
}

#[test]
fn a_hop_that_is_no_address_ends_the_walk_at_the_last_one_believed() {
    check(&[
        (PROXY, &["X: unknown"], PROXY),
        (PROXY, &["X: "], PROXY),
        (PROXY, &["X: ,"], PROXY),
        (PROXY, &["X: 192.0.2.1,"], PROXY),
        (PROXY, &["X: 192.0.2.1, , 10.0.0.2"], "10.0.0.2"),
        (PROXY, &["X: 192.0.2.1, unknown, 10.0.0.2"], "10.0.0.2"),
        (PROXY, &["X: 192.0.2.1, 10.0.0.3.4, 10.0.0.2"], "10.0.0.2"),
        (PROXY, &["X: 192.0.2.256"], PROXY),
        (PROXY, &["X: 192.0.2.01"], PROXY),
        (PROXY, &["X: 3221225985"], PROXY),
        (PROXY, &["X: 0xc0.0.2.1"], PROXY),
        (PROXY, &["X: 192.0.2.1:"], PROXY),
        (PROXY, &["X: 192.0.2.1:http"], PROXY),
        (PROXY, &["X: 192.0.2.1:123456"], PROXY),
        (PROXY, &["X: [192.0.2.1]"], PROXY),
        (PROXY, &["X: [2001:db8::1"], PROXY),
        (PROXY, &["X: [2001:db8::1]443"], PROXY),
        (PROXY, &["X: [2001:db8::1]:"], PROXY),
        (PROXY, &["X: fe80::1%eth0"], PROXY),
        (PROXY, &["X: shop.example"], PROXY),
        (PROXY, &["X: 192.0.2.1 10.0.0.2"], PROXY),
        (PROXY, &["X: \"192.0.2.1\""], PROXY),
        (PROXY, &["F: for=unknown"], PROXY),
        (PROXY, &["F: for=_hidden"], PROXY),
        (PROXY, &["F: for=\"_SEVKISEK\""], PROXY),
        (
            PROXY,
            &["F: for=192.0.2.1, for=_hidden, for=10.0.0.2"],
            "10.0.0.2",
        ),
        (
            PROXY,
            &["F: for=192.0.2.1, proto=https, for=10.0.0.2"],
            "10.0.0.2",
        ),
        (PROXY, &["F: for=192.0.2.1, , for=10.0.0.2"], "10.0.0.2"),
        (PROXY, &["F: proto=https;by=192.0.2.1"], PROXY),
        (PROXY, &["F: for=192.0.2.1;for=203.0.113.9"], PROXY),
        (PROXY, &["F: for=192.0.2.1;secret"], PROXY),
        (PROXY, &["F: for="], PROXY),
        (PROXY, &["F: for=\""], PROXY),
        (PROXY, &["F: for=\"\""], PROXY),
        (PROXY, &["F: for=\"192.0.2.1"], PROXY),
        (PROXY, &["F: for=192.0.2.1\""], PROXY),
        (PROXY, &["F: for=\"192.0.2.1\\\""], PROXY),
        (PROXY, &["F: for=\"192.0.2\\.1\""], PROXY),
        (PROXY, &["F: 192.0.2.1"], PROXY),
        (PROXY, &["F: forwarded-for=192.0.2.1"], PROXY),
    ]);
}

#[test]
fn what_a_client_wrote_on_the_left_cannot_hide_what_the_proxy_appended() {
    check(&[
        (PROXY, &["X: unknown, 192.0.2.1"], "192.0.2.1"),
        (PROXY, &["X: \", 192.0.2.1"], "192.0.2.1"),
        (PROXY, &["F: for=\"10.0.0.9, for=192.0.2.1"], "192.0.2.1"),
        (
            PROXY,
            &["F: for=\"10.0.0.9, for=\"192.0.2.1\""],
            "192.0.2.1",
        ),
        (
            PROXY,
            &["F: for=\"10.0.0.9, for=\"[2001:db8::1]:80\""],
            "2001:db8::1",
        ),
        (PROXY, &["F: for=\\, for=\"192.0.2.1\""], "192.0.2.1"),
        (PROXY, &["F: host=\"x\\, for=\"192.0.2.1\""], "192.0.2.1"),
        (
            PROXY,
            &["F: for=10.0.0.9;host=\"x", "F: for=\"192.0.2.1\""],
            "192.0.2.1",
        ),
    ]);
}

#[test]
fn a_byte_outside_ascii_on_the_left_hides_nothing_either() {
    for (name, value, expected) in [
        ("x-forwarded-for", &b"\xff\xfe, 192.0.2.1"[..], "192.0.2.1"),
        ("forwarded", &b"for=\xff, for=192.0.2.1"[..], "192.0.2.1"),
        ("x-forwarded-for", &b"192.0.2.1, \xff"[..], PROXY),
    ] {
        let mut headers = HeaderMap::new();
        headers.append(name, HeaderValue::from_bytes(value).unwrap());
        let address = client_address(PROXY.parse().unwrap(), &headers, &networks(&["10.0.0.0/8"]));
        assert_eq!(address.to_string(), expected, "{name}");
    }
}

#[test]
fn two_headers_that_disagree_are_not_believed() {
    check(&[
        (PROXY, &["F: for=192.0.2.1", "X: 192.0.2.1"], "192.0.2.1"),
        (
            PROXY,
            &["F: for=192.0.2.1, for=10.0.0.2", "X: 192.0.2.1"],
            "192.0.2.1",
        ),
        (PROXY, &["F: for=203.0.113.9", "X: 192.0.2.1"], PROXY),
        (PROXY, &["F: for=192.0.2.1", "X: 203.0.113.9"], PROXY),
        (PROXY, &["F: for=unknown", "X: 192.0.2.1"], PROXY),
    ]);
}

#[test]
fn networks_hold_addresses_in_either_spelling_of_ipv4() {
    let some = networks(&[
        "192.0.2.9",
        "10.1.2.3/8",
        "::ffff:172.16.0.0/108",
        "2001:db8::/32",
    ]);
    for inside in [
        "192.0.2.9",
        "::ffff:192.0.2.9",
        "10.255.0.1",
        "172.31.0.1",
        "2001:db8:1::",
    ] {
        assert!(some.contains(inside.parse().unwrap()), "{inside}");
    }
    for outside in [
        "192.0.2.8",
        "11.0.0.1",
        "172.32.0.1",
        "2001:db9::",
        "::10.0.0.1",
    ] {
        assert!(!some.contains(outside.parse().unwrap()), "{outside}");
    }
    assert!(some.overlaps(&networks(&["0.0.0.0/0"])));
    assert!(some.overlaps(&networks(&["10.9.0.0/16"])));
    assert!(!some.overlaps(&networks(&["11.0.0.0/8", "::/128"])));
}

#[test]
fn a_text_that_is_no_network_is_named_in_the_refusal() {
    for text in [
        "",
        "10.0.0.0/33",
        "10.0.0/8",
        "::/129",
        "localhost",
        "10.0.0.0/8 ",
    ] {
        let refusal = Networks::try_from(vec![text.to_owned()]).unwrap_err();
        assert!(
            refusal.to_string().contains(&format!("`{text}`")),
            "{refusal}"
        );
    }
}

fn any_address() -> impl Strategy<Value = IpAddr> {
    prop_oneof![
        any::<u32>().prop_map(|bits| IpAddr::V4(bits.into())),
        any::<u128>().prop_map(|bits| IpAddr::V6(bits.into())),
    ]
}

/// Bytes that a header can hold, rich in what the grammar gives a meaning to.
fn any_line() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        "[ -~]{0,8}".prop_map(String::into_bytes),
        proptest::sample::select(&[
            "for=",
            "\"",
            "\\",
            ",",
            ";",
            "[",
            "]",
            ":",
            "10.0.0.2",
            "192.0.2.1",
            "2001:db8::1",
            " ",
        ])
        .prop_map(|text| text.as_bytes().to_vec()),
        proptest::collection::vec(0x80_u8..=0xff, 0..3),
    ];
    proptest::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

fn headers_of(forwarded: &[Vec<u8>], others: &[Vec<u8>]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for line in forwarded {
        headers.append(FORWARDED, HeaderValue::from_bytes(line).unwrap());
    }
    for line in others {
        headers.append(X_FORWARDED_FOR, HeaderValue::from_bytes(line).unwrap());
    }
    headers
}

fn any_lines() -> impl Strategy<Value = Vec<Vec<u8>>> {
    proptest::collection::vec(any_line(), 0..4)
}

proptest! {
    #[test]
    fn no_header_moves_the_address_of_an_untrusted_peer(
        peer in any_address(), forwarded in any_lines(), others in any_lines(),
    ) {
        let trusted = networks(&["10.0.0.0/8"]);
        prop_assume!(!trusted.contains(peer));
        let headers = headers_of(&forwarded, &others);
        prop_assert_eq!(client_address(peer, &headers, &trusted), peer.to_canonical());
    }

    #[test]
    fn whatever_stands_on_the_left_the_hop_that_the_proxy_appended_is_the_client(
        left in any_line(), client in any_address(), use_forwarded in any::<bool>(),
    ) {
        let trusted = networks(&["10.0.0.0/8"]);
        prop_assume!(!trusted.contains(client));
        let mut line = left;
        let headers = if use_forwarded {
            let node = if client.is_ipv6() { format!("[{client}]") } else { client.to_string() };
            line.extend_from_slice(format!(", for=\"{node}\"").as_bytes());
            headers_of(&[line], &[])
        } else {
            line.extend_from_slice(format!(", {client}").as_bytes());
            headers_of(&[], &[line])
        };
        let peer = PROXY.parse().unwrap();
        prop_assert_eq!(client_address(peer, &headers, &trusted), client.to_canonical());
    }
}
