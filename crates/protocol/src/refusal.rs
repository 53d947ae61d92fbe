//! The answer to a request that is not served.
//!
//! A refusal speaks our words only: nothing that a peer sent is repeated in it. It does not know
//! which request it answers; [`Reply::Refused`](crate::reply::Reply::Refused) does.

use std::borrow::Cow;
use std::fmt;

use crate::code::Code;

/// Why a request is refused, for the program (`code`, `field`) and for its author (`msg`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The stable reason.
    pub code: Code,
    /// One plain sentence in English; it may change between versions.
    pub msg: Cow<'static, str>,
    /// The member of the request that is wrong, as a path: `information.name`.
    pub field: Option<&'static str>,
    /// After how many whole seconds the request may be tried again.
    pub retry_after: Option<u32>,
}

impl Refusal {
    /// A refusal that blames no field.
    #[must_use]
    pub fn new(code: Code, msg: impl Into<Cow<'static, str>>) -> Self {
        Self {
            code,
            msg: msg.into(),
            field: None,
            retry_after: None,
        }
    }

    /// The message as a whole cannot be read.
    #[must_use]
    pub fn invalid_request(msg: &'static str) -> Self {
        Self::new(Code::InvalidRequest, msg)
    }

    /// `field` is missing or of the wrong type.
    #[must_use]
    pub fn invalid_parameters(field: &'static str, msg: &'static str) -> Self {
        Self {
            field: Some(field),
            ..Self::new(Code::InvalidParameters, msg)
        }
    }

    /// The information, or the one member of it that `field` names, is not what we keep.
    #[must_use]
    pub fn invalid_information(field: &'static str, msg: impl Into<Cow<'static, str>>) -> Self {
        Self {
            field: Some(field),
            ..Self::new(Code::InvalidInformation, msg)
        }
    }

    /// The hash is not a content identifier.
    #[must_use]
    pub fn invalid_hash() -> Self {
        Self {
            field: Some("hash"),
            ..Self::new(
                Code::InvalidHash,
                "must be a content identifier (CID), bare or after ipfs://",
            )
        }
    }

    /// There is no such action on this channel.
    #[must_use]
    pub fn unknown_action() -> Self {
        Self::new(
            Code::UnknownAction,
            "there is no such action on this channel",
        )
    }

    /// The one answer to every token that does not let its bearer in.
    #[must_use]
    pub fn invalid_token() -> Self {
        Self::new(Code::InvalidToken, "token not valid")
    }

    /// This needs a token, or a connection that is logged in.
    #[must_use]
    pub fn not_logged_in() -> Self {
        Self::new(Code::NotLoggedIn, "log in first, or send a token")
    }

    /// This is not allowed here; `msg` says why.
    #[must_use]
    pub fn forbidden(msg: &'static str) -> Self {
        Self::new(Code::Forbidden, msg)
    }

    /// The one answer for parties that do not exist and for those that the sender may not write to.
    #[must_use]
    pub fn unknown_recipient() -> Self {
        Self::new(
            Code::UnknownRecipient,
            "nobody with this id can be written to",
        )
    }

    /// No connection that the sender may write to has this WebSocket ID.
    #[must_use]
    pub fn recipient_offline() -> Self {
        Self::new(
            Code::RecipientOffline,
            "nobody is online with this WebSocket ID",
        )
    }

    /// The one answer for messages that do not exist and for those of others.
    #[must_use]
    pub fn unknown_message() -> Self {
        Self::new(Code::UnknownMessage, "you have sent no such message")
    }

    /// There is no room for this message; `msg` says where.
    #[must_use]
    pub fn queue_full(msg: &'static str) -> Self {
        Self::new(Code::QueueFull, msg)
    }

    /// A message with this id was accepted before, and it was another one.
    #[must_use]
    pub fn id_conflict() -> Self {
        Self::new(
            Code::IdConflict,
            "another message of yours has this id already",
        )
    }

    /// The message has more than `limit` bytes.
    #[must_use]
    pub fn too_large(limit: usize) -> Self {
        Self::new(
            Code::TooLarge,
            format!("a message may have at most {limit} bytes"),
        )
    }

    /// Too many requests; the next may come in `seconds`.
    #[must_use]
    pub fn rate_limited(seconds: u32) -> Self {
        Self {
            retry_after: Some(seconds),
            ..Self::new(Code::RateLimited, "too many requests, try again later")
        }
    }

    /// The instance cannot serve at the moment; `msg` says why.
    #[must_use]
    pub fn unavailable(msg: &'static str) -> Self {
        Self::new(Code::Unavailable, msg)
    }

    /// The instance made a mistake, and keeps its details to its own log.
    #[must_use]
    pub fn internal() -> Self {
        Self::new(Code::Internal, "the instance made a mistake")
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.msg)?;
        match self.field {
            Some(field) => write!(f, " ({field})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Refusal {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_reads_as_code_message_and_field() {
        let refusal = Refusal::invalid_parameters("limit", "must be an integer");
        assert_eq!(
            refusal.to_string(),
            "invalid_parameters: must be an integer (limit)"
        );
        assert_eq!(
            Refusal::invalid_token().to_string(),
            "invalid_token: token not valid"
        );
        assert_eq!(
            Refusal::unknown_recipient().to_string(),
            "unknown_recipient: nobody with this id can be written to"
        );
    }
}
