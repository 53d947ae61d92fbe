//! Drives one conversation over one WebSocket, in one task.
//!
//! Order: answers leave as [`Pipeline`] orders them, pushed messages behind the answers that are due.
//! Bounds: nothing is read while 32 requests are under way or the peer does not take its answers, and a
//! peer that takes nothing for the write deadline is dropped.

use std::{
    future::poll_fn,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use tokio::time::timeout;

use crate::{
    close::{Close, End},
    conversation::{Conversation, Message, Pipeline},
    outbox::Outbox,
    patience::{Bounds, Patience},
    websocket::{Socket, Upgrading, frame::Incoming},
};

/// While more than this waits to be written, nothing is read and no pushed message is taken.
pub(crate) const HIGH_WATER: usize = 64 * 1024;

/// After so many messages other connections have their turn: a burst on hundreds of them at once would
/// otherwise keep the rest waiting for as long as it takes to read all that each of them has sent.
const TURN: usize = 64;

/// Serves a conversation on a WebSocket whose handshake was answered, until one side ends it.
///
/// What a connection keeps is on the heap once; the future that is returned stays small.
pub fn serve<C: Conversation>(
    upgrading: Upgrading,
    conversation: C,
    outbox: Outbox,
    bounds: Arc<Bounds>,
) -> impl Future<Output = ()> + Send {
    let mut conversation = Box::new(conversation);
    async move {
        let Some(opened) = upgrading.opened(bounds.handshake).await else {
            outbox.end();
            conversation.ended(&End::Peer);
            return;
        };
        let mut socket = Socket::new(opened, bounds.max_message);
        conversation.opened(&mut socket.output());
        Drive::new(socket, conversation, Pipeline::new(), outbox, bounds)
            .run()
            .await;
    }
}

/// One connection and all that it needs.
pub(crate) struct Drive<C: Conversation> {
    socket: Socket,
    conversation: Box<C>,
    pipeline: Pipeline<C::Outcome>,
    outbox: Outbox,
    bounds: Arc<Bounds>,
    patience: Patience,
}

impl<C: Conversation> Drive<C> {
    pub(crate) fn new(
        socket: Socket,
        conversation: Box<C>,
        pipeline: Pipeline<C::Outcome>,
        outbox: Outbox,
        bounds: Arc<Bounds>,
    ) -> Box<Self> {
        Box::new(Self {
            socket,
            conversation,
            pipeline,
            outbox,
            patience: Patience::new(Arc::clone(&bounds)),
            bounds,
        })
    }

    /// Runs until the connection ends, and closes it.
    pub(crate) async fn run(mut self: Box<Self>) {
        let end = poll_fn(|cx| self.poll_end(cx)).await;
        self.close(end).await;
    }

    /// Gives back all that the connection holds, and then closes its socket, which may take its time.
    pub(crate) fn close(mut self: Box<Self>, end: End) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        self.outbox.end();
        self.conversation.ended(&end);
        let Self { socket, bounds, .. } = *self;
        let close = match end {
            End::Closed(close) => Some(close),
            End::Peer => Some(Close::new(1000, "")),
            End::Silent => Some(Close::policy("no answer to the heartbeat")),
            End::Stalled => None,
        };
        Box::pin(async move {
            if let Some(close) = close {
                // The peer may have gone without a word; then there is nobody to tell.
                let _ = timeout(bounds.close, socket.close(&close)).await;
            }
        })
    }

    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<End> {
        let mut heard = 0;
        loop {
            match self.poll_turn(cx, &mut heard) {
                Poll::Ready(Ok(())) if heard < TURN => {}
                Poll::Ready(Ok(())) => {
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                Poll::Ready(Err(end)) => return Poll::Ready(end),
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    /// One round of all there is to do, which adds to what was heard; ready when there may be more.
    fn poll_turn(&mut self, cx: &mut Context<'_>, heard: &mut usize) -> Poll<Result<(), End>> {
        let mut output = self.socket.output();
        let _pending = self
            .pipeline
            .poll_complete(cx, &mut *self.conversation, &mut output);
        if self.socket.unwritten() >= HIGH_WATER {
            // What a slow peer has taken meanwhile is room for pushed messages before it is for requests.
            let _blocked = self.socket.poll_flush(cx).map_err(|_| End::Peer)?;
        }
        let room = HIGH_WATER.saturating_sub(self.socket.unwritten());
        let taken = self.outbox.take_into(cx, &mut self.socket.output(), room);
        let flushed = self
            .socket
            .poll_flush(cx)
            .map_err(|_| End::Peer)?
            .is_ready();
        if taken.close.is_some() {
            self.patience.closing();
        }
        let read = match taken.close {
            Some(close) if flushed && taken.emptied && self.pipeline.is_empty() => {
                return Poll::Ready(Err(End::Closed(close)));
            }
            Some(_) => Poll::Pending,
            None => self.poll_read(cx, heard)?,
        };
        // Only now: what a peer sent while this process was held up counts as said in time.
        let blocked_since = self.socket.blocked_since();
        let mut output = self.socket.output();
        self.patience
            .poll(cx, blocked_since, &mut *self.conversation, &mut output)?;
        let moved = self.patience.is_moved(blocked_since);
        let more_to_write = flushed && (!taken.emptied || self.socket.unwritten() > 0);
        if moved || more_to_write || read.is_ready() {
            Poll::Ready(Ok(()))
        } else {
            Poll::Pending
        }
    }

    fn poll_read(&mut self, cx: &mut Context<'_>, heard: &mut usize) -> Poll<Result<(), End>> {
        if !self.pipeline.has_room() || self.socket.unwritten() >= HIGH_WATER {
            return Poll::Pending;
        }
        let Self {
            socket,
            conversation,
            pipeline,
            ..
        } = self;
        socket.poll_read(cx, |incoming, output| {
            *heard += 1;
            let step = match incoming {
                Incoming::Text(text) => conversation.receive(Message::Text(&text), output)?,
                Incoming::Binary(bytes) => conversation.receive(Message::Binary(&bytes), output)?,
                Incoming::Ping(payload) => {
                    output.pong(payload);
                    None
                }
                Incoming::Pong => {
                    conversation.ponged();
                    None
                }
                Incoming::Fragment => None,
                Incoming::Close => return Err(End::Peer),
            };
            if let Some(outcome) = step.and_then(|step| pipeline.push(step)) {
                conversation.complete(outcome, output);
            }
            Ok(pipeline.has_room() && output.len() < HIGH_WATER && *heard < TURN)
        })
    }
}
