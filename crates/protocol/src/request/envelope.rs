//! The outermost object of a body, taken apart but not yet understood.
//!
//! No key comes twice in it, known or not, however it is escaped: readers differ in which of the
//! two they take, and some reader is always in between. Objects further inside are not looked at.

use serde_json::error::Category;
use serde_json::value::RawValue;

use crate::json;
use crate::refusal::Refusal;

/// The members of a body that the instance knows. All others are ignored.
#[derive(Debug, Default)]
pub(super) struct Envelope<'a> {
    pub(super) id: Option<&'a RawValue>,
    pub(super) action: Option<&'a RawValue>,
    pub(super) parameters: Option<&'a RawValue>,
    pub(super) token: Option<&'a RawValue>,
    pub(super) authentication: Option<&'a RawValue>,
    pub(super) recipient: Option<&'a RawValue>,
    pub(super) queue_id: Option<&'a RawValue>,
}

impl<'a> Envelope<'a> {
    /// Checks the grammar of the whole body, and takes its outermost object apart.
    pub(super) fn parse(body: &'a str) -> Result<Self, Refusal> {
        let mut envelope = Self::default();
        let mut others = Vec::new();
        let mut repeated = false;
        json::members(body, |key, value| {
            let member = match &*key {
                "id" => &mut envelope.id,
                "action" => &mut envelope.action,
                "parameters" => &mut envelope.parameters,
                "token" => &mut envelope.token,
                "authentication" => &mut envelope.authentication,
                "recipient" => &mut envelope.recipient,
                "queue_id" => &mut envelope.queue_id,
                _ => return others.push(key),
            };
            repeated |= member.replace(value).is_some();
        })
        .map_err(|error| refusal(&error))?;

        // Sorting keeps a body that is all keys from costing the square of their number.
        others.sort_unstable();
        repeated |= others.windows(2).any(|pair| pair[0] == pair[1]);
        if repeated {
            return Err(Refusal::invalid_request("a key comes twice"));
        }
        Ok(envelope)
    }
}

fn refusal(error: &serde_json::Error) -> Refusal {
    Refusal::invalid_request(match error.classify() {
        Category::Data => "not an object",
        Category::Io | Category::Syntax | Category::Eof => "not JSON",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(body: &str) -> String {
        Envelope::parse(body).unwrap_err().to_string()
    }

    #[test]
    fn members_are_found_in_any_order_and_spelling() {
        let body = r#" {"x":0,"token":"t","\u0061ction" : "ping","id":1,"y":0,"parameters":[ ],
            "queue_id": 5,"recipient":{"recipient":7}}"#;
        let envelope = Envelope::parse(body).unwrap();
        assert_eq!(envelope.action.unwrap().get(), r#""ping""#);
        assert_eq!(envelope.parameters.unwrap().get(), "[ ]");
        assert_eq!(envelope.token.unwrap().get(), r#""t""#);
        assert_eq!(envelope.id.unwrap().get(), "1");
        assert_eq!(envelope.queue_id.unwrap().get(), "5");
        assert_eq!(envelope.recipient.unwrap().get(), r#"{"recipient":7}"#);
        assert!(envelope.authentication.is_none());
    }

    #[test]
    fn a_key_that_comes_twice_is_refused() {
        for body in [
            r#"{"action":"ping","action":"ping"}"#,
            r#"{"action":"ping","\u0061ction":"login"}"#,
            r#"{"token":"a","action":"ping","token":"b"}"#,
            r#"{"id":null,"id":null}"#,
            r#"{"action":"queue","recipient":1,"recipient":1}"#,
            r#"{"queue_id":1,"action":"queue","queue_id":2}"#,
            r#"{"x":1,"action":"ping","y":2,"\u0078":3}"#,
            r#"{"":1,"":1}"#,
        ] {
            assert_eq!(
                refused(body),
                "invalid_request: a key comes twice",
                "{body}"
            );
        }
        assert!(Envelope::parse(r#"{"x":{"a":1,"a":1},"X":[{"x":1}]}"#).is_ok());
    }

    #[test]
    fn ten_thousand_keys_are_no_burden() {
        let members = |n: usize| {
            (0..n)
                .map(|i| format!("\"{i}\":0"))
                .collect::<Vec<_>>()
                .join(",")
        };
        let many = members(10_000);
        assert!(Envelope::parse(&format!("{{{many}}}")).is_ok());
        assert!(Envelope::parse(&format!("{{{many},\"0\":0}}")).is_err());
    }

    #[test]
    fn what_is_not_json_is_refused() {
        for body in [
            "",
            " ",
            "{",
            "{]",
            r#"{"a":1,}"#,
            r#"{"a":1}{"#,
            r#"{"a":1} x"#,
            r#"{"a":01}"#,
            r#"{"a":+1}"#,
            r#"{"a":NaN}"#,
            r#"{"a":'b'}"#,
            r#"{"a":"\x"}"#,
            r#"{"a":"\u12g4"}"#,
            r#"{"a":[1}"#,
            "{\"a\":1}//",
            "\u{feff}{}",
            r#"{"\ud800":1}"#,
        ] {
            assert_eq!(refused(body), "invalid_request: not JSON", "{body}");
        }
    }

    #[test]
    fn a_raw_control_character_in_a_string_is_not_json() {
        for control in '\0'..' ' {
            for body in [
                format!("{{\"a\":\"{control}\"}}"),
                format!("{{\"{control}\":1}}"),
                format!("{{\"a\":[{{\"b{control}\":1}}]}}"),
            ] {
                assert_eq!(refused(&body), "invalid_request: not JSON", "{control:?}");
            }
        }
        assert!(Envelope::parse("{\"a\":\"\u{7f}\"}").is_ok());
    }

    #[test]
    fn another_value_than_an_object_is_refused() {
        for body in ["null", "true", "1", "\"{}\"", "[]", "[{}]"] {
            assert_eq!(refused(body), "invalid_request: not an object", "{body}");
        }
    }
}
