//! What a party tells about itself: an opaque JSON object, kept as it was received.
//!
//! Whoever holds an [`Information`] may hand it to any JSON reader, a careless JavaScript one
//! included. Nothing in it is understood here but that `name` and `location` are short strings.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::value::RawValue;

use crate::json::{self, Raw};
use crate::refusal::Refusal;

/// The deepest information: the object itself is 1.
pub const MAX_INFORMATION_DEPTH: usize = 16;

/// The longest `name` or `location`, in code points.
pub const MAX_LABEL_CODE_POINTS: usize = 256;

/// A party's information, byte for byte as the party wrote it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Information(Raw);

impl Information {
    /// Checks an object that a party sent; `max_bytes` bounds its text as received.
    ///
    /// The refusal's field is `information`, `information.name` or `information.location`.
    pub fn parse(value: &RawValue, max_bytes: usize) -> Result<Self, Refusal> {
        let text = value.get();
        if !text.starts_with('{') {
            return Err(refuse("must be an object"));
        }
        if text.len() > max_bytes {
            return Err(refuse(format!("may have at most {max_bytes} bytes")));
        }
        let found = json::scan(text);
        if found.depth > MAX_INFORMATION_DEPTH {
            return Err(refuse(format!(
                "may be at most {MAX_INFORMATION_DEPTH} levels deep"
            )));
        }
        if found.broken_text {
            return Err(refuse("must not contain NUL or half a surrogate pair"));
        }
        if found.forbidden_key {
            return Err(refuse("no key may be __proto__, constructor or prototype"));
        }
        check_labels(text)?;
        Ok(Self(value.into()))
    }

    /// What a party tells that tells nothing: `{}`.
    #[must_use]
    pub fn empty() -> Self {
        Self(Raw::empty_object())
    }

    /// Takes information back from a store; `None` where the text is not a JSON object.
    ///
    /// It was checked when it came in, and limits that are stricter since then do not unmake it.
    #[must_use]
    pub fn restore(text: String) -> Option<Self> {
        Raw::parse(text)
            .filter(|raw| raw.as_str().starts_with('{'))
            .map(Self)
    }

    /// The text of the object.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

/// Blames the information as a whole.
fn refuse(msg: impl Into<Cow<'static, str>>) -> Refusal {
    Refusal::invalid_information("information", msg)
}

/// Checks every `name` and `location`, however often the object has them: readers differ in which
/// one they take.
fn check_labels(object: &str) -> Result<(), Refusal> {
    let mut result = Ok(());
    json::members(object, |key, value| {
        let field = match &*key {
            "name" => "information.name",
            "location" => "information.location",
            _ => return,
        };
        if result.is_ok() {
            result = check_label(field, value);
        }
    })
    .map_err(|_| refuse("must be an object"))?;
    result
}

fn check_label(field: &'static str, value: &RawValue) -> Result<(), Refusal> {
    let Some(label) = json::string(value) else {
        return Err(Refusal::invalid_information(field, "must be a string"));
    };
    if label.chars().count() > MAX_LABEL_CODE_POINTS {
        let msg = format!("may have at most {MAX_LABEL_CODE_POINTS} characters");
        return Err(Refusal::invalid_information(field, msg));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::code::Code;

    const MAX_BYTES: usize = 4096;

    fn parse(text: &str) -> Result<Information, Refusal> {
        Information::parse(serde_json::from_str(text).unwrap(), MAX_BYTES)
    }

    fn refused_field(text: &str) -> Option<&'static str> {
        let refusal = parse(text).unwrap_err();
        assert_eq!(refusal.code, Code::InvalidInformation, "{text}");
        refusal.field
    }

    fn nested(depth: usize) -> String {
        format!(
            "{}{{}}{}",
            r#"{"a":"#.repeat(depth - 1),
            "}".repeat(depth - 1)
        )
    }

    #[test]
    fn information_is_kept_byte_for_byte() {
        for text in [
            "{}",
            r#"{ "name" : "Ada", "location":"" }"#,
            r#"{"n":1.0e+2,"n":9007199254740993,"name":"\u0041\/","\ud83d\ude00":[null,true]}"#,
            "{\n\t\"name\": \"\u{2028}\u{feff}😀\"\r\n}",
        ] {
            assert_eq!(parse(text).unwrap().as_str(), text);
            assert_eq!(parse(&format!(" \n{text}\t")).unwrap().as_str(), text);
        }
    }

    #[test]
    fn what_is_not_an_object_is_refused() {
        for text in ["null", "true", "1", r#""{}""#, "[]", r#"[{"name":"Ada"}]"#] {
            assert_eq!(refused_field(text), Some("information"), "{text}");
        }
    }

    #[test]
    fn a_name_or_a_location_is_a_string_of_256_code_points_at_most() {
        for key in ["name", "location"] {
            let field = Some(if key == "name" {
                "information.name"
            } else {
                "information.location"
            });
            let of = |value: String| format!(r#"{{"{key}":{value}}}"#);
            for value in ["null", "1", "[]", "{}", "true"] {
                assert_eq!(refused_field(&of(value.into())), field, "{key} {value}");
            }
            for character in ["a", "é", "😀", r"\ud83d\ude00", r"\n"] {
                assert!(parse(&of(format!("\"{}\"", character.repeat(256)))).is_ok());
                assert_eq!(
                    refused_field(&of(format!("\"{}\"", character.repeat(257)))),
                    field
                );
            }
            assert_eq!(
                refused_field(&format!(r#"{{"{key}":"a","{key}":1}}"#)),
                field
            );
            assert_eq!(
                refused_field(&format!(r#"{{"{key}":1,"{key}":"a"}}"#)),
                field
            );
        }
        assert_eq!(
            refused_field(r#"{"\u006eame":1}"#),
            Some("information.name")
        );
        assert!(parse(r#"{"about":{"name":1},"Name":2}"#).is_ok());
    }

    #[test]
    fn the_limit_counts_bytes_as_received() {
        let filled = |bytes: usize| format!(r#"{{"a":"{}"}}"#, "x".repeat(bytes - 8));
        assert_eq!(filled(MAX_BYTES).len(), MAX_BYTES);
        assert!(parse(&filled(MAX_BYTES)).is_ok());
        assert_eq!(refused_field(&filled(MAX_BYTES + 1)), Some("information"));
        let spaced = format!("{{{}}}", " ".repeat(MAX_BYTES - 1));
        assert_eq!(refused_field(&spaced), Some("information"));
    }

    #[test]
    fn the_sixteenth_level_is_the_last() {
        assert!(parse(&nested(16)).is_ok());
        assert_eq!(refused_field(&nested(17)), Some("information"));
        assert!(parse(&format!(r#"{{"a":{}1{}}}"#, "[".repeat(15), "]".repeat(15))).is_ok());
        assert_eq!(
            refused_field(&format!(r#"{{"a":{}1{}}}"#, "[".repeat(16), "]".repeat(16))),
            Some("information")
        );
    }

    #[test]
    fn keys_that_change_prototypes_are_refused_at_any_depth() {
        for key in [
            "__proto__",
            "constructor",
            "prototype",
            r"\u005f_proto__",
            r"\u0063onstructor",
        ] {
            for text in [
                format!(r#"{{"{key}":1}}"#),
                format!(r#"{{"a":[{{"b":{{"{key}" : {{}}}}}}]}}"#),
            ] {
                assert_eq!(refused_field(&text), Some("information"), "{text}");
            }
            assert!(
                parse(&format!(r#"{{"a":"{key}","b":["{key}"],"x{key}":0}}"#)).is_ok(),
                "{key}"
            );
        }
    }

    #[test]
    fn broken_text_is_refused_wherever_it_stands() {
        for broken in [r"\u0000", r"\ud800", r"\udfff", r"\ud83dx", r"\ude00\ud83d"] {
            for text in [
                format!(r#"{{"name":"{broken}"}}"#),
                format!(r#"{{"{broken}":1}}"#),
                format!(r#"{{"a":[{{"b{broken}":"c"}}]}}"#),
            ] {
                assert_eq!(refused_field(&text), Some("information"), "{text}");
            }
        }
    }

    #[test]
    fn only_an_object_comes_back_from_a_store() {
        let text = r#"{"name":"Ada"}"#;
        assert_eq!(
            Information::restore(text.into()),
            Some(parse(text).unwrap())
        );
        for other in ["", "[]", "{", "{} {}", "null"] {
            assert_eq!(Information::restore(other.into()), None, "{other}");
        }
    }
}
