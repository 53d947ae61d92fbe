//! A sender and its messages: where they are, and taking them back.
//!
//! **A sender is told of its own messages alone**; of others there is no difference between those that
//! exist and those that do not.

use nile_protocol::party::PartyId;

use super::{Ended, MessageState, row};
use crate::{
    clock::Timestamp,
    store::{
        Store, Submission,
        credential::{Authority, Proven},
        party::prove,
    },
};

/// A message, as its sender names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MessageRef {
    /// By the number that it was given.
    QueueId(i64),
    /// By the sender's own name for it.
    Id(Box<str>),
}

/// Where a message is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// Its number.
    pub queue_id: i64,
    /// The sender's own name for it.
    pub id: Option<Box<str>>,
    /// Where it is.
    pub state: MessageState,
    /// Since when.
    pub since: Timestamp,
    /// Whether it waits and is not pushed any more, because that was in vain too often.
    pub parked: bool,
}

/// What became of taking a message back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Withdrawal {
    /// It is taken back. `None`: it had been before.
    Withdrawn(Option<Ended>),
    /// The sender has no such message, or it has ended otherwise.
    Unknown,
}

impl Store {
    /// Tells `from` where one of its messages is. It follows on what `from` asked for before.
    pub fn message_status(
        &self,
        from: PartyId,
        authority: Authority,
        message: MessageRef,
        now: Timestamp,
    ) -> Submission<Proven<Option<Status>>> {
        let pushes = self.queue.pushes;
        self.writes.submit("look up a message", move |connection| {
            prove(connection, from, authority, now, || {
                let found = match message {
                    MessageRef::QueueId(queue_id) => row::by_number(connection, queue_id)?,
                    MessageRef::Id(id) => {
                        row::by_name(connection, from, &id)?.map(|(found, _)| found)
                    }
                };
                let own = found.filter(|message| message.from == from);
                Ok(own.map(|message| Status {
                    queue_id: message.queue_id,
                    id: message.id,
                    state: message.state,
                    since: message.since,
                    parked: message.state == MessageState::Stored && message.pushes >= pushes,
                }))
            })
        })
    }

    /// Takes back a message of `from` that still waits.
    pub fn withdraw(
        &self,
        from: PartyId,
        authority: Authority,
        queue_id: i64,
        now: Timestamp,
    ) -> Submission<Proven<Withdrawal>> {
        self.writes.submit("withdraw a message", move |connection| {
            prove(connection, from, authority, now, || {
                let found = row::by_number(connection, queue_id)?;
                Ok(match found.filter(|message| message.from == from) {
                    Some(message) if message.state == MessageState::Stored => {
                        let state = MessageState::Withdrawn;
                        Withdrawal::Withdrawn(Some(row::end(connection, message, state, now)?))
                    }
                    Some(message) if message.state == MessageState::Withdrawn => {
                        Withdrawal::Withdrawn(None)
                    }
                    Some(_) | None => Withdrawal::Unknown,
                })
            })
        })
    }
}
