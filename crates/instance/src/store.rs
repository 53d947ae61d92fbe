//! Everything that outlives the process: one `SQLite` database in one data directory.
//!
//! **An answer to a write is given only after the commit that holds it has reached the disk.** One
//! thread writes and commits many callers' jobs together (`writer`), a few threads look up
//! (`reader`), one copies the log back (`checkpoint`); callers wait in between on a [`Submission`].
//! Methods are named after use cases and each is one transaction. Nothing outside this module
//! knows SQL, and nothing in here knows the wire. Why `SQLite`, and what it costs:
//! `docs/decisions/0001-sqlite-with-group-commit.md`.

mod open_error;
mod disk;
mod frames;
mod directory;
mod pulse;
mod seal;
mod connection;
mod schema;

mod slot;
mod job;
mod answers;
mod queue;
mod checkpoint;
mod writer;
mod reader;
#[cfg(test)]
mod by_hand;

mod credential;
mod party;
mod client;
mod node;
mod message;
mod listing;
mod approval;
mod check;

use std::{
    num::NonZeroUsize,
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{Receiver, sync_channel},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use tokio::{task::spawn_blocking, time::timeout};

#[cfg(test)]
pub(crate) use self::by_hand::{ByHand, Fate};
pub use self::{
    approval::{Approval, ApprovalError, approve_node},
    check::{Report, check},
    checkpoint::LogOptions,
    credential::{Authority, Change, LiveToken, Proven},
    disk::{Disk, DiskFile},
    listing::ListedNode,
    message::{
        Ended, Full, Limit, LoggedIn, MessageRef, MessageState, NewMessage, Page, Pending,
        Processed, Sent, Status, Swept, Waiting, Withdrawal,
    },
    node::{Delivery, NewNode, NodeUpdate, Protocol},
    open_error::OpenError,
    party::Authenticated,
    pulse::Health,
    queue::Submission,
};
use self::{
    checkpoint::Checkpointer, connection::Role, directory::Directory, disk::System, pulse::Pulse,
    queue::Queue, reader::Reader, slot::Slot, writer::Writer,
};
use crate::error::Fault;

/// What an operator can decide about the store. The defaults suit a small machine.
#[derive(Clone, Debug)]
pub struct Options {
    /// How long a caller waits for an answer before it is told that there was none.
    pub deadline: Duration,
    /// How many writes may wait for the writer before callers wait for room.
    pub write_queue: NonZeroUsize,
    /// How many look-ups may wait for a reader before callers wait for room.
    pub read_queue: NonZeroUsize,
    /// How many threads look up.
    pub readers: NonZeroUsize,
    /// What the messages that wait for a party are held to.
    pub queue: QueueOptions,
    /// How long the log may be.
    pub log: LogOptions,
    /// Where the database is. Tests bring their own.
    #[doc(hidden)]
    pub disk: Arc<dyn Disk>,
}

/// What an operator can decide about messages.
#[derive(Clone, Copy, Debug)]
pub struct QueueOptions {
    /// How many may wait for one party.
    pub messages: u32,
    /// How many bytes of content may wait for one party.
    pub bytes: u64,
    /// How many of one sender may wait for one party.
    pub pair: u32,
    /// How many bytes the database may hold before it takes no message any more.
    pub store_bytes: u64,
    /// How long a message waits before it expires.
    pub life: Duration,
    /// How long it waits after it was first handed to a party that never acknowledges.
    pub unacknowledged_life: Duration,
    /// How long it is remembered after it has ended.
    pub kept: Duration,
    /// How often it is pushed in vain before it is parked: not pushed any more.
    pub pushes: u32,
}

impl Default for QueueOptions {
    fn default() -> Self {
        Self {
            messages: 1000,
            bytes: 4 << 20,
            pair: 100,
            store_bytes: 4 << 30,
            life: Duration::from_hours(30 * 24),
            unacknowledged_life: Duration::from_hours(7 * 24),
            kept: Duration::from_hours(7 * 24),
            pushes: 10,
        }
    }
}

impl Default for Options {
    fn default() -> Self {
        let cores = thread::available_parallelism().map_or(1, NonZeroUsize::get);
        Self {
            deadline: Duration::from_secs(10),
            write_queue: const { NonZeroUsize::new(2 * writer::MAX_BATCH).expect("not zero") },
            read_queue: const { NonZeroUsize::new(1024).expect("not zero") },
            readers: NonZeroUsize::new(cores / 2).unwrap_or(NonZeroUsize::MIN),
            queue: QueueOptions::default(),
            log: LogOptions::default(),
            disk: Arc::new(System),
        }
    }
}

/// The durable store of one instance.
///
/// It is shared by reference. Dropping it without [`close`](Self::close) loses nothing: its threads
/// finish what they were given, but nobody waits for them.
#[derive(Debug)]
pub struct Store {
    writes: Queue,
    reads: Queue,
    pulse: Arc<Pulse>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    deadline: Duration,
    queue: QueueOptions,
}

impl Store {
    /// Opens the store in `data_dir`, creating what is not there and migrating what is older.
    ///
    /// It blocks for some milliseconds, so it is called before there is anybody to serve. No other
    /// process can open the directory until the store's last thread has ended.
    pub fn open(data_dir: &Path, options: &Options) -> Result<Self, OpenError> {
        let (store, workers) = Self::assemble(data_dir, options)?;
        *lock(&store.threads) = workers.start()?;
        Ok(store)
    }

    /// A store, and those who will do its work.
    fn assemble(data_dir: &Path, options: &Options) -> Result<(Self, Workers), OpenError> {
        let directory = Arc::new(Directory::open(data_dir, Arc::clone(&options.disk))?);
        checkpoint::renew_log(&directory)?;
        let path = directory.database();
        let pulse = Arc::new(Pulse::default());
        let connect = |role| {
            connection::open(path, role, &pulse).map_err(|error| OpenError::database(path, error))
        };
        let mut connection = connect(Role::Writer)?;
        schema::prepare(&mut connection, path)?;
        directory.keep()?;
        let slot = |role, connection| Arc::new(Slot::new(role, connection, &directory, &pulse));
        let first = slot(Role::Writer, connection);

        let (reads, lookups) = Queue::new(options.read_queue, options.deadline);
        let lookups = Arc::new(Mutex::new(lookups));
        let readers: Vec<_> = (0..options.readers.get())
            .map(|_| Ok(slot(Role::Reader, connect(Role::Reader)?)))
            .collect::<Result<_, OpenError>>()?;
        let others = [&[Arc::clone(&first)], &*readers].concat();

        let last = slot(Role::Checkpointer, connect(Role::Checkpointer)?);
        let checkpointer = Checkpointer::new(last, others, options.log.tick);
        let (checkpoints, wanted) = sync_channel(1);

        let (writes, jobs) = Queue::new(options.write_queue, options.deadline);

        let workers = Workers {
            writer: Writer::new(jobs, first, options.log, checkpoints),
            directory,
            pulse: Arc::clone(&pulse),
            readers: readers
                .into_iter()
                .map(|slot| Reader::new(slot, Arc::clone(&lookups)))
                .collect(),
            checkpointer,
            wanted,
        };
        let store = Self {
            writes,
            reads,
            pulse,
            threads: Mutex::default(),
            deadline: options.deadline,
            queue: options.queue,
        };
        Ok((store, workers))
    }

    /// Whether the store can serve.
    ///
    /// While writes fail, asking also has one tried, so that a store nobody writes to any more
    /// finds out that its disk is back.
    #[must_use]
    pub fn health(&self) -> Health {
        let health = self.pulse.health();
        if health == Health::WritesFail {
            drop(self.writes.submit("try a write", |_| Ok(())));
        }
        health
    }

    /// How many rows were come across that do not fit their sums, and were not served. The log says which.
    #[must_use]
    pub fn damaged_rows(&self) -> usize {
        self.pulse.damaged_rows()
    }

    /// Takes no more, does what was taken, writes the log back and lets go of the data directory.
    ///
    /// Waits at most the deadline of [`Options`]. Closing again does nothing.
    pub async fn close(&self) -> Result<(), Fault> {
        self.writes.close();
        self.reads.close();
        let threads = std::mem::take(&mut *lock(&self.threads));
        let joined = spawn_blocking(move || {
            threads
                .into_iter()
                .try_for_each(|thread| thread.join().map_err(|_| "a thread panicked"))
        });
        match timeout(self.deadline, joined).await {
            Ok(Ok(Ok(()))) => Ok(()),
            Ok(Ok(Err(panicked))) => Err(Fault::new("close the store", panicked)),
            Ok(Err(join)) => Err(Fault::new("close the store", join)),
            Err(elapsed) => Err(Fault::new("close the store", elapsed)),
        }
    }
}

/// Those who do the store's work, before each has a thread of its own.
struct Workers {
    directory: Arc<Directory>,
    pulse: Arc<Pulse>,
    readers: Vec<Reader>,
    checkpointer: Checkpointer,
    /// Told when a checkpoint is wanted.
    wanted: Receiver<()>,
    writer: Writer,
}

impl Workers {
    fn start(self) -> Result<Vec<JoinHandle<()>>, OpenError> {
        let mut threads = Threads {
            directory: self.directory,
            pulse: self.pulse,
            started: Vec::new(),
        };
        for reader in self.readers {
            threads.start("nile-reader", || reader.run())?;
        }
        let (checkpointer, wanted) = (self.checkpointer, self.wanted);
        threads.start("nile-checkpointer", move || checkpointer.run(&wanted))?;
        let writer = self.writer;
        threads.start("nile-writer", || writer.run())?;
        Ok(threads.started)
    }
}

/// Starts the store's threads. Each keeps the directory locked until it ends, and is watched.
struct Threads {
    directory: Arc<Directory>,
    pulse: Arc<Pulse>,
    started: Vec<JoinHandle<()>>,
}

impl Threads {
    fn start(
        &mut self,
        name: &'static str,
        work: impl FnOnce() + Send + 'static,
    ) -> Result<(), OpenError> {
        let directory = Arc::clone(&self.directory);
        let watch = self.pulse.watch(name);
        let thread = thread::Builder::new().name(name.to_owned()).spawn(move || {
            let _held = (directory, watch);
            work();
        });
        self.started.push(thread.map_err(OpenError::Thread)?);
        Ok(())
    }
}

/// Locks what no panic can leave half-changed.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
