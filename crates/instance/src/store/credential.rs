//! What a party proves itself with: its token, and during a rotation the next one.
//!
//! **At least one token that the party has been given is always live, and using the newer one ends
//! the older.** Pure rules, no SQL; hashes are compared in constant time, and both of them always.

use std::time::Duration;

use crate::{clock::Timestamp, token::TokenHash};

/// How long a new token waits for its first use before it is discarded.
const NEXT_TOKEN_LIFE: Duration = Duration::from_hours(24);

/// Which of a party's live tokens was presented.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LiveToken {
    /// The one it has been using.
    Current,
    /// The one that a rotation gave it, used for the first time. It becomes the only one when it
    /// is confirmed.
    Next,
}

/// Who a request is from, as far as that has to be proved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Authority {
    /// From a connection that is logged in: it was proved before.
    Session,
    /// From whoever has this token.
    Token(TokenHash),
}

/// What became of a request that a token may have had to authorise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proven<T> {
    /// Nothing: there is no such party, or the token is not one of its live ones.
    InvalidToken,
    /// It was served, and what it changed is durable.
    Done {
        /// The token was the one that a rotation had given, used for the first time: now it is the
        /// only one, whatever the outcome is.
        confirmed: bool,
        /// What came of it.
        outcome: T,
    },
}

/// What became of a change that can only be made or not authorised.
pub type Change = Proven<()>;

/// The hashes of a party's live tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Credential {
    pub(super) current: TokenHash,
    pub(super) next: Option<NextToken>,
}

/// A token that has been handed out and not been used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NextToken {
    pub(super) hash: TokenHash,
    pub(super) since: Timestamp,
}

impl Credential {
    /// What a presented token is compared with when there is no such party, so that this takes as
    /// long. No known secret has this hash.
    pub(super) const NOBODY: Self = Self {
        current: TokenHash::from_bytes([0; 32]),
        next: None,
    };

    /// Which live token `presented` is, if any.
    pub(super) fn recognise(&self, presented: TokenHash, now: Timestamp) -> Option<LiveToken> {
        let next = self.next.unwrap_or(NextToken {
            hash: Self::NOBODY.current,
            since: now,
        });
        let is_current = presented == self.current;
        let is_next = presented == next.hash;
        if is_current {
            Some(LiveToken::Current)
        } else if is_next && self.next.is_some() && now.since(next.since) < NEXT_TOKEN_LIFE {
            Some(LiveToken::Next)
        } else {
            None
        }
    }

    /// The credential after `used` was used.
    pub(super) fn after(self, used: LiveToken) -> Self {
        match (used, self.next) {
            (LiveToken::Next, Some(next)) => Self {
                current: next.hash,
                next: None,
            },
            _ => self,
        }
    }

    /// The credential with a new token to come, in place of one that was never used.
    pub(super) fn rotated(self, hash: TokenHash, now: Timestamp) -> Self {
        Self {
            next: Some(NextToken { hash, since: now }),
            ..self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{LiveToken::*, *};

    const DAY: i64 = 24 * 60 * 60 * 1000;

    fn hash(number: u8) -> TokenHash {
        TokenHash::of(&[number; 32])
    }

    fn rotating() -> Credential {
        Credential {
            current: hash(1),
            next: None,
        }
        .rotated(hash(2), Timestamp(1_000))
    }

    #[test]
    fn both_tokens_live_until_the_newer_one_is_used() {
        let credential = rotating();
        assert_eq!(
            credential.recognise(hash(1), Timestamp(1_000)),
            Some(Current)
        );
        assert_eq!(credential.recognise(hash(2), Timestamp(1_000)), Some(Next));
        assert_eq!(credential.recognise(hash(3), Timestamp(1_000)), None);

        assert_eq!(credential.after(Current), credential);
        assert_eq!(
            credential.after(Next),
            Credential {
                current: hash(2),
                next: None
            }
        );
    }

    #[test]
    fn a_new_token_lives_for_a_day_and_not_a_millisecond_longer() {
        let credential = rotating();
        assert_eq!(
            credential.recognise(hash(2), Timestamp(1_000 + DAY - 1)),
            Some(Next)
        );
        assert_eq!(credential.recognise(hash(2), Timestamp(1_000 + DAY)), None);
        assert_eq!(
            credential.recognise(hash(1), Timestamp(1_000 + DAY)),
            Some(Current)
        );
    }

    #[test]
    fn a_clock_that_is_set_back_discards_nothing() {
        assert_eq!(rotating().recognise(hash(2), Timestamp(0)), Some(Next));
    }

    #[test]
    fn a_second_rotation_replaces_the_token_that_was_never_used() {
        let credential = rotating().rotated(hash(3), Timestamp(2_000));
        assert_eq!(credential.recognise(hash(2), Timestamp(2_000)), None);
        assert_eq!(credential.recognise(hash(3), Timestamp(2_000)), Some(Next));
    }

    #[test]
    fn an_absent_next_token_is_nobodys() {
        let credential = Credential {
            current: hash(1),
            next: None,
        };
        assert_eq!(
            credential.recognise(Credential::NOBODY.current, Timestamp(0)),
            None
        );
    }
}
