//! Connections to the database, and how each is set up.
//!
//! **Every connection that can commit syncs at every commit** (`synchronous = EXTRA`). None maps the
//! file into memory: a read error there is a signal that ends the process, not an error.

use std::{path::Path, sync::Arc, time::Duration};

use rusqlite::{Connection, OpenFlags, Result, config::DbConfig};

use super::{pulse::Pulse, seal};

/// How long a statement is tried again while another connection is in the way: an operator's shell,
/// or our own checkpoint for a few milliseconds.
const PATIENCE: Duration = Duration::from_secs(5);

/// The same for checkpoints that wait for readers. Nobody can write in the meantime, and a reader
/// may be somebody's backup, so these give up and try again later.
const IMPATIENCE: Duration = Duration::from_millis(10);

/// More than there are distinct statements, so that none is ever evicted.
const STATEMENTS: usize = 64;

/// `EXTRA` differs from `FULL` when a new database is made: the deletion of the journal that it is made
/// with is synced too. If that came back after a loss of power, it would make the database empty again,
/// and the log with all that was committed would be deleted, as that of no database.
///
/// Checkpoints are made by a thread of their own, so no commit makes one (`wal_autocheckpoint`).
const PRAGMAS: &str = "
    PRAGMA synchronous = EXTRA;
    PRAGMA foreign_keys = ON;
    PRAGMA trusted_schema = OFF;
    PRAGMA mmap_size = 0;
    PRAGMA wal_autocheckpoint = 0;
    PRAGMA journal_size_limit = 67108864;
";

/// What a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// The one that changes things.
    Writer,
    /// One that cannot.
    Reader,
    /// The one that copies the log into the database.
    Checkpointer,
}

impl Role {
    /// What differs. Cache sizes are in KiB, and bounds, not reservations. Readers get less, as
    /// their caches are emptied by every commit.
    const fn pragmas(self) -> &'static str {
        match self {
            Self::Writer => "PRAGMA cache_size = -65536;",
            Self::Reader => "PRAGMA cache_size = -16384; PRAGMA query_only = ON;",
            Self::Checkpointer => "",
        }
    }
}

/// Opens the database at `path`, which must exist. Damage that is come across is reported to `pulse`.
pub(super) fn open(path: &Path, role: Role, pulse: &Arc<Pulse>) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(match role {
        Role::Writer | Role::Reader => PATIENCE,
        Role::Checkpointer => IMPATIENCE,
    })?;
    // Without this guarantee SQLite plans a cached statement anew at nearly every run, because the
    // cache clears its bindings and the planner looks at them.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    // The checkpointer empties the log at the end, unless it has reasons not to.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    connection.execute_batch(PRAGMAS)?;
    connection.execute_batch(role.pragmas())?;
    seal::add_functions(&connection, pulse)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    Ok(connection)
}

/// Does something with the writer's connection that is not worth waiting for.
pub(super) fn impatiently<T>(
    connection: &Connection,
    work: impl FnOnce() -> Result<T>,
) -> Result<T> {
    connection.busy_timeout(IMPATIENCE)?;
    let done = work();
    connection.busy_timeout(PATIENCE)?;
    done
}

/// Runs a statement that has neither parameters nor rows.
pub(super) fn execute(connection: &Connection, sql: &str) -> Result<()> {
    connection.prepare_cached(sql)?.execute([]).map(drop)
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use rusqlite::StatementStatus;

    use super::*;

    #[test]
    fn a_cached_statement_is_not_planned_again_at_every_run() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("db");
        File::create(&path).unwrap();
        let connection = open(&path, Role::Writer, &Arc::default()).unwrap();
        // Whether a partial index can be used depends on a parameter: that tempts the planner.
        let schema = "CREATE TABLE t (x INTEGER) STRICT; CREATE INDEX i ON t (x) WHERE x = 1";
        connection.execute_batch(schema).unwrap();

        let sql = "SELECT x FROM t WHERE x = ?1";
        for x in 0..100 {
            let mut statement = connection.prepare_cached(sql).unwrap();
            assert!(!statement.exists([x]).unwrap());
        }
        let statement = connection.prepare_cached(sql).unwrap();
        assert_eq!(statement.get_status(StatementStatus::Run), 100);
        assert_eq!(statement.get_status(StatementStatus::RePrepare), 0);
    }

    #[test]
    fn every_connection_that_can_commit_syncs_at_every_commit() {
        const EXTRA: i64 = 3;
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("db");
        File::create(&path).unwrap();
        for role in [Role::Writer, Role::Checkpointer] {
            let connection = open(&path, role, &Arc::default()).unwrap();
            let synchronous = |row: &rusqlite::Row<'_>| row.get::<_, i64>(0);
            let level = connection.pragma_query_value(None, "synchronous", synchronous);
            assert_eq!(level, Ok(EXTRA), "{role:?}");
        }
    }

    #[test]
    fn a_reader_cannot_write() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("db");
        File::create(&path).unwrap();
        let connection = open(&path, Role::Reader, &Arc::default()).unwrap();
        assert!(connection.execute_batch("CREATE TABLE t (x)").is_err());
    }
}
