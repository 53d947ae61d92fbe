//! Messages for nodes that have them posted to a URL of their own.
//!
//! **What a node does not take stays in its queue**, and is tried again until it expires; a node that takes
//! nothing is asked more and more rarely. One message at a time goes to a node, so that order holds. A node
//! that is online gets its messages there, and none is posted.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use nile_protocol::{
    json::{self, Raw},
    party::{NodeId, PartyId},
    push::Push,
    request::MAX_BODY_DEPTH,
};
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::time::sleep;

use super::{
    Instance,
    delivery::restored,
    follow::{Following, detach},
    proof::report,
};
use crate::{
    courier::{DeliverySecret, Resource},
    error::Fault,
    hub::Card,
    store::{Authority, Limit, ListedNode, NewMessage, Proven, Sent, Waiting},
};

/// What is read to be posted: one message, as its sender may take the next one back meanwhile.
const FIRST: Limit = Limit {
    messages: 1,
    bytes: 0,
};

/// How long a node is left alone after it did not take a message: so long at first, twice as long each time,
/// and so long at most.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_mins(5);

/// The nodes that have their messages posted.
#[derive(Debug, Default)]
pub(super) struct Posts(Mutex<HashMap<NodeId, Post>>);

#[derive(Debug)]
struct Post {
    address: Arc<Address>,
    /// Somebody posts to it.
    busy: bool,
    /// Something came for it since that one last looked.
    missed: bool,
}

/// Where a node's messages are posted, and what they are signed with.
#[derive(Debug)]
pub(super) struct Address {
    pub(super) resource: Resource,
    pub(super) secret: DeliverySecret,
}

/// Why a message has to be tried again.
enum Untaken {
    /// The node did not take it, for this reason.
    Refused(&'static str),
    /// The store did not do its part.
    Fault(Fault),
}

impl Posts {
    pub(super) fn insert(&self, node: NodeId, address: Address) {
        let post = Post {
            address: Arc::new(address),
            busy: false,
            missed: false,
        };
        self.state().insert(node, post);
    }

    pub(super) fn remove(&self, node: NodeId) {
        self.state().remove(&node);
    }

    /// Whether somebody has to begin to post to this node.
    fn begin(&self, node: NodeId) -> bool {
        self.state().get_mut(&node).is_some_and(|post| {
            post.missed = true;
            !std::mem::replace(&mut post.busy, true)
        })
    }

    /// Where to post, for one who is about to look what there is; `None` when the node is gone.
    fn look(&self, node: NodeId) -> Option<Arc<Address>> {
        let mut posts = self.state();
        let post = posts.get_mut(&node)?;
        post.missed = false;
        Some(Arc::clone(&post.address))
    }

    /// Nothing was found; whether it stays so, and nobody posts any more.
    fn end(&self, node: NodeId) -> bool {
        self.state().get_mut(&node).is_none_or(|post| {
            post.busy = post.missed;
            !post.missed
        })
    }

    fn state(&self) -> MutexGuard<'_, HashMap<NodeId, Post>> {
        // Nothing in here can panic halfway through a change.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Instance {
    /// Knows the nodes that registered over HTTP, and posts what waits for them: before anybody is served.
    pub(crate) async fn recall(self: &Arc<Self>) -> Result<(), Fault> {
        for listed in self.store.http_nodes().await? {
            let ListedNode {
                id,
                hash,
                information,
                approved,
                delivery,
                waiting,
                ..
            } = listed;
            self.hub.install(id, Card { hash, information }, approved);
            let Some(delivery) = delivery else { continue };
            match self.courier.resource(&delivery.resource) {
                Ok(resource) => {
                    let secret = DeliverySecret::from_bytes(delivery.secret);
                    self.posts.insert(id, Address { resource, secret });
                }
                Err(reason) => {
                    tracing::warn!(node = id.0, reason, "nothing is posted to a node");
                }
            }
            if waiting > 0 {
                self.post_to(id);
            }
        }
        Ok(())
    }

    /// Something waits for a node: posts it, if that is how the node has it.
    pub(super) fn post_to(self: &Arc<Self>, node: NodeId) {
        if self.posts.begin(node) {
            detach(Arc::clone(self).post_all(node));
        }
    }

    async fn post_all(self: Arc<Self>, node: NodeId) {
        let mut pause = FIRST_PAUSE;
        while let Some(address) = self.posts.look(node) {
            match self.post_one(node, &address).await {
                Ok(true) => pause = FIRST_PAUSE,
                Ok(false) if self.posts.end(node) => return,
                Ok(false) => {}
                Err(untaken) => {
                    match untaken {
                        Untaken::Refused(reason) => {
                            tracing::info!(node = node.0, reason, ?pause, "a node took no message");
                        }
                        Untaken::Fault(fault) => report(&fault),
                    }
                    sleep(varied(pause)).await;
                    pause = LONGEST_PAUSE.min(pause * 2);
                }
            }
        }
    }

    /// Posts the first of what waits for a node. Whether there was anything to post.
    async fn post_one(self: &Arc<Self>, node: NodeId, address: &Address) -> Result<bool, Untaken> {
        let party = PartyId::Node(node);
        if self.hub.hears(party) {
            return Ok(false);
        }
        let mut after = 0;
        loop {
            let page = self.store.page(party, after, FIRST).await;
            let rows = page.map_err(Untaken::Fault)?.rows;
            let Some(row) = rows.first() else {
                return Ok(false);
            };
            if let Some(content) = restored(party, row) {
                return self
                    .post(party, address, row, &content)
                    .await
                    .map(|()| true);
            }
            // What cannot be read is no reason to keep what can.
            after = row.queue_id;
        }
    }

    /// Posts one message; what the node answers goes to the sender.
    async fn post(
        self: &Arc<Self>,
        node: PartyId,
        address: &Address,
        row: &Waiting,
        content: &Raw,
    ) -> Result<(), Untaken> {
        let body = Push {
            queue_id: row.queue_id,
            sender: row.from,
            content,
        }
        .to_body();
        let now = self.clock.now();
        let accepted = self
            .courier
            .deliver(&address.resource, &address.secret, &body, now)
            .await
            .map_err(|failure| Untaken::Refused(failure.reason()))?;
        match accepted.body.as_deref().and_then(answer) {
            Some(answer) => self.answer(node, row.queue_id, answer).await,
            None => self
                .remove(node, row.queue_id)
                .await
                .map_err(Untaken::Fault),
        }
    }

    /// The node has taken a message and answered it.
    async fn answer(
        self: &Arc<Self>,
        node: PartyId,
        queue_id: i64,
        content: Raw,
    ) -> Result<(), Untaken> {
        let message = NewMessage {
            from: node,
            authority: Authority::Session,
            to: None,
            answers: Some(queue_id),
            id: None,
            content: content.clone().into(),
        };
        let written = self.store.send(message, self.clock.now());
        let instance = Arc::clone(self);
        let sent = Following::new(written, move |sent| {
            let Proven::Done { outcome, .. } = sent else {
                return None;
            };
            let full = matches!(outcome, Sent::QueueFull(_));
            let gone = matches!(outcome, Sent::UnknownRecipient);
            // That a message waits no more, because its sender took it back, is no failure.
            let _ = instance.sent(node, content, outcome);
            Some((full, gone))
        });
        match sent.await.map_err(Untaken::Fault)? {
            // The answer is not lost: the message is posted again when there is room for it.
            Some((true, _)) => Err(Untaken::Refused("its answer finds a full queue")),
            Some((_, true)) => self.remove(node, queue_id).await.map_err(Untaken::Fault),
            Some(_) | None => Ok(()),
        }
    }
}

/// What a node answers with the status alone, or with a body that is not one, is no answer.
pub(crate) fn answer(body: &str) -> Option<Raw> {
    #[derive(Deserialize)]
    struct Answer<'a> {
        #[serde(borrow)]
        parameters: &'a RawValue,
    }
    // The reader would take an array for the members in a row, too.
    let object = body.trim_start().starts_with('{').then_some(body)?;
    let Answer { parameters } = serde_json::from_str(object).ok()?;
    let found = json::scan(parameters.get());
    (found.depth < MAX_BODY_DEPTH && !found.broken_text).then(|| parameters.into())
}

/// Three quarters to five quarters of a pause, so that nodes on one machine are not all asked at once.
fn varied(pause: Duration) -> Duration {
    let mut byte = [128];
    // Without randomness the pause is what it is.
    let _ = getrandom::fill(&mut byte);
    pause * (384 + u32::from(byte[0])) / 512
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_parameters_are_an_answer() {
        let content = |body| answer(body).map(|raw| raw.as_str().to_owned());
        assert_eq!(
            content(r#"{"action":"x", "parameters": {"a": [1.0]} }"#).as_deref(),
            Some(r#"{"a": [1.0]}"#)
        );
        assert_eq!(content(r#"{"parameters":null}"#).as_deref(), Some("null"));
        let deep = format!(r#"{{"parameters":{}{}}}"#, "[".repeat(64), "]".repeat(64));
        for none in [
            "",
            "ok",
            "{}",
            "[1]",
            r#""parameters""#,
            r#"{"parameters":1,"parameters":2}"#,
            r#"{"parameters":"\u0000"}"#,
            &deep,
        ] {
            assert_eq!(content(none), None, "{none}");
        }
    }

    #[test]
    fn a_pause_varies_by_a_quarter() {
        for _ in 0..1000 {
            let pause = varied(Duration::from_millis(512));
            assert!((384..=640).contains(&pause.as_millis()), "{pause:?}");
        }
    }

    #[test]
    fn what_comes_while_somebody_looks_is_not_missed() {
        let posts = Posts::default();
        let node = NodeId(1);
        assert!(!posts.begin(node), "it is no node of this kind");
        let rules = crate::config::DeliveriesConfig::default();
        let address = || Address {
            resource: Resource::parse("https://shop.example", &rules).unwrap(),
            secret: DeliverySecret::from_bytes([0; 32]),
        };
        posts.insert(node, address());
        assert!(posts.begin(node));
        assert!(posts.look(node).is_some());
        assert!(!posts.begin(node), "somebody posts already");
        assert!(!posts.end(node), "something came meanwhile");
        assert!(posts.look(node).is_some());
        assert!(posts.end(node));
        assert!(posts.begin(node));
        posts.remove(node);
        assert!(posts.look(node).is_none());
        assert!(posts.end(node));
    }
}
