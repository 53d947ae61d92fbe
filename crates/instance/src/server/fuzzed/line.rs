//! A party's end of a connection: what is said in the manner of its transport, and what is heard of it.

use std::{
    io::{Read, Write},
    net::TcpStream,
    os::{fd::OwnedFd, unix::net::UnixStream},
};

use serde_json::Value;
use tungstenite::{Error, Message, WebSocket, protocol::Role};

use super::act::Way;

/// A connection on which a WebSocket is asked for.
pub(super) struct Line {
    way: Way,
    state: State,
}

enum State {
    /// The answer to the handshake has not come whole.
    Asked(TcpStream, Vec<u8>),
    Open(Box<WebSocket<TcpStream>>),
    Closed,
}

/// What a party hears.
#[derive(Debug)]
pub(super) enum Heard {
    /// The answer to the request with this number, over Socket.IO.
    Acknowledged(u64, Value),
    /// Anything else that the instance says, or that others send.
    Event {
        name: String,
        body: Value,
        /// The number that it is acknowledged with.
        ack: Option<u64>,
    },
}

impl Line {
    /// Asks for a WebSocket; the other end of the stream is the server's.
    pub(super) fn open(way: Way) -> (Self, TcpStream) {
        let ends = UnixStream::pair().expect("there are file descriptors");
        let [mut near, far] = [ends.0, ends.1].map(|end| TcpStream::from(OwnedFd::from(end)));
        for end in [&near, &far] {
            end.set_nonblocking(true).expect("sockets can do without");
        }
        let target = match way {
            Way::SocketIo => "/socket.io/?EIO=4&transport=websocket",
            Way::OldSocketIo => "/socket.io/?EIO=3&transport=websocket",
            Way::WebSocket => "/ws",
        };
        let head = format!(
            "GET {target} HTTP/1.1\r\nhost: test\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\
             sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        near.write_all(head.as_bytes())
            .expect("a new stream has room");
        let state = State::Asked(near, Vec::new());
        (Self { way, state }, far)
    }

    pub(super) fn is_open(&self) -> bool {
        matches!(self.state, State::Open(_))
    }

    pub(super) fn is_closed(&self) -> bool {
        matches!(self.state, State::Closed)
    }

    /// Whether answers are told by the numbers of their requests.
    pub(super) fn acknowledges(&self) -> bool {
        !matches!(self.way, Way::WebSocket)
    }

    /// Sends a request; `number` is that of its acknowledgement, where there are some.
    pub(super) fn ask(&mut self, number: u64, event: &str, body: &str) {
        let text = match self.way {
            Way::WebSocket => format!(r#"{{"event":"{event}","body":{body}}}"#),
            Way::SocketIo | Way::OldSocketIo => format!(r#"42{number}["{event}",{body}]"#),
        };
        self.send(text);
    }

    /// Acknowledges a message.
    pub(super) fn acknowledge(&mut self, number: u64) {
        if self.acknowledges() {
            self.send(format!("43{number}[]"));
        }
    }

    pub(super) fn send(&mut self, text: String) {
        if let State::Open(socket) = &mut self.state {
            // What the server does not take any more, it does not have to answer.
            let _ = socket.send(Message::text(text));
        }
    }

    /// All that has come.
    pub(super) fn hear(&mut self) -> Vec<Heard> {
        self.finish_handshake();
        let mut heard = Vec::new();
        while let State::Open(socket) = &mut self.state {
            match socket.read() {
                Ok(Message::Text(text)) => heard.extend(self.read(&text)),
                Ok(Message::Binary(bytes)) => panic!("nobody sent bytes: {bytes:?}"),
                Ok(_) => {}
                Err(Error::Io(error)) if error.kind() == std::io::ErrorKind::WouldBlock => break,
                Err(
                    Error::Protocol(
                        tungstenite::error::ProtocolError::ResetWithoutClosingHandshake,
                    )
                    | Error::ConnectionClosed
                    | Error::Io(_),
                ) => self.state = State::Closed,
                Err(error) => panic!("the server broke the protocol: {error}"),
            }
        }
        heard
    }

    fn finish_handshake(&mut self) {
        let State::Asked(stream, read) = &mut self.state else {
            return;
        };
        let mut buffer = [0; 4096];
        match stream.read(&mut buffer) {
            Ok(length @ 1..) => read.extend_from_slice(&buffer[..length]),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => return,
            Ok(0) | Err(_) => return self.state = State::Closed,
        }
        let Some(end) = read.windows(4).position(|end| end == b"\r\n\r\n") else {
            return;
        };
        assert!(read.starts_with(b"HTTP/1.1 101 "), "{read:?}");
        let rest = read.split_off(end + 4);
        let State::Asked(stream, _) = std::mem::replace(&mut self.state, State::Closed) else {
            unreachable!("it was just so");
        };
        let socket = WebSocket::from_partially_read(stream, rest, Role::Client, None);
        self.state = State::Open(Box::new(socket));
        if matches!(self.way, Way::SocketIo) {
            self.send("40".to_owned());
        }
    }

    fn read(&mut self, text: &str) -> Option<Heard> {
        if let Way::WebSocket = self.way {
            let frame: Value = serde_json::from_str(text).expect("a frame is JSON");
            return Some(Heard::Event {
                name: frame["event"].as_str().expect("a name").to_owned(),
                body: frame["body"].clone(),
                ack: None,
            });
        }
        if text == "2" {
            self.send("3".to_owned());
        }
        // Engine.IO's own packets, and those that connect to a namespace, are told from others in its tests.
        let packet = text.strip_prefix('4')?;
        let (kind, packet) = packet.split_at_checked(1).expect("a packet has a type");
        let digits = packet.find(|letter: char| !letter.is_ascii_digit())?;
        let number = packet[..digits].parse().ok();
        if !matches!(kind, "2" | "3") {
            return None;
        }
        let args: Vec<Value> = serde_json::from_str(&packet[digits..]).expect("arguments are JSON");
        Some(if kind == "3" {
            let number = number.expect("an acknowledgement has a number");
            Heard::Acknowledged(number, args[0].clone())
        } else {
            Heard::Event {
                name: args[0].as_str().expect("a name").to_owned(),
                body: args[1].clone(),
                ack: number,
            }
        })
    }
}
