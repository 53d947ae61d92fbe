//! A small HTTP/1.1 client on one connection, which is kept alive.

use std::{
    fmt::{self, Write},
    net::SocketAddr,
};

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
};

use super::{Asks, request, within};

/// One connection to the server.
pub(crate) struct Http {
    stream: BufReader<TcpStream>,
}

/// What the server answered.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    /// Names are in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Response {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        headers
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }
}

/// The status, the headers that differ from answer to answer but the date, and the body.
impl fmt::Display for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.status)?;
        for (name, value) in &self.headers {
            if !["date", "content-length"].contains(&name.as_str()) {
                write!(f, "\n{name}: {value}")?;
            }
        }
        if !self.body.is_empty() {
            write!(f, "\n{}", self.body)?;
        }
        Ok(())
    }
}

impl Http {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self {
            stream: BufReader::new(stream),
        }
    }

    /// Sends these bytes, which may be part of a request.
    pub(crate) async fn send(&mut self, bytes: &str) {
        let sent = self.stream.write_all(bytes.as_bytes());
        within("a request to be sent", sent).await.unwrap();
    }

    /// Sends a request, and reads its answer.
    pub(crate) async fn request(
        &mut self,
        line: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Response {
        self.send(&(head(line, headers, body.len()) + body)).await;
        self.response().await
    }

    pub(crate) async fn get(&mut self, path: &str) -> Response {
        self.request(&format!("GET {path}"), &[], "").await
    }

    /// The same where the server may close the connection instead.
    pub(crate) async fn try_get(mut self, path: &str) -> Option<Response> {
        let head = head(&format!("GET {path}"), &[], 0);
        let asked = async {
            self.stream.write_all(head.as_bytes()).await.ok()?;
            self.read().await
        };
        within("an answer or an end", asked).await
    }

    /// Sends a request of a client as JSON; `method` is `PUT` or `POST`.
    pub(crate) async fn call(&mut self, method: &str, body: &str) -> Response {
        let line = format!("{method} {}", request::PATH);
        self.request(&line, &[JSON], body).await
    }

    /// Reads one answer.
    pub(crate) async fn response(&mut self) -> Response {
        within("an answer", self.read()).await.expect("an answer")
    }

    /// Waits for the server to close the connection; whatever else it says is an error.
    pub(crate) async fn closed(&mut self) {
        let mut rest = Vec::new();
        within(
            "the connection to be closed",
            self.stream.read_to_end(&mut rest),
        )
        .await
        .unwrap();
        assert_eq!(String::from_utf8_lossy(&rest), "");
    }

    async fn read(&mut self) -> Option<Response> {
        let status = self.line().await?;
        let status = status.split(' ').nth(1)?.parse().ok()?;
        let mut headers = Vec::new();
        loop {
            let line = self.line().await?;
            let Some((name, value)) = line.split_once(": ") else {
                break;
            };
            headers.push((name.to_ascii_lowercase(), value.to_owned()));
        }
        let length = headers.iter().find(|(name, _)| name == "content-length");
        let length = length.map_or(0, |(_, value)| value.parse().unwrap());
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body).await.ok()?;
        Some(Response {
            status,
            headers,
            body: String::from_utf8(body).unwrap(),
        })
    }

    /// One line without its end; `None` at the end of the stream.
    async fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        self.stream.read_line(&mut line).await.ok()?;
        line.strip_suffix("\r\n").map(str::to_owned)
    }
}

/// What a request of ours is made of.
pub(crate) const JSON: (&str, &str) = ("content-type", "application/json");

/// The headers that ask for a WebSocket.
pub(crate) const UPGRADE: [(&str, &str); 4] = [
    ("connection", "upgrade"),
    ("upgrade", "websocket"),
    ("sec-websocket-version", "13"),
    ("sec-websocket-key", "AAAAAAAAAAAAAAAAAAAAAA=="),
];

/// The head of a request whose body has so many bytes.
pub(crate) fn head(line: &str, headers: &[(&str, &str)], length: usize) -> String {
    let mut head = format!("{line} HTTP/1.1\r\nhost: nile\r\n");
    for (name, value) in headers {
        write!(head, "{name}: {value}\r\n").unwrap();
    }
    if length > 0 {
        write!(head, "content-length: {length}\r\n").unwrap();
    }
    head + "\r\n"
}

/// What an HTTP party asks; it hears parameters alone, or a problem.
impl Asks for Http {
    async fn ask(&mut self, request: &str) -> String {
        let method = match request::action_of(request).as_str() {
            "register" => "PUT",
            _ => "POST",
        };
        self.call(method, request).await.body
    }
}
