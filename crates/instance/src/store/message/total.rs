//! Sums of what waits: for a party, and between two.
//!
//! **They change with the rows they are of, in the same transaction**, so nobody ever has to count. What
//! bounds they are held to is decided in `send`.

use nile_protocol::party::PartyId;
use rusqlite::{Connection, OptionalExtension, Result, params};

use super::{MessageState, Pair, row::Kept, to_node};
use crate::store::seal::{Intact, intact};

/// What waits for a party, and how it has behaved. All zero for one that was never written to.
#[derive(Clone, Copy, Default)]
pub(super) struct Queue {
    /// How many messages.
    pub(super) waiting: u32,
    /// The length of their contents.
    pub(super) bytes: i64,
    /// The newest that was ever sent to it.
    pub(super) newest: i64,
    /// Whether it has ever removed one itself.
    pub(super) acknowledges: bool,
    /// The last that was handed over to it, while it has not.
    pub(super) handed_to: i64,
}

/// What waits between a client and a node to which it has written.
#[derive(Clone, Copy, Default)]
pub(super) struct Between {
    /// How many messages from the client wait for the node.
    pub(super) to_node: u32,
    /// How many messages from the node wait for the client.
    pub(super) to_client: u32,
}

pub(super) const QUEUE: &str = concat!(
    "SELECT waiting, bytes, newest, acknowledges, handed_to, ",
    intact!(queue),
    " FROM queue WHERE to_node = ?1 AND to_id = ?2"
);
pub(super) const BETWEEN: &str = concat!(
    "SELECT to_node, to_client, ",
    intact!(pair),
    " FROM pair WHERE client_id = ?1 AND node_id = ?2"
);

// Who adds has read the rows before, and found them intact.
pub(super) const ADD_TO_QUEUE: &str = "INSERT INTO queue
    (to_node, to_id, sum, waiting, bytes, newest, acknowledges, handed_to)
    VALUES (?1, ?2, seal('queue', ?1, ?2, 1, ?3, ?4, 0, 0), 1, ?3, ?4, 0, 0)
    ON CONFLICT DO UPDATE SET waiting = waiting + 1, bytes = bytes + ?3, newest = ?4,
    sum = seal('queue', to_node, to_id, waiting + 1, bytes + ?3, ?4, acknowledges, handed_to)";
pub(super) const ADD_TO_PAIR: &str =
    "INSERT INTO pair (client_id, node_id, sum, to_node, to_client)
    VALUES (?1, ?2, seal('pair', ?1, ?2, ?3, NOT ?3), ?3, NOT ?3)
    ON CONFLICT DO UPDATE SET to_node = to_node + ?3, to_client = to_client + (NOT ?3),
    sum = seal('pair', client_id, node_id, to_node + ?3, to_client + (NOT ?3))";

// Whoever subtracts has not. A row that is damaged stays so: it gets no sum that fits.
pub(super) const SUBTRACT_FROM_QUEUE: &str = concat!(
    "UPDATE queue SET waiting = waiting - 1, bytes = bytes - ?3, acknowledges = acknowledges OR ?4,
     sum = iif(",
    intact!(queue),
    ", seal('queue', to_node, to_id, waiting - 1, bytes - ?3, newest, acknowledges OR ?4, handed_to),
     sum) WHERE to_node = ?1 AND to_id = ?2"
);
pub(super) const SUBTRACT_FROM_PAIR: &str = concat!(
    "UPDATE pair SET to_node = to_node - ?3, to_client = to_client - (NOT ?3), sum = iif(",
    intact!(pair),
    ", seal('pair', client_id, node_id, to_node - ?3, to_client - (NOT ?3)), sum)
     WHERE client_id = ?1 AND node_id = ?2"
);

/// What waits for `party`.
pub(super) fn queue(connection: &Connection, party: PartyId) -> Result<Queue> {
    let queue = connection
        .prepare_cached(QUEUE)?
        .query_row((to_node(party), party.number()), |row| {
            let Intact = row.get(5)?;
            Ok(Queue {
                waiting: row.get(0)?,
                bytes: row.get(1)?,
                newest: row.get(2)?,
                acknowledges: row.get(3)?,
                handed_to: row.get(4)?,
            })
        })
        .optional()?;
    Ok(queue.unwrap_or_default())
}

/// What waits between the two. `None`: the client has never written to the node.
pub(super) fn between(connection: &Connection, pair: Pair) -> Result<Option<Between>> {
    connection
        .prepare_cached(BETWEEN)?
        .query_row((pair.client.0, pair.node.0), |row| {
            let Intact = row.get(2)?;
            Ok(Between {
                to_node: row.get(0)?,
                to_client: row.get(1)?,
            })
        })
        .optional()
}

/// Counts a message of this length that was stored for `to`.
pub(super) fn add(
    connection: &Connection,
    to: PartyId,
    pair: Pair,
    (queue_id, bytes): (i64, i64),
) -> Result<()> {
    connection.prepare_cached(ADD_TO_QUEUE)?.execute((
        to_node(to),
        to.number(),
        bytes,
        queue_id,
    ))?;
    connection
        .prepare_cached(ADD_TO_PAIR)?
        .execute((pair.client.0, pair.node.0, to_node(to)))
        .map(drop)
}

/// Counts a message no more that has ended in `state`.
pub(super) fn subtract(connection: &Connection, message: &Kept, state: MessageState) -> Result<()> {
    let Kept {
        to, from, bytes, ..
    } = message;
    let acknowledged = state == MessageState::Delivered;
    connection
        .prepare_cached(SUBTRACT_FROM_QUEUE)?
        .execute(params![to_node(*to), to.number(), bytes, acknowledged])?;
    let Some(pair) = Pair::of(*to, *from) else {
        unreachable!("the two kinds of a row are read from one column");
    };
    connection
        .prepare_cached(SUBTRACT_FROM_PAIR)?
        .execute((pair.client.0, pair.node.0, to_node(*to)))
        .map(drop)
}
