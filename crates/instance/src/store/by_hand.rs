//! A store without threads: a test does their work, when and how it likes.
//!
//! **Everything but the threads is the store that others have**: the same queues, transactions and
//! results. Between a job that is done and whoever hears of it there is as much time as the test
//! wants, and the process may die in it: dropping this is that.

use std::{collections::VecDeque, path::Path, sync::Arc};

use rusqlite::{
    Connection,
    ffi::{self, ErrorCode},
};

use super::{
    OpenError, Options, Store, Workers, connection::execute, job, job::Job, lock, queue::Jobs,
};
use crate::error::Cause;

/// What becomes of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Works,
    /// A commit is rolled back, a look-up is not even begun.
    Fails,
}

/// The work of a store whose threads a test stands in for.
pub(crate) struct ByHand {
    workers: Workers,
    /// What was written, in that order, and is not answered.
    written: VecDeque<Done>,
    /// What was looked up and is not answered.
    found: Vec<Done>,
}

/// A job that is over, and why it is refused, if it is.
struct Done {
    job: Box<dyn Job>,
    refused: Option<Cause>,
}

impl Done {
    fn tell(self) {
        match self.refused {
            None => self.job.answer(),
            Some(cause) => self.job.refuse(&cause),
        }
    }
}

impl Store {
    /// Opens a store that does nothing by itself.
    pub(crate) fn by_hand(data_dir: &Path, options: &Options) -> Result<(Self, ByHand), OpenError> {
        let (store, workers) = Self::assemble(data_dir, options)?;
        let by_hand = ByHand {
            workers,
            written: VecDeque::new(),
            found: Vec::new(),
        };
        Ok((store, by_hand))
    }
}

impl ByHand {
    /// How many writes wait to be done.
    pub(crate) fn writes(&self) -> usize {
        self.workers.writer.jobs.waiting.len()
    }

    /// How many look-ups wait to be done.
    pub(crate) fn reads(&self) -> usize {
        lock(&self.workers.readers[0].jobs).waiting.len()
    }

    /// How many writes are done and not answered.
    pub(crate) fn written(&self) -> usize {
        self.written.len()
    }

    /// How many look-ups are done and not answered.
    pub(crate) fn found(&self) -> usize {
        self.found.len()
    }

    /// Has the next writes, `most` at most, share a commit.
    pub(crate) fn write(&mut self, most: usize, fate: Fate) {
        let mut batch = Vec::new();
        take(&mut self.workers.writer.jobs, &mut batch, most);
        if fate == Fate::Fails {
            // Its result goes nowhere: nobody asked for it.
            batch.push(job::new("fill the disk", fill_disk).0);
        }
        let refused = self.workers.writer.commit(&mut batch).err();
        if fate == Fate::Fails {
            batch.pop();
        }
        self.written.extend(done(batch, refused.as_ref()));
    }

    /// Has the next look-ups, `most` at most, share a transaction.
    pub(crate) fn read(&mut self, most: usize, fate: Fate) {
        let reader = &self.workers.readers[0];
        let mut batch = Vec::new();
        take(&mut lock(&reader.jobs), &mut batch, most);
        let refused = match fate {
            Fate::Works => reader.look_up(&mut batch).err(),
            Fate::Fails => Some(Arc::new(full()) as Cause),
        };
        self.found.extend(done(batch, refused.as_ref()));
    }

    /// Tells the result of the oldest write that is not answered.
    pub(crate) fn answer_write(&mut self) {
        if let Some(done) = self.written.pop_front() {
            done.tell();
        }
    }

    /// Tells the result of a look-up. Several threads look up, so there is no order among them.
    pub(crate) fn answer_read(&mut self, which: usize) {
        self.found.swap_remove(which).tell();
    }
}

fn take(jobs: &mut Jobs, batch: &mut Vec<Box<dyn Job>>, most: usize) {
    while batch.len() < most
        && let Ok(job) = jobs.waiting.try_recv()
    {
        batch.push(job);
    }
}

fn done(batch: Vec<Box<dyn Job>>, refused: Option<&Cause>) -> impl Iterator<Item = Done> {
    batch.into_iter().map(move |job| Done {
        job,
        refused: refused.cloned(),
    })
}

/// What a full disk does to a transaction.
fn fill_disk(connection: &Connection) -> rusqlite::Result<()> {
    execute(connection, "ROLLBACK")?;
    Err(full())
}

fn full() -> rusqlite::Error {
    let code = ErrorCode::DiskFull;
    rusqlite::Error::SqliteFailure(
        ffi::Error {
            code,
            extended_code: ffi::SQLITE_FULL,
        },
        None,
    )
}
