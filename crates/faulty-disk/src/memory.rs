//! The memory that the connections to one database share: the index of its log, and the locks on it.
//!
//! **A region stays where it is as long as anybody has the memory**, because `SQLite` keeps its address.
//! Whoever keeps the memory drops it when nobody has it any more, as the system does.

use std::{
    collections::HashMap,
    iter,
    ops::Range,
    sync::{Arc, atomic::AtomicU64},
};

use crate::lock::Holder;

/// How large a region is: what `SQLite` asks for, and never anything else.
pub(crate) const REGION: usize = 32 * 1024;

/// How many locks there are.
const LOCKS: usize = 8;

/// A region, aligned as the numbers that are kept in it need it.
type Region = Arc<[AtomicU64]>;

/// Which of the locks somebody holds, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hold {
    Nothing,
    Shared,
    Exclusive,
}

/// The memory of one database.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    regions: Vec<Region>,
    holders: HashMap<Holder, [Hold; LOCKS]>,
}

impl Memory {
    /// Where region `number` is. `None`: there is none, and it shall not be made.
    pub(crate) fn region(&mut self, holder: Holder, number: usize, make: bool) -> Option<*mut u8> {
        self.holders.entry(holder).or_insert([Hold::Nothing; LOCKS]);
        while make && self.regions.len() <= number {
            let zeros = iter::repeat_with(AtomicU64::default);
            self.regions.push(zeros.take(REGION / 8).collect());
        }
        let region = self.regions.get(number)?;
        Some(region.as_ptr().cast_mut().cast())
    }

    /// Changes what `holder` has of `locks`. Tells whether it could.
    pub(crate) fn lock(&mut self, holder: Holder, locks: Range<usize>, hold: Hold) -> bool {
        let is_in_the_way = |other: Hold| match hold {
            Hold::Nothing => false,
            Hold::Shared => other == Hold::Exclusive,
            Hold::Exclusive => other != Hold::Nothing,
        };
        let mut others = self.holders.iter().filter(|(other, _)| **other != holder);
        if others.any(|(_, held)| held[locks.clone()].iter().any(|&hold| is_in_the_way(hold))) {
            return false;
        }
        let own = self.holders.entry(holder).or_insert([Hold::Nothing; LOCKS]);
        own[locks].fill(hold);
        true
    }

    /// Lets go of it. Tells whether nobody has it any more.
    pub(crate) fn leave(&mut self, holder: Holder) -> bool {
        self.holders.remove(&holder);
        self.holders.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_one_memory_for_all_until_the_last_has_left() {
        let mut memory = Memory::default();
        assert!(memory.region(1, 0, false).is_none());
        let first = memory.region(1, 0, true).unwrap();
        memory.region(1, 5, true).unwrap();
        assert_eq!(memory.region(2, 0, false), Some(first));
        assert!(!memory.leave(1));
        assert_eq!(memory.region(2, 0, false), Some(first));
        assert!(memory.leave(2));
    }

    #[test]
    fn an_exclusive_lock_is_alone() {
        let mut memory = Memory::default();
        assert!(memory.lock(1, 3..4, Hold::Shared) && memory.lock(2, 3..4, Hold::Shared));
        assert!(!memory.lock(1, 2..5, Hold::Exclusive));
        assert!(memory.lock(2, 3..4, Hold::Nothing));
        assert!(memory.lock(1, 2..5, Hold::Exclusive) && !memory.lock(2, 4..5, Hold::Shared));
    }
}
