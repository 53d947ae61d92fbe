//! What those who take part ask for.

mod sending;

use nile_protocol::{
    channel::Channel,
    party::{PartyId, PartyKind},
};
use serde_json::{Value, json};

use crate::simulation::{
    asked::{Asked, What},
    carrier::Up,
    link::Link,
    oracle::party::Who,
    world::World,
};

const HASH: &str = "QmNLfbof5rLekrACjeuLk9JmGZD2HDBHCU4z16iYKmx5SE";

/// A number that no message has.
const NOBODYS: i64 = 1 << 40;

/// How it is shown who asks.
pub(super) enum Proof {
    None,
    Token(String),
    /// By the login of the link.
    Link,
}

impl World {
    /// Somebody who has the time asks for something, on a link or with a request of its own.
    pub(super) fn ask_something(&mut self) {
        let who = self.rng.usize(..self.oracle.members.len());
        let Some(identity) = self.oracle.members[who].identity.clone() else {
            return self.register(who);
        };
        let own = self.links(|link| link.who == who && link.is_connection());
        match (self.pick(&own), self.rng.u8(..100)) {
            (Some(at), 0..16) if self.links[at].party().is_none() => self.log_in(who, at),
            (Some(at), 0..5) => self.log_in(who, at),
            (Some(at), 5..7) => self.ask(at, What::Logout, Proof::None, "{}"),
            (Some(at), 7..10) => self.subscribe(who, at),
            (Some(at), 10..16) => self.forward(who, at),
            (_, 16..19) => self.rotate(who),
            (_, 19..21) => {
                let (at, proof) = self.way(who);
                let information = format!(r#"{{"information":{{"name":"{}"}}}}"#, self.serial);
                let proof = match proof {
                    Proof::Token(_) => proof,
                    _ => Proof::Token(identity.token().to_owned()),
                };
                self.ask(at, What::Update, proof, &information);
            }
            (_, 21) => self.delete(who),
            (_, 22..24) => self.try_in_vain(who),
            (_, 24..40) => self.process_queue(who),
            (_, 40..44) => self.ask_about_a_message(who),
            (_, 44..46) => {
                let (at, _) = self.way(who);
                self.ask(at, What::Ping, Proof::None, "{}");
            }
            _ => {
                for _ in 0..self.rng.usize(1..=self.temper.burst) {
                    self.send(who);
                }
            }
        }
    }

    /// A link on which to ask, or one for this request alone, and a proof that does there.
    pub(super) fn way(&mut self, who: Who) -> (usize, Proof) {
        let identity = self.oracle.members[who].identity.as_ref();
        let token = identity.map(|identity| identity.token().to_owned());
        let party = identity.map(|identity| identity.party);
        let own = self.links(|link| link.who == who && link.is_connection());
        let with_token = token.map_or(Proof::None, Proof::Token);
        match self.pick(&own) {
            Some(at) if self.rng.u8(..6) > 0 => {
                let is_logged_in = party.is_some() && self.links[at].party() == party;
                let proof = if is_logged_in && self.rng.u8(..3) > 0 {
                    Proof::Link
                } else {
                    with_token
                };
                (at, proof)
            }
            _ => (self.add(Link::once(who)), with_token),
        }
    }

    pub(super) fn ask(&mut self, at: usize, what: What, proof: Proof, parameters: &str) {
        self.serial += 1;
        let id = json!(self.serial);
        let kind = self.oracle.members[self.links[at].who].kind;
        let channel = Channel::ToInstance { from: kind };
        let action = what.action();
        let rest = format!(r#""action":"{action}","parameters":{parameters}"#);
        let asked = Asked {
            id,
            what,
            token: None,
        };
        self.say(at, asked, proof, (channel, rest));
    }

    /// Puts a request on a link. `request` is the channel and the members of the body but the `id` and the
    /// token.
    pub(super) fn say(
        &mut self,
        at: usize,
        mut asked: Asked,
        proof: Proof,
        request: (Channel, String),
    ) {
        let (channel, rest) = request;
        let proved = match &proof {
            Proof::Token(token) => format!(r#","token":"{token}""#),
            Proof::None | Proof::Link => String::new(),
        };
        if let Proof::Token(token) = proof {
            asked.token = Some(token);
        }
        // What a body says of its sender is nobody's proof.
        let body = format!(r#"{{"id":{},"sender":1,{rest}{proved}}}"#, asked.id);
        let Asked { id, what, token } = &asked;
        let token = token.as_ref().map(|token| self.trace.name(token));
        self.trace.note(format_args!(
            "link {at} asks {id} {what:?} with {token:?} on {}",
            channel.name()
        ));
        let link = &mut self.links[at];
        if link.is_once {
            // Over HTTP the answer tells by itself what it answers.
            asked.id = Value::Null;
        }
        link.asked.push_back(asked);
        link.up.push_back(Up::Request { channel, body });
    }

    pub(super) fn register(&mut self, who: Who) {
        let is_asked = self.links.iter().any(|link| {
            let mut asked = link.asked.iter();
            link.who == who && asked.any(|asked| matches!(asked.what, What::Register))
        });
        if is_asked {
            return;
        }
        self.oracle.strangers += 1;
        let (at, _) = self.way(who);
        let parameters = match self.oracle.members[who].kind {
            PartyKind::Client => r#"{"information":{"name":"a"}}"#.to_owned(),
            PartyKind::Node => format!(r#"{{"hash":"{HASH}"}}"#),
        };
        self.ask(at, What::Register, Proof::None, &parameters);
    }

    pub(super) fn log_in(&mut self, who: Who, at: usize) {
        let Some(identity) = self.oracle.members[who].identity.clone() else {
            return;
        };
        let limit = (self.rng.u8(..3) == 0).then(|| self.rng.u32(..5));
        let parameters = limit.map_or_else(
            || "{}".to_owned(),
            |limit| json!({ "limit": limit }).to_string(),
        );
        let what = What::Login {
            limit,
            in_vain: false,
        };
        let proof = Proof::Token(identity.token().to_owned());
        self.ask(at, what, proof, &parameters);
    }

    /// Tries a token that is known not to be valid any more, or never was.
    fn try_in_vain(&mut self, who: Who) {
        let Some(identity) = self.oracle.members[who].identity.clone() else {
            return;
        };
        let token = identity.dead.last().cloned().unwrap_or_else(|| {
            let mut token = identity.token().to_owned();
            let last = if token.pop() == Some('A') { 'Q' } else { 'A' };
            token.push(last);
            token
        });
        let (at, _) = self.way(who);
        let what = What::Login {
            limit: None,
            in_vain: true,
        };
        self.ask(at, what, Proof::Token(token), "{}");
    }

    fn subscribe(&mut self, who: Who, at: usize) {
        if self.rng.bool() && self.oracle.members[who].kind == PartyKind::Client {
            return self.ask(at, What::Nodes, Proof::None, "{}");
        }
        let on = self.rng.u8(..4) > 0;
        let parameters = json!({ "on": on }).to_string();
        self.ask(at, What::Follow, Proof::Link, &parameters);
    }

    /// One at a time: of two whose answers cross, nobody can tell which token is the newer.
    fn rotate(&mut self, who: Who) {
        let Some(identity) = self.oracle.members[who].identity.clone() else {
            return;
        };
        let (at, _) = self.way(who);
        let token = Proof::Token(identity.token().to_owned());
        self.ask(at, What::Rotate, token, "{}");
    }

    fn delete(&mut self, who: Who) {
        let Some(identity) = self.oracle.members[who].identity.clone() else {
            return;
        };
        if self.rng.u8(..3) > 0 {
            return;
        }
        self.oracle.tries_to_delete(identity.party);
        let (at, _) = self.way(who);
        let token = Proof::Token(identity.token().to_owned());
        self.ask(at, What::Delete, token, "{}");
    }

    /// Removes some of its own, and tries so with others.
    fn process_queue(&mut self, who: Who) {
        let Some(party) = self.party(who) else { return };
        let mut ids = Vec::new();
        for _ in 0..self.rng.u8(..4) {
            ids.push(self.some_message());
        }
        let owned = self.links.iter().filter(|link| link.who == who);
        let had: Vec<i64> = owned
            .filter_map(|link| link.login.as_ref())
            .flat_map(|login| &login.had)
            .copied()
            .collect();
        ids.extend(self.pick(&had));
        let (at, proof) = self.way(who);
        self.remove(at, proof, party, &ids);
    }

    pub(super) fn remove(&mut self, at: usize, proof: Proof, party: PartyId, ids: &[i64]) {
        let mut own = ids.to_vec();
        own.retain(|id| self.oracle.message(*id).is_some_and(|it| it.to == [party]));
        for id in ids {
            self.oracle.tries(party, *id);
        }
        let parameters = json!({ "queue_ids": ids }).to_string();
        self.ask(at, What::Process { party, own }, proof, &parameters);
    }

    fn ask_about_a_message(&mut self, who: Who) {
        let Some(party) = self.party(who) else { return };
        let queue_id = self.some_message();
        let message = self.oracle.message(queue_id);
        let is_own = message.is_some_and(|message| message.from == party);
        let (at, proof) = self.way(who);
        let parameters = json!({ "queue_id": queue_id }).to_string();
        if self.rng.bool() {
            self.ask(at, What::Status { queue_id, is_own }, proof, &parameters);
        } else {
            self.oracle.tries(party, queue_id);
            self.ask(at, What::Withdraw { queue_id, is_own }, proof, &parameters);
        }
    }

    /// Asks what became of a message, as its sender.
    pub(super) fn ask_status(&mut self, at: usize, token: String, queue_id: i64) {
        let parameters = json!({ "queue_id": queue_id }).to_string();
        let proof = Proof::Token(token);
        self.ask(
            at,
            What::Status {
                queue_id,
                is_own: true,
            },
            proof,
            &parameters,
        );
    }

    pub(super) fn party(&self, who: Who) -> Option<PartyId> {
        let identity = self.oracle.members[who].identity.as_ref();
        identity.map(|identity| identity.party)
    }

    /// Any message, the later ones more often, or none.
    fn some_message(&mut self) -> i64 {
        let known: Vec<i64> = self
            .oracle
            .messages()
            .map(|(queue_id, _)| queue_id)
            .collect();
        let back = self.rng.usize(..12);
        let newest = known.last().copied().unwrap_or(0);
        match self.rng.u8(..12) {
            0 => NOBODYS,
            1 => newest + self.rng.i64(1..4),
            2 => self.pick(&known).unwrap_or(NOBODYS),
            _ => known.iter().rev().nth(back).copied().unwrap_or(NOBODYS),
        }
    }
}
