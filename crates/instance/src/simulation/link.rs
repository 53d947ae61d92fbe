//! A link between somebody and the instance: slow, and it breaks.
//!
//! **What is on the way arrives in order or not at all.** When it breaks, either end may notice long after
//! the other: until it does, the instance goes on writing to nobody.

use std::collections::VecDeque;

use super::{
    asked::Asked,
    carrier::{Carrier, Down, Up},
    moment::Moment,
    oracle::party::Who,
};
use nile_protocol::party::PartyId;

pub(super) struct Link {
    /// Whose it is.
    pub(super) who: Who,
    pub(super) up: VecDeque<Up>,
    pub(super) down: VecDeque<Down>,
    /// It is for one request, as over HTTP.
    pub(super) is_once: bool,
    /// `None` when the instance has no such connection any more, or not yet.
    pub(super) carrier: Option<Carrier>,
    /// Whether the one whose it is can still use it.
    pub(super) is_open: bool,
    /// What was asked on it and is not answered.
    pub(super) asked: VecDeque<Asked>,
    /// Whom it has logged in as, and with which token, as far as it was told.
    pub(super) login: Option<Login>,
    /// It has asked for the nodes.
    pub(super) browses: bool,
    /// Its list of them, while it hears of changes.
    pub(super) nodes: Option<Vec<(i64, Option<String>)>>,
    /// What waited when it last removed something.
    pub(super) left: Vec<i64>,
    /// How the connection of somebody is called who forwarded something to it.
    pub(super) correspondents: Vec<String>,
}

#[derive(Clone, Debug)]
pub(super) struct Login {
    pub(super) party: PartyId,
    /// With which token, unless that is not known any more.
    pub(super) token: Option<String>,
    /// When that was.
    pub(super) since: Moment,
    /// It has not logged out since.
    pub(super) is_on: bool,
    /// What it has been handed since.
    pub(super) had: Vec<i64>,
    /// What was pushed.
    pub(super) pushed: Vec<i64>,
}

impl Link {
    pub(super) fn new(who: Who, carrier: Carrier) -> Self {
        Self {
            carrier: Some(carrier),
            is_once: false,
            ..Self::once(who)
        }
    }

    /// One that is made for a request, and comes to be with it.
    pub(super) fn once(who: Who) -> Self {
        Self {
            who,
            is_once: true,
            up: VecDeque::new(),
            down: VecDeque::new(),
            carrier: None,
            is_open: true,
            asked: VecDeque::new(),
            login: None,
            browses: false,
            nodes: None,
            left: Vec::new(),
            correspondents: Vec::new(),
        }
    }

    /// Whom it speaks for, as far as it was told.
    pub(super) fn party(&self) -> Option<PartyId> {
        let login = self.login.as_ref().filter(|login| login.is_on);
        login.filter(|_| self.is_open).map(|login| login.party)
    }

    /// Whether it is a connection that nothing is known to be wrong with.
    pub(super) fn is_connection(&self) -> bool {
        self.is_open && !self.is_once
    }

    /// It breaks for the one whose it is: what was on the way to it is lost, and some of what was not.
    pub(super) fn cut(&mut self, arrives: usize) {
        self.is_open = false;
        self.down.clear();
        self.up.truncate(arrives);
        self.asked.clear();
    }

    /// Whether nothing can happen to it any more.
    pub(super) fn is_over(&self) -> bool {
        !(self.is_open || self.takes()) && self.carrier.is_none()
    }

    /// Whether something can arrive at the instance.
    pub(super) fn takes(&self) -> bool {
        let has_room = match &self.carrier {
            Some(carrier) => carrier.has_room(),
            None => self.is_once,
        };
        !self.up.is_empty() && has_room
    }

    /// Whether the instance can do something for it.
    pub(super) fn is_due(&self) -> bool {
        self.carrier.as_ref().is_some_and(Carrier::is_due)
    }

    /// Whether it is broken, and the instance does not know.
    pub(super) fn is_given_up(&self) -> bool {
        !self.is_open && self.carrier.is_some()
    }

    /// Whether something was pushed on it that can be acknowledged.
    pub(super) fn has_pushed(&self) -> bool {
        let login = self.login.as_ref();
        login.is_some_and(|login| !login.pushed.is_empty())
    }
}
