//! One client's whole conversation, the same on every transport.

use std::fmt::Write;

use super::keep;
use crate::support::{
    Connects, TestInstance,
    http::{Http, JSON},
    mask::mask,
    polling::Polling,
    request::{CHANNEL, PATH, action_of, frame, parse},
    socketio::{SocketIo, event},
    websocket::Raw,
};

/// What was said, line by line.
#[derive(Default)]
pub(super) struct Transcript(String);

impl Transcript {
    pub(super) fn said(&mut self, text: &str) {
        self.line("--> ", text);
    }

    pub(super) fn heard(&mut self, text: &str) {
        self.line("<-- ", text);
    }

    fn line(&mut self, arrow: &str, text: &str) {
        for line in text.lines() {
            writeln!(self.0, "{arrow}{}", mask(line).trim_end()).unwrap();
        }
    }

    pub(super) fn keep(self, name: &str) {
        keep(name, &self.0);
    }
}

/// A transport on which all is written down.
trait Talks {
    /// Asks; returns the text in which the answer's token is.
    async fn talk(&mut self, request: &str, transcript: &mut Transcript) -> String;

    /// What the instance does last.
    async fn end(self, transcript: &mut Transcript);
}

/// From the first word to the last.
async fn converse(mut party: impl Talks) -> Transcript {
    let transcript = &mut Transcript::default();
    let register = r#"{"action":"register","parameters":{"information":{"name":"Ada","location":"Rome"}},"id":1}"#;
    let answer = party.talk(register, transcript).await;
    let old = token_within(&answer);
    let update = r#""information":{"location":"Milan","name":"Ada","since":1.50}"#;
    for request in [
        format!(r#"{{"action":"login","parameters":{{"token":"{old}"}},"id":2}}"#),
        format!(r#"{{"action":"update","parameters":{{"token":"{old}",{update}}},"id":"move-1"}}"#),
        format!(
            r#"{{"action":"login","authentication":{{"token":"{old}"}},"parameters":{{"limit":0}}}}"#
        ),
        r#"{"action":"ping","parameters":{"sent_at":7},"id":-3}"#.to_owned(),
        r#"{"action":"logout","id":4}"#.to_owned(),
    ] {
        party.talk(&request, transcript).await;
    }
    let rotate = format!(r#"{{"action":"rotateToken","token":"{old}","id":5}}"#);
    let answer = party.talk(&rotate, transcript).await;
    let new = token_within(&answer);
    assert_ne!(old, new);
    for request in [
        format!(r#"{{"action":"login","parameters":{{"token":"{new}"}},"id":6}}"#),
        format!(r#"{{"action":"login","parameters":{{"token":"{old}"}},"id":7}}"#),
        format!(r#"{{"action":"delete","parameters":{{"token":"{new}"}},"id":8}}"#),
    ] {
        party.talk(&request, transcript).await;
    }
    let mut transcript = std::mem::take(transcript);
    party.end(&mut transcript).await;
    transcript
}

fn token_within(answer: &str) -> String {
    let at = answer.find("nlc_").expect("a token");
    let token = answer[at..].split('"').next().unwrap();
    token.to_owned()
}

/// Socket.IO with events, which come under both spellings.
struct Events(SocketIo);

impl Talks for Events {
    async fn talk(&mut self, request: &str, transcript: &mut Transcript) -> String {
        self.0.emit(request).await;
        transcript.said(&event(CHANNEL, request));
        let (first, second) = (self.0.hear().await, self.0.hear().await);
        transcript.heard(&first);
        transcript.heard(&second);
        first
    }

    async fn end(mut self, transcript: &mut Transcript) {
        transcript.heard(&close(&mut self.0).await);
    }
}

/// Socket.IO with acknowledgement callbacks.
struct Acks(SocketIo);

impl Talks for Acks {
    async fn talk(&mut self, request: &str, transcript: &mut Transcript) -> String {
        transcript.said(&format!(r#"427["{CHANNEL}",{request}]"#));
        let answer = self.0.ask_with_ack(request).await;
        transcript.heard(&format!("437[{answer}]"));
        answer
    }

    async fn end(mut self, transcript: &mut Transcript) {
        transcript.heard(&close(&mut self.0).await);
    }
}

impl Talks for Raw {
    async fn talk(&mut self, request: &str, transcript: &mut Transcript) -> String {
        let said = frame(request);
        self.socket.say(&said).await;
        transcript.said(&said);
        let heard = self.socket.hear().await;
        transcript.heard(&heard);
        heard
    }

    async fn end(mut self, transcript: &mut Transcript) {
        transcript.heard(&close(&mut self).await);
    }
}

impl Talks for Polling {
    async fn talk(&mut self, request: &str, transcript: &mut Transcript) -> String {
        let packet = event(CHANNEL, request);
        self.post(&packet).await;
        transcript.said(&format!("POST {}", self.path()));
        transcript.said(&packet);
        let answer = self.poll().await;
        transcript.said(&format!("GET {}", self.path()));
        // Packets are separated by the control character RS.
        transcript.heard(&answer.body.replace('\u{1e}', "\n"));
        answer.body
    }

    async fn end(mut self, transcript: &mut Transcript) {
        let answer = self.poll().await;
        transcript.said(&format!("GET {}", self.path()));
        transcript.heard(&format!("{} {}", answer.status, answer.body));
    }
}

impl Talks for Http {
    async fn talk(&mut self, request: &str, transcript: &mut Transcript) -> String {
        let method = if action_of(request) == "register" {
            "PUT"
        } else {
            "POST"
        };
        let line = format!("{method} {PATH}");
        let answer = self.request(&line, &[JSON], request).await;
        transcript.said(&format!("{line}\n{request}"));
        transcript.heard(&answer.to_string());
        assert!(parse(&answer.body).is_object());
        answer.body
    }

    async fn end(self, _: &mut Transcript) {}
}

async fn close(party: &mut impl Connects) -> String {
    let (code, reason) = party.socket().closed().await;
    format!("close {code} {reason}")
}

#[tokio::test]
async fn a_conversation_over_socket_io() {
    let instance = TestInstance::start().await;
    let party = Events(SocketIo::with(instance.address, "").await);
    converse(party).await.keep("conversation_over_socket_io");
    let party = Acks(SocketIo::with(instance.address, "").await);
    converse(party)
        .await
        .keep("conversation_over_socket_io_with_acknowledgements");
    instance.stop().await;
}

#[tokio::test]
async fn a_conversation_over_polling() {
    let instance = TestInstance::start().await;
    let party = Polling::open(instance.address).await;
    converse(party).await.keep("conversation_over_polling");
    instance.stop().await;
}

#[tokio::test]
async fn a_conversation_over_a_bare_websocket() {
    let instance = TestInstance::start().await;
    let party = Raw::open(instance.address).await;
    converse(party).await.keep("conversation_over_websocket");
    instance.stop().await;
}

#[tokio::test]
async fn a_conversation_over_http() {
    let instance = TestInstance::start().await;
    let party = Http::connect(instance.address).await;
    converse(party).await.keep("conversation_over_http");
    instance.stop().await;
}
