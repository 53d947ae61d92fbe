//! Socket.IO: a channel is an event's name, a request its first argument.
//!
//! What the instance says is emitted under both spellings of the event, unless the connection asked for
//! one. A request with an acknowledgement callback is answered through it, and only there. Messages are
//! pushed with a callback of ours, whose number is their `queue_id`, where the protocol's version has them
//! on both sides.

use std::{borrow::Cow, sync::Arc, time::Duration};

use nile_protocol::{
    channel::{Channel, Spelling},
    party::PartyKind,
};
use nile_socketio::{
    Application, Close, ConnectError, Connection, Emit, End, Event, Frame, Namespace, Outbox, Peer,
    Response, Step, Transport, Version, encode_event,
};
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::time::Instant;

use super::{arrival::Caller, http};
use crate::{
    hub::{Dialect, Voice},
    instance::{
        Instance,
        proof::rate_limited,
        session::{Answer, Asker, Session},
    },
    limits::{AddressPermit, Limits},
};

/// The only namespace there is.
const NAMESPACE: &str = "/";

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
        let asked = asked_in_query(request.uri.query().unwrap_or_default());
        let form = form(peer.version, asked);
        let voice = Voice {
            outbox,
            dialect: form,
        };
        Ok(Speaker {
            session: Session::new(instance, caller.address, voice, self.idle),
            version: peer.version,
            form,
            limits: Arc::clone(limits),
            caller,
            place,
        })
    }
}

/// How Socket.IO writes what a connection is told unasked.
#[derive(Debug)]
struct Form {
    /// Whether the peer's library can acknowledge what it is sent: from Socket.IO 3 on.
    acknowledges: bool,
    spellings: &'static [Spelling],
}

const fn forms(acknowledges: bool) -> [Form; 3] {
    [
        Form {
            acknowledges,
            spellings: &Spelling::BOTH,
        },
        Form {
            acknowledges,
            spellings: &[Spelling::Spec],
        },
        Form {
            acknowledges,
            spellings: &[Spelling::Plain],
        },
    ]
}

/// The form for peers of this version that asked for this spelling. Each is in one place in memory, so that
/// the hub writes once what it tells to many.
fn form(version: Version, asked: Option<Spelling>) -> &'static Form {
    static FORMS: [[Form; 3]; 2] = [forms(false), forms(true)];
    let spelling = match asked {
        None => 0,
        Some(Spelling::Spec) => 1,
        Some(Spelling::Plain) => 2,
    };
    &FORMS[usize::from(version == Version::V4)][spelling]
}

impl Dialect for Form {
    fn message(&self, from: PartyKind, body: &str, queue_id: Option<i64>) -> Frame {
        let ack = queue_id.filter(|_| self.acknowledges);
        let ack = ack.and_then(|queue_id| u64::try_from(queue_id).ok());
        encode_event(NAMESPACE, Channel::ToParty { from }.name(), &[body], ack)
    }

    fn said(&self, to: PartyKind, body: &str) -> Arc<[Frame]> {
        let spellings = self.spellings.iter();
        spellings
            .map(|spelling| encode_event(NAMESPACE, spelling.reply_event(to), &[body], None))
            .collect()
    }
}

/// One connection over Socket.IO.
pub struct Speaker {
    session: Session,
    version: Version,
    form: &'static Form,
    limits: Arc<Limits>,
    caller: Caller,
    /// The connection's place among those of its address, where it does not come with a TCP connection.
    place: Option<AddressPermit>,
}

impl Connection for Speaker {
    type Outcome = Answer;

    fn connect(&mut self, _: Namespace, auth: Option<&RawValue>) -> Result<(), ConnectError> {
        if let Some(spelling) = auth.and_then(asked_in_auth) {
            self.form = form(self.version, Some(spelling));
            self.session.speak(self.form);
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
        for spelling in self.form.spellings {
            emit.event(
                Namespace::FIRST,
                spelling.reply_event(asker.party_kind()),
                &[&body],
                &[],
            );
        }
    }

    fn acknowledged(&mut self, _: Namespace, id: u64, _: &[&RawValue]) {
        if let Ok(queue_id) = i64::try_from(id) {
            self.session.acknowledge(queue_id);
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
