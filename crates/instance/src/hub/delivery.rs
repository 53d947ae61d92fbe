//! What comes for a party, on its way to those who hear it.

use std::sync::{Arc, Weak};

use nile_protocol::party::{PartyId, PartyKind};
use tokio::sync::Notify;

use super::{
    Hub, Left, Party, State,
    feed::{Feed, Listener, Next, Stretch},
    voice::Message,
    ws_id::WsId,
};

/// A feed for which somebody has to read from the store ([`Hub::next_read`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reading {
    /// Whose queue it is.
    pub party: PartyId,
    feed: u64,
}

/// What became of a message that was offered to those who hear its recipient's.
#[derive(Debug, Default)]
#[must_use]
pub struct Offered {
    /// It was pushed to at least one connection.
    pub pushed: bool,
    /// Somebody hears what is sent to the party.
    pub heard: bool,
    /// Who has to read now.
    pub readings: Vec<Reading>,
}

impl Hub {
    /// A message for `to` was stored; `previous` is the one that it was sent before.
    pub fn offer(&self, to: PartyId, message: &Message, previous: i64) -> Offered {
        let mut state = self.state();
        if let Some(logins) = state.logins.get_mut(&to) {
            logins.messages += 1;
        }
        if let Some(watch) = state.watches.get(&to).and_then(Weak::upgrade) {
            watch.notify_waiters();
        }
        let Some(party) = state.parties.get_mut(&to) else {
            return Offered::default();
        };
        let mut offered = Offered {
            heard: true,
            ..Offered::default()
        };
        for feed in &mut party.feeds {
            offered.pushed |= feed.offer(message, previous);
            offered.readings.extend(begin(to, feed));
        }
        offered
    }

    /// The connection acknowledges a message that was pushed to it: whose it was, if it was pushed and not
    /// acknowledged before, and who has to read now.
    #[must_use]
    pub fn acknowledge(&self, connection: WsId, queue_id: i64) -> Option<(PartyId, Vec<Reading>)> {
        let mut state = self.state();
        let session = state.connections.get(&connection)?.session.as_ref()?;
        let id = session.party;
        let party = state.parties.get_mut(&id)?;
        let mut feeds = party.feeds.iter();
        feeds
            .any(|feed| feed.is_held_by(queue_id, connection))
            .then(|| (id, party.each(id, |feed| feed.acknowledge(queue_id))))
    }

    /// `party` acknowledges a message that the connection on which it says so does not hold: it is handed to
    /// nobody any more. Who has to read now.
    #[must_use]
    pub fn disregard(&self, party: PartyId, queue_id: i64) -> Vec<Reading> {
        let mut state = self.state();
        let listeners = state.parties.get_mut(&party);
        listeners.map_or_else(Vec::new, |listeners| {
            listeners.each(party, |feed| feed.acknowledge(queue_id))
        })
    }

    /// What was acknowledged under this number was no message that waits for `party`.
    pub fn forget(&self, party: PartyId, queue_id: i64) {
        if let Some(listeners) = self.state().parties.get_mut(&party) {
            listeners
                .feeds
                .iter_mut()
                .for_each(|feed| feed.forget(queue_id));
        }
    }

    /// These messages for `party` have ended, as the store has it: nobody has to acknowledge them any more.
    #[must_use]
    pub fn settle(&self, party: PartyId, queue_ids: &[i64]) -> Vec<Reading> {
        let mut state = self.state();
        let listeners = state.parties.get_mut(&party);
        listeners.map_or_else(Vec::new, |listeners| {
            listeners.each(party, |feed| feed.settle(queue_ids))
        })
    }

    /// Whether this message was pushed to a connection of `party`, and has not ended.
    #[must_use]
    pub fn holds(&self, party: PartyId, queue_id: i64) -> bool {
        let state = self.state();
        let listeners = state.parties.get(&party);
        listeners.is_some_and(|listeners| listeners.feeds.iter().any(|feed| feed.holds(queue_id)))
    }

    /// What is told when a message is offered to `party`, for as long as it is kept.
    pub fn watch(&self, party: PartyId) -> Arc<Notify> {
        let mut state = self.state();
        if let Some(watch) = state.watches.get(&party).and_then(Weak::upgrade) {
            return watch;
        }
        state.watches.retain(|_, watch| watch.strong_count() > 0);
        let watch = Arc::default();
        state.watches.insert(party, Arc::downgrade(&watch));
        watch
    }

    /// Whether somebody hears what is sent to the party.
    #[must_use]
    pub fn hears(&self, party: PartyId) -> bool {
        self.state().parties.contains_key(&party)
    }

    /// After which message to read for a feed. `None` when there is nothing to read, or no room for it, or
    /// nobody left: then nobody reads for it any more.
    #[must_use]
    pub fn next_read(&self, reading: Reading) -> Option<i64> {
        self.state().feed(reading)?.next_read()
    }

    /// Hands over what was read after `after` for a feed.
    pub fn hand(&self, reading: Reading, after: i64, stretch: &Stretch) -> Next {
        let mut state = self.state();
        let feed = state.feed(reading);
        feed.map_or(Next::Stop, |feed| feed.hand(after, stretch))
    }
}

impl State {
    fn feed(&mut self, reading: Reading) -> Option<&mut Feed> {
        let feeds = &mut self.parties.get_mut(&reading.party)?.feeds;
        feeds.iter_mut().find(|feed| feed.id == reading.feed)
    }
}

impl Party {
    /// A connection hears what is sent to the party: of a client each does, of a node one of them. `id` is
    /// that of the feed, if it is a new one.
    pub(super) fn listen(&mut self, party: PartyId, listener: Listener, id: u64, left: &mut Left) {
        let feed = match (party.kind(), self.feeds.first_mut()) {
            (PartyKind::Node, Some(shared)) => {
                left.pushed_in_vain(party, shared.join(listener));
                shared
            }
            (PartyKind::Client, _) | (PartyKind::Node, None) => {
                self.feeds.push(Feed::new(id, listener));
                self.feeds.last_mut().expect("it was just put there")
            }
        };
        left.readings.extend(begin(party, feed));
    }

    pub(super) fn unlisten(&mut self, party: PartyId, connection: WsId) -> Left {
        let mut left = Left::default();
        let mut feeds = self.feeds.iter_mut();
        if let Some(feed) = feeds.find(|feed| feed.serves(connection)) {
            left.pushed_in_vain(party, feed.leave(connection));
            left.readings.extend(begin(party, feed));
        }
        self.feeds.retain(|feed| !feed.is_empty());
        left
    }

    fn each(&mut self, party: PartyId, mut change: impl FnMut(&mut Feed)) -> Vec<Reading> {
        let feeds = self.feeds.iter_mut();
        feeds
            .filter_map(|feed| {
                change(feed);
                begin(party, feed)
            })
            .collect()
    }
}

fn begin(party: PartyId, feed: &mut Feed) -> Option<Reading> {
    let id = feed.id;
    feed.begin_reading().then_some(Reading { party, feed: id })
}
