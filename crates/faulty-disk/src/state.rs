//! All that is on a disk, and what becomes of each operation.
//!
//! **Whatever was opened before power was lost is of no use after it**: each opening remembers how often
//! power had been lost. Names are as unsafe as contents: a new one is kept when its file is synced for
//! the first time or the directory is, a deletion when the directory is synced.

use std::collections::HashMap;

use fastrand::Rng;

use crate::{
    content::Content,
    fault::{Fault, Operation, Plan},
    lock::{Holder, Locks},
    memory::Memory,
};

/// A file, whatever it is called.
type FileId = u64;

/// An operation that was not done, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) operation: Operation,
    pub(crate) reason: Reason,
}

/// Why an operation was not done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    Fault(Fault),
    /// There is no such file.
    Missing,
}

/// A file that was opened.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Opening {
    file: FileId,
    era: u64,
    pub(crate) holder: Holder,
    /// It has no name, and goes when this does.
    is_temporary: bool,
}

/// What shall be done about a file that is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Absent {
    Refuse,
    Create,
    /// It is taken to be there, empty and for good, because others made it.
    Assume,
}

#[derive(Debug, Default)]
struct File {
    content: Content,
    locks: Locks,
}

/// Which file a name leads to, and to which it would after a loss of power.
#[derive(Clone, Copy, Debug, Default)]
struct Name {
    now: Option<FileId>,
    durable: Option<FileId>,
}

/// The disk.
#[derive(Debug)]
pub(crate) struct State {
    names: HashMap<String, Name>,
    files: HashMap<FileId, File>,
    /// By file and era: a loss of power ends no process that a test runs in, so it takes no memory from
    /// anybody.
    memories: HashMap<(FileId, u64), Memory>,
    rng: Rng,
    plan: Option<Plan>,
    struck: bool,
    is_off: bool,
    /// How often power was lost.
    era: u64,
    /// The last number that a file or an opening has got.
    last: u64,
    done: HashMap<Operation, u64>,
}

impl State {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            names: HashMap::new(),
            files: HashMap::new(),
            memories: HashMap::new(),
            rng: Rng::with_seed(seed),
            plan: None,
            struck: false,
            is_off: false,
            era: 0,
            last: 0,
            done: HashMap::new(),
        }
    }

    pub(crate) fn plan(&mut self, plan: Plan) {
        self.plan = Some(plan);
        self.struck = false;
    }

    pub(crate) fn mend(&mut self) {
        self.plan = None;
    }

    pub(crate) fn has_struck(&self) -> bool {
        self.struck
    }

    /// How many operations there were that `fault` concerns.
    pub(crate) fn count(&self, fault: Fault) -> u64 {
        let done = self.done.iter();
        done.filter(|(operation, _)| fault.concerns(**operation))
            .map(|(_, count)| count)
            .sum()
    }

    pub(crate) fn lose_power(&mut self) {
        let kept = [0.0, 0.5, 0.9, 1.0][self.rng.usize(..4)];
        for name in self.names.values_mut() {
            if self.rng.f64() < kept {
                name.durable = name.now;
            }
            name.now = name.durable;
        }
        self.names.retain(|_, name| name.now.is_some());
        let names = &self.names;
        self.files
            .retain(|file, _| names.values().any(|name| name.now == Some(*file)));
        for file in self.files.values_mut() {
            file.content.lose_power(&mut self.rng, kept);
            file.locks = Locks::default();
        }
        self.era += 1;
        self.is_off = false;
        self.mend();
    }

    pub(crate) fn open(&mut self, name: Option<&str>, absent: Absent) -> Result<Opening, Failure> {
        let operation = Operation::Open;
        self.begin(self.era, operation)?;
        let found = name.and_then(|name| self.names.get(name)?.now);
        let file = match (found, absent) {
            (Some(file), _) => file,
            (None, Absent::Refuse) => {
                let reason = Reason::Missing;
                return Err(Failure { operation, reason });
            }
            (None, _) => self.create(name, absent == Absent::Assume),
        };
        self.last += 1;
        Ok(Opening {
            file,
            era: self.era,
            holder: self.last,
            is_temporary: name.is_none(),
        })
    }

    fn create(&mut self, name: Option<&str>, is_durable: bool) -> FileId {
        self.last += 1;
        let file = self.last;
        self.files.insert(file, File::default());
        if let Some(name) = name {
            let name = self.names.entry(name.to_owned()).or_default();
            name.now = Some(file);
            if is_durable {
                name.durable = Some(file);
            }
        }
        file
    }

    pub(crate) fn close(&mut self, opening: Opening) {
        if let Some(file) = self.file(opening) {
            file.locks.lower(opening.holder, crate::lock::Level::None);
        }
        self.leave_memory(opening);
        if opening.is_temporary {
            self.files.remove(&opening.file);
        }
    }

    /// Whether there is a file of this name.
    pub(crate) fn exists(&self, name: &str) -> Result<bool, Failure> {
        self.powered(self.era, Operation::Open)?;
        let name = self.names.get(name);
        Ok(name.is_some_and(|name| name.now.is_some()))
    }

    pub(crate) fn delete(&mut self, name: &str, sync_directory: bool) -> Result<(), Failure> {
        let operation = Operation::Delete;
        self.begin(self.era, operation)?;
        let reason = Reason::Missing;
        let deleted = self.names.get_mut(name).and_then(|name| name.now.take());
        deleted.ok_or(Failure { operation, reason })?;
        if sync_directory {
            for name in self.names.values_mut() {
                name.durable = name.now;
            }
        }
        Ok(())
    }

    pub(crate) fn length(&mut self, opening: Opening) -> Result<usize, Failure> {
        Ok(self.content(opening, Operation::Read)?.len())
    }

    pub(crate) fn read(
        &mut self,
        opening: Opening,
        at: usize,
        into: &mut [u8],
    ) -> Result<usize, Failure> {
        self.begin(opening.era, Operation::Read)?;
        Ok(self.content(opening, Operation::Read)?.read(at, into))
    }

    pub(crate) fn write(
        &mut self,
        opening: Opening,
        at: usize,
        bytes: &[u8],
    ) -> Result<(), Failure> {
        self.powered(opening.era, Operation::Write)?;
        let begun = self.begin(opening.era, Operation::Write);
        let written = match begun.map_err(|failure| failure.reason) {
            Ok(()) | Err(Reason::Fault(Fault::Power)) => bytes,
            Err(Reason::Fault(Fault::ShortWrite)) => &bytes[..bytes.len() / 2],
            Err(_) => return begun,
        };
        if let Some(file) = self.file(opening) {
            file.content.write(opening.holder, at, written);
        }
        begun
    }

    pub(crate) fn truncate(&mut self, opening: Opening, length: usize) -> Result<(), Failure> {
        self.begin(opening.era, Operation::Truncate)?;
        let content = self.content(opening, Operation::Truncate)?;
        content.truncate(opening.holder, length);
        Ok(())
    }

    pub(crate) fn sync(&mut self, opening: Opening) -> Result<(), Failure> {
        let operation = Operation::Sync;
        let begun = self.begin(opening.era, operation);
        match begun.map_err(|failure| failure.reason) {
            Ok(()) => {
                if !self.content(opening, operation)?.sync(opening.holder) {
                    let reason = Reason::Fault(Fault::Sync);
                    return Err(Failure { operation, reason });
                }
                let file = Some(opening.file);
                for name in self.names.values_mut().filter(|name| name.now == file) {
                    name.durable = file;
                }
            }
            Err(Reason::Fault(Fault::Io | Fault::Sync)) => {
                let (mut rng, forget) = (self.rng.fork(), self.rng.bool());
                if let Some(file) = self.file(opening) {
                    file.content.fail_sync(opening.holder, &mut rng, forget);
                }
            }
            Err(_) => {}
        }
        begun
    }

    /// The locks on a file. `None` after power was lost.
    pub(crate) fn locks(&mut self, opening: Opening) -> Option<&mut Locks> {
        self.file(opening).map(|file| &mut file.locks)
    }

    /// The memory that is shared by those who have opened a file.
    pub(crate) fn memory(&mut self, opening: Opening) -> &mut Memory {
        let memory = (opening.file, opening.era);
        self.memories.entry(memory).or_default()
    }

    /// Lets go of that.
    pub(crate) fn leave_memory(&mut self, opening: Opening) {
        if self.memory(opening).leave(opening.holder) {
            self.memories.remove(&(opening.file, opening.era));
        }
    }

    pub(crate) fn fill_randomly(&mut self, bytes: &mut [u8]) {
        self.rng.fill(bytes);
    }

    fn content(&mut self, opening: Opening, operation: Operation) -> Result<&mut Content, Failure> {
        self.powered(opening.era, operation)?;
        let reason = Reason::Missing;
        let file = self.file(opening).ok_or(Failure { operation, reason })?;
        Ok(&mut file.content)
    }

    fn file(&mut self, opening: Opening) -> Option<&mut File> {
        if opening.era == self.era {
            self.files.get_mut(&opening.file)
        } else {
            None
        }
    }

    fn powered(&self, era: u64, operation: Operation) -> Result<(), Failure> {
        if self.is_off || era != self.era {
            let reason = Reason::Fault(Fault::Power);
            return Err(Failure { operation, reason });
        }
        Ok(())
    }

    fn begin(&mut self, era: u64, operation: Operation) -> Result<(), Failure> {
        self.powered(era, operation)?;
        *self.done.entry(operation).or_default() += 1;
        let Some(plan) = &mut self.plan else {
            return Ok(());
        };
        if !plan.strikes(operation) {
            return Ok(());
        }
        let fault = plan.fault;
        self.struck = true;
        self.is_off = fault == Fault::Power;
        if plan.lasting == crate::fault::Lasting::Once {
            self.plan = None;
        }
        let reason = Reason::Fault(fault);
        Err(Failure { operation, reason })
    }
}
