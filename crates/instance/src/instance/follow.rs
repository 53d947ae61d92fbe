//! What the store was asked to do, and what follows from it for those online.
//!
//! **What follows does so also when nobody waits for it any more**: the one who asked may leave, and the
//! store does it all the same.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::runtime::Handle;

use crate::{error::Fault, store::Submission};

/// Something that the store was asked to do, with what follows from it.
pub(super) struct Following<T, R, F>
where
    T: Send + 'static,
    R: Send + 'static,
    F: FnOnce(T) -> R + Send + Unpin + 'static,
{
    /// `None` when it is over.
    rest: Option<(Submission<T>, F)>,
}

impl<T, R, F> Following<T, R, F>
where
    T: Send + 'static,
    R: Send + 'static,
    F: FnOnce(T) -> R + Send + Unpin + 'static,
{
    /// `then` is called with the result as soon as there is one.
    pub(super) const fn new(written: Submission<T>, then: F) -> Self {
        Self {
            rest: Some((written, then)),
        }
    }

    /// Whether it has its place among the store's writes.
    pub(super) fn is_queued(&self) -> bool {
        self.rest
            .as_ref()
            .is_none_or(|(written, _)| written.is_queued())
    }
}

impl<T, R, F> Future for Following<T, R, F>
where
    T: Send + 'static,
    R: Send + 'static,
    F: FnOnce(T) -> R + Send + Unpin + 'static,
{
    type Output = Result<R, Fault>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let (written, _) = self
            .rest
            .as_mut()
            .expect("it is not polled when it is over");
        let result = ready!(Pin::new(written).poll(cx));
        let (_, then) = self.rest.take().expect("it was there a moment ago");
        Poll::Ready(result.map(then))
    }
}

impl<T, R, F> Drop for Following<T, R, F>
where
    T: Send + 'static,
    R: Send + 'static,
    F: FnOnce(T) -> R + Send + Unpin + 'static,
{
    fn drop(&mut self) {
        if let Some((written, then)) = self.rest.take() {
            // Not this type again: a runtime that ends drops at once what it is given.
            detach(async move { written.await.map(then) });
        }
    }
}

/// Does something that nobody waits for; nothing, where the runtime has ended.
pub(super) fn detach<W>(work: W)
where
    W: Future<Output: Send + 'static> + Send + 'static,
{
    if let Ok(runtime) = Handle::try_current() {
        runtime.spawn(work);
    }
}
