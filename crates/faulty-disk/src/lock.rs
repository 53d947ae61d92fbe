//! The locks that connections have on a file, as `SQLite` defines them.

use std::collections::HashMap;

/// Who holds a lock: a file that was opened.
pub(crate) type Holder = u64;

/// How much a connection may do. Each includes those before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    #[default]
    None,
    Shared,
    Reserved,
    Pending,
    Exclusive,
}

/// The locks on one file.
#[derive(Debug, Default)]
pub(crate) struct Locks(HashMap<Holder, Level>);

impl Locks {
    /// Raises what `holder` has to `level`. Tells whether it could.
    pub(crate) fn raise(&mut self, holder: Holder, level: Level) -> bool {
        if self.level(holder) >= level {
            return true;
        }
        let others = self.others(holder);
        let granted = match level {
            Level::None => level,
            Level::Shared if others < Level::Pending => level,
            Level::Reserved | Level::Pending if others < Level::Reserved => level,
            Level::Exclusive if others < Level::Shared => level,
            // Nobody new may read, so that those who do are waited for once.
            Level::Exclusive if others < Level::Reserved => Level::Pending,
            _ => return false,
        };
        self.0.insert(holder, granted);
        granted == level
    }

    /// Lowers what `holder` has to `level`.
    pub(crate) fn lower(&mut self, holder: Holder, level: Level) {
        if level == Level::None {
            self.0.remove(&holder);
        } else if self.level(holder) > level {
            self.0.insert(holder, level);
        }
    }

    /// Whether anybody is about to write.
    pub(crate) fn is_reserved(&self) -> bool {
        self.0.values().any(|&level| level >= Level::Reserved)
    }

    fn level(&self, holder: Holder) -> Level {
        self.0.get(&holder).copied().unwrap_or_default()
    }

    fn others(&self, holder: Holder) -> Level {
        let others = self.0.iter().filter(|(other, _)| **other != holder);
        others.map(|(_, level)| *level).max().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_read_one_writes_and_who_waits_to_write_keeps_new_readers_out() {
        let mut locks = Locks::default();
        assert!(locks.raise(1, Level::Shared) && locks.raise(2, Level::Shared));
        assert!(locks.raise(1, Level::Reserved));
        assert!(locks.is_reserved() && !locks.raise(2, Level::Reserved));
        assert!(!locks.raise(1, Level::Exclusive));
        assert!(!locks.raise(3, Level::Shared));
        locks.lower(2, Level::None);
        assert!(locks.raise(1, Level::Exclusive));
        locks.lower(1, Level::Shared);
        assert!(locks.raise(3, Level::Shared) && !locks.is_reserved());
    }
}
