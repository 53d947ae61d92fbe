//! A recipient and its messages: removing them, and what is noted of those it does not remove.
//!
//! **A number that is not one of the party's own waiting messages has no effect**, and nobody is told
//! whether it is somebody else's.

use std::collections::BTreeSet;

use nile_protocol::party::PartyId;
use rusqlite::{Connection, Result};

use super::{
    Ended, MessageState,
    page::{self, Limit, Page},
    row::{self, Kept, select_kept},
    to_node,
};
use crate::{
    clock::Timestamp,
    store::{
        Store, Submission,
        credential::{Authority, Proven},
        party::prove,
        seal::{self, intact, message_columns},
    },
};

/// What a party has removed, and what still waits for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Processed {
    /// What it removed.
    pub ended: Vec<Ended>,
    /// The oldest that still wait.
    pub page: Page,
}

pub(super) const ALL_WAITING: &str =
    select_kept!(" FROM message WHERE state = 0 AND to_node = ?1 AND to_id = ?2 ORDER BY seq");
pub(super) const FORGET_QUEUE: &str = "DELETE FROM queue WHERE to_node = ?1 AND to_id = ?2";

// These do not look first. A row that is damaged stays so: it gets no sum that fits.
pub(super) const HANDED: &str = concat!(
    "UPDATE message SET handed_at = ?4, sum = iif(",
    intact!(message),
    ", seal('message', ",
    message_columns!("state", "changed_at", "?4", "pushes"),
    "), sum)
     WHERE seq = ?3 AND state = 0 AND to_node = ?1 AND to_id = ?2 AND handed_at IS NULL"
);
pub(super) const HANDED_TO: &str = concat!(
    "UPDATE queue SET handed_to = ?3, sum = iif(",
    intact!(queue),
    ", seal('queue', to_node, to_id, waiting, bytes, newest, acknowledges, ?3), sum)
     WHERE to_node = ?1 AND to_id = ?2"
);
pub(super) const PUSHED: &str = concat!(
    "UPDATE message SET pushes = pushes + 1, handed_at = coalesce(handed_at, ?4), sum = iif(",
    intact!(message),
    ", seal('message', ",
    message_columns!(
        "state",
        "changed_at",
        "coalesce(handed_at, ?4)",
        "pushes + 1"
    ),
    "), sum)
     WHERE seq = ?3 AND state = 0 AND to_node = ?1 AND to_id = ?2"
);

impl Store {
    /// Removes those of `queue_ids` that wait for `party`. Repeating it removes nothing.
    pub fn acknowledge(
        &self,
        party: PartyId,
        queue_ids: Vec<i64>,
        now: Timestamp,
    ) -> Submission<Vec<Ended>> {
        self.writes.submit("remove messages", move |connection| {
            take(connection, party, &queue_ids, now)
        })
    }

    /// Removes those of `queue_ids` that wait for `party`, and shows the first page of what still does.
    #[expect(clippy::too_many_arguments, reason = "no two of them belong together")]
    pub fn process(
        &self,
        party: PartyId,
        authority: Authority,
        queue_ids: Vec<i64>,
        limit: Limit,
        now: Timestamp,
    ) -> Submission<Proven<Processed>> {
        self.writes.submit("process a queue", move |connection| {
            prove(connection, party, authority, now, || {
                Ok(Processed {
                    ended: take(connection, party, &queue_ids, now)?,
                    page: page::read(connection, party, 0, limit)?,
                })
            })
        })
    }

    /// Notes that a page with `queue_ids` was handed to `party`, which never acknowledges: the next
    /// login shows the page after it.
    pub fn handed_over(
        &self,
        party: PartyId,
        queue_ids: Vec<i64>,
        now: Timestamp,
    ) -> Submission<()> {
        self.writes.submit("turn a page", move |connection| {
            note(connection, HANDED, party, &queue_ids, now)?;
            let Some(last) = queue_ids.last() else {
                return Ok(());
            };
            connection
                .prepare_cached(HANDED_TO)?
                .execute((to_node(party), party.number(), last))
                .map(drop)
        })
    }

    /// Notes that `queue_ids` were pushed to `party` on a connection that ended without acknowledging.
    pub fn unacknowledged(
        &self,
        party: PartyId,
        queue_ids: Vec<i64>,
        now: Timestamp,
    ) -> Submission<()> {
        self.writes.submit("note vain pushes", move |connection| {
            note(connection, PUSHED, party, &queue_ids, now)
        })
    }
}

fn take(
    connection: &Connection,
    party: PartyId,
    queue_ids: &[i64],
    now: Timestamp,
) -> Result<Vec<Ended>> {
    let mut found = BTreeSet::new();
    let mut waiting = Vec::new();
    for &queue_id in queue_ids {
        // A damaged one is not removed, and not in the way of the others.
        let message = seal::unless_damaged(row::waiting(connection, queue_id, party))?.flatten();
        waiting.extend(message.filter(|_| found.insert(queue_id)));
    }
    waiting
        .into_iter()
        .map(|message| row::end(connection, message, MessageState::Delivered, now))
        .collect()
}

/// Ends all that waits for `party`, which is about to go, and forgets that it had a queue.
pub(in crate::store) fn refuse_all(
    connection: &Connection,
    party: PartyId,
    now: Timestamp,
) -> Result<Vec<Ended>> {
    let waiting = connection
        .prepare_cached(ALL_WAITING)?
        .query_map((to_node(party), party.number()), Kept::read)?
        .filter_map(|message| seal::unless_damaged(message).transpose())
        .collect::<Result<Vec<_>>>()?;
    let ended = waiting
        .into_iter()
        .map(|message| row::end(connection, message, MessageState::Refused, now))
        .collect::<Result<_>>()?;
    connection
        .prepare_cached(FORGET_QUEUE)?
        .execute((to_node(party), party.number()))?;
    Ok(ended)
}

/// Runs an update on those of `queue_ids` that wait for `party`.
fn note(
    connection: &Connection,
    update: &str,
    party: PartyId,
    queue_ids: &[i64],
    now: Timestamp,
) -> Result<()> {
    let mut statement = connection.prepare_cached(update)?;
    queue_ids.iter().try_for_each(|queue_id| {
        statement
            .execute((to_node(party), party.number(), queue_id, now.0))
            .map(drop)
    })
}
