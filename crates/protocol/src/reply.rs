//! What the instance answers, and its text on the wire.
//!
//! A reply is a value: whoever makes one neither sends nor writes it. Transports write the whole
//! body, or the parameters alone, and add nothing of their own to it.

use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::cid::Cid;
use crate::information::Information;
use crate::json::Raw;
use crate::party::PartyId;
use crate::refusal::Refusal;
use crate::request::RequestId;
use crate::token::Token;
use crate::verb::Verb;

/// An answer to one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// The party is known from now on.
    Registered {
        /// Its token, shown this once. Its number is in it.
        token: Token,
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
    /// The request is not served.
    Refused {
        /// What was asked for, where that is known.
        verb: Option<Verb>,
        /// Why not.
        refusal: Refusal,
    },
}

/// A first part of the messages that wait for a party, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// The rows of this page.
    pub queue: Vec<Raw>,
    /// How many messages wait in all.
    pub total: u64,
    /// Whether this page is not all of them.
    pub more: bool,
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
            Self::Refused {
                verb: Some(verb), ..
            } => verb.failed(),
            Self::Refused { verb: None, .. } => "error",
        }
    }

    /// Appends `{"action":…,"parameters":{…}}`, and `"id"` where the request had one.
    pub fn write_body(&self, id: Option<&RequestId>, out: &mut Vec<u8>) {
        write(&Body { reply: self, id }, out);
    }

    /// Appends the parameters alone: `{…}`.
    pub fn write_parameters(&self, out: &mut Vec<u8>) {
        write(&Parameters(self), out);
    }

    /// What [`Reply::write_body`] appends.
    #[must_use]
    pub fn to_body(&self, id: Option<&RequestId>) -> String {
        serde_json::to_string(&Body { reply: self, id }).expect(INFALLIBLE)
    }

    /// What [`Reply::write_parameters`] appends.
    #[must_use]
    pub fn to_parameters(&self) -> String {
        serde_json::to_string(&Parameters(self)).expect(INFALLIBLE)
    }
}

const INFALLIBLE: &str = "memory takes every write, and every key is a string";

fn write(value: &impl Serialize, out: &mut Vec<u8>) {
    serde_json::to_writer(out, value).expect(INFALLIBLE);
}

/// The whole text of a reply.
struct Body<'a> {
    reply: &'a Reply,
    id: Option<&'a RequestId>,
}

impl Serialize for Body<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("action", self.reply.action())?;
        map.serialize_entry("parameters", &Parameters(self.reply))?;
        if let Some(id) = self.id {
            map.serialize_entry("id", id)?;
        }
        map.end()
    }
}

/// What a reply says, without its name. Only here is a token written out.
struct Parameters<'a>(&'a Reply);

impl Serialize for Parameters<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        match self.0 {
            Reply::Registered { token } => {
                map.serialize_entry("token", &token.expose())?;
                map.serialize_entry("id", &token.party().number())?;
            }
            Reply::Logged {
                party,
                hash,
                information,
                page,
            } => {
                if let Some(hash) = hash {
                    map.serialize_entry("hash", hash)?;
                }
                map.serialize_entry("queue", &page.queue)?;
                map.serialize_entry("information", information)?;
                map.serialize_entry("id", &party.number())?;
                map.serialize_entry("total", &page.total)?;
                map.serialize_entry("more", &page.more)?;
            }
            Reply::Updated | Reply::LoggedOut | Reply::Deleted => {}
            Reply::TokenRotated { token } => map.serialize_entry("token", &token.expose())?,
            Reply::Pinged => map.serialize_entry("success", &true)?,
            Reply::Refused { refusal, .. } => {
                map.serialize_entry("code", refusal.code.as_str())?;
                map.serialize_entry("msg", &refusal.msg)?;
                if let Some(field) = refusal.field {
                    map.serialize_entry("field", field)?;
                }
                if let Some(seconds) = refusal.retry_after {
                    map.serialize_entry("retry_after", &seconds)?;
                }
            }
        }
        map.end()
    }
}

#[cfg(test)]
mod tests;
