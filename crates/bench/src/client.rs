//! One connection to a server, from its handshake to its end.
//!
//! Nothing that was sent or has arrived is lost when a wait is given up: every `async` function
//! here may be dropped and called again. It spawns nothing, and waits for nobody but the server.

use std::{mem, ops::Range, time::Duration};

use nile_protocol::{channel::Channel, party::PartyKind};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use crate::{
    failure::Failure,
    frame::{self, Opcode},
    http,
    wire::{Answer, Body, Heard, Request, Target, Transport},
};

/// How long a request outside a measurement may take.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// How much is read at once.
const READ: usize = 4096;
/// What an empty buffer may keep.
const KEPT: usize = 4 * READ;

/// Bytes on a socket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// From the server.
    pub received: u64,
    /// To the server.
    pub sent: u64,
}

/// One connection.
#[derive(Debug)]
pub struct Client<S = TcpStream> {
    stream: S,
    target: Target,
    /// What has arrived; before `read` it has been dealt with.
    inbox: Vec<u8>,
    read: usize,
    /// The parts of a message that are there.
    joined: Vec<u8>,
    /// What is to be sent; before `written` it has been.
    outbox: Vec<u8>,
    written: usize,
    text: String,
    asked: u64,
    traffic: Traffic,
}

/// Where a message is.
enum Place {
    Inbox(Range<usize>),
    Joined,
    /// The body of a response with this status.
    Response(u16, Range<usize>),
}

impl Client {
    /// Connects and shakes hands.
    pub async fn connect(target: Target) -> Result<Self, Failure> {
        let connected = async {
            let stream = TcpStream::connect(target.address).await?;
            stream.set_nodelay(true)?;
            Self::open(stream, target).await
        };
        timeout(PATIENCE, connected)
            .await
            .map_err(|_| Failure::Late)?
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Client<S> {
    /// Shakes hands over a stream.
    pub async fn open(stream: S, target: Target) -> Result<Self, Failure> {
        let mut client = Self {
            stream,
            target,
            inbox: Vec::new(),
            read: 0,
            joined: Vec::new(),
            outbox: Vec::new(),
            written: 0,
            text: String::new(),
            asked: 0,
            traffic: Traffic::default(),
        };
        if let Some(path) = target.transport.path() {
            client.shake_hands(path).await?;
        }
        Ok(client)
    }

    async fn shake_hands(&mut self, path: &str) -> Result<(), Failure> {
        let handshake = http::handshake(&self.target.address.to_string(), path);
        self.outbox.extend_from_slice(handshake.as_bytes());
        self.flush().await?;
        self.read = loop {
            if let Some(length) = http::read_handshake(&self.inbox)? {
                break length;
            }
            self.fill().await?;
        };
        if self.target.transport.is_socketio() {
            self.expect("0").await?;
            // With Engine.IO 3 the namespace is connected without being asked for.
            if self.target.transport == Transport::Socketio {
                self.put(Opcode::Text, b"40");
                self.flush().await?;
            }
            self.expect("40").await?;
        }
        Ok(())
    }

    async fn expect(&mut self, prefix: &str) -> Result<(), Failure> {
        let place = self.arrival().await?;
        let text = self.text_at(&place)?;
        if text.starts_with(prefix) {
            Ok(())
        } else {
            Err(Failure::unexpected(text))
        }
    }

    /// Puts a request into the buffer of what is to be sent, and returns its number.
    pub fn send(&mut self, request: Request<'_>) -> u64 {
        let number = self.asked;
        self.asked += 1;
        let mut text = mem::take(&mut self.text);
        text.clear();
        self.target.write(request, number, &mut text);
        match self.target.transport {
            Transport::Http => self.outbox.extend_from_slice(text.as_bytes()),
            _ => self.put(Opcode::Text, text.as_bytes()),
        }
        self.text = text;
        number
    }

    /// Puts the acknowledgement of an event there, on Socket.IO.
    pub fn acknowledge(&mut self, number: u64) {
        self.put(Opcode::Text, format!("43{number}[]").as_bytes());
    }

    /// Puts what keeps a connection with Engine.IO 3 alive there: its clients ask, its servers answer.
    pub fn ping(&mut self) {
        self.put(Opcode::Text, b"2");
    }

    /// Sends what is in the buffer.
    pub async fn flush(&mut self) -> Result<(), Failure> {
        while self.written < self.outbox.len() {
            let written = self.stream.write(&self.outbox[self.written..]).await?;
            self.written += written;
            self.traffic.sent += written as u64;
        }
        self.outbox.clear();
        self.outbox.shrink_to(KEPT);
        self.written = 0;
        Ok(())
    }

    /// The next answer or event.
    pub async fn receive(&mut self) -> Result<Heard<'_>, Failure> {
        let place = self.arrival().await?;
        self.heard_at(&place)
    }

    /// The next one of those that have already arrived.
    pub fn received(&mut self) -> Result<Option<Heard<'_>>, Failure> {
        match self.next()? {
            Some(place) => self.heard_at(&place).map(Some),
            None => Ok(None),
        }
    }

    /// Asks, and waits for the answer, which has to be this reply. Events on the way are dropped.
    pub async fn ask(&mut self, request: Request<'_>, reply: &str) -> Result<Body<'_>, Failure> {
        let number = self.send(request);
        let place = timeout(PATIENCE, self.answer_to(number)).await;
        let place = place.map_err(|_| Failure::Late)??;
        let Heard::Answer(Answer { body, .. }) = self.heard_at(&place)? else {
            return Err(Failure::Malformed("an answer that changes"));
        };
        body.check(reply).map(|()| body)
    }

    /// Logs in with this token.
    pub async fn log_in(&mut self, kind: PartyKind, token: &str) -> Result<(), Failure> {
        let body = format!(r#"{{"action":"login","parameters":{{"token":"{token}"}}}}"#);
        let request = Request {
            channel: Channel::ToInstance { from: kind },
            action: "login",
            body: &body,
        };
        self.ask(request, "logged").await.map(drop)
    }

    async fn answer_to(&mut self, number: u64) -> Result<Place, Failure> {
        self.flush().await?;
        loop {
            let place = self.arrival().await?;
            match self.heard_at(&place)? {
                Heard::Answer(answer) if answer.number.is_none_or(|it| it == number) => {
                    return Ok(place);
                }
                _ => {}
            }
        }
    }

    /// Ends the connection as its transport has it, and waits until the server has, too.
    pub async fn close(mut self) -> Result<(), Failure> {
        let closed = async {
            if self.target.transport.path().is_some() {
                self.put(Opcode::Close, &1000_u16.to_be_bytes());
                self.flush().await?;
            } else {
                self.stream.shutdown().await?;
            }
            loop {
                match self.arrival().await {
                    Ok(_) => {}
                    Err(Failure::Closed(_)) => return Ok(()),
                    Err(failure) => return Err(failure),
                }
            }
        };
        timeout(PATIENCE, closed).await.map_err(|_| Failure::Late)?
    }

    /// The bytes since this was last asked.
    pub fn take_traffic(&mut self) -> Traffic {
        mem::take(&mut self.traffic)
    }

    fn put(&mut self, opcode: Opcode, payload: &[u8]) {
        // Not what RFC 6455 wants of a key, which protects proxies; it is as much work for the server.
        let key = self.asked.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes();
        frame::write(
            opcode,
            payload,
            [key[4], key[5], key[6], key[7]],
            &mut self.outbox,
        );
    }

    fn text_at(&self, place: &Place) -> Result<&str, Failure> {
        let bytes = match place {
            Place::Inbox(range) | Place::Response(_, range) => &self.inbox[range.clone()],
            Place::Joined => &self.joined,
        };
        str::from_utf8(bytes).map_err(|_| Failure::Malformed("a text that is none"))
    }

    fn heard_at(&self, place: &Place) -> Result<Heard<'_>, Failure> {
        let text = self.text_at(place)?;
        if let Place::Response(status, _) = *place {
            let body = Body::Parameters(status, text);
            return Ok(Heard::Answer(Answer { number: None, body }));
        }
        self.target.read(text)
    }

    /// Waits for the next message.
    async fn arrival(&mut self) -> Result<Place, Failure> {
        loop {
            if let Some(place) = self.next()? {
                return Ok(place);
            }
            // The answer to a heartbeat may be due.
            self.flush().await?;
            self.fill().await?;
        }
    }

    async fn fill(&mut self) -> Result<(), Failure> {
        self.inbox.drain(..mem::take(&mut self.read));
        if self.inbox.is_empty() {
            self.inbox.shrink_to(KEPT);
        }
        self.inbox.reserve(READ);
        let received = self.stream.read_buf(&mut self.inbox).await?;
        self.traffic.received += received as u64;
        if received == 0 {
            return Err(Failure::Closed(String::new()));
        }
        Ok(())
    }

    /// The next message that has arrived whole.
    fn next(&mut self) -> Result<Option<Place>, Failure> {
        match self.target.transport {
            Transport::Http => self.next_response(),
            _ => self.next_message(),
        }
    }

    fn next_response(&mut self) -> Result<Option<Place>, Failure> {
        let begin = self.read;
        let response = http::read(&self.inbox[begin..])?;
        Ok(response.map(|http::Response { status, body }| {
            self.read = begin + body.end;
            Place::Response(status, begin + body.start..self.read)
        }))
    }

    fn next_message(&mut self) -> Result<Option<Place>, Failure> {
        while let Some(frame) = frame::read(&self.inbox[self.read..])? {
            let payload = self.read + frame.payload.start..self.read + frame.payload.end;
            self.read = payload.end;
            match frame.opcode {
                Opcode::Text if self.is_heartbeat(&payload) => self.put(Opcode::Text, b"3"),
                Opcode::Text if frame.is_final => return Ok(Some(Place::Inbox(payload))),
                Opcode::Text | Opcode::Continue => {
                    if frame.opcode == Opcode::Text {
                        self.joined.clear();
                    }
                    self.joined.extend_from_slice(&self.inbox[payload]);
                    if frame.is_final {
                        return Ok(Some(Place::Joined));
                    }
                }
                Opcode::Ping => {
                    let payload = self.inbox[payload].to_vec();
                    self.put(Opcode::Pong, &payload);
                }
                Opcode::Pong => {}
                Opcode::Close => return Err(closed(&self.inbox[payload])),
                Opcode::Binary => return Err(Failure::Malformed("a binary frame")),
            }
        }
        Ok(None)
    }

    /// Whether Engine.IO 4 asks if this side lives. With Engine.IO 3 clients ask.
    fn is_heartbeat(&self, payload: &Range<usize>) -> bool {
        self.target.transport == Transport::Socketio && self.inbox[payload.clone()] == *b"2"
    }
}

fn closed(payload: &[u8]) -> Failure {
    Failure::Closed(match payload {
        [high, low, reason @ ..] => {
            let code = u16::from_be_bytes([*high, *low]);
            format!(": {code} {}", String::from_utf8_lossy(reason))
        }
        _ => String::new(),
    })
}

#[cfg(test)]
mod tests;
