//! Sending: messages by party in every way, again under the same name, and forwarding to a connection.

use nile_protocol::{
    channel::Channel,
    party::{PartyId, PartyKind},
};
use serde_json::{Value, json};

use super::{Proof, World};
use crate::simulation::{
    asked::{Asked, What},
    oracle::{Attempt, Forward, party::Who},
};

/// The ways of a message by party.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Channel,
    Queue,
    Forward,
}

impl World {
    pub(super) fn send(&mut self, who: Who) {
        let Some(from) = self.party(who) else { return };
        let place = match self.rng.u8(..10) {
            0..2 => self.sent_under_a_name(from),
            _ => None,
        };
        let place = place.or_else(|| self.compose(who, from));
        let Some(place) = place else { return };
        let attempt = &self.oracle.attempts[place];
        let request = attempt.request.clone();
        let name = attempt.name.clone();
        self.serial += 1;
        let id = name.map_or_else(|| json!(self.serial), Value::from);
        let (at, proof) = self.way(who);
        // A repetition does not say by what it is proved.
        self.oracle.ask(place);
        let what = What::Send(place);
        self.say(
            at,
            Asked {
                id,
                what,
                token: None,
            },
            proof,
            request,
        );
    }

    /// A message that was sent under a name, not long ago, to be sent again.
    fn sent_under_a_name(&mut self, from: PartyId) -> Option<usize> {
        let age = |attempt: &Attempt| self.oracle.clock.latest - attempt.at;
        let attempts = self.oracle.attempts.iter().enumerate();
        let known: Vec<usize> = attempts
            .filter(|(_, attempt)| attempt.from == from && attempt.name.is_some())
            .filter(|(_, attempt)| age(attempt) < 60 * 60 * 1000)
            .map(|(place, _)| place)
            .collect();
        if self.oracle.clock.was_set_back {
            return None;
        }
        self.pick(&known)
    }

    fn compose(&mut self, who: Who, from: PartyId) -> Option<usize> {
        let kind = from.kind();
        let others: Vec<PartyId> = self
            .known()
            .into_iter()
            .filter_map(|other| self.party(other))
            .filter(|party| party.kind() != kind)
            .collect();
        // Sometimes nobody's number.
        let to = match self.rng.u8(..20) {
            0 => kind.other().party(1_000_000),
            _ => self.pick(&others)?,
        };
        let way = [Way::Channel, Way::Queue, Way::Forward][self.rng.usize(..3)];
        let is_node = self.oracle.members[who].kind == PartyKind::Node;
        let answers = (is_node && way != Way::Channel && self.rng.u8(..3) == 0)
            .then(|| self.some_request(from));
        let is_to_sender_alone = answers.is_some() && self.rng.bool();
        let parameters = self.parameters();
        let (channel, action, content) = if way == Way::Channel {
            let content = format!(r#"{{"action":"order","parameters":{parameters}}}"#);
            (Channel::ToParty { from: kind }, "order", content)
        } else {
            let action = if way == Way::Queue {
                "queue"
            } else {
                "forward"
            };
            (
                Channel::ToInstance { from: kind },
                action,
                parameters.clone(),
            )
        };
        let mut rest = format!(r#""action":"{action}","parameters":{parameters}"#);
        let mut possible = Vec::new();
        if !is_to_sender_alone {
            possible.push(to);
            rest = format!(r#"{rest},"recipient":{}"#, to.number());
        }
        let mut attempt = Attempt::new(from, possible, content, (channel, rest));
        attempt.at = self.oracle.clock.now;
        if let Some(queue_id) = answers {
            self.answer(&mut attempt, queue_id);
        }
        if self.rng.u8(..3) == 0 {
            attempt.name = Some(self.name(from));
        }
        Some(self.oracle.attempt(attempt))
    }

    /// Has a message answer a request, if that is one.
    fn answer(&mut self, attempt: &mut Attempt, queue_id: i64) {
        let rest = &mut attempt.request.1;
        *rest = format!(r#"{rest},"queue_id":{queue_id}"#);
        let request = self.oracle.message(queue_id);
        let is_own = request.is_some_and(|request| request.to == [attempt.from]);
        attempt.answers = Some((queue_id, is_own));
        // Whoever sent a request that is not the asker's is sent nothing.
        if let Some(request) = request.filter(|request| request.to.contains(&attempt.from))
            && !attempt.to.contains(&request.from)
        {
            attempt.to.push(request.from);
        }
    }

    fn some_request(&mut self, node: PartyId) -> i64 {
        let own = self
            .oracle
            .messages()
            .filter(|(_, message)| message.to == [node]);
        let own: Vec<i64> = own.map(|(queue_id, _)| queue_id).collect();
        let newest = self.rng.usize(..6);
        if self.rng.u8(..5) == 0 {
            let any = self.some_message();
            return self.oracle.message(any).map_or(super::NOBODYS, |_| any);
        }
        own.iter()
            .rev()
            .nth(newest)
            .copied()
            .unwrap_or(super::NOBODYS)
    }

    /// A new name, or that of another message, which is a mistake.
    fn name(&mut self, from: PartyId) -> String {
        let before = self
            .sent_under_a_name(from)
            .filter(|_| self.rng.u8(..4) == 0);
        before
            .and_then(|place| self.oracle.attempts[place].name.clone())
            .unwrap_or_else(|| format!("name {}", self.serial))
    }

    /// JSON that nobody else writes, spaced and escaped in ways that have to stay.
    fn parameters(&mut self) -> String {
        self.serial += 1;
        let serial = self.serial;
        match self.rng.u8(..6) {
            0 => format!(r#"{{ "serial" :{serial} , "t":"é\u00e9" }}"#),
            1 => format!(
                r#"{{"serial":{serial},"pad":"{}"}}"#,
                "x".repeat(self.rng.usize(..4000))
            ),
            _ => format!(r#"{{"serial":{serial}}}"#),
        }
    }

    /// Forwards something to a connection that it has heard of.
    pub(super) fn forward(&mut self, who: Who, at: usize) {
        let link = &self.links[at];
        let kind = self.oracle.members[who].kind;
        let heard: Vec<String> = match kind {
            PartyKind::Client => {
                let listed = link.nodes.iter().flatten();
                listed.filter_map(|(_, ws_id)| ws_id.clone()).collect()
            }
            PartyKind::Node => link.correspondents.clone(),
        };
        if heard.is_empty() {
            return;
        }
        let ws_id = heard[self.rng.usize(..heard.len())].clone();
        let content = self.parameters();
        let channel = Channel::ToInstance { from: kind };
        let rest = format!(r#""action":"forward","recipient":"{ws_id}","parameters":{content}"#);
        let place = self.oracle.forwards.len();
        self.oracle.forwards.push(Forward {
            content,
            from: at,
            ws_id,
            to: None,
            is_answered: false,
        });
        self.serial += 1;
        let id = json!(self.serial);
        let what = What::Forward(place);
        self.say(
            at,
            Asked {
                id,
                what,
                token: None,
            },
            Proof::Link,
            (channel, rest),
        );
    }
}
