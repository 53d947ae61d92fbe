//! WebSocket (RFC 6455) for servers: the handshake, and a socket that keeps no memory while idle.
//!
//! Reading goes through one buffer a thread, writing through a buffer that lives until it is
//! written. No extension is negotiated: compression would cost memory a connection, and messages
//! are small.

pub(crate) mod frame;
mod handshake;

use std::{
    cell::RefCell,
    io, mem,
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::{
    io::{AsyncRead, AsyncWriteExt, ReadBuf},
    net::TcpStream,
    time::Instant,
};
use tungstenite::protocol::frame::coding::{Control, Data, OpCode};

use self::frame::{Decoder, Incoming};
pub(crate) use self::handshake::Opened;
pub use self::handshake::{Held, Response, Upgrading, accept};
use crate::{
    close::{Close, End},
    conversation::Sink,
};

/// What one read takes at most.
const READ: usize = 16 * 1024;

thread_local! {
    /// Where every connection of this thread reads to; only what is left of it is kept by a connection.
    static BUFFER: RefCell<Vec<u8>> = RefCell::new(vec![0; READ]);
}

/// Takes incoming frames, and says whether it takes another.
pub(crate) trait Take: FnMut(Incoming<'_>, &mut Output<'_>) -> Result<bool, End> {}

impl<T: FnMut(Incoming<'_>, &mut Output<'_>) -> Result<bool, End>> Take for T {}

/// A WebSocket on a TCP stream.
///
/// Bounds: `unread` holds at most one message and one read; `out` is bounded by its user, who stops
/// reading while [`Socket::unwritten`] is large.
pub(crate) struct Socket {
    stream: TcpStream,
    decoder: Decoder,
    unread: Vec<u8>,
    out: Vec<u8>,
    written: usize,
    blocked_since: Option<Instant>,
    _held: Option<Held>,
}

impl Socket {
    /// A socket whose messages have at most `max_message` bytes.
    pub(crate) fn new(opened: Opened, max_message: usize) -> Self {
        let Opened {
            stream,
            early,
            held,
        } = opened;
        Self {
            stream,
            decoder: Decoder::new(max_message),
            unread: early.to_vec(),
            out: Vec::new(),
            written: 0,
            blocked_since: None,
            _held: held,
        }
    }

    /// How many bytes wait to be written.
    pub(crate) fn unwritten(&self) -> usize {
        self.out.len() - self.written
    }

    /// Since when the peer has taken nothing of what waits to be written.
    pub(crate) fn blocked_since(&self) -> Option<Instant> {
        self.blocked_since
    }

    /// Hands incoming frames to `take` until it says stop (`false`) or what was read is used up.
    ///
    /// Ready when frames were handed over or may be, pending when there is nothing to read.
    pub(crate) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        mut take: impl Take,
    ) -> Poll<Result<(), End>> {
        if !self.unread.is_empty() && self.decode_unread(&mut take)? {
            return Poll::Ready(Ok(()));
        }
        BUFFER.with_borrow_mut(|buffer| {
            let mut read = ReadBuf::new(buffer);
            ready!(Pin::new(&mut self.stream).poll_read(cx, &mut read)).map_err(|_| End::Peer)?;
            let read = read.filled_mut();
            if read.is_empty() {
                return Poll::Ready(Err(End::Peer));
            }
            if self.unread.is_empty() {
                let used = self.decode(read, &mut take)?;
                self.unread = read[used..].to_vec();
            } else {
                self.unread.extend_from_slice(read);
                self.decode_unread(&mut take)?;
            }
            Poll::Ready(Ok(()))
        })
    }

    /// Hands over the frames of what was read before; whether there was one.
    fn decode_unread(&mut self, take: &mut impl Take) -> Result<bool, End> {
        let mut unread = mem::take(&mut self.unread);
        let used = self.decode(&mut unread, take)?;
        // The buffer of a large frame is not kept for what little may be behind it.
        self.unread = if used == 0 {
            unread
        } else {
            unread[used..].to_vec()
        };
        Ok(used > 0)
    }

    /// Hands over the frames of `input`; how many bytes they took.
    fn decode(&mut self, input: &mut [u8], take: &mut impl Take) -> Result<usize, End> {
        let mut used = 0;
        while let Some((length, incoming)) = self.decoder.decode(&mut input[used..])? {
            used += length;
            if !take(incoming, &mut Output(&mut self.out))? {
                break;
            }
        }
        Ok(used)
    }

    /// Where the next messages to the peer go.
    pub(crate) fn output(&mut self) -> Output<'_> {
        Output(&mut self.out)
    }

    /// Writes what waits; pending while the peer does not take it.
    pub(crate) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.unwritten() > 0 {
            match self.stream.try_write(&self.out[self.written..]) {
                Ok(length) => {
                    self.written += length;
                    self.blocked_since = None;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    if self.stream.poll_write_ready(cx)?.is_pending() {
                        self.blocked_since.get_or_insert_with(Instant::now);
                        self.forget_written();
                        return Poll::Pending;
                    }
                }
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
        self.out = Vec::new();
        self.written = 0;
        Poll::Ready(Ok(()))
    }

    /// Keeps the buffer of a peer that is always behind from growing; moves less than was written.
    fn forget_written(&mut self) {
        if self.written > self.unwritten() {
            self.out.drain(..self.written);
            self.written = 0;
        }
    }

    /// Sends a close frame behind what waits, and reads until the peer has closed too.
    ///
    /// Waits for the peer: give it a deadline.
    pub(crate) async fn close(mut self, close: &Close) -> io::Result<()> {
        frame::encode_close(close, &mut self.out);
        std::future::poll_fn(|cx| self.poll_flush(cx)).await?;
        self.stream.shutdown().await?;
        loop {
            self.stream.readable().await?;
            let read = BUFFER.with_borrow_mut(|buffer| self.stream.try_read(buffer));
            match read {
                Ok(0) => return Ok(()),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
    }
}

/// Where a socket's messages wait to be written.
pub(crate) struct Output<'a>(&'a mut Vec<u8>);

impl Output<'_> {
    /// How many bytes wait, written ones that are not yet dropped included.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn pong(&mut self, payload: &[u8]) {
        frame::encode(OpCode::Control(Control::Pong), &[payload], self.0);
    }
}

impl Sink for Output<'_> {
    fn text(&mut self, parts: &[&str]) {
        frame::encode(OpCode::Data(Data::Text), parts, self.0);
    }

    fn binary(&mut self, bytes: &[u8]) {
        frame::encode(OpCode::Data(Data::Binary), &[bytes], self.0);
    }

    fn ping(&mut self) {
        frame::encode(OpCode::Control(Control::Ping), &[""], self.0);
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::{io::AsyncReadExt, net::TcpSocket};

    use super::*;

    const BACKLOG: usize = 64 * 1024;

    /// Both ends of a connection of which the kernel keeps little.
    async fn narrow() -> (TcpStream, TcpStream) {
        let (listener, peer) = (TcpSocket::new_v4().unwrap(), TcpSocket::new_v4().unwrap());
        listener.set_send_buffer_size(16 * 1024).unwrap();
        peer.set_recv_buffer_size(4 * 1024).unwrap();
        listener.bind(([127, 0, 0, 1], 0).into()).unwrap();
        let listener = listener.listen(1).unwrap();
        let peer = peer.connect(listener.local_addr().unwrap());
        let (peer, stream) = tokio::join!(peer, listener.accept());
        (peer.unwrap(), stream.unwrap().0)
    }

    #[tokio::test]
    async fn the_buffer_of_a_peer_that_is_always_behind_does_not_grow() {
        let (mut peer, stream) = narrow().await;
        let opened = Opened {
            stream,
            early: bytes::Bytes::new(),
            held: None,
        };
        let (mut socket, mut taken) = (Socket::new(opened, 0), Vec::new());
        while taken.len() < 20 * BACKLOG {
            while socket.unwritten() < BACKLOG {
                socket.output().binary(&[0; 1000]);
            }
            let flushed = poll_fn(|cx| Poll::Ready(socket.poll_flush(cx))).await;
            if flushed.is_pending() {
                peer.read_buf(&mut taken).await.unwrap();
            }
            assert!(socket.out.len() < 3 * BACKLOG, "{}", socket.out.len());
        }
    }
}
