//! A WebSocket, and a party on `/ws`.

use std::net::SocketAddr;

use futures_util::{SinkExt, StreamExt};
use tokio::{io::AsyncWriteExt, net::TcpStream};
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{Error, Message, protocol::CloseFrame},
};

use super::{Asks, Connects, request, within};

/// A WebSocket, which answers pings while it is read.
pub(crate) struct WebSocket {
    pub(crate) stream: WebSocketStream<TcpStream>,
}

/// A party on `/ws`.
pub(crate) struct Raw {
    pub(crate) socket: WebSocket,
}

impl WebSocket {
    pub(crate) async fn connect(address: SocketAddr, path: &str) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        Self::on(stream, path).await
    }

    /// Shakes hands on a TCP connection.
    pub(crate) async fn on(stream: TcpStream, path: &str) -> Self {
        stream.set_nodelay(true).unwrap();
        let url = format!("ws://{}{path}", stream.peer_addr().unwrap());
        let shaken = within("the handshake", client_async(url, stream)).await;
        Self {
            stream: shaken.unwrap().0,
        }
    }

    pub(crate) async fn say(&mut self, text: &str) {
        let sent = self.stream.send(Message::text(text));
        within("a message to be sent", sent).await.unwrap();
    }

    /// Sends messages without waiting in between.
    pub(crate) async fn say_all(&mut self, texts: &[&str]) {
        let sent = async {
            for text in texts {
                self.stream.feed(Message::text(*text)).await?;
            }
            self.stream.flush().await
        };
        within("messages to be sent", sent).await.unwrap();
    }

    /// The next text; the connection has to be open.
    pub(crate) async fn hear(&mut self) -> String {
        self.next().await.expect("the connection was closed")
    }

    /// The next text, or how the connection ended.
    pub(crate) async fn next(&mut self) -> Result<String, Ended> {
        within("a message", self.receive()).await
    }

    async fn receive(&mut self) -> Result<String, Ended> {
        loop {
            match self.stream.next().await {
                Some(Ok(Message::Text(text))) => return Ok(text.to_string()),
                Some(Ok(Message::Close(frame))) => return Err(Ended::Closed(frame)),
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(Ended::Broken(error)),
                None => return Err(Ended::Closed(None)),
            }
        }
    }

    /// The code and reason with which the server closes the connection, whatever it says before.
    pub(crate) async fn closed(&mut self) -> (u16, String) {
        let end = within("the connection to be closed", async {
            loop {
                if let Err(end) = self.receive().await {
                    break end;
                }
            }
        });
        let end = end.await;
        // A peer that has been told to go does so.
        drop(self.stream.get_mut().shutdown().await);
        match end {
            Ended::Closed(Some(frame)) => (frame.code.into(), frame.reason.to_string()),
            end => panic!("closed without a word: {end:?}"),
        }
    }

    /// Leaves with a closing handshake.
    pub(crate) async fn close(&mut self) {
        within("the closing handshake", self.stream.close(None))
            .await
            .unwrap();
        assert_eq!(self.closed().await.0, 1000);
    }
}

/// How a connection ended.
#[derive(Debug)]
pub(crate) enum Ended {
    /// With a closing handshake.
    Closed(Option<CloseFrame>),
    /// Without one.
    #[expect(dead_code, reason = "shown when a test fails")]
    Broken(Error),
}

impl Raw {
    /// With a query such as `?spelling=plain`.
    pub(crate) async fn with(address: SocketAddr, query: &str) -> Self {
        let socket = WebSocket::connect(address, &format!("/ws{query}")).await;
        Self { socket }
    }
}

impl Asks for Raw {
    async fn ask(&mut self, request: &str) -> String {
        self.socket.say(&request::frame(request)).await;
        request::parse(&self.socket.hear().await)["body"].to_string()
    }
}

impl Connects for Raw {
    async fn on(stream: TcpStream) -> Self {
        let socket = WebSocket::on(stream, "/ws").await;
        Self { socket }
    }

    fn socket(&mut self) -> &mut WebSocket {
        &mut self.socket
    }

    fn into_socket(self) -> WebSocket {
        self.socket
    }

    fn carry(request: &str) -> String {
        request::frame(request)
    }
}
