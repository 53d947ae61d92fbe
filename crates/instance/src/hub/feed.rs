//! What of a party's queue has been handed to its connections, and what comes next.
//!
//! Each connection of a client has a feed of its own; those of a node share one, so that each message
//! goes to one of them. **A message is handed over when everything older has been**, and what a connection
//! held when it ended is handed over again. The queue itself is the store's: a feed that is behind has
//! it read from there, by whoever calls [`next_read`](Feed::next_read). Nothing here waits or stores.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::RangeInclusive,
    sync::Arc,
};

use nile_socketio::{Outbox, Refused};
use tokio::sync::Notify;

use super::{
    voice::{Line, Message},
    ws_id::WsId,
};

/// How many messages may be pushed on a connection and not be acknowledged.
pub const WINDOW: usize = 256;

/// What the answer to a login, or to whoever begins to listen, has handed over.
#[derive(Clone, Debug, Default)]
pub struct Start {
    /// The first and the last message of the page.
    pub page: Option<RangeInclusive<i64>>,
    /// Everything up to here was handed over, or is gone, or is in the page.
    pub cursor: i64,
    /// Whether more than that may wait.
    pub behind: bool,
}

/// A part of the queue, as it was read from the store.
#[derive(Debug)]
pub struct Stretch {
    /// The messages, oldest first.
    pub messages: Vec<Message>,
    /// Whether nothing that may be pushed comes after these.
    pub end: bool,
    /// The newest message that the party was ever sent.
    pub newest: i64,
}

/// What the one who reads for a feed does next.
#[derive(Debug)]
pub enum Next {
    /// Ask for the next read.
    Again,
    /// Wait until this outbox has room, or the feed changes, and then ask for the next read.
    Wait(Outbox, Arc<Notify>),
    /// Nothing. When there is room, somebody else will be asked to read.
    Stop,
}

/// One feed.
#[derive(Debug)]
pub(super) struct Feed {
    pub(super) id: u64,
    /// Everything up to here was handed over, or is gone.
    cursor: i64,
    /// What was pushed and has not ended, and who has to acknowledge it. `None`: that was done, perhaps before
    /// it was pushed here, but the store may not have written it yet, and would give it again.
    held: BTreeMap<i64, Option<WsId>>,
    /// What ended before its turn came, and may be in what is read now, or be offered yet.
    gone: BTreeSet<i64>,
    /// Oldest first.
    receivers: Vec<Receiver>,
    /// The store may have more than was handed over.
    behind: bool,
    /// Somebody reads for this feed.
    reading: bool,
    /// Something came, or was given back, since the read under way began.
    missed: bool,
    changed: Option<Arc<Notify>>,
}

/// A connection that hears what is sent to its party.
#[derive(Debug)]
pub(super) struct Listener {
    pub(super) line: Line,
    pub(super) start: Start,
}

#[derive(Debug)]
struct Receiver {
    line: Line,
    held: usize,
    page: Option<RangeInclusive<i64>>,
}

enum Pushed {
    Yes,
    /// It would have gone to this one.
    Full(Outbox),
    NoWindow,
}

impl Feed {
    /// A feed for its first connection.
    pub(super) fn new(id: u64, listener: Listener) -> Self {
        let Start { cursor, behind, .. } = listener.start;
        let mut feed = Self {
            id,
            cursor,
            held: BTreeMap::new(),
            gone: BTreeSet::new(),
            receivers: Vec::with_capacity(1),
            behind,
            reading: false,
            missed: false,
            changed: None,
        };
        feed.receive(listener);
        feed
    }

    /// Another connection shares the feed. It is handed all that waits, also what the others hold: they may
    /// be dead without anybody knowing, and what is new must not overtake what they had. Tells what they held.
    pub(super) fn join(&mut self, listener: Listener) -> Vec<i64> {
        let Start { cursor, behind, .. } = listener.start;
        let taken_back = self.take_back(cursor);
        if behind || cursor < self.cursor {
            self.cursor = self.cursor.min(cursor);
            self.behind = true;
            self.missed = true;
        }
        self.receive(listener);
        taken_back
    }

    fn receive(&mut self, listener: Listener) {
        self.receivers.push(Receiver {
            line: listener.line,
            held: 0,
            page: listener.start.page,
        });
        self.tell();
    }

    /// A connection has ended: what it held is handed over again, if there is anybody left. Tells what was
    /// pushed to it and not acknowledged.
    pub(super) fn leave(&mut self, connection: WsId) -> Vec<i64> {
        let Some(at) = self
            .receivers
            .iter()
            .position(|receiver| receiver.line.connection == connection)
        else {
            return Vec::new();
        };
        let receiver = self.receivers.remove(at);
        let mut given_back = Vec::with_capacity(receiver.held);
        self.held.retain(|queue_id, holder| {
            let stays = *holder != Some(connection);
            if !stays {
                given_back.push(*queue_id);
            }
            stays
        });
        let page = receiver.page.map(|page| *page.start());
        if let Some(first) = given_back.first().copied().into_iter().chain(page).min() {
            self.cursor = self.cursor.min(first - 1);
            self.behind = true;
            self.missed = true;
        }
        self.tell();
        given_back
    }

    pub(super) fn is_empty(&self) -> bool {
        self.receivers.is_empty()
    }

    pub(super) fn serves(&self, connection: WsId) -> bool {
        self.receivers
            .iter()
            .any(|receiver| receiver.line.connection == connection)
    }

    /// Whether this message was pushed on this connection and is not acknowledged.
    pub(super) fn is_held_by(&self, queue_id: i64, connection: WsId) -> bool {
        self.held.get(&queue_id) == Some(&Some(connection))
    }

    /// Whether this message was pushed on any connection and has not ended.
    pub(super) fn holds(&self, queue_id: i64) -> bool {
        self.held.contains_key(&queue_id)
    }

    /// This message needs no acknowledgement any more, and is not handed over if it has not been.
    pub(super) fn acknowledge(&mut self, queue_id: i64) {
        if let Some(held) = self.held.get_mut(&queue_id) {
            if let Some(holder) = held.take() {
                self.release(holder);
            }
        } else if queue_id > self.cursor {
            self.held.insert(queue_id, None);
        }
    }

    /// What was acknowledged under this number was no message that waits.
    pub(super) fn forget(&mut self, queue_id: i64) {
        if self.held.get(&queue_id) == Some(&None) {
            self.held.remove(&queue_id);
        }
    }

    /// These messages have ended: they are not handed over any more, nor are those pushed that wait in an outbox.
    pub(super) fn settle(&mut self, queue_ids: &[i64]) {
        for queue_id in queue_ids {
            if *queue_id > self.cursor && (self.reading || !self.behind) {
                self.gone.insert(*queue_id);
            }
            if let Some(holder) = self.held.remove(queue_id).flatten() {
                let mut receivers = self.receivers.iter();
                if let Some(receiver) = receivers.find(|one| one.line.connection == holder) {
                    receiver.line.voice.outbox.take_back(*queue_id);
                }
                self.release(holder);
            }
        }
    }

    /// What comes after this message is nobody's any more, and handed over anew. Tells what was pushed of it.
    fn take_back(&mut self, after: i64) -> Vec<i64> {
        let later = self.held.range(after.saturating_add(1)..);
        let later = later.filter_map(|(queue_id, holder)| Some((*queue_id, (*holder)?)));
        let taken: Vec<(i64, WsId)> = later.collect();
        for (queue_id, holder) in &taken {
            self.held.remove(queue_id);
            self.release(*holder);
        }
        for receiver in &mut self.receivers {
            let page = receiver.page.take().filter(|page| *page.start() <= after);
            receiver.page = page.map(|page| *page.start()..=after.min(*page.end()));
        }
        taken.into_iter().map(|(queue_id, _)| queue_id).collect()
    }

    fn release(&mut self, holder: WsId) {
        let mut receivers = self.receivers.iter_mut();
        if let Some(receiver) = receivers.find(|receiver| receiver.line.connection == holder) {
            receiver.held -= 1;
        }
        self.tell();
    }

    /// A message was stored; `previous` is the one that the party was sent before it. Whether it was pushed.
    pub(super) fn offer(&mut self, message: &Message, previous: i64) -> bool {
        let queue_id = message.queue_id;
        let is_over = queue_id <= self.cursor || self.is_over(queue_id);
        let is_next = !self.behind && previous <= self.cursor;
        if is_next && (is_over || matches!(self.push(message), Pushed::Yes)) {
            self.advance(queue_id);
        } else if !is_over {
            self.behind = true;
            self.missed = true;
        }
        self.holds(queue_id)
    }

    /// Whether somebody should begin to read for this feed, who then calls [`next_read`](Self::next_read).
    pub(super) fn begin_reading(&mut self) -> bool {
        let begins = self.behind && !self.reading && self.has_window();
        self.reading |= begins;
        begins
    }

    /// After which message to read; `None`, and nobody reads any more, when there is nothing to read or no
    /// room for it.
    pub(super) fn next_read(&mut self) -> Option<i64> {
        self.reading = self.behind && self.has_window();
        self.missed = false;
        // What is read from here on has none of these any more.
        self.gone.clear();
        self.reading.then_some(self.cursor)
    }

    /// Hands over what was read after `after`.
    pub(super) fn hand(&mut self, after: i64, stretch: &Stretch) -> Next {
        if self.cursor < after {
            // What lies between was given back meanwhile, and goes first.
            return Next::Again;
        }
        for message in &stretch.messages {
            if !self.is_over(message.queue_id) {
                match self.push(message) {
                    Pushed::Yes => {}
                    Pushed::Full(outbox) => return self.wait_for(outbox),
                    Pushed::NoWindow => {
                        self.reading = false;
                        return Next::Stop;
                    }
                }
            }
            self.advance(message.queue_id);
        }
        if stretch.end {
            self.advance(stretch.newest);
            self.behind = self.missed;
        }
        Next::Again
    }

    /// Everything up to this message was handed over, or is gone.
    fn advance(&mut self, queue_id: i64) {
        self.cursor = self.cursor.max(queue_id);
        while self.gone.first().is_some_and(|gone| *gone <= self.cursor) {
            self.gone.pop_first();
        }
    }

    /// Whether nobody needs this message: it was handed over, in whatever way, or has ended.
    fn is_over(&self, queue_id: i64) -> bool {
        let mut pages = self.receivers.iter().filter_map(|one| one.page.as_ref());
        self.holds(queue_id)
            || self.gone.contains(&queue_id)
            || pages.any(|page| page.contains(&queue_id))
    }

    /// Pushes to the newest connection that takes it.
    fn push(&mut self, message: &Message) -> Pushed {
        let mut full = None;
        for receiver in self.receivers.iter_mut().rev() {
            if receiver.held >= WINDOW {
                continue;
            }
            match receiver.line.voice.push(message) {
                Ok(()) => {
                    receiver.held += 1;
                    self.held
                        .insert(message.queue_id, Some(receiver.line.connection));
                    return Pushed::Yes;
                }
                Err(Refused::Full) if full.is_none() => {
                    full = Some(receiver.line.voice.outbox.clone());
                }
                Err(Refused::Full | Refused::Closed) => {}
            }
        }
        full.map_or(Pushed::NoWindow, Pushed::Full)
    }

    fn has_window(&self) -> bool {
        self.receivers.iter().any(|receiver| receiver.held < WINDOW)
    }

    fn wait_for(&mut self, outbox: Outbox) -> Next {
        let changed = self.changed.get_or_insert_default();
        Next::Wait(outbox, Arc::clone(changed))
    }

    /// Tells the one who reads, if it waits, that there may be room.
    fn tell(&mut self) {
        if let Some(changed) = self.changed.take() {
            changed.notify_one();
        }
    }
}
