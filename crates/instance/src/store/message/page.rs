//! What waits for a party, a page at a time, oldest first.
//!
//! **A page has at least one message, if any is asked for and there is one**, however long that is:
//! otherwise a long one would hide all that come after it. Reading removes nothing.

use std::sync::Arc;

use nile_protocol::party::PartyId;
use rusqlite::{Connection, Result, Rows};

use super::{kinds, to_node, total};
use crate::{
    clock::Timestamp,
    store::{
        Store, Submission,
        party::{Authenticated, authenticate},
        seal::{self, Intact, intact},
    },
    token::TokenHash,
};

/// How much is asked for at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// How many messages at most.
    pub messages: u32,
    /// How many bytes of content at most, unless the first message has more.
    pub bytes: usize,
}

/// A message that waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// Its number.
    pub queue_id: i64,
    /// Who sent it.
    pub from: PartyId,
    /// When.
    pub queued_at: Timestamp,
    /// JSON.
    pub content: Arc<str>,
}

/// Some of what waits for a party.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// The oldest of those asked for.
    pub rows: Vec<Waiting>,
    /// How many wait altogether.
    pub total: u64,
    /// The newest message that was ever sent to the party; 0 if there was none.
    pub newest: i64,
    /// Whether the party has ever removed a message itself.
    pub acknowledges: bool,
}

impl Page {
    /// Whether nothing waits but these.
    #[must_use]
    pub fn is_all(&self) -> bool {
        self.rows.len() as u64 == self.total
    }
}

/// What may be pushed to a party.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pending {
    /// The oldest of those asked for, without those that are parked.
    pub rows: Vec<Waiting>,
    /// Nothing that may be pushed is left behind these.
    pub end: bool,
    /// The newest message that was ever sent to the party; 0 if there was none.
    pub newest: i64,
}

/// A party that has proved who it is, and what it is shown then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoggedIn {
    /// Who it is.
    pub party: Authenticated,
    /// What waits for it: the oldest. For a party that never acknowledges, those after the last page
    /// that was handed over, or the oldest when there are none after it.
    pub page: Page,
}

/// A statement that selects the columns which [`collect`] reads.
macro_rules! select_waiting {
    ($rest:literal) => {
        concat!(
            "SELECT seq, from_id, sent_at, body, ",
            intact!(message),
            " AND ",
            intact!(body),
            " FROM message WHERE state = 0 AND to_node = ?1 AND to_id = ?2 AND seq > ?3",
            $rest,
            " ORDER BY seq"
        )
    };
}

pub(super) const WAITING: &str = select_waiting!("");
pub(super) const PUSHABLE: &str = select_waiting!(" AND pushes < ?4");

impl Store {
    /// Tells whether `token` is a live token of `party`, and if so, what waits for it.
    ///
    /// `None` for a wrong token and for a party that does not exist, after the same work.
    pub fn log_in(
        &self,
        party: PartyId,
        token: TokenHash,
        limit: Limit,
        now: Timestamp,
    ) -> Submission<Option<LoggedIn>> {
        self.reads.submit("log a party in", move |connection| {
            let Some(found) = authenticate(connection, party, token, now)? else {
                return Ok(None);
            };
            let page = next(connection, party, limit)?;
            Ok(Some(LoggedIn { party: found, page }))
        })
    }

    /// Shows what waits for `party` and is newer than `after`.
    pub fn page(&self, party: PartyId, after: i64, limit: Limit) -> Submission<Page> {
        self.reads.submit("read a queue", move |connection| {
            read(connection, party, after, limit)
        })
    }

    /// Shows what may be pushed to `party` and is newer than `after`.
    pub fn pending(&self, party: PartyId, after: i64, limit: Limit) -> Submission<Pending> {
        let pushes = self.queue.pushes;
        self.reads.submit("read what to push", move |connection| {
            let mut statement = connection.prepare_cached(PUSHABLE)?;
            let found = statement.query((to_node(party), party.number(), after, pushes))?;
            let Found { rows, end, .. } = collect(found, party, limit)?;
            let newest = total::queue(connection, party)?.newest;
            Ok(Pending { rows, end, newest })
        })
    }
}

/// What waits for `party` and is newer than `after`.
pub(super) fn read(
    connection: &Connection,
    party: PartyId,
    after: i64,
    limit: Limit,
) -> Result<Page> {
    let queue = total::queue(connection, party)?;
    let mut statement = connection.prepare_cached(WAITING)?;
    let found = statement.query((to_node(party), party.number(), after))?;
    let Found { rows, seen, end } = collect(found, party, limit)?;
    if after == 0 && end && seen != queue.waiting {
        seal::report_queue(connection, to_node(party), party.number())?;
    }
    Ok(Page {
        rows,
        total: queue.waiting.into(),
        newest: queue.newest,
        acknowledges: queue.acknowledges,
    })
}

/// What `party` is shown when it logs in.
fn next(connection: &Connection, party: PartyId, limit: Limit) -> Result<Page> {
    let queue = total::queue(connection, party)?;
    let after = if queue.acknowledges {
        0
    } else {
        queue.handed_to
    };
    let page = read(connection, party, after, limit)?;
    if page.rows.is_empty() && after > 0 {
        return read(connection, party, 0, limit);
    }
    Ok(page)
}

/// What a statement has found.
struct Found {
    rows: Vec<Waiting>,
    /// How many it found, those that are damaged and not among the rows included.
    seen: u32,
    /// Whether that is all.
    end: bool,
}

/// Takes from `found`, which waits for `party`, as much as `limit` allows.
fn collect(mut found: Rows<'_>, party: PartyId, limit: Limit) -> Result<Found> {
    let (_, from) = kinds(to_node(party));
    let (mut rows, mut seen, mut room) = (Vec::new(), 0, limit.bytes);
    while let Some(row) = found.next()? {
        seen += 1;
        let Ok(Intact) = row.get(4) else {
            // What follows it still flows.
            continue;
        };
        let content = row.get_ref(3)?.as_str()?;
        let is_too_long = !rows.is_empty() && content.len() > room;
        if rows.len() >= limit.messages as usize || is_too_long {
            let end = false;
            return Ok(Found { rows, seen, end });
        }
        room = room.saturating_sub(content.len());
        rows.push(Waiting {
            queue_id: row.get(0)?,
            from: from.party(row.get(1)?),
            queued_at: Timestamp(row.get(2)?),
            content: content.into(),
        });
    }
    let end = true;
    Ok(Found { rows, seen, end })
}
