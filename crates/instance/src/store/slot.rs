//! The connections of the store's threads, each in a place where it can be taken from its thread.
//!
//! **When the disk has failed while the log was copied back, nobody uses a connection** until all have
//! been closed and the log is known to hold everything: what was copied before may be read from the
//! database as it was before that. When to begin again is decided in `checkpoint`.

use std::sync::{Arc, Mutex, MutexGuard};

use rusqlite::{Connection, Result};

use super::{
    connection::{self, Role},
    directory::Directory,
    lock,
    pulse::Pulse,
};
use crate::error::Cause;

/// One thread's connection, or the place for it.
#[derive(Debug)]
pub(super) struct Slot {
    /// Dropped before the directory, which is let go of with the last.
    connection: Mutex<Option<Connection>>,
    role: Role,
    pub(super) directory: Arc<Directory>,
    pub(super) pulse: Arc<Pulse>,
}

impl Slot {
    /// The place of `connection`, which is set up for `role`.
    pub(super) fn new(
        role: Role,
        connection: Connection,
        directory: &Arc<Directory>,
        pulse: &Arc<Pulse>,
    ) -> Self {
        Self {
            connection: Mutex::new(Some(connection)),
            role,
            directory: Arc::clone(directory),
            pulse: Arc::clone(pulse),
        }
    }

    /// Keeps the connection where it is for as long as the result lives.
    pub(super) fn hold(&self) -> Held<'_> {
        Held {
            slot: self,
            connection: lock(&self.connection),
        }
    }
}

/// A connection that nobody else can take.
pub(super) struct Held<'a> {
    slot: &'a Slot,
    connection: MutexGuard<'a, Option<Connection>>,
}

impl Held<'_> {
    /// The connection: the one that was used before, or a new one.
    pub(super) fn connection(&mut self) -> Result<&mut Connection, Cause> {
        if self.slot.pulse.copying_failed() {
            return Err(Cause::from(Box::from(
                "the disk failed while the log was copied back",
            )));
        }
        self.reopened().map_err(|error| Arc::new(error) as Cause)
    }

    /// The same, whatever has failed.
    pub(super) fn reopened(&mut self) -> Result<&mut Connection> {
        let Slot {
            role,
            directory,
            pulse,
            ..
        } = self.slot;
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => connection::open(directory.database(), *role, pulse)?,
        };
        Ok(self.connection.insert(connection))
    }

    /// The connection that was used before, if nothing has failed since.
    pub(super) fn last(&self) -> Option<&Connection> {
        self.connection.as_ref()
    }

    /// Closes it.
    pub(super) fn close(&mut self) {
        *self.connection = None;
    }
}
