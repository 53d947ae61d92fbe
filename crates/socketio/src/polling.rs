//! One session over HTTP long-polling, in one task, until it ends or is upgraded to a WebSocket.
//!
//! Order and bounds are those of [`crate::connection`]. A poll that its peer abandoned loses nothing: what
//! could not be handed over waits for the next one.

use std::{
    future::poll_fn,
    mem,
    sync::Arc,
    task::{Context, Poll},
};

use tokio::{
    sync::{mpsc, oneshot},
    time::Instant,
};

use crate::{
    close::{Close, End},
    connection::{Drive, HIGH_WATER},
    conversation::{Conversation, Message, Pipeline, Sink},
    engine::{Packet, payload::Payload},
    outbox::Outbox,
    patience::{Bounds, Patience},
    websocket::Socket,
};

/// What HTTP requests ask of the session's task. A dropped reply means that the session is no more.
pub(crate) enum Command {
    /// A GET: answered when there is something to send.
    Poll(oneshot::Sender<Vec<Packet>>),
    /// A POST: answered when all its packets have been taken.
    Post(Payload, oneshot::Sender<()>),
    /// A WebSocket has proved itself: polls are ended so that the peer can switch to it.
    Probed,
    /// The WebSocket did not come to its end.
    ProbeFailed,
    /// The peer switches to the WebSocket.
    Upgrade(Box<Socket>),
}

/// Packets that wait for a poll.
#[derive(Default)]
struct Outgoing {
    packets: Vec<Packet>,
    bytes: usize,
    since: Option<Instant>,
}

impl Outgoing {
    fn push(&mut self, packet: Packet) {
        self.bytes += packet.len();
        self.packets.push(packet);
        self.since.get_or_insert_with(Instant::now);
    }

    fn take(&mut self) -> Vec<Packet> {
        mem::take(self).packets
    }
}

impl Sink for Outgoing {
    fn text(&mut self, parts: &[&str]) {
        self.push(Packet::Text(parts.concat()));
    }

    fn binary(&mut self, bytes: &[u8]) {
        self.push(Packet::Binary(bytes.to_vec()));
    }
}

/// A session while its transport is polling.
pub(crate) struct Polling<C: Conversation> {
    conversation: Box<C>,
    pipeline: Pipeline<C::Outcome>,
    outbox: Outbox,
    bounds: Arc<Bounds>,
    commands: mpsc::Receiver<Command>,
    outgoing: Outgoing,
    poll: Option<oneshot::Sender<Vec<Packet>>>,
    post: Option<(Payload, oneshot::Sender<()>)>,
    probed: bool,
    upgrade: Option<Box<Socket>>,
    patience: Patience,
}

enum Over {
    Ended(End),
    Upgraded(Box<Socket>),
}

impl From<End> for Over {
    fn from(end: End) -> Self {
        Self::Ended(end)
    }
}

impl<C: Conversation> Polling<C> {
    pub(crate) fn new(
        conversation: C,
        outbox: Outbox,
        bounds: Arc<Bounds>,
        commands: mpsc::Receiver<Command>,
    ) -> Box<Self> {
        let mut conversation = Box::new(conversation);
        let mut outgoing = Outgoing::default();
        conversation.opened(&mut outgoing);
        Box::new(Self {
            conversation,
            pipeline: Pipeline::new(),
            outbox,
            patience: Patience::new(Arc::clone(&bounds)),
            bounds,
            commands,
            outgoing,
            poll: None,
            post: None,
            probed: false,
            upgrade: None,
        })
    }

    /// Runs until the session ends, on whatever transport. `forget` makes the session unknown to HTTP.
    pub(crate) async fn run(mut self: Box<Self>, forget: impl FnOnce()) {
        let over = poll_fn(|cx| self.poll_over(cx)).await;
        forget();
        match over {
            Over::Ended(end) => self.finish(&end),
            Over::Upgraded(socket) => {
                let upgraded = self.conversation.upgraded();
                let drive = self.switch(*socket);
                match upgraded {
                    Ok(()) => drive.run().await,
                    Err(end) => drive.close(end).await,
                }
            }
        }
    }

    fn finish(mut self: Box<Self>, end: &End) {
        self.outbox.end();
        self.conversation.ended(end);
        let last = match end {
            // The peer ended it, and only wants its poll back.
            End::Peer => "6",
            End::Silent | End::Stalled | End::Closed(_) => "1",
        };
        self.outgoing.text(&[last]);
        if let Some(poll) = self.poll.take() {
            // A peer that has gone does not hear it.
            let _ = poll.send(self.outgoing.take());
        }
    }

    fn switch(mut self: Box<Self>, mut socket: Socket) -> Box<Drive<C>> {
        if let Some(poll) = self.poll.take() {
            // A peer that has switched already does not wait for it.
            let _ = poll.send(vec![Packet::Text("6".to_owned())]);
        }
        let mut output = socket.output();
        for packet in self.outgoing.take() {
            match packet {
                Packet::Text(text) => output.text(&[&text]),
                Packet::Binary(bytes) => output.binary(&bytes),
            }
        }
        Drive::new(
            socket,
            self.conversation,
            self.pipeline,
            self.outbox,
            self.bounds,
        )
    }

    fn poll_over(&mut self, cx: &mut Context<'_>) -> Poll<Over> {
        loop {
            match self.poll_turn(cx) {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(over)) => return Poll::Ready(over),
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    /// One round of all there is to do; ready when there may be more.
    fn poll_turn(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Over>> {
        let _pending = self
            .pipeline
            .poll_complete(cx, &mut *self.conversation, &mut self.outgoing);
        let room = HIGH_WATER.saturating_sub(self.outgoing.bytes);
        let taken = self.outbox.take_into(cx, &mut self.outgoing, room);
        if let Some(close) = taken.close {
            self.patience.closing();
            // The packet that closes goes alone: clients drop what comes with it.
            let told = self.outgoing.packets.is_empty() && self.awaits_packets();
            if self.pipeline.is_empty() && taken.emptied && told {
                return Poll::Ready(Err(End::Closed(close).into()));
            }
        }
        self.answer_poll();
        let took = self.take_post()?;
        if self.post.is_none()
            && let Some(socket) = self.upgrade.take()
        {
            return Poll::Ready(Err(Over::Upgraded(socket)));
        }
        let more_pushed = !taken.emptied && self.outgoing.bytes < HIGH_WATER;
        if took || more_pushed {
            return Poll::Ready(Ok(()));
        }
        match self.commands.poll_recv(cx) {
            Poll::Ready(Some(command)) => {
                Poll::Ready(self.take_command(command).map_err(Over::from))
            }
            Poll::Ready(None) => Poll::Ready(Err(End::Peer.into())),
            Poll::Pending => self.poll_patience(cx).map_err(Over::from),
        }
    }

    /// Only when all that the peer asked has been taken: what it said while this process was held up
    /// counts as said in time.
    fn poll_patience(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), End>> {
        let (waiting, waiting_since) = (self.outgoing.packets.len(), self.outgoing.since);
        let Self {
            patience,
            conversation,
            outgoing,
            ..
        } = self;
        patience.poll(cx, waiting_since, &mut **conversation, outgoing)?;
        let pinged = self.outgoing.packets.len() > waiting;
        if self.patience.is_moved(self.outgoing.since) || pinged {
            Poll::Ready(Ok(()))
        } else {
            Poll::Pending
        }
    }

    fn awaits_packets(&self) -> bool {
        self.poll.as_ref().is_some_and(|poll| !poll.is_closed())
    }

    fn answer_poll(&mut self) {
        let due = !self.outgoing.packets.is_empty() || self.probed;
        if !due || !self.awaits_packets() {
            return;
        }
        if self.outgoing.packets.is_empty() {
            self.outgoing.text(&["6"]);
        }
        let Some(poll) = self.poll.take() else { return };
        let outgoing = mem::take(&mut self.outgoing);
        let (bytes, since) = (outgoing.bytes, outgoing.since);
        if let Err(packets) = poll.send(outgoing.packets) {
            self.outgoing = Outgoing {
                packets,
                bytes,
                since,
            };
        }
    }

    /// Takes packets of the POST that is under way, while there is room for what they lead to; whether it
    /// took any.
    fn take_post(&mut self) -> Result<bool, End> {
        let mut took = false;
        while self.pipeline.has_room() && self.outgoing.bytes < HIGH_WATER {
            let Some((payload, _)) = &mut self.post else {
                break;
            };
            let malformed = Close::protocol("not a payload");
            let Some(packet) = payload.next().map_err(|_| malformed)? else {
                self.end_post();
                break;
            };
            took = true;
            let message = match &packet {
                Packet::Text(text) => Message::Text(text),
                Packet::Binary(bytes) => Message::Binary(bytes),
            };
            let step = self.conversation.receive(message, &mut self.outgoing);
            if matches!(step, Err(End::Peer)) {
                // To say goodbye is no mistake.
                self.end_post();
            }
            if let Some(outcome) = step?.and_then(|step| self.pipeline.push(step)) {
                self.conversation.complete(outcome, &mut self.outgoing);
            }
        }
        Ok(took)
    }

    fn end_post(&mut self) {
        if let Some((_, done)) = self.post.take() {
            // Whoever sent it may have gone; its packets were taken all the same.
            let _ = done.send(());
        }
    }

    fn take_command(&mut self, command: Command) -> Result<(), End> {
        match command {
            Command::Poll(_) if self.awaits_packets() => {
                return Err(Close::protocol("two polls at once").into());
            }
            Command::Poll(reply) => self.poll = Some(reply),
            Command::Post(..) if self.post.is_some() => {
                return Err(Close::protocol("two posts at once").into());
            }
            Command::Post(payload, done) => self.post = Some((payload, done)),
            Command::Probed => self.probed = true,
            Command::ProbeFailed => self.probed = false,
            Command::Upgrade(socket) => self.upgrade = Some(socket),
        }
        Ok(())
    }
}
