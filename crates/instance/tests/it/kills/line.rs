//! A connection to a process that may be killed at any moment: Socket.IO 4 or a bare WebSocket.
//!
//! Whatever goes wrong here ends the connection, and nothing else: whether it should have ended is for its
//! owner to know. Answers come in the order of the questions.

use std::net::SocketAddr;

use futures_util::{SinkExt, StreamExt};
use serde::Deserialize;
use serde_json::{Value, value::RawValue};
use tokio::net::TcpStream;
use tokio_tungstenite::{WebSocketStream, client_async, tungstenite::Message};

use crate::support::{
    request::parse,
    socketio::{event, parse_push, path},
    within,
};

pub(super) struct Line {
    stream: WebSocketStream<TcpStream>,
    over_socketio: bool,
}

/// The connection has ended, or never began.
#[derive(Debug)]
pub(super) struct Gone;

/// What comes on a connection.
pub(super) enum Heard {
    Answer(String),
    Push {
        message: Delivery,
        /// The number with which Socket.IO acknowledges it.
        ack: Option<u64>,
    },
    /// What is told to many, and says nothing about what was asked.
    News,
}

/// A message as its recipient gets it, pushed or in a page of its queue.
#[derive(Debug, Deserialize)]
pub(super) struct Delivery {
    pub(super) queue_id: i64,
    pub(super) sender: i64,
    pub(super) sender_kind: String,
    pub(super) content: Box<RawValue>,
}

#[derive(Deserialize)]
struct Frame {
    event: String,
    body: Box<RawValue>,
}

impl<E: std::error::Error> From<E> for Gone {
    fn from(_: E) -> Self {
        Self
    }
}

impl Line {
    pub(super) async fn open(address: SocketAddr, over_socketio: bool) -> Result<Self, Gone> {
        within("a connection", Self::connect(address, over_socketio)).await
    }

    async fn connect(address: SocketAddr, over_socketio: bool) -> Result<Self, Gone> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let path = if over_socketio {
            path(4, "websocket", "&spelling=spec")
        } else {
            "/ws".to_owned()
        };
        let (stream, _) = client_async(format!("ws://{address}{path}"), stream).await?;
        let mut line = Self {
            stream,
            over_socketio,
        };
        if over_socketio {
            assert!(line.text().await?.starts_with("0{"));
            line.send("40").await?;
            assert!(line.text().await?.starts_with("40{"));
        }
        Ok(line)
    }

    /// Asks, and does not wait.
    pub(super) async fn say(&mut self, channel: &str, body: &Value) -> Result<(), Gone> {
        let text = if self.over_socketio {
            event(channel, &body.to_string())
        } else {
            format!(r#"{{"event":"{channel}","body":{body}}}"#)
        };
        self.send(&text).await
    }

    /// Acknowledges a push, to which there is no answer.
    pub(super) async fn acknowledge(&mut self, ack: u64) -> Result<(), Gone> {
        self.send(&format!("43{ack}[]")).await
    }

    /// Waits for the next thing.
    pub(super) async fn hear(&mut self) -> Result<Heard, Gone> {
        let text = within("anything to be heard", self.text()).await?;
        let (ack, name, body) = if self.over_socketio {
            parse_push(&text)
        } else {
            let frame: Frame = serde_json::from_str(&text).unwrap();
            (None, frame.event, frame.body.get().to_owned())
        };
        if !name.starts_with("instace.to.") {
            let message = serde_json::from_str(&body).unwrap();
            return Ok(Heard::Push { message, ack });
        }
        // Every question here has an id.
        let is_news = parse(&body)["id"] == Value::Null;
        Ok(if is_news {
            Heard::News
        } else {
            Heard::Answer(body)
        })
    }

    async fn send(&mut self, text: &str) -> Result<(), Gone> {
        let sent = self.stream.send(Message::text(text));
        Ok(within("something to be sent", sent).await?)
    }

    async fn text(&mut self) -> Result<String, Gone> {
        while let Some(message) = self.stream.next().await {
            match message? {
                Message::Text(text) if text == "2" => self.send("3").await?,
                Message::Text(text) => return Ok(text.to_string()),
                Message::Close(_) => return Err(Gone),
                _ => {}
            }
        }
        Err(Gone)
    }
}
