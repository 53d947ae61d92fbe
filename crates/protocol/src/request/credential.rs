//! Whose request it is: the token, wherever in a request it may stand.
//!
//! What a request carries to somebody else is never searched for a token. Whether a token is alive
//! is not decided here.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::parameters::{Parameters, pick};
use crate::json;
use crate::refusal::Refusal;
use crate::token::Token;

/// Who a request about messages comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proof {
    /// No token was given: whoever the connection is logged in as.
    Connection,
    /// Whoever has this token; `None` is a string that no party of the sender's kind can have.
    Token(Option<Token>),
}

impl<'a> Parameters<'a> {
    /// The token of a request that needs one.
    pub(super) fn token(
        &self,
        in_parameters: Option<&'a RawValue>,
    ) -> Result<Option<Token>, Refusal> {
        match self.proof(in_parameters)? {
            Proof::Token(token) => Ok(token),
            Proof::Connection => Err(Refusal::invalid_parameters("token", "is missing")),
        }
    }

    /// The one token of the request, wherever it stands, and however often.
    pub(super) fn proof(&self, in_parameters: Option<&'a RawValue>) -> Result<Proof, Refusal> {
        let [in_authentication] = match self.envelope.authentication {
            Some(authentication) => pick("authentication", authentication, ["token"])?,
            None => [None],
        };
        let places = [in_parameters, in_authentication, self.envelope.token];
        let mut token = self.bearer.map(Cow::Borrowed);
        for value in places.into_iter().flatten() {
            let text = json::string(value)
                .ok_or_else(|| Refusal::invalid_parameters("token", "must be a string"))?;
            if token.is_some_and(|other| other != text) {
                return Err(Refusal::invalid_parameters(
                    "token",
                    "two places have different tokens",
                ));
            }
            token = Some(text);
        }
        Ok(token.map_or(Proof::Connection, |text| {
            let sender = self.channel.sender();
            Proof::Token(Token::parse(&text).filter(|token| token.kind() == sender))
        }))
    }
}
