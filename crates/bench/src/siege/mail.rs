//! Nodes that are online and read nothing, while honest clients write to them: nothing of it is lost.

use std::{collections::BTreeSet, net::Ipv4Addr, time::Duration};

use anyhow::ensure;
use nile_protocol::{channel::Channel, party::PartyKind};
use serde::Deserialize;
use tokio::time::{Instant, sleep};

use super::stranger::Stranger;
use crate::{
    client::Client,
    failure::Failure,
    frame::Opcode,
    requests::Registered,
    wire::{Request, Target},
};

/// What is written to each node by each client: fewer than may wait.
const EACH: usize = 50;
/// The length of a message, so that they fill what a connection holds.
const LENGTH: usize = 3000;

/// Where these nodes come from.
const FROM: Ipv4Addr = Ipv4Addr::new(127, 2, 0, 1);

/// Who writes to whom.
pub(super) struct Mail {
    pub(super) target: Target,
    pub(super) clients: Vec<Registered>,
    pub(super) nodes: Vec<Registered>,
}

#[derive(Deserialize)]
struct Page {
    queue: Vec<Row>,
    more: bool,
}

#[derive(Deserialize)]
struct Row {
    queue_id: i64,
    content: String,
}

impl Mail {
    /// Has the clients write to nodes that do not read, in half of the time until then; then the nodes read what
    /// there is. The number of messages.
    pub(super) async fn carry(self, until: Instant) -> anyhow::Result<usize> {
        let mut deaf = Vec::new();
        for node in &self.nodes {
            deaf.push(self.come(node).await?);
        }
        let written = self.write(until).await?;
        drop(deaf);
        let mut found = 0;
        for node in &self.nodes {
            found += self.read(node).await?;
        }
        ensure!(
            found == written,
            "of {written} messages to nodes that did not read, {found} waited for them"
        );
        Ok(found)
    }

    /// A node that logs in, and does not even read the answer.
    async fn come(&self, node: &Registered) -> Result<Stranger, Failure> {
        let mut stranger = Stranger::dial_narrow(FROM, self.target.address).await?;
        stranger.upgrade("/ws").await?;
        let login = format!(
            r#"{{"event":"node.to.instance","body":{{"action":"login","token":"{}"}}}}"#,
            node.token
        );
        stranger.frame(Opcode::Text, login.as_bytes()).await?;
        Ok(stranger)
    }

    async fn write(&self, until: Instant) -> Result<usize, Failure> {
        let all = self.clients.len() * EACH * self.nodes.len();
        let left = until.saturating_duration_since(Instant::now());
        let pause = left / u32::try_from(EACH).unwrap_or(1) / 2;
        let filling = "x".repeat(LENGTH);
        let mut clients = Vec::new();
        for client in &self.clients {
            let mut connection = Client::connect(self.target).await?;
            connection.log_in(PartyKind::Client, &client.token).await?;
            clients.push(connection);
        }
        for number in 0..EACH {
            for (from, client) in clients.iter_mut().enumerate() {
                for node in &self.nodes {
                    let body = format!(
                        r#"{{"action":"queue","parameters":"{number} of {from} {filling}","recipient":{}}}"#,
                        node.id
                    );
                    let request = Request {
                        channel: Channel::ToInstance {
                            from: PartyKind::Client,
                        },
                        action: "queue",
                        body: &body,
                    };
                    client.ask(request, "queued").await?;
                }
            }
            sleep(pause.min(Duration::from_millis(500))).await;
        }
        Ok(all)
    }

    /// How many messages wait for a node; it removes them page by page.
    async fn read(&self, node: &Registered) -> anyhow::Result<usize> {
        let mut connection = Client::connect(self.target).await?;
        let (mut body, mut reply) = (
            format!(r#"{{"action":"login","token":"{}"}}"#, node.token),
            "logged",
        );
        let mut found = BTreeSet::new();
        loop {
            let request = Request {
                channel: Channel::ToInstance {
                    from: PartyKind::Node,
                },
                action: "login",
                body: &body,
            };
            let page: Page = connection.ask(request, reply).await?.parameters()?;
            let ids: Vec<_> = page
                .queue
                .iter()
                .map(|row| row.queue_id.to_string())
                .collect();
            found.extend(page.queue.into_iter().map(|row| row.content));
            if ids.is_empty() && !page.more {
                return Ok(found.len());
            }
            body = format!(
                r#"{{"action":"processQueue","parameters":{{"queue_ids":[{}]}},"token":"{}"}}"#,
                ids.join(","),
                node.token
            );
            reply = "updateQueue";
        }
    }
}
