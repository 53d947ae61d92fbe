use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::{
    config::DeliveriesConfig,
    courier::{Resource, address::is_global},
};

/// The first and last address of what is not global, and whether the one before and the one after are.
const SPECIAL: [(&str, &str, bool, bool); 36] = [
    ("0.0.0.0", "0.255.255.255", false, true),
    ("10.0.0.0", "10.255.255.255", true, true),
    ("100.64.0.0", "100.127.255.255", true, true),
    ("127.0.0.0", "127.255.255.255", true, true),
    ("168.63.129.16", "168.63.129.16", true, true),
    ("169.254.0.0", "169.254.255.255", true, true),
    ("172.16.0.0", "172.31.255.255", true, true),
    ("192.0.0.0", "192.0.0.255", true, true),
    ("192.0.2.0", "192.0.2.255", true, true),
    ("192.88.99.0", "192.88.99.255", true, true),
    ("192.168.0.0", "192.168.255.255", true, true),
    ("198.18.0.0", "198.19.255.255", true, true),
    ("198.51.100.0", "198.51.100.255", true, true),
    ("203.0.113.0", "203.0.113.255", true, true),
    ("224.0.0.0", "239.255.255.255", true, false),
    ("240.0.0.0", "255.255.255.255", false, false),
    ("::", "::", false, false),
    ("::1", "::1", false, false),
    ("::2", "::fffe:ffff:ffff", false, false),
    ("64:ff9b::7f00:0", "64:ff9b::7fff:ffff", true, true),
    ("64:ff9b::a9fe:0", "64:ff9b::a9fe:ffff", true, true),
    (
        "64:ff9b:1::",
        "64:ff9b:1:ffff:ffff:ffff:ffff:ffff",
        false,
        false,
    ),
    ("100::", "100::ffff:ffff:ffff:ffff", false, false),
    (
        "2001::",
        "2001:0:ffff:ffff:ffff:ffff:ffff:ffff",
        true,
        false,
    ),
    (
        "2001:2::",
        "2001:2:0:ffff:ffff:ffff:ffff:ffff",
        false,
        false,
    ),
    (
        "2001:10::",
        "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff",
        false,
        true,
    ),
    (
        "2001:db8::",
        "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff",
        true,
        true,
    ),
    (
        "2002::",
        "2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
        true,
        true,
    ),
    (
        "3ffe::",
        "3ffe:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
        true,
        false,
    ),
    (
        "3fff::",
        "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff",
        false,
        true,
    ),
    ("4000::", "4000::ffff", true, false),
    (
        "5f00::",
        "5f00:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
        false,
        false,
    ),
    (
        "fc00::",
        "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
        false,
        false,
    ),
    (
        "fe80::",
        "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
        false,
        false,
    ),
    (
        "fec0::",
        "feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
        false,
        false,
    ),
    (
        "ff00::",
        "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
        false,
        false,
    ),
];

const GLOBAL: [&str; 14] = [
    "1.1.1.1",
    "8.8.8.8",
    "100.63.255.255",
    "172.15.0.1",
    "192.0.1.1",
    "198.17.0.1",
    "223.255.255.255",
    "2000::1",
    "2001:200::1",
    "2001:4860:4860::8888",
    "2606:4700:4700::1111",
    "2a00:1450::1",
    "64:ff9b::808:808",
    "3fff:1000::1",
];

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// The address `by` further on; `None` past the end of its family.
fn shifted(address: IpAddr, by: i128) -> Option<IpAddr> {
    match address {
        IpAddr::V4(address) => {
            let number = i128::from(address.to_bits()) + by;
            u32::try_from(number)
                .ok()
                .map(|bits| Ipv4Addr::from_bits(bits).into())
        }
        IpAddr::V6(address) => {
            let number = address.to_bits().checked_add_signed(by)?;
            Some(Ipv6Addr::from_bits(number).into())
        }
    }
}

fn middle(first: IpAddr, last: IpAddr) -> IpAddr {
    match (first, last) {
        (IpAddr::V4(first), IpAddr::V4(last)) => {
            Ipv4Addr::from_bits(first.to_bits().midpoint(last.to_bits())).into()
        }
        (IpAddr::V6(first), IpAddr::V6(last)) => {
            Ipv6Addr::from_bits(first.to_bits().midpoint(last.to_bits())).into()
        }
        _ => panic!("{first} and {last} are of two families"),
    }
}

#[test]
fn a_special_network_is_not_global_from_its_first_address_to_its_last() {
    for (first, last, before, after) in SPECIAL {
        let (first, last) = (ip(first), ip(last));
        for inside in [first, middle(first, last), last] {
            assert!(!is_global(inside), "{inside}");
        }
        for (outside, expected) in [(shifted(first, -1), before), (shifted(last, 1), after)] {
            let judged = outside.is_some_and(is_global);
            assert_eq!(judged, expected, "{outside:?}");
        }
    }
}

#[test]
fn an_ordinary_address_is_global() {
    for text in GLOBAL {
        assert!(is_global(ip(text)), "{text}");
    }
}

/// The ways to write an IPv4 address in a URL, in IPv6 among them.
fn spellings(address: Ipv4Addr) -> [String; 12] {
    let [a, b, c, d] = address.octets();
    let number = address.to_bits();
    let wide = |digit: char| char::from_u32(u32::from(digit) - 0x30 + 0xff10).unwrap();
    let text = address.to_string();
    [
        text.clone(),
        format!("{address}."),
        number.to_string(),
        format!("0x{number:X}"),
        format!("0{number:o}"),
        format!("{a}.{b}.{}", number & 0xffff),
        format!("{a}.0x{:x}", number & 0xff_ffff),
        format!("0{a:o}.0x{b:x}.0000{c:o}.{d}"),
        format!("%{:02X}{}", text.as_bytes()[0], &text[1..]),
        text.chars()
            .map(|digit| if digit == '.' { '。' } else { wide(digit) })
            .collect(),
        format!("[::ffff:{address}]"),
        format!("[0:0:0:0:0:FFFF:{:x}:{:x}]", number >> 16, number & 0xffff),
    ]
}

#[test]
fn a_special_address_is_refused_in_every_spelling_that_a_url_can_have() {
    let rules = DeliveriesConfig::default();
    let special = SPECIAL.iter().flat_map(|(first, last, ..)| [first, last]);
    for address in special.filter_map(|text| text.parse::<Ipv4Addr>().ok()) {
        for spelling in spellings(address) {
            let url = format!("https://{spelling}/shop");
            let refusal = Resource::parse(&url, &rules).unwrap_err();
            assert_eq!(
                refusal, "its address is not one of the public internet",
                "{url}"
            );
        }
    }
}

#[test]
fn an_ordinary_address_is_taken_in_the_same_spellings() {
    let rules = DeliveriesConfig::default();
    for address in GLOBAL
        .iter()
        .filter_map(|text| text.parse::<Ipv4Addr>().ok())
    {
        for spelling in spellings(address) {
            let url = format!("https://{spelling}/shop");
            let resource = Resource::parse(&url, &rules).unwrap();
            let found = resource.address().unwrap().ip().to_canonical();
            assert_eq!(found, address, "{url}");
        }
    }
}

#[test]
fn a_special_address_of_ipv6_is_refused_in_a_url() {
    let rules = DeliveriesConfig::default();
    let special = SPECIAL.iter().flat_map(|(first, last, ..)| [first, last]);
    for address in special.filter(|text| text.contains(':')) {
        let url = format!("https://[{address}]");
        let refusal = Resource::parse(&url, &rules).unwrap_err();
        assert_eq!(
            refusal, "its address is not one of the public internet",
            "{url}"
        );
    }
}
