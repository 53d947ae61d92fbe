//! The data directory: private to its user, and one process's at a time.
//!
//! **The lock is held until the value is dropped**, so it is dropped after the last connection.
//! It does not look into the database, but knows whether there was one: a file that has become empty is
//! refused, since it would pass for a new one.

use std::{
    fs::{self, DirBuilder, File, TryLockError},
    io::{self, ErrorKind, SeekFrom},
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    OpenError,
    disk::{self, Disk, DiskFile},
    frames,
};

/// What the lock's file says once there is a database.
const KEPT: &str = "nile.db has data in it. Remove this file only to begin with an empty one.\n";

/// A data directory that is ours.
#[derive(Debug)]
pub(super) struct Directory {
    disk: Arc<dyn Disk>,
    /// How `SQLite` is told where the database is.
    location: PathBuf,
    log: PathBuf,
    /// Open as long as there are connections: closing any descriptor of a file drops the locks
    /// that the process has on it, the driver's among them.
    database: Box<dyn DiskFile>,
    /// Locked while it is open. The file itself stays behind: deleting it would let two processes lock
    /// two files of the same name. It has a content as soon as the database has one.
    _lock: File,
    lock_path: PathBuf,
    is_kept: bool,
}

impl Directory {
    /// Creates what is missing (`path` with mode 0700, files with 0600) and takes the lock.
    /// The lock is the system's, whatever the database's `disk` is.
    pub(super) fn open(path: &Path, disk: Arc<dyn Disk>) -> Result<Self, OpenError> {
        create(path).map_err(|source| OpenError::NotCreatable {
            path: path.to_owned(),
            source,
        })?;

        let lock_path = path.join("nile.lock");
        let lock = disk::open_private(&lock_path).map_err(not_writable(&lock_path))?;
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
        let (database, has_data) = create_file(&*disk, &database_path)?;
        let (_, is_kept) = create_file(&*disk, &lock_path)?;
        if is_kept && !has_data {
            return Err(OpenError::Emptied {
                path: database_path,
            });
        }
        sync(path).map_err(not_writable(path))?;
        let location = match disk.vfs() {
            None => database_path.clone(),
            Some(vfs) => format!("file:{}?vfs={vfs}", database_path.display()).into(),
        };
        Ok(Self {
            disk,
            location,
            log: log(&database_path),
            database,
            _lock: lock,
            lock_path,
            is_kept,
        })
    }

    /// The database, which exists, as `SQLite` is told where it is.
    pub(super) fn database(&self) -> &Path {
        &self.location
    }

    /// Notes for ever that there is something in the database.
    pub(super) fn keep(&self) -> Result<(), OpenError> {
        let keep = || {
            let mut lock = self.disk.create(&self.lock_path)?;
            lock.write_all(KEPT.as_bytes())?;
            lock.sync()
        };
        if self.is_kept {
            return Ok(());
        }
        keep().map_err(not_writable(&self.lock_path))
    }

    /// Makes what was written to the database reach the disk.
    pub(super) fn sync_database(&self) -> io::Result<()> {
        self.database.sync()
    }

    /// Refuses a log that holds commits which cannot be read any more.
    pub(super) fn inspect_log(&self) -> Result<(), OpenError> {
        frames::require_all(&*self.disk, &self.log)
    }

    /// Makes what is read of the log be what is on the disk. Nobody writes to it meanwhile.
    pub(super) fn renew_log(&self) -> Result<(), OpenError> {
        disk::renew(self.disk.as_ref(), &self.log).map_err(not_writable(&self.log))
    }
}

/// Where the database is, which must have something in it: whoever opens an empty one deletes its log.
pub(super) fn existing_database(data_dir: &Path) -> Result<PathBuf, OpenError> {
    let path = database(data_dir);
    let is_missing = match fs::metadata(&path) {
        Ok(file) => file.len() == 0,
        Err(error) => error.kind() == ErrorKind::NotFound,
    };
    if is_missing {
        return Err(OpenError::Missing { path });
    }
    Ok(path)
}

/// Where the database is, or will be.
fn database(data_dir: &Path) -> PathBuf {
    data_dir.join("nile.db")
}

/// The log of the database at `path`.
pub(super) fn log(path: &Path) -> PathBuf {
    path.with_extension("db-wal")
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

/// Opens a file, which is made if there is none, and tells whether there is anything in it.
fn create_file(disk: &dyn Disk, path: &Path) -> Result<(Box<dyn DiskFile>, bool), OpenError> {
    let create = || {
        let mut file = disk.create(path)?;
        let length = file.seek(SeekFrom::End(0))?;
        Ok((file, length > 0))
    };
    create().map_err(not_writable(path))
}

fn not_writable(path: &Path) -> impl FnOnce(io::Error) -> OpenError {
    let path = path.to_owned();
    |source| OpenError::NotWritable { path, source }
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
