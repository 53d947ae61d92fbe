//! What can go wrong with an operation, and when it does.

/// What is done to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Operation {
    Open,
    Read,
    Write,
    Truncate,
    Sync,
    Delete,
}

/// How an operation fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Any operation: the disk does not do it (`EIO`). A sync that fails so loses what it was to write.
    Io,
    /// A write: there is no room (`ENOSPC`).
    Full,
    /// A write: there was room for a part of it.
    ShortWrite,
    /// A sync: what it was to write is lost.
    Sync,
    /// Power is lost at a change or a sync; nothing can be done from then on, reading neither.
    Power,
}

/// How long operations fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lasting {
    /// The next succeeds.
    Once,
    /// Until [`Disk::mend`](crate::Disk::mend).
    UntilMended,
}

impl Fault {
    /// Whether `operation` can fail so.
    pub(crate) fn concerns(self, operation: Operation) -> bool {
        match self {
            Self::Io => true,
            Self::Full | Self::ShortWrite => operation == Operation::Write,
            Self::Sync => operation == Operation::Sync,
            Self::Power => !matches!(operation, Operation::Open | Operation::Read),
        }
    }
}

/// A fault to come.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) fault: Fault,
    pub(crate) lasting: Lasting,
    /// How many of the operations that it concerns are still done.
    pub(crate) spared: u64,
}

impl Plan {
    /// Whether this `operation` fails. Counts it.
    pub(crate) fn strikes(&mut self, operation: Operation) -> bool {
        if !self.fault.concerns(operation) {
            return false;
        }
        let strikes = self.spared == 0;
        self.spared = self.spared.saturating_sub(1);
        strikes
    }
}
