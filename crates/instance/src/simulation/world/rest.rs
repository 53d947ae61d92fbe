//! The end: links stay up, the disk works, everybody logs in, and whatever waits is heard.
//!
//! **What is found now is found in a bounded time**: a minute or so in which nothing new is asked for.

use std::{collections::BTreeSet, time::Duration};

use nile_protocol::party::{PartyId, PartyKind};
use tokio::{task::yield_now, time::advance};

use super::asking::Proof;
use crate::{
    clock::Timestamp,
    simulation::{
        asked::What,
        link::Link,
        moment,
        oracle::{Attempt, party::Who},
        process::tasks,
        world::World,
    },
};

/// How long everything may take to be as it should: two retries of the store, and a sweep.
const PATIENCE: Duration = Duration::from_secs(70);

/// How many messages are asked about.
const ASKED_ABOUT: usize = 12;

impl World {
    pub(super) async fn come_to_rest(&mut self) {
        self.trace.note(format_args!("rest"));
        self.temper.failing = 0;
        for at in self.links(|link| !link.is_open) {
            self.links[at].up.clear();
            self.links[at].carrier = None;
        }
        self.quiet(PATIENCE).await;
        self.look_at_links();
        self.look_at_presence();
        if self.rng.u8(..4) == 0 {
            self.let_a_day_pass().await;
        }
        for who in 0..self.oracle.members.len() {
            self.empty_queue(who).await;
        }
        self.look_at_messages().await;
        for link in &mut self.links {
            link.carrier = None;
        }
        self.process().settle().await;
        let (left, tasks) = (tasks(), self.process().tasks);
        assert_eq!(left, tasks, "tasks wait for something that does not come");
    }

    /// After that the instance believes the clock, whatever it was set to.
    async fn let_a_day_pass(&mut self) {
        self.trace.note(format_args!("a day passes"));
        advance(Duration::from_hours(24)).await;
        self.oracle.clock.pass_a_day();
        self.clock.set(Timestamp(self.oracle.clock.now));
        self.quiet(PATIENCE).await;
    }

    /// Everything on the way arrives, and everything asked for is done, for as long as this.
    pub(super) async fn quiet(&mut self, time: Duration) {
        const PAUSE: Duration = Duration::from_millis(500);
        let mut left = time;
        loop {
            while self.is_anything_due() {
                self.forget_links();
                for at in self.active.clone() {
                    moment::next();
                    self.flow(at);
                }
                moment::next();
                self.process().work();
                self.overhear();
                for _ in 0..3 {
                    yield_now().await;
                }
            }
            self.oracle.all_is_written();
            let Some(rest) = left.checked_sub(PAUSE) else {
                return;
            };
            left = rest;
            tokio::time::sleep(PAUSE).await;
            self.oracle.clock.pass(PAUSE);
            self.clock.advance(PAUSE);
        }
    }

    fn is_anything_due(&mut self) -> bool {
        self.is_any(|link| link.takes() || link.is_due() || !link.down.is_empty())
            || self.process().is_busy()
    }

    fn flow(&mut self, at: usize) {
        if self.links[at].takes() {
            self.arrive(at);
        }
        if self.links[at].is_due() {
            self.turn(at, usize::MAX);
        }
        while !self.links[at].down.is_empty() {
            self.come(at);
        }
    }

    /// Everybody was answered, everybody online has all that waits, and nobody is with a token that is not
    /// valid any more.
    fn look_at_links(&self) {
        for (at, link) in self
            .links
            .iter()
            .enumerate()
            .filter(|(_, link)| link.is_open)
        {
            assert!(
                link.asked.is_empty(),
                "link {at} is not answered: {:?}",
                link.asked
            );
            let Some(login) = link.login.as_ref().filter(|login| login.is_on) else {
                continue;
            };
            let identity = self.oracle.members[link.who].identity.as_ref();
            let is_dead = |token: &String| identity.is_none_or(|one| one.dead.contains(token));
            let is_stale = login.token.as_ref().is_some_and(is_dead);
            assert!(
                !is_stale,
                "link {at} stays with a token that is not valid any more"
            );
            self.look_at_feed(at, login.party);
        }
        for forward in &self.oracle.forwards {
            let to = forward.to.or(self.oracle.link_of(&forward.ws_id));
            let is_lost = to.is_some_and(|to| self.links[to].is_open) && forward.to.is_none();
            assert!(!(forward.is_answered && is_lost), "not heard: {forward:?}");
        }
    }

    /// A connection of a client has all that waits; one of a node, or another of the same node.
    fn look_at_feed(&self, at: usize, party: PartyId) {
        let others = self.links.iter().enumerate().filter(|(other, link)| {
            *other == at || party.kind() == PartyKind::Node && link.party() == Some(party)
        });
        let logins = others.filter_map(|(_, link)| link.login.as_ref());
        let had: BTreeSet<i64> = logins.flat_map(|login| &login.had).copied().collect();
        let pushes = self.temper.options.queue.pushes;
        for (queue_id, message) in self.oracle.messages() {
            let waits = message.to == [party] && self.oracle.surely_waits(queue_id, message);
            if waits && !self.oracle.may_be_parked(queue_id, pushes) {
                assert!(
                    had.contains(&queue_id),
                    "link {at} of {party} is not pushed {queue_id}"
                );
            }
        }
    }

    /// Whoever hears of nodes knows which are there.
    fn look_at_presence(&self) {
        let parties = self.links.iter().filter_map(Link::party);
        let online: BTreeSet<i64> = parties
            .filter(|party| party.kind() == PartyKind::Node)
            .map(PartyId::number)
            .collect();
        for (at, link) in self.links.iter().enumerate() {
            let Some(nodes) = link.nodes.as_ref().filter(|_| link.is_connection()) else {
                continue;
            };
            let connected = nodes.iter().filter(|(_, ws_id)| ws_id.is_some());
            let connected: BTreeSet<i64> = connected.map(|(node, _)| *node).collect();
            assert_eq!(connected, online, "link {at} knows other nodes");
        }
    }

    /// Somebody logs in on a new link, and removes all that it finds.
    async fn empty_queue(&mut self, who: Who) {
        if self.oracle.members[who].identity.is_none() {
            return;
        }
        let at = self.connect(who);
        for _ in 0..12 {
            // A token may have been replaced, or too many were tried.
            self.log_in_for_all(who, at);
            self.quiet(Duration::from_secs(1)).await;
            if self.links[at].login.is_some() || self.party(who).is_none() {
                break;
            }
            self.quiet(PATIENCE).await;
        }
        let Some(party) = self.party(who) else { return };
        let login = self.links[at].login.as_ref();
        let login = login.unwrap_or_else(|| panic!("{party} cannot log in"));
        let mut left = login.had.clone();
        let waits = |(queue_id, message): (i64, &Attempt)| {
            let waits = message.to == [party] && self.oracle.surely_waits(queue_id, message);
            waits.then_some(queue_id)
        };
        let mut missing: BTreeSet<i64> = self.oracle.messages().filter_map(waits).collect();
        loop {
            for queue_id in &left {
                missing.remove(queue_id);
                let is_over = self.oracle.must_have_expired(*queue_id);
                assert!(!is_over, "{queue_id} has waited for too long");
            }
            self.remove(at, Proof::Link, party, &left);
            self.quiet(Duration::from_secs(1)).await;
            assert!(self.links[at].asked.is_empty(), "{party} is not answered");
            left = std::mem::take(&mut self.links[at].left);
            if left.is_empty() {
                break;
            }
        }
        assert!(missing.is_empty(), "{missing:?} for {party} are lost");
    }

    /// Senders are told what became of their messages, and nothing waits any more.
    async fn look_at_messages(&mut self) {
        let known: Vec<(i64, PartyId)> = self
            .oracle
            .messages()
            .map(|(queue_id, message)| (queue_id, message.from))
            .collect();
        for _ in 0..ASKED_ABOUT.min(known.len()) {
            let (queue_id, from) = known[self.rng.usize(..known.len())];
            let Some(who) = self.oracle.who(from) else {
                continue;
            };
            let identity = self.oracle.members[who].identity.as_ref();
            let token = identity.expect("it is somebody").token().to_owned();
            let at = self.once(who);
            self.ask_status(at, token, queue_id);
            self.quiet(Duration::ZERO).await;
            assert!(
                self.links[at].asked.is_empty(),
                "{queue_id} is not answered"
            );
        }
        for who in self.known() {
            let at = self.connect(who);
            self.log_in_for_all(who, at);
            self.quiet(Duration::from_secs(1)).await;
            let login = self.links[at].login.as_ref();
            let had = login.map(|login| login.had.len());
            assert!(
                had == Some(0) || self.is_limited(),
                "{who} has removed all, and hears {had:?}"
            );
        }
    }

    /// Logs in to hear all that waits.
    fn log_in_for_all(&mut self, who: Who, at: usize) {
        let Some(identity) = self.oracle.members[who].identity.as_ref() else {
            return;
        };
        let proof = Proof::Token(identity.token().to_owned());
        let what = What::Login {
            limit: None,
            in_vain: false,
        };
        self.ask(at, what, proof, "{}");
    }

    fn once(&mut self, who: Who) -> usize {
        self.add(Link::once(who))
    }
}
