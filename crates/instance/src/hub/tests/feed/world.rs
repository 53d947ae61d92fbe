//! A hub, a model of the store, and everybody who takes part. What must hold after each event is in
//! `check`.

mod check;

use std::{collections::BTreeSet, sync::Arc};

use futures_util::FutureExt as _;
use nile_protocol::party::{PartyId, PartyKind};
use nile_socketio::{Close, Frame, Outbox, Refused};
use proptest::sample::Index;
use tokio::sync::Notify;

use super::model::{Queue, Step};
use crate::hub::{
    Dialect, Hub, Joining, Left, Next, Reading, Stretch, Voice, WsId,
    tests::{heard, joining, line, message},
};

/// Writes every message in as many bytes.
struct Numbered(usize);

static NUMBERED: Numbered = Numbered(5);

impl Dialect for Numbered {
    fn message(&self, _: PartyKind, _: &str, queue_id: Option<i64>) -> Frame {
        format!("{:01$}", queue_id.unwrap_or(0), self.0).into()
    }

    fn said(&self, _: PartyKind, _: &str) -> Arc<[Frame]> {
        [].into()
    }
}

/// A connection.
struct Line {
    id: WsId,
    voice: Voice,
    /// What lies in its outbox.
    untaken: usize,
    page: BTreeSet<i64>,
    /// Pushed, and not acknowledged.
    held: BTreeSet<i64>,
    is_closed: bool,
    /// Acknowledged on it since its login.
    acknowledged: BTreeSet<i64>,
}

/// One who reads for a feed.
enum Reader {
    Asks(Reading),
    Has(Reading, i64, Stretch),
    Waits(Reading, Outbox, Arc<Notify>),
}

impl Reader {
    const fn reading(&self) -> Reading {
        match self {
            Self::Asks(reading) | Self::Has(reading, ..) | Self::Waits(reading, ..) => *reading,
        }
    }
}

pub(super) struct World {
    hub: Arc<Hub>,
    party: PartyId,
    queue: Queue,
    lines: Vec<Line>,
    readers: Vec<Reader>,
    /// Acknowledged on a push; the store has not written it yet.
    uncommitted: Vec<i64>,
    connections: u8,
}

impl World {
    pub(super) fn new(party: PartyId) -> Self {
        Self {
            hub: Arc::default(),
            party,
            queue: Queue::default(),
            lines: Vec::new(),
            readers: Vec::new(),
            uncommitted: Vec::new(),
            connections: 0,
        }
    }

    pub(super) fn play(mut self, steps: Vec<Step>) {
        for step in steps {
            self.step(step);
        }
        self.settle_down();
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Store(count) => (0..count).for_each(|_| self.queue.store()),
            Step::Offer(index) => {
                if let Some(at) = at(index, self.queue.unoffered.len()) {
                    self.offer(at);
                }
            }
            Step::OfferAll => (0..self.queue.unoffered.len()).for_each(|_| self.offer(0)),
            Step::Join {
                again,
                limit,
                rotated,
                room,
                meanwhile,
            } => {
                let again = again.and_then(|index| at(index, self.lines.len()));
                let known = again.map(|at| (self.lines[at].id, self.lines[at].voice.clone()));
                let (id, voice) = known.unwrap_or_else(|| self.arrive(room));
                let rotated = rotated.and_then(|index| pick(index, &self.queue.waiting));
                self.join(id, voice, (limit, rotated), meanwhile);
            }
            Step::Leave(index) => {
                if let Some(at) = at(index, self.lines.len()) {
                    self.leave(at);
                }
            }
            Step::Acknowledge { line, message } => {
                if let Some(at) = at(line, self.lines.len()) {
                    let held = pick(message, &self.lines[at].held);
                    let any = 1 + i64::try_from(message.index(500)).unwrap();
                    self.acknowledge(at, held.filter(|id| id % 4 != 0).unwrap_or(any));
                }
            }
            Step::Commit(index) => {
                if let Some(at) = at(index, self.uncommitted.len()) {
                    let queue_id = self.uncommitted.swap_remove(at);
                    self.end(queue_id);
                }
            }
            Step::Process(index) => {
                if let Some(queue_id) = pick(index, &self.queue.waiting) {
                    self.end(queue_id);
                }
            }
            Step::Take(index) => {
                if let Some(at) = at(index, self.lines.len()) {
                    self.take(at);
                }
            }
            Step::Close(index) => {
                if let Some(at) = at(index, self.lines.len()) {
                    self.lines[at].is_closed = true;
                    let outbox = &self.lines[at].voice.outbox;
                    outbox.close(Close::policy("a test"));
                }
            }
            Step::Read { reader, rows } => {
                if let Some(at) = at(reader, self.readers.len()) {
                    self.read(at, rows);
                }
            }
        }
        self.observe();
    }

    fn arrive(&mut self, room: usize) -> (WsId, Voice) {
        self.connections += 1;
        let voice = Voice {
            outbox: Outbox::new(room * NUMBERED.0),
            dialect: &NUMBERED,
        };
        (WsId::numbered(self.connections), voice)
    }

    fn join(&mut self, id: WsId, voice: Voice, shown: (usize, Option<i64>), meanwhile: Vec<Step>) {
        let hub = Arc::clone(&self.hub);
        let login = hub.begin_login(self.party);
        let (page, start) = self.queue.page(shown.0, shown.1);
        for step in meanwhile {
            self.step(step);
        }
        let is_closed = voice.outbox.push("".into()) == Err(Refused::Closed);
        heard(&voice);
        let joining = Joining {
            line: line(id, &voice),
            start,
            ..joining(id, self.party)
        };
        let cursor = joining.start.cursor;
        let left = login.join(joining).expect("the party has not changed");
        let before = self.lines.iter().position(|line| line.id == id);
        let before = before.map(|at| self.lines.remove(at));
        let taken_back = self.take_back(cursor);
        self.left(left, before.as_ref(), taken_back);
        self.lines.push(Line {
            id,
            voice,
            untaken: 0,
            is_closed,
            page,
            held: BTreeSet::new(),
            acknowledged: BTreeSet::new(),
        });
    }

    fn leave(&mut self, at: usize) {
        let line = self.lines.remove(at);
        let left = self.hub.end(line.id);
        self.left(left, Some(&line), BTreeSet::new());
    }

    /// A node that comes is handed what the others had after the page that it is shown.
    fn take_back(&mut self, cursor: i64) -> BTreeSet<i64> {
        let mut taken = BTreeSet::new();
        if self.party.kind() == PartyKind::Node {
            for line in &mut self.lines {
                taken.append(&mut line.held.split_off(&(cursor + 1)));
                line.page.retain(|queue_id| *queue_id <= cursor);
            }
        }
        taken
    }

    fn left(&mut self, left: Left, line: Option<&Line>, taken_back: BTreeSet<i64>) {
        let held = line.map(|line| line.held.clone()).unwrap_or_default();
        let in_vain = [held, taken_back].into_iter().filter(|ids| !ids.is_empty());
        let in_vain = in_vain.map(|ids| (self.party, ids.into_iter().collect()));
        let in_vain: Vec<(PartyId, Vec<i64>)> = in_vain.collect();
        assert_eq!(left.unacknowledged, in_vain);
        self.ask(left.readings);
    }

    fn offer(&mut self, at: usize) {
        let queue_id = self.queue.unoffered.remove(at);
        let previous = Queue::previous(queue_id);
        let offered = self.hub.offer(self.party, &message(queue_id), previous);
        assert_eq!(offered.heard, !self.lines.is_empty());
        self.ask(offered.readings);
        self.observe();
        let held = self.lines.iter().any(|line| line.held.contains(&queue_id));
        assert!(
            offered.pushed || !held,
            "{queue_id} was pushed, and nobody was told"
        );
        assert!(held || !offered.pushed || self.uncommitted.contains(&queue_id));
    }

    fn acknowledge(&mut self, at: usize, queue_id: i64) {
        let line = &mut self.lines[at];
        let was_held = line.held.remove(&queue_id);
        let acknowledged = self.hub.acknowledge(line.id, queue_id);
        assert_eq!(acknowledged.is_some(), was_held, "{queue_id}");
        let Some((party, readings)) = acknowledged else {
            return;
        };
        assert_eq!(party, self.party);
        line.acknowledged.insert(queue_id);
        for line in &mut self.lines {
            line.held.remove(&queue_id);
        }
        self.uncommitted.push(queue_id);
        self.ask(readings);
    }

    /// The message waits no more.
    fn end(&mut self, queue_id: i64) {
        self.queue.waiting.remove(&queue_id);
        self.uncommitted.retain(|other| *other != queue_id);
        // Its offer may still come: a foreign id settles nothing.
        let readings = self.hub.settle(self.party, &[queue_id, queue_id + 1]);
        for line in &mut self.lines {
            line.held.remove(&queue_id);
        }
        self.queue.unoffered.retain(|other| *other != queue_id);
        self.ask(readings);
        assert!(!self.hub.holds(self.party, queue_id));
    }

    fn ask(&mut self, readings: Vec<Reading>) {
        for reading in readings {
            let mut others = self.readers.iter().map(Reader::reading);
            assert!(
                others.all(|other| other != reading),
                "two read for one feed"
            );
            self.readers.push(Reader::Asks(reading));
        }
    }

    /// The reader goes on, if it can. It reads so many rows at once.
    fn read(&mut self, at: usize, rows: usize) {
        let next = match self.readers.swap_remove(at) {
            Reader::Asks(reading) => self
                .hub
                .next_read(reading)
                .map(|after| Reader::Has(reading, after, self.queue.read(after, rows))),
            Reader::Has(reading, after, stretch) => match self.hub.hand(reading, after, &stretch) {
                Next::Again => Some(Reader::Asks(reading)),
                Next::Wait(outbox, changed) => Some(Reader::Waits(reading, outbox, changed)),
                Next::Stop => None,
            },
            Reader::Waits(reading, outbox, changed) => {
                let goes_on = outbox.room().now_or_never().is_some()
                    || changed.notified().now_or_never().is_some();
                Some(if goes_on {
                    Reader::Asks(reading)
                } else {
                    Reader::Waits(reading, outbox, changed)
                })
            }
        };
        self.readers.extend(next);
    }

    fn take(&mut self, at: usize) {
        self.observe();
        heard(&self.lines[at].voice);
        self.lines[at].untaken = 0;
    }
}

fn at(index: Index, count: usize) -> Option<usize> {
    (count > 0).then(|| index.index(count))
}

fn pick(index: Index, among: &BTreeSet<i64>) -> Option<i64> {
    at(index, among.len()).and_then(|at| among.iter().nth(at).copied())
}
