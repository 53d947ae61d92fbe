//! The bare WebSocket on `/ws`: text frames `{"event": channel, "body": body}`, both ways.
//!
//! Replies are spelled as the specification page spells them, unless `spelling=plain` is in the query.

use std::{sync::Arc, time::Duration};

use axum::{body::Body, extract::State};
use nile_protocol::channel::{Channel, Spelling};
use nile_socketio::{
    Connections, Conversation, End, Heartbeat, Message, Options, Outbox, Response, Sink, Step,
    serve, websocket::accept,
};
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::time::Instant;

use super::{arrival::Caller, http, socketio::asked_in_query};
use crate::{
    instance::{
        Instance,
        accounts::rate_limited,
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
    let spelling = asked_in_query(head.uri.query().unwrap_or_default());
    let talk = Talk {
        session: Session::new(instance, caller.address, outbox.clone(), idle),
        spelling: spelling.unwrap_or(Spelling::Spec),
        heartbeat: Heartbeat::new(&options),
        options: Arc::clone(&options),
        _place: place,
    };
    let bounds = Arc::clone(&options.bounds);
    connections.spawn(outbox.clone(), serve(upgrading, talk, outbox, bounds));
    response
}

/// One connection on `/ws`.
struct Talk {
    session: Session,
    spelling: Spelling,
    /// The pings of RFC 6455, which browsers answer by themselves.
    heartbeat: Heartbeat,
    options: Arc<Options>,
    _place: Option<AddressPermit>,
}

/// A frame of a party.
#[derive(Deserialize)]
struct Frame<'a> {
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
                serde_json::from_str::<Frame<'_>>(text).ok()
            }
            Message::Text(_) | Message::Binary(_) => None,
        };
        let step = match frame {
            Some(Frame { event, body }) => {
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
        let event = self.spelling.reply_event(asker.party_kind());
        let body = reply.to_body(id.as_ref());
        // The names of events need no escaping.
        sink.text(&[r#"{"event":""#, event, r#"","body":"#, &body, "}"]);
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
