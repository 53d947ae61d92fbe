//! The instance: what it keeps, and what parties can ask of it.
//!
//! Everything here works on requests and replies; how they travel is the transports' business.

mod change;
pub mod accounts;
pub mod session;

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use crate::{
    clock::Clock,
    config::Admission,
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
    /// What a node needs besides registering.
    admission: Admission,
    /// The largest information, in bytes.
    pub(crate) max_information: usize,
    draining: AtomicBool,
}

impl Instance {
    /// An instance on this store, with nobody online.
    #[must_use]
    pub fn new(
        store: Store,
        limits: Arc<Limits>,
        clock: Arc<dyn Clock>,
        max_information: usize,
        admission: Admission,
    ) -> Arc<Self> {
        Arc::new(Self {
            store,
            hub: Hub::default(),
            limits,
            clock,
            admission,
            max_information,
            draining: AtomicBool::new(false),
        })
    }

    /// Whether requests can be served now.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        !self.draining.load(Ordering::Relaxed) && self.store.health() == Health::Serving
    }

    /// From now on the instance is not ready: it is about to end.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
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
