//! Every open connection, so that all of them can be told to close: the one place that spawns.

use std::{
    collections::HashMap,
    future::Future,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::Notify;

use crate::{close::Close, outbox::Outbox};

/// The open connections of one process.
#[derive(Clone, Default)]
pub struct Connections(Arc<Shared>);

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    emptied: Notify,
}

#[derive(Default)]
struct State {
    next: u64,
    open: HashMap<u64, Outbox>,
    closing: Option<Close>,
}

impl Connections {
    /// No connections yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How many connections are open.
    #[must_use]
    pub fn count(&self) -> usize {
        self.state().open.len()
    }

    /// Runs a connection in a task of its own. After [`Connections::close`] it is told to close at once.
    pub fn spawn(&self, outbox: Outbox, connection: impl Future<Output = ()> + Send + 'static) {
        let open = self.register(outbox);
        tokio::spawn(async move {
            let _open = open;
            connection.await;
        });
    }

    fn register(&self, outbox: Outbox) -> Open {
        let mut state = self.state();
        if let Some(close) = &state.closing {
            outbox.close(close.clone());
        }
        let number = state.next;
        state.next += 1;
        state.open.insert(number, outbox);
        drop(state);
        Open {
            number,
            connections: self.clone(),
        }
    }

    /// Tells every connection to close, and every later one; returns when none is open.
    ///
    /// Waits for the peers: give it a deadline.
    pub async fn close(&self, close: Close) {
        let open: Vec<Outbox> = {
            let mut state = self.state();
            state.closing = Some(close.clone());
            state.open.values().cloned().collect()
        };
        for outbox in open {
            outbox.close(close.clone());
        }
        loop {
            let emptied = self.0.emptied.notified();
            if self.count() == 0 {
                return;
            }
            emptied.await;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Every change of the state is complete before anything can panic.
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Keeps a connection registered; dropped also when its task panics.
struct Open {
    number: u64,
    connections: Connections,
}

impl Drop for Open {
    fn drop(&mut self) {
        let mut state = self.connections.state();
        if let Some(outbox) = state.open.remove(&self.number) {
            outbox.end();
        }
        if state.open.is_empty() {
            self.connections.0.emptied.notify_waiters();
        }
    }
}
