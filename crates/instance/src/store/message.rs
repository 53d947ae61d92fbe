//! Messages from party to party: stored when they are accepted, there until their recipient removes them.
//!
//! **Whoever asks sees and ends only what is its own**: every use case compares both the kind and the
//! number of the party with the row's. And **sums never differ from what they are of**: a message begins
//! in `send::insert` alone and ends in `row::end` alone, which keep them. What a content means, who is
//! online, and when to push is decided above.

mod row;
mod total;

mod send;
mod take;
mod page;
mod status;
mod sweep;

#[cfg(test)]
mod tests;

use nile_protocol::party::{ClientId, NodeId, PartyId, PartyKind};
use rusqlite::{
    Result, ToSql,
    types::{FromSql, FromSqlError, FromSqlResult, ToSqlOutput, ValueRef},
};

pub(super) use self::take::refuse_all;
pub use self::{
    page::{Limit, LoggedIn, Page, Pending, Waiting},
    send::{Full, NewMessage, Sent},
    status::{MessageRef, Status, Withdrawal},
    sweep::Swept,
    take::Processed,
};
use crate::clock::Timestamp;

/// Where a message is. All states but the first are ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MessageState {
    /// It waits for its recipient.
    Stored,
    /// Its recipient has removed it.
    Delivered,
    /// It has waited for too long.
    Expired,
    /// Its recipient is gone.
    Refused,
    /// Its sender has taken it back.
    Withdrawn,
}

/// A message that waits no more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// Its number.
    pub queue_id: i64,
    /// Who had sent it.
    pub from: PartyId,
    /// Whom it had waited for.
    pub to: PartyId,
    /// The sender's own name for it.
    pub id: Option<Box<str>>,
    /// How it ended.
    pub state: MessageState,
    /// When.
    pub since: Timestamp,
}

impl MessageState {
    const ALL: [Self; 5] = [
        Self::Stored,
        Self::Delivered,
        Self::Expired,
        Self::Refused,
        Self::Withdrawn,
    ];
}

impl ToSql for MessageState {
    fn to_sql(&self) -> Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::from(match self {
            Self::Stored => 0,
            Self::Delivered => 1,
            Self::Expired => 2,
            Self::Refused => 3,
            Self::Withdrawn => 4,
        }))
    }
}

impl FromSql for MessageState {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let number = value.as_i64()?;
        usize::try_from(number)
            .ok()
            .and_then(|number| Self::ALL.get(number).copied())
            .ok_or(FromSqlError::OutOfRange(number))
    }
}

/// The column `to_node` of what is sent to `party`.
fn to_node(party: PartyId) -> bool {
    party.kind() == PartyKind::Node
}

/// The kinds of recipient and sender, by the column `to_node`.
const fn kinds(to_node: bool) -> (PartyKind, PartyKind) {
    if to_node {
        (PartyKind::Node, PartyKind::Client)
    } else {
        (PartyKind::Client, PartyKind::Node)
    }
}

/// A client and a node, of which one writes to the other.
#[derive(Clone, Copy)]
struct Pair {
    client: ClientId,
    node: NodeId,
}

impl Pair {
    /// `None` for two of one kind, who never write to each other.
    const fn of(one: PartyId, other: PartyId) -> Option<Self> {
        match (one, other) {
            (PartyId::Client(client), PartyId::Node(node))
            | (PartyId::Node(node), PartyId::Client(client)) => Some(Self { client, node }),
            _ => None,
        }
    }
}
