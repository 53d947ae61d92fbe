//! Accepting a message, or saying why not.
//!
//! **Nothing is written before it is decided that the message is stored**, so an answer that cannot be
//! stored leaves its request waiting. Whether the recipient is online makes no difference here.

use std::sync::Arc;

use nile_protocol::party::{ClientId, NodeId, PartyId};
use rusqlite::{Connection, OptionalExtension, Result, params};
use sha2::{Digest, Sha256};

use super::{
    Ended, MessageState, Pair,
    row::{self, Kept},
    to_node,
    total::{self, Between, Queue},
};
use crate::{
    clock::Timestamp,
    store::{
        QueueOptions, Store, Submission,
        credential::{Authority, Proven},
        party::{next_number, prove},
        seal::{Intact, intact},
    },
};

/// A message to be stored.
#[derive(Clone, Debug)]
pub struct NewMessage {
    /// Who sends it.
    pub from: PartyId,
    /// How that is known.
    pub authority: Authority,
    /// Whom it is for, as the sender says: a party of the other kind.
    pub to: Option<PartyId>,
    /// The message that it answers, if that waits for the sender: then it is for that one's sender,
    /// whatever [`to`](Self::to) says.
    pub answers: Option<i64>,
    /// The sender's own name for it. A second message of that name is not stored.
    pub id: Option<Box<str>>,
    /// JSON.
    pub content: Arc<str>,
}

/// What became of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sent {
    /// It waits for its recipient.
    Stored {
        /// Its number.
        queue_id: i64,
        /// Whom it is for.
        to: PartyId,
        /// The newest message to that party before this one; 0 if there was none.
        previous: i64,
        /// The message that it answered, which is delivered by that.
        answered: Option<Ended>,
    },
    /// It had been stored before, under the same name and with the same content.
    Repeated {
        /// The number it was given then.
        queue_id: i64,
        /// Whom it is for.
        to: PartyId,
        /// Where it is now.
        state: MessageState,
    },
    /// Its sender has given the name to another message.
    IdConflict,
    /// There is no such party, or the sender may not write to it.
    UnknownRecipient,
    /// There is no room.
    QueueFull(Full),
    /// What it answers does not wait for the sender, and it says no other recipient.
    NotPending,
}

/// Where there is no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Full {
    /// Too much waits for the recipient.
    Recipient,
    /// Too much of this sender waits for the recipient.
    Pair,
    /// The database is as large as it may be.
    Store,
}

pub(super) const INSERT: &str = "INSERT INTO message (seq, sum, to_node, to_id, from_id, sender_ref,
    digest, sent_at, state, changed_at, pushes, bytes, body_sum, body)
    VALUES (?1, seal('message', ?1, ?2, ?3, ?4, ?5, ?6, ?7, 0, ?7, NULL, 0, ?8, seal('body', ?1, ?9)),
    ?2, ?3, ?4, ?5, ?6, ?7, 0, ?7, 0, ?8, seal('body', ?1, ?9), ?9)";
pub(super) const CLIENT: &str = "SELECT 1 FROM client WHERE id = ?1";
pub(super) const APPROVED_NODE: &str = concat!(
    "SELECT approved, ",
    intact!(node),
    " FROM node WHERE id = ?1"
);

impl Store {
    /// Stores a message for its recipient, who has it from then on until it removes it.
    ///
    /// With an [`id`](NewMessage::id) it can be repeated as often as its sender likes: it is stored
    /// once, and remembered for some days after it has ended.
    pub fn send(&self, message: NewMessage, now: Timestamp) -> Submission<Proven<Sent>> {
        let (from, authority, bounds) = (message.from, message.authority, self.queue);
        let digest = message.id.is_some().then(|| message.digest());
        self.writes.submit("store a message", move |connection| {
            prove(connection, from, authority, now, || {
                Sending {
                    connection,
                    message: &message,
                    digest,
                    now,
                }
                .send(&bounds)
            })
        })
    }
}

impl NewMessage {
    fn length(&self) -> i64 {
        i64::try_from(self.content.len()).expect("nothing in memory is longer than isize::MAX")
    }

    /// What tells it from another of the same name: the recipient as stated, what it answers, the content.
    fn digest(&self) -> [u8; 16] {
        let mut digest = Sha256::new();
        // The kind of the recipient follows from the sender's.
        for number in [self.to.map(PartyId::number), self.answers] {
            digest.update([u8::from(number.is_some())]);
            digest.update(number.unwrap_or_default().to_le_bytes());
        }
        digest.update(self.content.as_bytes());
        let digest = digest.finalize();
        *digest.first_chunk().expect("SHA-256 has 32 bytes")
    }
}

/// A message on its way into the database.
struct Sending<'a> {
    connection: &'a Connection,
    message: &'a NewMessage,
    /// Where it has a name.
    digest: Option<[u8; 16]>,
    now: Timestamp,
}

impl Sending<'_> {
    fn send(&self, bounds: &QueueOptions) -> Result<Sent> {
        if let Some(before) = self.sent_before()? {
            return Ok(before);
        }
        let answered = self.answered()?;
        let Some(to) = answered
            .as_ref()
            .map(|request| request.from)
            .or(self.message.to)
        else {
            return Ok(Sent::NotPending);
        };
        let Some(pair) = Pair::of(self.message.from, to) else {
            return Ok(Sent::UnknownRecipient);
        };
        let between = total::between(self.connection, pair)?;
        if !self.reaches(to, between.is_some())? {
            return Ok(Sent::UnknownRecipient);
        }
        let queue = total::queue(self.connection, to)?;
        if let Some(full) = self.full(to, &queue, between.unwrap_or_default(), bounds)? {
            return Ok(Sent::QueueFull(full));
        }
        let queue_id = self.insert(to)?;
        total::add(self.connection, to, pair, (queue_id, self.message.length()))?;
        let answered = answered
            .map(|request| row::end(self.connection, request, MessageState::Delivered, self.now))
            .transpose()?;
        Ok(Sent::Stored {
            queue_id,
            to,
            previous: queue.newest,
            answered,
        })
    }

    /// What is to be said of a message whose name its sender has used before.
    fn sent_before(&self) -> Result<Option<Sent>> {
        let NewMessage { from, id, .. } = self.message;
        let Some((id, digest)) = id.as_ref().zip(self.digest) else {
            return Ok(None);
        };
        let before = row::by_name(self.connection, *from, id)?;
        Ok(before.map(|(before, was)| {
            if was == digest {
                Sent::Repeated {
                    queue_id: before.queue_id,
                    to: before.to,
                    state: before.state,
                }
            } else {
                Sent::IdConflict
            }
        }))
    }

    /// The request that this answers, if it waits for whoever sends this.
    fn answered(&self) -> Result<Option<Kept>> {
        let Some(queue_id) = self.message.answers else {
            return Ok(None);
        };
        row::waiting(self.connection, queue_id, self.message.from)
    }

    /// Whether `to` is there and may be written to. A client may by nodes that it `has_written` to; for
    /// others there is no difference between one that exists and one that does not.
    fn reaches(&self, to: PartyId, has_written: bool) -> Result<bool> {
        match to {
            PartyId::Client(_) if !has_written => Ok(false),
            PartyId::Client(ClientId(number)) => {
                self.connection.prepare_cached(CLIENT)?.exists([number])
            }
            PartyId::Node(NodeId(number)) => {
                let mut statement = self.connection.prepare_cached(APPROVED_NODE)?;
                let approved = statement.query_row([number], |row| {
                    let Intact = row.get(1)?;
                    row.get(0)
                });
                Ok(approved.optional()?.unwrap_or(false))
            }
        }
    }

    /// Where there is no room for it, if there is none.
    fn full(
        &self,
        to: PartyId,
        queue: &Queue,
        between: Between,
        bounds: &QueueOptions,
    ) -> Result<Option<Full>> {
        let pair = if to_node(to) {
            between.to_node
        } else {
            between.to_client
        };
        let bytes = queue.bytes.saturating_add(self.message.length());
        Ok(
            if queue.waiting >= bounds.messages || bytes.unsigned_abs() > bounds.bytes {
                Some(Full::Recipient)
            } else if pair >= bounds.pair {
                Some(Full::Pair)
            } else if size(self.connection)? >= bounds.store_bytes {
                Some(Full::Store)
            } else {
                None
            },
        )
    }

    fn insert(&self, to: PartyId) -> Result<i64> {
        let NewMessage {
            from, id, content, ..
        } = self.message;
        let queue_id = next_number(self.connection, "message")?;
        self.connection.prepare_cached(INSERT)?.execute(params![
            queue_id,
            to_node(to),
            to.number(),
            from.number(),
            id,
            self.digest,
            self.now.0,
            self.message.length(),
            content,
        ])?;
        Ok(queue_id)
    }
}

/// How many bytes of the database are in use: what was deleted leaves room that is used again.
fn size(connection: &Connection) -> Result<u64> {
    let pragma = |pragma| {
        connection
            .prepare_cached(pragma)?
            .query_row([], |row| row.get::<_, u32>(0))
    };
    let pages = pragma("PRAGMA page_count")?.saturating_sub(pragma("PRAGMA freelist_count")?);
    Ok(u64::from(pages) * u64::from(pragma("PRAGMA page_size")?))
}
