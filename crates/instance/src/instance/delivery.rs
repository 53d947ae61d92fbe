//! How what is stored reaches those who hear it, and what comes back from them.
//!
//! **A message is stored first, and offered to those online after that**; who logs in in between finds it.
//! The queue is the truth: whatever goes wrong here leaves the message where it is.

use std::{sync::Arc, time::Duration};

use nile_protocol::{
    json::Raw,
    party::PartyId,
    refusal::Refusal,
    reply::{self, MessageStatus, Reply, Row},
};
use tokio::{select, time::sleep};

use super::{
    Instance,
    follow::{Following, detach},
    proof::{refuse, report},
};
use crate::{
    error::Fault,
    hub::{Left, Message, Next, Offered, Reading, Stretch, WsId},
    store::{Ended, Limit, MessageState, Page, Pending, Waiting},
};

/// The largest page.
const PAGE: Limit = Limit {
    messages: 256,
    bytes: 256 * 1024,
};

/// How much is read at once to be pushed.
const READ: Limit = Limit {
    messages: 64,
    bytes: 256 * 1024,
};

/// How long to wait when the store could not be read.
const RETRY: Duration = Duration::from_secs(1);

/// The page that somebody asks for: the largest, or less.
pub(super) fn page_limit(messages: Option<u32>) -> Limit {
    Limit {
        messages: messages.map_or(PAGE.messages, |messages| messages.min(PAGE.messages)),
        ..PAGE
    }
}

impl Instance {
    /// A message was stored for `to`, after `previous`: pushes it to those who hear it. Whether it was
    /// pushed at once.
    pub(super) fn offer(self: &Arc<Self>, to: PartyId, message: &Message, previous: i64) -> bool {
        let Offered {
            pushed,
            heard,
            readings,
        } = self.hub.offer(to, message, previous);
        self.read_for(readings);
        if let (false, PartyId::Node(node)) = (heard, to) {
            self.post_to(node);
        }
        pushed
    }

    /// These messages wait no more: nobody has to acknowledge them, and who sent them may want to know.
    pub(super) fn ended(self: &Arc<Self>, ended: &[Ended]) {
        for ended in ended.chunk_by(|one, other| one.to == other.to) {
            let queue_ids: Vec<i64> = ended.iter().map(|ended| ended.queue_id).collect();
            self.read_for(self.hub.settle(ended[0].to, &queue_ids));
        }
        for ended in ended {
            self.hub.tell_status(ended.from, || {
                Reply::MessageStatus(status(ended)).to_body(None)
            });
        }
    }

    /// The peer of a connection acknowledges a message. Whether it is one that the connection has to
    /// acknowledge.
    pub(super) fn acknowledged(self: &Arc<Self>, connection: WsId, queue_id: i64) -> bool {
        let Some((party, readings)) = self.hub.acknowledge(connection, queue_id) else {
            return false;
        };
        drop(self.remove(party, queue_id));
        self.read_for(readings);
        true
    }

    /// A party acknowledges a message that is not this connection's to acknowledge: pushed before it logged
    /// in, or another's by now. Its word counts all the same.
    pub(super) fn acknowledged_elsewhere(self: &Arc<Self>, party: PartyId, queue_id: i64) {
        let readings = self.hub.disregard(party, queue_id);
        drop(self.remove(party, queue_id));
        self.read_for(readings);
    }

    /// Removes a message that waits for `party`, which said so; of others' it removes none. Nobody has to wait
    /// for it: what follows does so by itself.
    pub(super) fn remove(
        self: &Arc<Self>,
        party: PartyId,
        queue_id: i64,
    ) -> impl Future<Output = Result<(), Fault>> + Send + use<> {
        let now = self.clock.now();
        let written = self.store.acknowledge(party, vec![queue_id], now);
        let instance = Arc::clone(self);
        Following::new(written, move |ended| {
            if ended.is_empty() {
                instance.hub.forget(party, queue_id);
            }
            instance.ended(&ended);
        })
    }

    /// Keeps what a connection leaves behind when it ends.
    pub(super) fn leave_behind(self: &Arc<Self>, left: Left) {
        for (party, queue_ids) in left.unacknowledged {
            let now = self.clock.now();
            detach(self.store.unacknowledged(party, queue_ids, now));
        }
        self.read_for(left.readings);
        if let Some(PartyId::Node(node)) = left.unheard {
            self.post_to(node);
        }
    }

    /// Notes that a page is handed to a party that never acknowledges, so that the next login shows the next
    /// one. Where this page is all there is, nobody has to wait for that.
    pub(super) async fn hand_over(&self, party: PartyId, page: &Page) -> Result<(), Refusal> {
        if page.acknowledges || page.rows.is_empty() {
            return Ok(());
        }
        let queue_ids = page.rows.iter().map(|row| row.queue_id).collect();
        let noted = self.store.handed_over(party, queue_ids, self.clock.now());
        if page.is_all() {
            detach(noted);
            return Ok(());
        }
        noted.await.map_err(|fault| refuse(&fault))
    }

    /// A page of what waits for `party`, as it is shown.
    pub(super) fn show(&self, party: PartyId, page: &Page) -> reply::Page {
        let senders: Vec<PartyId> = page.rows.iter().map(|row| row.from).collect();
        let connections = self.hub.connections_of(&senders);
        let queue = page.rows.iter().zip(connections);
        reply::Page {
            queue: queue
                .filter_map(|(row, connection)| written(party, row, connection))
                .collect(),
            total: page.total,
            more: !page.is_all(),
        }
    }

    /// Reads for feeds until they have all that waits, or no room.
    pub(super) fn read_for(self: &Arc<Self>, readings: Vec<Reading>) {
        for reading in readings {
            detach(Arc::clone(self).read(reading));
        }
    }

    async fn read(self: Arc<Self>, reading: Reading) {
        while let Some(after) = self.hub.next_read(reading) {
            let pending = match self.store.pending(reading.party, after, READ).await {
                Ok(pending) => pending,
                Err(fault) => {
                    report(&fault);
                    sleep(RETRY).await;
                    continue;
                }
            };
            match self
                .hub
                .hand(reading, after, &stretch(reading.party, pending))
            {
                Next::Again => {}
                Next::Stop => return,
                Next::Wait(outbox, changed) => {
                    select! {
                        () = outbox.room() => {}
                        () = changed.notified() => {}
                    }
                }
            }
        }
    }
}

fn stretch(to: PartyId, pending: Pending) -> Stretch {
    let Pending { rows, end, newest } = pending;
    let messages = rows.into_iter().filter_map(|row| {
        let content = restored(to, &row)?;
        Some(Message::new(row.queue_id, row.from, content))
    });
    Stretch {
        messages: messages.collect(),
        end,
        newest,
    }
}

fn written(to: PartyId, row: &Waiting, connection: Option<WsId>) -> Option<Row> {
    Some(Row {
        content: restored(to, row)?,
        queue_id: row.queue_id,
        sender: row.from,
        recipient: to,
        queued_at: row.queued_at.0,
        ws_id: connection.map(|connection| connection.to_string()),
    })
}

/// The content of a row; a damaged one is reported, and the others still flow.
pub(super) fn restored(to: PartyId, row: &Waiting) -> Option<Raw> {
    let content = Raw::restore(Arc::clone(&row.content));
    if content.is_none() {
        tracing::error!(queue_id = row.queue_id, %to, "could not read a message: the row is damaged");
    }
    content
}

/// What the sender of a message is told of it.
fn status(ended: &Ended) -> MessageStatus {
    MessageStatus {
        queue_id: ended.queue_id,
        id: ended.id.as_deref().map(str::to_owned),
        state: state(ended.state),
        since: ended.since.0,
        parked: false,
    }
}

/// The state as the wire has it.
pub(super) const fn state(state: MessageState) -> reply::MessageState {
    match state {
        MessageState::Stored => reply::MessageState::Stored,
        MessageState::Delivered => reply::MessageState::Delivered,
        MessageState::Expired => reply::MessageState::Expired,
        MessageState::Refused => reply::MessageState::Refused,
        MessageState::Withdrawn => reply::MessageState::Withdrawn,
    }
}
