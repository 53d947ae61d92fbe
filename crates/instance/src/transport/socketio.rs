//! Socket.IO: a channel is an event's name, a request its first argument.
//!
//! What the instance says is emitted under both spellings of the event, unless the connection asked for
//! one. A request with an acknowledgement callback is answered through it, and only there.

use std::{borrow::Cow, sync::Arc, time::Duration};

use nile_protocol::channel::{Channel, Spelling};
use nile_socketio::{
    Application, Close, ConnectError, Connection, Emit, End, Event, Namespace, Outbox, Peer,
    Response, Step, Transport,
};
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::time::Instant;

use super::{arrival::Caller, http};
use crate::{
    instance::{
        Instance,
        accounts::rate_limited,
        session::{Answer, Asker, Session},
    },
    limits::{AddressPermit, Limits},
};

/// The instance as a Socket.IO application.
#[derive(Debug)]
pub struct Gateway {
    /// Who serves the requests.
    pub instance: Arc<Instance>,
    /// How long a connection may be logged in as nobody and ask nothing.
    pub idle: Duration,
}

impl Application for Gateway {
    type Connection = Speaker;

    fn open(
        &self,
        request: &::http::request::Parts,
        peer: Peer,
        outbox: Outbox,
    ) -> Result<Speaker, Box<Response>> {
        let caller = Caller::of(request);
        let limits = &self.instance.limits;
        let place = match peer.transport {
            Transport::Polling => limits
                .polling_session(caller.address, Instant::now())
                .map(Some),
            Transport::WebSocket => caller.websocket_place(limits),
        };
        let place = place.map_err(|retry| Box::new(http::refuse(&rate_limited(retry))))?;
        let instance = Arc::clone(&self.instance);
        Ok(Speaker {
            session: Session::new(instance, caller.address, outbox, self.idle),
            spellings: spellings(asked_in_query(request.uri.query().unwrap_or_default())),
            limits: Arc::clone(limits),
            caller,
            place,
        })
    }
}

/// One connection over Socket.IO.
pub struct Speaker {
    session: Session,
    spellings: &'static [Spelling],
    limits: Arc<Limits>,
    caller: Caller,
    /// The connection's place among those of its address, where it does not come with a TCP connection.
    place: Option<AddressPermit>,
}

impl Connection for Speaker {
    type Outcome = Answer;

    fn connect(&mut self, _: Namespace, auth: Option<&RawValue>) -> Result<(), ConnectError> {
        if let Some(spelling) = auth.and_then(asked_in_auth) {
            self.spellings = spellings(Some(spelling));
        }
        Ok(())
    }

    fn event(&mut self, event: Event<'_>, _: &mut Emit<'_>) -> Result<Option<Step<Answer>>, Close> {
        let asker = Asker {
            channel: Channel::parse(event.name, '.'),
            ack: event.ack,
        };
        let body = event.args.first().map_or("null", |body| body.get());
        self.session.handle(asker, body).map(Some)
    }

    fn complete(&mut self, answer: Answer, emit: &mut Emit<'_>) {
        self.session.answered(&answer);
        let Answer { asker, id, reply } = answer;
        let body = reply.to_body(id.as_ref());
        if let Some(ack) = asker.ack {
            emit.ack(Namespace::FIRST, ack, &[&body], &[]);
            return;
        }
        for spelling in self.spellings {
            emit.event(
                Namespace::FIRST,
                spelling.reply_event(asker.party_kind()),
                &[&body],
                &[],
            );
        }
    }

    fn disconnected(&mut self, _: Namespace, end: Option<&End>) {
        match end {
            Some(end) => tracing::debug!(%end, "a Socket.IO connection ended"),
            // What carries Socket.IO may stay open, and may be connected again.
            None => self.session.leave(),
        }
    }

    fn upgraded(&mut self) -> Result<(), Close> {
        let place = self.caller.websocket_place(&self.limits);
        self.place = place.map_err(|_| Close::policy("too many connections"))?;
        Ok(())
    }

    fn tick(&mut self, now: Instant) -> Result<Instant, Close> {
        self.session.tick(now)
    }
}

fn spellings(asked: Option<Spelling>) -> &'static [Spelling] {
    match asked {
        Some(Spelling::Spec) => &[Spelling::Spec],
        Some(Spelling::Plain) => &[Spelling::Plain],
        None => &Spelling::BOTH,
    }
}

/// The `spelling` that a query asks for; an unknown one is none.
pub(super) fn asked_in_query(query: &str) -> Option<Spelling> {
    form_urlencoded::parse(query.as_bytes())
        .filter(|(key, _)| key == "spelling")
        .last()
        .and_then(|(_, word)| Spelling::parse(&word))
}

fn asked_in_auth(auth: &RawValue) -> Option<Spelling> {
    #[derive(Deserialize)]
    struct Auth<'a> {
        #[serde(borrow)]
        spelling: Option<Cow<'a, str>>,
    }
    let auth: Auth<'_> = serde_json::from_str(auth.get()).ok()?;
    Spelling::parse(&auth.spelling?)
}
