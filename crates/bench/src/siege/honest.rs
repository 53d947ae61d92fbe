//! Those whom the server is for: shoppers that come, ask and send, and shops that answer for what they were sent.
//!
//! **Nobody of them may be refused, cut off or kept waiting, and no message of theirs may be missing.**

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use nile_protocol::{channel::Channel, party::PartyKind};
use serde::Deserialize;
use tokio::{
    task::JoinSet,
    time::{Instant, sleep, timeout},
};

use crate::{
    client::{Client, PATIENCE},
    failure::Failure,
    requests::Registered,
    tally::Latency,
    wire::{Event, Heard, Request, Target},
};

/// Between two rounds of a shopper.
const ROUND: Duration = Duration::from_millis(400);
/// Rounds after which a shopper goes and comes again.
const VISIT: u64 = 10;

const CLIENT_TO_INSTANCE: Channel = Channel::ToInstance {
    from: PartyKind::Client,
};
const CLIENT_TO_NODE: Channel = Channel::ToParty {
    from: PartyKind::Client,
};

/// What they lived through.
#[derive(Debug, Default)]
pub(super) struct Diary {
    /// How long each of these took.
    pub(super) latencies: BTreeMap<&'static str, (u64, Latency)>,
    /// What should not have happened.
    pub(super) failures: BTreeMap<String, u64>,
    /// Messages that were accepted, and those that came.
    accepted: BTreeSet<String>,
    arrived: BTreeSet<String>,
}

/// A diary that all write.
#[derive(Clone, Default)]
pub(super) struct Shared(Arc<Mutex<Diary>>);

impl Shared {
    pub(super) fn open(&self) -> MutexGuard<'_, Diary> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn failed(&self, failure: &Failure) {
        *self.open().failures.entry(failure.to_string()).or_default() += 1;
    }

    fn took(&self, what: &'static str, since: Instant) {
        let mut diary = self.open();
        let (times, latency) = diary.latencies.entry(what).or_default();
        *times += 1;
        latency.record(since.elapsed(), 1);
    }
}

impl Diary {
    /// What of the promise was not kept, where so slow was too slow.
    pub(super) fn broken(&self, slow: Duration) -> Vec<String> {
        let failed = self.failures.iter();
        let mut broken: Vec<_> = failed
            .map(|(failure, times)| format!("honest: {times} times {failure}"))
            .collect();
        for (what, (_, latency)) in &self.latencies {
            let p99 = latency.quantile_ms(0.99);
            if p99 >= slow.as_secs_f64() * 1000.0 {
                broken.push(format!(
                    "honest: {what} took {p99:.0} ms at the 99th percentile"
                ));
            }
        }
        if self.accepted.is_empty() {
            broken.push("honest: no message was sent".to_owned());
        }
        let missing = self.accepted.difference(&self.arrived).count();
        if missing > 0 {
            broken.push(format!("honest: {missing} accepted messages did not come"));
        }
        broken
    }

    fn has_everything(&self) -> bool {
        self.accepted.is_subset(&self.arrived)
    }

    /// How many messages were accepted.
    pub(super) fn accepted(&self) -> usize {
        self.accepted.len()
    }
}

/// The part of a message that says which it is.
#[derive(Deserialize)]
struct Pushed {
    parameters: Order,
}

#[derive(Deserialize)]
struct Order {
    order: String,
}

/// Shoppers and shops.
pub(super) struct People {
    pub(super) clients: Vec<(Target, Registered)>,
    pub(super) nodes: Vec<(Target, Registered)>,
}

impl People {
    /// Has them live their lives until then, and hear what is still under way.
    pub(super) async fn live(self, diary: &Shared, until: Instant) {
        let (mut shops, mut shoppers) = (JoinSet::new(), JoinSet::new());
        let nodes: Arc<[i64]> = self.nodes.iter().map(|(_, node)| node.id).collect();
        for (target, node) in self.nodes {
            shops.spawn(shop(target, node, diary.clone()));
        }
        for (number, (target, client)) in self.clients.into_iter().enumerate() {
            let shopper = Shopper {
                target,
                client,
                number,
                nodes: Arc::clone(&nodes),
                diary: diary.clone(),
            };
            shoppers.spawn(shopper.live(until));
        }
        while shoppers.join_next().await.is_some() {}
        let arrived = async {
            while !diary.open().has_everything() {
                sleep(Duration::from_millis(10)).await;
            }
        };
        // Whatever is missing then is told by the diary.
        let _ = timeout(PATIENCE, arrived).await;
    }
}

/// One that comes, asks and sends.
struct Shopper {
    target: Target,
    client: Registered,
    number: usize,
    nodes: Arc<[i64]>,
    diary: Shared,
}

impl Shopper {
    async fn live(self, until: Instant) {
        let mut round = 0;
        // Not all at the same moment.
        let share = u32::try_from(self.number % 40).unwrap_or_default();
        sleep(ROUND * share / 40).await;
        while Instant::now() < until {
            if let Err(failure) = self.visit(&mut round, until).await {
                self.diary.failed(&failure);
                sleep(ROUND).await;
            }
        }
    }

    async fn visit(&self, round: &mut u64, until: Instant) -> Result<(), Failure> {
        let since = Instant::now();
        let mut client = Client::connect(self.target).await?;
        self.diary.took("connect", since);
        let since = Instant::now();
        client.log_in(PartyKind::Client, &self.client.token).await?;
        self.diary.took("login", since);
        for _ in 0..VISIT {
            if Instant::now() >= until {
                break;
            }
            self.ping(&mut client).await?;
            self.order(&mut client, *round).await?;
            *round += 1;
            sleep(ROUND).await;
        }
        client.close().await
    }

    async fn ping(&self, client: &mut Client) -> Result<(), Failure> {
        let since = Instant::now();
        let request = Request {
            channel: CLIENT_TO_INSTANCE,
            action: "ping",
            body: r#"{"action":"ping"}"#,
        };
        client.ask(request, "pinged").await?;
        self.diary.took("ping", since);
        Ok(())
    }

    async fn order(&self, client: &mut Client, round: u64) -> Result<(), Failure> {
        let order = format!("{} of {}", round, self.number);
        let at = (self.number + usize::try_from(round).unwrap_or_default()) % self.nodes.len();
        let body = format!(
            r#"{{"action":"order","parameters":{{"order":"{order}"}},"recipient":{}}}"#,
            self.nodes[at]
        );
        let since = Instant::now();
        let request = Request {
            channel: CLIENT_TO_NODE,
            action: "order",
            body: &body,
        };
        client.ask(request, "forwarded").await?;
        self.diary.took("message", since);
        self.diary.open().accepted.insert(order);
        Ok(())
    }
}

/// One that hears orders and says that it has them, for ever.
async fn shop(target: Target, node: Registered, diary: Shared) {
    loop {
        if let Err(failure) = serve(target, &node, &diary).await {
            diary.failed(&failure);
        }
        sleep(ROUND).await;
    }
}

async fn serve(target: Target, node: &Registered, diary: &Shared) -> Result<(), Failure> {
    let mut client = Client::connect(target).await?;
    client.log_in(PartyKind::Node, &node.token).await?;
    loop {
        let Heard::Event(Event {
            name: "client.to.node",
            number: Some(number),
            body,
        }) = client.receive().await?
        else {
            continue;
        };
        let pushed: Pushed = serde_json::from_str(body).map_err(|_| Failure::unexpected(body))?;
        diary.open().arrived.insert(pushed.parameters.order);
        client.acknowledge(number);
        client.flush().await?;
    }
}
