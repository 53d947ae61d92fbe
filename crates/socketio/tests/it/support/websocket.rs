//! A WebSocket client of another make, and what Engine.IO and Socket.IO say first on it.

use futures_util::{SinkExt, StreamExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{Error, Message},
};

use super::{TestServer, within};

/// A client on a WebSocket.
pub(crate) struct Client(WebSocketStream<TcpStream>);

/// How the desk greets who connects to `/`.
pub(crate) const GREETING: &str = "42[\"auth\",{}]";

impl Client {
    pub(crate) async fn connect(server: &TestServer, target: &str) -> Self {
        let stream = TcpStream::connect(server.address).await.unwrap();
        Self::on(stream, target).await.unwrap()
    }

    /// Opens a WebSocket on a stream; an error is the status of the refusal.
    pub(crate) async fn on(stream: TcpStream, target: &str) -> Result<Self, u16> {
        let handshake = client_async(format!("ws://test{target}"), stream);
        match within("a handshake", handshake).await {
            Ok((socket, _)) => Ok(Self(socket)),
            Err(Error::Http(refusal)) => Err(refusal.status().as_u16()),
            Err(error) => panic!("{error}"),
        }
    }

    /// An Engine.IO 4 session of the echo, whose open packet was read.
    pub(crate) async fn engine(server: &TestServer) -> Self {
        let mut client = Self::connect(server, "/engine.io/?EIO=4&transport=websocket").await;
        assert!(client.text().await.starts_with("0{"));
        client
    }

    /// A client of the desk that is connected to `/`.
    pub(crate) async fn socketio(server: &TestServer) -> Self {
        let stream = TcpStream::connect(server.address).await.unwrap();
        Self::socketio_on(stream).await
    }

    /// The same with a small window: what the server can send to it unread is little.
    pub(crate) async fn narrow(server: &TestServer) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        Self::socketio_on(socket.connect(server.address).await.unwrap()).await
    }

    async fn socketio_on(stream: TcpStream) -> Self {
        let mut client = Self::on(stream, "/socket.io/?EIO=4&transport=websocket")
            .await
            .unwrap();
        assert!(client.text().await.starts_with("0{"));
        client.send("40").await;
        assert!(client.text().await.starts_with("40{\"sid\":"));
        assert_eq!(client.text().await, GREETING);
        client
    }

    pub(crate) async fn send(&mut self, text: &str) {
        self.0.send(text.into()).await.unwrap();
    }

    pub(crate) async fn send_bytes(&mut self, bytes: &[u8]) {
        self.0.send(bytes.to_vec().into()).await.unwrap();
    }

    /// Sends all of them in one go.
    pub(crate) async fn send_all(&mut self, texts: impl IntoIterator<Item = String>) {
        for text in texts {
            self.0.feed(text.into()).await.unwrap();
        }
        self.0.flush().await.unwrap();
    }

    pub(crate) async fn message(&mut self) -> Message {
        within("a message", self.0.next())
            .await
            .expect("the socket is open")
            .unwrap()
    }

    /// The next message, which is a text.
    pub(crate) async fn text(&mut self) -> String {
        match self.message().await {
            Message::Text(text) => text.as_str().to_owned(),
            other => panic!("no text: {other:?}"),
        }
    }

    /// The next message, which is binary.
    pub(crate) async fn bytes(&mut self) -> Vec<u8> {
        match self.message().await {
            Message::Binary(bytes) => bytes.to_vec(),
            other => panic!("not binary: {other:?}"),
        }
    }

    /// The code and reason of the server's close frame, which is next; the handshake is then finished.
    pub(crate) async fn closed(&mut self) -> (u16, String) {
        let Message::Close(Some(frame)) = self.message().await else {
            panic!("not closed");
        };
        let end = within("the end of the stream", self.0.next()).await;
        assert!(end.is_none(), "{end:?}");
        (frame.code.into(), frame.reason.as_str().to_owned())
    }

    /// Reads until the stream breaks without a close frame.
    pub(crate) async fn broken(&mut self) {
        while let Ok(message) = within("the stream breaks", self.0.next()).await.unwrap() {
            assert!(!message.is_close(), "{message:?}");
        }
    }

    /// Sends until the socket takes no more, and lets go of the sending side.
    pub(crate) async fn flood(&mut self, text: &str, count: usize) -> Result<(), Error> {
        for _ in 0..count {
            self.0.feed(text.into()).await?;
        }
        self.0.flush().await
    }

    pub(crate) async fn leave(mut self) {
        self.0.close(None).await.unwrap();
        while let Some(Ok(_)) = within("the end of the stream", self.0.next()).await {}
    }

    /// The bare stream, for a peer that reads bytes and no messages.
    pub(crate) fn into_stream(self) -> TcpStream {
        self.0.into_inner()
    }

    /// Splits it, for a peer that reads and writes at its own pace.
    pub(crate) fn split(
        self,
    ) -> (
        futures_util::stream::SplitSink<WebSocketStream<TcpStream>, Message>,
        futures_util::stream::SplitStream<WebSocketStream<TcpStream>>,
    ) {
        self.0.split()
    }
}
