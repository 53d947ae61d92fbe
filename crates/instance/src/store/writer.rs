//! The one thread that writes: many callers' jobs, one transaction, one sync.
//!
//! **No job is answered before the commit that holds it, and none is told that it succeeded when
//! that commit failed.** A job that fails alone is answered so and its neighbours are committed; if
//! the transaction is lost, the whole batch is refused, and the next begins on a new connection:
//! after a failed sync, nobody can say what the old one's caches are worth.

use std::sync::{Arc, mpsc::SyncSender};

use rusqlite::{Connection, Result};

use super::{
    checkpoint::{self, Due, LogOptions},
    connection::execute,
    job::Job,
    pulse::Pulse,
    queue::Jobs,
    schema,
    slot::Slot,
};
use crate::error::Cause;

/// How many jobs share a commit at most: so many that the sync is paid, so few that it is soon.
pub(super) const MAX_BATCH: usize = 1024;

/// The writer, before its thread starts and inside it.
pub(super) struct Writer {
    pub(super) jobs: Jobs,
    /// Empty after a failure, until the next batch opens another connection.
    slot: Arc<Slot>,
    log: LogOptions,
    /// Where a checkpoint is asked for. One that is asked for already suffices.
    checkpoints: SyncSender<()>,
}

impl Writer {
    pub(super) fn new(
        jobs: Jobs,
        slot: Arc<Slot>,
        log: LogOptions,
        checkpoints: SyncSender<()>,
    ) -> Self {
        Self {
            jobs,
            slot,
            log,
            checkpoints,
        }
    }

    /// Serves until the queue is closed and empty.
    pub(super) fn run(mut self) {
        let mut batch = Vec::with_capacity(MAX_BATCH);
        while self.jobs.take(&mut batch, MAX_BATCH) {
            self.serve(&mut batch);
            self.tend_log();
        }
    }

    fn serve(&self, batch: &mut Vec<Box<dyn Job>>) {
        match self.commit(batch) {
            Ok(()) => self.jobs.answers.give(batch.drain(..)),
            Err(cause) => batch.drain(..).for_each(|job| job.refuse(&cause)),
        }
    }

    /// Runs and commits a batch, which is answered after that, or refused as a whole.
    pub(super) fn commit(&self, batch: &mut [Box<dyn Job>]) -> Result<(), Cause> {
        let committed = self.try_commit(batch);
        self.slot.pulse.committed(committed.is_ok());
        committed.inspect_err(|cause| {
            self.slot.pulse.failed(cause);
            tracing::error!(jobs = batch.len(), %cause, "a commit failed");
            self.slot.hold().close();
        })
    }

    fn try_commit(&self, batch: &mut [Box<dyn Job>]) -> Result<(), Cause> {
        transact(self.slot.hold().connection()?, batch, &self.slot.pulse)
    }

    /// Sees to it that the log is copied back and does not grow for ever.
    fn tend_log(&self) {
        let held = self.slot.hold();
        let Some(connection) = held.last() else {
            return;
        };
        let due = checkpoint::measure(connection).map(|log| log.due(&self.log));
        let tended = due.and_then(|due| match due {
            Due::Restart => checkpoint::restart(connection, &self.slot.pulse).map(drop),
            Due::Copy => {
                self.ask_for_checkpoint();
                Ok(())
            }
            Due::Nothing => Ok(()),
        });
        if let Err(error) = tended {
            tracing::warn!(%error, "the log could not be restarted");
            self.ask_for_checkpoint();
        }
    }

    fn ask_for_checkpoint(&self) {
        // There may be one on its way already.
        self.checkpoints.try_send(()).ok();
    }
}

/// Runs `batch` in one transaction and commits it. Fails as a whole or not at all.
fn transact(
    connection: &Connection,
    batch: &mut [Box<dyn Job>],
    pulse: &Pulse,
) -> Result<(), Cause> {
    execute(connection, "BEGIN IMMEDIATE").map_err(cause)?;
    if pulse.writes_fail() {
        // Else a commit that has nothing to write would pass for a disk that takes writes again.
        schema::touch(connection).map_err(cause)?;
    }
    for job in batch {
        let changes = connection.total_changes();
        if let Err(cause) = job.run(connection) {
            pulse.failed(&cause);
            // Some errors (a full disk) roll everything back. And a job that failed after it had
            // changed something is not to be committed by halves.
            if connection.is_autocommit() || connection.total_changes() != changes {
                return Err(cause);
            }
        }
    }
    execute(connection, "COMMIT").map_err(cause)
}

fn cause(error: rusqlite::Error) -> Cause {
    Arc::new(error)
}

#[cfg(test)]
mod tests {
    use std::{error::Error as _, sync::mpsc::sync_channel};

    use tokio::sync::mpsc;

    use super::{
        super::{
            Health, Options, Store,
            answers::Answers,
            connection::{self, Role},
            directory::Directory,
            disk::System,
            job,
        },
        *,
    };
    use crate::error::Fault;

    /// A writer without a thread, so that a test decides which jobs share a batch.
    struct Threadless {
        writer: Writer,
        directory: Arc<Directory>,
        _temporary: tempfile::TempDir,
    }

    impl Threadless {
        fn new() -> Self {
            let temporary = tempfile::tempdir().unwrap();
            let directory = Directory::open(temporary.path(), Arc::new(System)).unwrap();
            let (directory, pulse) = (Arc::new(directory), Arc::default());
            let connection = connection::open(directory.database(), Role::Writer, &pulse).unwrap();
            let schema = "
                PRAGMA journal_mode = WAL;
                CREATE TABLE t (
                    id INTEGER PRIMARY KEY,
                    parent INTEGER REFERENCES t DEFERRABLE INITIALLY DEFERRED,
                    filling BLOB
                ) STRICT;";
            connection.execute_batch(schema).unwrap();
            let slot = Arc::new(Slot::new(Role::Writer, connection, &directory, &pulse));
            let (_, waiting) = mpsc::channel(1);
            let answers = Answers::new();
            let jobs = Jobs { waiting, answers };
            let (checkpoints, _) = sync_channel(1);
            let writer = Writer::new(jobs, slot, LogOptions::default(), checkpoints);
            Self {
                writer,
                directory,
                _temporary: temporary,
            }
        }

        /// Serves one batch with a job for each of `jobs`, whose statements `;` separates.
        fn serve(&mut self, jobs: &[&'static str]) -> Vec<Result<usize, Fault>> {
            let (mut batch, results): (Vec<_>, Vec<_>) = jobs
                .iter()
                .map(|statements| {
                    job::new("run it", |connection| {
                        statements
                            .split(';')
                            .try_fold(0, |_, sql| connection.execute(sql, []))
                    })
                })
                .unzip();
            self.writer.serve(&mut batch);
            results
                .into_iter()
                .map(|result| result.blocking_recv().unwrap())
                .collect()
        }

        fn stored(&self) -> Vec<i64> {
            let path = self.directory.database();
            let connection = connection::open(path, Role::Reader, &Arc::default()).unwrap();
            let mut statement = connection.prepare("SELECT id FROM t ORDER BY id").unwrap();
            statement
                .query_map([], |row| row.get(0))
                .unwrap()
                .map(Result::unwrap)
                .collect()
        }

        fn health(&self) -> Health {
            self.writer.slot.pulse.health()
        }
    }

    #[test]
    fn a_job_that_fails_does_not_fail_its_neighbours() {
        let mut writer = Threadless::new();
        let outcomes = writer.serve(&[
            "INSERT INTO t (id) VALUES (1)",
            "INSERT INTO t (id) VALUES (1)",
            "INSERT INTO t (id) VALUES (2)",
        ]);
        assert!(
            matches!(outcomes[..], [Ok(1), Err(_), Ok(1)]),
            "{outcomes:?}"
        );
        assert_eq!(writer.stored(), [1, 2]);
        assert_eq!(writer.health(), Health::Serving);
    }

    #[test]
    fn a_job_that_fails_halfway_is_not_committed_by_halves() {
        let mut writer = Threadless::new();
        let outcomes = writer.serve(&[
            "INSERT INTO t (id) VALUES (1)",
            "INSERT INTO t (id) VALUES (2); INSERT INTO t (id) VALUES (2)",
            "INSERT INTO t (id) VALUES (3)",
        ]);
        assert!(outcomes.iter().all(Result::is_err), "{outcomes:?}");
        assert!(writer.stored().is_empty());
    }

    #[test]
    fn a_commit_that_fails_fails_every_job_in_it_and_the_next_succeeds() {
        let mut writer = Threadless::new();
        let outcomes = writer.serve(&[
            "INSERT INTO t (id) VALUES (1)",
            // Violates the deferred reference, which is found out only by COMMIT.
            "INSERT INTO t (id, parent) VALUES (2, 99)",
        ]);
        for outcome in &outcomes {
            let fault = outcome.as_ref().unwrap_err();
            assert_eq!(
                fault.source().unwrap().to_string(),
                "FOREIGN KEY constraint failed"
            );
        }
        assert!(writer.stored().is_empty());
        assert_eq!(writer.health(), Health::WritesFail);

        assert!(writer.serve(&["INSERT INTO t (id) VALUES (3)"])[0].is_ok());
        assert_eq!(writer.stored(), [3]);
        assert_eq!(writer.health(), Health::Serving);
    }

    #[test]
    fn a_full_disk_refuses_the_batch_and_the_next_is_served_when_there_is_room() {
        let mut writer = Threadless::new();
        // The bound is the connection's own: a new one has room.
        let mut held = writer.writer.slot.hold();
        let full = held.connection().unwrap();
        full.pragma_update(None, "max_page_count", 3).unwrap();
        drop(held);
        let outcomes = writer.serve(&[
            "INSERT INTO t (id) VALUES (1)",
            "INSERT INTO t (id, filling) VALUES (2, zeroblob(100000))",
            "INSERT INTO t (id) VALUES (3)",
        ]);
        for outcome in &outcomes {
            let fault = outcome.as_ref().unwrap_err();
            assert_eq!(
                fault.source().unwrap().to_string(),
                "database or disk is full"
            );
        }
        assert!(writer.stored().is_empty());
        assert_eq!(writer.health(), Health::WritesFail);

        assert!(writer.serve(&["INSERT INTO t (id) VALUES (4)"])[0].is_ok());
        assert_eq!(writer.stored(), [4]);
    }

    #[test]
    fn a_long_log_is_restarted_when_it_has_been_copied() {
        let mut writer = Threadless::new();
        let log = |writer: &Threadless| {
            checkpoint::measure(writer.writer.slot.hold().connection().unwrap()).unwrap()
        };
        writer.serve(&["INSERT INTO t (filling) VALUES (zeroblob(70000000))"]);
        writer.writer.tend_log();
        assert_eq!(
            log(&writer).copied,
            0,
            "the writer did the checkpointer's work"
        );

        let passive = "PRAGMA wal_checkpoint(PASSIVE)";
        let path = writer.directory.database();
        let connection = connection::open(path, Role::Checkpointer, &Arc::default()).unwrap();
        connection.execute_batch(passive).unwrap();
        writer.serve(&["INSERT INTO t (id) VALUES (7)"]);
        writer.writer.tend_log();
        writer.serve(&["INSERT INTO t (id) VALUES (8)"]);
        assert!(log(&writer).pages < 10, "{:?}", log(&writer));
    }

    #[tokio::test]
    async fn a_panic_in_a_job_is_a_fault_to_everyone_from_then_on() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(directory.path(), &Options::default()).unwrap();
        let panicking: Result<(), _> = store.writes.submit("panic", |_| panic!("on purpose")).await;
        assert_eq!(panicking.unwrap_err().operation(), "panic");

        let later = store.writes.submit("run it", |_| Ok(())).await.unwrap_err();
        assert_eq!(later.source().unwrap().to_string(), "the store has stopped");
        assert!(store.close().await.is_err());
        assert_eq!(store.health(), Health::Ended);
    }

    #[tokio::test]
    async fn a_store_whose_writes_fail_finds_out_by_itself_when_they_no_longer_do() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(directory.path(), &Options::default()).unwrap();
        store.pulse.committed(false);
        assert_eq!(store.health(), Health::WritesFail);
        // What `health` has tried was queued before this.
        store.writes.submit("look", |_| Ok(())).await.unwrap();
        assert_eq!(store.health(), Health::Serving);
        store.close().await.unwrap();
    }
}
