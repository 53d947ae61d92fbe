//! Why a connection ends.

use std::{borrow::Cow, fmt};

/// A close that this side starts: a WebSocket close code (RFC 6455, section 7.4) and a reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Close {
    /// The close code, as RFC 6455 numbers them.
    pub code: u16,
    /// A short text for the peer's developer, at most 123 bytes.
    pub reason: Cow<'static, str>,
}

impl Close {
    /// The server goes away (1001): it shuts down.
    pub const GOING_AWAY: Self = Self::new(1001, "going away");

    /// The peer sent what is no packet (1002).
    pub(crate) const MALFORMED: Self = Self::protocol("not a packet of this protocol");

    /// A close with this code and reason.
    #[must_use]
    pub const fn new(code: u16, reason: &'static str) -> Self {
        Self {
            code,
            reason: Cow::Borrowed(reason),
        }
    }

    /// The peer broke the protocol (1002).
    #[must_use]
    pub const fn protocol(reason: &'static str) -> Self {
        Self::new(1002, reason)
    }

    /// Text that is not UTF-8 (1007).
    #[must_use]
    pub const fn not_utf8() -> Self {
        Self::new(1007, "text is not UTF-8")
    }

    /// The peer does what the server does not allow, such as flooding (1008).
    #[must_use]
    pub const fn policy(reason: &'static str) -> Self {
        Self::new(1008, reason)
    }

    /// A message is larger than the server takes (1009).
    #[must_use]
    pub const fn too_large() -> Self {
        Self::new(1009, "message too large")
    }
}

/// How a connection ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// The peer closed it, or its socket broke.
    Peer,
    /// The peer did not answer the heartbeat in time.
    Silent,
    /// The peer did not read what was sent to it in time.
    Stalled,
    /// This side closed it.
    Closed(Close),
}

impl From<Close> for End {
    fn from(close: Close) -> Self {
        Self::Closed(close)
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Peer => f.write_str("the peer left"),
            Self::Silent => f.write_str("the peer did not answer the heartbeat"),
            Self::Stalled => f.write_str("the peer did not read"),
            Self::Closed(close) => write!(f, "closed with {}: {}", close.code, close.reason),
        }
    }
}
