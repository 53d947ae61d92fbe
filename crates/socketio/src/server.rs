//! The way in: an Engine.IO request is a handshake, a poll, a post or an upgrade.

mod query;
mod refusal;

use std::{
    collections::HashMap,
    future::poll_fn,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use bytes::Bytes;
use http::{Method, Request, StatusCode, header, request::Parts};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use tokio::{
    sync::{mpsc, oneshot},
    time::timeout,
};

use self::{
    query::Query,
    refusal::{Refusal, respond},
};
use crate::{
    close::{Close, End},
    connection::serve,
    connections::Connections,
    conversation::Sink,
    endpoint::{Endpoint, Peer, Transport},
    engine::{
        Packet, Version,
        payload::{self, Payload},
        session::Session,
    },
    options::{Options, random_id},
    outbox::Outbox,
    polling::{Command, Polling},
    websocket::{Response, Socket, Upgrading, accept, frame::Incoming},
};

/// How many requests of one polling session may wait for its task.
const COMMANDS: usize = 4;

/// An Engine.IO server for one [`Endpoint`].
pub struct Server<E: Endpoint>(Arc<Shared<E>>);

impl<E: Endpoint> Clone for Server<E> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

struct Shared<E: Endpoint> {
    endpoint: E,
    options: Arc<Options>,
    connections: Connections,
    /// The sessions whose transport is polling. Those on a WebSocket cannot be named by anyone.
    polling: Mutex<HashMap<String, Arc<PollingSession>>>,
}

struct PollingSession {
    commands: mpsc::Sender<Command>,
    upgrading: AtomicBool,
}

impl<E: Endpoint> Server<E> {
    /// A server that keeps its connections in `connections`.
    #[must_use]
    pub fn new(endpoint: E, options: Arc<Options>, connections: Connections) -> Self {
        Self(Arc::new(Shared {
            endpoint,
            options,
            connections,
            polling: Mutex::default(),
        }))
    }

    /// Answers a request to the server's path, whatever that is. CORS and origins are the caller's.
    pub async fn handle<B>(&self, request: Request<B>) -> Response
    where
        B: http_body::Body<Data = Bytes> + Send,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        self.answer(request)
            .await
            .unwrap_or_else(|refusal| *refusal)
    }

    async fn answer<B>(&self, request: Request<B>) -> Result<Response, Box<Response>>
    where
        B: http_body::Body<Data = Bytes> + Send,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let query = Query::parse(request.uri().query().unwrap_or_default())?;
        match (query.transport, &query.sid, request.method()) {
            (Transport::Polling, None, &Method::GET) => {
                self.open_polling(&query, &request.into_parts().0).await
            }
            (Transport::Polling, Some(sid), &Method::GET) => {
                let session = self.polling_session(sid)?;
                poll(&session, query.format.version).await
            }
            (Transport::Polling, Some(sid), &Method::POST) => {
                let session = self.polling_session(sid)?;
                self.post(&session, query.format.version, request).await
            }
            (Transport::WebSocket, None, &Method::GET) => self.open_websocket(&query, request),
            (Transport::WebSocket, Some(sid), &Method::GET) => self.upgrade(sid, request),
            _ => Err(Refusal::BadHandshakeMethod.into()),
        }
    }

    async fn open_polling(
        &self,
        query: &Query,
        request: &Parts,
    ) -> Result<Response, Box<Response>> {
        let outbox = Outbox::new(self.0.options.max_outbound);
        let sid = random_id();
        let session = self.open(query, request, outbox.clone(), sid.clone())?;
        let (commands, receiver) = mpsc::channel(COMMANDS);
        let handle = Arc::new(PollingSession {
            commands,
            upgrading: AtomicBool::new(false),
        });
        self.polling().insert(sid.clone(), Arc::clone(&handle));
        let bounds = Arc::clone(&self.0.options.bounds);
        let polling = Polling::new(session, outbox.clone(), bounds, receiver);
        let forget = Forget {
            server: self.clone(),
            sid,
        };
        self.0
            .connections
            .spawn(outbox, polling.run(move || drop(forget)));
        poll(&handle, query.format.version).await
    }

    fn open_websocket<B>(
        &self,
        query: &Query,
        mut request: Request<B>,
    ) -> Result<Response, Box<Response>> {
        let (response, upgrading) = accept(&mut request)?;
        let outbox = Outbox::new(self.0.options.max_outbound);
        let session = self.open(query, &request.into_parts().0, outbox.clone(), random_id())?;
        let bounds = Arc::clone(&self.0.options.bounds);
        self.0
            .connections
            .spawn(outbox.clone(), serve(upgrading, session, outbox, bounds));
        Ok(response)
    }

    fn open(
        &self,
        query: &Query,
        request: &Parts,
        outbox: Outbox,
        sid: String,
    ) -> Result<Session<E::Conversation>, Box<Response>> {
        let peer = Peer {
            version: query.format.version,
            transport: query.transport,
        };
        let conversation = self.0.endpoint.open(request, peer, outbox)?;
        let upgrades: &[&str] = match query.transport {
            Transport::Polling => &["websocket"],
            Transport::WebSocket => &[],
        };
        let options = Arc::clone(&self.0.options);
        Ok(Session::new(
            conversation,
            query.format,
            options,
            sid,
            upgrades,
        ))
    }

    async fn post<B>(
        &self,
        session: &PollingSession,
        version: Version,
        request: Request<B>,
    ) -> Result<Response, Box<Response>>
    where
        B: http_body::Body<Data = Bytes> + Send,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let binary = request
            .headers()
            .get(header::CONTENT_TYPE)
            .is_some_and(|kind| kind.as_bytes().starts_with(b"application/octet-stream"));
        let bounds = &self.0.options.bounds;
        let body = Limited::new(Box::pin(request.into_body()), bounds.max_message).collect();
        let body = match timeout(bounds.handshake, body).await {
            Ok(Ok(body)) => body.to_bytes().to_vec(),
            Ok(Err(error)) if error.is::<LengthLimitError>() => {
                return Err(Refusal::TooLarge.into());
            }
            Ok(Err(_)) | Err(_) => return Err(Refusal::BadRequest.into()),
        };
        let payload = Payload::new(version, binary, body);
        let (done, taken) = oneshot::channel();
        session.send(Command::Post(payload, done)).await?;
        taken.await.map_err(|_| Refusal::BadRequest)?;
        Ok(respond(StatusCode::OK, "text/html", "ok"))
    }

    /// Begins the change of a polling session to a WebSocket.
    ///
    /// A browser does not tell its script the status of a refused handshake. So where there is no such
    /// session, or it is changing already, the WebSocket is opened, and closed with a reason.
    fn upgrade<B>(&self, sid: &str, mut request: Request<B>) -> Result<Response, Box<Response>> {
        let (response, upgrading) = accept(&mut request)?;
        let session = self.polling().get(sid).cloned();
        let session = session.filter(|session| !session.upgrading.swap(true, Ordering::AcqRel));
        let server = self.clone();
        let sid = sid.to_owned();
        self.0.connections.spawn(Outbox::new(0), async move {
            match session {
                Some(session) => server.change(&sid, &session, upgrading).await,
                None => server.turn_away(upgrading).await,
            }
        });
        Ok(response)
    }

    async fn turn_away(&self, upgrading: Upgrading) {
        let bounds = &self.0.options.bounds;
        if let Some(opened) = upgrading.opened(bounds.handshake).await {
            let socket = Socket::new(opened, bounds.max_message);
            let close = Close::policy("Session ID unknown");
            // Whether the peer waits for the answer is its own affair.
            let _ = timeout(bounds.close, socket.close(&close)).await;
        }
    }

    async fn change(&self, sid: &str, session: &PollingSession, upgrading: Upgrading) {
        let probe = timeout(self.0.options.upgrade, self.probe(sid, session, upgrading));
        let probed = tokio::select! {
            probed = probe => probed,
            // Nothing is left that could change.
            () = session.commands.closed() => return,
        };
        let command = match probed {
            Ok(Some(socket)) => Command::Upgrade(Box::new(socket)),
            Ok(None) | Err(_) => Command::ProbeFailed,
        };
        // The session may have ended meanwhile; then there is nothing to change.
        let _ = session.send(command).await;
        session.upgrading.store(false, Ordering::Release);
    }

    /// Talks to a WebSocket until the peer switches to it: `2probe`, `3probe`, `5`.
    async fn probe(
        &self,
        sid: &str,
        session: &PollingSession,
        upgrading: Upgrading,
    ) -> Option<Socket> {
        let bounds = &self.0.options.bounds;
        let opened = upgrading.opened(bounds.handshake).await?;
        let mut socket = Socket::new(opened, bounds.max_message);
        expect_text(&mut socket, "2probe", || {}).await.ok()?;
        session.send(Command::Probed).await.ok()?;
        socket.output().text(&["3probe"]);
        poll_fn(|cx| socket.poll_flush(cx)).await.ok()?;
        // From the very moment of the switch, HTTP knows nothing of the session.
        expect_text(&mut socket, "5", || drop(self.polling().remove(sid)))
            .await
            .ok()?;
        Some(socket)
    }

    fn polling_session(&self, sid: &str) -> Result<Arc<PollingSession>, Box<Response>> {
        self.polling()
            .get(sid)
            .cloned()
            .ok_or_else(|| Refusal::UnknownSession.into())
    }

    fn polling(&self) -> MutexGuard<'_, HashMap<String, Arc<PollingSession>>> {
        self.0
            .polling
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// Removes a session from those that HTTP can name; also when its task panics.
struct Forget<E: Endpoint> {
    server: Server<E>,
    sid: String,
}

impl<E: Endpoint> Drop for Forget<E> {
    fn drop(&mut self) {
        self.server.polling().remove(&self.sid);
    }
}

impl PollingSession {
    async fn send(&self, command: Command) -> Result<(), Refusal> {
        self.commands
            .send(command)
            .await
            .map_err(|_| Refusal::UnknownSession)
    }
}

async fn poll(session: &PollingSession, version: Version) -> Result<Response, Box<Response>> {
    let (reply, packets) = oneshot::channel();
    session.send(Command::Poll(reply)).await?;
    let packets: Vec<Packet> = packets.await.map_err(|_| Refusal::BadRequest)?;
    let (body, binary) = payload::encode(version, &packets);
    let kind = if binary {
        "application/octet-stream"
    } else {
        "text/plain; charset=UTF-8"
    };
    Ok(respond(StatusCode::OK, kind, body))
}

/// Waits for one text; anything else, or the end of the stream, is an error. `then` runs at once with it.
async fn expect_text(socket: &mut Socket, text: &str, then: impl FnOnce()) -> Result<(), End> {
    let mut then = Some(then);
    poll_fn(|cx| {
        while then.is_some() {
            let read = socket.poll_read(cx, |incoming, _| match incoming {
                Incoming::Text(got) if got == text => {
                    if let Some(then) = then.take() {
                        then();
                    }
                    Ok(false)
                }
                _ => Err(Close::protocol("not the probe").into()),
            });
            match read {
                std::task::Poll::Ready(Ok(())) => {}
                other => return other,
            }
        }
        std::task::Poll::Ready(Ok(()))
    })
    .await
}
