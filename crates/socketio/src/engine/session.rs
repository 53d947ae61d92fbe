//! One Engine.IO session: its handshake, its heartbeat, and the conversation that its messages are.
//!
//! Heartbeat: in protocol 4 the server pings, for the first time after one interval, and the peer answers
//! in time; in protocol 3 the peer pings. It does not know which transport carries it.

use std::sync::Arc;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde::Serialize;
use tokio::time::Instant;

use super::{BINARY_MESSAGE, Format, Kind, Version};
use crate::{
    close::{Close, End},
    conversation::{Conversation, Message, Sink, Step},
    heartbeat::Heartbeat,
    options::Options,
};

pub(crate) struct Session<C> {
    conversation: C,
    format: Format,
    options: Arc<Options>,
    heartbeat: Heartbeat,
    /// Dropped when it has been sent.
    handshake: Option<Box<Handshake>>,
}

/// What the first packet tells the peer.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Handshake {
    sid: String,
    upgrades: &'static [&'static str],
    ping_interval: u64,
    ping_timeout: u64,
    max_payload: usize,
}

impl<C: Conversation> Session<C> {
    /// `upgrades`: the transports that the peer may change to.
    pub(crate) fn new(
        conversation: C,
        format: Format,
        options: Arc<Options>,
        sid: String,
        upgrades: &'static [&'static str],
    ) -> Self {
        let handshake = Handshake {
            sid,
            upgrades,
            ping_interval: millis(options.ping_interval),
            ping_timeout: millis(options.ping_timeout),
            max_payload: options.bounds.max_message,
        };
        Self {
            conversation,
            format,
            heartbeat: Heartbeat::new(&options),
            options,
            handshake: Some(Box::new(handshake)),
        }
    }

    fn receive_text(
        &mut self,
        text: &str,
        sink: &mut dyn Sink,
    ) -> Result<Option<Step<C::Outcome>>, End> {
        let (kind, data) = super::split(text).ok_or(Close::MALFORMED)?;
        match (kind, self.format.version) {
            (Kind::Message, _) => return self.message(Message::Text(data), sink),
            (Kind::Base64, Version::V3) => {
                let data = data.strip_prefix('4').ok_or(Close::MALFORMED)?;
                let bytes = BASE64_STANDARD.decode(data).map_err(|_| Close::MALFORMED)?;
                return self.message(Message::Binary(&bytes), sink);
            }
            (Kind::Ping, Version::V3) => {
                self.heartbeat.heard(&self.options);
                sink.text(&["3", data]);
            }
            (Kind::Pong, Version::V4) => self.heartbeat.heard(&self.options),
            (Kind::Close, _) => return Err(End::Peer),
            (Kind::Upgrade | Kind::Noop, _) => {}
            (Kind::Ping, Version::V4) | (Kind::Pong, Version::V3) => {
                return Err(Close::protocol("heartbeat in the wrong direction").into());
            }
            (Kind::Base64, Version::V4) => return Err(Close::MALFORMED.into()),
        }
        Ok(None)
    }

    fn message(
        &mut self,
        message: Message<'_>,
        sink: &mut dyn Sink,
    ) -> Result<Option<Step<C::Outcome>>, End> {
        self.conversation
            .receive(message, &mut Messages::new(sink, self.format))
    }
}

fn millis(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Sends messages as packets.
struct Messages<'a> {
    sink: &'a mut dyn Sink,
    format: Format,
}

impl<'a> Messages<'a> {
    fn new(sink: &'a mut dyn Sink, format: Format) -> Self {
        Self { sink, format }
    }
}

impl Sink for Messages<'_> {
    fn text(&mut self, parts: &[&str]) {
        // A packet is its type and a handful of parts.
        let mut packet = ["4"; 8];
        match packet.get_mut(1..=parts.len()) {
            Some(rest) => {
                rest.copy_from_slice(parts);
                self.sink.text(&packet[..=parts.len()]);
            }
            None => self.sink.text(&["4", &parts.concat()]),
        }
    }

    fn binary(&mut self, bytes: &[u8]) {
        match self.format {
            Format {
                version: Version::V4,
                ..
            } => self.sink.binary(bytes),
            Format { base64: true, .. } => self.sink.text(&["b4", &BASE64_STANDARD.encode(bytes)]),
            Format { .. } => self.sink.binary(&[&[BINARY_MESSAGE], bytes].concat()),
        }
    }
}

impl<C: Conversation> Conversation for Session<C> {
    type Outcome = C::Outcome;

    fn opened(&mut self, sink: &mut dyn Sink) {
        if let Some(handshake) = self.handshake.take() {
            let json = serde_json::to_string(&handshake).expect("strings and numbers are JSON");
            sink.text(&["0", &json]);
        }
        self.conversation
            .opened(&mut Messages::new(sink, self.format));
    }

    fn receive(
        &mut self,
        message: Message<'_>,
        sink: &mut dyn Sink,
    ) -> Result<Option<Step<Self::Outcome>>, End> {
        match (message, self.format.version) {
            (Message::Text(text), _) => self.receive_text(text, sink),
            (Message::Binary(bytes), Version::V4)
            | (Message::Binary([BINARY_MESSAGE, bytes @ ..]), Version::V3) => {
                self.message(Message::Binary(bytes), sink)
            }
            (Message::Binary(_), Version::V3) => Err(Close::MALFORMED.into()),
        }
    }

    fn complete(&mut self, outcome: Self::Outcome, sink: &mut dyn Sink) {
        self.conversation
            .complete(outcome, &mut Messages::new(sink, self.format));
    }

    fn upgraded(&mut self) -> Result<(), End> {
        self.conversation.upgraded()
    }

    fn tick(&mut self, now: Instant, sink: &mut dyn Sink) -> Result<Instant, End> {
        let beat = match self.format.version {
            Version::V3 => self.heartbeat.listen(now, &self.options)?,
            Version::V4 => self
                .heartbeat
                .beat(now, &self.options, || sink.text(&["2"]))?,
        };
        let mut messages = Messages::new(sink, self.format);
        Ok(self.conversation.tick(now, &mut messages)?.min(beat))
    }

    fn ended(&mut self, end: &End) {
        self.conversation.ended(end);
    }
}
