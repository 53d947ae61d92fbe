//! Messages from clients to nodes: stored, answered, and pushed where the node is online.
//!
//! A message says when it was sent, so that the node's side can tell how long it was under way;
//! both sides are in this process and have one clock.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use anyhow::ensure;
use nile_protocol::{channel::Channel, party::PartyKind};
use tokio::{
    sync::watch,
    task::JoinSet,
    time::{Instant, timeout},
};

use crate::{
    bench::{Bench, Outcome, each},
    client::{Client, PATIENCE},
    failure::Failure,
    load::Requests,
    requests::{Registered, Tokens, put},
    tally::Tally,
    wire::{Body, Event, Heard, Transport},
};

/// Nodes that are online where nothing else is said.
const NODES: usize = 20;
/// Messages for each node that is not. An instance keeps a thousand, and a hundred of one sender.
const EACH: u64 = 500;
const FROM_EACH_SENDER: u64 = 50;

/// A number that shares no factor with any number of nodes.
const SPREAD: u64 = 2_654_435_761;

/// Orders of some clients from some nodes, the same number from each.
#[derive(Debug)]
pub(super) struct Orders {
    nodes: Vec<i64>,
    /// Whose tokens prove who sends. Without them the connections are logged in.
    senders: Option<Tokens>,
    epoch: Instant,
    /// Orders that were not pushed at once.
    queued: AtomicU64,
}

impl Orders {
    pub(super) fn new(nodes: &[Registered], senders: Option<Tokens>) -> Self {
        let nodes: Vec<_> = nodes.iter().map(|node| node.id).collect();
        let (epoch, queued) = (Instant::now(), AtomicU64::new(0));
        Self {
            nodes,
            senders,
            epoch,
            queued,
        }
    }
}

impl Requests for Orders {
    fn channel(&self) -> Channel {
        Channel::ToParty {
            from: PartyKind::Client,
        }
    }

    fn words(&self) -> [&'static str; 2] {
        ["order", "forwarded"]
    }

    fn write(&self, number: u64, body: &mut String) {
        let all = self.nodes.len() as u64;
        let at = usize::try_from(number.wrapping_mul(SPREAD) % all).expect("it is an index");
        let sent = self.epoch.elapsed().as_nanos();
        put(
            body,
            format_args!(
                r#"{{"action":"order","parameters":{{"apples":3,"sent":{sent}}},"recipient":{}"#,
                self.nodes[at]
            ),
        );
        if let Some(senders) = &self.senders {
            // The next sender when every node has had one.
            let sender = senders.at(usize::try_from(number / all).unwrap_or_default());
            put(body, format_args!(r#","token":"{sender}""#));
        }
        body.push('}');
    }

    fn answered(&self, _number: u64, body: Body<'_>) -> Result<(), Failure> {
        let (Body::Whole(text) | Body::Parameters(_, text)) = body else {
            return Ok(());
        };
        if text.contains(r#""type":"queue""#) {
            self.queued.fetch_add(1, Relaxed);
        }
        Ok(())
    }
}

/// When a message was sent, after the epoch.
fn sent(body: &str) -> Option<Duration> {
    let (_, rest) = body.split_once(r#""sent":"#)?;
    let digits = rest.split(|it: char| !it.is_ascii_digit()).next()?;
    digits.parse().ok().map(Duration::from_nanos)
}

/// To nodes that are online, and acknowledge every push by its callback.
pub(super) async fn online(bench: &Bench) -> anyhow::Result<Outcome> {
    let nodes = bench
        .register(PartyKind::Node, bench.nodes.unwrap_or(NODES))
        .await?;
    let (clients, senders) = senders(bench).await?;
    let orders = Arc::new(Orders::new(&nodes, senders));
    let heard = Arc::new(Tally::default());
    let (count, all) = watch::channel(0_u64);
    let count = Arc::new(count);
    let mut shops = JoinSet::new();
    for node in &nodes {
        let mut client = Client::connect(bench.preparing()).await?;
        client.log_in(PartyKind::Node, &node.token).await?;
        let (epoch, pushes) = (orders.epoch, (Arc::clone(&heard), Arc::clone(&count)));
        shops.spawn(serve(client, epoch, bench.warmup, pushes));
    }

    let (part, tally, _clients) = bench.load(clients, Arc::clone(&orders)).await?;
    let answered = tally.counts().completed + bench.warmup;
    let delivered = delivered(all, answered).await;
    let outcome = part.end(&tally, bench.count)?;
    ensure!(
        delivered,
        "{} of {answered} messages were pushed",
        *count.borrow()
    );
    shops.abort_all();

    let pushes = heard.counts().latency;
    Ok(outcome
        .with("push_p50_ms", pushes.quantile_ms(0.5))
        .with("push_p99_ms", pushes.quantile_ms(0.99))
        .with("push_max_ms", pushes.max_ms())
        .with("not_pushed_at_once", as_figure(orders.queued.load(Relaxed))))
}

#[expect(clippy::cast_precision_loss, reason = "no run has 2^53 messages")]
pub(super) const fn as_figure(count: u64) -> f64 {
    count as f64
}

/// Waits until so many pushes were heard; whether they were.
async fn delivered(mut heard: watch::Receiver<u64>, count: u64) -> bool {
    let all = heard.wait_for(|heard| *heard >= count);
    timeout(PATIENCE, all).await.is_ok_and(|all| all.is_ok())
}

/// A node's side: hears orders, and says that it has them.
async fn serve(
    mut client: Client,
    epoch: Instant,
    warmup: u64,
    (latencies, count): (Arc<Tally>, Arc<watch::Sender<u64>>),
) -> Result<(), Failure> {
    loop {
        let mut orders = 0;
        let mut heard = Some(client.receive().await?);
        // All that has come together is answered together.
        while let Some(message) = heard {
            if let Heard::Event(Event {
                name: "client.to.node",
                number: Some(number),
                body,
            }) = message
            {
                let sent = sent(body).ok_or_else(|| Failure::unexpected(body))?;
                if *count.borrow() + orders >= warmup {
                    latencies.complete(epoch.elapsed().saturating_sub(sent), 1);
                }
                client.acknowledge(number);
                orders += 1;
            }
            heard = client.received()?;
        }
        client.flush().await?;
        count.send_modify(|count| *count += orders);
    }
}

/// To nodes that are not online; what they are sent stays.
pub(super) async fn offline(bench: &Bench) -> anyhow::Result<Outcome> {
    let all = bench.warmup + bench.count;
    let senders_at_least = bench.connections as u64;
    let nodes = all
        .div_ceil(EACH)
        .max(all.div_ceil(FROM_EACH_SENDER * senders_at_least));
    let nodes = bench.nodes.unwrap_or(usize::try_from(nodes)?.max(NODES));
    let nodes = bench.register(PartyKind::Node, nodes).await?;
    let (clients, senders) = senders(bench).await?;
    let orders = Arc::new(Orders::new(&nodes, senders));
    let (outcome, _clients) = bench.measure(clients, orders).await?;
    Ok(outcome)
}

/// Connections of senders, each logged in as another client. Over HTTP, which has no login, the tokens.
async fn senders(bench: &Bench) -> anyhow::Result<(Vec<Client>, Option<Tokens>)> {
    let connections = bench.connections;
    let tokens = bench.clients(connections).await?;
    let clients = bench.connect(connections).await?;
    if bench.target.transport == Transport::Http {
        return Ok((clients, Some(Tokens::new(tokens))));
    }
    let logins = clients.into_iter().zip(&tokens);
    let clients = each(logins, async |(mut client, token)| {
        client.log_in(PartyKind::Client, token).await?;
        Ok(client)
    });
    Ok((clients.await?, None))
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    #[test]
    fn every_node_gets_as_many_messages_and_no_sender_too_many_for_one() {
        let node = |id| Registered {
            token: "".into(),
            id,
        };
        let nodes: Vec<_> = (1..=7).map(node).collect();
        let senders = Tokens::new((0..10).map(|n| format!("t{n}").into()).collect());
        let orders = Orders::new(&nodes, Some(senders));
        let (mut per_node, mut per_pair) = (HashMap::new(), HashMap::new());
        for number in 0..7 * 500 {
            let mut body = String::new();
            orders.write(number, &mut body);
            let body: serde_json::Value = serde_json::from_str(&body).unwrap();
            let [node, token] = [&body["recipient"], &body["token"]].map(ToString::to_string);
            *per_pair.entry((node.clone(), token)).or_insert(0) += 1;
            *per_node.entry(node).or_insert(0) += 1;
        }
        assert_eq!(per_node.len(), 7);
        assert!(per_node.values().all(|count| *count == 500), "{per_node:?}");
        assert!(per_pair.values().all(|count| *count == 50), "{per_pair:?}");
    }

    #[test]
    fn a_message_says_when_it_was_sent() {
        let body = r#"{"sender":1,"content":{"parameters":{"apples":3,"sent":1234567}}}"#;
        assert_eq!(sent(body), Some(Duration::from_nanos(1_234_567)));
        assert_eq!(sent("{}"), None);
    }
}
