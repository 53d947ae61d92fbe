//! Tokens: one text each.

use crate::party::IDENTIFIERS;
use crate::token::Token;

/// A token renders to the text from which it was read, and its `Debug` output has nothing of its secret.
pub fn token(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let Some(token) = Token::parse(text) else {
        return;
    };
    assert_eq!(token.expose(), text);
    assert!(IDENTIFIERS.contains(&token.party().number()));
    let secret = text.splitn(3, '_').last().expect("a token has its parts");
    assert!(!format!("{token:?}").contains(secret));
}
