//! One who means no good: a connection from an address of its own, on which every byte can be chosen.
//!
//! Whatever the server says is boiled down to one word: the code of a refusal, the action of a reply, the number
//! of a close frame. It decides nothing about what the words should be.

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddr},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use serde::Deserialize;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    time::{error::Elapsed, timeout},
};

use crate::{
    failure::Failure,
    frame::{self, Opcode},
    http,
};

/// How little the system keeps of what one does not read; it rounds this up.
const NARROW: u32 = 4096;

/// What was said, and how often.
#[derive(Debug, Default)]
pub(super) struct Heard(Mutex<BTreeMap<String, u64>>);

impl Heard {
    /// Counts a word.
    pub(super) fn note(&self, word: impl Into<String>) {
        let mut words = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *words.entry(word.into()).or_default() += 1;
    }

    /// Everything so far.
    pub(super) fn words(&self) -> BTreeMap<String, u64> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

/// A connection without manners.
pub(super) struct Stranger {
    stream: TcpStream,
    inbox: Vec<u8>,
    server: SocketAddr,
}

/// The part of an answer that programs go by, wherever it stands.
#[derive(Deserialize)]
struct Answer {
    code: Option<String>,
    action: Option<String>,
    parameters: Option<Coded>,
    body: Option<Box<Answer>>,
}

#[derive(Deserialize)]
struct Coded {
    code: Option<String>,
}

impl Stranger {
    pub(super) async fn dial(from: Ipv4Addr, server: SocketAddr) -> Result<Self, Failure> {
        Self::connect(TcpSocket::new_v4()?, from, server).await
    }

    /// One for whom the system keeps as little as it can.
    pub(super) async fn dial_narrow(from: Ipv4Addr, server: SocketAddr) -> Result<Self, Failure> {
        let socket = TcpSocket::new_v4()?;
        socket.set_recv_buffer_size(NARROW)?;
        socket.set_send_buffer_size(NARROW)?;
        Self::connect(socket, from, server).await
    }

    async fn connect(
        socket: TcpSocket,
        from: Ipv4Addr,
        server: SocketAddr,
    ) -> Result<Self, Failure> {
        socket.bind((from, 0).into())?;
        let stream = socket.connect(server).await?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            inbox: Vec::new(),
            server,
        })
    }

    pub(super) async fn send(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        Ok(self.stream.write_all(bytes).await?)
    }

    /// Sends a request with a JSON body.
    pub(super) async fn request(
        &mut self,
        method: &str,
        path: &str,
        body: &str,
    ) -> Result<(), Failure> {
        let mut text = String::new();
        http::write(method, path, &self.server.to_string(), body, &mut text);
        self.send(text.as_bytes()).await
    }

    /// Opens a WebSocket at this path; the word is that of a refusal.
    pub(super) async fn upgrade(&mut self, path: &str) -> Result<Option<String>, Failure> {
        let handshake = http::handshake(&self.server.to_string(), path);
        self.send(handshake.as_bytes()).await?;
        loop {
            if self.inbox.starts_with(b"HTTP/1.1 101") {
                if let Some(length) = http::read_handshake(&self.inbox)? {
                    self.inbox.drain(..length);
                    return Ok(None);
                }
            } else if http::read(&self.inbox).is_ok_and(|it| it.is_some()) {
                return self.response().await.map(Some);
            }
            self.read().await?;
        }
    }

    /// Sends one frame, as it should be.
    pub(super) async fn frame(&mut self, opcode: Opcode, payload: &[u8]) -> Result<(), Failure> {
        self.send(&framed(opcode, payload)).await
    }

    /// The next response: the code of a refusal, or its status.
    pub(super) async fn response(&mut self) -> Result<String, Failure> {
        loop {
            if let Some(http::Response { status, body }) = http::read(&self.inbox)? {
                let word = word(&self.inbox[body.clone()]);
                self.inbox.drain(..body.end);
                return Ok(word.unwrap_or_else(|| status.to_string()));
            }
            self.read().await?;
        }
    }

    /// The next text: the code of a refusal, or the action of a reply. A close frame is its number.
    pub(super) async fn said(&mut self) -> Result<String, Failure> {
        loop {
            while let Some(frame) = frame::read(&self.inbox)? {
                let payload = self.inbox[frame.payload.clone()].to_vec();
                self.inbox.drain(..frame.payload.end);
                match frame.opcode {
                    Opcode::Close => return Ok(close_code(&payload)),
                    Opcode::Ping => self.frame(Opcode::Pong, &payload).await?,
                    Opcode::Text => {
                        if let Some(word) = word(&payload) {
                            return Ok(word);
                        }
                    }
                    _ => {}
                }
            }
            self.read().await?;
        }
    }

    /// Sends byte by byte, with a pause before each, until the server says something or ends the connection.
    pub(super) async fn drip(&mut self, bytes: &[u8], pause: Duration) -> Result<(), Failure> {
        for byte in bytes {
            match timeout(pause, self.read()).await {
                Ok(heard) => return heard,
                Err(Elapsed { .. }) => self.send(&[*byte]).await?,
            }
        }
        self.read().await
    }

    async fn read(&mut self) -> Result<(), Failure> {
        match self.stream.read_buf(&mut self.inbox).await? {
            0 => Err(Failure::Closed(String::new())),
            _ => Ok(()),
        }
    }
}

/// A frame as it goes over the wire.
pub(super) fn framed(opcode: Opcode, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(payload.len() + 14);
    frame::write(opcode, payload, [7, 11, 13, 17], &mut bytes);
    bytes
}

fn close_code(payload: &[u8]) -> String {
    match payload {
        [high, low, ..] => u16::from_be_bytes([*high, *low]).to_string(),
        _ => "close".to_owned(),
    }
}

/// The word of a JSON object, alone or in a frame of the bare WebSocket or of Socket.IO.
fn word(bytes: &[u8]) -> Option<String> {
    let begin = bytes.iter().position(|byte| *byte == b'{')?;
    let end = bytes.iter().rposition(|byte| *byte == b'}')?;
    let answer: Answer = serde_json::from_slice(bytes.get(begin..=end)?).ok()?;
    answer.word()
}

impl Answer {
    fn word(self) -> Option<String> {
        if let Some(body) = self.body {
            return body.word();
        }
        let code = self.parameters.and_then(|parameters| parameters.code);
        code.or(self.code).or(self.action)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_known_by_one_word() {
        let cases = [
            (
                r#"{"title":"x","status":413,"code":"too_large","msg":"y"}"#,
                Some("too_large"),
            ),
            (
                r#"{"event":"instance.to.client","body":{"action":"pinged","parameters":{}}}"#,
                Some("pinged"),
            ),
            (
                r#"{"event":"instance.to.client","body":{"action":"error","parameters":{"code":"unknown_action"}}}"#,
                Some("unknown_action"),
            ),
            (
                r#"43[{"action":"loginFailed","parameters":{"code":"invalid_token"}}]"#,
                Some("invalid_token"),
            ),
            (r#"{"token":"t","id":7}"#, None),
            (r#"0{"sid":"x"}"#, None),
            ("ok", None),
        ];
        for (text, expected) in cases {
            assert_eq!(word(text.as_bytes()).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn a_close_frame_is_known_by_its_number() {
        assert_eq!(close_code(&[3, 0xf1, b'x']), "1009");
        assert_eq!(close_code(&[]), "close");
    }
}
