//! What others send to a connection: bounded in bytes, and a full one is told to the sender.
//!
//! Beside the messages there is one place for news that only matter while they are the latest. A
//! connection's own answers do not pass through here; they are bounded by what it may ask.

use std::{
    collections::VecDeque,
    fmt,
    future::poll_fn,
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
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
#[derive(Debug)]
pub struct Taken {
    /// Nothing waits any more.
    pub emptied: bool,
    /// The close that the connection was told, if it was.
    pub close: Option<Close>,
}

#[derive(Default)]
struct State {
    frames: VecDeque<Waiting>,
    bytes: usize,
    news: Option<Arc<[Frame]>>,
    close: Option<Close>,
    /// The task of the connection.
    waker: Option<Waker>,
    /// The task that waits for room.
    sender: Option<Waker>,
}

/// A message that waits.
struct Waiting {
    number: Option<i64>,
    frame: Frame,
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
        self.wait(None, frame)
    }

    /// The same; as long as it waits it can be [taken back](Self::take_back) by this number.
    pub fn push_numbered(&self, number: i64, frame: Frame) -> Result<(), Refused> {
        self.wait(Some(number), frame)
    }

    fn wait(&self, number: Option<i64>, frame: Frame) -> Result<(), Refused> {
        let mut state = self.state();
        if state.close.is_some() {
            return Err(Refused::Closed);
        }
        if state.bytes + frame.len() > self.0.limit {
            return Err(Refused::Full);
        }
        state.bytes += frame.len();
        state.frames.push_back(Waiting { number, frame });
        wake(state);
        Ok(())
    }

    /// The message of this number does not leave any more, if it has not yet.
    pub fn take_back(&self, number: i64) {
        let mut state = self.state();
        let mut frames = state.frames.iter();
        let place = frames.position(|waiting| waiting.number == Some(number));
        if let Some(taken) = place.and_then(|place| state.frames.remove(place)) {
            state.bytes -= taken.frame.len();
            self.tell_sender(state);
        }
    }

    /// Puts `news` where the latest news are, in place of what stood there. They go when no message
    /// waits, are not counted, and take nobody's room: many outboxes may share them.
    pub fn tell(&self, news: Arc<[Frame]>) {
        let mut state = self.state();
        if state.close.is_none() {
            state.news = Some(news);
            wake(state);
        }
    }

    /// Waits until half of the bound is free, or the connection has ended or been told to. Only the last
    /// of several that wait is woken.
    pub async fn room(&self) {
        poll_fn(|cx| {
            let mut state = self.state();
            if state.has_room(self.0.limit) {
                return Poll::Ready(());
            }
            state.sender = Some(cx.waker().clone());
            Poll::Pending
        })
        .await;
    }

    /// Tells the connection to answer what it has under way, and to close. The first reason stays.
    pub fn close(&self, close: Close) {
        let mut state = self.state();
        state.close.get_or_insert(close);
        let sender = state.sender.take();
        wake(state);
        if let Some(sender) = sender {
            sender.wake();
        }
    }

    /// Whether this is the same connection's outbox.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Moves messages into `sink`, oldest first, until `room` bytes are exceeded, and news behind them.
    ///
    /// This is for whatever carries the connection. The task of `cx` is woken by the next change.
    pub fn take_into(&self, cx: &mut Context<'_>, sink: &mut dyn Sink, room: usize) -> Taken {
        let mut state = self.state();
        let mut taken = 0;
        while taken < room
            && let Some(Waiting { frame, .. }) = state.frames.pop_front()
        {
            taken += frame.len();
            sink.text(&[&frame]);
        }
        state.bytes -= taken;
        if state.frames.is_empty() {
            state.frames = VecDeque::new();
            if taken < room {
                for frame in state.news.take().iter().flat_map(|news| news.iter()) {
                    sink.text(&[frame]);
                }
            }
        }
        match &mut state.waker {
            Some(waker) => waker.clone_from(cx.waker()),
            none => *none = Some(cx.waker().clone()),
        }
        let taken = Taken {
            emptied: state.frames.is_empty() && state.news.is_none(),
            close: state.close.clone(),
        };
        self.tell_sender(state);
        taken
    }

    /// Wakes whoever waits for room, if there is.
    fn tell_sender(&self, mut state: MutexGuard<'_, State>) {
        if state.has_room(self.0.limit)
            && let Some(sender) = state.sender.take()
        {
            drop(state);
            sender.wake();
        }
    }

    /// The connection has ended: nothing more is taken, and what waits is dropped.
    pub fn end(&self) {
        let mut state = self.state();
        state.close.get_or_insert(Close::GOING_AWAY);
        state.frames = VecDeque::new();
        state.bytes = 0;
        state.news = None;
        let sender = state.sender.take();
        drop(state);
        if let Some(sender) = sender {
            sender.wake();
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Every change of the state is complete before anything can panic.
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn has_room(&self, limit: usize) -> bool {
        self.close.is_some() || self.bytes <= limit / 2
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
    fn what_is_taken_back_does_not_leave_and_gives_its_room() {
        let outbox = Outbox::new(10);
        outbox.push_numbered(1, "12345".into()).unwrap();
        outbox.push_numbered(2, "67890".into()).unwrap();
        outbox.take_back(1);
        outbox.take_back(3);
        assert_eq!(outbox.push("abcde".into()), Ok(()), "there is room again");
        assert_eq!(take(&outbox, 100).0, ["67890", "abcde"]);
        outbox.take_back(2);
        assert_eq!(outbox.push("1234567890".into()), Ok(()));
    }

    #[test]
    fn only_the_latest_news_go_and_behind_the_messages() {
        let outbox = Outbox::new(10);
        outbox.tell(["old".into()].into());
        outbox.push("12345".into()).unwrap();
        outbox.push("67890".into()).unwrap();
        outbox.tell(["new".into(), "news".into()].into());
        let (sent, taken) = take(&outbox, 1);
        assert_eq!((sent, taken.emptied), (vec!["12345".to_owned()], false));
        let (sent, taken) = take(&outbox, 100);
        assert_eq!(sent, ["67890", "new", "news"]);
        assert!(taken.emptied);
        assert!(take(&outbox, 100).0.is_empty(), "they went once");
    }

    #[tokio::test]
    async fn whoever_waits_for_room_learns_of_it_when_half_is_free_or_nobody_is_there() {
        let mut cx = Context::from_waker(Waker::noop());
        let outbox = Outbox::new(10);
        outbox.room().await;
        outbox.push("1234567".into()).unwrap();
        outbox.push("890".into()).unwrap();
        let mut room = std::pin::pin!(outbox.room());
        assert!(room.as_mut().poll(&mut cx).is_pending());
        let waiting = tokio::spawn({
            let outbox = outbox.clone();
            async move { outbox.room().await }
        });
        tokio::task::yield_now().await;
        take(&outbox, 1);
        waiting.await.unwrap();

        outbox.push("1234567".into()).unwrap();
        let waiting = tokio::spawn({
            let outbox = outbox.clone();
            async move { outbox.room().await }
        });
        tokio::task::yield_now().await;
        outbox.end();
        waiting.await.unwrap();
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
