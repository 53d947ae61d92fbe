//! The bare WebSocket on `/ws`: text frames `{"event": channel, "body": body}`, both ways.
//!
//! Replies are spelled as the specification page spells them, unless `spelling=plain` is in the query.

use std::{sync::Arc, time::Duration};

use axum::{body::Body, extract::State};
use nile_protocol::{
    channel::{Channel, Spelling},
    party::PartyKind,
};
use nile_socketio::{
    Connections, Conversation, End, Frame, Heartbeat, Message, Options, Outbox, Response, Sink,
    Step, serve, websocket::accept,
};
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::time::Instant;

use super::{arrival::Caller, http, socketio::asked_in_query};
use crate::{
    hub::{Dialect, Voice},
    instance::{
        Instance,
        proof::rate_limited,
        session::{Answer, Asker, Session},
    },
    limits::AddressPermit,
};

/// What `/ws` needs to know.
#[derive(Clone)]
pub struct Endpoint {
    /// Who serves the requests.
    pub instance: Arc<Instance>,
    /// The heartbeat and the bounds, which are those of Socket.IO.
    pub options: Arc<Options>,
    /// Where its connections are kept.
    pub connections: Connections,
    /// How long a connection may be logged in as nobody and ask nothing.
    pub idle: Duration,
}

/// Answers a WebSocket handshake on `/ws`.
pub async fn upgrade(
    State(endpoint): State<Endpoint>,
    mut request: ::http::Request<Body>,
) -> Response {
    if request.method() != ::http::Method::GET {
        return http::method_not_allowed("GET");
    }
    let (response, upgrading) = match accept(&mut request) {
        Ok(accepted) => accepted,
        Err(refused) => return *refused,
    };
    let (head, _) = request.into_parts();
    let caller = Caller::of(&head);
    let place = match caller.websocket_place(&endpoint.instance.limits) {
        Ok(place) => place,
        Err(retry) => return http::refuse(&rate_limited(retry)),
    };
    let Endpoint {
        instance,
        options,
        connections,
        idle,
    } = endpoint;
    let outbox = Outbox::new(options.max_outbound);
    let form = form(asked_in_query(head.uri.query().unwrap_or_default()));
    let voice = Voice {
        outbox: outbox.clone(),
        dialect: form,
    };
    let talk = Talk {
        session: Session::new(instance, caller.address, voice, idle),
        form,
        heartbeat: Heartbeat::new(&options),
        options: Arc::clone(&options),
        _place: place,
    };
    let bounds = Arc::clone(&options.bounds);
    connections.spawn(outbox.clone(), serve(upgrading, talk, outbox, bounds));
    response
}

/// How `/ws` writes what a connection is told unasked.
#[derive(Debug)]
struct Form {
    spelling: Spelling,
}

/// The form for peers that asked for this spelling. Each is in one place in memory, so that the hub writes
/// once what it tells to many.
fn form(asked: Option<Spelling>) -> &'static Form {
    static SPEC: Form = Form {
        spelling: Spelling::Spec,
    };
    static PLAIN: Form = Form {
        spelling: Spelling::Plain,
    };
    match asked {
        Some(Spelling::Spec) | None => &SPEC,
        Some(Spelling::Plain) => &PLAIN,
    }
}

impl Dialect for Form {
    fn message(&self, from: PartyKind, body: &str, _: Option<i64>) -> Frame {
        frame(Channel::ToParty { from }.name(), body)
            .concat()
            .into()
    }

    fn said(&self, to: PartyKind, body: &str) -> Arc<[Frame]> {
        let event = self.spelling.reply_event(to);
        [frame(event, body).concat().into()].into()
    }
}

/// The parts of a frame. The names of events need no escaping.
fn frame<'a>(event: &'a str, body: &'a str) -> [&'a str; 5] {
    [r#"{"event":""#, event, r#"","body":"#, body, "}"]
}

/// One connection on `/ws`.
struct Talk {
    session: Session,
    form: &'static Form,
    /// The pings of RFC 6455, which browsers answer by themselves.
    heartbeat: Heartbeat,
    options: Arc<Options>,
    _place: Option<AddressPermit>,
}

/// A frame of a party.
#[derive(Deserialize)]
struct Received<'a> {
    event: String,
    #[serde(borrow)]
    body: &'a RawValue,
}

impl Conversation for Talk {
    type Outcome = Answer;

    fn opened(&mut self, _: &mut dyn Sink) {}

    fn receive(
        &mut self,
        message: Message<'_>,
        _: &mut dyn Sink,
    ) -> Result<Option<Step<Answer>>, End> {
        let frame = match message {
            // The reader would take an array for the members in a row, too.
            Message::Text(text) if text.trim_start().starts_with('{') => {
                serde_json::from_str::<Received<'_>>(text).ok()
            }
            Message::Text(_) | Message::Binary(_) => None,
        };
        let step = match frame {
            Some(Received { event, body }) => {
                let channel = Channel::parse(&event, '.');
                self.session
                    .handle(Asker { channel, ack: None }, body.get())
            }
            None => self.session.malformed(
                Asker::default(),
                r#"a frame is text: {"event": channel, "body": object}"#,
            ),
        };
        Ok(Some(step?))
    }

    fn complete(&mut self, answer: Answer, sink: &mut dyn Sink) {
        self.session.answered(&answer);
        let Answer { asker, id, reply } = answer;
        let event = self.form.spelling.reply_event(asker.party_kind());
        let body = reply.to_body(id.as_ref());
        sink.text(&frame(event, &body));
    }

    fn ponged(&mut self) {
        self.heartbeat.heard(&self.options);
    }

    fn tick(&mut self, now: Instant, sink: &mut dyn Sink) -> Result<Instant, End> {
        let session = self.session.tick(now)?;
        Ok(self
            .heartbeat
            .beat(now, &self.options, || sink.ping())?
            .min(session))
    }

    fn ended(&mut self, end: &End) {
        tracing::debug!(%end, "a WebSocket connection ended");
    }
}
