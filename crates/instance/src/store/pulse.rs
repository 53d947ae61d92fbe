//! Whether the store's threads live and its writes succeed.
//!
//! **No thread ends unnoticed.** This only observes: nothing here restarts or repairs anything.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread,
};

/// What the store can do at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// It reads and writes.
    Serving,
    /// The last commit failed, or the disk failed while the log was copied back: it is full, or broken.
    /// Reading may still work. It serves again by itself when the disk does.
    WritesFail,
    /// It was closed, or one of its threads has panicked. Nothing that was answered is lost; only a
    /// restart helps.
    Ended,
}

/// What the threads say about themselves.
#[derive(Debug, Default)]
pub(super) struct Pulse {
    writes_fail: AtomicBool,
    copying_failed: AtomicBool,
    ended: AtomicBool,
}

impl Pulse {
    pub(super) fn health(&self) -> Health {
        if self.ended.load(Relaxed) {
            Health::Ended
        } else if self.writes_fail.load(Relaxed) || self.copying_failed() {
            Health::WritesFail
        } else {
            Health::Serving
        }
    }

    /// The writer tells how its last commit went.
    pub(super) fn committed(&self, succeeded: bool) {
        self.writes_fail.store(!succeeded, Relaxed);
    }

    /// Whether the log must be left as it is, and the database is not to be believed.
    pub(super) fn copying_failed(&self) -> bool {
        self.copying_failed.load(Relaxed)
    }

    /// Whoever copies the log back tells that the disk failed.
    pub(super) fn fail_copying(&self) {
        self.copying_failed.store(true, Relaxed);
    }

    /// All that the log has is copied again from its beginning on, or will be.
    pub(super) fn begin_copying_again(&self) {
        self.copying_failed.store(false, Relaxed);
    }

    /// Watches over what will be the thread `name`.
    pub(super) fn watch(self: &Arc<Self>, name: &'static str) -> Watch {
        Watch {
            pulse: Arc::clone(self),
            name,
        }
    }
}

/// Held by a thread: notices its end, however it comes.
pub(super) struct Watch {
    pulse: Arc<Pulse>,
    name: &'static str,
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.pulse.ended.store(true, Relaxed);
        if thread::panicking() {
            tracing::error!(
                thread = self.name,
                "a thread of the store panicked; restart to serve"
            );
        }
    }
}
