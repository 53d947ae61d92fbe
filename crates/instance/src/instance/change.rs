//! A change to a party that the store has been asked for, and what follows from it for those online.
//!
//! What follows does so also when nobody waits for the change any more: the one who asked for it may
//! leave, and the store makes it all the same.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use nile_protocol::party::PartyId;
use tokio::runtime::Handle;

use super::Instance;
use crate::{
    error::Fault,
    hub::WsId,
    store::{Proven, Submission},
    token::TokenHash,
};

/// A change that is under way.
pub(super) struct Changing<T: Send + 'static> {
    instance: Arc<Instance>,
    party: PartyId,
    /// The token that authorises it.
    token: TokenHash,
    /// The connection that logs in by it, if one does.
    login: Option<WsId>,
    ends: bool,
    /// `None` when it is over.
    written: Option<Submission<Proven<T>>>,
}

impl<T: Send + 'static> Changing<T> {
    /// A change to `party` that `token` authorises, and that makes the token the only one if it is new.
    pub(super) fn new(
        instance: &Arc<Instance>,
        party: PartyId,
        token: TokenHash,
        written: Submission<Proven<T>>,
    ) -> Self {
        let instance = Arc::clone(instance);
        Self {
            instance,
            party,
            token,
            login: None,
            ends: false,
            written: Some(written),
        }
    }

    /// The same, where the change ends the party and all its tokens.
    pub(super) fn ending(mut self) -> Self {
        self.ends = true;
        self
    }

    /// The same, where the change is part of the login of `connection`.
    pub(super) fn of_login(mut self, connection: Option<WsId>) -> Self {
        self.login = connection;
        self
    }

    /// Whether it has its place among the store's writes.
    pub(super) fn is_queued(&self) -> bool {
        self.written.as_ref().is_none_or(Submission::is_queued)
    }

    fn follow(&self, change: &Proven<T>) {
        let hub = &self.instance.hub;
        match change {
            Proven::Done { .. } if self.ends => hub.revoke(self.party, None, None),
            Proven::Done {
                confirmed: true, ..
            } => {
                hub.revoke(self.party, Some(self.token), self.login);
            }
            Proven::Done { .. } | Proven::InvalidToken => {}
        }
    }
}

impl<T: Send + 'static> Future for Changing<T> {
    type Output = Result<Proven<T>, Fault>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let written = self
            .written
            .as_mut()
            .expect("it is not polled when it is over");
        let change = ready!(Pin::new(written).poll(cx));
        self.written = None;
        if let Ok(change) = &change {
            self.follow(change);
        }
        Poll::Ready(change)
    }
}

impl<T: Send + 'static> Drop for Changing<T> {
    fn drop(&mut self) {
        if let (Some(written), Ok(runtime)) = (self.written.take(), Handle::try_current()) {
            let mut rest = Self::new(&self.instance, self.party, self.token, written);
            (rest.ends, rest.login) = (self.ends, self.login);
            runtime.spawn(rest);
        }
    }
}
