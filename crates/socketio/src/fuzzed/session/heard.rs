//! What a peer hears of its session, whichever transport brings it: well-formed, in order, once.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde::Deserialize;
use serde_json::{Value, value::RawValue};

use crate::{
    engine::{BINARY_MESSAGE, Kind, Packet, Version, split},
    packet::{self, Body},
};

/// All that a peer heard.
pub(super) struct Heard {
    version: Version,
    /// The name of the session, once it is known.
    pub(super) sid: Option<String>,
    /// How many of its requests were answered, and how many messages came.
    pub(super) answers: u64,
    pub(super) pushes: u64,
    news: u64,
    /// How many bytes of messages, and of the texts in answers, came.
    pub(super) bytes: usize,
    /// How many attachments are still to come.
    attachments: usize,
}

#[derive(Deserialize)]
struct Handshake {
    sid: String,
}

impl Heard {
    pub(super) const fn new(version: Version) -> Self {
        Self {
            version,
            sid: None,
            answers: 0,
            pushes: 0,
            news: 0,
            bytes: 0,
            attachments: 0,
        }
    }

    pub(super) fn packet(&mut self, packet: &Packet) {
        match packet {
            Packet::Text(text) => self.text(text),
            Packet::Binary(bytes) => self.binary(bytes),
        }
    }

    pub(super) fn text(&mut self, text: &str) {
        if let Some(handshake) = text.strip_prefix('0') {
            let Handshake { sid } = serde_json::from_str(handshake).expect("a handshake is JSON");
            assert!(self.sid.replace(sid).is_none(), "a second handshake");
            return;
        }
        let (kind, data) = split(text).expect("a packet of Engine.IO");
        match (kind, self.version) {
            (Kind::Message, _) => self.message(data),
            (Kind::Base64, Version::V3) => {
                let data = data.strip_prefix('4').expect("it is a message");
                let bytes = BASE64_STANDARD.decode(data).expect("it is base64");
                self.attachment(&bytes);
            }
            (Kind::Ping, Version::V4) | (Kind::Pong | Kind::Close | Kind::Noop, _) => {}
            (Kind::Ping | Kind::Base64 | Kind::Upgrade, _) => panic!("a server sends no {text}"),
        }
    }

    pub(super) fn binary(&mut self, bytes: &[u8]) {
        match (self.version, bytes) {
            (Version::V4, bytes) | (Version::V3, [BINARY_MESSAGE, bytes @ ..]) => {
                self.attachment(bytes);
            }
            (Version::V3, _) => panic!("it has no type: {bytes:?}"),
        }
    }

    fn attachment(&mut self, bytes: &[u8]) {
        assert_eq!(bytes.len(), 1, "all that are sent have one byte");
        self.attachments = self.attachments.checked_sub(1).expect("it was announced");
    }

    fn message(&mut self, text: &str) {
        assert_eq!(
            self.attachments, 0,
            "attachments follow their packet: {text}"
        );
        if let Some(refusal) = text.strip_prefix('4') {
            let named = refusal
                .strip_prefix('/')
                .and_then(|named| named.split_once(','));
            let reason = named.map_or(refusal, |(_namespace, reason)| reason);
            serde_json::from_str::<Value>(reason).expect("a reason is JSON");
            return;
        }
        let packet = packet::Packet::parse(text).expect("a packet of Socket.IO");
        self.attachments = packet.attachments;
        match packet.body {
            Body::Connect { .. } | Body::Disconnect => {}
            Body::Ack { args, .. } => self.answer(&args),
            Body::Event { name, args, .. } => match &*name {
                "answer" => self.answer(&args),
                "push" => {
                    self.pushes += 1;
                    self.bytes += text.len() + 1;
                    assert_eq!(number(&args), self.pushes, "messages come in order");
                }
                "news" => {
                    assert!(number(&args) > self.news, "news are new");
                    self.news = number(&args);
                }
                other => panic!("nobody sent {other}"),
            },
        }
    }

    fn answer(&mut self, args: &[&RawValue]) {
        self.answers += 1;
        self.bytes += args[1].get().len() - "\"\"".len();
        assert_eq!(
            number(args),
            self.answers,
            "answers come in order, and once"
        );
    }
}

fn number(args: &[&RawValue]) -> u64 {
    args[0].get().parse().expect("the desk sends a number")
}
