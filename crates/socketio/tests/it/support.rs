//! A server to talk to, three clients to talk with, and ways to wait for what must happen.

pub(crate) mod application;
pub(crate) mod conversation;
pub(crate) mod http;
pub(crate) mod journal;
pub(crate) mod raw;
pub(crate) mod server;
pub(crate) mod websocket;

use std::{future::Future, time::Duration};

pub(crate) use self::{
    http::Polling,
    journal::Entry,
    raw::Raw,
    server::{Settings, TestServer},
    websocket::Client,
};

/// What nothing that works ever takes.
const PATIENCE: Duration = Duration::from_secs(15);

/// Long enough to be told from at once, short enough for a test.
pub(crate) const SHORT: Duration = Duration::from_millis(60);

/// Longer than any test is held up, and still short enough for one.
pub(crate) const MODERATE: Duration = Duration::from_millis(700);

/// No test lives to see it.
pub(crate) const NEVER: Duration = Duration::from_hours(1);

/// Fails where waiting would never end.
pub(crate) async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    let value = tokio::time::timeout(PATIENCE, future).await;
    value.unwrap_or_else(|_| panic!("{what}: it did not happen in time"))
}

/// Waits for what nobody announces.
pub(crate) async fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    within(what, async {
        let mut looks = tokio::time::interval(Duration::from_millis(1));
        while !condition() {
            looks.tick().await;
        }
    })
    .await;
}
