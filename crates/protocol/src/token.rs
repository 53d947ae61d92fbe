//! The secret token of a party, as text: `nlc_<id>_<secret>` for clients, `nln_…` for nodes.
//!
//! A token has exactly one text: whatever parses renders to the same bytes again. It carries the
//! party's number so that a store finds the row by its key. Making secrets, hashing and comparing
//! them is the instance's work, not done here. The other secret that is handed out, a node's
//! [`DeliverySecret`], is hidden here in the same way.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::party::{IDENTIFIERS, PartyId, PartyKind};

/// Bytes of a token's secret.
pub const SECRET_BYTES: usize = 32;

/// Proof of being `party`, as far as the secret is the one the instance gave out.
///
/// The secret appears only where [`Token::expose`] or [`Token::secret`] is called; `Debug` hides it.
/// Equality takes a time that depends on the secret: compare hashes where a stranger can measure.
#[derive(Clone, PartialEq, Eq)]
pub struct Token {
    party: PartyId,
    secret: [u8; SECRET_BYTES],
}

impl Token {
    /// A token for `party`, whose number is in 1…2^53 − 1; others have no text that parses.
    #[must_use]
    pub const fn new(party: PartyId, secret: [u8; SECRET_BYTES]) -> Self {
        Self { party, secret }
    }

    /// Reads the one text of a token; `None` for every other string.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (kind, rest) = [PartyKind::Client, PartyKind::Node]
            .into_iter()
            .find_map(|kind| Some((kind, text.strip_prefix(prefix(kind))?)))?;
        let (number, secret) = rest.split_once('_')?;
        Some(Self::new(
            kind.party(parse_number(number)?),
            parse_secret(secret)?,
        ))
    }

    /// The text that its party keeps and shows.
    #[must_use]
    pub fn expose(&self) -> String {
        let mut text = format!("{}{}_", prefix(self.kind()), self.party.number());
        URL_SAFE_NO_PAD.encode_string(self.secret, &mut text);
        text
    }

    /// Whose token this claims to be.
    #[must_use]
    pub const fn party(&self) -> PartyId {
        self.party
    }

    /// The kind of the party whose token this claims to be.
    #[must_use]
    pub const fn kind(&self) -> PartyKind {
        self.party.kind()
    }

    /// The secret itself.
    #[must_use]
    pub const fn secret(&self) -> &[u8; SECRET_BYTES] {
        &self.secret
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token")
            .field("party", &self.party)
            .finish_non_exhaustive()
    }
}

/// The key with which a node that is reached over HTTP checks who delivers to it, as text.
///
/// It appears only where [`DeliverySecret::expose`] is called; `Debug` hides it.
#[derive(Clone, PartialEq, Eq)]
pub struct DeliverySecret(String);

impl DeliverySecret {
    /// Takes the text of a secret.
    #[must_use]
    pub const fn new(text: String) -> Self {
        Self(text)
    }

    /// The text that the node keeps.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for DeliverySecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("DeliverySecret").finish_non_exhaustive()
    }
}

const fn prefix(kind: PartyKind) -> &'static str {
    match kind {
        PartyKind::Client => "nlc_",
        PartyKind::Node => "nln_",
    }
}

/// Digits alone, no leading zero, 1…2^53 − 1: `str::parse` would also take `+7` and `007`.
fn parse_number(digits: &str) -> Option<i64> {
    let canonical = !digits.starts_with('0') && digits.bytes().all(|byte| byte.is_ascii_digit());
    let number = digits.parse().ok().filter(|_| canonical)?;
    IDENTIFIERS.contains(&number).then_some(number)
}

/// The engine refuses padding, other alphabets, bits set past the last byte, and what would not fit.
fn parse_secret(text: &str) -> Option<[u8; SECRET_BYTES]> {
    let mut secret = [0; SECRET_BYTES];
    let written = URL_SAFE_NO_PAD.decode_slice(text, &mut secret).ok()?;
    (written == SECRET_BYTES).then_some(secret)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::party::MAX_INTEGER;

    const ZEROS: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

    proptest! {
        #[test]
        fn a_token_is_read_as_it_was_written(number in 1..=MAX_INTEGER, secret: [u8; 32], client: bool) {
            let kind = if client { PartyKind::Client } else { PartyKind::Node };
            let token = Token::new(kind.party(number), secret);
            prop_assert_eq!(Token::parse(&token.expose()), Some(token));
        }

        #[test]
        fn what_parses_has_no_other_text(text in "nl[cn]_[+0-9]{1,17}_[-_A-Za-z0-9=]{42,44}") {
            if let Some(token) = Token::parse(&text) {
                prop_assert_eq!(token.expose(), text);
            }
        }

        #[test]
        fn a_token_with_one_character_changed_is_another_or_none(
            secret: [u8; 32],
            at in 0..49_usize,
            character in any::<char>(),
        ) {
            let token = Token::new(PartyKind::Client.party(7), secret);
            let mut characters: Vec<char> = token.expose().chars().collect();
            prop_assume!(characters[at] != character);
            characters[at] = character;
            let changed: String = characters.into_iter().collect();
            prop_assert_ne!(Token::parse(&changed), Some(token));
        }
    }

    #[test]
    fn a_token_has_the_text_that_is_documented() {
        let token = Token::new(PartyKind::Client.party(1), [0; 32]);
        assert_eq!(token.expose(), format!("nlc_1_{ZEROS}"));
        let token = Token::new(PartyKind::Node.party(MAX_INTEGER), [255; 32]);
        assert_eq!(
            token.expose(),
            "nln_9007199254740991___________________________________________8"
        );
        assert_eq!(token.secret(), &[255; 32]);
    }

    #[test]
    fn only_the_canonical_text_is_a_token() {
        assert!(Token::parse(&format!("nlc_9007199254740991_{ZEROS}")).is_some());
        let short = &ZEROS[1..];
        for text in [
            String::new(),
            "nlc_".into(),
            "nlc_1_".into(),
            format!("nlc__{ZEROS}"),
            format!("nlc_0_{ZEROS}"),
            format!("nlc_01_{ZEROS}"),
            format!("nlc_+1_{ZEROS}"),
            format!("nlc_-1_{ZEROS}"),
            format!("nlc_\u{661}_{ZEROS}"),
            format!("nlc_1 _{ZEROS}"),
            format!("nlc_9007199254740992_{ZEROS}"),
            format!("nlc_18446744073709551617_{ZEROS}"),
            format!("nlx_1_{ZEROS}"),
            format!("NLC_1_{ZEROS}"),
            format!(" nlc_1_{ZEROS}"),
            format!("nlc_1_{ZEROS} "),
            format!("nlc_1_{ZEROS}A"),
            format!("nlc_1_{ZEROS}="),
            format!("nlc_1_{short}"),
            format!("nlc_1_{short}="),
            format!("nlc_1_{short}+"),
            format!("nlc_1_{short}/"),
            format!("nlc_1_{short}é"),
            // The last character carries four bits; these would set the two that nobody reads.
            format!("nlc_1_{short}B"),
            format!("nlc_1_{short}D"),
        ] {
            assert_eq!(Token::parse(&text), None, "{text}");
        }
    }

    #[test]
    fn a_token_in_a_log_shows_no_secret() {
        let token = Token::new(PartyKind::Client.party(7), [170; 32]);
        assert_eq!(
            format!("{token:?}"),
            "Token { party: Client(ClientId(7)), .. }"
        );
    }
}
