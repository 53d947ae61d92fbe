//! Copying the write-ahead log back into the database, off the path of commits.
//!
//! A thread of its own copies without keeping anybody waiting ("passively"), and empties the log
//! when nothing has been written for a while and at the end. That alone never lets a log start over
//! while commits follow one another, so **the writer restarts one that has grown long**, once the
//! thread has copied all but the last of it.
//!
//! **After an I/O error nothing is copied any more.** A sync that failed once may succeed the next
//! time although the pages were lost, and then the log would be thrown away that still has them.
//! So the log stays, grows, and is copied again from its beginning by the next process.

use std::{
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError},
    },
    time::Duration,
};

use rusqlite::{Connection, ErrorCode, Result};

use super::{connection::impatiently, directory::Directory, pulse::Pulse};

/// How many pages wait in the log before they are copied: 16 MiB.
const WORTH_COPYING: i64 = 4096;

/// How many pages make a log long, so that it should start over: 64 MiB.
const LONG: i64 = 4 * WORTH_COPYING;

/// How many pages make a log too long, so that it must: 256 MiB.
const TOO_LONG: i64 = 4 * LONG;

/// How many pages the writer copies itself to start a log over, in a few milliseconds.
const FEW: i64 = 512;

/// How often the thread looks whether the log has come to rest.
const TICK: Duration = Duration::from_secs(1);

/// The log's state, in pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Log {
    /// How many it has.
    pub(super) pages: i64,
    /// How many of them are in the database too.
    pub(super) copied: i64,
}

/// What should be done about a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    Nothing,
    /// The checkpointer should copy.
    Copy,
    /// The writer should [`restart`] it.
    Restart,
}

impl Log {
    /// How many pages are nowhere else.
    pub(super) const fn waiting(self) -> i64 {
        self.pages - self.copied
    }

    pub(super) const fn due(self) -> Due {
        if self.pages >= TOO_LONG || (self.pages >= LONG && self.waiting() <= FEW) {
            Due::Restart
        } else if self.pages >= LONG || self.waiting() >= WORTH_COPYING {
            Due::Copy
        } else {
            Due::Nothing
        }
    }
}

/// Looks at the log and does nothing to it.
pub(super) fn measure(connection: &Connection) -> Result<Log> {
    run(connection, "PRAGMA wal_checkpoint(NOOP)")
}

/// Copies what is left and has the log start over, unless somebody reads from it for longer.
pub(super) fn restart(writer: &Connection, pulse: &Pulse) -> Result<Log> {
    impatiently(writer, || {
        guarded(writer, pulse, "PRAGMA wal_checkpoint(RESTART)")
    })
}

fn guarded(connection: &Connection, pulse: &Pulse, pragma: &str) -> Result<Log> {
    if pulse.copying_failed() {
        return measure(connection);
    }
    run(connection, pragma).inspect_err(|error| {
        if error.sqlite_error_code() == Some(ErrorCode::SystemIoFailure) {
            pulse.fail_copying();
        }
    })
}

fn run(connection: &Connection, pragma: &str) -> Result<Log> {
    let mut statement = connection.prepare_cached(pragma)?;
    statement.query_row([], |row| {
        Ok(Log {
            pages: row.get("log")?,
            copied: row.get("checkpointed")?,
        })
    })
}

/// The checkpointer, before its thread starts and inside it.
pub(super) struct Checkpointer {
    connection: Connection,
    directory: Arc<Directory>,
    pulse: Arc<Pulse>,
}

impl Checkpointer {
    pub(super) fn new(
        connection: Connection,
        directory: Arc<Directory>,
        pulse: Arc<Pulse>,
    ) -> Self {
        Self {
            connection,
            directory,
            pulse,
        }
    }

    /// Copies whenever it is `wanted`, until nobody can want it any more.
    pub(super) fn run(self, wanted: &Receiver<()>) {
        let mut before = None;
        loop {
            let done = match wanted.recv_timeout(TICK) {
                Ok(()) => self.copy(),
                Err(RecvTimeoutError::Timeout) => self.tidy(before),
                Err(RecvTimeoutError::Disconnected) => break,
            };
            before = report(done);
        }
        report(self.empty());
    }

    /// Copies what nobody needs to wait for. What it wrote is synced here, because otherwise it
    /// would be when the log starts over, and the writer waits for that.
    fn copy(&self) -> Result<Log> {
        let log = guarded(
            &self.connection,
            &self.pulse,
            "PRAGMA wal_checkpoint(PASSIVE)",
        )?;
        if let Err(error) = self.directory.sync_database() {
            tracing::error!(%error, "the database could not be synced");
            self.pulse.fail_copying();
        }
        Ok(log)
    }

    /// Empties the log if it is as it was a tick ago.
    fn tidy(&self, before: Option<Log>) -> Result<Log> {
        let log = measure(&self.connection)?;
        if log.pages > 0 && Some(log) == before {
            self.empty()
        } else {
            Ok(log)
        }
    }

    fn empty(&self) -> Result<Log> {
        guarded(
            &self.connection,
            &self.pulse,
            "PRAGMA wal_checkpoint(TRUNCATE)",
        )
    }
}

/// A checkpoint that fails loses nothing: the log keeps what it has.
fn report(done: Result<Log>) -> Option<Log> {
    done.inspect_err(|error| tracing::warn!(%error, "the log could not be copied back"))
        .ok()
}

#[cfg(test)]
mod tests {
    use std::{fs, sync::mpsc::sync_channel, thread};

    use tokio::time::Instant;

    use super::{
        super::connection::{self, Role},
        *,
    };

    /// A database with something in its log.
    struct Written {
        writer: Connection,
        directory: Arc<Directory>,
        _temporary: tempfile::TempDir,
    }

    impl Written {
        fn new() -> Self {
            let temporary = tempfile::tempdir().unwrap();
            let directory = Arc::new(Directory::open(temporary.path()).unwrap());
            let writer = connection::open(directory.database(), Role::Writer).unwrap();
            let schema = "PRAGMA journal_mode = WAL; CREATE TABLE t (x INTEGER) STRICT";
            writer.execute_batch(schema).unwrap();
            let written = Self {
                writer,
                directory,
                _temporary: temporary,
            };
            assert!(written.log().waiting() > 0 && written.length() > 0);
            written
        }

        fn checkpointer(&self) -> Checkpointer {
            let path = self.directory.database();
            let connection = connection::open(path, Role::Checkpointer).unwrap();
            Checkpointer::new(connection, Arc::clone(&self.directory), Arc::default())
        }

        fn log(&self) -> Log {
            measure(&self.writer).unwrap()
        }

        /// The size of the log's file.
        fn length(&self) -> u64 {
            fs::metadata(self.directory.database().with_extension("db-wal"))
                .unwrap()
                .len()
        }
    }

    #[test]
    fn the_log_is_copied_when_it_is_wanted_and_emptied_at_the_end() {
        let written = Written::new();
        let checkpointer = written.checkpointer();
        // Nothing fits into this channel: what is sent has been received.
        let (want, wanted) = sync_channel(0);
        thread::scope(|scope| {
            scope.spawn(move || checkpointer.run(&wanted));
            want.send(()).unwrap();
            want.send(()).unwrap();
            assert_eq!(written.log().waiting(), 0);
            assert!(written.length() > 0);
            drop(want);
        });
        assert_eq!(written.length(), 0);
    }

    #[test]
    fn the_log_is_emptied_when_it_has_come_to_rest_and_not_before() {
        let written = Written::new();
        let checkpointer = written.checkpointer();
        let before = checkpointer.tidy(None).unwrap();
        written
            .writer
            .execute("INSERT INTO t VALUES (1)", [])
            .unwrap();
        let before = checkpointer.tidy(Some(before)).unwrap();
        assert!(written.length() > 0);

        assert_eq!(checkpointer.tidy(Some(before)).unwrap().pages, 0);
        assert_eq!(written.length(), 0);
    }

    #[test]
    fn whoever_reads_for_long_keeps_nobody_from_writing() {
        let written = Written::new();
        let checkpointer = written.checkpointer();
        let reader = connection::open(written.directory.database(), Role::Reader).unwrap();
        reader.execute_batch("BEGIN; SELECT * FROM t").unwrap();
        written
            .writer
            .execute("INSERT INTO t VALUES (1)", [])
            .unwrap();

        let begin = Instant::now();
        checkpointer.empty().unwrap();
        restart(&written.writer, &checkpointer.pulse).unwrap();
        assert!(
            begin.elapsed() < Duration::from_secs(2),
            "{:?}",
            begin.elapsed()
        );
        assert!(written.log().waiting() > 0);

        reader.execute_batch("COMMIT").unwrap();
        assert_eq!(checkpointer.empty().unwrap().pages, 0);
    }

    #[test]
    fn after_an_io_error_the_log_is_kept_and_the_next_process_copies_it() {
        let written = Written::new();
        let checkpointer = written.checkpointer();
        let before = written.log();
        checkpointer.pulse.fail_copying();

        checkpointer.copy().unwrap();
        checkpointer.empty().unwrap();
        restart(&written.writer, &checkpointer.pulse).unwrap();
        assert_eq!(written.log(), before);

        let Written {
            writer,
            directory,
            _temporary,
        } = written;
        drop((writer, checkpointer));
        let writer = connection::open(directory.database(), Role::Writer).unwrap();
        assert_eq!(
            measure(&writer).unwrap(),
            Log {
                copied: 0,
                ..before
            }
        );
    }

    #[test]
    fn a_log_is_restarted_when_little_is_left_to_copy_or_when_it_is_far_too_long() {
        let due = |pages, waiting| {
            Log {
                pages,
                copied: pages - waiting,
            }
            .due()
        };
        assert_eq!(due(0, 0), Due::Nothing);
        assert_eq!(due(WORTH_COPYING - 1, WORTH_COPYING - 1), Due::Nothing);
        assert_eq!(due(WORTH_COPYING, WORTH_COPYING), Due::Copy);
        assert_eq!(due(LONG - 1, 0), Due::Nothing);
        assert_eq!(due(LONG, FEW), Due::Restart);
        assert_eq!(due(LONG, FEW + 1), Due::Copy);
        assert_eq!(due(TOO_LONG, TOO_LONG), Due::Restart);
    }
}
