//! What presence costs: nodes come and go, one at a time, while many connections hear of it.
//!
//! A change counts as done when everybody has heard of it and the server rests. Memory and bytes
//! are those of the changes alone.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use anyhow::{Context, ensure};
use nile_protocol::{channel::Channel, party::PartyKind};
use tokio::{
    task::JoinHandle,
    time::{Instant, sleep},
};

use super::messages::as_figure;
use crate::{
    bench::{Bench, Outcome, Part, each},
    client::{Client, PATIENCE, Traffic},
    failure::Failure,
    measure::Process,
    progress::Progress,
    requests::Registered,
    tally::Tally,
    wire::{Heard, Request},
};

/// Nodes where nothing else is said.
const NODES: usize = 20;
/// How many connections come and go that change nothing.
const UNSEEN: u32 = 200;
/// How long a server has to do next to nothing before it is taken to rest.
const REST: Duration = Duration::from_millis(300);
const NEXT_TO_NOTHING: Duration = Duration::from_millis(3);

/// What the listening connections have heard.
#[derive(Default)]
struct Listening {
    messages: AtomicU64,
    bytes: AtomicU64,
}

struct Town<'a> {
    bench: &'a Bench,
    process: Process,
    listening: Arc<Listening>,
    listeners: u64,
}

/// Has nodes come and go, and then all leave.
pub(super) async fn presence(bench: &Bench) -> anyhow::Result<Outcome> {
    let process = bench
        .process
        .context("`presence` measures CPU time, and needs --pid")?;
    let nodes = bench
        .register(PartyKind::Node, bench.nodes.unwrap_or(NODES))
        .await?;
    let town = Town {
        bench,
        process,
        listening: Arc::default(),
        listeners: bench.connections as u64,
    };
    town.rests().await?;
    let files = process.open_files()?;
    let online = each(&nodes, |node| town.open(node)).await?;
    let tasks = town.listen().await?;
    town.rests().await?;

    let [come, go] = town
        .unseen(&nodes[0])
        .await
        .context("connections that nobody sees")?;
    let outcome = town
        .seen(online, &nodes)
        .await
        .context("nodes that come and go")?;
    let [cpu, seconds] = town.leave(tasks, files).await?;
    Ok(outcome
        .with("unseen_login_us", come)
        .with("unseen_end_us", go)
        .with("all_leave_cpu_ms", cpu)
        .with("all_leave_seconds", seconds))
}

impl Town<'_> {
    /// A node that is online.
    async fn open(&self, node: &Registered) -> Result<Client, Failure> {
        let mut client = Client::connect(self.bench.preparing()).await?;
        client.log_in(PartyKind::Node, &node.token).await?;
        Ok(client)
    }

    /// Connections that hear of every change.
    async fn listen(&self) -> anyhow::Result<Vec<JoinHandle<Result<(), Failure>>>> {
        let clients = each(0..self.bench.connections, async |_| {
            let mut client = Client::connect(self.bench.target).await?;
            let request = Request {
                channel: Channel::ToInstance {
                    from: PartyKind::Client,
                },
                action: "updateNodeList",
                body: r#"{"action":"updateNodeList","id":1}"#,
            };
            client.ask(request, "updateOnlineNodes").await?;
            Ok(client)
        });
        let listen = |client| tokio::spawn(hear(client, Arc::clone(&self.listening)));
        Ok(clients.await?.into_iter().map(listen).collect())
    }

    /// Second connections of a node, which change nothing that is shown: microseconds of CPU for the
    /// beginning and for the end of each.
    async fn unseen(&self, node: &Registered) -> anyhow::Result<[f64; 2]> {
        let messages = self.listening.messages.load(Relaxed);
        let before = self.process.sample()?;
        let clients = each(0..UNSEEN, |_| self.open(node)).await?;
        let between = self.process.sample()?;
        each(clients, Client::close).await?;
        let after = self.process.sample()?;
        self.rests().await?;
        let heard = self.listening.messages.load(Relaxed) - messages;
        ensure!(heard == 0, "nobody should have heard of it");
        let spent = [between.since(&before), after.since(&between)];
        Ok(spent.map(|spent| spent.as_secs_f64() * 1e6 / f64::from(UNSEEN)))
    }

    /// Nodes that leave and come back, one at a time. Both together are one of the scenario's count.
    async fn seen(&self, online: Vec<Client>, nodes: &[Registered]) -> anyhow::Result<Outcome> {
        let (tally, progress) = (Tally::default(), Progress::new("changes"));
        let (mut left, mut joined) = (Duration::ZERO, Duration::ZERO);
        let mut online: Vec<_> = online.into_iter().map(Some).collect();
        let bytes = self.listening.bytes.load(Relaxed);
        let part = Part::begin(Some(self.process))?;
        for turn in 0..self.bench.count {
            let at = usize::try_from(turn)? % nodes.len();
            if let Some(client) = online[at].take() {
                left += self.change(&tally, async { client.close().await }).await?.1;
            }
            let (client, spent) = self.change(&tally, self.open(&nodes[at])).await?;
            online[at] = Some(client);
            joined += spent;
            progress.show(turn, self.bench.count);
        }
        let received = self.listening.bytes.load(Relaxed) - bytes;
        tally.carry(Traffic { received, sent: 0 });
        let outcome = part.end(&tally, 2 * self.bench.count)?;
        let times = as_figure(self.bench.count);
        let each = |spent: Duration| spent.as_secs_f64() * 1e6 / times;
        Ok(outcome
            .with("node_leaves_cpu_us", each(left))
            .with("node_comes_cpu_us", each(joined))
            .with("bytes_a_change", as_figure(received) / (2.0 * times)))
    }

    /// Makes a change, and waits until all have heard of it: what it gave, and the server's CPU time.
    async fn change<T>(
        &self,
        tally: &Tally,
        change: impl Future<Output = Result<T, Failure>>,
    ) -> anyhow::Result<(T, Duration)> {
        let before = self.process.sample()?;
        let told = self.listening.messages.load(Relaxed) + self.listeners;
        let begun = Instant::now();
        let made = change.await?;
        while self.listening.messages.load(Relaxed) < told {
            ensure!(begun.elapsed() < PATIENCE, "not all were told");
            sleep(Duration::from_millis(1)).await;
        }
        tally.complete(begun.elapsed(), 1);
        self.rests().await?;
        ensure!(
            self.listening.messages.load(Relaxed) == told,
            "some were told twice"
        );
        Ok((made, self.process.sample()?.since(&before)))
    }

    /// Everybody leaves at once: milliseconds of CPU, and seconds until the server has noticed.
    async fn leave(
        &self,
        tasks: Vec<JoinHandle<Result<(), Failure>>>,
        files: usize,
    ) -> anyhow::Result<[f64; 2]> {
        let (before, begun) = (self.process.sample()?, Instant::now());
        for task in tasks {
            task.abort();
        }
        while self.process.open_files()? > files {
            ensure!(begun.elapsed() < PATIENCE, "connections stay");
            sleep(Duration::from_millis(10)).await;
        }
        let (spent, elapsed) = (self.process.sample()?.since(&before), begun.elapsed());
        Ok([spent.as_secs_f64() * 1e3, elapsed.as_secs_f64()])
    }

    /// Waits until the server does nothing.
    async fn rests(&self) -> anyhow::Result<()> {
        let begun = Instant::now();
        let mut before = self.process.sample()?;
        loop {
            sleep(REST).await;
            let now = self.process.sample()?;
            if now.since(&before) < NEXT_TO_NOTHING {
                return Ok(());
            }
            before = now;
            ensure!(begun.elapsed() < PATIENCE, "the server does not rest");
        }
    }
}

/// Counts what a connection hears.
async fn hear(mut client: Client, listening: Arc<Listening>) -> Result<(), Failure> {
    loop {
        if let Heard::Event(_) = client.receive().await? {
            listening.messages.fetch_add(1, Relaxed);
        }
        let heard = client.take_traffic().received;
        listening.bytes.fetch_add(heard, Relaxed);
    }
}
