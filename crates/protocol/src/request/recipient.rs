//! Whom a message is for: a number, a WebSocket ID, or either of them within an object.
//!
//! A number names a party of the other kind, since nobody writes to their own. Whether there is
//! such a party or connection is not decided here.

use serde_json::value::RawValue;

use super::parameters::{Parameters, identifier, pick};
use crate::json;
use crate::party::{PartyId, PartyKind};
use crate::refusal::Refusal;

/// The longest WebSocket ID that can be written to, in bytes of UTF-8.
pub const MAX_WS_ID_BYTES: usize = 64;

/// Whom a `forward` is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recipient {
    /// The connection with this WebSocket ID: 1 to [`MAX_WS_ID_BYTES`] bytes, none of them control
    /// characters.
    Connection(String),
    /// A party, on whichever connection it is.
    Party(PartyId),
}

impl Recipient {
    /// `None` for what names neither a party of this kind nor a connection.
    fn parse(value: &RawValue, kind: PartyKind) -> Option<Self> {
        if let Some(number) = identifier(value) {
            return Some(Self::Party(kind.party(number)));
        }
        let ws_id = json::string(value)?;
        let fits = (1..=MAX_WS_ID_BYTES).contains(&ws_id.len());
        let plain = !ws_id.contains(char::is_control);
        (fits && plain).then(|| Self::Connection(ws_id.into_owned()))
    }

    /// The party, where one is named.
    fn party(self) -> Option<PartyId> {
        match self {
            Self::Party(party) => Some(party),
            Self::Connection(_) => None,
        }
    }
}

impl Parameters<'_> {
    /// The recipient of a message that may be for a connection.
    pub(super) fn recipient(&self) -> Result<Option<Recipient>, Refusal> {
        self.addressed(
            Some,
            "must be an integer from 1 to 2^53 - 1 or a WebSocket ID",
        )
    }

    /// The recipient of a message that can only be for a party.
    pub(super) fn recipient_party(&self) -> Result<Option<PartyId>, Refusal> {
        self.addressed(Recipient::party, "must be an integer from 1 to 2^53 - 1")
    }

    /// The recipient, where there is one; what `accept` does not take is refused.
    fn addressed<T>(
        &self,
        accept: impl FnOnce(Recipient) -> Option<T>,
        otherwise: &'static str,
    ) -> Result<Option<T>, Refusal> {
        let mut recipient = self.envelope.recipient;
        if let Some(object) = recipient.filter(|value| value.get().starts_with('{')) {
            [recipient] = pick("recipient", object, ["recipient"])?;
        }
        let Some(value) = recipient else {
            return Ok(None);
        };
        Recipient::parse(value, self.channel.sender().other())
            .and_then(accept)
            .map(Some)
            .ok_or_else(|| Refusal::invalid_parameters("recipient", otherwise))
    }
}
