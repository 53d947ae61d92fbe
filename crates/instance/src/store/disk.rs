//! What the store does with files past `SQLite`: it writes again what is there, and syncs it.
//!
//! The disk is always the [system's](System), but in tests of what happens when one fails: those bring
//! their own, and a VFS by which `SQLite` reaches the same.

use std::{
    fmt::Debug,
    fs::{File, OpenOptions},
    io::{self, ErrorKind, Read, Seek, SeekFrom, Write},
    path::Path,
};

/// How much is read and written at a time.
const CHUNK: usize = 1 << 20;

/// Where the database is.
pub trait Disk: Debug + Send + Sync {
    /// The VFS by which `SQLite` reaches it. `None`: the system's.
    fn vfs(&self) -> Option<&str>;

    /// Opens a file, which is made if there is none, for nobody but this user.
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;

    /// Opens a file that is there.
    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;
}

/// A file on such a disk, to be read and written.
pub trait DiskFile: Debug + Read + Write + Seek + Send + Sync {
    /// Makes what anybody has written to it reach the disk.
    fn sync(&self) -> io::Result<()>;
}

/// The system's disk.
#[derive(Clone, Copy, Debug)]
pub(super) struct System;

impl Disk for System {
    fn vfs(&self) -> Option<&str> {
        None
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(open_private(path)?))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let file = OpenOptions::new().read(true).write(true).open(path)?;
        Ok(Box::new(file))
    }
}

impl DiskFile for File {
    fn sync(&self) -> io::Result<()> {
        self.sync_data()
    }
}

/// Opens a file of the system's, which is made with mode 0600 if there is none.
pub(super) fn open_private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Writes the file at `path`, if there is one, as it is read, and syncs it.
///
/// After a sync that failed, a file may be read as it was written although nothing of that is on the
/// disk, nor will be: no later sync writes what the system takes to be written.
pub(super) fn renew(disk: &dyn Disk, path: &Path) -> io::Result<()> {
    let mut file = match disk.open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        opened => opened?,
    };
    let mut chunk = Vec::new();
    let mut at = 0;
    loop {
        chunk.clear();
        file.seek(SeekFrom::Start(at))?;
        Read::take(&mut file, CHUNK as u64).read_to_end(&mut chunk)?;
        if chunk.is_empty() {
            return file.sync();
        }
        file.seek(SeekFrom::Start(at))?;
        file.write_all(&chunk)?;
        at += chunk.len() as u64;
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_renewed_file_is_what_it_was() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        for length in [0, 1, CHUNK, 2 * CHUNK + 1] {
            let content: Vec<u8> = (0_u8..=250).cycle().take(length).collect();
            fs::write(&path, &content).unwrap();
            renew(&System, &path).unwrap();
            assert!(fs::read(&path).unwrap() == content, "{length}");
        }
    }

    #[test]
    fn what_is_not_there_is_not_made() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        renew(&System, &path).unwrap();
        assert!(!path.exists());
    }
}
