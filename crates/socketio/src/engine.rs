//! Engine.IO packets and polling payloads, protocols 3 and 4, without I/O.
//!
//! On a WebSocket a packet is a message of its own; over HTTP several are joined into a payload, which
//! is where the two protocols differ most ([`payload`]).

pub(crate) mod payload;
pub(crate) mod session;

/// The revision of the Engine.IO protocol that a peer speaks, from `EIO` in its query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// Clients of Socket.IO 1 and 2. The client sends the pings.
    V3,
    /// Clients of Socket.IO 3 and 4. The server sends the pings.
    V4,
}

impl Version {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        match text {
            "3" => Some(Self::V3),
            "4" => Some(Self::V4),
            _ => None,
        }
    }
}

/// How a peer wants its packets.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Format {
    pub(crate) version: Version,
    /// The peer cannot take bytes, and gets base64 (only in protocol 3, `b64=1`).
    pub(crate) base64: bool,
}

/// The type of a text packet: its first character.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Close,
    Ping,
    Pong,
    Message,
    Upgrade,
    Noop,
    /// A binary message that protocol 3 spells as text: `b`, the type, base64.
    Base64,
}

/// Splits a text packet into its type and data; `None` where a client may not send such a packet.
pub(crate) fn split(packet: &str) -> Option<(Kind, &str)> {
    let kind = match packet.as_bytes().first()? {
        b'1' => Kind::Close,
        b'2' => Kind::Ping,
        b'3' => Kind::Pong,
        b'4' => Kind::Message,
        b'5' => Kind::Upgrade,
        b'6' => Kind::Noop,
        b'b' => Kind::Base64,
        _ => return None,
    };
    Some((kind, &packet[1..]))
}

/// The type of a message packet as protocol 3 writes it in front of binary data.
pub(crate) const BINARY_MESSAGE: u8 = 4;

/// A packet of a payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Packet {
    Text(String),
    /// The bytes of a message; in protocol 3 with [`BINARY_MESSAGE`] in front.
    Binary(Vec<u8>),
}

impl Packet {
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Binary(bytes) => bytes.len(),
        }
    }
}
