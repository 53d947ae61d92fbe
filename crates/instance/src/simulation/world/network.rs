//! What happens to links, and what arrives on them.

use crate::simulation::{
    carrier::{Carrier, Down, Up},
    link::Link,
    oracle::party::Who,
    world::World,
};

impl World {
    /// The links of which this holds.
    pub(super) fn links(&self, is: impl Fn(&Link) -> bool) -> Vec<usize> {
        let links = self.active.iter().copied();
        links.filter(|at| is(&self.links[*at])).collect()
    }

    pub(super) fn is_any(&self, is: impl Fn(&Link) -> bool) -> bool {
        self.active.iter().any(|at| is(&self.links[*at]))
    }

    pub(super) fn add(&mut self, link: Link) -> usize {
        self.links.push(link);
        let at = self.links.len() - 1;
        self.active.push(at);
        at
    }

    pub(super) fn forget_links(&mut self) {
        self.active.retain(|at| !self.links[*at].is_over());
    }

    fn any(&mut self, is: impl Fn(&Link) -> bool) -> Option<usize> {
        let found = self.links(is);
        self.pick(&found)
    }

    pub(super) fn connect_somebody(&mut self) {
        let who = self.rng.usize(..self.oracle.members.len());
        let open = self.links(|link| link.who == who && link.is_connection());
        if open.len() < self.temper.links {
            self.connect(who);
        }
    }

    pub(super) fn connect(&mut self, who: Who) -> usize {
        let outbound = self.temper.outbound;
        let carrier = Carrier::connection(&self.process().instance, outbound);
        let at = self.add(Link::new(who, carrier));
        self.note(format_args!("link {at} of {who}"));
        at
    }

    /// Somebody closes a link, and the instance notices at once.
    pub(super) fn leave(&mut self) {
        if let Some(at) = self.any(Link::is_connection) {
            self.note(format_args!("link {at} is closed"));
            self.links[at].cut(usize::MAX);
            self.end(at);
        }
    }

    /// A link breaks, and the instance does not notice yet.
    pub(super) fn cut(&mut self) {
        if let Some(at) = self.any(|link| link.is_open) {
            let arrives = self.rng.usize(..=self.links[at].up.len());
            self.note(format_args!("link {at} breaks"));
            self.links[at].cut(arrives);
            self.counts.cut += 1;
        }
    }

    pub(super) fn notice(&mut self) {
        if let Some(at) = self.any(Link::is_given_up) {
            self.note(format_args!("link {at} is given up"));
            self.end(at);
        }
    }

    /// The instance has no such connection any more.
    fn end(&mut self, at: usize) {
        let link = &mut self.links[at];
        link.carrier = None;
        link.up.clear();
        if link.is_open {
            link.down.push_back(Down::Closed);
        }
    }

    /// The instance is gone. What it had sent may arrive yet.
    pub(super) fn lose_carriers(&mut self) {
        for at in self.links(|link| link.carrier.is_some()) {
            self.end(at);
        }
    }

    /// What is on the way arrives at the instance.
    pub(super) fn up(&mut self) {
        if let Some(at) = self.any(Link::takes) {
            for _ in 0..self.rng.u8(1..4) {
                if self.links[at].takes() {
                    self.arrive(at);
                }
            }
        }
    }

    pub(super) fn arrive(&mut self, at: usize) {
        let Some(up) = self.links[at].up.pop_front() else {
            return;
        };
        self.note(format_args!("link {at} up"));
        let Some(carrier) = &mut self.links[at].carrier else {
            if let Up::Request { channel, body } = up {
                let once = Carrier::once(&self.process().instance, channel, &body);
                self.links[at].carrier = Some(once);
            }
            return;
        };
        let party = carrier.party();
        let heard = carrier.hear(up.clone());
        if let (Up::Acknowledge(queue_id), Some(party)) = (up, party) {
            self.oracle.tries(party, queue_id);
            if !self.is_limited() {
                self.oracle.removed(party, queue_id);
            }
        }
        if heard.is_err() {
            self.end(at);
        }
    }

    /// Whether there is a limit to what a connection may ask.
    pub(super) fn is_limited(&self) -> bool {
        self.temper.limits.requests_per_second.get() < 10
    }

    pub(super) fn serve(&mut self) {
        if let Some(at) = self.any(Link::is_due) {
            self.turn(at, self.temper.room);
        }
    }

    /// The instance does what it can for a connection. What it says to those who are gone is lost.
    pub(super) fn turn(&mut self, at: usize, room: usize) {
        /// So much fits onto a link.
        const LENGTH: usize = 8;
        let link = &mut self.links[at];
        let room = if link.down.len() < LENGTH { room } else { 0 };
        let Some(carrier) = &mut link.carrier else {
            return;
        };
        let Ok(said) = carrier.turn(room) else {
            return self.end(at);
        };
        let is_over = said.iter().any(|down| matches!(down, Down::Closed));
        if link.is_open {
            link.down.extend(said);
        }
        if is_over {
            // It has said so itself, where anybody hears it.
            let link = &mut self.links[at];
            if link.is_open {
                link.down.pop_back();
            }
            self.end(at);
        }
    }

    pub(super) fn down(&mut self) {
        if let Some(at) = self.any(|link| !link.down.is_empty()) {
            for _ in 0..self.rng.u8(1..8) {
                self.come(at);
            }
        }
    }

    /// What is on the way to the other end arrives there.
    pub(super) fn come(&mut self, at: usize) {
        match self.links[at].down.pop_front() {
            None => {}
            Some(Down::Closed) => {
                self.note(format_args!("link {at} was closed"));
                self.links[at].cut(0);
            }
            Some(Down::Answer {
                heard,
                answered,
                body,
            }) => self.answered(at, (heard, answered), &body),
            Some(Down::Frame { left, frame }) => self.told(at, left, &frame),
        }
    }

    /// Acknowledges a push that was heard, sometimes more than once or on another link.
    pub(super) fn acknowledge(&mut self) {
        let Some(from) = self.any(Link::has_pushed) else {
            return;
        };
        let pushed = &self.links[from]
            .login
            .as_ref()
            .expect("it was a moment ago")
            .pushed;
        let queue_id = pushed[self.rng.usize(..pushed.len())];
        let who = self.links[from].who;
        let at = if self.rng.u8(..3) == 0 {
            self.any(|link| link.who == who && link.is_connection())
        } else {
            Some(from)
        };
        if let Some(at) = at.filter(|at| self.links[*at].is_connection()) {
            self.note(format_args!("link {at} acknowledges {queue_id}"));
            self.links[at].up.push_back(Up::Acknowledge(queue_id));
        }
    }
}
