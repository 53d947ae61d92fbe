//! The peer's end of a WebSocket, byte by byte.

use std::{
    io::{self, Cursor, Read, Write},
    net::TcpStream,
    os::{fd::OwnedFd, unix::net::UnixStream},
};

use tungstenite::protocol::frame::{
    FrameHeader,
    coding::{Control, Data, OpCode},
};

use super::heard::Heard;
use crate::engine::Packet;

/// A mask that hides nothing, so that what is sent is what the fuzzer wrote.
const MASK: [u8; 4] = [0; 4];

/// A stream on which a WebSocket is asked for.
pub(super) struct Stream {
    end: TcpStream,
    unread: Vec<u8>,
    opened: bool,
    /// The server has closed it: as WebSocket, and as a stream.
    closed: bool,
    ended: bool,
}

impl Stream {
    /// Both ends of a stream, neither of which ever blocks.
    pub(super) fn pair(target: &str) -> io::Result<(Self, TcpStream)> {
        let (near, far) = UnixStream::pair()?;
        let [near, far] = [near, far].map(|end| TcpStream::from(OwnedFd::from(end)));
        near.set_nonblocking(true)?;
        far.set_nonblocking(true)?;
        let mut stream = Self {
            end: near,
            unread: Vec::new(),
            opened: false,
            closed: false,
            ended: false,
        };
        let head = format!(
            "GET {target} HTTP/1.1\r\nhost: test\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\
             sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        stream.send(head.as_bytes());
        Ok((stream, far))
    }

    /// Sends as much as the server takes.
    pub(super) fn send(&mut self, mut bytes: &[u8]) {
        while let Ok(length @ 1..) = self.end.write(bytes) {
            bytes = &bytes[length..];
        }
    }

    pub(super) fn send_packet(&mut self, packet: &Packet) {
        match packet {
            Packet::Text(text) => self.send_frame(0x81, text.as_bytes()),
            Packet::Binary(bytes) => self.send_frame(0x82, bytes),
        }
    }

    pub(super) fn send_frame(&mut self, first: u8, payload: &[u8]) {
        let header = FrameHeader {
            mask: Some(MASK),
            ..FrameHeader::default()
        };
        let mut frame = Vec::new();
        header
            .format(payload.len() as u64, &mut frame)
            .expect("a vector takes every write");
        frame[0] = first;
        frame.extend_from_slice(payload);
        self.send(&frame);
    }

    /// Reads at most so many bytes; whether there were any.
    pub(super) fn read(&mut self, most: usize, heard: &mut Heard) -> bool {
        let mut buffer = vec![0; most];
        match self.end.read(&mut buffer) {
            Ok(length @ 1..) => {
                assert!(!self.ended);
                self.unread.extend_from_slice(&buffer[..length]);
                self.hear(heard);
                true
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => false,
            // The server has gone, perhaps with something unread.
            Ok(0) | Err(_) => {
                self.ended = true;
                false
            }
        }
    }

    /// Reads all there is; whether the server has closed the stream.
    pub(super) fn read_all(&mut self, heard: &mut Heard) -> bool {
        while self.read(64 * 1024, heard) {}
        self.ended
    }

    fn hear(&mut self, heard: &mut Heard) {
        if !self.opened {
            let Some(end) = self.unread.windows(4).position(|end| end == b"\r\n\r\n") else {
                return;
            };
            let answer = String::from_utf8_lossy(&self.unread[..end]);
            assert!(answer.starts_with("HTTP/1.1 101 "), "{answer}");
            self.unread.drain(..end + 4);
            self.opened = true;
        }
        while let Some((opcode, payload)) = self.next_frame() {
            assert!(!self.closed, "something comes behind a close frame");
            match opcode {
                OpCode::Data(Data::Text) => {
                    heard.text(&String::from_utf8(payload).expect("text is UTF-8"));
                }
                OpCode::Data(Data::Binary) => heard.binary(&payload),
                OpCode::Control(Control::Pong) => {}
                OpCode::Control(Control::Close) => self.closed = true,
                other => panic!("a server does not send {other}"),
            }
        }
    }

    fn next_frame(&mut self) -> Option<(OpCode, Vec<u8>)> {
        let mut cursor = Cursor::new(&self.unread);
        let parsed = FrameHeader::parse(&mut cursor).expect("a server sends frames");
        let start = usize::try_from(cursor.position()).expect("it is inside the buffer");
        let (header, length) = parsed?;
        assert!(header.is_final && header.mask.is_none());
        let end = start + usize::try_from(length).expect("no frame is longer than memory");
        let payload = self.unread.get(start..end)?.to_vec();
        self.unread.drain(..end);
        Some((header.opcode, payload))
    }
}
