//! One message's row: found by its number or by its sender's name for it, and ended.
//!
//! **[`end`] is the only way out of waiting**, whatever the end is, so that the sums follow each. Whose
//! row it is, and whether it may end, its callers have looked up before.

use nile_protocol::party::PartyId;
use rusqlite::{Connection, OptionalExtension, Result, Row, params};

use super::{Ended, MessageState, kinds, to_node, total};
use crate::{
    clock::Timestamp,
    store::seal::{Intact, message_columns},
};

/// A message without its content.
pub(super) struct Kept {
    pub(super) queue_id: i64,
    pub(super) from: PartyId,
    pub(super) to: PartyId,
    /// The sender's own name for it.
    pub(super) id: Option<Box<str>>,
    pub(super) state: MessageState,
    /// When it came to be in that state.
    pub(super) since: Timestamp,
    /// How often it was pushed in vain.
    pub(super) pushes: u32,
    /// The length of its content.
    pub(super) bytes: i64,
}

/// A statement that selects the columns which [`Kept::read`] reads, and perhaps more.
macro_rules! select_kept {
    ($($rest:expr),+) => {
        concat!(
            "SELECT seq, to_node, to_id, from_id, sender_ref, state, changed_at, pushes, bytes, ",
            $crate::store::seal::intact!(message),
            $($rest),+
        )
    };
}
pub(super) use select_kept;

pub(super) const BY_NUMBER: &str = select_kept!(" FROM message WHERE seq = ?1");
pub(super) const BY_NAME: &str =
    select_kept!(", digest FROM message WHERE to_node = ?1 AND from_id = ?2 AND sender_ref = ?3");
pub(super) const END: &str = concat!(
    "UPDATE message SET state = ?2, changed_at = ?3, body = NULL, sum = seal('message', ",
    message_columns!("?2", "?3", "handed_at", "pushes"),
    ") WHERE seq = ?1"
);

impl Kept {
    /// Reads the first columns of a [`select_kept!`].
    pub(super) fn read(row: &Row<'_>) -> Result<Self> {
        let Intact = row.get(9)?;
        let (to, from) = kinds(row.get(1)?);
        Ok(Self {
            queue_id: row.get(0)?,
            from: from.party(row.get(3)?),
            to: to.party(row.get(2)?),
            id: row.get(4)?,
            state: row.get(5)?,
            since: Timestamp(row.get(6)?),
            pushes: row.get(7)?,
            bytes: row.get(8)?,
        })
    }
}

/// The message with this number, whoever's it is.
pub(super) fn by_number(connection: &Connection, queue_id: i64) -> Result<Option<Kept>> {
    connection
        .prepare_cached(BY_NUMBER)?
        .query_row([queue_id], Kept::read)
        .optional()
}

/// The message that waits for `party` under this number.
pub(super) fn waiting(
    connection: &Connection,
    queue_id: i64,
    party: PartyId,
) -> Result<Option<Kept>> {
    let found = by_number(connection, queue_id)?;
    Ok(found.filter(|message| message.to == party && message.state == MessageState::Stored))
}

/// The message that `from` has given this name, and the digest of what was asked.
pub(super) fn by_name(
    connection: &Connection,
    from: PartyId,
    id: &str,
) -> Result<Option<(Kept, [u8; 16])>> {
    connection
        .prepare_cached(BY_NAME)?
        .query_row(params![!to_node(from), from.number(), id], |row| {
            Ok((Kept::read(row)?, row.get(10)?))
        })
        .optional()
}

/// Ends a message that waits: its content goes, and the sums follow.
pub(super) fn end(
    connection: &Connection,
    message: Kept,
    state: MessageState,
    now: Timestamp,
) -> Result<Ended> {
    connection
        .prepare_cached(END)?
        .execute(params![message.queue_id, state, now.0])?;
    total::subtract(connection, &message, state)?;
    Ok(Ended {
        queue_id: message.queue_id,
        from: message.from,
        to: message.to,
        id: message.id,
        state,
        since: now,
    })
}
