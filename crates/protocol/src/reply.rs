//! What the instance answers, and its text on the wire.
//!
//! A reply is a value: whoever makes one neither sends nor writes it. Transports write the whole
//! body, or the parameters alone, and add nothing of their own to it.

mod page;
mod status;

pub use page::{Page, Row};
pub use status::{MessageState, MessageStatus};

use crate::cid::Cid;
use crate::information::Information;
use crate::json::{self, Object, Raw};
use crate::party::PartyId;
use crate::refusal::Refusal;
use crate::request::RequestId;
use crate::token::{DeliverySecret, Token};
use crate::verb::Verb;

/// An answer to one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// The party is known from now on.
    Registered {
        /// Its token, shown this once. Its number is in it.
        token: Token,
        /// With what a node that is reached over HTTP checks deliveries, shown this once, too.
        delivery_secret: Option<DeliverySecret>,
    },
    /// The party is who it says.
    Logged {
        /// Who it is.
        party: PartyId,
        /// Where a node's components are. A client has none.
        hash: Option<Cid>,
        /// What it last told about itself.
        information: Information,
        /// What waits for it.
        page: Page,
    },
    /// The information is replaced.
    Updated,
    /// The connection speaks for nobody any more.
    LoggedOut,
    /// The party is forgotten.
    Deleted,
    /// There is a new token.
    TokenRotated {
        /// It replaces the present one when it is first used.
        token: Token,
    },
    /// Somebody is there.
    Pinged,
    /// Which nodes are online. It is also said unasked, when that changes.
    OnlineNodes {
        /// An array, as [`online_nodes`](crate::push::online_nodes) writes it.
        nodes: Raw,
    },
    /// The connection that was named has been written to.
    Forwarded,
    /// The message is stored.
    Queued {
        /// Its number.
        queue_id: i64,
    },
    /// The message that came on a party channel is stored.
    Sent {
        /// Its number.
        queue_id: i64,
        /// Whether it was pushed to a connection of its recipient at once.
        pushed: bool,
    },
    /// What still waits for the party.
    Queue {
        /// The first part of it.
        page: Page,
    },
    /// What became of a message. It is also said unasked to those who subscribe to it.
    MessageStatus(MessageStatus),
    /// The message will not be delivered.
    Withdrawn {
        /// Its number.
        queue_id: i64,
    },
    /// The party hears, or no longer hears, what becomes of its messages.
    StatusSubscribed {
        /// Whether it hears it.
        on: bool,
    },
    /// The request is not served.
    Refused {
        /// What was asked for, where that is known.
        verb: Option<Verb>,
        /// Why not.
        refusal: Refusal,
    },
}

impl Reply {
    /// The action that the reply's body names.
    #[must_use]
    pub const fn action(&self) -> &'static str {
        match self {
            Self::Registered { .. } => "registered",
            Self::Logged { .. } => "logged",
            Self::Updated => "updated",
            Self::LoggedOut => "loggedOut",
            Self::Deleted => "deleted",
            Self::TokenRotated { .. } => "tokenRotated",
            Self::Pinged => "pinged",
            Self::OnlineNodes { .. } => "updateOnlineNodes",
            Self::Forwarded | Self::Sent { .. } => "forwarded",
            Self::Queued { .. } => "queued",
            Self::Queue { .. } => "updateQueue",
            Self::MessageStatus(_) => "messageStatus",
            Self::Withdrawn { .. } => "withdrawn",
            Self::StatusSubscribed { .. } => "statusSubscribed",
            Self::Refused {
                verb: Some(verb), ..
            } => verb.failed(),
            Self::Refused { verb: None, .. } => "error",
        }
    }

    /// Appends `{"action":…,"parameters":{…}}`, and `"id"` where the request had one.
    pub fn write_body(&self, id: Option<&RequestId>, out: &mut Vec<u8>) {
        json::object(out, |body| {
            body.member("action", self.action());
            self.write_parameters(body.key("parameters"));
            if let Some(id) = id {
                body.member("id", id);
            }
        });
    }

    /// Appends the parameters alone: `{…}`.
    pub fn write_parameters(&self, out: &mut Vec<u8>) {
        json::object(out, |parameters| self.add_to(parameters));
    }

    /// What [`Reply::write_body`] appends.
    #[must_use]
    pub fn to_body(&self, id: Option<&RequestId>) -> String {
        json::text(|out| self.write_body(id, out))
    }

    /// What [`Reply::write_parameters`] appends.
    #[must_use]
    pub fn to_parameters(&self) -> String {
        json::text(|out| self.write_parameters(out))
    }

    /// What the reply says, without its name. Only here are secrets written out.
    fn add_to(&self, parameters: &mut Object<'_>) {
        match self {
            Self::Registered {
                token,
                delivery_secret,
            } => {
                parameters.member("token", token.expose());
                parameters.member("id", token.party().number());
                if let Some(secret) = delivery_secret {
                    parameters.member("delivery_secret", secret.expose());
                }
            }
            Self::Logged {
                party,
                hash,
                information,
                page,
            } => {
                if let Some(hash) = hash {
                    parameters.member("hash", hash);
                }
                page.add_rows_to(parameters);
                parameters.raw("information", information.as_str());
                parameters.member("id", party.number());
                page.add_counts_to(parameters);
            }
            Self::TokenRotated { token } => parameters.member("token", token.expose()),
            Self::Pinged => parameters.member("success", true),
            Self::OnlineNodes { nodes } => parameters.raw("onlineNodes", nodes.as_str()),
            Self::Forwarded => parameters.member("type", "forward"),
            Self::Sent { queue_id, pushed } => {
                parameters.member("success", true);
                parameters.member("type", if *pushed { "forward" } else { "queue" });
                parameters.member("queue_id", queue_id);
            }
            Self::Queue { page } => {
                page.add_rows_to(parameters);
                page.add_counts_to(parameters);
            }
            Self::MessageStatus(status) => status.add_to(parameters),
            Self::Queued { queue_id } | Self::Withdrawn { queue_id } => {
                parameters.member("queue_id", queue_id);
            }
            Self::StatusSubscribed { on } => parameters.member("on", on),
            Self::Refused { refusal, .. } => refuse(refusal, parameters),
            Self::Updated | Self::LoggedOut | Self::Deleted => {}
        }
    }
}

fn refuse(refusal: &Refusal, parameters: &mut Object<'_>) {
    parameters.member("code", refusal.code.as_str());
    parameters.member("msg", &refusal.msg);
    if let Some(field) = refusal.field {
        parameters.member("field", field);
    }
    if let Some(seconds) = refusal.retry_after {
        parameters.member("retry_after", seconds);
    }
}

#[cfg(test)]
mod tests;
