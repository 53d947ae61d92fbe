//! Why a store cannot be opened, said to the operator: one line, what is wrong and what to do.
//!
//! The line never contains its source; whoever prints it prints the chain.

use std::{
    io,
    path::{Path, PathBuf},
};

use rusqlite::ErrorCode;

/// A store that cannot be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The data directory does not exist and cannot be made.
    #[error("the data directory {} cannot be created; create it, or choose another", path.display())]
    NotCreatable {
        /// The data directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file in the data directory cannot be created or written to.
    #[error("{} cannot be written to; let the user that runs this own its directory, or choose another data directory", path.display())]
    NotWritable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file system knows no locks.
    #[error("{} cannot be locked; choose a data directory on a local disk", path.display())]
    NotLockable {
        /// The lock file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file system cannot do what the database needs.
    #[error("{} cannot have a write-ahead log on this file system; choose a data directory on a local disk", path.display())]
    Unsuitable {
        /// The database file.
        path: PathBuf,
    },
    /// Another process serves this directory.
    #[error("the data directory {} is in use by another process; stop that one, or choose another directory", path.display())]
    InUse {
        /// The data directory.
        path: PathBuf,
    },
    /// No instance has served this data directory.
    #[error("there is no database of an instance at {}; name the data directory of the instance", path.display())]
    Missing {
        /// The database file.
        path: PathBuf,
    },
    /// There is a database, but it is some other program's.
    #[error("{} is a database of another program; move it away, or choose another data directory", path.display())]
    Foreign {
        /// The database file.
        path: PathBuf,
    },
    /// There was a database, and now there is nothing in it.
    #[error("{} is empty or gone, although an instance has kept its data there; restore it from a backup, or remove nile.lock as well to start empty", path.display())]
    Emptied {
        /// The database file.
        path: PathBuf,
    },
    /// There is a file, but it is no database, or one that is damaged.
    #[error("{} is damaged or no database at all; restore it from a backup, or move the data directory away to start empty", path.display())]
    Damaged {
        /// The database file.
        path: PathBuf,
        /// What the driver said.
        source: rusqlite::Error,
    },
    /// A definition in the database is not what this program has made.
    #[error("the definition of {name} in {} was altered; restore the database from a backup", path.display())]
    DamagedDefinition {
        /// The database file.
        path: PathBuf,
        /// The table or index.
        name: String,
    },
    /// The log holds commits that cannot be read. Opening the database would throw them away.
    #[error("{} is damaged after {sound} pages, and there are commits behind them; restore a backup, or see \"Damage\" in docs/operating.md for how to go on without them", path.display())]
    DamagedLog {
        /// The log.
        path: PathBuf,
        /// How many of its pages can be read.
        sound: u64,
    },
    /// The log cannot be read or synced.
    #[error("{} cannot be read; look after the disk", path.display())]
    UnreadableLog {
        /// The log.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A later version of this program has migrated the database.
    #[error("{} was written by a newer version (schema {found}, this one knows {known}); start that version, or restore a backup from before the upgrade", path.display())]
    Newer {
        /// The database file.
        path: PathBuf,
        /// The schema it has.
        found: i64,
        /// The newest schema this program knows.
        known: i64,
    },
    /// This version has not yet brought the database up to date, which it does when it serves.
    #[error("{} was written by an older version (schema {found}, this one needs {known}); serve it with this version first", path.display())]
    Older {
        /// The database file.
        path: PathBuf,
        /// The schema it has.
        found: i64,
        /// The schema that is needed.
        known: i64,
    },
    /// Anything else that the driver refuses.
    #[error("the database {} cannot be opened; see the reason, or choose another data directory", path.display())]
    Database {
        /// The database file.
        path: PathBuf,
        /// What the driver said.
        source: rusqlite::Error,
    },
    /// The system gives no thread.
    #[error("the store's threads cannot be started; raise the limit on processes of this user")]
    Thread(#[source] io::Error),
}

impl OpenError {
    /// Sorts what the driver said about the database at `path`.
    pub(super) fn database(path: &Path, source: rusqlite::Error) -> Self {
        let path = path.to_owned();
        match source.sqlite_error_code() {
            Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => {
                Self::Damaged { path, source }
            }
            _ => Self::Database { path, source },
        }
    }
}
