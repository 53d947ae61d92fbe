//! What the store was asked to do, and what follows from it for those online.
//!
//! **What follows does so also when nobody waits for it any more**: the one who asked may leave, or be told
//! that it took too long, and the store does it all the same.

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
        let (written, then) = self.rest.take().expect("it was there a moment ago");
        Poll::Ready(match result {
            Ok(done) => Ok(then(done)),
            Err(fault) => {
                detach(late(written, then));
                Err(fault)
            }
        })
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
            detach(late(written, then));
        }
    }
}

/// What follows when the store has done it, if it ever does.
async fn late<T, R>(written: Submission<T>, then: impl FnOnce(T) -> R) {
    // Not `Following` again: a runtime that ends drops at once what it is given.
    written.however_late().await.map(then);
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

#[cfg(test)]
mod tests {
    use std::{num::NonZeroUsize, time::Duration};

    use tokio::{sync::oneshot, task::yield_now, time::advance};

    use super::*;
    use crate::{
        clock::Timestamp,
        store::{ByHand, Fate, Options, Store},
        token::TokenHash,
    };

    struct Slow {
        store: Store,
        by_hand: ByHand,
        _directory: tempfile::TempDir,
    }

    impl Slow {
        fn open() -> Self {
            let directory = tempfile::tempdir().unwrap();
            let options = Options {
                deadline: Duration::from_secs(10),
                write_queue: NonZeroUsize::MIN,
                ..Options::default()
            };
            let (store, by_hand) = Store::by_hand(directory.path(), &options).unwrap();
            Self {
                store,
                by_hand,
                _directory: directory,
            }
        }

        /// Registers somebody, and tells when what follows has happened.
        fn register(
            &self,
        ) -> (
            impl Future<Output = Result<(), Fault>> + use<>,
            oneshot::Receiver<()>,
        ) {
            let (follow, followed) = oneshot::channel();
            let token = TokenHash::of(&[7; 32]);
            let written = self.store.register_client(token, "{}".into(), Timestamp(0));
            let following = Following::new(written, |_| follow.send(()).unwrap());
            (following, followed)
        }

        async fn write(&mut self) {
            self.by_hand.write(1, Fate::Works);
            self.by_hand.answer_write();
            yield_now().await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_follows_a_write_does_so_when_it_took_too_long() {
        let mut slow = Slow::open();
        let (following, mut followed) = slow.register();
        following.await.unwrap_err();
        slow.write().await;
        followed.try_recv().unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn what_follows_a_write_does_so_when_it_took_too_long_for_who_has_left() {
        let mut slow = Slow::open();
        let (following, mut followed) = slow.register();
        drop(following);
        yield_now().await;
        advance(Duration::from_mins(1)).await;
        slow.write().await;
        followed.try_recv().unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn what_found_no_room_in_time_is_not_done_and_nobody_waits_for_it() {
        let mut slow = Slow::open();
        let (first, mut followed) = slow.register();
        let (second, not_followed) = slow.register();
        drop((first, second));
        yield_now().await;
        advance(Duration::from_mins(1)).await;
        not_followed.await.unwrap_err();
        slow.write().await;
        followed.try_recv().unwrap();
        assert_eq!(slow.by_hand.writes(), 0);
    }
}
