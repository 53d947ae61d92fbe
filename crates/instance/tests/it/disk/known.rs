//! Something in the store, as far as it can be known.

use std::fmt::Debug;

/// What it may be: what was not answered may or may not have been done.
#[derive(Clone, Debug)]
pub(super) struct Known<T>(Vec<T>);

impl<T: Clone + Debug + PartialEq> Known<T> {
    pub(super) fn new(value: T) -> Self {
        Self(vec![value])
    }

    /// One or the other.
    pub(super) fn unsure(one: T, other: T) -> Self {
        Self(vec![one, other])
    }

    /// It was changed for sure, if that was answered.
    pub(super) fn change(&mut self, answered: bool, change: impl Fn(&T) -> T) {
        let changed: Vec<_> = self.0.iter().map(change).collect();
        if answered {
            self.0.clear();
        }
        for value in changed {
            if !self.0.contains(&value) {
                self.0.push(value);
            }
        }
    }

    /// It was looked at, and is one of those that `fit`.
    pub(super) fn see(&mut self, what: impl Debug, fit: impl Fn(&T) -> bool) {
        let before = self.0.clone();
        self.0.retain(fit);
        assert!(!self.0.is_empty(), "{what:?} is none of {before:?}");
    }

    pub(super) fn may_be(&self, fit: impl Fn(&T) -> bool) -> bool {
        self.0.iter().any(fit)
    }

    pub(super) fn must_be(&self, fit: impl Fn(&T) -> bool) -> bool {
        self.0.iter().all(fit)
    }
}
