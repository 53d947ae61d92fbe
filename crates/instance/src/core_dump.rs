//! The image of a process's memory that the system writes when it crashes: tokens and messages would be in it.

use rustix::process::{Resource, Rlimit, setrlimit};

/// Has the system write none of this process. Where it refuses, the operator is told.
pub fn forbid() {
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    if let Err(error) = setrlimit(Resource::Core, none) {
        tracing::warn!(%error, "if this process crashes, an image of its memory may be written, with tokens in it");
    }
}
