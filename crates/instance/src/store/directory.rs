//! The data directory: private to its user, and one process's at a time.
//!
//! **The lock is held until the value is dropped**, so it is dropped after the last connection.
//! It does not look into the database.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io,
    path::{Path, PathBuf},
};

use super::OpenError;

/// A data directory that is ours.
#[derive(Debug)]
pub(super) struct Directory {
    path: PathBuf,
    /// Open as long as there are connections: closing any descriptor of a file drops the locks
    /// that the process has on it, the driver's among them.
    database: File,
    /// Locked while it is open. The file itself stays behind, empty: deleting it would let two
    /// processes lock two files of the same name.
    _lock: File,
}

impl Directory {
    /// Creates what is missing (`path` with mode 0700, files with 0600) and takes the lock.
    pub(super) fn open(path: &Path) -> Result<Self, OpenError> {
        create(path).map_err(|source| OpenError::NotCreatable {
            path: path.to_owned(),
            source,
        })?;

        let lock_path = path.join("nile.lock");
        let lock = open_private(&lock_path)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(OpenError::InUse {
                    path: path.to_owned(),
                });
            }
            Err(TryLockError::Error(source)) => {
                return Err(OpenError::NotLockable {
                    path: lock_path,
                    source,
                });
            }
        }

        // The database is created here, because SQLite would let everybody read it, and gives its
        // other files the mode of this one.
        let database_path = database(path);
        let database = open_private(&database_path)?;
        sync(path).map_err(|source| OpenError::NotWritable {
            path: path.to_owned(),
            source,
        })?;
        Ok(Self {
            path: database_path,
            database,
            _lock: lock,
        })
    }

    /// The database, which exists.
    pub(super) fn database(&self) -> &Path {
        &self.path
    }

    /// Makes what was written to the database reach the disk.
    pub(super) fn sync_database(&self) -> io::Result<()> {
        self.database.sync_data()
    }
}

/// Where the database is, or will be.
pub(super) fn database(data_dir: &Path) -> PathBuf {
    data_dir.join("nile.db")
}

fn create(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

fn open_private(path: &Path) -> Result<File, OpenError> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map_err(|source| OpenError::NotWritable {
        path: path.to_owned(),
        source,
    })
}

/// Makes the names of new files survive a power cut: those in the directory, and its own.
fn sync(path: &Path) -> io::Result<()> {
    if cfg!(unix) {
        let path = fs::canonicalize(path)?;
        File::open(&path)?.sync_all()?;
        if let Some(parent) = path.parent() {
            // Not every parent may be read, and then it was not us who made the directory.
            File::open(parent).and_then(|parent| parent.sync_all()).ok();
        }
    }
    Ok(())
}
