//! What can go wrong beneath the domain: a driver that failed.
//!
//! A `Fault` is opaque on purpose: nobody above may act on what exactly failed, only that it did.
//! It never crosses the wire; whoever turns it into an answer logs its chain once.

use std::{error, sync::Arc};

/// What a driver said. Shared, because one failed commit is the cause of many faults.
pub(crate) type Cause = Arc<dyn error::Error + Send + Sync>;

/// A driver failed: the store, or the operating system's randomness.
///
/// The operation may or may not have taken effect; it is safe to ask for it again.
#[derive(Clone, Debug, thiserror::Error)]
#[error("could not {operation}")]
pub struct Fault {
    operation: &'static str,
    source: Cause,
}

impl Fault {
    /// A failure of `operation`, which reads on after "could not": `"register a client"`.
    pub(crate) fn new(
        operation: &'static str,
        source: impl Into<Box<dyn error::Error + Send + Sync>>,
    ) -> Self {
        Self::because(operation, Arc::from(source.into()))
    }

    /// The same, with a cause that other faults share.
    pub(crate) fn because(operation: &'static str, source: Cause) -> Self {
        Self { operation, source }
    }

    /// What was attempted, as it reads on after "could not".
    #[must_use]
    pub const fn operation(&self) -> &'static str {
        self.operation
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use super::*;

    #[test]
    fn a_fault_says_what_was_attempted_and_leaves_the_reason_to_its_source() {
        let fault = Fault::new("register a client", "the disk is full");
        assert_eq!(fault.to_string(), "could not register a client");
        assert_eq!(fault.source().unwrap().to_string(), "the disk is full");
    }
}
