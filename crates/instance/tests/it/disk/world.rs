//! A store on a faulty disk, what it was asked for, and what may be in it.

use std::{num::NonZeroUsize, path::PathBuf, sync::Arc, thread, time::Duration};

use fastrand::Rng;
use faulty_disk::Disk;
use futures_util::future::join_all;
use nile_instance::{
    clock::Timestamp,
    store::{Health, LogOptions, OpenError, Options, Store},
};
use nile_protocol::party::PartyKind;
use rusqlite::{Connection, OpenFlags};
use tempfile::TempDir;
use tokio::{task::yield_now, time::timeout};

use super::{
    Faulty, look,
    model::{Model, queue_options},
    operation::Asking,
};
use crate::{store::NOW, support::directory_in_memory};

/// How long anything may take that ends by itself.
const PATIENCE: Duration = Duration::from_secs(30);

pub(super) struct World {
    pub(super) disk: Disk,
    pub(super) model: Model,
    pub(super) rng: Rng,
    now: Timestamp,
    options: Options,
    /// Another program that reads, and sees what was there when it began.
    reader: Option<Connection>,
    directory: TempDir,
}

impl World {
    pub(super) fn new(seed: u64) -> Self {
        let disk = Disk::new(seed);
        let options = Options {
            queue: queue_options(),
            readers: NonZeroUsize::MIN,
            // So short that it is copied, started over and emptied all the time.
            log: LogOptions {
                worth_copying: 12,
                long: 30,
                too_long: 60,
                few: 10,
                // While somebody reads, 10 ms are spent at each in trying to empty it, and nothing is written.
                tick: Duration::from_millis(1),
            },
            disk: Arc::new(Faulty(disk.clone())),
            ..Options::default()
        };
        Self {
            disk,
            model: Model::default(),
            rng: Rng::with_seed(seed),
            now: NOW,
            options,
            reader: None,
            // There is nothing in it but the lock.
            directory: directory_in_memory(),
        }
    }

    /// Opens the store, as soon as the threads of one that could not be opened are gone.
    pub(super) fn open(&self) -> Result<Store, OpenError> {
        loop {
            match Store::open(self.directory.path(), &self.options) {
                Err(OpenError::InUse { .. }) => thread::yield_now(),
                opened => return opened,
            }
        }
    }

    /// Ends a store that may not be able to end well.
    pub(super) async fn end(store: Store) {
        timeout(PATIENCE, store.close()).await.unwrap().ok();
    }

    /// Asks for `operations` things at once, and notes what was answered.
    pub(super) async fn ask(&mut self, store: &Store, operations: usize) {
        let mut begun = Vec::new();
        for _ in 0..operations {
            begun.push(self.asking(store).any());
        }
        self.note(begun).await;
    }

    /// Another program begins to read, and goes on for a while; until it ends no log can start over.
    pub(super) fn let_somebody_read(&mut self) {
        if self.rng.u8(..4) > 0 {
            return;
        }
        if self.reader.take().is_none() {
            let reads =
                |reader: &Connection| reader.execute_batch("BEGIN; SELECT count(*) FROM message");
            self.reader = self.side_door().ok().filter(|reader| reads(reader).is_ok());
        }
    }

    pub(super) fn nobody_else_reads(&mut self) {
        self.reader = None;
    }

    /// Something new of each kind can be stored, with numbers that nobody ever had.
    pub(super) async fn assert_serves(&mut self, store: &Store) {
        let before = self.model.refused;
        for kind in [PartyKind::Client, PartyKind::Node] {
            let registered = self.asking(store).register_a(kind);
            self.note(vec![registered]).await;
        }
        let sent = self.asking(store).send();
        self.note(vec![sent]).await;
        assert_eq!(self.model.refused, before, "a whole disk is not written to");
    }

    /// What is in the store is what may be there.
    pub(super) async fn look(&mut self, store: &Store) {
        self.model.look(store).await;
        look::assert_whole(&self.side_door().unwrap());
        assert_eq!(store.damaged_rows(), 0);
    }

    /// Waits until the store serves again.
    pub(super) async fn recovered(store: &Store) {
        let recovered = async {
            while store.health() != Health::Serving {
                yield_now().await;
            }
        };
        let recovered = timeout(PATIENCE, recovered).await;
        assert!(recovered.is_ok(), "{:?} on a whole disk", store.health());
    }

    fn asking<'a>(&'a mut self, store: &'a Store) -> Asking<'a> {
        self.now.0 += 60_000;
        Asking {
            store,
            model: &self.model,
            rng: &mut self.rng,
            now: self.now,
        }
    }

    async fn note(&mut self, begun: Vec<super::operation::Begun>) {
        for note in join_all(begun).await {
            note(&mut self.model);
        }
    }

    fn side_door(&self) -> rusqlite::Result<Connection> {
        let path: PathBuf = self.directory.path().join("nile.db");
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        Connection::open_with_flags_and_vfs(path, flags, self.disk.vfs())
    }
}
