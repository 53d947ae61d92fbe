//! Nodes that log in and process what waits for them, page by page, until nothing does.
//!
//! What is pushed meanwhile is not acknowledged: it is in the pages, too.

use std::sync::Arc;

use nile_protocol::{channel::Channel, party::PartyKind};
use serde::Deserialize;
use tokio::time::Instant;

use super::messages::Orders;
use crate::{
    bench::{Bench, Outcome, Part},
    client::Client,
    failure::Failure,
    jobs,
    requests::{Registered, Tokens},
    schedule::Schedule,
    tally::Tally,
    wire::Request,
};

/// Messages for each node, of which an instance keeps a thousand, and how many clients send them.
const EACH: u64 = 500;
const SENDERS: usize = 20;

/// The messages of a page.
#[derive(Deserialize)]
pub(super) struct Page {
    pub(super) queue: Vec<Row>,
    pub(super) total: u64,
}

/// One of them; what it says does not matter here.
#[derive(Deserialize)]
pub(super) struct Row {
    pub(super) queue_id: i64,
}

/// Fills queues, and empties them.
pub(super) async fn drain(bench: &Bench) -> anyhow::Result<Outcome> {
    let at_least = usize::try_from(bench.count.div_ceil(EACH))?;
    let nodes = bench.nodes.unwrap_or(at_least.max(bench.connections));
    let nodes = bench.register(PartyKind::Node, nodes).await?;
    let senders = Tokens::new(bench.clients(SENDERS).await?);
    let orders = Arc::new(Orders::new(&nodes, Some(senders)));
    bench.prepare("messages", bench.count, orders).await?;

    let tally = Tally::default();
    let part = Part::begin(bench.process)?;
    let schedule = Schedule::new(0..nodes.len() as u64, None);
    let job = async |number: u64, _| {
        let node = &nodes[usize::try_from(number).unwrap_or_default()];
        empty(bench, node, &tally).await
    };
    jobs::run(
        bench.connections,
        &schedule,
        (&tally, bench.count, "messages"),
        job,
    )
    .await;
    part.end(&tally, bench.count)
}

/// One node's part. The latency of a message is that of the request that processes it.
async fn empty(bench: &Bench, node: &Registered, tally: &Tally) -> Result<(), Failure> {
    let mut client = Client::connect(bench.target).await?;
    let body = format!(r#"{{"action":"login","token":"{}"}}"#, node.token);
    let mut page = ask(&mut client, "login", &body, "logged").await?;
    while !page.queue.is_empty() {
        let ids: Vec<_> = page.queue.iter().map(|row| row.queue_id).collect();
        let body = format!(r#"{{"action":"processQueue","parameters":{{"queue_ids":{ids:?}}}}}"#);
        let (asked, before) = (Instant::now(), page.total);
        page = ask(&mut client, "processQueue", &body, "updateQueue").await?;
        if before.checked_sub(ids.len() as u64) != Some(page.total) {
            return Err(Failure::Unexpected(format!(
                "{} left of {before}",
                page.total
            )));
        }
        tally.complete(asked.elapsed(), ids.len() as u64);
    }
    tally.carry(client.take_traffic());
    client.close().await
}

async fn ask(client: &mut Client, action: &str, body: &str, reply: &str) -> Result<Page, Failure> {
    let from = PartyKind::Node;
    let channel = Channel::ToInstance { from };
    let request = Request {
        channel,
        action,
        body,
    };
    client.ask(request, reply).await?.parameters()
}
