//! All clients come back at once, as after a restart: each connects, logs in, and finds the message
//! that waits for it. Everybody has waited since the beginning, so the longest latency is the time
//! until all are back.

use std::{
    mem,
    sync::{Arc, Mutex, PoisonError},
};

use nile_protocol::{channel::Channel, party::PartyKind};
use tokio::time::Instant;

use super::{
    drain::{Page, Row},
    messages::as_figure,
};
use crate::{
    bench::{Bench, Outcome, Part},
    client::Client,
    failure::Failure,
    jobs,
    load::Requests,
    requests::{Registered, Tokens, put},
    schedule::Schedule,
    tally::Tally,
    wire::{Body, Request},
};

/// Clients for each node that has written to them. The node keeps what they wrote until it answers.
const EACH: usize = 500;

/// Brings a message on its way to each of so many clients, and has them all come back.
pub(super) async fn reconnect(bench: &Bench) -> anyhow::Result<Outcome> {
    let parties = bench.connections;
    let tokens = Tokens::new(bench.clients(parties).await?);
    leave_messages(bench, &tokens).await?;

    let (tally, connecting) = (Tally::default(), Tally::default());
    let held = Mutex::new(Vec::new());
    let part = Part::begin(bench.process)?;
    let schedule = Schedule::new(0..bench.count, Some(f64::INFINITY));
    let job = async |number: u64, since: Instant| {
        let begun = Instant::now();
        let token = tokens.at(usize::try_from(number).unwrap_or_default());
        let (mut client, waiting) = come_back(bench, token).await?;
        if waiting == 0 {
            return Err(Failure::Unexpected("no message waits".to_owned()));
        }
        connecting.complete(begun.elapsed(), 1);
        tally.complete(since.elapsed(), 1);
        tally.carry(client.take_traffic());
        held.lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(client);
        Ok(())
    };
    jobs::run(
        bench.at_once,
        &schedule,
        (&tally, bench.count, "clients"),
        job,
    )
    .await;
    let outcome = part.end(&tally, bench.count)?;
    let each = connecting.counts().latency;
    Ok(outcome
        .with("at_once", as_figure(bench.at_once as u64))
        .with("each_p50_ms", each.quantile_ms(0.5))
        .with("each_p99_ms", each.quantile_ms(0.99)))
}

async fn come_back(bench: &Bench, token: &str) -> Result<(Client, usize), Failure> {
    let mut client = Client::connect(bench.target).await?;
    let body = format!(r#"{{"action":"login","parameters":{{"token":"{token}"}}}}"#);
    let request = Request {
        channel: Channel::ToInstance {
            from: PartyKind::Client,
        },
        action: "login",
        body: &body,
    };
    let page: Page = client.ask(request, "logged").await?.parameters()?;
    Ok((client, page.queue.len()))
}

/// Each client writes to a node, which answers: a node writes only to those that have written to it.
async fn leave_messages(bench: &Bench, tokens: &Tokens) -> anyhow::Result<()> {
    let parties = bench.connections;
    let nodes = bench
        .register(PartyKind::Node, parties.div_ceil(EACH))
        .await?;
    let asked = Arc::new(Asked {
        clients: tokens.clone(),
        nodes: nodes.clone(),
        stored: Mutex::default(),
    });
    bench
        .prepare("messages", parties as u64, Arc::clone(&asked))
        .await?;
    let stored = mem::take(&mut *asked.stored.lock().unwrap_or_else(PoisonError::into_inner));
    let count = stored.len() as u64;
    bench
        .prepare("answers", count, Arc::new(Answers { nodes, stored }))
        .await
}

/// One message of each client to some node.
struct Asked {
    clients: Tokens,
    nodes: Vec<Registered>,
    /// The numbers of the messages, and which node each is for.
    stored: Mutex<Vec<(i64, usize)>>,
}

impl Asked {
    /// Which client sends it, and which node it is for.
    fn parties(&self, number: u64) -> [usize; 2] {
        let client = usize::try_from(number).unwrap_or_default();
        [client, client % self.nodes.len()]
    }
}

impl Requests for Asked {
    fn channel(&self) -> Channel {
        Channel::ToInstance {
            from: PartyKind::Client,
        }
    }

    fn words(&self) -> [&'static str; 2] {
        ["queue", "queued"]
    }

    fn write(&self, number: u64, body: &mut String) {
        let [client, node] = self.parties(number);
        let (token, node) = (self.clients.at(client), self.nodes[node].id);
        put(
            body,
            format_args!(
                r#"{{"action":"queue","parameters":{{"apples":3}},"recipient":{node},"token":"{token}"}}"#
            ),
        );
    }

    fn answered(&self, number: u64, body: Body<'_>) -> Result<(), Failure> {
        let Row { queue_id } = body.parameters()?;
        let [_, node] = self.parties(number);
        let mut stored = self.stored.lock().unwrap_or_else(PoisonError::into_inner);
        stored.push((queue_id, node));
        Ok(())
    }
}

/// The nodes' answers to them.
struct Answers {
    nodes: Vec<Registered>,
    stored: Vec<(i64, usize)>,
}

impl Requests for Answers {
    fn channel(&self) -> Channel {
        Channel::ToInstance {
            from: PartyKind::Node,
        }
    }

    fn words(&self) -> [&'static str; 2] {
        ["queue", "queued"]
    }

    fn write(&self, number: u64, body: &mut String) {
        let (queue_id, node) = self.stored[usize::try_from(number).unwrap_or_default()];
        let token = &self.nodes[node].token;
        put(
            body,
            format_args!(
                r#"{{"action":"queue","parameters":{{"total":"4.50"}},"queue_id":{queue_id},"token":"{token}"}}"#
            ),
        );
    }
}
