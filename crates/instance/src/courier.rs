//! The courier: takes messages to nodes that have them posted to a URL of their own.
//!
//! The URL is a stranger's word. Invariant: whatever it says and wherever its name leads, nothing is sent to an address
//! that [`DeliveriesConfig`] does not allow, and no exchange takes longer, brings back more, or runs beside more others
//! than it says. The courier knows no store and no queue, and tries nothing twice: its caller decides what and when.

mod address;
mod secret;
mod resource;
mod failure;
mod connection;
mod exchange;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzed;
#[cfg(test)]
mod tests;

use std::{fmt, time::Duration};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use bytes::Bytes;
use serde::{Deserialize, de::IgnoredAny};
use tokio::{
    sync::{OnceCell, Semaphore},
    time::{Instant, timeout_at},
};

use self::{
    connection::{Resolver, Tls, connect, system_resolver},
    exchange::{Post, exchange, post},
};
use crate::{clock::Timestamp, config::DeliveriesConfig, token::fresh_secret};

pub use failure::Failure;
pub use resource::Resource;
pub use secret::{DeliverySecret, signature};

/// What a node said when it took a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// The body of its answer where that is JSON, and of at most 64 KiB.
    pub body: Option<String>,
}

/// Takes messages to nodes. One serves the whole process: it keeps the exchanges at once within their bound.
pub struct Courier {
    rules: DeliveriesConfig,
    deadline: Duration,
    resolver: Resolver,
    /// Made when it is first needed: most instances never deliver over HTTP.
    tls: OnceCell<Tls>,
    turns: Semaphore,
}

impl Courier {
    /// A courier that asks the system for addresses, and trusts the certificate authorities that the system trusts
    /// when they are first needed.
    #[must_use]
    pub fn new(rules: &DeliveriesConfig) -> Self {
        Self::with(rules, system_resolver(), OnceCell::new())
    }

    fn with(rules: &DeliveriesConfig, resolver: Resolver, tls: OnceCell<Tls>) -> Self {
        let turns = usize::try_from(rules.concurrency.get()).unwrap_or(usize::MAX);
        Self {
            rules: rules.clone(),
            deadline: rules.deadline_seconds.duration(),
            resolver,
            tls,
            turns: Semaphore::new(turns.min(Semaphore::MAX_PERMITS)),
        }
    }

    /// A courier that trusts these certificate authorities alone.
    #[cfg(test)]
    fn trusting(
        rules: &DeliveriesConfig,
        resolver: Resolver,
        roots: tokio_rustls::rustls::RootCertStore,
    ) -> Self {
        Self::with(rules, resolver, OnceCell::from(Tls::trusting(roots)))
    }

    /// Reads a node's URL; where it is none that is delivered to, the error is a sentence for the node's developer.
    pub fn resource(&self, text: &str) -> Result<Resource, &'static str> {
        Resource::parse(text, &self.rules)
    }

    /// Posts `body`, which is JSON, to the node at `resource`, signed as of `now`. `Ok` is the node's acknowledgement.
    ///
    /// An answer of more than 64 KiB is a failure although its status is 2xx: what the node wanted to say is not known.
    pub async fn deliver(
        &self,
        resource: &Resource,
        secret: &DeliverySecret,
        body: &str,
        now: Timestamp,
    ) -> Result<Accepted, Failure> {
        let signature = signature(secret, now, body);
        let body = Bytes::copy_from_slice(body.as_bytes());
        let answer = self
            .send(resource, post(resource, body, Some(signature)))
            .await?;
        Ok(Accepted { body: json(answer) })
    }

    /// Asks whoever serves `resource` to repeat a random text, which a server that is no node does not do.
    pub async fn challenge(&self, resource: &Resource) -> Result<(), Failure> {
        let challenge = URL_SAFE_NO_PAD.encode(fresh_secret().map_err(Failure::Internal)?);
        let body =
            format!(r#"{{"action":"challenge","parameters":{{"challenge":"{challenge}"}}}}"#);
        let answer = self
            .send(resource, post(resource, body.into(), None))
            .await?;
        match serde_json::from_slice::<Repeated>(&answer) {
            Ok(repeated) if repeated.challenge == challenge => Ok(()),
            _ => Err(Failure::WrongChallenge),
        }
    }

    /// Waits for a turn, then sends `request` within the deadline and gives the body of the answer.
    async fn send(&self, resource: &Resource, request: Post) -> Result<Bytes, Failure> {
        let _turn = self
            .turns
            .acquire()
            .await
            .expect("the semaphore is never closed");
        let deadline = Instant::now() + self.deadline;
        let sent = async {
            let stream = connect(resource, &self.rules, &self.resolver, deadline).await?;
            if resource.secure {
                let tls = self.tls.get_or_init(Tls::of_system).await;
                exchange(tls.secure(resource, stream).await?, request).await
            } else {
                exchange(stream, request).await
            }
        };
        timeout_at(deadline, sent)
            .await
            .unwrap_or(Err(Failure::TimedOut))
    }
}

impl fmt::Debug for Courier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Courier")
            .field("rules", &self.rules)
            .finish_non_exhaustive()
    }
}

/// The answer to a challenge.
#[derive(Deserialize)]
struct Repeated {
    challenge: String,
}

/// `answer` as text, where it is one JSON value.
fn json(answer: Bytes) -> Option<String> {
    let text = String::from_utf8(answer.into()).ok()?;
    serde_json::from_str::<IgnoredAny>(&text).ok()?;
    Some(text)
}
