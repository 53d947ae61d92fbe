//! The number or text by which a party tells its requests apart.
//!
//! It means nothing to the instance beyond being the same each time. `1.0` and `1e0` are no
//! integers here: a reply could not repeat them as they were written.

use serde::Serialize;
use serde_json::value::RawValue;

use crate::json;
use crate::party::MAX_INTEGER;
use crate::refusal::Refusal;

/// The longest id that is a text, in bytes of UTF-8.
pub const MAX_TEXT_ID_BYTES: usize = 64;

/// What a reply repeats of its request.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(untagged)]
pub enum RequestId {
    /// From −(2^53 − 1) to 2^53 − 1.
    Integer(i64),
    /// At most [`MAX_TEXT_ID_BYTES`] bytes, without NUL.
    Text(String),
}

impl RequestId {
    pub(super) fn parse(value: &RawValue) -> Option<Self> {
        if let Some(integer) = json::integer(value) {
            return (-MAX_INTEGER..=MAX_INTEGER)
                .contains(&integer)
                .then_some(Self::Integer(integer));
        }
        text(value).map(Self::Text)
    }

    /// The answer to what is no id.
    pub(super) fn refusal() -> Refusal {
        Refusal::invalid_parameters(
            "id",
            "must be an integer below 2^53 or a string of at most 64 bytes",
        )
    }
}

/// The text of an id that is one: at most [`MAX_TEXT_ID_BYTES`] bytes, without NUL.
pub(super) fn text(value: &RawValue) -> Option<String> {
    let text = json::string(value)?;
    let fits = text.len() <= MAX_TEXT_ID_BYTES && !text.contains('\0');
    fits.then(|| text.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(json: &str) -> Option<RequestId> {
        RequestId::parse(serde_json::from_str(json).unwrap())
    }

    #[test]
    fn an_integer_that_javascript_keeps_is_an_id() {
        for integer in [0, 1, -1, MAX_INTEGER, -MAX_INTEGER] {
            assert_eq!(
                parse(&integer.to_string()),
                Some(RequestId::Integer(integer))
            );
        }
        assert_eq!(parse("-0"), Some(RequestId::Integer(0)));
        for json in [
            "9007199254740992",
            "-9007199254740992",
            "9223372036854775808",
            "1.0",
            "1e3",
            "1E0",
            "0.5",
            "null",
            "true",
            "[1]",
            r#"{"id":1}"#,
        ] {
            assert_eq!(parse(json), None, "{json}");
        }
    }

    #[test]
    fn a_text_of_64_bytes_is_an_id() {
        let text = |text: &str| parse(&format!("\"{text}\""));
        assert_eq!(text(""), Some(RequestId::Text(String::new())));
        assert_eq!(text(r"a\n\u00e9"), Some(RequestId::Text("a\né".into())));
        assert_eq!(text(&"é".repeat(32)), Some(RequestId::Text("é".repeat(32))));
        assert_eq!(text(&"a".repeat(65)), None);
        assert_eq!(text(&format!("{}a", "é".repeat(32))), None);
        assert_eq!(text(r"a\u0000"), None);
        assert_eq!(text(r"\ud800"), None);
    }
}
