//! The hub without transports and without a store.

mod list;
mod login;
mod forward;
mod presence;
mod follow;
mod feed;

use std::{
    sync::Arc,
    task::{Context, Waker},
};

use nile_protocol::{
    json::Raw,
    party::{ClientId, NodeId, PartyKind},
};
use nile_socketio::{Frame, Outbox, Refused, Sink};

use super::*;

const SHOPPER: PartyId = PartyId::Client(ClientId(1));
const SHOP: PartyId = PartyId::Node(NodeId(1));

/// Writes bodies as they are, behind a word of its own.
struct Spoken(&'static str);

static PLAIN: Spoken = Spoken("");
static OTHER: Spoken = Spoken("other ");

impl Dialect for Spoken {
    fn message(&self, from: PartyKind, body: &str, queue_id: Option<i64>) -> Frame {
        match queue_id {
            Some(queue_id) => format!("{}{queue_id}", self.0).into(),
            None => format!("{}{}: {body}", self.0, from.word()).into(),
        }
    }

    fn said(&self, to: PartyKind, body: &str) -> Arc<[Frame]> {
        [format!("{}to {}: {body}", self.0, to.word()).into()].into()
    }
}

fn voice(limit: usize) -> Voice {
    Voice {
        outbox: Outbox::new(limit),
        dialect: &PLAIN,
    }
}

fn line(connection: WsId, voice: &Voice) -> Line {
    let voice = voice.clone();
    Line { connection, voice }
}

fn token(byte: u8) -> TokenHash {
    TokenHash::from_bytes([byte; 32])
}

fn card(information: &str) -> Card {
    Card {
        hash: "hash".into(),
        information: information.into(),
    }
}

fn message(queue_id: i64) -> Message {
    Message::new(queue_id, SHOP, Raw::empty_object())
}

/// An approved node, or a client, that comes with the first token and has room.
fn joining(connection: WsId, party: PartyId) -> Joining {
    Joining {
        line: line(connection, &voice(1000)),
        kind: Kind::Online,
        token: token(1),
        start: Start::default(),
        card: (party.kind() == PartyKind::Node).then(|| (card("{}"), true)),
    }
}

/// Logs in, and tells how the connection is reached.
fn enter(hub: &Hub, party: PartyId, joining: Joining) -> Voice {
    let voice = joining.line.voice.clone();
    let left = hub.begin_login(party).join(joining);
    let _ = left.expect("nothing has changed meanwhile");
    voice
}

fn join(hub: &Hub, connection: WsId, party: PartyId) -> Voice {
    enter(hub, party, joining(connection, party))
}

fn listen(hub: &Hub, connection: WsId, party: PartyId) -> Voice {
    let kind = Kind::Listening;
    enter(
        hub,
        party,
        Joining {
            kind,
            ..joining(connection, party)
        },
    )
}

fn online(hub: &Hub) -> Vec<(WsId, PartyId)> {
    let mut online = hub.online();
    online.sort_by_key(|(ws_id, _)| ws_id.to_string());
    online
}

fn is_told_to_close(voice: &Voice) -> bool {
    voice.outbox.push("".into()) == Err(Refused::Closed)
}

/// What has been put into the outbox since the last time; it has all its room again.
fn heard(voice: &Voice) -> Vec<String> {
    let mut heard = Heard::default();
    let mut cx = Context::from_waker(Waker::noop());
    voice.outbox.take_into(&mut cx, &mut heard, usize::MAX);
    heard.0
}

#[derive(Default)]
struct Heard(Vec<String>);

impl Sink for Heard {
    fn text(&mut self, parts: &[&str]) {
        self.0.push(parts.concat());
    }

    fn binary(&mut self, _: &[u8]) {
        unreachable!("frames are text");
    }
}
