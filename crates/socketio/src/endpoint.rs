//! What an Engine.IO server serves: who may connect, and the conversation with each peer.

use crate::{conversation::Conversation, engine::Version, outbox::Outbox, websocket::Response};

/// Opens conversations whose messages are those of Engine.IO sessions.
pub trait Endpoint: Send + Sync + 'static {
    /// One peer's conversation, whatever transport carries it.
    type Conversation: Conversation;

    /// A peer asks for a session. An error is the response that refuses it.
    fn open(
        &self,
        request: &http::request::Parts,
        peer: Peer,
        outbox: Outbox,
    ) -> Result<Self::Conversation, Box<Response>>;
}

/// What a peer speaks.
#[derive(Clone, Copy, Debug)]
pub struct Peer {
    /// The revision of the Engine.IO protocol.
    pub version: Version,
    /// How the session begins.
    pub transport: Transport,
}

/// How a connection begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// HTTP long-polling; it may be upgraded to a WebSocket later.
    Polling,
    /// A WebSocket.
    WebSocket,
}
