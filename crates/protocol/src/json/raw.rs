//! A JSON value that nobody looks into.
//!
//! It is shared, not copied, on its way from whoever sent it to everybody who is told, and no byte
//! of it changes. The text of a [`Raw`] is always one JSON value.

use std::sync::Arc;

use serde::ser::{Error as _, Serialize, Serializer};
use serde_json::value::RawValue;

/// One JSON value as it was written, byte for byte, without the white space around it.
///
/// A clone shares the text. Two values are equal when they are written the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Raw(Arc<str>);

impl Raw {
    /// Takes one JSON value; `None` where the text is not one.
    #[must_use]
    pub fn parse(text: String) -> Option<Self> {
        Self::restore(text.into())
    }

    /// Takes one JSON value that is shared already, and shares it; `None` where the text is not one.
    #[must_use]
    pub fn restore(text: Arc<str>) -> Option<Self> {
        let value: &RawValue = serde_json::from_str(&text).ok()?;
        if value.get().len() < text.len() {
            return Some(value.into());
        }
        Some(Self(text))
    }

    /// Takes a text that is put together of JSON values; whoever did that answers for the grammar.
    pub(crate) fn assembled(text: &str) -> Self {
        debug_assert!(
            Self::parse(text.to_owned()).is_some_and(|value| value.as_str() == text),
            "not JSON: {text}"
        );
        Self(text.into())
    }

    /// The object without members: `{}`.
    #[must_use]
    pub fn empty_object() -> Self {
        Self("{}".into())
    }

    /// The text of the value.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The shared text of the value.
    #[must_use]
    pub const fn as_arc(&self) -> &Arc<str> {
        &self.0
    }
}

impl From<&RawValue> for Raw {
    fn from(value: &RawValue) -> Self {
        Self(value.get().into())
    }
}

impl From<Raw> for Arc<str> {
    fn from(value: Raw) -> Self {
        value.0
    }
}

/// As a part of a larger document, for `serde_json` alone. Its grammar is checked once more, since
/// nothing else makes a raw value of a text: replies and pushes are written without this.
impl Serialize for Raw {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let value: &RawValue = serde_json::from_str(&self.0).map_err(S::Error::custom)?;
        value.serialize(serializer)
    }
}
