//! One connection of a party: Socket.IO 4 or a bare WebSocket, with what it hears.
//!
//! Only one request is under way on it at a time, so the next answer is its answer.

use std::{collections::BTreeSet, net::SocketAddr};

use serde::Deserialize;
use serde_json::{Value, value::RawValue};
use socket2::SockRef;

use crate::support::{
    Connects,
    request::{PING, parse},
    socketio::{SocketIo, event, parse_push},
    websocket::Raw,
};

pub(super) struct Connection {
    wire: Wire,
    /// What was pushed and not looked at yet.
    pub(super) pushed: Vec<Pushed>,
    /// What it has received since it logged in, in the page or pushed.
    pub(super) received: BTreeSet<i64>,
    /// Of these, what was pushed, and can be acknowledged.
    pub(super) held: Vec<Pushed>,
}

enum Wire {
    Raw(Raw),
    SocketIo(SocketIo),
}

/// A message that was pushed.
#[derive(Clone)]
pub(super) struct Pushed {
    pub(super) channel: String,
    pub(super) message: Delivery,
    /// The number with which Socket.IO acknowledges it.
    pub(super) ack: Option<u64>,
}

/// A message as its recipient hears it.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Delivery {
    pub(super) queue_id: i64,
    pub(super) sender: i64,
    pub(super) sender_kind: String,
    pub(super) content: Box<RawValue>,
    pub(super) recipient: Option<i64>,
}

impl Connection {
    /// Connects: over Socket.IO, or not.
    pub(super) async fn open(address: SocketAddr, over_socketio: bool) -> Self {
        let wire = if over_socketio {
            Wire::SocketIo(SocketIo::open(address).await)
        } else {
            Wire::Raw(Raw::open(address).await)
        };
        Self {
            wire,
            pushed: Vec::new(),
            received: BTreeSet::new(),
            held: Vec::new(),
        }
    }

    /// Asks, and does not wait.
    pub(super) async fn say(&mut self, channel: &str, body: &str) {
        match &mut self.wire {
            Wire::Raw(party) => {
                let frame = format!(r#"{{"event":"{channel}","body":{body}}}"#);
                party.socket.say(&frame).await;
            }
            Wire::SocketIo(party) => party.socket.say(&event(channel, body)).await,
        }
    }

    /// The next answer; what is pushed before it is kept.
    pub(super) async fn answer(&mut self) -> String {
        loop {
            if let Some(answer) = self.hear().await {
                return answer;
            }
        }
    }

    pub(super) async fn ask(&mut self, channel: &str, body: &str) -> String {
        self.say(channel, body).await;
        self.answer().await
    }

    /// Hears all that it has been told up to now. The first answer may overtake what waits to be written beside
    /// it; the second does not.
    pub(super) async fn catch_up(&mut self, channel: &str) {
        for _ in 0..2 {
            self.ask(channel, PING).await;
        }
    }

    /// Hears one thing: an answer, or `None` for what is pushed, which is kept. News are passed over.
    pub(super) async fn hear(&mut self) -> Option<String> {
        let (ack, name, body) = match &mut self.wire {
            Wire::Raw(party) => {
                let frame: Frame = serde_json::from_str(&party.socket.hear().await).unwrap();
                (None, frame.event, frame.body.get().to_owned())
            }
            Wire::SocketIo(party) => parse_push(&party.hear().await),
        };
        if !name.starts_with("instace.to.") {
            self.pushed.push(Pushed {
                channel: name,
                message: serde_json::from_str(&body).unwrap(),
                ack,
            });
            return None;
        }
        let told = parse(&body);
        let is_news = told["action"] == "updateOnlineNodes" && told["id"] == Value::Null;
        (!is_news).then_some(body)
    }

    /// Acknowledges a push; over a bare WebSocket there is no such thing.
    pub(super) async fn acknowledge(&mut self, push: &Pushed) -> bool {
        match (&mut self.wire, push.ack) {
            (Wire::SocketIo(party), Some(ack)) => {
                party.socket.say(&format!("43{ack}[]")).await;
                true
            }
            _ => false,
        }
    }

    /// Leaves with a closing handshake.
    pub(super) async fn close(mut self) {
        match &mut self.wire {
            Wire::Raw(party) => party.socket.close().await,
            Wire::SocketIo(party) => party.socket.close().await,
        }
    }

    /// Breaks off.
    pub(super) fn abort(mut self) {
        let socket = match &mut self.wire {
            Wire::Raw(party) => party.socket(),
            Wire::SocketIo(party) => party.socket(),
        };
        let stream = SockRef::from(socket.stream.get_ref());
        stream.set_linger(Some(std::time::Duration::ZERO)).unwrap();
    }

    /// Waits until the server has closed it.
    pub(super) async fn closed(mut self) {
        match &mut self.wire {
            Wire::Raw(party) => party.socket.closed().await,
            Wire::SocketIo(party) => party.socket.closed().await,
        };
    }
}

#[derive(Deserialize)]
struct Frame {
    event: String,
    body: Box<RawValue>,
}
