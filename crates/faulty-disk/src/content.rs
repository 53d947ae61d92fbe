//! One file: what is read from it, and what of that a loss of power leaves.
//!
//! **A sector is written or it is not**; nothing larger is. A sync that fails is the last that is heard
//! of what it did not write: it is read, or not any more, but no later sync writes it. Whoever else has
//! written that is told when it syncs next, as `fsync(2)` of Linux promises, and nobody else is.

use std::collections::HashSet;

use fastrand::Rng;

use crate::lock::Holder;

/// How much a disk writes at once.
const SECTOR: usize = 512;

/// Something that was done to a file and not yet synced.
#[derive(Clone, Debug)]
enum Change {
    Write { at: usize, bytes: Vec<u8> },
    Truncate { length: usize },
}

/// A file's content.
#[derive(Clone, Debug, Default)]
pub(crate) struct Content {
    /// What is read.
    cached: Vec<u8>,
    /// What is on the disk.
    durable: Vec<u8>,
    /// What is to be, and by whom.
    unsynced: Vec<(Holder, Change)>,
    /// Those of whose changes some were lost in a sync of somebody else, and who were not told.
    bereft: HashSet<Holder>,
}

impl Content {
    pub(crate) fn len(&self) -> usize {
        self.cached.len()
    }

    /// Reads from `at` on. Tells how many bytes there were; what is behind the end is zero.
    pub(crate) fn read(&self, at: usize, into: &mut [u8]) -> usize {
        let there = self.cached.get(at..).unwrap_or_default();
        let length = there.len().min(into.len());
        into[..length].copy_from_slice(&there[..length]);
        into[length..].fill(0);
        length
    }

    pub(crate) fn write(&mut self, by: Holder, at: usize, bytes: &[u8]) {
        let bytes = bytes.to_vec();
        self.change(by, Change::Write { at, bytes });
    }

    pub(crate) fn truncate(&mut self, by: Holder, length: usize) {
        self.change(by, Change::Truncate { length });
    }

    fn change(&mut self, by: Holder, change: Change) {
        apply(&mut self.cached, &change);
        self.unsynced.push((by, change));
    }

    /// Tells whether nothing that this one wrote was lost before.
    #[must_use]
    pub(crate) fn sync(&mut self, by: Holder) -> bool {
        for (_, change) in self.unsynced.drain(..) {
            apply(&mut self.durable, &change);
        }
        !self.bereft.remove(&by)
    }

    /// A sync that fails: some is written, and the rest never will be.
    pub(crate) fn fail_sync(&mut self, by: Holder, rng: &mut Rng, forget: bool) {
        self.bereft.extend(self.unsynced.iter().map(|(by, _)| *by));
        self.bereft.remove(&by);
        self.settle(rng, 0.5);
        if forget {
            self.cached.clone_from(&self.durable);
        }
    }

    /// Power is lost: of each change that was not synced some is on the disk with probability `kept`.
    pub(crate) fn lose_power(&mut self, rng: &mut Rng, kept: f64) {
        self.settle(rng, kept);
        self.cached.clone_from(&self.durable);
    }

    fn settle(&mut self, rng: &mut Rng, kept: f64) {
        let mut changes = std::mem::take(&mut self.unsynced);
        if rng.bool() {
            rng.shuffle(&mut changes);
        }
        for (_, change) in changes {
            if rng.f64() < kept {
                apply_some(&mut self.durable, &change, rng);
            }
        }
    }
}

fn apply(content: &mut Vec<u8>, change: &Change) {
    match change {
        Change::Write { at, bytes } => put(content, *at, bytes),
        Change::Truncate { length } => content.resize(*length, 0),
    }
}

/// Applies a change, or those sectors of it that a failing disk happens to write.
fn apply_some(content: &mut Vec<u8>, change: &Change, rng: &mut Rng) {
    match change {
        Change::Write { at, bytes } if rng.bool() => {
            let mut at = *at;
            let mut rest = &bytes[..];
            while !rest.is_empty() {
                let (sector, more) = rest.split_at(rest.len().min(SECTOR - at % SECTOR));
                if rng.bool() {
                    put(content, at, sector);
                }
                at += sector.len();
                rest = more;
            }
        }
        whole => apply(content, whole),
    }
}

fn put(content: &mut Vec<u8>, at: usize, bytes: &[u8]) {
    let end = at + bytes.len();
    if content.len() < end {
        content.resize(end, 0);
    }
    content[at..end].copy_from_slice(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    const ME: Holder = 1;

    fn read(content: &Content) -> Vec<u8> {
        let mut bytes = vec![0; content.len()];
        assert_eq!(content.read(0, &mut bytes), bytes.len());
        bytes
    }

    #[test]
    fn what_was_synced_is_kept_and_what_was_not_is_lost_whole_or_by_sectors() {
        let mut seen = [false; 3];
        for seed in 0..100 {
            let mut content = Content::default();
            content.write(ME, 0, &[1; 2 * SECTOR]);
            assert!(content.sync(ME));
            content.write(ME, 0, &[2; 2 * SECTOR]);
            assert_eq!(read(&content), [2; 2 * SECTOR]);

            content.lose_power(&mut Rng::with_seed(seed), 0.5);
            let bytes = read(&content);
            for sector in bytes.chunks(SECTOR) {
                assert!(sector.iter().all(|&byte| byte == sector[0]));
            }
            seen[usize::from(bytes[0] == 2) + usize::from(bytes[SECTOR] == 2)] = true;
        }
        assert_eq!(seen, [true; 3]);
    }

    #[test]
    fn writes_may_reach_the_disk_in_another_order() {
        let outcomes: Vec<u8> = (0..100)
            .map(|seed| {
                let mut content = Content::default();
                content.write(ME, 0, &[1]);
                content.write(ME, 0, &[2]);
                content.lose_power(&mut Rng::with_seed(seed), 1.0);
                read(&content).first().copied().unwrap_or_default()
            })
            .collect();
        assert!(outcomes.contains(&1) && outcomes.contains(&2));
    }

    #[test]
    fn after_a_failed_sync_the_next_succeeds_and_says_nothing_of_what_was_lost() {
        let mut lost = false;
        for seed in 0..100 {
            let mut content = Content::default();
            let mut rng = Rng::with_seed(seed);
            content.write(ME, 0, &[1; SECTOR]);
            content.fail_sync(ME, &mut rng, false);
            assert_eq!(read(&content), [1; SECTOR]);
            assert!(content.sync(ME));
            content.lose_power(&mut rng, 1.0);
            lost |= read(&content) != [1; SECTOR];
        }
        assert!(lost);
    }

    #[test]
    fn a_read_past_the_end_finds_zeros_and_says_how_much_there_was() {
        let mut content = Content::default();
        content.write(ME, 2, &[7]);
        let mut bytes = [9; 4];
        assert_eq!(content.read(1, &mut bytes), 2);
        assert_eq!(bytes, [0, 7, 0, 0]);
        assert_eq!(content.read(100, &mut bytes), 0);
    }
}
