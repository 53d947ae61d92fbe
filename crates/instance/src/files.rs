//! How many files the process may have open: a connection is one.

use std::num::NonZeroU32;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Files that are no connections: the database, the log, the runtime's own; connections that are being turned
/// away, and deliveries.
const OTHER_FILES: u64 = 192;

/// Raises the process's limit to what `connections` need, as far as the system lets it. Where that is not far
/// enough it tells the operator, and returns how many connections there is room for.
///
/// So whoever is too many is told so, as long as nobody else uses files up.
#[must_use]
pub fn allow(connections: NonZeroU32) -> NonZeroU32 {
    let wanted = u64::from(connections.get()) + OTHER_FILES;
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_none_or(|current| current >= wanted) {
        return connections;
    }
    let current = limit.maximum.map_or(wanted, |maximum| maximum.min(wanted));
    let raised = Rlimit {
        current: Some(current),
        maximum: limit.maximum,
    };
    let allowed = setrlimit(Resource::Nofile, raised).map_or(limit.current, |()| Some(current));
    let Some(allowed) = allowed.filter(|allowed| *allowed < wanted) else {
        return connections;
    };
    let room = room(allowed);
    tracing::warn!(
        allowed,
        wanted,
        connections = room,
        "the system allows fewer open files than limits.connections needs; taking fewer connections"
    );
    room
}

/// How many connections so many files have room for: one at least, for the rest the door has to wait.
fn room(files: u64) -> NonZeroU32 {
    let room = u32::try_from(files.saturating_sub(OTHER_FILES)).unwrap_or(u32::MAX);
    NonZeroU32::new(room).unwrap_or(NonZeroU32::MIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_connection_has_its_files_first() {
        let cases = [(0, 1), (192, 1), (193, 1), (194, 2), (1024, 832)];
        for (files, connections) in cases {
            assert_eq!(room(files).get(), connections, "{files} files");
        }
    }
}
