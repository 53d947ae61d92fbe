//! The store on a disk that loses power, fails and fills up.
//!
//! What it is asked for and when is random and seeded; what it may have done is decided in `model`, and
//! looked at in `world`. A seed repeats all of it, but for what the store's threads do at the same time.

mod known;
mod model;
mod operation;
mod look;
mod world;

mod found;
mod power;
mod walk;

use std::{
    future::Future,
    io,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    path::Path,
};

use nile_instance::store::{Disk, DiskFile};
use tokio::runtime;

/// The disk, as the store is given it.
#[derive(Clone, Debug)]
struct Faulty(faulty_disk::Disk);

#[derive(Debug)]
struct File(faulty_disk::OpenFile);

impl Disk for Faulty {
    fn vfs(&self) -> Option<&str> {
        Some(self.0.vfs())
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(File(self.0.create(path)?)))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(File(self.0.open(path)?)))
    }
}

impl DiskFile for File {
    fn sync(&self) -> io::Result<()> {
        self.0.sync()
    }
}

impl io::Read for File {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.0.read(into)
    }
}

impl io::Write for File {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl io::Seek for File {
    fn seek(&mut self, to: io::SeekFrom) -> io::Result<u64> {
        self.0.seek(to)
    }
}

/// What runs these tests.
const COMMAND: &str = "cargo test -p nile-instance --test it ";

/// Runs one case. If that fails, says what repeats it.
#[expect(
    clippy::print_stderr,
    reason = "it stands beside the panic's own words"
)]
fn case(repeat: impl FnOnce() -> String, work: impl Future<Output = ()>) {
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let run = AssertUnwindSafe(|| runtime.block_on(work));
    if let Err(panic) = catch_unwind(run) {
        eprintln!("repeat it: {}", repeat());
        resume_unwind(panic);
    }
}
