//! Socket.IO by hand: Engine.IO packets as texts, over a WebSocket.

use std::net::SocketAddr;

use serde_json::value::RawValue;
use tokio::net::TcpStream;

use super::{
    Asks, Connects, request,
    websocket::{Ended, WebSocket},
};

/// A party that speaks Socket.IO 4 over a WebSocket, and wants its answers spelt as in the specification
/// page, so that each comes once.
pub(crate) struct SocketIo {
    pub(crate) socket: WebSocket,
}

/// The path of a handshake; `query` is what to add, such as `&spelling=spec`.
pub(crate) fn path(version: u8, transport: &str, query: &str) -> String {
    format!("/socket.io/?EIO={version}&transport={transport}{query}")
}

impl SocketIo {
    /// `query` is what to add to the handshake's, such as `&spelling=plain`.
    pub(crate) async fn with(address: SocketAddr, query: &str) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        Self::shake(stream, query).await
    }

    async fn shake(stream: TcpStream, query: &str) -> Self {
        let socket = WebSocket::on(stream, &path(4, "websocket", query)).await;
        let mut party = Self { socket };
        assert!(party.hear().await.starts_with("0{"));
        party.socket.say("40").await;
        assert!(party.hear().await.starts_with("40{"));
        party
    }

    pub(crate) async fn emit(&mut self, body: &str) {
        self.socket.say(&event(request::CHANNEL, body)).await;
    }

    /// Emits with an acknowledgement callback, and returns what it is called with.
    pub(crate) async fn ask_with_ack(&mut self, body: &str) -> String {
        let packet = event(request::CHANNEL, body).replacen("42", "427", 1);
        self.socket.say(&packet).await;
        let packet = self.hear().await;
        let args = packet
            .strip_prefix("437[")
            .and_then(|args| args.strip_suffix(']'));
        args.unwrap_or_else(|| panic!("no acknowledgement: {packet}"))
            .to_owned()
    }

    /// The next packet, heartbeats aside; the connection has to be open.
    pub(crate) async fn hear(&mut self) -> String {
        self.next().await.expect("the connection was closed")
    }

    /// The next packet, heartbeats aside, or how the connection ended.
    pub(crate) async fn next(&mut self) -> Result<String, Ended> {
        loop {
            let packet = self.socket.next().await?;
            if packet != "2" {
                return Ok(packet);
            }
            self.socket.say("3").await;
        }
    }

    /// The next event: its name, and the text of its body.
    pub(crate) async fn event(&mut self) -> (String, String) {
        parse_event(&self.hear().await)
    }
}

/// The name of an event and the text of its body.
pub(crate) fn parse_event(packet: &str) -> (String, String) {
    let (_, name, body) = parse_push(packet);
    (name, body)
}

/// The number with which an event can be acknowledged, its name, and the text of its body.
pub(crate) fn parse_push(packet: &str) -> (Option<u64>, String, String) {
    let args = packet.strip_prefix("42");
    let args = args.unwrap_or_else(|| panic!("no event: {packet}"));
    let (ack, args) = args.split_at(args.find('[').unwrap());
    let (name, body): (String, Box<RawValue>) = serde_json::from_str(args).unwrap();
    (ack.parse().ok(), name, body.get().to_owned())
}

/// The packet of an event.
pub(crate) fn event(name: &str, body: &str) -> String {
    format!(r#"42["{name}",{body}]"#)
}

impl Asks for SocketIo {
    async fn ask(&mut self, request: &str) -> String {
        self.emit(request).await;
        self.event().await.1
    }
}

impl Connects for SocketIo {
    async fn on(stream: TcpStream) -> Self {
        Self::shake(stream, "&spelling=spec").await
    }

    fn socket(&mut self) -> &mut WebSocket {
        &mut self.socket
    }

    fn into_socket(self) -> WebSocket {
        self.socket
    }

    fn carry(request: &str) -> String {
        event(request::CHANNEL, request)
    }
}
