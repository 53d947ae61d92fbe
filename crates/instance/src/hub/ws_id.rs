//! WebSocket IDs: how connections are named to others.

use std::fmt;

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};

/// A WebSocket ID: 128 random bits that name a connection to others.
///
/// It is public, and never the id of an Engine.IO session, which is a credential.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct WsId([u8; 16]);

impl WsId {
    /// An id that no connection has had.
    #[must_use]
    pub fn fresh() -> Self {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).expect("the operating system gives randomness");
        Self(bytes)
    }

    /// Reads an id as somebody wrote it; `None` where no id is written so.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut bytes = [0; 16];
        let length = BASE64_URL_SAFE_NO_PAD.decode_slice(text, &mut bytes).ok()?;
        (length == bytes.len()).then_some(Self(bytes))
    }

    #[cfg(test)]
    pub(super) const fn numbered(number: u8) -> Self {
        Self([number; 16])
    }
}

/// 22 characters of base64url.
impl fmt::Display for WsId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&BASE64_URL_SAFE_NO_PAD.encode(self.0))
    }
}

impl fmt::Debug for WsId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_read_as_it_is_written_and_in_no_other_way() {
        let id = WsId::fresh();
        let text = id.to_string();
        assert_eq!(text.len(), 22);
        assert_eq!(WsId::parse(&text), Some(id));
        for other in [
            "",
            "a",
            &text[..21],
            &format!("{text}A"),
            &format!("{text}=="),
            &text.repeat(100),
            "!!!!!!!!!!!!!!!!!!!!!!",
            "______________________",
        ] {
            assert_eq!(WsId::parse(other), None, "{other}");
        }
    }
}
