//! A unit of work for one of the store's threads, and the answer that somebody waits for.
//!
//! **Running a job and answering it are two steps**, because a write is answered only when the
//! commit that holds it is done. A job has decided what comes of it before its first write, so it never
//! has to take one back: a statement that fails after that is the disk's fault, and the writer then
//! refuses the whole batch.

use rusqlite::{Connection, Result};
use tokio::sync::oneshot;

use crate::error::{Cause, Fault};

/// A job whose result's type is forgotten.
pub(super) trait Job: Send {
    /// Does the work, once, and keeps its result for [`answer`](Self::answer). Tells whether it
    /// failed, and of what.
    fn run(&mut self, connection: &Connection) -> Result<(), Cause>;

    /// Tells the result to whoever waits.
    fn answer(self: Box<Self>);

    /// Tells whoever waits that there is no result, whatever the work itself came to.
    fn refuse(self: Box<Self>, cause: &Cause);
}

/// Pairs `work` with the place where its result will arrive.
pub(super) fn new<T, W>(
    operation: &'static str,
    work: W,
) -> (Box<dyn Job>, oneshot::Receiver<Result<T, Fault>>)
where
    T: Send + 'static,
    W: FnOnce(&Connection) -> Result<T> + Send + 'static,
{
    let (reply, result) = oneshot::channel();
    (
        Box::new(Task {
            operation,
            progress: Progress::Waiting(work),
            reply,
        }),
        result,
    )
}

struct Task<T, W> {
    operation: &'static str,
    progress: Progress<T, W>,
    reply: oneshot::Sender<Result<T, Fault>>,
}

enum Progress<T, W> {
    Waiting(W),
    Running,
    Done(Result<T, Cause>),
}

impl<T, W> Job for Task<T, W>
where
    T: Send,
    W: FnOnce(&Connection) -> Result<T> + Send,
{
    fn run(&mut self, connection: &Connection) -> Result<(), Cause> {
        let Progress::Waiting(work) = std::mem::replace(&mut self.progress, Progress::Running)
        else {
            unreachable!("a thread runs each of its jobs once");
        };
        let result = work(connection).map_err(|error| Cause::from(Box::from(error)));
        let outcome = result.as_ref().map(drop).map_err(Cause::clone);
        self.progress = Progress::Done(result);
        outcome
    }

    fn answer(self: Box<Self>) {
        let Progress::Done(result) = self.progress else {
            unreachable!("a thread answers only the jobs that it ran");
        };
        let result = result.map_err(|cause| Fault::because(self.operation, cause));
        // Whoever asked may have gone; what was asked for is done all the same.
        self.reply.send(result).ok();
    }

    fn refuse(self: Box<Self>, cause: &Cause) {
        let fault = Fault::because(self.operation, cause.clone());
        self.reply.send(Err(fault)).ok();
    }
}
