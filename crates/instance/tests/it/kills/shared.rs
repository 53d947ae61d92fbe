//! What all who take part in a life share: where the process is, when it is killed, and what is known.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeSet,
    net::SocketAddr,
};

use nile_protocol::party::PartyId;
use tokio::sync::Notify;

use super::{
    line::{Gone, Heard, Line},
    message::Life,
    messages::Messages,
};
use crate::support::process::Process;

pub(super) struct Shared {
    pub(super) messages: RefCell<Messages>,
    /// Everybody who has ever registered.
    registered: RefCell<BTreeSet<(&'static str, i64)>>,
    /// Those who write to each other.
    pub(super) members: RefCell<Vec<PartyId>>,
    address: Cell<Option<SocketAddr>>,
    dead: Cell<bool>,
    died: Notify,
    /// When it is to be killed, on the clock.
    end: Cell<Option<u64>>,
    ending: Notify,
    /// From when on nobody says anything, on the clock.
    rest: Cell<Option<u64>>,
}

impl Shared {
    pub(super) fn new() -> Self {
        Self {
            messages: RefCell::default(),
            registered: RefCell::default(),
            members: RefCell::default(),
            address: Cell::new(None),
            dead: Cell::new(true),
            died: Notify::new(),
            end: Cell::new(None),
            ending: Notify::new(),
            rest: Cell::new(None),
        }
    }

    pub(super) fn life(&self) -> Life {
        self.messages.borrow().life
    }

    /// A process serves here.
    pub(super) fn born(&self, address: SocketAddr) {
        self.messages.borrow_mut().life += 1;
        self.address.set(Some(address));
        self.dead.set(false);
        self.end.set(None);
        self.rest.set(None);
    }

    /// Kills it.
    pub(super) fn kill(&self, process: &Process) {
        self.dead.set(true);
        process.kill();
        self.died.notify_waiters();
    }

    /// Something was said or heard.
    pub(super) fn tick(&self) {
        let now = self.now() + 1;
        self.messages.borrow_mut().clock = now;
        if self.end.get() == Some(now) {
            self.ending.notify_one();
        }
    }

    pub(super) fn now(&self) -> u64 {
        self.messages.borrow().clock
    }

    /// Waits until so many things were said or heard.
    pub(super) async fn events(&self, number: u64) {
        self.end.set(Some(self.now() + number));
        self.ending.notified().await;
    }

    /// After so many events everybody is to fall silent.
    pub(super) fn rest_after(&self, number: u64) {
        self.rest.set(Some(self.now() + number));
    }

    /// Waits for the end if it is time to be silent.
    pub(super) async fn pause(&self) {
        let rests = self.rest.get().is_some_and(|rest| rest <= self.now());
        if rests && !self.dead.get() {
            self.died.notified().await;
        }
    }

    pub(super) async fn connect(&self, over_socketio: bool) -> Result<Line, Gone> {
        let address = self.address.get().expect("a process serves");
        Line::open(address, over_socketio).await
    }

    pub(super) async fn hear(&self, line: &mut Line) -> Result<Heard, Gone> {
        let heard = line.hear().await?;
        self.tick();
        Ok(heard)
    }

    /// A connection has ended. It does so when the process was killed, or for a reason that its owner knows.
    pub(super) fn gone(&self, is_expected: bool) {
        assert!(
            self.dead.get() || is_expected,
            "the server has closed a connection"
        );
    }

    pub(super) fn is_dead(&self) -> bool {
        self.dead.get()
    }

    /// Somebody has registered.
    pub(super) fn registered(&self, party: PartyId) {
        let party = (party.kind().word(), party.number());
        let is_new = self.registered.borrow_mut().insert(party);
        assert!(is_new, "{party:?} was registered before");
    }
}
