//! One who talks to the instance: what it still waits for, and whom it speaks for.

use nile_protocol::{channel::Channel, party::PartyId};
use serde_json::Value;

use super::{
    line::{Heard, Line},
    mind::{Mind, owner},
};

/// The name of a message, and of the channel that a reply comes on.
const MESSAGES: [&str; 2] = ["client.to.node", "node.to.client"];

/// Somebody with a connection.
pub(super) struct Party {
    pub(super) line: Line,
    /// Whom it is logged in as.
    speaks_for: Option<PartyId>,
    /// The number of its last request; each is followed by a ping with the next.
    asked: u64,
    /// The request that is under way.
    question: Option<Question>,
    /// What it would acknowledge next.
    pub(super) unacknowledged: Option<u64>,
}

/// A request, and the ping behind it, whose answer tells that the request has been served.
struct Question {
    number: u64,
    /// Who asks, where the request says so.
    owner: Option<PartyId>,
    /// By what the answer is known on a WebSocket.
    id: Option<Value>,
    answers: u32,
    over: bool,
}

impl Party {
    pub(super) fn new(line: Line) -> Self {
        Self {
            line,
            speaks_for: None,
            asked: 0,
            question: None,
            unacknowledged: None,
        }
    }

    /// The number of the next request.
    pub(super) const fn next(&self) -> u64 {
        self.asked + 1
    }

    /// Asks, with `body` as the argument of `event`. `id` is known to be that of the request.
    pub(super) fn ask(&mut self, event: &str, body: &str, id: Option<Value>) {
        let number = self.next();
        self.line.ask(number, event, body);
        self.fence(number, owner(body), id);
    }

    /// Sends anything.
    pub(super) fn send(&mut self, text: &str) {
        self.line.send(text.to_owned());
        self.fence(self.next(), None, None);
    }

    fn fence(&mut self, number: u64, owner: Option<PartyId>, id: Option<Value>) {
        self.asked = number + 1;
        let channel = Channel::ALL[0].name();
        let ping = format!(r##"{{"action":"ping","id":"#{}"}}"##, self.asked);
        self.line.ask(self.asked, channel, &ping);
        self.question = Some(Question {
            number,
            owner,
            id,
            answers: 0,
            over: false,
        });
    }

    /// Whether nothing is under way any more: all was answered, or the connection is closed.
    pub(super) fn is_settled(&self) -> bool {
        self.line.is_closed() || self.question.as_ref().is_none_or(|question| question.over)
    }

    /// Hears what has come.
    pub(super) fn hear(&mut self, mind: &mut Mind) {
        for heard in self.line.hear() {
            match heard {
                Heard::Acknowledged(number, body) => self.acknowledged(number, &body, mind),
                Heard::Event { name, body, ack } if MESSAGES.contains(&&*name) => {
                    mind.message(&body);
                    self.unacknowledged = ack.or(self.unacknowledged);
                }
                Heard::Event { name, body, ack } => {
                    assert!(name.starts_with("insta") && ack.is_none(), "{name}");
                    self.said(&body, mind);
                }
            }
        }
    }

    /// An answer by number: the request's, then the ping's, and each once.
    fn acknowledged(&mut self, number: u64, body: &Value, mind: &mut Mind) {
        let Some(question) = &mut self.question else {
            panic!("nobody asked for {body}");
        };
        if number > question.number {
            assert!(number == self.asked && !question.over, "{number}: {body}");
            question.over = true;
        } else if number == question.number {
            question.answers += 1;
            assert!(!question.over && question.answers == 1, "again: {body}");
            self.learn(body, mind);
        }
        // Any text may have asked under any other number.
    }

    /// An answer on a WebSocket is known by its id, and is before the ping's; what has none may be unasked.
    fn said(&mut self, body: &Value, mind: &mut Mind) {
        let Some(question) = self.question.as_mut().filter(|_| !self.line.acknowledges()) else {
            return;
        };
        if body["id"] == format!("#{}", self.asked) {
            let expected = u32::from(question.id.is_some());
            assert!(question.answers == expected && !question.over, "{body}");
            question.over = true;
        } else if question.id.as_ref().is_some_and(|id| body["id"] == *id) {
            question.answers += 1;
            assert!(!question.over && question.answers == 1, "again: {body}");
            self.learn(body, mind);
        }
    }

    fn learn(&mut self, body: &Value, mind: &mut Mind) {
        let owner = self.question.as_ref().and_then(|question| question.owner);
        let action = body["action"].as_str().expect("a reply has an action");
        match action {
            "logged" => self.speaks_for = owner,
            "loggedOut" => self.speaks_for = None,
            _ => {}
        }
        mind.answer(&body["parameters"], owner.or(self.speaks_for));
    }
}
