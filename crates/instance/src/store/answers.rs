//! How results get from the store's threads to those who wait: many at a time.
//!
//! A thread that woke them one by one would, on a busy processor, have to make way for each of them. So
//! what was done together is handed over together, and a task of the runtime wakes those who wait. **Nothing
//! is lost where there is no such task**: then the thread does it.

use tokio::{runtime::Handle, sync::mpsc};

use super::job::Job;

/// The way back. Its copies end with the threads that have them, and the task with the last.
#[derive(Clone)]
pub(super) struct Answers(Option<mpsc::UnboundedSender<Vec<Box<dyn Job>>>>);

impl Answers {
    /// Answers in the runtime in which this is called, if it is in one.
    pub(super) fn new() -> Self {
        let Ok(runtime) = Handle::try_current() else {
            return Self(None);
        };
        // What is in it was in a bounded queue before, or in a thread's batch.
        let (answers, mut given) = mpsc::unbounded_channel::<Vec<Box<dyn Job>>>();
        runtime.spawn(async move {
            while let Some(jobs) = given.recv().await {
                jobs.into_iter().for_each(Job::answer);
            }
        });
        Self(Some(answers))
    }

    /// Answers jobs that have been run.
    pub(super) fn give(&self, jobs: impl Iterator<Item = Box<dyn Job>>) {
        let jobs: Vec<_> = jobs.collect();
        let left = match &self.0 {
            Some(answers) => answers.send(jobs).err().map(|unsent| unsent.0),
            None => Some(jobs),
        };
        left.into_iter().flatten().for_each(Job::answer);
    }
}
