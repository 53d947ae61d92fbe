//! What a member asks about messages, several things at a time, and what the answers mean.

use nile_protocol::party::{PartyId, PartyKind};
use serde_json::{Value, json};

use super::{Held, Page, Talk, page_in};
use crate::{
    kills::{
        line::Gone,
        message::Serial,
        messages::{Draft, Rested},
    },
    support::request::parse,
};

pub(super) enum Question {
    /// To have a message stored, which was asked for before perhaps.
    Send(Serial),
    /// To remove these, and these numbers, which are not its own.
    Process(Vec<Serial>, Vec<i64>),
    /// To remove this, by the acknowledgement of its push.
    Acknowledge(Serial, u64),
    Withdraw(Serial),
}

/// A question that is answered.
pub(super) struct Expected {
    pub(super) id: Value,
    /// When it was said.
    said: u64,
    question: Question,
    /// What was at rest when it was asked.
    rested: Rested,
}

impl Talk<'_> {
    /// Asks. What is acknowledged over Socket.IO is not answered.
    pub(super) async fn put(&mut self, question: Question) -> Result<Option<Expected>, Gone> {
        let (channel, body) = match &question {
            Question::Send(serial) => self.sending(*serial),
            Question::Process(own, foreign) => self.processing(own, foreign),
            Question::Withdraw(serial) => {
                let id = self.next_id();
                let mut messages = self.shared.messages.borrow_mut();
                messages.withdraw(*serial);
                let parameters = json!({ "queue_id": messages.of(*serial).queue_id });
                let body = json!({ "action": "withdraw", "parameters": parameters, "id": id });
                (self.channel(), body)
            }
            Question::Acknowledge(serial, ack) => {
                self.shared.tick();
                self.unanswered.push((self.shared.now(), *serial));
                self.shared.messages.borrow_mut().acknowledge(&[*serial]);
                self.line.acknowledge(*ack).await?;
                return Ok(None);
            }
        };
        let rested = self.shared.messages.borrow().at_rest(self.party());
        self.say(&channel, &body).await?;
        Ok(Some(Expected {
            id: body["id"].clone(),
            said: self.shared.now(),
            question,
            rested,
        }))
    }

    fn sending(&mut self, serial: Serial) -> (String, Value) {
        let id = self.next_id();
        let mut messages = self.shared.messages.borrow_mut();
        messages.ask_again(serial);
        let message = messages.of(serial);
        let content: Value = serde_json::from_str(&message.content).unwrap();
        let id = message.name.as_ref().map_or(id, |name| json!(name));
        let mut body = json!({ "recipient": message.to.number(), "id": id });
        if content["action"] == "order" {
            body["action"] = content["action"].clone();
            body["parameters"] = content["parameters"].clone();
            let (from, to) = (message.from.kind().word(), message.to.kind().word());
            return (format!("{from}.to.{to}"), body);
        }
        body["action"] = json!("queue");
        body["parameters"] = content;
        if let Some(request) = message.answers {
            body["queue_id"] = json!(messages.of(request).queue_id);
        }
        (self.channel(), body)
    }

    fn processing(&mut self, own: &[Serial], foreign: &[i64]) -> (String, Value) {
        let id = self.next_id();
        let mut messages = self.shared.messages.borrow_mut();
        messages.acknowledge(own);
        let own = own
            .iter()
            .filter_map(|serial| messages.of(*serial).queue_id);
        let queue_ids: Vec<i64> = own.chain(foreign.iter().copied()).collect();
        let parameters = json!({ "queue_ids": queue_ids });
        let body = json!({ "action": "processQueue", "parameters": parameters, "id": id });
        (self.channel(), body)
    }

    pub(super) fn judge(&mut self, expected: Expected, answer: &str) {
        let Expected {
            said,
            question,
            rested,
            ..
        } = expected;
        // Writes are made in the order in which a connection asks for them.
        let settled = self.unanswered.extract_if(.., |(at, _)| *at < said);
        let settled: Vec<Serial> = settled.map(|(_, serial)| serial).collect();
        self.shared.messages.borrow_mut().acknowledged(&settled);
        let told = parse(answer);
        match question {
            Question::Send(serial) => {
                let queue_id = told["parameters"]["queue_id"].as_i64();
                let queue_id = queue_id.unwrap_or_else(|| panic!("refused: {answer}"));
                self.shared.messages.borrow_mut().accepted(serial, queue_id);
            }
            Question::Process(own, _) => {
                assert_eq!(told["action"], "updateQueue", "{answer}");
                self.shared.messages.borrow_mut().acknowledged(&own);
                let page: Page = page_in(answer);
                self.shown(&page, &rested);
                for row in &page.queue {
                    self.hold(row, None);
                }
            }
            Question::Withdraw(serial) => {
                let done = told["action"] == "withdrawn";
                let unknown = told["parameters"]["code"] == "unknown_message";
                assert!(done || unknown, "{answer}");
                self.shared.messages.borrow_mut().withdrawn(serial, done);
            }
            Question::Acknowledge(..) => unreachable!("it is not answered"),
        }
    }

    /// A new message for somebody, if there is anybody with room for it.
    pub(super) fn draft(&mut self) -> Option<Question> {
        let from = self.party();
        let mut messages = self.shared.messages.borrow_mut();
        let members = self.shared.members.borrow();
        let reached = members.iter().copied();
        let reached = reached.filter(|to| messages.may_write(from, *to));
        let reached = reached.filter(|to| messages.between(from, *to) < ROOM);
        let to = self.rng.choice(reached.collect::<Vec<PartyId>>())?;
        let draft = self.composed(messages.next(), to, None);
        Some(Question::Send(messages.ask(draft)))
    }

    /// An answer to a request that a node holds.
    pub(super) fn reply(&mut self) -> Option<Question> {
        if self.party().kind() != PartyKind::Node || self.held.is_empty() {
            return None;
        }
        let held = self.held.swap_remove(self.rng.usize(..self.held.len()));
        let mut messages = self.shared.messages.borrow_mut();
        let to = messages.of(held.serial).from;
        let draft = self.composed(messages.next(), to, Some(held.serial));
        Some(Question::Send(messages.ask(draft)))
    }

    fn composed(&mut self, serial: Serial, to: PartyId, answers: Option<Serial>) -> Draft {
        let from = self.party();
        let length = [20, 200, 5_000][self.rng.usize(..3)];
        let text = "x".repeat(self.rng.usize(..length));
        let content = json!({ "serial": serial, "text": text });
        let by_channel = answers.is_none() && self.rng.bool();
        let content = if by_channel {
            format!(r#"{{"action":"order","parameters":{content}}}"#)
        } else {
            content.to_string()
        };
        let is_named = self.rng.u8(..3) > 0;
        Draft {
            from,
            to,
            name: is_named.then(|| format!("message {serial}")),
            content,
            answers,
        }
    }

    /// To remove some of what is held.
    pub(super) fn removal(&mut self) -> Question {
        self.rng.shuffle(&mut self.held);
        let some = self.rng.usize(..=self.held.len().min(4));
        let own = self.held.drain(..some).map(|held| held.serial).collect();
        let others = self.shared.messages.borrow().of_others(self.party());
        let foreign = self.rng.choice(others).filter(|_| self.rng.bool());
        Question::Process(own, foreign.into_iter().collect())
    }

    /// To remove one of what was pushed, over Socket.IO.
    pub(super) fn acknowledgement(&mut self) -> Option<Question> {
        let can = |held: &Held| held.ack.is_some();
        let held = self.held.swap_remove(self.held.iter().position(can)?);
        Some(Question::Acknowledge(held.serial, held.ack?))
    }

    /// To have one back.
    pub(super) fn withdrawal(&mut self) -> Option<Question> {
        let returnable = self.shared.messages.borrow().returnable(self.party());
        self.rng.choice(returnable).map(Question::Withdraw)
    }
}

/// How many messages may wait for a party from one sender here.
const ROOM: usize = 20;
