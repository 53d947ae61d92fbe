//! What presence costs a running server: its CPU time, messages and bytes for nodes that come and go while
//! many connections hear of it.
//!
//! ```text
//! NILE_LIMITS_EXEMPT=127.0.0.0/8 cargo run --release -- --listen 127.0.0.1:3334 &
//! cargo run --release --example presence -- 127.0.0.1:3334 $! 4000 20
//! ```
//! The arguments: the server's address, its process id, how many connections listen, how many nodes there are.
//! The server's directory is to be a fresh one.
#![allow(
    clippy::print_stdout,
    reason = "it is a command, and this is its output"
)]

use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use anyhow::{Context, bail, ensure};
use futures_util::{SinkExt, StreamExt, stream};
use serde_json::{Value, json};
use tokio::{
    net::TcpStream,
    task::JoinHandle,
    time::{Instant, sleep, timeout},
};
use tokio_tungstenite::{
    WebSocketStream, client_async_with_config,
    tungstenite::{Message, protocol::WebSocketConfig},
};

type Socket = WebSocketStream<TcpStream>;

const HASH: &str = "QmNLfbof5rLekrACjeuLk9JmGZD2HDBHCU4z16iYKmx5SE";

/// How often each event is repeated.
const TIMES: u32 = 20;

/// How long everything waits before it gives up.
const DEADLINE: Duration = Duration::from_secs(30);

/// What the listening connections have heard.
#[derive(Default)]
struct Heard {
    messages: AtomicU64,
    bytes: AtomicU64,
}

struct Bench {
    address: String,
    process: u32,
    heard: Arc<Heard>,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let mut argument = |name| {
        arguments
            .next()
            .with_context(|| format!("the {name} is missing"))
    };
    let bench = Bench {
        address: argument("address")?,
        process: argument("process id")?.parse()?,
        heard: Arc::default(),
    };
    let listeners: usize = argument("number of connections")?.parse()?;
    let count: usize = argument("number of nodes")?.parse()?;

    let fds = bench.open_files()?;
    let mut tokens = Vec::new();
    let mut nodes = Vec::new();
    for _ in 0..count {
        let (socket, token) = bench.node().await?;
        nodes.push(socket);
        tokens.push(token);
    }
    let listening: Vec<JoinHandle<()>> = bench.listen(listeners).await?;
    bench.quiet().await?;
    println!("{listeners} connections listen, {count} nodes are online");

    bench
        .unseen(&tokens[0])
        .await
        .context("connections that nobody sees")?;
    bench
        .seen(&mut nodes, &tokens, listeners as u64)
        .await
        .context("nodes that come and go")?;

    let before = bench.cpu()?;
    let started = Instant::now();
    for task in &listening {
        task.abort();
    }
    drop(nodes);
    while bench.open_files()? > fds {
        ensure!(started.elapsed() < DEADLINE, "connections stay");
        sleep(Duration::from_millis(10)).await;
    }
    let spent = bench.cpu()? - before;
    println!(
        "everyone leaves at once: {} ms of CPU, over in {} ms",
        spent / 1_000_000,
        started.elapsed().as_millis()
    );
    Ok(())
}

impl Bench {
    /// Second connections of a node, which change nothing that is shown.
    async fn unseen(&self, token: &Value) -> anyhow::Result<()> {
        let times = TIMES * 10;
        let (mut sockets, messages) = (Vec::new(), self.heard.messages.load(Relaxed));
        let before = self.cpu()?;
        for _ in 0..times {
            let mut socket = self.connect().await?;
            log_in(&mut socket, "node.to.instance", token).await?;
            sockets.push(socket);
        }
        let came = self.cpu()?;
        for mut socket in sockets {
            socket.close(None).await?;
            // Until the server has closed as well.
            while let Some(Ok(_)) = socket.next().await {}
        }
        let went = self.cpu()?;
        self.quiet().await?;
        ensure!(
            self.heard.messages.load(Relaxed) == messages,
            "nobody should have heard of it"
        );
        println!(
            "a second connection of a node: {} us of CPU for its handshake and login, {} us for its end; nobody hears of it",
            (came - before) / u64::from(times) / 1000,
            (went - came) / u64::from(times) / 1000
        );
        Ok(())
    }

    /// Nodes that leave and come back, one at a time.
    async fn seen(
        &self,
        nodes: &mut [Socket],
        tokens: &[Value],
        listeners: u64,
    ) -> anyhow::Result<()> {
        let (mut left, mut joined) = (0, 0);
        let bytes = self.heard.bytes.load(Relaxed);
        for turn in 0..TIMES as usize {
            let at = turn % nodes.len();
            let before = self.cpu()?;
            let told = self.heard.messages.load(Relaxed) + listeners;
            nodes[at].close(None).await?;
            self.until(told).await?;
            left += self.cpu()? - before;

            let before = self.cpu()?;
            let told = told + listeners;
            nodes[at] = self.connect().await?;
            log_in(&mut nodes[at], "node.to.instance", &tokens[at]).await?;
            self.until(told).await?;
            joined += self.cpu()? - before;
        }
        let bytes = self.heard.bytes.load(Relaxed) - bytes;
        println!(
            "a node leaves, and all hear of it: {} us of CPU; a node comes: {} us; each {listeners} messages, {} bytes",
            left / u64::from(TIMES) / 1000,
            joined / u64::from(TIMES) / 1000,
            bytes / u64::from(2 * TIMES)
        );
        Ok(())
    }

    /// Waits until so many messages have been heard, and then until the server rests.
    async fn until(&self, messages: u64) -> anyhow::Result<()> {
        let started = Instant::now();
        while self.heard.messages.load(Relaxed) < messages {
            ensure!(started.elapsed() < DEADLINE, "not all were told");
            sleep(Duration::from_millis(5)).await;
        }
        ensure!(
            self.heard.messages.load(Relaxed) == messages,
            "some were told twice"
        );
        self.quiet().await
    }

    /// Waits until the server does nothing.
    async fn quiet(&self) -> anyhow::Result<()> {
        let started = Instant::now();
        let mut before = self.cpu()?;
        loop {
            sleep(Duration::from_millis(300)).await;
            let now = self.cpu()?;
            if now - before < 3_000_000 {
                return Ok(());
            }
            before = now;
            ensure!(started.elapsed() < DEADLINE, "the server does not rest");
        }
    }

    async fn listen(&self, count: usize) -> anyhow::Result<Vec<JoinHandle<()>>> {
        let sockets: Vec<_> = stream::iter(0..count)
            .map(async |_| {
                let mut socket = self.connect().await?;
                let request = json!({"action": "updateNodeList"});
                ask(&mut socket, "client.to.instance", request).await?;
                Ok::<_, anyhow::Error>(socket)
            })
            .buffer_unordered(64)
            .collect()
            .await;
        let tasks = sockets.into_iter().map(|socket| {
            let heard = Arc::clone(&self.heard);
            Ok(tokio::spawn(hear(socket?, heard)))
        });
        tasks.collect()
    }

    async fn node(&self) -> anyhow::Result<(Socket, Value)> {
        let mut socket = self.connect().await?;
        let information = json!({"name": "Forno della Piazza", "location": "Ravenna"});
        let parameters = json!({"hash": HASH, "information": information});
        let request = json!({"action": "register", "parameters": parameters});
        let registered = ask(&mut socket, "node.to.instance", request).await?;
        let token = registered["parameters"]["token"].clone();
        log_in(&mut socket, "node.to.instance", &token).await?;
        Ok((socket, token))
    }

    async fn connect(&self) -> anyhow::Result<Socket> {
        let address = &self.address;
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
        Ok(socket)
    }

    /// The CPU time of the server's threads, in nanoseconds.
    fn cpu(&self) -> anyhow::Result<u64> {
        let mut sum = 0;
        for task in fs::read_dir(format!("/proc/{}/task", self.process))? {
            let text = fs::read_to_string(task?.path().join("schedstat"))?;
            let spent = text.split_whitespace().next().context("no schedstat")?;
            sum += spent.parse::<u64>()?;
        }
        Ok(sum)
    }

    fn open_files(&self) -> anyhow::Result<usize> {
        Ok(fs::read_dir(format!("/proc/{}/fd", self.process))?.count())
    }
}

/// Counts what a connection hears, and answers its pings.
async fn hear(mut socket: Socket, heard: Arc<Heard>) {
    while let Some(Ok(message)) = socket.next().await {
        let Message::Text(text) = message else {
            continue;
        };
        if text.as_str() == "2" {
            // Whoever cannot answer any more hears nothing more either.
            let _ = socket.send(Message::text("3")).await;
        } else {
            heard.messages.fetch_add(1, Relaxed);
            heard.bytes.fetch_add(text.len() as u64, Relaxed);
        }
    }
}

async fn log_in(socket: &mut Socket, channel: &str, token: &Value) -> anyhow::Result<()> {
    let request = json!({"action": "login", "parameters": {"token": token}});
    let logged = ask(socket, channel, request).await?;
    ensure!(logged["action"] == "logged", "{logged}");
    Ok(())
}

async fn ask(socket: &mut Socket, channel: &str, request: Value) -> anyhow::Result<Value> {
    let event = format!("420[\"{channel}\",{request}]");
    socket.send(Message::text(event)).await?;
    let answer = receive(socket, "430").await?;
    let args: Vec<Value> = serde_json::from_str(&answer["430".len()..])?;
    let answer = args.into_iter().next();
    answer.context("an acknowledgement has an argument")
}

/// The next message that begins so; pings in between are answered.
async fn receive(socket: &mut Socket, prefix: &str) -> anyhow::Result<String> {
    loop {
        let message = timeout(DEADLINE, socket.next()).await?;
        match message.context("the server closed the connection")?? {
            Message::Text(text) if text.starts_with(prefix) => return Ok(text.to_string()),
            Message::Text(text) if text.as_str() == "2" => socket.send(Message::text("3")).await?,
            Message::Text(_) => {}
            other => bail!("got {other} instead of {prefix}"),
        }
    }
}
