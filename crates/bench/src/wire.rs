//! How requests and answers look on each transport, as text.
//!
//! Bodies are taken and given as they are; only what surrounds them is written and read here. It
//! does no I/O, and does not match answers with requests.

use std::{fmt::Write, net::SocketAddr};

use clap::ValueEnum;
use nile_protocol::channel::Channel;
use serde::{Deserialize, de::IgnoredAny};
use serde_json::value::RawValue;

use crate::{failure::Failure, http};

/// What carries the requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Transport {
    /// Socket.IO over WebSocket, with Engine.IO 4: clients of Socket.IO 3 and 4.
    Socketio,
    /// The same with Engine.IO 3: clients of Socket.IO 2.
    Socketio3,
    /// A WebSocket with frames of JSON.
    Websocket,
    /// HTTP/1.1 on connections that are kept.
    Http,
}

/// How much the server understands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Dialect {
    /// Everything.
    Nile,
    /// Register, login, update and ping, answered through the acknowledgement.
    PlainAck,
    /// Nothing: what is sent comes back.
    Echo,
}

/// Where a server is, and how it is spoken to.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Its address.
    pub address: SocketAddr,
    /// What carries the requests.
    pub transport: Transport,
    /// What it understands.
    pub dialect: Dialect,
}

/// One request, written.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// Where it goes.
    pub channel: Channel,
    /// What it asks for.
    pub action: &'a str,
    /// All of it, the action included: a JSON object.
    pub body: &'a str,
}

/// What a message of the server is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard<'a> {
    /// The answer to a request.
    Answer(Answer<'a>),
    /// Something that was not asked for.
    Event(Event<'a>),
    /// Nothing that matters here.
    Other,
}

/// The answer to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer<'a> {
    /// The number of the request; where there is none, answers come in the order of requests.
    pub number: Option<u64>,
    /// What it says.
    pub body: Body<'a>,
}

/// The text of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Body<'a> {
    /// An object with an action and parameters.
    Whole(&'a str),
    /// The parameters alone, with a status.
    Parameters(u16, &'a str),
    /// The request itself.
    Echo,
}

/// Something that was not asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event<'a> {
    /// The channel.
    pub name: &'a str,
    /// The acknowledgement that it asks for.
    pub number: Option<u64>,
    /// The body.
    pub body: &'a str,
}

impl Transport {
    /// The word by which it is chosen, which is also its name in reports.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Socketio => "socketio",
            Self::Socketio3 => "socketio3",
            Self::Websocket => "websocket",
            Self::Http => "http",
        }
    }

    /// The path of the WebSocket, where there is one.
    #[must_use]
    pub const fn path(self) -> Option<&'static str> {
        match self {
            Self::Socketio => Some("/socket.io/?EIO=4&transport=websocket&spelling=plain"),
            Self::Socketio3 => Some("/socket.io/?EIO=3&transport=websocket&spelling=plain"),
            Self::Websocket => Some("/ws?spelling=plain"),
            Self::Http => None,
        }
    }

    /// Whether the answers of this transport carry the number of their request.
    #[must_use]
    pub const fn is_socketio(self) -> bool {
        matches!(self, Self::Socketio | Self::Socketio3)
    }
}

impl Target {
    /// Appends a request as this server takes it. `number` comes back with the answer, on Socket.IO.
    pub fn write(&self, request: Request<'_>, number: u64, out: &mut String) {
        let Request {
            channel,
            action,
            body,
        } = request;
        match self.transport {
            Transport::Socketio | Transport::Socketio3 => {
                write!(out, "42{number}[\"{}\",{body}]", channel.name())
            }
            Transport::Websocket => {
                write!(out, r#"{{"event":"{}","body":{body}}}"#, channel.name())
            }
            Transport::Http => {
                let method = if action == "register" { "PUT" } else { "POST" };
                http::write(method, channel.path(), &self.address.to_string(), body, out);
                Ok(())
            }
        }
        .expect("a string takes every write");
    }

    /// What a text of the server says.
    pub fn read<'a>(&self, text: &'a str) -> Result<Heard<'a>, Failure> {
        match self.transport {
            Transport::Socketio | Transport::Socketio3 => self.read_packet(text),
            Transport::Websocket if self.dialect == Dialect::Echo => Ok(Heard::Answer(Answer {
                number: None,
                body: Body::Echo,
            })),
            Transport::Websocket => read_frame(text),
            Transport::Http => Err(Failure::Malformed("a frame on HTTP")),
        }
    }

    /// An Engine.IO packet, and the Socket.IO packet in it.
    fn read_packet<'a>(&self, text: &'a str) -> Result<Heard<'a>, Failure> {
        let malformed = || Failure::unexpected(text);
        if let Some(rest) = text.strip_prefix("43") {
            let (number, arguments) = split(rest).ok_or_else(malformed)?;
            let body = match self.dialect {
                Dialect::Echo => Body::Echo,
                Dialect::Nile | Dialect::PlainAck => Body::Whole(arguments),
            };
            return Ok(Heard::Answer(Answer { number, body }));
        }
        if let Some(rest) = text.strip_prefix("42") {
            let (number, arguments) = split(rest).ok_or_else(malformed)?;
            let named = arguments
                .strip_prefix('"')
                .and_then(|rest| rest.split_once('"'));
            let (name, rest) = named.ok_or_else(malformed)?;
            let body = rest.strip_prefix(',').unwrap_or("null");
            return Ok(Heard::Event(Event { name, number, body }));
        }
        match text {
            "1" | "41" => Err(Failure::Closed(" by a packet".to_owned())),
            _ if text.starts_with("44") => Err(malformed()),
            _ => Ok(Heard::Other),
        }
    }
}

/// `<number>[<arguments>]`, where the number may be missing.
fn split(text: &str) -> Option<(Option<u64>, &str)> {
    let (number, arguments) = text.split_once('[')?;
    let number = match number {
        "" => None,
        digits => Some(digits.parse().ok()?),
    };
    Some((number, arguments.strip_suffix(']')?))
}

/// A frame of the bare WebSocket.
fn read_frame(text: &str) -> Result<Heard<'_>, Failure> {
    #[derive(Deserialize)]
    struct Frame<'a> {
        event: &'a str,
        #[serde(borrow)]
        body: &'a RawValue,
    }

    let Frame { event, body } =
        serde_json::from_str(text).map_err(|_| Failure::unexpected(text))?;
    let body = body.get();
    if !event.starts_with("instance.to.") || is_news(body) {
        let number = None;
        return Ok(Heard::Event(Event {
            name: event,
            number,
            body,
        }));
    }
    let body = Body::Whole(body);
    Ok(Heard::Answer(Answer { number: None, body }))
}

/// Presence that nobody asked for has no `id`. Whoever asks for it on a WebSocket sends one.
fn is_news(body: &str) -> bool {
    #[derive(Deserialize)]
    struct Identified {
        id: Option<IgnoredAny>,
    }

    action(body) == Some("updateOnlineNodes")
        && serde_json::from_str::<Identified>(body).is_ok_and(|body| body.id.is_none())
}

/// The action of a body. It comes first where servers write it as the specification page does.
fn action(body: &str) -> Option<&str> {
    #[derive(Deserialize)]
    struct Named<'a> {
        action: &'a str,
    }

    match body.strip_prefix(r#"{"action":""#) {
        Some(rest) => rest.split_once('"').map(|(action, _)| action),
        None => serde_json::from_str::<Named<'_>>(body)
            .ok()
            .map(|body| body.action),
    }
}

impl<'a> Body<'a> {
    /// Whether this is the reply that was hoped for, or why not.
    pub fn check(self, reply: &str) -> Result<(), Failure> {
        match self {
            Self::Echo | Self::Parameters(200, _) => Ok(()),
            Self::Parameters(status, text) => Err(Failure::Refused(format!("{status} {text}"))),
            Self::Whole(text) => match action(text) {
                Some(action) if action == reply => Ok(()),
                Some(action) if action == "error" || action.ends_with("Failed") => {
                    let code = self
                        .parameters()
                        .map(|refusal: Refusal<'_>| refusal.code.to_owned());
                    Err(Failure::Refused(code.unwrap_or_else(|_| action.to_owned())))
                }
                _ => Err(Failure::unexpected(text)),
            },
        }
    }

    /// What the answer says besides its action.
    pub fn parameters<T: Deserialize<'a>>(self) -> Result<T, Failure> {
        #[derive(Deserialize)]
        struct Whole<T> {
            parameters: T,
        }

        match self {
            Self::Whole(text) => serde_json::from_str(text)
                .map(|Whole { parameters }| parameters)
                .map_err(|_| Failure::unexpected(text)),
            Self::Parameters(_, text) => {
                serde_json::from_str(text).map_err(|_| Failure::unexpected(text))
            }
            Self::Echo => Err(Failure::Malformed("an echo says nothing")),
        }
    }
}

/// The part of a refusal that programs go by.
#[derive(Deserialize)]
struct Refusal<'a> {
    code: &'a str,
}

#[cfg(test)]
mod tests;
