//! The instance, those who take part, the links between them, and what happens next.
//!
//! **Everything that happens is drawn from the seed, one thing at a time**: what arrives, what the store
//! does, for how long time passes, when the instance dies. Nothing happens by itself but what the instance
//! does in the time that passes.

mod asking;
mod hearing;
mod network;
mod rest;

use std::{path::PathBuf, sync::Arc, time::Duration};

use fastrand::Rng;
use nile_protocol::party::PartyKind;
use tokio::{task::yield_now, time::sleep};

use super::{
    link::Link,
    moment,
    oracle::{
        Oracle,
        party::{Member, Who},
    },
    process::Process,
    temper::{Happening, Temper},
    trace::Trace,
};
use crate::{
    clock::{FixedClock, Timestamp},
    store::Fate,
};

pub(super) struct World {
    rng: Rng,
    temper: Temper,
    pub(super) trace: Trace,
    oracle: Oracle,
    clock: Arc<FixedClock>,
    data_dir: PathBuf,
    /// `None` between two lives.
    process: Option<Process>,
    links: Vec<Link>,
    /// Those that are not over.
    active: Vec<usize>,
    /// How much may still happen.
    steps: usize,
    /// Makes contents and ids differ.
    serial: u64,
    pub(super) counts: Counts,
}

/// How much happened, over all seeds.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counts {
    pub(super) stored: usize,
    pub(super) heard: usize,
    pub(super) cut: usize,
    pub(super) crashes: usize,
    pub(super) failed: usize,
}

/// Why a life of the instance ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Life {
    Crashed,
    Over,
}

impl World {
    pub(super) fn new(seed: u64, data_dir: PathBuf) -> Self {
        moment::begin();
        let mut rng = Rng::with_seed(seed);
        let temper = Temper::draw(&mut rng);
        let mut oracle = Oracle::default();
        for (kind, count) in [
            (PartyKind::Client, temper.clients),
            (PartyKind::Node, temper.nodes),
        ] {
            let member = || Member {
                kind,
                identity: None,
            };
            oracle
                .members
                .extend(std::iter::repeat_with(member).take(count));
        }
        Self {
            rng,
            trace: Trace::default(),
            clock: Arc::new(FixedClock::at(Timestamp(oracle.clock.now))),
            oracle,
            data_dir,
            process: None,
            links: Vec::new(),
            active: Vec::new(),
            steps: temper.steps,
            temper,
            serial: 0,
            counts: Counts::default(),
        }
    }

    /// The instance starts, and lives until it crashes or all is over.
    pub(super) async fn live(&mut self) -> Life {
        let started = Process::start(&self.data_dir, &self.temper, &self.clock, &mut self.rng);
        self.process = Some(started.await);
        self.note(format_args!("started"));
        if self.steps == self.temper.steps {
            self.settle_in().await;
        }
        while self.steps > 0 {
            self.steps -= 1;
            moment::next();
            self.forget_links();
            let mut next = self.temper.next(&mut self.rng);
            while !self.is_possible(next) {
                next = self.temper.next(&mut self.rng);
            }
            if self.happen(next).await == Life::Crashed {
                return Life::Crashed;
            }
            self.overhear();
            for _ in 0..self.rng.u8(..3) {
                yield_now().await;
            }
        }
        self.come_to_rest().await;
        self.counts.stored = self.oracle.messages().count();
        self.counts.heard = self.oracle.heard;
        Life::Over
    }

    /// Before anything goes wrong some may be there already.
    async fn settle_in(&mut self) {
        for who in 0..self.oracle.members.len() {
            if self.rng.u8(..8) > 0 {
                self.register(who);
            }
        }
        self.quiet(Duration::ZERO).await;
        for who in self.known() {
            if self.rng.u8(..4) > 0 {
                let at = self.connect(who);
                self.log_in(who, at);
            }
        }
        self.quiet(Duration::ZERO).await;
    }

    /// Whether there is anything for this to happen to.
    fn is_possible(&mut self, what: Happening) -> bool {
        match what {
            Happening::Write => self.process().store.writes() > 0,
            Happening::Read => self.process().store.reads() > 0,
            Happening::AnswerWrite => self.process().store.written() > 0,
            Happening::AnswerRead => self.process().store.found() > 0,
            Happening::Up => self.is_any(Link::takes),
            Happening::Down => self.is_any(|link| !link.down.is_empty()),
            Happening::Serve => self.is_any(Link::is_due),
            Happening::Notice => self.is_any(Link::is_given_up),
            Happening::Acknowledge => self.is_any(Link::has_pushed),
            _ => true,
        }
    }

    async fn happen(&mut self, what: Happening) -> Life {
        match what {
            Happening::Ask => self.ask_something(),
            Happening::Acknowledge => self.acknowledge(),
            Happening::Connect => self.connect_somebody(),
            Happening::Leave => self.leave(),
            Happening::Cut => self.cut(),
            Happening::Notice => self.notice(),
            Happening::Up => self.up(),
            Happening::Down => self.down(),
            Happening::Serve => self.serve(),
            Happening::Write => self.write(),
            Happening::Read => self.read(),
            Happening::AnswerWrite => self.answer_write(),
            Happening::AnswerRead => self.answer_read(),
            Happening::Pass => self.pass().await,
            Happening::Jump => self.jump(),
            Happening::Restart => {
                self.stop().await;
                return Life::Crashed;
            }
            Happening::Crash => {
                self.crash();
                return Life::Crashed;
            }
        }
        Life::Over
    }

    fn process(&mut self) -> &mut Process {
        self.process.as_mut().expect("it lives")
    }

    fn note(&mut self, line: std::fmt::Arguments<'_>) {
        self.trace.note(format_args!("{} {line}", moment::now()));
    }

    /// What the instance has handed over is looked at in the order in which it was.
    fn overhear(&mut self) {
        for delivery in moment::take_handed() {
            self.oracle.handed(&delivery);
        }
    }

    fn fate(&mut self) -> Fate {
        if self.rng.u32(..100) >= self.temper.failing {
            return Fate::Works;
        }
        self.counts.failed += 1;
        self.oracle.some_is_lost();
        Fate::Fails
    }

    fn write(&mut self) {
        let waiting = self.process().store.writes();
        if waiting > 0 {
            let most = self.rng.usize(1..=self.temper.batch);
            let disk = self.fate();
            self.process().store.write(most, disk);
            self.note(format_args!("write {most} of {waiting}: {disk:?}"));
        }
    }

    fn read(&mut self) {
        let waiting = self.process().store.reads();
        if waiting > 0 {
            let most = self.rng.usize(1..=self.temper.batch);
            let disk = self.fate();
            self.process().store.read(most, disk);
            self.note(format_args!("read {most} of {waiting}: {disk:?}"));
        }
    }

    fn answer_write(&mut self) {
        self.process().store.answer_write();
    }

    fn answer_read(&mut self) {
        let found = self.process().store.found();
        if found > 0 {
            let which = self.rng.usize(..found);
            self.process().store.answer_read(which);
        }
    }

    async fn pass(&mut self) {
        let milliseconds = match self.rng.u32(..self.temper.haste) {
            0 if self.rng.u8(..3) == 0 => 70_000,
            0 => 11_000,
            1..4 => self.rng.u64(200..3_000),
            _ => self.rng.u64(1..60),
        };
        self.let_pass(Duration::from_millis(milliseconds)).await;
        // All tasks have done what they can. A connection that is not served may have been given room for a write, for
        // which others wait.
        if !self.process().is_busy() && !self.is_any(Link::is_due) {
            self.oracle.all_is_written();
        }
    }

    async fn let_pass(&mut self, time: Duration) {
        self.note(format_args!("{time:?} pass"));
        self.oracle.clock.pass(time);
        sleep(time).await;
        self.clock.advance(time);
    }

    /// The clock is set, by hours or days.
    fn jump(&mut self) {
        let hours = match self.rng.u8(..8) {
            0 => -self.rng.i64(1..100),
            1..5 => self.rng.i64(1..200),
            _ => self.rng.i64(24 * 30..24 * 40),
        };
        self.oracle.clock.jump(hours);
        self.clock.set(Timestamp(self.oracle.clock.now));
        self.note(format_args!("the clock jumps by {hours} hours"));
    }

    /// The process is killed: what it had in memory is gone.
    pub(super) fn crash(&mut self) {
        self.note(format_args!("crash"));
        self.counts.crashes += 1;
        self.oracle.some_is_lost();
        let Process {
            instance, store, ..
        } = self.process.take().expect("it lives");
        drop(store);
        self.lose_carriers();
        drop(instance);
    }

    /// The process ends in good order: everybody is shown the door, and what is under way is done.
    async fn stop(&mut self) {
        self.note(format_args!("stop"));
        self.lose_carriers();
        let mut process = self.process.take().expect("it lives");
        process.settle().await;
    }

    /// Those who take part and know who they are.
    fn known(&self) -> Vec<Who> {
        let members = self.oracle.members.iter().enumerate();
        let known = members.filter(|(_, member)| member.identity.is_some());
        known.map(|(who, _)| who).collect()
    }

    fn pick<T: Copy>(&mut self, of: &[T]) -> Option<T> {
        (!of.is_empty()).then(|| of[self.rng.usize(..of.len())])
    }
}
