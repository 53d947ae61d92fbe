//! The limit: a bare tokio-tungstenite server on one thread that sends back what it gets.
//!
//! It shows what the transport alone costs, so it does as little as a server can. On `/socket.io/` it speaks as
//! much of Engine.IO 4 and Socket.IO as a generator needs: each event is its own acknowledgement. On every other
//! path a text frame comes back as it is. It sends no heartbeats and bounds nothing: it is no server to expose.
#![allow(
    clippy::print_stdout,
    reason = "whoever starts it waits for the line with its address"
)]

use std::net::SocketAddr;

use clap::Parser;
use futures_util::{SinkExt, StreamExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::{
    WebSocketStream, accept_hdr_async_with_config,
    tungstenite::{
        Error, Message,
        handshake::server::{ErrorResponse, Request, Response},
        protocol::WebSocketConfig,
    },
};

/// What is in the frame that opens an Engine.IO session. The intervals are so long that nobody misses a heartbeat.
const OPEN: &str = r#"0{"sid":"limit","upgrades":[],"pingInterval":3600000,"pingTimeout":3600000,"maxPayload":65536}"#;
/// The answer to what connects to the main namespace.
const CONNECTED: &str = r#"40{"sid":"limit"}"#;

#[derive(Parser)]
#[command(about = "Sends back what it gets: the limit that nile-bench measures against")]
struct Flags {
    /// Where to listen; port 0 takes any free port
    #[arg(long, default_value = "127.0.0.1:3336")]
    listen: SocketAddr,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let listener = TcpListener::bind(Flags::parse().listen).await?;
    println!("listening on http://{}", listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept().await?;
        // A connection that breaks concerns nobody else.
        tokio::spawn(serve(stream));
    }
}

async fn serve(stream: TcpStream) -> Result<(), Error> {
    stream.set_nodelay(true)?;
    let config = WebSocketConfig::default()
        .read_buffer_size(4096)
        .write_buffer_size(0);
    let mut socketio = false;
    #[expect(
        clippy::result_large_err,
        reason = "the type is the library's, and no error is made here"
    )]
    let note_path = |request: &Request, response: Response| -> Result<Response, ErrorResponse> {
        socketio = request.uri().path().starts_with("/socket.io");
        Ok(response)
    };
    let socket = accept_hdr_async_with_config(stream, note_path, Some(config)).await?;
    if socketio {
        acknowledge(socket).await
    } else {
        echo(socket).await
    }
}

async fn echo(mut socket: WebSocketStream<TcpStream>) -> Result<(), Error> {
    while let Some(message) = socket.next().await.transpose()? {
        if message.is_text() {
            socket.send(message).await?;
        }
    }
    Ok(())
}

async fn acknowledge(mut socket: WebSocketStream<TcpStream>) -> Result<(), Error> {
    socket.send(Message::text(OPEN)).await?;
    while let Some(message) = socket.next().await.transpose()? {
        let Message::Text(text) = message else {
            continue;
        };
        match text.strip_prefix("42") {
            Some(event) => socket.send(Message::text(format!("43{event}"))).await?,
            None if text.starts_with("40") => socket.send(Message::text(CONNECTED)).await?,
            None => {}
        }
    }
    Ok(())
}
