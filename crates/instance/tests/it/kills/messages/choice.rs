//! What can be done next, as far as it is known. Nothing here changes anything.

use nile_protocol::party::PartyId;

use super::Messages;
use crate::kills::message::{Message, Serial};

impl Messages {
    /// Of what a party has sent, what was not answered and has a name: it asks for it again.
    pub(in crate::kills) fn unfinished(&self, party: PartyId) -> Vec<Serial> {
        let is = |serial: &Serial| {
            let message = &self.all[*serial];
            message.from == party && message.name.is_some() && !message.answered
        };
        (0..self.all.len()).filter(is).collect()
    }

    /// Of what a party has sent, what it could take back.
    pub(in crate::kills) fn returnable(&self, party: PartyId) -> Vec<Serial> {
        let is = |serial: &Serial| {
            let message = &self.all[*serial];
            message.from == party && message.answered && message.may_wait()
        };
        (0..self.all.len()).filter(is).collect()
    }

    /// The numbers of messages that may wait for others.
    pub(in crate::kills) fn of_others(&self, party: PartyId) -> Vec<i64> {
        let others = self.all.iter();
        let others = others.filter(|message| message.to != party && message.may_wait());
        others.filter_map(|message| message.queue_id).collect()
    }

    /// How many messages may wait from one party for another.
    pub(in crate::kills) fn between(&self, from: PartyId, to: PartyId) -> usize {
        let pair = |message: &&Message| message.from == from && message.to == to;
        let waiting = self.all.iter().filter(pair);
        waiting.filter(|message| message.may_wait()).count()
    }

    /// Whether a node may write to a client.
    pub(in crate::kills) fn may_write(&self, from: PartyId, to: PartyId) -> bool {
        match (from, to) {
            (PartyId::Node(node), PartyId::Client(client)) => {
                self.written.contains(&(client.0, node.0))
            }
            (PartyId::Client(_), PartyId::Node(_)) => true,
            _ => false,
        }
    }
}
