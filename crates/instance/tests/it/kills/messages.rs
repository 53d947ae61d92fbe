//! Every message that was asked for, and what has to be true of it.
//!
//! What was asked for and not answered may have been done or not. What a recipient is shown after a restart
//! decides it, and **what was decided once stays so**. Nothing in here speaks to anybody.

mod choice;

use std::collections::{BTreeMap, BTreeSet};

use nile_protocol::party::PartyId;
use serde_json::Value;

use super::{
    line::Delivery,
    message::{Doubt, Life, Message, Sent, Serial},
};

#[derive(Default)]
pub(super) struct Messages {
    all: Vec<Message>,
    by_queue_id: BTreeMap<i64, Serial>,
    by_sender: BTreeMap<(PartyKey, i64), Serial>,
    /// Client and node, by who has surely written.
    written: BTreeSet<(i64, i64)>,
    pub(super) life: Life,
    /// Grows with everything that is said or heard.
    pub(super) clock: u64,
}

type PartyKey = (bool, i64);

fn key(party: PartyId) -> PartyKey {
    (matches!(party, PartyId::Node(_)), party.number())
}

/// Messages to one party, about which nothing was under way at that time.
pub(super) struct Rested {
    serials: Vec<Serial>,
    since: u64,
}

/// What a sender wants to have stored.
pub(super) struct Draft {
    pub(super) from: PartyId,
    pub(super) to: PartyId,
    pub(super) name: Option<String>,
    pub(super) content: String,
    pub(super) answers: Option<Serial>,
}

impl Messages {
    /// The number of the next message.
    pub(super) fn next(&self) -> Serial {
        self.all.len()
    }

    pub(super) fn of(&self, serial: Serial) -> &Message {
        &self.all[serial]
    }

    /// A message is asked for.
    pub(super) fn ask(&mut self, draft: Draft) -> Serial {
        let Draft {
            from,
            to,
            name,
            content,
            answers,
        } = draft;
        self.all.push(Message {
            from,
            to,
            name,
            content,
            answers,
            queue_id: None,
            answered: false,
            sent: Sent::Never,
            acknowledged: Doubt::No,
            withdrawn: Doubt::No,
            gone: None,
            touched: 0,
            history: Vec::new(),
        });
        let serial = self.all.len() - 1;
        self.ask_again(serial);
        serial
    }

    /// Something happens to it.
    fn note(&mut self, serial: Serial, what: &'static str) -> &mut Message {
        let message = &mut self.all[serial];
        message.history.push((self.life, what));
        message
    }

    /// Something is asked for about it.
    fn touch(&mut self, serial: Serial, what: &'static str) -> &mut Message {
        let now = self.clock;
        let message = self.note(serial, what);
        message.touched = now;
        message
    }

    /// The same message is asked for, again perhaps.
    pub(super) fn ask_again(&mut self, serial: Serial) {
        let life = self.life;
        let message = self.touch(serial, "asked for");
        if message.sent != Sent::Accepted {
            message.sent = Sent::Asked(life);
        }
        if let Some(request) = message.answers {
            self.touch(request, "answered, perhaps")
                .acknowledged
                .ask(life);
        }
    }

    /// The sender was told that it is stored.
    pub(super) fn accepted(&mut self, serial: Serial, queue_id: i64) {
        self.stored(serial, queue_id);
        self.note(serial, "accepted").answered = true;
        if let Some(request) = self.all[serial].answers {
            self.removed(request);
        }
        let Message { from, to, .. } = self.all[serial];
        if let (PartyId::Client(client), PartyId::Node(node)) = (from, to) {
            self.written.insert((client.0, node.0));
        }
    }

    /// It has this number, and no other message has; a sender's numbers grow as it asks.
    fn stored(&mut self, serial: Serial, queue_id: i64) {
        let message = &mut self.all[serial];
        let known = *message.queue_id.get_or_insert(queue_id);
        assert_eq!(known, queue_id, "stored twice: {message}");
        assert_ne!(message.sent, Sent::Never, "stored after all: {message}");
        message.sent = Sent::Accepted;
        let first = *self.by_queue_id.entry(queue_id).or_insert(serial);
        assert_eq!(first, serial, "the number {queue_id} was given again");
        let from = key(message.from);
        self.by_sender.insert((from, queue_id), serial);
        let older = self.by_sender.range(..(from, queue_id)).next_back();
        let newer = self.by_sender.range((from, queue_id + 1)..).next();
        let is = |found: Option<(&(PartyKey, i64), &Serial)>| {
            found
                .filter(|found| found.0.0 == from)
                .map(|found| *found.1)
        };
        let is_in_order = is(older).is_none_or(|older| older < serial)
            && is(newer).is_none_or(|newer| serial < newer);
        assert!(is_in_order, "{queue_id} is out of order");
    }

    /// Its recipient has heard a message, on a connection that logged in at `since`.
    pub(super) fn heard(&mut self, party: PartyId, heard: &Delivery, since: u64) -> Serial {
        let (serial, life) = (serial_in(heard.content.get()), self.life);
        let message = self.note(serial, "heard");
        assert_eq!(message.to, party, "a stranger hears {message}");
        assert_eq!(message.content, heard.content.get());
        let from = (message.from.kind().word(), message.from.number());
        assert_eq!((&*heard.sender_kind, heard.sender), from);
        assert_ne!(message.acknowledged, Doubt::Yes, "again: {message}");
        // What its sender has taken back may have been on its way before.
        let is_late = message.gone.is_some_and(|gone| gone <= since);
        assert!(!is_late, "again: {message}");
        let (was_acknowledged, was_withdrawn) = (message.acknowledged, message.withdrawn);
        if was_withdrawn.is_of_another(life) {
            message.withdrawn = Doubt::No;
        }
        if was_acknowledged.is_of_another(life) {
            message.acknowledged = Doubt::No;
            self.unanswered(serial);
        }
        self.stored(serial, heard.queue_id);
        if let (PartyId::Client(client), PartyId::Node(node)) = (self.all[serial].from, party) {
            self.written.insert((client.0, node.0));
        }
        serial
    }

    /// A request waits, so what would have answered it in another life was not stored.
    fn unanswered(&mut self, request: Serial) {
        if let Some(answer) = self.answer_to(request) {
            let answer = self.note(answer, "not stored");
            let is_half = answer.sent == Sent::Accepted;
            assert!(!is_half, "what it answers waits: {answer}");
            answer.sent = Sent::Never;
        }
    }

    /// A request waits no more: if something was to answer it, that is stored.
    fn removed(&mut self, request: Serial) {
        let now = self.clock;
        let message = self.note(request, "removed");
        message.gone.get_or_insert(now);
        // If its sender has asked to have it back, it may be that which was done.
        if message.withdrawn != Doubt::No {
            return;
        }
        message.acknowledged = Doubt::Yes;
        if let Some(answer) = self.answer_to(request) {
            self.all[answer].sent = Sent::Accepted;
        }
    }

    /// What was last to answer a request, and may do so still.
    fn answer_to(&self, request: Serial) -> Option<Serial> {
        let answers = |serial: &Serial| {
            let message = &self.all[*serial];
            message.answers == Some(request) && message.sent != Sent::Never
        };
        (request + 1..self.all.len()).rev().find(answers)
    }

    /// What a party is about to be shown, or not: nothing is under way that could change whether it waits.
    pub(super) fn at_rest(&self, party: PartyId) -> Rested {
        let rests = |serial: &Serial| {
            let message = &self.all[*serial];
            message.to == party && message.is_at_rest(self.life)
        };
        Rested {
            serials: (0..self.all.len()).filter(rests).collect(),
            since: self.clock,
        }
    }

    /// A party was shown all that waits for it, on a connection that logged in at `since`; these were at rest
    /// when it asked.
    pub(super) fn shown(&mut self, party: PartyId, rows: &[Delivery], rested: &Rested, since: u64) {
        let rows = rows.iter();
        let shown: BTreeSet<Serial> = rows.map(|row| self.heard(party, row, since)).collect();
        for serial in rested
            .serials
            .iter()
            .filter(|serial| !shown.contains(serial))
        {
            if self.all[*serial].touched <= rested.since {
                self.absent(*serial);
            }
        }
    }

    /// It does not wait, and nothing is under way that could change that.
    fn absent(&mut self, serial: Serial) {
        let now = self.clock;
        let message = self.note(serial, "not there");
        match message.sent {
            Sent::Never => {}
            Sent::Asked(_) => message.sent = Sent::Never,
            Sent::Accepted if message.acknowledged == Doubt::No => {
                assert_ne!(message.withdrawn, Doubt::No, "lost: {message}");
                message.withdrawn = Doubt::Yes;
                message.gone.get_or_insert(now);
            }
            Sent::Accepted => self.removed(serial),
        }
    }

    /// A party asks to remove these, which it has heard.
    pub(super) fn acknowledge(&mut self, serials: &[Serial]) {
        let life = self.life;
        for serial in serials {
            self.touch(*serial, "acknowledged, perhaps")
                .acknowledged
                .ask(life);
        }
    }

    /// It was told that they are removed.
    pub(super) fn acknowledged(&mut self, serials: &[Serial]) {
        for serial in serials {
            self.removed(*serial);
        }
    }

    /// A sender asks to have a message back.
    pub(super) fn withdraw(&mut self, serial: Serial) {
        let life = self.life;
        self.touch(serial, "wanted back").withdrawn.ask(life);
    }

    /// Whether it was told that it has it back.
    pub(super) fn withdrawn(&mut self, serial: Serial, done: bool) {
        let now = self.clock;
        let message = self.note(serial, if done { "had back" } else { "not had back" });
        if done {
            assert_ne!(message.acknowledged, Doubt::Yes, "had back: {message}");
            message.withdrawn = Doubt::Yes;
        } else {
            assert_ne!(message.acknowledged, Doubt::No, "lost: {message}");
            // Its recipient may not have been told, and hear what was on its way.
            message.withdrawn = Doubt::No;
            if let Some(answer) = self.answer_to(serial) {
                self.all[answer].sent = Sent::Accepted;
            }
        }
        self.all[serial].gone.get_or_insert(now);
    }
}

/// Which message it is that has this content.
fn serial_in(content: &str) -> Serial {
    let content: Value = serde_json::from_str(content).unwrap();
    let serial = content.pointer("/parameters/serial");
    let serial = serial.unwrap_or(&content["serial"]).as_u64();
    serial
        .unwrap_or_else(|| panic!("nobody sent {content}"))
        .try_into()
        .unwrap()
}
