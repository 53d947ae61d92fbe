//! How many files the process may have open: a connection is one.

use std::num::NonZeroU32;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Files that are no connections: the database, the log, the runtime's own.
const OTHER_FILES: u64 = 64;

/// Raises the process's limit to what `connections` need, as far as the system lets it, and tells the
/// operator if that is not far enough.
pub fn allow(connections: NonZeroU32) {
    let wanted = u64::from(connections.get()) + OTHER_FILES;
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_none_or(|current| current >= wanted) {
        return;
    }
    let current = limit.maximum.map_or(wanted, |maximum| maximum.min(wanted));
    let raised = Rlimit {
        current: Some(current),
        maximum: limit.maximum,
    };
    let allowed = setrlimit(Resource::Nofile, raised).map_or(limit.current, |()| Some(current));
    if let Some(allowed) = allowed.filter(|allowed| *allowed < wanted) {
        tracing::warn!(
            allowed,
            wanted,
            "the system allows fewer open files than limits.connections needs"
        );
    }
}
