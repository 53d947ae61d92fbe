//! Writing JSON straight into a buffer: objects whose members are known, and arrays of them.
//!
//! A value that is JSON already is copied, neither parsed nor changed; all others are written by
//! `serde_json`. Keys are ours and need no escapes. Nothing here can fail.

use serde::Serialize;

/// Most replies and messages are not longer than this, in bytes.
const USUAL_LENGTH: usize = 256;

/// The object that is being written.
pub(crate) struct Object<'a> {
    out: &'a mut Vec<u8>,
    /// What stands before the next member.
    separator: u8,
}

/// Appends one object, with the members that `fill` gives it.
pub(crate) fn object(out: &mut Vec<u8>, fill: impl FnOnce(&mut Object<'_>)) {
    let mut object = Object {
        out,
        separator: b'{',
    };
    fill(&mut object);
    if object.separator == b'{' {
        object.out.push(b'{');
    }
    object.out.push(b'}');
}

/// Appends one array; `write` appends an element.
pub(crate) fn array<T>(
    out: &mut Vec<u8>,
    elements: impl IntoIterator<Item = T>,
    mut write: impl FnMut(&mut Vec<u8>, T),
) {
    out.push(b'[');
    for (at, element) in elements.into_iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        write(out, element);
    }
    out.push(b']');
}

/// The text that `write` appends to nothing.
pub(crate) fn text(write: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut out = Vec::with_capacity(USUAL_LENGTH);
    write(&mut out);
    String::from_utf8(out).expect("JSON is written as UTF-8")
}

impl Object<'_> {
    /// Adds a member with this value.
    pub(crate) fn member(&mut self, key: &'static str, value: impl Serialize) {
        let out = self.key(key);
        serde_json::to_writer(out, &value)
            .expect("memory takes every write, and numbers and texts have a JSON form");
    }

    /// Adds a member whose value is this JSON text.
    pub(crate) fn raw(&mut self, key: &'static str, json: &str) {
        self.key(key).extend_from_slice(json.as_bytes());
    }

    /// Begins a member; what is appended to the buffer next is its value.
    pub(crate) fn key(&mut self, key: &'static str) -> &mut Vec<u8> {
        self.out.extend_from_slice(&[self.separator, b'"']);
        self.out.extend_from_slice(key.as_bytes());
        self.out.extend_from_slice(b"\":");
        self.separator = b',';
        self.out
    }
}
