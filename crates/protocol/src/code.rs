//! The codes of refusals: stable, public, and the same on every transport.
//!
//! A code is never renamed. What a transport makes of it, such as an HTTP status, is decided there.

use std::fmt;

/// One table for the variants, [`Code::ALL`] and the words, so that none of them can lag behind.
macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident => $word:literal,)*) => {
        /// Why a request is refused.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Code {
            $($(#[$doc])* $name,)*
        }

        impl Code {
            /// Every code.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The word on the wire.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $word,)*
                }
            }
        }
    };
}

codes! {
    /// Not JSON, not an object, no action, a key twice in the envelope, or no such channel.
    InvalidRequest => "invalid_request",
    /// A parameter is missing or of the wrong type.
    InvalidParameters => "invalid_parameters",
    /// The information is not an object that we keep.
    InvalidInformation => "invalid_information",
    /// The hash is not a content identifier.
    InvalidHash => "invalid_hash",
    /// There is no such action on this channel.
    UnknownAction => "unknown_action",
    /// The token is unknown, revoked, malformed or of the other kind; nobody is told which.
    InvalidToken => "invalid_token",
    /// This needs a login on this connection.
    NotLoggedIn => "not_logged_in",
    /// This is not allowed here.
    Forbidden => "forbidden",
    /// Nobody whom the sender may address has this identifier.
    UnknownRecipient => "unknown_recipient",
    /// The connection that was addressed is not online.
    RecipientOffline => "recipient_offline",
    /// The sender has no such message.
    UnknownMessage => "unknown_message",
    /// The recipient's queue has no room for another message.
    QueueFull => "queue_full",
    /// The same id came before with other content.
    IdConflict => "id_conflict",
    /// The message is larger than the instance reads.
    TooLarge => "too_large",
    /// Too many requests; the refusal says how long to wait.
    RateLimited => "rate_limited",
    /// The instance cannot serve at the moment.
    Unavailable => "unavailable",
    /// The instance made a mistake.
    Internal => "internal",
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_word_of_a_code_is_its_name_in_snake_case() {
        for code in Code::ALL {
            let mut name = String::new();
            for c in format!("{code:?}").chars() {
                if c.is_uppercase() && !name.is_empty() {
                    name.push('_');
                }
                name.push(c.to_ascii_lowercase());
            }
            assert_eq!(code.as_str(), name);
        }
        assert_eq!(Code::ALL.len(), 17);
    }
}
