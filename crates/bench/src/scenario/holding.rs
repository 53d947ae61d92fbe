//! Connections that are logged in and stay: what they cost in memory, and in CPU time while they are idle.

use std::{sync::Mutex, time::Duration};

use anyhow::{Context, ensure};
use nile_protocol::{channel::Channel, party::PartyKind};
use tokio::{
    task::JoinSet,
    time::{Instant, interval, sleep},
};

use super::messages::as_figure;
use crate::{
    bench::{Bench, Outcome, Part, each},
    client::Client,
    failure::Failure,
    jobs,
    requests::{Register, Registered, Tokens},
    schedule::Schedule,
    tally::Tally,
    wire::{Dialect, Request, Target, Transport},
};

/// The largest message that servers take by default, less what surrounds it.
const LARGE: usize = 64 * 1024 - 256;
/// Nodes whose information, all together, makes an answer as large as that.
const LARGE_NODES: usize = 20;
const LARGE_INFORMATION: usize = 3_100;

/// How often a client with Engine.IO 3 says that it lives.
const HEARTBEAT: Duration = Duration::from_secs(20);

const TO_INSTANCE: Channel = Channel::ToInstance {
    from: PartyKind::Client,
};

/// Makes as many connections as are to be held, and logs each in as another client.
async fn establish(bench: &Bench) -> anyhow::Result<(Outcome, Vec<Client>)> {
    let tokens = match bench.target.dialect {
        Dialect::Echo => None,
        Dialect::Nile | Dialect::PlainAck => {
            Some(Tokens::new(bench.clients(bench.connections).await?))
        }
    };
    let (tally, held) = (Tally::default(), Mutex::new(Vec::new()));
    let part = Part::begin(bench.process)?;
    let schedule = Schedule::new(0..bench.count, bench.rate);
    let job = async |number: u64, since: Instant| {
        let mut client = Client::connect(bench.target).await?;
        if let Some(tokens) = &tokens {
            let token = tokens.at(usize::try_from(number).unwrap_or_default());
            client.log_in(PartyKind::Client, token).await?;
        }
        tally.complete(since.elapsed(), 1);
        tally.carry(client.take_traffic());
        held.lock().expect("nothing panics meanwhile").push(client);
        Ok(())
    };
    jobs::run(
        bench.at_once,
        &schedule,
        (&tally, bench.count, "connections"),
        job,
    )
    .await;
    let outcome = part.end(&tally, bench.count)?;
    Ok((
        outcome,
        held.into_inner().expect("nothing panics meanwhile"),
    ))
}

/// Memory: fresh, after a ping, after a large message each, and after a large answer each.
pub(super) async fn hold(bench: &Bench) -> anyhow::Result<Outcome> {
    let process = bench
        .process
        .context("`hold` measures memory, and needs --pid")?;
    let (mut outcome, mut clients) = establish(bench).await?;
    let empty = outcome.resident_before.unwrap_or_default();
    let held = clients.len().max(1) as u64;
    let mut note = |name: &str| -> anyhow::Result<()> {
        let bytes = process.sample()?.resident.saturating_sub(empty) / held;
        outcome.extra.insert(name.to_owned(), as_figure(bytes));
        Ok(())
    };
    note("bytes_each")?;
    clients = ask_all(clients, r#"{"action":"ping"}"#, "pinged").await?;
    note("bytes_each_pinged")?;
    let filling = "x".repeat(LARGE);
    let large = format!(r#"{{"action":"ping","parameters":{{"x":"{filling}"}}}}"#);
    clients = ask_all(clients, &large, "pinged").await?;
    note("bytes_each_sent_64k")?;
    if bench.target.dialect == Dialect::Nile {
        let nodes = large_nodes(bench).await?;
        // With an id, so that it is not taken for a change that is told unasked.
        let ask = r#"{"action":"updateNodeList","id":1}"#;
        clients = ask_all(clients, ask, "updateOnlineNodes").await?;
        note("bytes_each_got_64k")?;
        drop(nodes);
    }
    drop(clients);
    Ok(outcome)
}

/// Nodes that are online, and whose list is as large as a message may be.
async fn large_nodes(bench: &Bench) -> anyhow::Result<Vec<Client>> {
    let register = Register::new(PartyKind::Node).with_more(LARGE_INFORMATION);
    let nodes = bench.register_by(register, LARGE_NODES).await?;
    let online = each(nodes, async |node: Registered| {
        let mut client = Client::connect(bench.preparing()).await?;
        client.log_in(PartyKind::Node, &node.token).await?;
        Ok(client)
    });
    Ok(online.await?)
}

/// Has every client ask the same.
async fn ask_all(clients: Vec<Client>, body: &str, reply: &str) -> Result<Vec<Client>, Failure> {
    each(clients, async |mut client: Client| {
        let (channel, action) = (TO_INSTANCE, "ping");
        let request = Request {
            channel,
            action,
            body,
        };
        client.ask(request, reply).await?;
        Ok(client)
    })
    .await
}

/// CPU time of connections of which nobody asks anything. They answer heartbeats.
pub(super) async fn idle(bench: &Bench) -> anyhow::Result<Outcome> {
    let process = bench
        .process
        .context("`idle` measures CPU time, and needs --pid")?;
    let (outcome, clients) = establish(bench).await?;
    let mut attending = JoinSet::new();
    for client in clients {
        attending.spawn(attend(client, bench.target));
    }
    // What the logins left to do is not part of it.
    sleep(Duration::from_secs(1)).await;
    let (before, begun) = (process.sample()?, Instant::now());
    sleep(Duration::from_secs(bench.seconds)).await;
    let (spent, elapsed) = (process.sample()?.since(&before), begun.elapsed());
    ensure!(
        attending.try_join_next().is_none(),
        "connections did not last"
    );
    Ok(outcome.with("idle_seconds", elapsed.as_secs_f64()).with(
        "idle_cpu_percent",
        100.0 * spent.as_secs_f64() / elapsed.as_secs_f64(),
    ))
}

/// Hears whatever comes, and keeps the connection alive, until it ends.
async fn attend(mut client: Client, target: Target) -> Result<(), Failure> {
    let mut heartbeat = interval(HEARTBEAT);
    loop {
        tokio::select! {
            heard = client.receive() => {
                heard?;
            }
            _ = heartbeat.tick(), if target.transport == Transport::Socketio3 => {
                client.ping();
                client.flush().await?;
            }
        }
    }
}
