//! Threads that look up: a few dozen questions in one read transaction.
//!
//! **A look-up sees everything that was answered before it was asked**: its transaction begins
//! after it was received. Nothing here can write.

use std::sync::{Arc, Mutex};

use super::{answers::Answers, connection::execute, job::Job, lock, queue::Jobs, slot::Slot};
use crate::error::Cause;

/// How many look-ups share a transaction at most: enough to pay its locks, and soon over.
const MAX_BATCH: usize = 32;

/// One reader, before its thread starts and inside it.
pub(super) struct Reader {
    slot: Arc<Slot>,
    /// Shared by all readers: whoever is free takes what waits.
    pub(super) jobs: Arc<Mutex<Jobs>>,
    answers: Answers,
}

impl Reader {
    pub(super) fn new(slot: Arc<Slot>, jobs: Arc<Mutex<Jobs>>) -> Self {
        let answers = lock(&jobs).answers.clone();
        Self {
            slot,
            jobs,
            answers,
        }
    }

    /// Serves until the queue is closed and empty.
    pub(super) fn run(self) {
        let mut batch = Vec::with_capacity(MAX_BATCH);
        while lock(&self.jobs).take(&mut batch, MAX_BATCH) {
            match self.look_up(&mut batch) {
                Ok(()) => self.answers.give(batch.drain(..)),
                Err(cause) => batch.drain(..).for_each(|job| job.refuse(&cause)),
            }
        }
    }

    /// Runs a batch, which is answered after that, or refused as a whole.
    pub(super) fn look_up(&self, batch: &mut [Box<dyn Job>]) -> Result<(), Cause> {
        let mut held = self.slot.hold();
        let connection = held.connection()?;
        execute(connection, "BEGIN").map_err(|error| Arc::new(error) as Cause)?;
        for job in batch {
            // What went wrong is in the answer, and mostly concerns only whoever asked.
            job.run(connection)
                .inspect_err(|cause| self.slot.pulse.failed(cause))
                .ok();
        }
        if !connection.is_autocommit() {
            // A transaction that only read has nothing to lose.
            execute(connection, "ROLLBACK").ok();
        }
        Ok(())
    }
}
