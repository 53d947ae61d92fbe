//! The bounded way to the store's threads, and the waiting of those who asked.
//!
//! **What is submitted in order is done in order**: a job is in the queue when `submit` returns,
//! unless the queue is full. Nothing here runs jobs.

use std::{
    future::{Future, poll_fn},
    num::NonZeroUsize,
    pin::Pin,
    sync::{PoisonError, RwLock},
    task::{Context, Poll, ready},
    thread,
    time::Duration,
};

use rusqlite::Connection;
use tokio::{
    sync::{
        mpsc::{
            self, OwnedPermit,
            error::{SendError, TrySendError},
        },
        oneshot,
    },
    time::{Instant, Sleep, sleep_until},
};

use super::{
    answers::Answers,
    job::{self, Job},
};
use crate::error::Fault;

/// Where a thread finds its jobs, and how it answers them.
pub(super) struct Jobs {
    pub(super) waiting: mpsc::Receiver<Box<dyn Job>>,
    pub(super) answers: Answers,
}

impl Jobs {
    /// Waits for a job, and takes it with what else there is, `most` at most. `false` when the queue is closed
    /// and empty.
    ///
    /// Those who ask may share the processor with the thread that this is for: it makes way for them once, and
    /// what they ask meanwhile is served together with the first.
    pub(super) fn take(&mut self, batch: &mut Vec<Box<dyn Job>>, most: usize) -> bool {
        if self.waiting.blocking_recv_many(batch, most) == 0 {
            return false;
        }
        thread::yield_now();
        while batch.len() < most
            && let Ok(job) = self.waiting.try_recv()
        {
            batch.push(job);
        }
        true
    }
}

/// The sending side of a bounded queue of jobs.
#[derive(Debug)]
pub(super) struct Queue {
    /// `None` when closed: the thread at the other end stops when it has done what it was given.
    sender: RwLock<Option<mpsc::Sender<Box<dyn Job>>>>,
    deadline: Duration,
}

impl Queue {
    /// A queue with room for `length` jobs, whose callers wait for an answer as long as `deadline`.
    pub(super) fn new(length: NonZeroUsize, deadline: Duration) -> (Self, Jobs) {
        let (sender, waiting) = mpsc::channel(length.get());
        let answers = Answers::new();
        (
            Self {
                sender: RwLock::new(Some(sender)),
                deadline,
            },
            Jobs { waiting, answers },
        )
    }

    /// Queues `work`. `operation` reads on after "could not".
    pub(super) fn submit<T, W>(&self, operation: &'static str, work: W) -> Submission<T>
    where
        T: Send + 'static,
        W: FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        let (job, result) = job::new(operation, work);
        let sender = self.sender.read().unwrap_or_else(PoisonError::into_inner);
        let waiting = match sender.as_ref().map(|sender| (sender, sender.try_send(job))) {
            Some((sender, Err(TrySendError::Full(job)))) => Some(Waiting {
                room: Box::pin(sender.clone().reserve_owned()),
                job: Some(job),
            }),
            // A job that went nowhere drops its reply, which is how its caller learns of it.
            Some((_, Ok(()) | Err(TrySendError::Closed(_)))) | None => None,
        };
        Submission {
            operation,
            waiting,
            result,
            deadline: Instant::now().checked_add(self.deadline),
            timer: None,
        }
    }

    /// Takes no more.
    pub(super) fn close(&self) {
        self.sender
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
    }
}

/// Something that the store was asked to do, and its result to come.
///
/// It was queued when it was made, unless the queue was full: then it is queued when it is polled
/// and there is room, and may be overtaken by what is submitted in between. A caller that needs its
/// requests done in order polls the one that [is not queued](Self::is_queued) before it submits the
/// next.
///
/// It ends in a [`Fault`] when its deadline has passed; what was queued is done nevertheless, so
/// a write that timed out may still take effect. So does one that is dropped.
#[must_use = "a submission that is not awaited says nothing about what became of it"]
pub struct Submission<T> {
    operation: &'static str,
    waiting: Option<Waiting>,
    result: oneshot::Receiver<Result<T, Fault>>,
    /// `None`: never.
    deadline: Option<Instant>,
    /// Made at the first poll that has to wait: most submissions never need one.
    timer: Option<Pin<Box<Sleep>>>,
}

/// A job for which there was no room.
struct Waiting {
    room: Pin<Box<dyn Future<Output = Result<Permit, SendError<()>>> + Send>>,
    job: Option<Box<dyn Job>>,
}

type Permit = OwnedPermit<Box<dyn Job>>;

impl<T> Submission<T> {
    /// Whether the job has left for the store's thread. If not, this still holds it.
    #[must_use]
    pub fn is_queued(&self) -> bool {
        self.waiting.is_none()
    }

    /// The same without a deadline for what was queued; what was not is given up when that passes.
    ///
    /// It may have been polled before, also until it timed out. `None` when it has ended otherwise.
    pub(crate) async fn however_late(mut self) -> Option<T> {
        if self.result.is_terminated() {
            return None;
        }
        poll_fn(|context| match self.poll_queued(context) {
            Poll::Ready(()) => Poll::Ready(()),
            Poll::Pending => self.poll_deadline(context),
        })
        .await;
        // A job that is dropped here drops its reply, and so does a store that ends.
        self.waiting = None;
        self.result.await.ok()?.ok()
    }

    fn poll_queued(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if let Some(waiting) = &mut self.waiting {
            let room = ready!(waiting.room.as_mut().poll(context));
            if let (Ok(permit), Some(job)) = (room, waiting.job.take()) {
                permit.send(job);
            }
            self.waiting = None;
        }
        Poll::Ready(())
    }

    fn poll_result(&mut self, context: &mut Context<'_>) -> Poll<Result<T, Fault>> {
        ready!(self.poll_queued(context));
        Pin::new(&mut self.result)
            .poll(context)
            .map(|result| result.unwrap_or_else(|_| Err(self.fault("the store has stopped"))))
    }

    fn poll_deadline(&mut self, context: &mut Context<'_>) -> Poll<()> {
        match self.deadline {
            Some(deadline) => {
                let timer = self
                    .timer
                    .get_or_insert_with(|| Box::pin(sleep_until(deadline)));
                timer.as_mut().poll(context)
            }
            None => Poll::Pending,
        }
    }

    fn fault(&self, reason: &'static str) -> Fault {
        Fault::new(self.operation, reason)
    }
}

impl<T> Future for Submission<T> {
    type Output = Result<T, Fault>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if let Poll::Ready(result) = self.poll_result(context) {
            return Poll::Ready(result);
        }
        ready!(self.poll_deadline(context));
        Poll::Ready(Err(self.fault("timed out")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_as_long_as_it_may_be_and_no_longer() {
        let room = NonZeroUsize::new(10).unwrap();
        let (queue, mut jobs) = Queue::new(room, Duration::MAX);
        let submissions: Vec<_> = (0..room.get())
            .map(|_| queue.submit("do nothing", |_| Ok(())))
            .collect();
        assert!(submissions.iter().all(Submission::is_queued));
        assert!(!queue.submit("do nothing", |_| Ok(())).is_queued());
        queue.close();

        let mut lengths = Vec::new();
        loop {
            let mut batch = Vec::new();
            if !jobs.take(&mut batch, 4) {
                break;
            }
            lengths.push(batch.len());
        }
        assert_eq!(lengths, [4, 4, 2]);
    }
}
