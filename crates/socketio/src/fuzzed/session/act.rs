//! What a peer may do.

use arbitrary::Arbitrary;

use crate::engine::{BINARY_MESSAGE, Packet, Version};

/// A whole life of a peer.
#[derive(Arbitrary, Debug)]
pub(super) struct Script<'a> {
    /// Whether it speaks protocol 3.
    pub(super) old: bool,
    /// Whether it says that it cannot take bytes.
    pub(super) base64: bool,
    /// Whether its session begins with polling.
    pub(super) polls: bool,
    /// What it does; it says nothing more then.
    pub(super) acts: Vec<Act<'a>>,
}

#[derive(Arbitrary, Debug)]
pub(super) enum Act<'a> {
    /// Says something, on the WebSocket if it has one.
    Say(Words<'a>),
    /// Says it in a post although it may have a WebSocket.
    Post(Words<'a>),
    /// Posts any body.
    PostBytes { binary: bool, body: &'a [u8] },
    /// Sends one frame with any first byte.
    Frame { first: u8, payload: &'a [u8] },
    /// Sends what may be no frame at all.
    Bytes(&'a [u8]),
    /// Asks for what waits.
    Poll,
    /// Gives up the oldest of its requests.
    Abandon,
    /// Begins to change to a WebSocket.
    Upgrade,
    /// Sends any request.
    Request {
        post: bool,
        query: &'a str,
        body: &'a [u8],
    },
    /// Reads some KiB of what the WebSocket has for it.
    Read(u8),
    /// Lets so many sixteenths of a second pass.
    Wait(u16),
    /// Somebody sends it a message of so many times 64 bytes.
    Push(u8),
    /// There are news.
    Tell,
    /// The server wants to close.
    Close,
    /// One of the works that it asked for is done.
    Finish(u8),
    /// It goes without a word.
    Leave,
}

/// What a peer says, in packets.
#[derive(Arbitrary, Debug)]
pub(super) enum Words<'a> {
    /// So many requests in a row.
    Ask {
        what: What,
        ack: Option<u8>,
        attachments: &'a [u8],
        times: u8,
    },
    /// One packet with any text.
    Text(&'a str),
    /// One packet of bytes.
    Binary(&'a [u8]),
    Connect,
    ConnectTo(&'a str),
    Disconnect,
    Acknowledge(u16),
    Ping,
    Pong,
    Probe,
    Switch,
    Close,
}

/// What the desk does for it.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub(super) enum What {
    Now,
    Large,
    Later,
    Alone,
    Close,
}

impl What {
    /// The name of the event that asks for it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Now => "now",
            Self::Large => "large",
            Self::Later => "later",
            Self::Alone => "alone",
            Self::Close => "close",
        }
    }
}

impl Words<'_> {
    pub(super) fn packets(&self, version: Version) -> Vec<Packet> {
        let text = |text: &str| vec![Packet::Text(text.to_owned())];
        match self {
            Self::Ask {
                what,
                ack,
                attachments,
                times,
            } => {
                let once = ask(*what, *ack, attachments, version);
                vec![once; usize::from(*times)].concat()
            }
            Self::Text(any) => text(any),
            Self::Binary(bytes) => vec![Packet::Binary(bytes.to_vec())],
            Self::Connect => text("40"),
            Self::ConnectTo(namespace) => text(&format!("40/{namespace},")),
            Self::Disconnect => text("41"),
            Self::Acknowledge(id) => text(&format!("43{id}[]")),
            Self::Ping => text("2"),
            Self::Pong => text("3"),
            Self::Probe => text("2probe"),
            Self::Switch => text("5"),
            Self::Close => text("1"),
        }
    }
}

/// A request with an attachment for each of these bytes, ten at most.
fn ask(what: What, ack: Option<u8>, attachments: &[u8], version: Version) -> Vec<Packet> {
    let attachments = &attachments[..attachments.len().min(10)];
    let (kind, count) = match attachments.len() {
        0 => ('2', String::new()),
        count => ('5', format!("{count}-")),
    };
    let ack = ack.map(|ack| ack.to_string()).unwrap_or_default();
    let text = format!("4{kind}{count}{ack}[\"{}\"]", what.name());
    let bytes = attachments.iter().map(|byte| match version {
        Version::V4 => vec![*byte],
        Version::V3 => vec![BINARY_MESSAGE, *byte],
    });
    let bytes = bytes.map(Packet::Binary);
    std::iter::once(Packet::Text(text)).chain(bytes).collect()
}
