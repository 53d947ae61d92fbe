//! Copying the write-ahead log back into the database, off the path of commits.
//!
//! A thread of its own copies without keeping anybody waiting ("passively"), and empties the log
//! when nothing has been written for a while and at the end. That alone never lets a log start over
//! while commits follow one another, so **the writer restarts one that has grown long**, once the
//! thread has copied all but the last of it.
//!
//! **After an I/O error nothing is copied any more, until the log can be copied from its beginning.** A
//! sync that failed once may succeed the next time although the pages were lost, and then the log would
//! be thrown away that still has them. How far the log was copied is known as long as anybody has the
//! database open: so everybody's connection is closed, and the next begins again. Nor is the log itself
//! believed, which may be read as it was written and not as it is on the disk: it is written again.

use std::{
    error::Error,
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError},
    },
    time::Duration,
};

use rusqlite::{Connection, ErrorCode, Result, TransactionBehavior::Immediate};

use super::{
    OpenError,
    connection::{self, Role, impatiently},
    directory::Directory,
    pulse::Pulse,
    slot::{Held, Slot},
};
use crate::error::Cause;

/// How long the log may be, in pages of 4 KiB. The defaults suit every machine; tests want shorter ones.
#[derive(Clone, Copy, Debug)]
pub struct LogOptions {
    /// How many pages wait in it before they are copied.
    pub worth_copying: i64,
    /// How many pages make it long, so that it should start over.
    pub long: i64,
    /// How many pages make it too long, so that it must.
    pub too_long: i64,
    /// How many pages the writer copies itself to start it over, in a few milliseconds.
    pub few: i64,
    /// How often it is looked at whether it has come to rest, and whether a disk that failed is back.
    pub tick: Duration,
}

impl Default for LogOptions {
    /// 16, 64, 256 and 2 MiB.
    fn default() -> Self {
        Self {
            worth_copying: 4096,
            long: 16_384,
            too_long: 65_536,
            few: 512,
            tick: Duration::from_secs(1),
        }
    }
}

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

    pub(super) const fn due(self, options: &LogOptions) -> Due {
        let is_long = self.pages >= options.long;
        if self.pages >= options.too_long || (is_long && self.waiting() <= options.few) {
            Due::Restart
        } else if is_long || self.waiting() >= options.worth_copying {
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

/// Makes what is read of the log be what is on the disk, whatever became of earlier syncs, unless commits in it
/// cannot be read. It needs a connection for that, and closes it, so that the next reads the log anew.
pub(super) fn renew_log(directory: &Directory) -> Result<(), OpenError> {
    directory.inspect_log()?;
    let refuse = |error| OpenError::database(directory.database(), error);
    let mut connection =
        connection::open(directory.database(), Role::Writer, &Arc::default()).map_err(refuse)?;
    // As long as it is open, no other program adds to the log.
    let _alone = connection
        .transaction_with_behavior(Immediate)
        .map_err(refuse)?;
    directory.renew_log()
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
    slot: Arc<Slot>,
    /// Those of everybody else.
    others: Vec<Arc<Slot>>,
    tick: Duration,
}

impl Checkpointer {
    pub(super) const fn new(slot: Arc<Slot>, others: Vec<Arc<Slot>>, tick: Duration) -> Self {
        Self { slot, others, tick }
    }

    /// Copies whenever it is `wanted`, until nobody can want it any more.
    pub(super) fn run(self, wanted: &Receiver<()>) {
        let mut before = None;
        loop {
            let wanted = wanted.recv_timeout(self.tick);
            if wanted == Err(RecvTimeoutError::Disconnected) {
                break;
            }
            if !self.slot.pulse.copying_failed() {
                before = report(match wanted {
                    Ok(()) => self.copy(),
                    Err(_) => self.tidy(before),
                });
            }
            if self.slot.pulse.copying_failed() {
                before = report(self.begin_again());
            }
        }
        report(self.empty());
    }

    /// Copies what nobody needs to wait for. What it wrote is synced here, because otherwise it
    /// would be when the log starts over, and the writer waits for that.
    fn copy(&self) -> Result<Log, Cause> {
        let mut held = self.slot.hold();
        let passive = "PRAGMA wal_checkpoint(PASSIVE)";
        let log = guarded(held.connection()?, &self.slot.pulse, passive).map_err(cause)?;
        self.slot.directory.sync_database().map_err(|error| {
            self.slot.pulse.fail_copying();
            cause(error)
        })?;
        Ok(log)
    }

    /// Empties the log if it is as it was a tick ago.
    fn tidy(&self, before: Option<Log>) -> Result<Log, Cause> {
        let log = measure(self.slot.hold().connection()?).map_err(cause)?;
        if log.pages > 0 && Some(log) == before {
            self.empty()
        } else {
            Ok(log)
        }
    }

    fn empty(&self) -> Result<Log, Cause> {
        let mut held = self.slot.hold();
        let truncate = "PRAGMA wal_checkpoint(TRUNCATE)";
        guarded(held.connection()?, &self.slot.pulse, truncate).map_err(cause)
    }

    /// Has nobody know any more how much of the log was copied, and makes sure that it is on the disk.
    fn begin_again(&self) -> Result<Log, Cause> {
        let mut others: Vec<_> = self.others.iter().map(|slot| slot.hold()).collect();
        let mut held = self.slot.hold();
        others.iter_mut().for_each(Held::close);
        held.close();
        renew_log(&self.slot.directory).map_err(cause)?;
        let log = held.reopened().and_then(|connection| measure(connection));
        let log = log.map_err(cause)?;
        if log.copied > 0 {
            let who = "another program has the database open; end it";
            return Err(Cause::from(Box::from(who)));
        }
        self.slot.pulse.begin_copying_again();
        tracing::info!("the disk is back; the log is copied from its beginning");
        Ok(log)
    }
}

/// A checkpoint that fails loses nothing: the log keeps what it has.
fn report(done: Result<Log, Cause>) -> Option<Log> {
    done.inspect_err(|cause| tracing::warn!(%cause, "the log could not be copied back"))
        .ok()
}

fn cause(error: impl Error + Send + Sync + 'static) -> Cause {
    Arc::new(error)
}

#[cfg(test)]
mod tests {
    use std::{fs, sync::mpsc::sync_channel, thread};

    use tokio::time::Instant;

    use super::{super::disk::System, *};

    /// A database with something in its log.
    struct Written {
        writer: Arc<Slot>,
        directory: Arc<Directory>,
        pulse: Arc<Pulse>,
        _temporary: tempfile::TempDir,
    }

    impl Written {
        fn new() -> Self {
            let temporary = tempfile::tempdir().unwrap();
            let directory = Directory::open(temporary.path(), Arc::new(System)).unwrap();
            let (directory, pulse) = (Arc::new(directory), Arc::default());
            let writer = connection::open(directory.database(), Role::Writer, &pulse).unwrap();
            let schema = "PRAGMA journal_mode = WAL; CREATE TABLE t (x INTEGER) STRICT";
            writer.execute_batch(schema).unwrap();
            let writer = Arc::new(Slot::new(Role::Writer, writer, &directory, &pulse));
            let written = Self {
                writer,
                directory,
                pulse,
                _temporary: temporary,
            };
            assert!(written.log().waiting() > 0 && written.length() > 0);
            written
        }

        fn checkpointer(&self) -> Checkpointer {
            let role = Role::Checkpointer;
            let connection =
                connection::open(self.directory.database(), role, &self.pulse).unwrap();
            let slot = Slot::new(role, connection, &self.directory, &self.pulse);
            let others = vec![Arc::clone(&self.writer)];
            Checkpointer::new(Arc::new(slot), others, LogOptions::default().tick)
        }

        fn write(&self) {
            let mut held = self.writer.hold();
            let connection = held.connection().unwrap();
            connection.execute("INSERT INTO t VALUES (1)", []).unwrap();
        }

        fn restart(&self) {
            let mut held = self.writer.hold();
            restart(held.reopened().unwrap(), &self.pulse).unwrap();
        }

        fn log(&self) -> Log {
            measure(self.writer.hold().reopened().unwrap()).unwrap()
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
        written.write();
        let before = checkpointer.tidy(Some(before)).unwrap();
        assert!(written.length() > 0);

        assert_eq!(checkpointer.tidy(Some(before)).unwrap().pages, 0);
        assert_eq!(written.length(), 0);
    }

    #[test]
    fn whoever_reads_for_long_keeps_nobody_from_writing() {
        let written = Written::new();
        let checkpointer = written.checkpointer();
        let reader =
            connection::open(written.directory.database(), Role::Reader, &written.pulse).unwrap();
        reader.execute_batch("BEGIN; SELECT * FROM t").unwrap();
        written.write();

        let begin = Instant::now();
        checkpointer.empty().unwrap();
        written.restart();
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
    fn after_an_io_error_the_log_is_kept_until_it_can_be_copied_from_its_beginning() {
        let written = Written::new();
        let checkpointer = written.checkpointer();
        checkpointer.copy().unwrap();
        let before = written.log();
        assert!(before.copied > 0);

        written.pulse.fail_copying();
        checkpointer.copy().unwrap_err();
        checkpointer.empty().unwrap_err();
        written.restart();
        assert!(written.writer.hold().connection().is_err());
        assert_eq!(written.log(), before);

        let begun = checkpointer.begin_again().unwrap();
        assert_eq!(
            begun,
            Log {
                copied: 0,
                ..before
            }
        );
        written.write();
        assert_eq!(checkpointer.empty().unwrap().pages, 0);
    }

    #[test]
    fn the_log_is_not_copied_while_another_program_knows_how_much_of_it_was() {
        let written = Written::new();
        let checkpointer = written.checkpointer();
        let program =
            connection::open(written.directory.database(), Role::Reader, &written.pulse).unwrap();
        program.execute_batch("SELECT * FROM t").unwrap();
        checkpointer.copy().unwrap();

        written.pulse.fail_copying();
        checkpointer.begin_again().unwrap_err();
        assert!(written.pulse.copying_failed());
        drop(program);
        assert_eq!(checkpointer.begin_again().unwrap().copied, 0);
    }

    #[test]
    fn a_log_is_restarted_when_little_is_left_to_copy_or_when_it_is_far_too_long() {
        let options = LogOptions::default();
        let LogOptions {
            worth_copying,
            long,
            too_long,
            few,
            ..
        } = options;
        let due = |pages, waiting| {
            Log {
                pages,
                copied: pages - waiting,
            }
            .due(&options)
        };
        assert_eq!(due(0, 0), Due::Nothing);
        assert_eq!(due(worth_copying - 1, worth_copying - 1), Due::Nothing);
        assert_eq!(due(worth_copying, worth_copying), Due::Copy);
        assert_eq!(due(long - 1, 0), Due::Nothing);
        assert_eq!(due(long, few), Due::Restart);
        assert_eq!(due(long, few + 1), Due::Copy);
        assert_eq!(due(too_long, too_long), Due::Restart);
    }
}
