//! Whether the store's threads live, its writes succeed, and what it reads is what it wrote.
//!
//! **No thread ends unnoticed.** This only observes: nothing here restarts or repairs anything.

use std::{
    collections::HashSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread,
};

use rusqlite::ErrorCode;

use super::lock;
use crate::error::Cause;

/// How many damaged rows are told apart; of more, nothing is said.
const DAMAGED_ROWS: usize = 1000;

/// What the store can do at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// It reads and writes.
    Serving,
    /// The last commit failed, or the disk failed while the log was copied back: it is full, or broken.
    /// Reading may still work. It serves again by itself when the disk does.
    WritesFail,
    /// The database is damaged, not in a row but in what holds the rows together. Much may still be read
    /// and written, but nobody can say what not.
    Damaged,
    /// It was closed, or one of its threads has panicked. Nothing that was answered is lost; only a
    /// restart helps.
    Ended,
}

/// What the threads say about themselves.
#[derive(Debug, Default)]
pub(super) struct Pulse {
    writes_fail: AtomicBool,
    copying_failed: AtomicBool,
    corrupt: AtomicBool,
    ended: AtomicBool,
    /// Whether damaged rows are counted and not logged.
    is_silent: bool,
    /// Table and key of each row that did not fit its sum.
    damaged: Mutex<HashSet<(String, String)>>,
}

impl Pulse {
    /// For whoever tells of damaged rows otherwise than in the log.
    pub(super) fn silent() -> Self {
        Self {
            is_silent: true,
            ..Self::default()
        }
    }

    pub(super) fn health(&self) -> Health {
        if self.ended.load(Relaxed) {
            Health::Ended
        } else if self.corrupt.load(Relaxed) {
            Health::Damaged
        } else if self.writes_fail() || self.copying_failed() {
            Health::WritesFail
        } else {
            Health::Serving
        }
    }

    /// The writer tells how its last commit went.
    pub(super) fn committed(&self, succeeded: bool) {
        self.writes_fail.store(!succeeded, Relaxed);
    }

    /// Whether the last commit failed.
    pub(super) fn writes_fail(&self) -> bool {
        self.writes_fail.load(Relaxed)
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

    /// A job has failed, perhaps of a database that makes no sense.
    pub(super) fn failed(&self, cause: &Cause) {
        let error = cause.downcast_ref::<rusqlite::Error>();
        let code = error.and_then(rusqlite::Error::sqlite_error_code);
        if let Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) = code
            && !self.corrupt.swap(true, Relaxed)
        {
            tracing::error!(%cause, "the database is damaged; `nile-instance check` tells where");
        }
    }

    /// A row does not fit its sum. It is reported once.
    pub(super) fn damaged(&self, table: &str, row: &str) {
        let mut damaged = lock(&self.damaged);
        let is_new =
            damaged.len() < DAMAGED_ROWS && damaged.insert((table.to_owned(), row.to_owned()));
        if is_new && !self.is_silent {
            tracing::error!(table, row, "a row is damaged; it is not served");
        }
    }

    /// Table and key of each damaged row that was come across.
    #[cfg(test)]
    pub(super) fn told(&self) -> Vec<(String, String)> {
        lock(&self.damaged).iter().cloned().collect()
    }

    /// How many damaged rows were come across.
    pub(super) fn damaged_rows(&self) -> usize {
        lock(&self.damaged).len()
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

#[cfg(test)]
mod tests {
    use std::io;

    use rusqlite::ffi::{self, SQLITE_BUSY, SQLITE_CORRUPT, SQLITE_NOTADB};

    use super::*;

    #[test]
    fn so_many_damaged_rows_are_told_apart_and_each_once() {
        let pulse = Pulse::default();
        for _ in 0..2 {
            for row in 0..DAMAGED_ROWS {
                pulse.damaged("client", &row.to_string());
            }
        }
        assert_eq!(pulse.damaged_rows(), DAMAGED_ROWS);
        pulse.damaged("node", "1");
        assert_eq!(pulse.damaged_rows(), DAMAGED_ROWS);
    }

    #[test]
    fn a_job_that_fails_of_a_database_that_makes_no_sense_says_that_it_is_damaged() {
        let health = |cause: Cause| {
            let pulse = Pulse::default();
            pulse.failed(&cause);
            pulse.health()
        };
        let of_sqlite = |code| {
            let error = rusqlite::Error::SqliteFailure(ffi::Error::new(code), None);
            health(Arc::new(error))
        };
        assert_eq!(of_sqlite(SQLITE_CORRUPT), Health::Damaged);
        assert_eq!(of_sqlite(SQLITE_NOTADB), Health::Damaged);
        assert_eq!(of_sqlite(SQLITE_BUSY), Health::Serving);
        assert_eq!(health(Arc::new(io::Error::other("full"))), Health::Serving);
    }
}
