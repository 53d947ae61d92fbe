//! What others send to a connection: bounded in bytes, and a full one is told to the sender.
//!
//! A connection's own answers do not pass through here; they are bounded by what it may ask.

use std::{
    collections::VecDeque,
    fmt, mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Waker},
};

use crate::{close::Close, conversation::Sink};

/// A whole text message of the transport, encoded once; it may wait in many outboxes.
pub type Frame = Arc<str>;

/// The handle through which a connection is sent messages, or told to close.
#[derive(Clone)]
pub struct Outbox(Arc<Shared>);

/// Why a message was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// So much waits already that this message would exceed the bound.
    Full,
    /// The connection has ended, or has been told to.
    Closed,
}

struct Shared {
    limit: usize,
    state: Mutex<State>,
}

/// How an outbox was left.
pub(crate) struct Taken {
    /// Nothing waits any more.
    pub(crate) emptied: bool,
    /// The close that the connection was told, if it was.
    pub(crate) close: Option<Close>,
}

#[derive(Default)]
struct State {
    frames: VecDeque<Frame>,
    bytes: usize,
    close: Option<Close>,
    waker: Option<Waker>,
}

impl Outbox {
    /// An outbox that holds at most `limit` bytes of messages.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self(Arc::new(Shared {
            limit,
            state: Mutex::default(),
        }))
    }

    /// Queues a message behind those that wait.
    pub fn push(&self, frame: Frame) -> Result<(), Refused> {
        let mut state = self.state();
        if state.close.is_some() {
            return Err(Refused::Closed);
        }
        if state.bytes + frame.len() > self.0.limit {
            return Err(Refused::Full);
        }
        state.bytes += frame.len();
        state.frames.push_back(frame);
        wake(state);
        Ok(())
    }

    /// Tells the connection to answer what it has under way, and to close. The first reason stays.
    pub fn close(&self, close: Close) {
        let mut state = self.state();
        state.close.get_or_insert(close);
        wake(state);
    }

    /// Whether this is the same connection's outbox.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Moves messages into `sink`, oldest first, until `room` bytes are exceeded.
    ///
    /// The task of `cx` is woken by the next change.
    pub(crate) fn take_into(
        &self,
        cx: &mut Context<'_>,
        sink: &mut dyn Sink,
        room: usize,
    ) -> Taken {
        let mut state = self.state();
        let mut taken = 0;
        while taken < room
            && let Some(frame) = state.frames.pop_front()
        {
            taken += frame.len();
            sink.text(&[&frame]);
        }
        state.bytes -= taken;
        if state.frames.is_empty() {
            state.frames = VecDeque::new();
        }
        match &mut state.waker {
            Some(waker) => waker.clone_from(cx.waker()),
            none => *none = Some(cx.waker().clone()),
        }
        Taken {
            emptied: state.frames.is_empty(),
            close: state.close.clone(),
        }
    }

    /// The connection has ended: nothing more is taken, and what waits is dropped.
    pub(crate) fn end(&self) {
        let mut state = self.state();
        state.close.get_or_insert(Close::GOING_AWAY);
        state.frames = VecDeque::new();
        state.bytes = 0;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Every change of the state is complete before anything can panic.
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn wake(mut state: MutexGuard<'_, State>) {
    let waker = mem::take(&mut state.waker);
    drop(state);
    if let Some(waker) = waker {
        waker.wake();
    }
}

impl fmt::Debug for Outbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outbox")
            .field("bytes", &self.state().bytes)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Sent(Vec<String>);

    impl Sink for Sent {
        fn text(&mut self, parts: &[&str]) {
            self.0.push(parts.concat());
        }

        fn binary(&mut self, _: &[u8]) {
            unreachable!("an outbox holds text");
        }
    }

    fn take(outbox: &Outbox, room: usize) -> (Vec<String>, Taken) {
        let mut sent = Sent::default();
        let taken = outbox.take_into(&mut Context::from_waker(Waker::noop()), &mut sent, room);
        (sent.0, taken)
    }

    #[test]
    fn a_full_outbox_tells_the_sender_and_keeps_what_it_has() {
        let outbox = Outbox::new(10);
        assert_eq!(outbox.push("12345".into()), Ok(()));
        assert_eq!(outbox.push("123456".into()), Err(Refused::Full));
        assert_eq!(outbox.push("67890".into()), Ok(()));
        let (sent, taken) = take(&outbox, 1);
        assert_eq!((sent, taken.emptied), (vec!["12345".to_owned()], false));
        assert_eq!(outbox.push("abcde".into()), Ok(()), "there is room again");
        let (sent, taken) = take(&outbox, 100);
        assert_eq!(
            (sent, taken.emptied),
            (vec!["67890".to_owned(), "abcde".to_owned()], true)
        );
    }

    #[test]
    fn a_closed_outbox_takes_nothing_and_keeps_the_first_reason() {
        let outbox = Outbox::new(10);
        outbox.close(Close::policy("first"));
        outbox.close(Close::GOING_AWAY);
        assert_eq!(outbox.push("x".into()), Err(Refused::Closed));
        assert_eq!(take(&outbox, 1).1.close, Some(Close::policy("first")));
    }
}
