//! A conversation that sends back what it gets, on Engine.IO and on a bare WebSocket.

use std::{convert::Infallible, sync::Arc};

use nile_socketio::{Conversation, End, Endpoint, Message, Outbox, Peer, Response, Sink, Step};
use tokio::time::Instant;

use super::{NEVER, application::Shared, journal::Entry};

/// Opens echoes on Engine.IO.
pub(crate) struct EchoEndpoint(pub(crate) Arc<Shared>);

impl Endpoint for EchoEndpoint {
    type Conversation = Echo;

    fn open(
        &self,
        _: &http::request::Parts,
        _: Peer,
        outbox: Outbox,
    ) -> Result<Echo, Box<Response>> {
        Ok(Echo::new(&self.0, outbox))
    }
}

/// Sends messages back; `ping me` is answered with a ping of the transport.
pub(crate) struct Echo(Arc<Shared>);

impl Echo {
    pub(crate) fn new(shared: &Arc<Shared>, outbox: Outbox) -> Self {
        shared.journal.note(Entry::Opened);
        shared.outboxes.lock().unwrap().push(outbox);
        Self(Arc::clone(shared))
    }
}

impl Conversation for Echo {
    type Outcome = Infallible;

    fn opened(&mut self, _: &mut dyn Sink) {}

    fn receive(
        &mut self,
        message: Message<'_>,
        sink: &mut dyn Sink,
    ) -> Result<Option<Step<Infallible>>, End> {
        match message {
            Message::Text("ping me") => sink.ping(),
            Message::Text(text) => {
                self.0.journal.note(Entry::Taken(text.to_owned()));
                sink.text(&[text]);
            }
            Message::Binary(bytes) => sink.binary(bytes),
        }
        Ok(None)
    }

    fn complete(&mut self, outcome: Infallible, _: &mut dyn Sink) {
        match outcome {}
    }

    fn ponged(&mut self) {
        self.0.journal.note(Entry::Ponged);
    }

    fn upgraded(&mut self) -> Result<(), End> {
        self.0.journal.note(Entry::Upgraded);
        Ok(())
    }

    fn tick(&mut self, now: Instant, _: &mut dyn Sink) -> Result<Instant, End> {
        Ok(now + NEVER)
    }

    fn ended(&mut self, end: &End) {
        self.0.journal.note(Entry::Ended(end.clone()));
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        self.0.journal.note(Entry::Dropped);
    }
}
