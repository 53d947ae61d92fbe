//! What always holds, and what holds when everything has settled down.

use std::collections::BTreeSet;

use nile_protocol::party::PartyKind;
use nile_socketio::Frame;

use super::{Line, NUMBERED, Step, World};
use crate::hub::{WINDOW, tests::heard};

impl World {
    /// Looks into the outboxes, and leaves them as full as they were.
    pub(super) fn observe(&mut self) {
        let filler: Frame = "-".repeat(NUMBERED.0).into();
        let mut pushed = Vec::new();
        for (at, line) in self.lines.iter_mut().enumerate() {
            let frames = heard(&line.voice);
            let new: Vec<i64> = frames[line.untaken.min(frames.len())..]
                .iter()
                .map(|frame| frame.parse().unwrap())
                .collect();
            assert!(new.is_sorted(), "out of order: {new:?}");
            pushed.extend(new.iter().map(|queue_id| (*queue_id, at)));
            line.untaken = frames.len();
            for _ in 0..line.untaken {
                let _ = line.voice.outbox.push(Frame::clone(&filler));
            }
        }
        pushed.sort_unstable();
        for (queue_id, at) in pushed {
            self.pushed(queue_id, at);
        }
        for line in &self.lines {
            assert!(line.held.len() <= WINDOW);
        }
    }

    fn pushed(&mut self, queue_id: i64, at: usize) {
        assert!(
            self.queue.waiting.contains(&queue_id),
            "{queue_id} has ended"
        );
        let heard_by = match self.party.kind() {
            PartyKind::Client => &self.lines[at..=at],
            PartyKind::Node => &self.lines[..],
        };
        let has = |queue_id: &i64| {
            let mut lines = heard_by.iter();
            lines.any(|line| line.page.contains(queue_id) || line.held.contains(queue_id))
        };
        let acknowledged = |queue_id: &i64| {
            let mut lines = heard_by.iter();
            lines.any(|line| line.acknowledged.contains(queue_id))
                || self.uncommitted.contains(queue_id)
        };
        assert!(!has(&queue_id), "{queue_id} comes twice");
        let is_acknowledged = heard_by
            .iter()
            .any(|line| line.acknowledged.contains(&queue_id));
        assert!(!is_acknowledged, "{queue_id} was acknowledged");
        let mut older = self.queue.waiting.range(..queue_id);
        let missing = older.find(|older| !has(older) && !acknowledged(older));
        assert_eq!(missing, None, "{queue_id} comes before what is older");
        self.lines[at].held.insert(queue_id);
    }

    /// Everything that was begun is ended, and all peers take what there is for them, and acknowledge it.
    pub(super) fn settle_down(&mut self) {
        self.step(Step::OfferAll);
        while let Some(at) = self.lines.iter().position(|line| line.is_closed) {
            self.leave(at);
        }
        loop {
            self.rest();
            self.check_handed();
            let held = self.lines.iter().flat_map(|line| line.held.clone());
            let ended: BTreeSet<i64> = held.chain(self.uncommitted.clone()).collect();
            if ended.is_empty() {
                return;
            }
            for queue_id in ended {
                self.end(queue_id);
            }
            self.observe();
        }
    }

    /// Who has room has everything.
    fn check_handed(&self) {
        let has = |line: &Line, queue_id: &i64| {
            line.held.contains(queue_id) || line.page.contains(queue_id)
        };
        let mut waiting = self.queue.waiting.iter();
        let has_room = |line: &&Line| line.held.len() < WINDOW;
        let forgotten = waiting.find(|queue_id| {
            let is_missing = match self.party.kind() {
                PartyKind::Client => {
                    let mut lines = self.lines.iter().filter(has_room);
                    lines.any(|line| !has(line, queue_id))
                }
                PartyKind::Node => {
                    self.lines.iter().any(|line| has_room(&line))
                        && !self.lines.iter().any(|line| has(line, queue_id))
                }
            };
            is_missing && !self.uncommitted.contains(queue_id)
        });
        assert_eq!(forgotten, None, "nobody was handed it");
    }

    /// Until nobody reads any more, and with room everywhere.
    fn rest(&mut self) {
        for round in 0.. {
            assert!(round < 10_000, "somebody reads for ever");
            (0..self.lines.len()).for_each(|at| self.take(at));
            if self.readers.is_empty() {
                return;
            }
            self.read(0, 64);
            self.observe();
        }
    }
}
