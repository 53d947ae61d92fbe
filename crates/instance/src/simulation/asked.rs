//! What somebody has asked, kept until it is answered.

use nile_protocol::party::PartyId;
use serde::Deserialize;
use serde_json::Value;

use super::moment::Delivery;

#[derive(Clone, Debug)]
pub(super) struct Asked {
    /// The `id` that the answer has to bear.
    pub(super) id: Value,
    pub(super) what: What,
    /// The token that it came with.
    pub(super) token: Option<String>,
}

#[derive(Clone, Debug)]
pub(super) enum What {
    Register,
    Login {
        limit: Option<u32>,
        /// The token is known not to be valid.
        in_vain: bool,
    },
    Logout,
    Update,
    Rotate,
    Delete,
    /// The message of this place in the oracle's list.
    Send(usize),
    /// What is forwarded, by its place in the oracle's list.
    Forward(usize),
    Process {
        /// Whose queue it is.
        party: PartyId,
        /// Of these it was known that they are the asker's.
        own: Vec<i64>,
    },
    Withdraw {
        queue_id: i64,
        /// It was known to be the asker's.
        is_own: bool,
    },
    Status {
        queue_id: i64,
        is_own: bool,
    },
    Follow,
    Nodes,
    Ping,
}

impl What {
    /// The action of the request. Messages have one of several.
    pub(super) const fn action(&self) -> &'static str {
        match self {
            Self::Register => "register",
            Self::Login { .. } => "login",
            Self::Logout => "logout",
            Self::Update => "update",
            Self::Rotate => "rotateToken",
            Self::Delete => "delete",
            Self::Send(_) => "order",
            Self::Forward(_) => "forward",
            Self::Process { .. } => "processQueue",
            Self::Withdraw { .. } => "withdraw",
            Self::Status { .. } => "messageStatus",
            Self::Follow => "subscribeStatus",
            Self::Nodes => "updateNodeList",
            Self::Ping => "ping",
        }
    }
}

/// The body of an answer, or of what is told unasked.
#[derive(Debug, Deserialize)]
pub(super) struct Told {
    pub(super) action: String,
    #[serde(default)]
    pub(super) id: Value,
    pub(super) parameters: Parameters,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Parameters {
    pub(super) code: Option<String>,
    pub(super) token: Option<String>,
    /// The number of a party, or the sender's own name for a message.
    pub(super) id: Value,
    pub(super) queue_id: Option<i64>,
    pub(super) queue: Option<Vec<Delivery>>,
    pub(super) total: Option<usize>,
    pub(super) more: Option<bool>,
    pub(super) state: Option<String>,
    #[serde(rename = "onlineNodes")]
    pub(super) nodes: Option<Vec<Listed>>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Listed {
    pub(super) node_id: i64,
    pub(super) ws_id: Option<String>,
}

/// What somebody forwarded to a connection.
#[derive(Debug, Deserialize)]
pub(super) struct Forwarded {
    pub(super) sender: String,
    pub(super) content: Box<serde_json::value::RawValue>,
}
