//! What parties over HTTP hear: server-sent events (as in the HTML standard), or one answer that waits.
//!
//! `GET` on a channel to the instance, with `/events` behind it. Messages are the only events; each has its
//! `queue_id` as its id, and is removed by `processQueue` alone.

use std::{
    collections::HashMap,
    convert::Infallible,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use axum::{
    body::Body,
    extract::State,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Method,
    header::{CACHE_CONTROL, CONTENT_TYPE},
    request::Parts,
};
use http_body::{Body as HttpBody, Frame as BodyFrame};
use nile_protocol::{channel::Channel, party::PartyKind, refusal::Refusal, token::Token};
use nile_socketio::{Connections, Frame, Outbox, Sink};
use tokio::{
    sync::oneshot,
    time::{Instant, Sleep, sleep},
};

use super::{
    arrival::{Arrival, Caller},
    http as front,
};
use crate::{
    hub::{Dialect, Voice},
    instance::{
        Instance,
        listening::Listening,
        proof::{Sender, rate_limited},
    },
    store::Protocol,
};

/// The longest that an answer may wait.
const LONGEST_WAIT: u32 = 60;

/// How much is written at once.
const CHUNK: usize = 64 * 1024;

/// What the events need to know.
#[derive(Clone)]
pub struct Endpoint {
    /// Who serves the requests.
    pub instance: Arc<Instance>,
    /// Where the streams are kept.
    pub connections: Connections,
    /// How many bytes of messages may wait for one of them.
    pub max_outbound: usize,
    /// How often something is sent on a stream on which nothing happens.
    pub heartbeat: Duration,
}

/// Answers `GET /client/to/instance/events`.
pub async fn of_client(State(endpoint): State<Endpoint>, request: http::Request<Body>) -> Response {
    serve(&endpoint, PartyKind::Client, request).await
}

/// Answers `GET /node/to/instance/events`.
pub async fn of_node(State(endpoint): State<Endpoint>, request: http::Request<Body>) -> Response {
    serve(&endpoint, PartyKind::Node, request).await
}

async fn serve(endpoint: &Endpoint, kind: PartyKind, request: http::Request<Body>) -> Response {
    if request.method() != Method::GET {
        return front::method_not_allowed("GET").into_response();
    }
    let (head, _) = request.into_parts();
    match answer(endpoint, kind, &head).await {
        Ok(response) => response,
        Err(refusal) => front::refuse(&refusal).into_response(),
    }
}

async fn answer(endpoint: &Endpoint, kind: PartyKind, head: &Parts) -> Result<Response, Refusal> {
    let instance = &endpoint.instance;
    let caller = Caller::of(head);
    let quota = instance.limits.request_quota(caller.address);
    Arrival::of(head).request(quota).map_err(rate_limited)?;
    let token = front::bearer(&head.headers)
        .ok_or_else(|| Refusal::invalid_parameters("token", "is missing"))?;
    let token = Token::parse(token).filter(|token| token.kind() == kind);
    let sender = Sender {
        kind,
        protocol: Protocol::Http,
        address: caller.address,
        party: None,
    };
    let asked = Asked::parse(head)?;
    if let Some(patience) = asked.wait {
        let reply = instance.wait(token, sender, asked.limit, patience).await?;
        return Ok(front::success(&reply).into_response());
    }
    let outbox = Outbox::new(endpoint.max_outbound);
    let voice = Voice {
        outbox: outbox.clone(),
        dialect: &Events,
    };
    let listening = instance.listen(token, sender, voice, asked.after).await?;
    Ok(stream(endpoint, outbox, listening))
}

/// What a request for events says beside its token.
struct Asked {
    wait: Option<Duration>,
    limit: Option<u32>,
    after: Option<i64>,
}

impl Asked {
    fn parse(head: &Parts) -> Result<Self, Refusal> {
        let query = head.uri.query().unwrap_or_default();
        let query: HashMap<_, _> = form_urlencoded::parse(query.as_bytes()).collect();
        let number = |field: &'static str| {
            let number = query.get(field).map(|text| text.parse::<u32>());
            let refusal =
                |_| Refusal::invalid_parameters(field, "must be a number of seconds or messages");
            number.transpose().map_err(refusal)
        };
        let wait = number("wait")?.map(|seconds| seconds.min(LONGEST_WAIT));
        Ok(Self {
            wait: wait.map(|seconds| Duration::from_secs(seconds.into())),
            limit: number("limit")?,
            after: last_event_id(&head.headers)?,
        })
    }
}

fn last_event_id(headers: &HeaderMap) -> Result<Option<i64>, Refusal> {
    // A browser that has heard nothing yet says nothing in it.
    let Some(id) = headers.get("last-event-id").filter(|id| !id.is_empty()) else {
        return Ok(None);
    };
    let id = id.to_str().ok().and_then(|id| id.parse().ok());
    let is_id = |id: &i64| *id >= 0;
    match id.filter(is_id) {
        Some(id) => Ok(Some(id)),
        None => Err(Refusal::invalid_parameters(
            "Last-Event-ID",
            "must be the id of an event",
        )),
    }
}

fn stream(endpoint: &Endpoint, outbox: Outbox, listening: Listening) -> Response {
    let (open, ended) = oneshot::channel::<Infallible>();
    endpoint.connections.spawn(outbox.clone(), async move {
        // It ends when the stream is dropped.
        let _ = ended.await;
    });
    let stream = Stream {
        outbox,
        heartbeat: endpoint.heartbeat,
        timer: Box::pin(sleep(Duration::ZERO)),
        _listening: listening,
        _open: open,
    };
    let mut response = Response::new(Body::new(stream));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // What comes must not wait in a proxy.
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
}

/// A stream of events, as the body of a response.
struct Stream {
    outbox: Outbox,
    heartbeat: Duration,
    timer: Pin<Box<Sleep>>,
    _listening: Listening,
    /// Dropped with the rest.
    _open: oneshot::Sender<Infallible>,
}

impl HttpBody for Stream {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<BodyFrame<Bytes>, Infallible>>> {
        let mut chunk = Chunk::default();
        let taken = self.outbox.take_into(cx, &mut chunk, CHUNK);
        if !chunk.0.is_empty() {
            return Poll::Ready(Some(Ok(BodyFrame::data(chunk.0.into()))));
        }
        if taken.close.is_some() {
            return Poll::Ready(None);
        }
        // The first goes at once, so that whoever asks sees that it is heard.
        ready!(self.timer.as_mut().poll(cx));
        let next = Instant::now() + self.heartbeat;
        self.timer.as_mut().reset(next);
        Poll::Ready(Some(Ok(BodyFrame::data(Bytes::from_static(RETRY)))))
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.outbox.end();
    }
}

/// What is sent when there is nothing to say: after how many milliseconds whoever loses the stream asks for
/// it again.
const RETRY: &[u8] = b"retry: 2000\n\n";

#[derive(Default)]
struct Chunk(Vec<u8>);

impl Sink for Chunk {
    fn text(&mut self, parts: &[&str]) {
        self.0.extend(parts.iter().flat_map(|part| part.bytes()));
    }

    fn binary(&mut self, bytes: &[u8]) {
        self.0.extend(bytes);
    }
}

/// How messages are written as events.
struct Events;

impl Dialect for Events {
    fn message(&self, from: PartyKind, body: &str, queue_id: Option<i64>) -> Frame {
        let mut event = String::with_capacity(body.len() + 64);
        if let Some(queue_id) = queue_id {
            event.push_str("id: ");
            event.push_str(&queue_id.to_string());
            event.push('\n');
        }
        event.push_str("event: ");
        event.push_str(Channel::ToParty { from }.name());
        // A body may have line breaks, which JSON takes for white space.
        for line in body.split(['\n', '\r']) {
            event.push_str("\ndata: ");
            event.push_str(line);
        }
        event.push_str("\n\n");
        event.into()
    }

    fn said(&self, _: PartyKind, _: &str) -> Arc<[Frame]> {
        // Only messages are told here.
        Arc::new([])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_with_line_breaks_is_one_event() {
        let event = Events.message(PartyKind::Node, "{\"content\":\r\n[1,\n2]}", Some(7));
        assert_eq!(
            &*event,
            "id: 7\nevent: node.to.client\ndata: {\"content\":\ndata: \ndata: [1,\ndata: 2]}\n\n"
        );
    }
}
