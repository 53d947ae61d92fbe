//! An HTTP/1.1 client of a few lines: one request a connection.

use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::{TestServer, within};

/// What the server answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    fn parse(bytes: &[u8]) -> Self {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n");
        let end = end.expect("an answer has a head");
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
        Self {
            status: head[9..12].parse().unwrap(),
            head: head.to_ascii_lowercase(),
            body: bytes[end + 4..].to_vec(),
        }
    }
}

/// The text of a request. `headers` are whole lines.
pub(crate) fn request(method: &str, target: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!(
        "{method} {target} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n{headers}content-length: {length}\r\n\r\n"
    );
    [head.as_bytes(), body].concat()
}

impl TestServer {
    /// Sends bytes on a connection of their own, and keeps it.
    pub(crate) async fn dial(&self, bytes: &[u8]) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        stream
    }

    pub(crate) async fn request(&self, method: &str, target: &str, body: &[u8]) -> Answer {
        self.send(&request(method, target, "", body)).await
    }

    pub(crate) async fn get(&self, target: &str) -> Answer {
        self.request("GET", target, b"").await
    }

    pub(crate) async fn send(&self, request: &[u8]) -> Answer {
        let mut stream = self.dial(request).await;
        let mut answer = Vec::new();
        let read = stream.read_to_end(&mut answer);
        within("an answer over HTTP", read).await.unwrap();
        Answer::parse(&answer)
    }
}

/// A session over long-polling.
pub(crate) struct Polling<'a> {
    server: &'a TestServer,
    pub(crate) target: String,
    pub(crate) sid: String,
}

impl<'a> Polling<'a> {
    /// Opens a session; `path` goes up to the version: `/engine.io/?EIO=4`.
    pub(crate) async fn open(server: &'a TestServer, path: &str) -> Self {
        let target = format!("{path}&transport=polling");
        let answer = server.get(&target).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let text = answer.text();
        let json = &text[text.find('{').unwrap()..];
        let first = serde_json::Deserializer::from_str(json)
            .into_iter::<Value>()
            .next();
        let sid = first.unwrap().unwrap()["sid"].as_str().unwrap().to_owned();
        Self {
            server,
            target: format!("{target}&sid={sid}"),
            sid,
        }
    }

    /// A session of the echo on Engine.IO 4.
    pub(crate) async fn engine(server: &'a TestServer) -> Self {
        Self::open(server, "/engine.io/?EIO=4").await
    }

    /// A session of the desk that is connected to `/`.
    pub(crate) async fn socketio(server: &'a TestServer) -> Self {
        let session = Self::open(server, "/socket.io/?EIO=4").await;
        assert_eq!(session.post("40").await.text(), "ok");
        assert!(
            session
                .poll()
                .await
                .text()
                .ends_with("\u{1e}42[\"auth\",{}]")
        );
        session
    }

    pub(crate) async fn poll(&self) -> Answer {
        self.server.get(&self.target).await
    }

    pub(crate) async fn post(&self, body: &str) -> Answer {
        self.server
            .request("POST", &self.target, body.as_bytes())
            .await
    }

    pub(crate) async fn post_bytes(&self, body: &[u8]) -> Answer {
        let kind = "content-type: application/octet-stream\r\n";
        self.server
            .send(&request("POST", &self.target, kind, body))
            .await
    }

    /// Begins a poll and leaves it hanging; it is abandoned with what this returns.
    pub(crate) async fn hang(&self) -> TcpStream {
        self.server
            .dial(&request("GET", &self.target, "", b""))
            .await
    }
}
