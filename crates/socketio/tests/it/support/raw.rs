//! A WebSocket client that may do everything wrong: bytes in, frames out.

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::{TestServer, within};

/// The opcodes of RFC 6455.
pub(crate) const CONTINUE: u8 = 0;
pub(crate) const TEXT: u8 = 1;
pub(crate) const BINARY: u8 = 2;
pub(crate) const CLOSE: u8 = 8;
pub(crate) const PING: u8 = 9;
pub(crate) const PONG: u8 = 10;

/// The bit that says that a frame is the last of its message.
pub(crate) const FIN: u8 = 0x80;

const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// A masked frame as a client sends it; `first` is its first byte.
pub(crate) fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = header(first, payload.len());
    bytes.extend(MASK);
    bytes.extend(
        payload
            .iter()
            .zip(MASK.iter().cycle())
            .map(|(byte, key)| byte ^ key),
    );
    bytes
}

/// A text message in one frame.
pub(crate) fn text(text: &str) -> Vec<u8> {
    frame(FIN | TEXT, text.as_bytes())
}

/// The first bytes of a masked frame: all but its mask and payload.
pub(crate) fn header(first: u8, length: usize) -> Vec<u8> {
    let mut bytes = vec![first];
    if let Ok(length) = u8::try_from(length)
        && length < 126
    {
        bytes.push(0x80 | length);
    } else if let Ok(length) = u16::try_from(length) {
        bytes.push(0x80 | 0x7e);
        bytes.extend(length.to_be_bytes());
    } else {
        bytes.push(0x80 | 0x7f);
        bytes.extend((length as u64).to_be_bytes());
    }
    bytes
}

/// The request that opens a WebSocket.
pub(crate) fn handshake(target: &str) -> Vec<u8> {
    format!(
        "GET {target} HTTP/1.1\r\nhost: test\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\
         sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    .into_bytes()
}

/// A bare stream on which a WebSocket was opened.
pub(crate) struct Raw(pub(crate) TcpStream);

impl Raw {
    pub(crate) async fn connect(server: &TestServer, target: &str) -> Self {
        Self::with(server, target, b"").await
    }

    /// Sends `behind` in one segment with the handshake.
    pub(crate) async fn with(server: &TestServer, target: &str, behind: &[u8]) -> Self {
        let bytes = [&*handshake(target), behind].concat();
        let stream = server.dial(&bytes).await;
        stream.set_nodelay(true).unwrap();
        let mut raw = Self(stream);
        raw.skip_head().await;
        raw
    }

    /// Reads the answer to the handshake, and no byte behind it.
    pub(crate) async fn skip_head(&mut self) {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.extend(self.read(1).await.expect("the handshake is answered"));
        }
        let head = String::from_utf8(head).unwrap().to_ascii_lowercase();
        assert!(head.starts_with("http/1.1 101 "), "{head}");
        // RFC 6455, section 1.3, computes this for the key above.
        assert!(head.contains("s3pplmbitxaq9kygzzhzrbk+xoo="), "{head}");
    }

    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).await.unwrap();
    }

    /// The next frame: its first byte and its payload. `None` at the end of the stream.
    pub(crate) async fn frame(&mut self) -> Option<(u8, Vec<u8>)> {
        let head = self.read(2).await?;
        let length = match head[1] {
            126 => {
                let bytes = self.read(2).await?;
                usize::from(u16::from_be_bytes(bytes.try_into().unwrap()))
            }
            127 => {
                let bytes = self.read(8).await?;
                usize::try_from(u64::from_be_bytes(bytes.try_into().unwrap())).unwrap()
            }
            length => {
                assert!(length < 126, "a server does not mask");
                usize::from(length)
            }
        };
        Some((head[0], self.read(length).await?))
    }

    /// The next frame, which is a whole text message.
    pub(crate) async fn text(&mut self) -> String {
        let (first, payload) = self.frame().await.expect("the stream is open");
        assert_eq!(first, FIN | TEXT);
        String::from_utf8(payload).unwrap()
    }

    /// The next frame, which is a close frame: its code and reason.
    pub(crate) async fn close_frame(&mut self) -> (u16, String) {
        let (first, payload) = self.frame().await.expect("the stream is open");
        assert_eq!(first, FIN | CLOSE, "{payload:?}");
        let (code, reason) = payload.split_at(2);
        let code = u16::from_be_bytes(code.try_into().unwrap());
        (code, String::from_utf8(reason.to_vec()).unwrap())
    }

    async fn read(&mut self, count: usize) -> Option<Vec<u8>> {
        let mut bytes = vec![0; count];
        let read = within("bytes of a frame", self.0.read_exact(&mut bytes)).await;
        read.ok().map(|_| bytes)
    }
}
