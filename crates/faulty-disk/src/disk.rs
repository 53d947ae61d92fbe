//! A disk, as whoever tests with it sees it.

use std::{
    io::{self, Read, Seek, SeekFrom, Write},
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::{
    fault::{Fault, Lasting, Plan},
    state::{Absent, Failure, Opening, Reason, State},
    vfs,
};

/// A disk of its own, empty at first. It goes with the last of its copies and of what is open on it.
#[derive(Clone, Debug)]
pub struct Disk {
    shared: Arc<Shared>,
    vfs: &'static str,
}

/// What the openings of a disk's files have of it.
#[derive(Debug)]
pub(crate) struct Shared(Mutex<State>);

impl Disk {
    /// A disk, and a VFS for it. What it does when it has a choice is decided by `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let shared = Arc::new(Shared(Mutex::new(State::new(seed))));
        let vfs = vfs::register(&shared);
        Self { shared, vfs }
    }

    /// The name by which `SQLite` knows it.
    #[must_use]
    pub fn vfs(&self) -> &'static str {
        self.vfs
    }

    /// From now on `fault` strikes, after as many of the operations that it concerns as are `spared`.
    pub fn fail(&self, fault: Fault, spared: u64, lasting: Lasting) {
        self.shared.lock().plan(Plan {
            fault,
            lasting,
            spared,
        });
    }

    /// Whether the fault that was [asked for](Self::fail) has struck.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.shared.lock().has_struck()
    }

    /// Nothing fails from now on, as long as there is power.
    pub fn mend(&self) {
        self.shared.lock().mend();
    }

    /// How many operations there have been that `fault` concerns.
    #[must_use]
    pub fn count(&self, fault: Fault) -> u64 {
        self.shared.lock().count(fault)
    }

    /// Power is lost and comes back: of what was not synced anything may be there. Nothing fails from now
    /// on, except for those who had opened something before.
    pub fn lose_power(&self) {
        self.shared.lock().lose_power();
    }

    /// Opens a file past `SQLite`, as a program does with a file of the system's.
    pub fn open(&self, path: &Path) -> io::Result<OpenFile> {
        self.open_or(path, Absent::Refuse)
    }

    /// The same, where the file is made if there is none. What is made stays.
    pub fn create(&self, path: &Path) -> io::Result<OpenFile> {
        self.open_or(path, Absent::Assume)
    }

    fn open_or(&self, path: &Path, absent: Absent) -> io::Result<OpenFile> {
        let name = path.to_str().ok_or(io::ErrorKind::InvalidInput)?;
        let opening = self.shared.lock().open(Some(name), absent)?;
        Ok(OpenFile {
            shared: Arc::clone(&self.shared),
            opening,
            position: 0,
        })
    }
}

impl Shared {
    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A file of the disk, opened past `SQLite`.
#[derive(Debug)]
pub struct OpenFile {
    shared: Arc<Shared>,
    opening: Opening,
    position: usize,
}

impl OpenFile {
    /// Makes what anybody wrote to it reach the disk.
    pub fn sync(&self) -> io::Result<()> {
        Ok(self.shared.lock().sync(self.opening)?)
    }
}

impl Drop for OpenFile {
    fn drop(&mut self) {
        self.shared.lock().close(self.opening);
    }
}

impl Read for OpenFile {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.shared.lock().read(self.opening, self.position, into)?;
        self.position += read;
        Ok(read)
    }
}

impl Write for OpenFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.shared
            .lock()
            .write(self.opening, self.position, bytes)?;
        self.position += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Seek for OpenFile {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let (base, by) = match to {
            SeekFrom::Start(at) => (Some(at), 0),
            SeekFrom::End(by) => {
                let length = self.shared.lock().length(self.opening)?;
                (u64::try_from(length).ok(), by)
            }
            SeekFrom::Current(by) => (u64::try_from(self.position).ok(), by),
        };
        let position = base.and_then(|base| base.checked_add_signed(by));
        let position = position.ok_or(io::ErrorKind::InvalidInput)?;
        self.position = usize::try_from(position).map_err(|_| io::ErrorKind::InvalidInput)?;
        Ok(position)
    }
}

impl From<Failure> for io::Error {
    fn from(failure: Failure) -> Self {
        let kind = match failure.reason {
            Reason::Missing => io::ErrorKind::NotFound,
            Reason::Fault(Fault::Full | Fault::ShortWrite) => io::ErrorKind::StorageFull,
            Reason::Fault(Fault::Io | Fault::Sync | Fault::Power) => io::ErrorKind::Other,
        };
        Self::new(kind, format!("{failure:?}"))
    }
}
