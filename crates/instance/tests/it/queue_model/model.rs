//! What should be: every message there was, and where it is now.
//!
//! Nothing in here speaks to anybody; it judges what was heard.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use nile_protocol::party::PartyId;

use super::connection::Delivery;

/// How many messages of one sender may wait for one party.
pub(super) const PER_PAIR: usize = 12;

/// How often a message is pushed in vain before it is parked.
const PARKED: u32 = 10;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Stored,
    Delivered,
    Withdrawn,
    Refused,
}

impl State {
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Stored => "stored",
            Self::Delivered => "delivered",
            Self::Withdrawn => "withdrawn",
            Self::Refused => "refused",
        }
    }
}

#[derive(Debug)]
pub(super) struct Message {
    pub(super) from: PartyId,
    pub(super) to: PartyId,
    content: String,
    pub(super) state: State,
    /// At least as often as it was pushed in vain.
    vain: u32,
    /// Its recipient has had it.
    heard: bool,
}

/// What is sent, as the instance is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sending {
    pub(super) from: PartyId,
    pub(super) to: Option<PartyId>,
    pub(super) answers: Option<i64>,
    pub(super) name: Option<String>,
    pub(super) content: String,
}

/// What has to come of it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Stored { to: PartyId, answered: Option<i64> },
    Repeated(i64),
    Refused(&'static str),
}

#[derive(Default)]
pub(super) struct Model {
    pub(super) messages: BTreeMap<i64, Message>,
    names: HashMap<(PartyId, String), (Sending, i64)>,
    /// Client and node, by who has written.
    written: BTreeSet<(i64, i64)>,
    pub(super) deleted: Vec<PartyId>,
    /// Parties that have removed a message themselves.
    acknowledging: Vec<PartyId>,
    /// Removed, and perhaps pushed once more before that: not everything on the way has been heard since.
    on_the_way: BTreeSet<i64>,
}

impl Model {
    pub(super) fn judge(&self, sending: &Sending) -> Verdict {
        if sending.to.is_none() && sending.answers.is_none() {
            return Verdict::Refused("invalid_parameters");
        }
        if self.deleted.contains(&sending.from) {
            return Verdict::Refused("invalid_token");
        }
        let name = sending.name.clone().map(|name| (sending.from, name));
        if let Some((before, queue_id)) = name.and_then(|name| self.names.get(&name)) {
            return if before == sending {
                Verdict::Repeated(*queue_id)
            } else {
                Verdict::Refused("id_conflict")
            };
        }
        let answered = sending.answers.filter(|id| self.waits(*id, sending.from));
        let to = answered.map(|id| self.messages[&id].from).or(sending.to);
        let Some(to) = to else {
            return Verdict::Refused("invalid_parameters");
        };
        let may = match (sending.from, to) {
            (PartyId::Node(node), PartyId::Client(client)) => {
                self.written.contains(&(client.0, node.0))
            }
            _ => true,
        };
        if !may || self.deleted.contains(&to) {
            return Verdict::Refused("unknown_recipient");
        }
        let waiting = self.messages.values().filter(|message| {
            message.state == State::Stored && message.to == to && message.from == sending.from
        });
        if waiting.count() >= PER_PAIR {
            return Verdict::Refused("queue_full");
        }
        Verdict::Stored { to, answered }
    }

    /// A message was stored, as it had to be.
    pub(super) fn stored(&mut self, sending: Sending, to: PartyId, queue_id: i64) {
        if let (PartyId::Client(client), PartyId::Node(node)) = (sending.from, to) {
            self.written.insert((client.0, node.0));
        }
        let newest = self.messages.last_key_value().map_or(0, |(id, _)| *id);
        assert!(queue_id > newest, "numbers grow: {queue_id} after {newest}");
        let message = Message {
            from: sending.from,
            to,
            content: sending.content.clone(),
            state: State::Stored,
            vain: 0,
            heard: false,
        };
        self.messages.insert(queue_id, message);
        if let Some(name) = &sending.name {
            let name = (sending.from, name.clone());
            self.names.insert(name, (sending, queue_id));
        }
    }

    /// Whether this message waits for `party`.
    pub(super) fn waits(&self, queue_id: i64, party: PartyId) -> bool {
        let message = self.messages.get(&queue_id);
        message.is_some_and(|message| message.to == party && message.state == State::Stored)
    }

    /// What waits for `party`, oldest first.
    pub(super) fn waiting(&self, party: PartyId) -> Vec<i64> {
        let ids = self.messages.keys().copied();
        ids.filter(|id| self.waits(*id, party)).collect()
    }

    /// Of that, what has to be pushed to `party`.
    pub(super) fn pushable(&self, party: PartyId) -> Vec<i64> {
        let mut waiting = self.waiting(party);
        waiting.retain(|id| self.messages[id].vain < PARKED);
        waiting
    }

    /// `party` has removed this, if it was its own. When one of its connections `took_over` what another
    /// had, it may have been pushed to both.
    pub(super) fn delivered(&mut self, queue_id: i64, party: PartyId, took_over: bool) {
        if self.waits(queue_id, party) {
            self.messages.get_mut(&queue_id).unwrap().state = State::Delivered;
            self.acknowledging.push(party);
            if took_over {
                self.on_the_way.insert(queue_id);
            }
        }
    }

    /// Everything that was on the way has been heard.
    pub(super) fn settled(&mut self) {
        self.on_the_way.clear();
    }

    pub(super) fn acknowledges(&self, party: PartyId) -> bool {
        self.acknowledging.contains(&party)
    }

    /// A connection on which this was pushed has ended.
    pub(super) fn pushed_in_vain(&mut self, queue_id: i64) {
        self.messages.get_mut(&queue_id).unwrap().vain += 1;
    }

    pub(super) fn delete(&mut self, party: PartyId) {
        for id in self.waiting(party) {
            self.messages.get_mut(&id).unwrap().state = State::Refused;
        }
        self.deleted.push(party);
    }

    /// `party` has heard this: it must be its own, wait for it, and be as it was sent. Whether that was the
    /// first time.
    pub(super) fn heard(&mut self, party: PartyId, delivery: &Delivery) -> bool {
        let Some(message) = self.messages.get_mut(&delivery.queue_id) else {
            panic!("{party} heard what was never sent: {delivery:?}");
        };
        assert_eq!(message.to, party, "a stranger heard {delivery:?}");
        let may_be_heard =
            message.state == State::Stored || self.on_the_way.contains(&delivery.queue_id);
        assert!(may_be_heard, "again, {:?}: {delivery:?}", message.state);
        assert_eq!(delivery.content.get(), message.content, "{delivery:?}");
        let from = (message.from.kind().word(), message.from.number());
        assert_eq!((&*delivery.sender_kind, delivery.sender), from);
        !std::mem::replace(&mut message.heard, true)
    }
}
