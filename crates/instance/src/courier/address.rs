//! Which addresses are on the public internet.
//!
//! Invariant: an address that could lead to this machine, to the networks around it, or to many machines at once is
//! never global. The tables follow the special-purpose registries (RFC 6890) on the strict side: what they call
//! reachable but nobody serves a shop from is left out as well. Exceptions are the operator's, not made here.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{Ipv4Net, Ipv6Net};

/// What is not global in IPv4.
const SPECIAL_V4: [Ipv4Net; 15] = [
    v4([0, 0, 0, 0], 8),       // this network: RFC 791, section 3.2
    v4([10, 0, 0, 0], 8),      // private: RFC 1918
    v4([100, 64, 0, 0], 10),   // between a provider and its customers: RFC 6598
    v4([127, 0, 0, 0], 8),     // this machine: RFC 1122, section 3.2.1.3
    v4([169, 254, 0, 0], 16),  // link-local: RFC 3927; cloud machines find their credentials here
    v4([172, 16, 0, 0], 12),   // private: RFC 1918
    v4([192, 0, 0, 0], 24),    // protocol assignments: RFC 6890, section 2.1
    v4([192, 0, 2, 0], 24),    // documentation: RFC 5737
    v4([192, 88, 99, 0], 24),  // relays of 6to4: RFC 7526
    v4([192, 168, 0, 0], 16),  // private: RFC 1918
    v4([198, 18, 0, 0], 15),   // benchmarks: RFC 2544
    v4([198, 51, 100, 0], 24), // documentation: RFC 5737
    v4([203, 0, 113, 0], 24),  // documentation: RFC 5737
    v4([224, 0, 0, 0], 4),     // multicast: RFC 5771
    v4([240, 0, 0, 0], 4),     // reserved: RFC 1112, section 4; broadcast: RFC 919
];

/// The agent of the host beneath a virtual machine, which a large provider put on a public address:
/// <https://learn.microsoft.com/azure/virtual-network/what-is-ip-address-168-63-129-16>.
const HOST_AGENT: Ipv4Addr = Ipv4Addr::new(168, 63, 129, 16);

/// All that has been allocated for machines to be reached at: RFC 4291, section 2.4. Outside are the unspecified
/// address and loopback, embedded IPv4 (`::a.b.c.d`, RFC 4291), local translators (`64:ff9b:1::/48`, RFC 8215),
/// discard (`100::/64`, RFC 6666), segment routing (`5f00::/16`, RFC 9602), unique local (`fc00::/7`, RFC 4193),
/// link-local (`fe80::/10`), site-local (`fec0::/10`, RFC 3879) and multicast (`ff00::/8`).
const ALLOCATED_V6: Ipv6Net = v6([0x2000, 0, 0], 3);

/// What of that is not global.
const SPECIAL_V6: [Ipv6Net; 5] = [
    v6([0x2001, 0, 0], 23), // protocol assignments: RFC 2928; Teredo, which carries IPv4: RFC 4380
    v6([0x2001, 0xdb8, 0], 32), // documentation: RFC 3849
    v6([0x2002, 0, 0], 16), // 6to4, which carries IPv4: RFC 3056
    v6([0x3ffe, 0, 0], 16), // an experiment that was given back: RFC 3701
    v6([0x3fff, 0, 0], 20), // documentation: RFC 9637
];

/// IPv4 behind a translator (RFC 6052, section 2.1): as global as the address in its last four bytes.
const TRANSLATED: Ipv6Net = v6([0x64, 0xff9b, 0], 96);

/// Whether `address` is one of the public internet. IPv4 written as IPv6 (`::ffff:a.b.c.d`) is judged as IPv4.
pub(super) fn is_global(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => is_global_v4(address),
        IpAddr::V6(address) if TRANSLATED.contains(&address) => {
            let [.., a, b, c, d] = address.octets();
            is_global_v4(Ipv4Addr::new(a, b, c, d))
        }
        IpAddr::V6(address) => {
            ALLOCATED_V6.contains(&address) && !SPECIAL_V6.iter().any(|net| net.contains(&address))
        }
    }
}

fn is_global_v4(address: Ipv4Addr) -> bool {
    address != HOST_AGENT && !SPECIAL_V4.iter().any(|net| net.contains(&address))
}

const fn v4([a, b, c, d]: [u8; 4], length: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), length)
}

/// The first three groups; the others are zero.
const fn v6([a, b, c]: [u16; 3], length: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0), length)
}
