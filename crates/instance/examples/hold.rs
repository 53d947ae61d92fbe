//! Holds logged-in Socket.IO connections to a running server, and tells its resident memory for each.
//!
//! ```text
//! NILE_LIMITS_EXEMPT=127.0.0.0/8 cargo run --release -- --listen 127.0.0.1:3334 &
//! cargo run --release --example hold -- 127.0.0.1:3334 $! 10000
//! ```
//! The arguments: the server's address, its process id, how many connections.
#![allow(
    clippy::print_stdout,
    reason = "it is a command, and this is its output"
)]

use std::{fs, time::Duration};

use anyhow::{Context, bail, ensure};
use futures_util::{SinkExt, StreamExt, stream};
use serde_json::{Value, json};
use tokio::{net::TcpStream, time::timeout};
use tokio_tungstenite::{
    WebSocketStream, client_async_with_config,
    tungstenite::{Message, protocol::WebSocketConfig},
};

type Socket = WebSocketStream<TcpStream>;

/// The largest message that servers take by default.
const LARGE: usize = 64 * 1024;

/// How many connections are worked on at once.
const AT_ONCE: usize = 64;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let mut argument = |name| {
        arguments
            .next()
            .with_context(|| format!("the {name} is missing"))
    };
    let address = argument("address")?;
    let process: u32 = argument("process id")?.parse()?;
    let count: usize = argument("number of connections")?.parse()?;

    let empty = resident(process)?;
    println!("empty server: {:.1} MiB", mebibytes(empty));
    let sockets = each(0..count, |_| log_in(&address)).await?;
    report("logged in", process, empty, count)?;
    let sockets = each(sockets, ping).await?;
    report("after one ping each", process, empty, count)?;
    let sockets = each(sockets, send_large).await?;
    report("after one 64 KiB frame each", process, empty, count)?;
    drop(sockets);
    Ok(())
}

/// Does the same with every item, some at once.
async fn each<I, T, F>(items: I, work: impl Fn(I::Item) -> F) -> anyhow::Result<Vec<T>>
where
    I: IntoIterator,
    F: Future<Output = anyhow::Result<T>>,
{
    let results: Vec<_> = stream::iter(items)
        .map(work)
        .buffer_unordered(AT_ONCE)
        .collect()
        .await;
    results.into_iter().collect()
}

async fn log_in(address: &str) -> anyhow::Result<Socket> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let url = format!("ws://{address}/socket.io/?EIO=4&transport=websocket&spelling=plain");
    let config = WebSocketConfig::default()
        .read_buffer_size(4096)
        .write_buffer_size(0);
    let (mut socket, _) = client_async_with_config(url, stream, Some(config)).await?;
    receive(&mut socket, "0").await?;
    socket.send(Message::text("40")).await?;
    receive(&mut socket, "40").await?;
    let information = json!({"name": "Ada", "location": "Turin"});
    let registered = ask(
        &mut socket,
        json!({"action": "register", "parameters": {"information": information}}),
    )
    .await?;
    let token = &registered["parameters"]["token"];
    let logged = ask(
        &mut socket,
        json!({"action": "login", "parameters": {"token": token}}),
    )
    .await?;
    ensure!(logged["action"] == "logged", "{logged}");
    Ok(socket)
}

async fn ping(mut socket: Socket) -> anyhow::Result<Socket> {
    let pinged = ask(&mut socket, json!({"action": "ping"})).await?;
    ensure!(pinged["action"] == "pinged", "{pinged}");
    Ok(socket)
}

/// A ping whose frame is as large as the server takes.
async fn send_large(mut socket: Socket) -> anyhow::Result<Socket> {
    let frame = |filling: &str| event(&json!({"action": "ping", "parameters": filling}));
    let filling = "x".repeat(LARGE - frame("").len());
    socket.send(Message::text(frame(&filling))).await?;
    receive(&mut socket, "430").await?;
    Ok(socket)
}

async fn ask(socket: &mut Socket, request: Value) -> anyhow::Result<Value> {
    socket.send(Message::text(event(&request))).await?;
    let answer = receive(socket, "430").await?;
    let args: Vec<Value> = serde_json::from_str(&answer["430".len()..])?;
    args.into_iter()
        .next()
        .context("an acknowledgement has an argument")
}

/// An event that asks for acknowledgement 0.
fn event(request: &Value) -> String {
    format!("420[\"client.to.instance\",{request}]")
}

/// The next message that begins so; pings in between are answered.
async fn receive(socket: &mut Socket, prefix: &str) -> anyhow::Result<String> {
    loop {
        let message = timeout(Duration::from_secs(30), socket.next()).await?;
        match message.context("the server closed the connection")?? {
            Message::Text(text) if text.starts_with(prefix) => return Ok(text.to_string()),
            Message::Text(text) if text.as_str() == "2" => socket.send(Message::text("3")).await?,
            other => bail!("got {other} instead of {prefix}"),
        }
    }
}

fn report(when: &str, process: u32, empty: u64, count: usize) -> anyhow::Result<()> {
    let now = resident(process)?;
    let each = (now.saturating_sub(empty)) / u64::try_from(count)?;
    println!(
        "{when}: {:.1} MiB, {each} bytes a connection",
        mebibytes(now)
    );
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "it is rounded to one decimal")]
fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

/// The resident memory of a process, in bytes.
fn resident(process: u32) -> anyhow::Result<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kibibytes = line.and_then(|line| line.trim().strip_suffix(" kB"));
    Ok(kibibytes
        .context("the process has no VmRSS")?
        .parse::<u64>()?
        * 1024)
}
