//! What a connection may cost, its one timer, and when patience with its peer ends.
//!
//! The timer is moved only when it fires, or must fire earlier.

use std::{future::Future, pin::Pin, sync::Arc, task::Context, time::Duration};

use tokio::time::{Instant, Sleep, sleep_until};

use crate::{
    close::End,
    conversation::{Conversation, Sink},
};

/// What a connection may cost.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// The largest message taken, in bytes.
    pub max_message: usize,
    /// How long the peer has to take the answer to its handshake.
    pub handshake: Duration,
    /// How long the peer may take nothing of what is sent to it.
    pub write: Duration,
    /// How long the closing handshake may take.
    pub close: Duration,
}

/// How long a connection is waited for.
pub(crate) struct Patience {
    timer: Pin<Box<Sleep>>,
    bounds: Arc<Bounds>,
    /// Since when the connection has been told to close.
    closing_since: Option<Instant>,
}

impl Patience {
    pub(crate) fn new(bounds: Arc<Bounds>) -> Self {
        let timer = Box::pin(sleep_until(Instant::now()));
        Self {
            timer,
            bounds,
            closing_since: None,
        }
    }

    /// The connection has been told to close; how often does not matter.
    pub(crate) fn closing(&mut self) {
        self.closing_since.get_or_insert_with(Instant::now);
    }

    /// Lets the conversation know that time has passed, when it wanted to. `blocked_since`: since when the
    /// peer has taken nothing of what waits for it.
    pub(crate) fn poll<C: Conversation>(
        &mut self,
        cx: &mut Context<'_>,
        blocked_since: Option<Instant>,
        conversation: &mut C,
        sink: &mut dyn Sink,
    ) -> Result<(), End> {
        while self.timer.as_mut().poll(cx).is_ready() {
            let now = Instant::now();
            let deadline = self.deadline(blocked_since);
            if deadline.is_some_and(|deadline| now >= deadline) {
                return Err(End::Stalled);
            }
            let next = conversation.tick(now, sink)?;
            self.timer
                .as_mut()
                .reset(deadline.map_or(next, |deadline| deadline.min(next)));
        }
        Ok(())
    }

    /// Sees to it that the timer fires by the deadline. If it had to be moved, it has to be polled again.
    pub(crate) fn is_moved(&mut self, blocked_since: Option<Instant>) -> bool {
        let Some(deadline) = self.deadline(blocked_since) else {
            return false;
        };
        let moved = deadline < self.timer.deadline();
        if moved {
            self.timer.as_mut().reset(deadline);
        }
        moved
    }

    fn deadline(&self, blocked_since: Option<Instant>) -> Option<Instant> {
        let write = blocked_since.map(|since| since + self.bounds.write);
        let close = self.closing_since.map(|since| since + self.bounds.close);
        write.into_iter().chain(close).min()
    }
}
