//! What parties may do.

use arbitrary::Arbitrary;
use nile_protocol::{channel::Channel, verb::Verb};
use serde_json::{Map, Value, json, value::RawValue};

use super::mind::Mind;

/// Everything that happens in a town.
#[derive(Arbitrary, Debug)]
pub(super) struct Script<'a> {
    pub(super) acts: Vec<Act<'a>>,
}

/// One thing that happens. Who does it is a number, of which a few have a connection.
#[derive(Arbitrary, Debug)]
pub(super) enum Act<'a> {
    /// Comes, in place of whoever was there.
    Come { who: u8, over: Way },
    /// Goes without a word.
    Go { who: u8 },
    /// Asks for something.
    Ask { who: u8, request: Request<'a> },
    /// Asks in any words.
    Say { who: u8, event: u8, body: &'a str },
    /// Sends any text.
    Send { who: u8, text: &'a str },
    /// Acknowledges the message that came last, or any.
    Acknowledge { who: u8, any: Option<u16> },
    /// Asks over HTTP.
    Http {
        put: bool,
        bearer: Option<u8>,
        request: Request<'a>,
    },
    /// Sends any request over HTTP.
    Any {
        method: u8,
        path: u8,
        query: &'a str,
        headers: [(u8, &'a str); 2],
        body: &'a str,
    },
    /// Lets so many sixteenths of a second pass, two minutes at most.
    Wait(u16),
}

/// How a party is connected.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub(super) enum Way {
    /// As a client of Socket.IO 3 or 4.
    SocketIo,
    /// As a client of Socket.IO 2.
    OldSocketIo,
    /// On `/ws`.
    WebSocket,
}

/// A request that is put together of what makes sense somewhere.
#[derive(Arbitrary, Debug)]
pub(super) struct Request<'a> {
    channel: u8,
    verb: u8,
    /// One of the tokens that were given out.
    token: Option<u8>,
    /// One of the parties, or of the connections, that were heard of.
    recipient: Option<(bool, u8)>,
    /// One of the messages that were heard of.
    queue_id: Option<u8>,
    id: Option<u8>,
    /// What it carries, where that is JSON.
    content: &'a str,
}

pub(super) fn channel(number: u8) -> Channel {
    Channel::ALL[usize::from(number) % Channel::ALL.len()]
}

impl Request<'_> {
    pub(super) fn channel(&self) -> Channel {
        channel(self.channel)
    }

    /// The body, with `id` unless the request has one of its own, which then is a text.
    pub(super) fn body(&self, mind: &Mind, id: u64) -> String {
        let verb = Verb::ALL[usize::from(self.verb) % Verb::ALL.len()];
        let content = serde_json::from_str::<&RawValue>(self.content).ok();
        let mut body = Map::new();
        body.insert("action".to_owned(), verb.as_str().into());
        body.insert(
            "id".to_owned(),
            match self.id {
                Some(text) => format!("id-{text}").into(),
                None => id.into(),
            },
        );
        let mut parameters = Map::new();
        if verb == Verb::SubscribeStatus {
            parameters.insert("on".to_owned(), self.queue_id.is_none().into());
        }
        if matches!(verb, Verb::Register | Verb::Update) {
            let information = content.and_then(|content| serde_json::from_str(content.get()).ok());
            let information: Value = information.unwrap_or(json!({"name": "x"}));
            parameters.insert("information".to_owned(), information);
            parameters.insert("hash".to_owned(), HASH.into());
        }
        if let Some(token) = self.token.and_then(|which| mind.token(which)) {
            body.insert("token".to_owned(), token.into());
        }
        if let Some((connection, which)) = self.recipient {
            let recipient = mind.recipient(connection, which);
            body.insert("recipient".to_owned(), recipient);
        }
        if let Some(queue_id) = self.queue_id.and_then(|which| mind.queue_id(which)) {
            body.insert("queue_id".to_owned(), queue_id.into());
            parameters.insert("queue_id".to_owned(), queue_id.into());
        }
        if matches!(verb, Verb::Forward | Verb::Queue) {
            let content = content.and_then(|content| serde_json::from_str(content.get()).ok());
            body.insert("parameters".to_owned(), content.unwrap_or(Value::Null));
        } else {
            body.insert("parameters".to_owned(), parameters.into());
        }
        Value::from(body).to_string()
    }
}

const HASH: &str = "QmNLfbof5rLekrACjeuLk9JmGZD2HDBHCU4z16iYKmx5SE";
