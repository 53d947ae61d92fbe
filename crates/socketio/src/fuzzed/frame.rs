//! WebSocket frames, beside a server and a client of the library whose headers we use.

use std::io::{self, Cursor, Read, Write};

use tungstenite::{
    Error, Message,
    protocol::{
        Role, WebSocket, WebSocketConfig,
        frame::coding::{Data, OpCode},
    },
};

use crate::{
    close::Close,
    websocket::frame::{Decoder, Incoming, encode, encode_close},
};

const MAX_MESSAGE: usize = 1000;

/// A stream means the same however it is cut, and what another server takes it for, as far as that goes.
/// What is written, another client reads.
///
/// The first byte says how long the pieces are.
pub fn frame(data: &[u8]) {
    let Some((piece, stream)) = data.split_first() else {
        return;
    };
    let whole = decode(stream, stream.len().max(1));
    assert_eq!(decode(stream, usize::from(*piece).max(1)), whole);
    compare(stream, &whole);
    check_written(stream);
}

/// What a stream held: its messages, and what ended it.
type Decoded = (Vec<Message>, Option<Close>);

fn decode(stream: &[u8], piece: usize) -> Decoded {
    let mut decoder = Decoder::new(MAX_MESSAGE);
    let (mut messages, mut unread) = (Vec::new(), Vec::new());
    for piece in stream.chunks(piece) {
        unread.extend_from_slice(piece);
        loop {
            let (used, incoming) = match decoder.decode(&mut unread) {
                Ok(Some(frame)) => frame,
                Ok(None) => break,
                Err(close) => return (messages, Some(close)),
            };
            let over = incoming == Incoming::Close;
            messages.extend(message(incoming));
            if over {
                return (messages, None);
            }
            unread.drain(..used);
        }
        assert!(unread.len() < MAX_MESSAGE + 14 + piece.len(), "it waits");
    }
    (messages, None)
}

fn message(incoming: Incoming<'_>) -> Option<Message> {
    Some(match incoming {
        Incoming::Text(text) => Message::text(text.into_owned()),
        Incoming::Binary(bytes) => {
            assert!(bytes.len() <= MAX_MESSAGE);
            Message::binary(bytes.into_owned())
        }
        Incoming::Fragment => return None,
        Incoming::Ping(payload) => Message::Ping(payload.to_vec().into()),
        Incoming::Pong => Message::Pong(Vec::new().into()),
        Incoming::Close => Message::Close(None),
    })
}

/// The messages of both are the same until one of them has enough. The other server looks into a frame
/// when it is complete, and into the text of a fragment before its message is.
fn compare(stream: &[u8], (ours, close): &Decoded) {
    let (theirs, error) = read(stream, Role::Server);
    for (our, their) in ours.iter().zip(&theirs) {
        assert_eq!(our, their);
    }
    if ours.len() > theirs.len() {
        assert!(matches!(error, Error::Utf8(_)), "{error}: {ours:?}");
    } else if ours.len() < theirs.len() {
        let code = close.as_ref().map(|close| close.code);
        let goodbye = [Message::Close(None)];
        assert_eq!(&theirs[ours.len()..], goodbye, "{ours:?}");
        assert_eq!(
            code,
            Some(1002),
            "only close codes are judged more strictly"
        );
    }
}

/// What the library makes of a stream, and how it ended for it.
fn read(stream: &[u8], role: Role) -> (Vec<Message>, Error) {
    let config = WebSocketConfig::default()
        .max_message_size(Some(MAX_MESSAGE))
        .max_frame_size(Some(MAX_MESSAGE));
    let stream = Stream(Cursor::new(stream));
    let mut socket = WebSocket::from_raw_socket(stream, role, Some(config));
    let mut messages = Vec::new();
    loop {
        messages.push(match socket.read() {
            Ok(Message::Pong(_)) => Message::Pong(Vec::new().into()),
            Ok(Message::Close(_)) => Message::Close(None),
            Ok(message) => message,
            Err(error) => return (messages, error),
        });
    }
}

/// Reads what is there, and takes every write.
struct Stream<'a>(Cursor<&'a [u8]>);

impl Read for Stream<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl Write for Stream<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn check_written(payload: &[u8]) {
    let payload = &payload[..payload.len().min(MAX_MESSAGE)];
    let mut out = Vec::new();
    let mut expected = vec![Message::binary(payload.to_vec()), Message::Close(None)];
    let parts = payload.split_at(payload.len() / 2);
    encode(OpCode::Data(Data::Binary), &[parts.0, parts.1], &mut out);
    let mut reason = "";
    if let Ok(text) = std::str::from_utf8(payload) {
        encode(OpCode::Data(Data::Text), &[text], &mut out);
        expected.insert(1, Message::text(text));
        reason = text;
    }
    let close = Close {
        code: 1008,
        reason: reason.to_owned().into(),
    };
    encode_close(&close, &mut out);
    assert_eq!(read(&out, Role::Client).0, expected);
}
