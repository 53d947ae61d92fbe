//! What happened, a line each, and one number for all of it.
//!
//! **Nothing random of the product's own is in it**: tokens and WebSocket IDs are written as the places at
//! which they first appeared, so two runs of one seed say the same.

use std::{
    collections::HashMap,
    fmt,
    hash::{DefaultHasher, Hash, Hasher},
};

/// How many of the last lines a failure shows.
const SHOWN: usize = 60;

#[derive(Default)]
pub(super) struct Trace {
    pub(super) lines: Vec<String>,
    names: HashMap<String, usize>,
}

impl Trace {
    pub(super) fn note(&mut self, line: fmt::Arguments<'_>) {
        self.lines.push(line.to_string());
    }

    /// What stands for a WebSocket ID.
    pub(super) fn name(&mut self, ws_id: &str) -> usize {
        let next = self.names.len();
        *self.names.entry(ws_id.to_owned()).or_insert(next)
    }

    pub(super) fn digest(&self) -> u64 {
        // Unlike the one of a `HashMap`, this has the same keys every time.
        let mut hasher = DefaultHasher::new();
        self.lines.hash(&mut hasher);
        hasher.finish()
    }

    /// The end of it.
    pub(super) fn tail(&self) -> &[String] {
        let skipped = self.lines.len().saturating_sub(SHOWN);
        &self.lines[skipped..]
    }
}
