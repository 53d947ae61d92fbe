//! Who takes part: clients (shoppers) and nodes (shops).

use std::fmt;
use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

/// The largest integer that every JSON reader keeps exactly: 2^53 − 1.
///
/// No identifier, correlation number or limit on the wire is larger.
pub const MAX_INTEGER: i64 = (1 << 53) - 1;

/// The numbers that parties and messages can have.
pub const IDENTIFIERS: RangeInclusive<i64> = 1..=MAX_INTEGER;

/// A client's identifier, unique among the clients of this instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ClientId(pub i64);

/// A node's identifier, unique among the nodes of this instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NodeId(pub i64);

/// The two kinds of party.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PartyKind {
    /// A shopper's app.
    Client,
    /// A shop.
    Node,
}

/// Anyone who can log in.
///
/// Clients and nodes are numbered independently, so a bare integer names two
/// parties at once. Everything that addresses a party takes a `PartyId`.
///
/// ```
/// use nile_protocol::party::{ClientId, NodeId, PartyId};
/// assert_ne!(PartyId::Client(ClientId(1)), PartyId::Node(NodeId(1)));
/// ```
///
/// One does not become the other:
/// ```compile_fail,E0308
/// # use nile_protocol::party::{ClientId, NodeId, PartyId};
/// PartyId::Node(ClientId(1));
/// ```
/// ```compile_fail,E0277
/// # use nile_protocol::party::{ClientId, NodeId, PartyId};
/// let node: NodeId = ClientId(1).into();
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PartyId {
    /// A client, by its number among clients.
    Client(ClientId),
    /// A node, by its number among nodes.
    Node(NodeId),
}

impl PartyId {
    /// Which of the two kinds this is.
    #[must_use]
    pub const fn kind(self) -> PartyKind {
        match self {
            Self::Client(_) => PartyKind::Client,
            Self::Node(_) => PartyKind::Node,
        }
    }

    /// The number alone, as the wire has it where the kind is known from the channel.
    #[must_use]
    pub const fn number(self) -> i64 {
        match self {
            Self::Client(ClientId(id)) | Self::Node(NodeId(id)) => id,
        }
    }
}

impl PartyKind {
    /// The word of the specification, as it stands in channels: `client` or `node`.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Node => "node",
        }
    }

    /// The kind that parties of this kind write to.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Client => Self::Node,
            Self::Node => Self::Client,
        }
    }

    /// The party of this kind that has this number.
    #[must_use]
    pub const fn party(self, number: i64) -> PartyId {
        match self {
            Self::Client => PartyId::Client(ClientId(number)),
            Self::Node => PartyId::Node(NodeId(number)),
        }
    }
}

impl fmt::Display for PartyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Client(ClientId(id)) => write!(f, "client {id}"),
            Self::Node(NodeId(id)) => write!(f, "node {id}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_party_is_written_with_its_kind() {
        assert_eq!(PartyKind::Client.party(7).to_string(), "client 7");
        assert_eq!(PartyKind::Node.party(7).to_string(), "node 7");
    }
}
