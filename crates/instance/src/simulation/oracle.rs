//! What may be heard, by what was asked and answered: every message there was, and how it may have ended.
//!
//! **It knows only what those who take part know**, and therefore often two things that may both be: what
//! was not answered may have been done. It speaks to nobody.

pub(super) mod party;
mod ending;
mod order;

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    time::Duration,
};

use nile_protocol::party::PartyId;

pub(super) use self::ending::End;
use self::{
    order::Order,
    party::{Member, Who},
};
use super::moment::{self, Delivery, Moment};

/// A message that somebody has tried to send, once or, under a name, again.
#[derive(Debug)]
pub(super) struct Attempt {
    pub(super) from: PartyId,
    /// Whom it may be for: what answers a request goes to its sender, if the request still waits.
    pub(super) to: Vec<PartyId>,
    pub(super) content: String,
    pub(super) name: Option<String>,
    /// The request that it answers, and whether that was known to be the sender's to answer.
    pub(super) answers: Option<(i64, bool)>,
    /// When it was first asked for, by the order of things and by the clock.
    pub(super) begun: Moment,
    pub(super) at: i64,
    pub(super) queue_id: Option<i64>,
    /// When that was known, by the order of things and by the clock.
    pub(super) known: (Moment, i64),
    /// What is asked where, to ask it again.
    pub(super) request: (nile_protocol::channel::Channel, String),
    /// How often it was asked for, and not refused.
    open: usize,
}

/// Something forwarded from a link to a connection.
#[derive(Debug)]
pub(super) struct Forward {
    pub(super) content: String,
    pub(super) from: usize,
    pub(super) ws_id: String,
    pub(super) to: Option<usize>,
    pub(super) is_answered: bool,
}

#[derive(Default)]
pub(super) struct Oracle {
    pub(super) members: Vec<Member>,
    pub(super) attempts: Vec<Attempt>,
    pub(super) forwards: Vec<Forward>,
    by_content: HashMap<String, usize>,
    by_number: BTreeMap<i64, usize>,
    named: HashMap<(PartyId, String), usize>,
    /// Which link a WebSocket ID is of.
    links: HashMap<String, usize>,
    /// Who has asked to end which messages.
    tried: HashSet<(PartyId, i64)>,
    ended: HashMap<i64, (End, Moment)>,
    /// Removed, and perhaps not written yet; with how much time had passed.
    removed: Vec<(i64, Duration)>,
    /// When that was, as long as it is known to be written some time.
    acknowledged: HashMap<i64, Moment>,
    /// Who has asked to be deleted.
    pub(super) deleting: HashSet<PartyId>,
    deleted: HashMap<PartyId, Moment>,
    order: Order,
    /// How often these were pushed.
    pushes: HashMap<i64, u32>,
    /// Registrations of which nobody was told: parties that nobody is.
    pub(super) strangers: usize,
    pub(super) clock: ending::Clock,
    /// How many messages were heard.
    pub(super) heard: usize,
}

impl Oracle {
    /// Somebody asks for a message to be stored.
    pub(super) fn attempt(&mut self, attempt: Attempt) -> usize {
        let place = self.attempts.len();
        let before = self.by_content.insert(attempt.content.clone(), place);
        assert!(before.is_none(), "contents differ");
        self.attempts.push(attempt);
        place
    }

    /// It is asked for, perhaps again.
    pub(super) fn ask(&mut self, place: usize) {
        let attempt = &mut self.attempts[place];
        attempt.open += 1;
        if let Some((queue_id, _)) = attempt.answers {
            let from = attempt.from;
            self.tries(from, queue_id);
        }
    }

    /// Its sender was told that it is not stored.
    pub(super) fn refused(&mut self, place: usize, code: &str) {
        let attempt = &self.attempts[place];
        let from = attempt.from;
        let may_be = match code {
            "unavailable" => return,
            "queue_full" | "rate_limited" | "not_logged_in" => true,
            // Over HTTP.
            "forbidden" => attempt.request.1.starts_with(r#""action":"forward""#),
            "invalid_token" => self.deleting.contains(&from),
            "invalid_parameters" => attempt.to.is_empty() || attempt.answers.is_some(),
            "unknown_recipient" => !attempt.to.iter().all(|to| self.reaches(attempt, *to)),
            "id_conflict" => {
                let others = self.attempts.iter().enumerate();
                others
                    .filter(|(at, _)| *at != place)
                    .any(|(_, other)| other.from == from && other.name == attempt.name)
            }
            _ => false,
        };
        assert!(may_be, "refused as {code}: {attempt:?}");
        self.attempts[place].open -= 1;
    }

    /// Whether it was known to reach whom it is for when it was asked for.
    fn reaches(&self, attempt: &Attempt, to: PartyId) -> bool {
        let is_known = |member: &Member| {
            let identity = member.identity.as_ref();
            identity.is_some_and(|identity| identity.party == to)
        };
        let has_written = || {
            let mut attempts = self.attempts.iter();
            attempts.any(|other| {
                let is_it = other.from == to && other.to == [attempt.from];
                is_it && other.queue_id.is_some() && other.known.0 < attempt.begun
            })
        };
        let is_there = self.members.iter().any(is_known) && !self.deleting.contains(&to);
        is_there && (matches!(to, PartyId::Node(_)) || has_written())
    }

    /// It is stored, under this number: that was told, or shown.
    pub(super) fn stored(&mut self, place: usize, queue_id: i64) {
        let attempt = &mut self.attempts[place];
        if attempt.queue_id == Some(queue_id) {
            return;
        }
        assert!(attempt.open > 0, "{queue_id} was refused: {attempt:?}");
        // A name is remembered for a week after the message has ended, and what is asked again may be on its
        // way for as long, if the clock says so.
        let may_be_forgotten = attempt.name.is_some() && self.clock.has_jumped_by(7);
        let before = attempt.queue_id.replace(queue_id);
        assert!(
            before.is_none() || may_be_forgotten,
            "stored twice, as {before:?}: {attempt:?}"
        );
        attempt.known = (moment::now(), self.clock.now);
        if let Some(name) = attempt.name.clone() {
            let other = self.named.insert((attempt.from, name), place);
            let is_new = other.is_none_or(|other| other == place);
            assert!(is_new || may_be_forgotten, "of one name: {attempt:?}");
        }
        let other = self.by_number.insert(queue_id, place);
        let is_new = other.is_none_or(|other| other == place);
        assert!(is_new, "two messages of one number: {queue_id}");
        if let [to] = self.attempts[place].to[..]
            && let Some(moment) = self.deleted.get(&to)
        {
            self.ended.insert(queue_id, (End::Refused, *moment));
        }
    }

    /// The message of a number, if it is known.
    pub(super) fn message(&self, queue_id: i64) -> Option<&Attempt> {
        Some(&self.attempts[*self.by_number.get(&queue_id)?])
    }

    /// All that are known to be stored, oldest first.
    pub(super) fn messages(&self) -> impl Iterator<Item = (i64, &Attempt)> {
        let numbers = self.by_number.iter();
        numbers.map(|(queue_id, place)| (*queue_id, &self.attempts[*place]))
    }

    /// `by` has heard a message: it is its own, as it was sent, and did not end before `since`.
    pub(super) fn hear(&mut self, by: PartyId, delivery: &Delivery, since: Moment) {
        let place = self.place(delivery);
        self.stored(place, delivery.queue_id);
        let attempt = &mut self.attempts[place];
        assert!(
            attempt.to.contains(&by),
            "{by} heard {delivery:?}, which is not its own"
        );
        attempt.to = vec![by];
        let recipient = delivery.recipient.unwrap_or(by.number());
        assert_eq!(recipient, by.number(), "{delivery:?}");
        if let Some((end, moment)) = self.ended.get(&delivery.queue_id) {
            assert!(
                since <= *moment,
                "{by} hears {delivery:?} again, which had ended: {end:?}"
            );
        }
        if let Some(moment) = self.deleted.get(&by) {
            assert!(since <= *moment, "{by} was deleted, and hears {delivery:?}");
        }
        self.heard += 1;
    }

    /// The instance hands over a message.
    pub(super) fn handed(&mut self, delivery: &Delivery) {
        let place = self.place(delivery);
        if delivery.recipient.is_some() {
            return self.order.show(delivery.queue_id);
        }
        *self.pushes.entry(delivery.queue_id).or_default() += 1;
        self.order.push(&self.attempts[place], delivery.queue_id);
    }

    /// Which message this is, which has to be as it was sent.
    fn place(&self, delivery: &Delivery) -> usize {
        let Some(place) = self.by_content.get(delivery.content.get()) else {
            panic!("nobody has sent this: {delivery:?}");
        };
        let from = self.attempts[*place].from;
        let sender = (delivery.sender, &*delivery.sender_kind);
        assert_eq!(sender, (from.number(), from.kind().word()), "{delivery:?}");
        *place
    }

    /// Something that was forwarded is heard on a link.
    pub(super) fn hear_forward(&mut self, link: usize, sender: &str, content: &str) {
        let found = self.forwards.iter().position(|one| one.content == content);
        let place = found.unwrap_or_else(|| panic!("nobody has forwarded {content}"));
        let (from, ws_id) = (
            self.forwards[place].from,
            self.forwards[place].ws_id.clone(),
        );
        for (ws_id, of) in [(ws_id, link), (sender.to_owned(), from)] {
            let known = *self.links.entry(ws_id).or_insert(of);
            assert_eq!(known, of, "{content} is heard on {link}");
        }
        let before = self.forwards[place].to.replace(link);
        assert_eq!(before, None, "{content} is heard twice");
    }

    /// Which link a connection is, if that is known.
    pub(super) fn link_of(&self, ws_id: &str) -> Option<usize> {
        self.links.get(ws_id).copied()
    }

    /// Who takes part as this party.
    pub(super) fn who(&self, party: PartyId) -> Option<Who> {
        let mut members = self.members.iter();
        members.position(|member| {
            let identity = member.identity.as_ref();
            identity.is_some_and(|identity| identity.party == party)
        })
    }
}

impl Attempt {
    pub(super) fn new(
        from: PartyId,
        to: Vec<PartyId>,
        content: String,
        request: (nile_protocol::channel::Channel, String),
    ) -> Self {
        Self {
            from,
            to,
            content,
            name: None,
            answers: None,
            begun: moment::now(),
            at: 0,
            queue_id: None,
            known: (0, 0),
            request,
            open: 0,
        }
    }
}
