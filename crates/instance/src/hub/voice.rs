//! How the hub reaches a connection: where to put a frame, and in which form.
//!
//! What the forms are is the transports' business.

use std::{cell::OnceCell, fmt, ptr, sync::Arc};

use nile_protocol::{
    json::Raw,
    party::{PartyId, PartyKind},
    push::Push,
};
use nile_socketio::{Frame, Outbox, Refused};

use super::ws_id::WsId;

/// Writes what a connection is told unasked, as its transport has it.
pub trait Dialect: Send + Sync {
    /// A message of a party of this kind. One with a `queue_id` can be acknowledged.
    fn message(&self, from: PartyKind, body: &str, queue_id: Option<i64>) -> Frame;

    /// What the instance itself says, under every name by which the connection hears it.
    fn said(&self, to: PartyKind, body: &str) -> Arc<[Frame]>;
}

/// The way to one connection.
#[derive(Clone)]
pub struct Voice {
    /// Where its frames are put.
    pub outbox: Outbox,
    /// The form they have.
    pub dialect: &'static dyn Dialect,
}

/// A connection, and the way to it.
#[derive(Clone, Debug)]
pub struct Line {
    /// Which one it is.
    pub connection: WsId,
    /// How it is reached.
    pub voice: Voice,
}

impl Voice {
    /// Whether frames for this connection are also frames for the other.
    pub(super) fn sounds_like(&self, dialect: &'static dyn Dialect) -> bool {
        ptr::addr_eq(self.dialect, dialect)
    }

    pub(super) fn push(&self, message: &Message) -> Result<(), Refused> {
        let from = message.from.kind();
        let frame = self
            .dialect
            .message(from, message.body(), Some(message.queue_id));
        self.outbox.push_numbered(message.queue_id, frame)
    }
}

impl fmt::Debug for Voice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.outbox.fmt(f)
    }
}

/// A message by party, on its way to whoever receives it.
#[derive(Debug)]
pub struct Message {
    /// Its number in the queue.
    pub queue_id: i64,
    from: PartyId,
    content: Raw,
    body: OnceCell<String>,
}

impl Message {
    /// The message of this number.
    #[must_use]
    pub const fn new(queue_id: i64, from: PartyId, content: Raw) -> Self {
        Self {
            queue_id,
            from,
            content,
            body: OnceCell::new(),
        }
    }

    /// What every recipient hears, written once.
    fn body(&self) -> &str {
        self.body.get_or_init(|| {
            let Self {
                queue_id,
                from,
                ref content,
                ..
            } = *self;
            Push {
                queue_id,
                sender: from,
                content,
            }
            .to_body()
        })
    }
}
