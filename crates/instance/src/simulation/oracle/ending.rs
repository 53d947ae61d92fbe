//! How messages end: by whose word, and what is known of it.

use std::{ops::Range, time::Duration};

use nile_protocol::party::PartyId;

use super::{Attempt, Oracle};
use crate::simulation::moment::{self, Moment};

const HOUR: i64 = 60 * 60 * 1000;
const DAY: i64 = 24 * HOUR;

/// What nobody waits for is given up when there was no room for it for ten seconds.
const PATIENCE: Duration = Duration::from_secs(9);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::simulation) enum End {
    Delivered,
    Withdrawn,
    Refused,
}

/// What the clock has said.
#[derive(Clone, Copy)]
pub(in crate::simulation) struct Clock {
    earliest: i64,
    pub(in crate::simulation) now: i64,
    pub(in crate::simulation) latest: i64,
    /// How much time has passed, whatever it says.
    passed: Duration,
    /// It was set back, which no message becomes older by.
    pub(in crate::simulation) was_set_back: bool,
    /// It was set by so little that the instance may have believed it at once.
    has_crept: bool,
    /// So much time has passed since it was last set that the instance believes it.
    is_believed: bool,
}

/// Some day.
impl Default for Clock {
    fn default() -> Self {
        let now = 20_000 * DAY;
        Self {
            earliest: now,
            now,
            latest: now,
            passed: Duration::ZERO,
            was_set_back: false,
            has_crept: false,
            is_believed: false,
        }
    }
}

impl Clock {
    pub(in crate::simulation) fn jump(&mut self, hours: i64) {
        self.has_crept |= hours <= 24;
        self.set(self.now + hours * HOUR);
    }

    /// Time passes, and it is not set again.
    pub(in crate::simulation) fn pass_a_day(&mut self) {
        self.pass(Duration::from_hours(24));
        self.is_believed = true;
    }

    fn set(&mut self, now: i64) {
        self.was_set_back |= now < self.now;
        self.now = now;
        self.earliest = self.earliest.min(now);
        self.latest = self.latest.max(now);
    }

    /// Whether it was set so that so many days may have been between two of its times.
    pub(in crate::simulation) fn has_jumped_by(&self, days: i64) -> bool {
        self.latest - self.earliest >= days * DAY
    }

    pub(in crate::simulation) fn pass(&mut self, time: Duration) {
        self.passed += time;
        self.set(self.now + i64::try_from(time.as_millis()).expect("it is not that long"));
    }
}

impl Oracle {
    /// `party` asks for the end of a message, be it its own or not.
    pub(in crate::simulation) fn tries(&mut self, party: PartyId, queue_id: i64) {
        self.tried.insert((party, queue_id));
    }

    /// It was told, at this moment, that a message of its own has ended, by this or before.
    pub(in crate::simulation) fn ends(&mut self, queue_id: i64, end: End, moment: Moment) {
        self.ended.entry(queue_id).or_insert((end, moment));
        let to = self.message(queue_id).map(|message| message.to.clone());
        if let (End::Delivered, Some([to])) = (end, to.as_deref()) {
            self.order.acknowledges(*to);
        }
    }

    /// Whether it was told.
    pub(in crate::simulation) fn has_ended(&self, queue_id: i64) -> bool {
        self.ended.contains_key(&queue_id)
    }

    /// The instance has heard that `party` acknowledges a push. It says nothing to that.
    pub(in crate::simulation) fn removed(&mut self, party: PartyId, queue_id: i64) {
        let message = self.message(queue_id);
        if message.is_some_and(|message| message.to == [party]) {
            self.removed.push((queue_id, self.clock.passed));
            self.acknowledged.entry(queue_id).or_insert(moment::now());
        }
    }

    /// Whether its recipient acknowledged it between these two.
    pub(in crate::simulation) fn is_acknowledged(
        &self,
        queue_id: i64,
        between: Range<Moment>,
    ) -> bool {
        let moment = self.acknowledged.get(&queue_id);
        moment.is_some_and(|moment| between.contains(moment))
    }

    /// All that was asked of the store is written, if it had not to wait for room for too long.
    pub(in crate::simulation) fn all_is_written(&mut self) {
        for (queue_id, since) in std::mem::take(&mut self.removed) {
            if self.clock.passed < since + PATIENCE {
                self.ends(queue_id, End::Delivered, moment::now());
            } else {
                self.acknowledged.remove(&queue_id);
            }
        }
    }

    /// Something that was asked of the store may not be written.
    pub(in crate::simulation) fn some_is_lost(&mut self) {
        self.removed.clear();
        self.acknowledged.clear();
    }

    pub(in crate::simulation) fn tries_to_delete(&mut self, party: PartyId) {
        self.deleting.insert(party);
    }

    /// `party` was told that it is deleted, and with it what waits for it.
    pub(in crate::simulation) fn deleted(&mut self, party: PartyId, moment: Moment) {
        self.deleted.insert(party, moment);
        let messages = self.messages();
        let own = messages.filter(|(_, message)| message.to == [party]);
        let own: Vec<i64> = own.map(|(queue_id, _)| queue_id).collect();
        for queue_id in own {
            self.ends(queue_id, End::Refused, moment);
        }
    }

    /// Whether this message waits for its recipient, beyond doubt.
    pub(in crate::simulation) fn surely_waits(&self, queue_id: i64, message: &Attempt) -> bool {
        let mut possible = message.to.iter().chain([&message.from]);
        let is_tried = possible.any(|party| self.tried.contains(&(*party, queue_id)));
        let is_gone = message.to.iter().any(|to| self.deleting.contains(to));
        !(is_tried || is_gone || self.has_ended(queue_id) || self.may_have_expired(message))
    }

    fn may_have_expired(&self, message: &Attempt) -> bool {
        let Clock {
            earliest,
            latest,
            was_set_back,
            has_crept,
            is_believed,
            ..
        } = self.clock;
        let sent = if was_set_back { earliest } else { message.at };
        // Seven days for those who may never have acknowledged anything.
        (has_crept || is_believed) && latest - sent >= 7 * DAY
    }

    /// Whether it must have expired, and been swept since.
    pub(in crate::simulation) fn must_have_expired(&self, queue_id: i64) -> bool {
        let message = self.message(queue_id).expect("it was stored");
        let Clock {
            now,
            was_set_back,
            is_believed,
            ..
        } = self.clock;
        is_believed && !was_set_back && now - message.known.1 >= 30 * DAY
    }

    /// Whether it may have been pushed in vain so often that it is not pushed any more.
    pub(in crate::simulation) fn may_be_parked(&self, queue_id: i64, pushes: u32) -> bool {
        self.pushes
            .get(&queue_id)
            .is_some_and(|pushed| *pushed >= pushes)
    }

    /// Whether a message may be in this state, when its recipient, if it is there, has removed all.
    pub(in crate::simulation) fn may_be(&self, queue_id: i64, state: &str) -> bool {
        let message = self.message(queue_id).expect("it was stored");
        let recipient_is = |set: &dyn Fn(PartyId) -> bool| message.to.iter().any(|to| set(*to));
        match state {
            "delivered" => recipient_is(&|to| self.tried.contains(&(to, queue_id))),
            "withdrawn" => self.tried.contains(&(message.from, queue_id)),
            "refused" => recipient_is(&|to| self.deleting.contains(&to)),
            "expired" => self.may_have_expired(message),
            "stored" => !self.has_ended(queue_id),
            _ => false,
        }
    }
}
