//! The instance: what it keeps, and what parties can ask of it.
//!
//! Everything here works on requests and replies; how they travel is the transports' business.

mod follow;
pub mod proof;
mod delivery;
mod posting;
pub mod accounts;
mod messages;
pub mod listening;
mod calendar;
mod sweeping;
mod tending;
mod ask;
pub mod session;
mod door;

use std::{fmt, sync::Arc};

use tokio::{sync::watch, time::Instant};

#[cfg(any(test, fuzzing))]
pub(crate) use self::posting::answer;
use self::{door::Door, posting::Posts};
use crate::{
    clock::Clock,
    config::Admission,
    courier::Courier,
    hub::Hub,
    limits::Limits,
    store::{Health, Store},
};

/// One local instance, shared by everything that serves it.
pub struct Instance {
    /// What must survive a restart.
    pub(crate) store: Store,
    /// Who is online.
    pub(crate) hub: Hub,
    /// What one address and one connection may take.
    pub(crate) limits: Arc<Limits>,
    clock: Arc<dyn Clock>,
    /// Who takes messages to nodes over HTTP.
    courier: Courier,
    /// Which nodes have that.
    posts: Posts,
    pub(crate) rules: Rules,
    /// Whether connections can be taken.
    pub(crate) door: Door,
    /// Whether it is about to end.
    draining: watch::Sender<bool>,
}

/// Who may do what, as the operator decided.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// What a node needs besides registering.
    pub admission: Admission,
    /// Whether connections that are not logged in may forward to nodes.
    pub guests: bool,
    /// The largest information, in bytes.
    pub max_information: usize,
}

impl Instance {
    /// An instance on this store, with nobody online.
    #[must_use]
    pub fn new(
        store: Store,
        limits: Arc<Limits>,
        clock: Arc<dyn Clock>,
        courier: Courier,
        rules: Rules,
    ) -> Arc<Self> {
        Arc::new(Self {
            store,
            hub: Hub::default(),
            limits,
            clock,
            courier,
            posts: Posts::default(),
            rules,
            door: Door::default(),
            draining: watch::Sender::new(false),
        })
    }

    /// Whether requests can be served now.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        !*self.draining.borrow()
            && self.store.health() == Health::Serving
            && self.door.is_open(Instant::now())
    }

    /// From now on the instance is not ready, and nobody waits for messages: it is about to end.
    pub fn drain(&self) {
        self.draining.send_replace(true);
    }

    /// Who is online on this process.
    #[must_use]
    pub fn hub(&self) -> &Hub {
        &self.hub
    }
}

impl fmt::Debug for Instance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Instance")
            .field("store", &self.store)
            .finish_non_exhaustive()
    }
}
