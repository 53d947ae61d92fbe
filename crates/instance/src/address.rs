//! Whose request it is, also when a proxy stands between.
//!
//! Invariant: not a byte of a header is believed unless the connection itself
//! comes from a trusted proxy, and never a hop to the left of one that is not
//! trusted. It does not look at `X-Real-IP`, names or the PROXY protocol.

use std::net::IpAddr;

use http::HeaderMap;
use http::header::FORWARDED;
use ipnet::{IpNet, Ipv4Net};
use serde::{Deserialize, Serialize};

mod hop;
#[cfg(test)]
mod tests;

const X_FORWARDED_FOR: &str = "x-forwarded-for";

/// The address on whose behalf a request came over a connection from `peer`.
///
/// From a peer that is not in `trusted` it is the peer. Otherwise the hops in
/// `Forwarded` (RFC 7239) or `X-Forwarded-For` are walked from the right: the
/// first that is not trusted is the client; if all are, the left-most is. A hop
/// that is no address (`unknown`, obfuscated, malformed, empty) ends the walk at
/// the last address believed.
///
/// Where both headers are present and agree, `Forwarded` is as good as the other.
/// Where they disagree, neither is believed and the answer is the peer: a proxy
/// commonly writes one of them and passes the client's own version of the other on.
///
/// IPv4 addresses written as IPv6 (`::ffff:192.0.2.1`) are answered as IPv4.
#[must_use]
pub fn client_address(peer: IpAddr, headers: &HeaderMap, trusted: &Networks) -> IpAddr {
    let peer = peer.to_canonical();
    if !trusted.contains(peer) {
        return peer;
    }
    let forwarded = headers.contains_key(FORWARDED).then(|| {
        let lines = headers.get_all(FORWARDED).iter().rev();
        let elements = lines.flat_map(|line| hop::from_the_right(line.as_bytes(), b','));
        walk(peer, elements.map(hop::forwarded), trusted)
    });
    let x_forwarded_for = headers.contains_key(X_FORWARDED_FOR).then(|| {
        let lines = headers.get_all(X_FORWARDED_FOR).iter().rev();
        let elements = lines.flat_map(|line| line.as_bytes().rsplit(|byte| *byte == b','));
        walk(peer, elements.map(hop::address), trusted)
    });
    match (forwarded, x_forwarded_for) {
        (Some(one), Some(other)) if one != other => peer,
        (Some(client), _) | (None, Some(client)) => client,
        (None, None) => peer,
    }
}

/// Follows `hops`, nearest first, for as long as they are trusted.
fn walk(peer: IpAddr, hops: impl Iterator<Item = Option<IpAddr>>, trusted: &Networks) -> IpAddr {
    let mut believed = peer;
    for hop in hops {
        let Some(address) = hop else { break };
        believed = address;
        if !trusted.contains(address) {
            break;
        }
    }
    believed
}

/// A list of networks from the configuration: `["10.0.0.0/8", "2001:db8::/32"]`.
///
/// A bare address is the network of that one address.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<String>", into = "Vec<String>")]
pub struct Networks(Vec<IpNet>);

/// A text in a list of networks that is none.
#[derive(Debug, thiserror::Error)]
#[error(
    "`{0}` is not a network: write one such as 10.0.0.0/8, 2001:db8::/32 or a single address 192.0.2.1"
)]
pub struct InvalidNetwork(String);

impl Networks {
    /// Whether `address` lies in one of these networks, in either spelling of IPv4.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(&address))
    }

    /// Whether some address lies in both lists.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        let meets = |one: &IpNet, two: &IpNet| one.contains(two) || two.contains(one);
        self.0
            .iter()
            .any(|one| other.0.iter().any(|two| meets(one, two)))
    }
}

impl TryFrom<Vec<String>> for Networks {
    type Error = InvalidNetwork;

    fn try_from(texts: Vec<String>) -> Result<Self, InvalidNetwork> {
        let parse = |text: String| parse_network(&text).ok_or(InvalidNetwork(text));
        texts
            .into_iter()
            .map(parse)
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

impl From<Networks> for Vec<String> {
    fn from(networks: Networks) -> Self {
        networks.0.iter().map(ToString::to_string).collect()
    }
}

fn parse_network(text: &str) -> Option<IpNet> {
    let network = match text.parse::<IpAddr>() {
        Ok(address) => IpNet::from(address),
        Err(_) => text.parse().ok()?,
    };
    Some(canonical(network).trunc())
}

/// Addresses are compared in their canonical form, so networks are kept in it too.
fn canonical(network: IpNet) -> IpNet {
    match (network.addr().to_canonical(), network.prefix_len()) {
        (IpAddr::V4(address), length @ 96..) if network.addr().is_ipv6() => {
            Ipv4Net::new(address, length - 96).map_or(network, IpNet::V4)
        }
        _ => network,
    }
}
