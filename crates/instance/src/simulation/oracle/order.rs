//! In which order messages are first pushed: from one sender to one recipient, as they were sent.
//!
//! **This holds for what is sent to those who acknowledge.** The others are shown page after page, and what
//! was in one that was lost on the way comes after a later one.

use std::collections::{HashMap, HashSet};

use nile_protocol::party::PartyId;

use super::Attempt;
use crate::simulation::moment::{self, Moment};

#[derive(Default)]
pub(super) struct Order {
    acknowledging: HashMap<PartyId, Moment>,
    handed: HashSet<i64>,
    newest: HashMap<(PartyId, PartyId), i64>,
}

impl Order {
    /// The party has removed a message, which was told.
    pub(super) fn acknowledges(&mut self, party: PartyId) {
        self.acknowledging.entry(party).or_insert(moment::now());
    }

    /// It is in a page. Those of two connections overtake each other on the way.
    pub(super) fn show(&mut self, queue_id: i64) {
        self.handed.insert(queue_id);
    }

    pub(super) fn push(&mut self, attempt: &Attempt, queue_id: i64) {
        if !self.handed.insert(queue_id) {
            return;
        }
        // Until it is heard, nobody knows whom an answer went to.
        let [to] = attempt.to[..] else { return };
        let since = self.acknowledging.get(&to);
        if since.is_none_or(|since| *since >= attempt.begun) {
            return;
        }
        let newest = self.newest.entry((attempt.from, to)).or_default();
        assert!(
            queue_id > *newest,
            "{queue_id} is first pushed to {to} after {newest}, which {} sent later",
            attempt.from,
        );
        *newest = queue_id;
    }
}
