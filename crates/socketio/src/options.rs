//! What a server allows its peers, and the names it gives to sessions.

use std::{sync::Arc, time::Duration};

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};

use crate::patience::Bounds;

/// What a server allows its peers.
#[derive(Clone, Debug)]
pub struct Options {
    /// How often the heartbeat goes.
    pub ping_interval: Duration,
    /// How long the answer to it may take.
    pub ping_timeout: Duration,
    /// How long a peer may be connected to no namespace.
    pub connect: Duration,
    /// How long a change from polling to a WebSocket may take.
    pub upgrade: Duration,
    /// How many bytes of pushed messages may wait for one connection.
    pub max_outbound: usize,
    /// What holds for every connection.
    pub bounds: Arc<Bounds>,
}

/// 144 random bits, as text that needs no escaping anywhere.
pub(crate) fn random_id() -> String {
    let mut bytes = [0; 18];
    getrandom::fill(&mut bytes).expect("the operating system gives randomness");
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}
