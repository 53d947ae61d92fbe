//! The requests of the specification page, written by number: register, login, update, and ping.
//!
//! The same number makes the same request. It sends nothing.

use std::{
    fmt::Write,
    sync::{Arc, Mutex, PoisonError},
};

use nile_protocol::{channel::Channel, party::PartyKind};
use serde::Deserialize;

use crate::{failure::Failure, load::Requests, wire::Body};

/// Some content identifier; nobody looks what is there.
const HASH: &str = "QmNLfbof5rLekrACjeuLk9JmGZD2HDBHCU4z16iYKmx5SE";

const TO_INSTANCE: Channel = Channel::ToInstance {
    from: PartyKind::Client,
};

/// A party that is registered.
#[derive(Clone, Debug, Deserialize)]
pub struct Registered {
    /// What it proves itself with.
    pub token: Box<str>,
    /// Its number, where servers tell it.
    #[serde(default)]
    pub id: i64,
}

/// Registrations, which remember who was registered.
#[derive(Debug)]
pub struct Register {
    kind: PartyKind,
    /// What else each tells about itself.
    about: String,
    known: Mutex<Vec<Registered>>,
}

/// Logins of clients in no order.
#[derive(Debug)]
pub struct Login(pub Tokens);

/// Updates of clients in no order, each with other information.
#[derive(Debug)]
pub struct Update(pub Tokens);

/// The least that can be asked.
#[derive(Debug)]
pub struct Ping;

/// The tokens of some clients, at least of one.
#[derive(Clone, Debug)]
pub struct Tokens(Arc<[Box<str>]>);

impl Tokens {
    /// These tokens.
    #[must_use]
    pub fn new(tokens: Vec<Box<str>>) -> Self {
        Self(tokens.into())
    }

    /// That of the client with this number, from 0, and again from the front after the last.
    #[must_use]
    pub fn at(&self, number: usize) -> &str {
        &self.0[number % self.0.len()]
    }

    /// Some client's; each number has its own, without a pattern that a cache could guess.
    fn pick(&self, number: u64) -> &str {
        let mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20;
        self.at(usize::try_from(mixed).unwrap_or_default())
    }
}

impl Register {
    /// Registrations of this kind.
    #[must_use]
    pub fn new(kind: PartyKind) -> Self {
        let (about, known) = (String::new(), Mutex::default());
        Self { kind, about, known }
    }

    /// The same, of parties whose information has so many bytes more.
    #[must_use]
    pub fn with_more(mut self, bytes: usize) -> Self {
        self.about = format!(r#","about":"{}""#, "x".repeat(bytes));
        self
    }

    /// Who has been registered.
    pub fn take(&self) -> Vec<Registered> {
        std::mem::take(&mut *self.known.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Requests for Register {
    fn channel(&self) -> Channel {
        Channel::ToInstance { from: self.kind }
    }

    fn words(&self) -> [&'static str; 2] {
        ["register", "registered"]
    }

    fn write(&self, number: u64, body: &mut String) {
        body.push_str(r#"{"action":"register","parameters":{"#);
        if self.kind == PartyKind::Node {
            put(body, format_args!(r#""hash":"{HASH}","#));
        }
        let (word, about) = (self.kind.word(), &self.about);
        put(
            body,
            format_args!(
                r#""information":{{"name":"{word} {number}","location":"Turin"{about}}}}}}}"#
            ),
        );
    }

    fn answered(&self, _number: u64, body: Body<'_>) -> Result<(), Failure> {
        let registered = body.parameters()?;
        self.known
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(registered);
        Ok(())
    }
}

impl Requests for Login {
    fn channel(&self) -> Channel {
        TO_INSTANCE
    }

    fn words(&self) -> [&'static str; 2] {
        ["login", "logged"]
    }

    fn write(&self, number: u64, body: &mut String) {
        let token = self.0.pick(number);
        put(
            body,
            format_args!(r#"{{"action":"login","parameters":{{"token":"{token}"}}}}"#),
        );
    }
}

impl Requests for Update {
    fn channel(&self) -> Channel {
        TO_INSTANCE
    }

    fn words(&self) -> [&'static str; 2] {
        ["update", "updated"]
    }

    fn write(&self, number: u64, body: &mut String) {
        let token = self.0.pick(number);
        put(
            body,
            format_args!(
                r#"{{"action":"update","parameters":{{"token":"{token}","information":{{"name":"update {number}","location":"Asti"}}}}}}"#
            ),
        );
    }
}

impl Requests for Ping {
    fn channel(&self) -> Channel {
        TO_INSTANCE
    }

    fn words(&self) -> [&'static str; 2] {
        ["ping", "pinged"]
    }

    fn write(&self, _number: u64, body: &mut String) {
        body.push_str(r#"{"action":"ping"}"#);
    }
}

/// Appends to a body.
pub(crate) fn put(body: &mut String, text: std::fmt::Arguments<'_>) {
    body.write_fmt(text).expect("a string takes every write");
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn written(requests: &impl Requests, number: u64) -> String {
        let mut body = String::new();
        requests.write(number, &mut body);
        body
    }

    #[test]
    fn every_request_is_json_with_the_action_that_it_says() {
        let tokens = Tokens::new(vec!["a".into(), "b".into()]);
        let all: [&dyn Requests; 6] = [
            &Register::new(PartyKind::Client),
            &Register::new(PartyKind::Client).with_more(9),
            &Register::new(PartyKind::Node),
            &Login(tokens.clone()),
            &Update(tokens),
            &Ping,
        ];
        for requests in all {
            let mut body = String::new();
            requests.write(77, &mut body);
            let body: serde_json::Value = serde_json::from_str(&body).unwrap();
            assert_eq!(body["action"], requests.words()[0]);
        }
    }

    #[test]
    fn all_tokens_are_used_and_neighbours_are_not_asked_for_in_a_row() {
        let tokens = Tokens::new((0..100).map(|n| n.to_string().into()).collect());
        let login = Login(tokens.clone());
        let asked: HashSet<_> = (0..2000).map(|number| written(&login, number)).collect();
        assert_eq!(asked.len(), 100);
        let picked = |number: u64| tokens.pick(number).parse::<i32>().unwrap();
        let neighbours = (0..1000)
            .filter(|n| (picked(*n) - picked(n + 1)).abs() == 1)
            .count();
        assert!(neighbours < 100, "{neighbours}");
    }

    #[test]
    fn who_was_registered_is_remembered() {
        let register = Register::new(PartyKind::Client);
        let told = r#"{"action":"registered","parameters":{"token":"t","id":7}}"#;
        register.answered(0, Body::Whole(told)).unwrap();
        // The specification page has a token alone.
        let told = r#"{"action":"registered","parameters":{"token":"u"}}"#;
        register.answered(1, Body::Whole(told)).unwrap();
        assert!(
            register
                .answered(2, Body::Whole(r#"{"parameters":{}}"#))
                .is_err()
        );
        let known: Vec<_> = register
            .take()
            .into_iter()
            .map(|it| (it.token, it.id))
            .collect();
        assert_eq!(known, [("t".into(), 7), ("u".into(), 0)]);
    }
}
