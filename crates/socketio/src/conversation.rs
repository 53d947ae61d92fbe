//! What is said on one connection, whatever carries it.
//!
//! A [`Conversation`] does no I/O: a message goes in, a [`Step`] comes out, and what it
//! sends goes into a [`Sink`]. Answers leave in the order of their requests, whatever
//! each of them had to wait for; that is [`Pipeline`]'s one job.

use std::{
    collections::VecDeque,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::time::Instant;

use crate::close::End;

/// An answer that is still being worked on.
pub type Work<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// One message of a transport, whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message<'a> {
    /// Text.
    Text(&'a str),
    /// Bytes.
    Binary(&'a [u8]),
}

/// What a request leads to.
///
/// The outcome comes back through [`Conversation::complete`] in the order of the requests.
pub enum Step<T> {
    /// The outcome is known.
    Now(T),
    /// The work has its place among the connection's other work; later requests are taken meanwhile.
    Later(Work<T>),
    /// The work starts when all earlier work is done, and no request is taken until it ends.
    Alone(Work<T>),
}

/// Where a conversation sends.
pub trait Sink {
    /// Sends one text message, which is these parts in a row.
    fn text(&mut self, parts: &[&str]);
    /// Sends one binary message.
    fn binary(&mut self, bytes: &[u8]);
    /// Sends the transport's own ping, where it has one: a WebSocket ping frame.
    fn ping(&mut self) {}
}

/// One connection's side of the talk.
///
/// Conversations stand on one another: the messages of an Engine.IO session are the conversation of
/// Socket.IO. Dropping it is the end of the connection: whatever it holds is given back there, also when
/// something panicked.
pub trait Conversation: Send + 'static {
    /// What a [`Step`] results in.
    type Outcome: Send + 'static;

    /// The connection is open and nothing has been sent on it yet.
    fn opened(&mut self, sink: &mut dyn Sink);

    /// A message arrived. An error ends the connection.
    fn receive(
        &mut self,
        message: Message<'_>,
        sink: &mut dyn Sink,
    ) -> Result<Option<Step<Self::Outcome>>, End>;

    /// A step's work is done, and so is that of every step before it.
    fn complete(&mut self, outcome: Self::Outcome, sink: &mut dyn Sink);

    /// The peer answered a ping of the transport ([`Sink::ping`]).
    fn ponged(&mut self) {}

    /// The transport was polling and is a WebSocket from now on. An error ends the connection.
    fn upgraded(&mut self) -> Result<(), End> {
        Ok(())
    }

    /// Time passed: sends heartbeats and tells when to be called next. An error ends the connection.
    fn tick(&mut self, now: Instant, sink: &mut dyn Sink) -> Result<Instant, End>;

    /// The connection is over, for this reason. It is dropped next.
    fn ended(&mut self, end: &End);
}

/// How much work a connection may have under way at once.
const ROOM: usize = 32;

/// The work of one connection, in the order of its requests, for whatever carries it.
pub struct Pipeline<T> {
    queue: VecDeque<Slot<T>>,
    alone: bool,
}

enum Slot<T> {
    Done(T),
    Pending(Work<T>),
}

impl<T> Pipeline<T> {
    /// Nothing is under way.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            queue: VecDeque::new(),
            alone: false,
        }
    }

    /// Whether another request may be taken now.
    #[must_use]
    pub fn has_room(&self) -> bool {
        !self.alone && self.queue.len() < ROOM
    }

    /// Whether nothing is under way.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Takes a step; hands its outcome straight back when nothing is before it.
    pub fn push(&mut self, step: Step<T>) -> Option<T> {
        let slot = match step {
            Step::Now(outcome) if self.queue.is_empty() => return Some(outcome),
            Step::Now(outcome) => Slot::Done(outcome),
            Step::Later(work) => Slot::Pending(work),
            Step::Alone(work) => {
                self.alone = true;
                Slot::Pending(work)
            }
        };
        self.queue.push_back(slot);
        None
    }

    /// The next outcome in order; pending while there is none.
    ///
    /// Only the oldest work is polled, so work that must run alone starts when it is the oldest.
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<T> {
        let outcome = match self.queue.pop_front() {
            None => return Poll::Pending,
            Some(Slot::Done(outcome)) => outcome,
            Some(Slot::Pending(mut work)) => match work.as_mut().poll(cx) {
                Poll::Ready(outcome) => outcome,
                Poll::Pending => {
                    self.queue.push_front(Slot::Pending(work));
                    return Poll::Pending;
                }
            },
        };
        if self.queue.is_empty() {
            // Work that runs alone is always the last in the queue. An idle connection keeps no buffer.
            *self = Self::new();
        }
        Poll::Ready(outcome)
    }

    /// Hands every outcome that is due to the conversation.
    pub fn poll_complete<C>(
        &mut self,
        cx: &mut Context<'_>,
        conversation: &mut C,
        sink: &mut dyn Sink,
    ) -> Poll<std::convert::Infallible>
    where
        C: Conversation<Outcome = T>,
    {
        loop {
            let outcome = ready!(self.poll_next(cx));
            conversation.complete(outcome, sink);
        }
    }
}

impl<T> Default for Pipeline<T> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use tokio::sync::oneshot;

    use super::*;

    fn later(result: oneshot::Receiver<u32>) -> Work<u32> {
        Box::pin(async { result.await.unwrap() })
    }

    fn poll(pipeline: &mut Pipeline<u32>) -> Poll<u32> {
        pipeline.poll_next(&mut Context::from_waker(Waker::noop()))
    }

    #[test]
    fn outcomes_leave_in_the_order_of_their_requests() {
        let mut pipeline = Pipeline::new();
        let (first, first_result) = oneshot::channel();
        let (second, second_result) = oneshot::channel();

        assert_eq!(pipeline.push(Step::Now(0)), Some(0), "nothing is before it");
        assert_eq!(pipeline.push(Step::Later(later(first_result))), None);
        assert_eq!(pipeline.push(Step::Now(2)), None, "the first is before it");
        assert_eq!(pipeline.push(Step::Later(later(second_result))), None);

        second.send(3).unwrap();
        assert_eq!(poll(&mut pipeline), Poll::Pending);
        first.send(1).unwrap();
        assert_eq!(poll(&mut pipeline), Poll::Ready(1));
        assert_eq!(poll(&mut pipeline), Poll::Ready(2));
        assert_eq!(poll(&mut pipeline), Poll::Ready(3));
        assert!(pipeline.is_empty());
    }

    #[test]
    fn work_alone_starts_after_earlier_work_and_lets_nothing_in() {
        let mut pipeline = Pipeline::new();
        let (earlier, earlier_result) = oneshot::channel();
        let (started, mut has_started) = oneshot::channel();

        pipeline.push(Step::Later(later(earlier_result)));
        assert!(pipeline.has_room());
        pipeline.push(Step::Alone(Box::pin(async move {
            started.send(()).unwrap();
            2
        })));
        assert!(!pipeline.has_room(), "no request is taken beside it");
        assert_eq!(poll(&mut pipeline), Poll::Pending);
        assert!(
            has_started.try_recv().is_err(),
            "the earlier work is not done"
        );

        earlier.send(1).unwrap();
        assert_eq!(poll(&mut pipeline), Poll::Ready(1));
        assert!(!pipeline.has_room());
        assert_eq!(poll(&mut pipeline), Poll::Ready(2));
        assert!(pipeline.has_room());
    }

    #[test]
    fn the_work_under_way_is_bounded() {
        let mut pipeline = Pipeline::<u32>::new();
        for _ in 0..ROOM {
            assert!(pipeline.has_room());
            pipeline.push(Step::Later(Box::pin(std::future::pending())));
        }
        assert!(!pipeline.has_room());
    }
}
