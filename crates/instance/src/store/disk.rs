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
    use std::{
        fs,
        io::Cursor,
        sync::{Arc, Mutex},
    };

    use super::*;

    /// A disk with one file that notes how much of it is written, from its beginning on, and how much of that was
    /// synced.
    #[derive(Clone, Debug, Default)]
    struct Noting(Arc<Mutex<(u64, u64)>>);

    #[derive(Debug)]
    struct Noted(Cursor<Vec<u8>>, Noting);

    const LENGTH: usize = 2 * CHUNK + 1;

    impl Disk for Noting {
        fn vfs(&self) -> Option<&str> {
            None
        }

        fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
            self.open(path)
        }

        fn open(&self, _: &Path) -> io::Result<Box<dyn DiskFile>> {
            Ok(Box::new(Noted(Cursor::new(vec![7; LENGTH]), self.clone())))
        }
    }

    impl Read for Noted {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            self.0.read(into)
        }
    }

    impl Write for Noted {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let mut noted = self.1.0.lock().unwrap();
            assert_eq!(noted.0, self.0.position());
            noted.0 += bytes.len() as u64;
            self.0.write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Seek for Noted {
        fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
            self.0.seek(to)
        }
    }

    impl DiskFile for Noted {
        fn sync(&self) -> io::Result<()> {
            let mut noted = self.1.0.lock().unwrap();
            noted.1 = noted.0;
            Ok(())
        }
    }

    #[test]
    fn all_of_a_renewed_file_is_written_and_synced() {
        let disk = Noting::default();
        renew(&disk, Path::new("log")).unwrap();
        let length = LENGTH as u64;
        assert_eq!(*disk.0.lock().unwrap(), (length, length));
    }

    #[test]
    fn what_cannot_be_opened_is_not_taken_to_be_renewed() {
        let directory = tempfile::tempdir().unwrap();
        assert!(renew(&System, directory.path()).is_err());
    }

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
