//! The store of one party, as simple as can be, and what can happen to the party.

use std::collections::BTreeSet;

use proptest::sample::Index;

use crate::hub::{Start, Stretch, tests::message};

/// Something that happens. An [`Index`] is one of those that are there, if there is any.
#[derive(Clone, Debug)]
pub(super) enum Step {
    /// So many messages are stored.
    Store(u8),
    /// One of those that are stored and were not yet offered is.
    Offer(Index),
    /// All of them are, in order.
    OfferAll,
    /// A connection logs in, and is shown a page.
    Join {
        /// It was logged in before.
        again: Option<Index>,
        limit: usize,
        /// The party never acknowledges, and was shown everything up to here.
        rotated: Option<Index>,
        /// How many frames its outbox takes.
        room: usize,
        /// What happens between its page and its place on the list.
        meanwhile: Vec<Step>,
    },
    Leave(Index),
    /// A connection acknowledges one of the messages there are.
    Acknowledge {
        line: Index,
        message: Index,
    },
    /// The store has written an acknowledgement.
    Commit(Index),
    /// The store has ended a message for another reason.
    Process(Index),
    /// A peer takes everything in its outbox.
    Take(Index),
    /// An outbox takes no more.
    Close(Index),
    /// One of those who read goes on.
    Read {
        reader: Index,
        rows: usize,
    },
}

/// The messages that were stored for one party.
#[derive(Debug, Default)]
pub(super) struct Queue {
    pub(super) newest: i64,
    pub(super) waiting: BTreeSet<i64>,
    /// Stored, and not offered yet.
    pub(super) unoffered: Vec<i64>,
}

impl Queue {
    /// Numbers are unique among all parties: this one's have gaps.
    pub(super) fn store(&mut self) {
        self.newest += 2;
        self.waiting.insert(self.newest);
        self.unoffered.push(self.newest);
    }

    /// The message that the party was sent before this one.
    pub(super) const fn previous(queue_id: i64) -> i64 {
        queue_id - 2
    }

    /// What is read for a feed.
    pub(super) fn read(&self, after: i64, rows: usize) -> Stretch {
        let found: Vec<i64> = self.waiting.range(after + 1..).copied().collect();
        Stretch {
            messages: found.iter().take(rows).map(|id| message(*id)).collect(),
            end: found.len() <= rows,
            newest: self.newest,
        }
    }

    /// What a login shows, and where pushes begin after it.
    pub(super) fn page(&self, limit: usize, rotated: Option<i64>) -> (BTreeSet<i64>, Start) {
        let after = rotated.filter(|after| self.waiting.range(after + 1..).next().is_some());
        let rows = self.waiting.range(after.map_or(0, |after| after + 1)..);
        let rows: BTreeSet<i64> = rows.take(limit).copied().collect();
        let is_all = rows.len() == self.waiting.len();
        let (first, last) = (rows.first().copied(), rows.last().copied());
        let cursor = match last {
            _ if is_all => self.newest,
            Some(last) if rotated.is_none() => last,
            _ => 0,
        };
        let start = Start {
            page: first.zip(last).map(|(first, last)| first..=last),
            cursor,
            behind: !is_all,
        };
        (rows, start)
    }
}
