//! Ending what has waited for too long, and forgetting what ended long ago, a little at a time.
//!
//! **A sweep goes by the order of sending and stops where nothing can be due**: nothing is sent, handed
//! over or ended before it was sent. When to sweep is decided above.

use rusqlite::{Connection, OptionalExtension, Result, Row};

use super::{
    Ended, MessageState,
    row::{self, Kept, select_kept},
};
use crate::{
    clock::Timestamp,
    store::{
        QueueOptions, Store, Submission,
        seal::{self, Intact, intact},
    },
};

/// How many rows are looked at in one go: so few that nobody's write waits for long.
const BATCH: u32 = 256;

/// What one go has come to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Swept {
    /// What has expired.
    pub ended: Vec<Ended>,
    /// Where to go on. `None`: what follows is too young; begin again later.
    pub next: Option<i64>,
}

pub(super) const OLDEST: &str = select_kept!(
    ", sent_at, handed_at, coalesce((SELECT acknowledges OR NOT ",
    intact!(queue),
    " FROM queue
        WHERE queue.to_node = message.to_node AND queue.to_id = message.to_id), 0)
    FROM message WHERE seq > ?1 ORDER BY seq LIMIT ?2"
);
pub(super) const SWEPT_AT: &str = concat!(
    "SELECT swept_at, ",
    intact!(clock),
    " FROM clock WHERE id = 1"
);
/// Once an hour is enough, and keeps a quiet disk quiet.
pub(super) const SWEEP_BEGINS: &str = "INSERT INTO clock (id, sum, swept_at)
    VALUES (1, seal('clock', 1, ?1), ?1)
    ON CONFLICT DO UPDATE SET sum = excluded.sum, swept_at = excluded.swept_at
    WHERE abs(swept_at - ?1) >= 3600000";
pub(super) const FORGET: &str = "DELETE FROM message WHERE seq = ?1";

impl Store {
    /// When a sweep last began, within an hour. `None`: never, or nobody can say any more.
    pub fn swept_at(&self) -> Submission<Option<Timestamp>> {
        self.reads.submit("look up the last sweep", |connection| {
            let swept_at = connection.prepare_cached(SWEPT_AT)?.query_row([], |row| {
                let Intact = row.get(1)?;
                Ok(Timestamp(row.get(0)?))
            });
            Ok(seal::unless_damaged(swept_at.optional())?.flatten())
        })
    }

    /// Looks at the next few messages after `after` (0: from the beginning): ends those that have waited
    /// for too long, and forgets those whose end is long ago.
    pub fn sweep(&self, after: i64, now: Timestamp) -> Submission<Swept> {
        let options = self.queue;
        self.writes.submit("sweep messages", move |connection| {
            sweep(connection, after, now, &options)
        })
    }
}

fn sweep(
    connection: &Connection,
    after: i64,
    now: Timestamp,
    options: &QueueOptions,
) -> Result<Swept> {
    if after == 0 {
        connection.prepare_cached(SWEEP_BEGINS)?.execute([now.0])?;
    }
    let batch = connection
        .prepare_cached(OLDEST)?
        .query_map((after, BATCH), |row| {
            Ok((row.get(0)?, seal::unless_damaged(Old::read(row))?))
        })?
        .collect::<Result<Vec<(i64, _)>>>()?;
    let last = batch.last().map(|(queue_id, _)| *queue_id);
    let mut next = last.filter(|_| batch.len() == BATCH as usize);
    let mut ended = Vec::new();
    for old in batch.into_iter().filter_map(|(_, old)| old) {
        if old.is_too_young(now, options) {
            next = None;
            break;
        }
        if old.has_expired(now, options) {
            let state = MessageState::Expired;
            ended.push(row::end(connection, old.message, state, now)?);
        } else if old.is_over(now, options) {
            connection
                .prepare_cached(FORGET)?
                .execute([old.message.queue_id])?;
        }
    }
    Ok(Swept { ended, next })
}

/// A message, and how old it is.
struct Old {
    message: Kept,
    sent: Timestamp,
    handed: Option<Timestamp>,
    /// Whether its recipient has ever removed one itself.
    acknowledges: bool,
}

impl Old {
    fn read(row: &Row<'_>) -> Result<Self> {
        Ok(Self {
            message: Kept::read(row)?,
            sent: Timestamp(row.get(10)?),
            handed: row.get::<_, Option<_>>(11)?.map(Timestamp),
            acknowledges: row.get(12)?,
        })
    }

    /// Whether nothing can be due of what was sent later. One from the future says nothing of that: it
    /// was sent while the clock was wrong.
    fn is_too_young(&self, now: Timestamp, options: &QueueOptions) -> bool {
        let soonest = options
            .life
            .min(options.unacknowledged_life)
            .min(options.kept);
        self.sent <= now && now.since(self.sent) < soonest
    }

    fn has_expired(&self, now: Timestamp, options: &QueueOptions) -> bool {
        let is_ignored = !self.acknowledges
            && self
                .handed
                .is_some_and(|handed| now.since(handed) >= options.unacknowledged_life);
        let is_old = now.since(self.sent) >= options.life;
        self.message.state == MessageState::Stored && (is_ignored || is_old)
    }

    fn is_over(&self, now: Timestamp, options: &QueueOptions) -> bool {
        self.message.state != MessageState::Stored && now.since(self.message.since) >= options.kept
    }
}
