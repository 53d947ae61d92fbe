//! What we ask of JSON beyond its grammar.
//!
//! `serde_json` alone decides what is JSON, once, over the whole text. What it lets through in
//! values that are kept raw, and what JavaScript readers trip over, is found here by a scan without
//! recursion: no text can exhaust the stack. Nothing is re-serialised, and numbers are not judged:
//! they stay as they were written.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer as _, MapAccess, Visitor};
use serde_json::value::RawValue;

mod raw;
mod write;

pub use raw::Raw;
pub(crate) use write::{Object, array, object, text};

/// Keys that change the prototype of an object in a careless JavaScript reader.
const FORBIDDEN_KEYS: [&str; 3] = ["__proto__", "constructor", "prototype"];

/// What a scan of a JSON text found. It does not judge: limits differ from place to place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// Containers within each other: 0 for a scalar, 1 for `{}`, 2 for `[[]]`.
    pub depth: usize,
    /// A string or a key has an escaped NUL or half a surrogate pair, which are no text elsewhere.
    pub broken_text: bool,
    /// A key is `__proto__`, `constructor` or `prototype`, however it is escaped.
    pub forbidden_key: bool,
}

/// Scans one valid JSON text. Of a text that is not JSON the findings mean nothing.
#[must_use]
pub fn scan(json: &str) -> Findings {
    let bytes = json.as_bytes();
    let mut findings = Findings::default();
    let mut depth: usize = 0;
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        at += 1;
        match byte {
            b'{' | b'[' => {
                depth += 1;
                findings.depth = findings.depth.max(depth);
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            b'"' => {
                let end = end_of_string(bytes, at);
                let is_key = next_is_colon(&bytes[end..]);
                findings.see_string(&json[at - 1..end], is_key);
                at = end;
            }
            _ => {}
        }
    }
    findings
}

impl Findings {
    /// `quoted` is a string or a key with its quotation marks.
    fn see_string(&mut self, quoted: &str, is_key: bool) {
        // No other escape can spell a NUL, a surrogate or a letter.
        if !quoted.contains("\\u") {
            self.forbidden_key |= is_key && FORBIDDEN_KEYS.contains(&quoted.trim_matches('"'));
        } else if let Some(text) = decode(quoted) {
            self.broken_text |= text.contains('\0');
            self.forbidden_key |= is_key && FORBIDDEN_KEYS.contains(&&*text);
        } else {
            self.broken_text = true;
        }
    }
}

/// Where the string ends whose first character is at `at`: the index after its quotation mark.
fn end_of_string(bytes: &[u8], mut at: usize) -> usize {
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    bytes.len()
}

/// Only a key is followed by a colon, so nobody needs to remember which containers are open.
fn next_is_colon(bytes: &[u8]) -> bool {
    let next = bytes
        .iter()
        .find(|byte| !matches!(byte, b' ' | b'\t' | b'\n' | b'\r'));
    next == Some(&b':')
}

/// The text of a quoted string; `None` where it holds half a surrogate pair.
fn decode(quoted: &str) -> Option<Cow<'_, str>> {
    let Text(text) = serde_json::from_str(quoted).ok()?;
    Some(text)
}

/// The text of a JSON string, borrowed where nothing in it is escaped; `None` for other values.
pub(crate) fn string(value: &RawValue) -> Option<Cow<'_, str>> {
    decode(value.get())
}

/// The integer that a JSON number writes without fraction and exponent; `None` for other values.
pub(crate) fn integer(value: &RawValue) -> Option<i64> {
    value.get().parse().ok()
}

/// Shows each member of a JSON object, keys decoded, in order, repeated ones too.
///
/// An error means that `json` is not an object, or not JSON; what was shown before it means nothing.
pub(crate) fn members<'a>(
    json: &'a str,
    see: impl FnMut(Cow<'a, str>, &'a RawValue),
) -> Result<(), serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_str(json);
    deserializer.deserialize_map(Members(see))?;
    deserializer.end()
}

struct Members<F>(F);

impl<'de, F: FnMut(Cow<'de, str>, &'de RawValue)> Visitor<'de> for Members<F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        while let Some((Text(key), value)) = map.next_entry()? {
            (self.0)(key, value);
        }
        Ok(())
    }
}

/// A string that borrows from the input where it can, which a bare `Cow` does not.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

#[cfg(test)]
mod tests;
