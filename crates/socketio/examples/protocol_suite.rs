//! The server that the public protocol test suites of Engine.IO and Socket.IO expect on port 3000:
//! `/engine.io/` echoes messages as they come, `/socket.io/` answers events.
//!
//! `cargo run --release --example protocol_suite`, then `npx mocha test-suite.js` in the suite's folder.

use std::{convert::Infallible, sync::Arc, time::Duration};

use http_body_util::Full;
use hyper::{Request, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use nile_socketio::{
    Application, Bounds, Close, ConnectError, Connection, Connections, Conversation, Emit, End,
    Endpoint, Event, Message, Namespace, Options, Outbox, Peer, Response, Server, Sink, SocketIo,
    Step, encode_event,
};
use serde_json::value::RawValue;
use tokio::time::Instant;

/// Sends back what it gets, in both namespaces.
struct Echo;

impl Application for Echo {
    type Connection = EchoConnection;

    fn namespaces(&self) -> &'static [&'static str] {
        &["/", "/custom"]
    }

    fn open(
        &self,
        _: &http::request::Parts,
        _: Peer,
        outbox: Outbox,
    ) -> Result<EchoConnection, Box<Response>> {
        Ok(EchoConnection {
            auth: [None, None],
            outbox,
        })
    }
}

struct EchoConnection {
    /// What each namespace was given as `auth`.
    auth: [Option<String>; 2],
    outbox: Outbox,
}

impl Connection for EchoConnection {
    type Outcome = Infallible;

    fn connect(
        &mut self,
        namespace: Namespace,
        auth: Option<&RawValue>,
    ) -> Result<(), ConnectError> {
        self.auth[namespace.index()] = auth.map(|auth| auth.get().to_owned());
        Ok(())
    }

    fn connected(&mut self, namespace: Namespace, _: &mut Emit<'_>) {
        let name = Echo.namespaces()[namespace.index()];
        let auth = self.auth[namespace.index()].take();
        let event = encode_event(name, "auth", &[auth.as_deref().unwrap_or("{}")], None);
        let outbox = self.outbox.clone();
        tokio::spawn(async move {
            // The suite reads one message at a time, and misses one that comes in the same segment.
            tokio::time::sleep(Duration::from_millis(20)).await;
            // The suite may have left.
            let _ = outbox.push(event);
        });
    }

    fn event(
        &mut self,
        event: Event<'_>,
        emit: &mut Emit<'_>,
    ) -> Result<Option<Step<Infallible>>, Close> {
        let args: Vec<&str> = event.args.iter().map(|arg| arg.get()).collect();
        match event.ack {
            Some(id) => emit.ack(event.namespace, id, &args, event.attachments),
            None => emit.event(event.namespace, "message-back", &args, event.attachments),
        }
        Ok(None)
    }

    fn complete(&mut self, outcome: Infallible, _: &mut Emit<'_>) {
        match outcome {}
    }

    fn tick(&mut self, now: Instant) -> Result<Instant, Close> {
        Ok(now + Duration::from_hours(1))
    }
}

/// Sends back the bare messages of Engine.IO.
struct BareEcho;

impl Endpoint for BareEcho {
    type Conversation = BareEchoConversation;

    fn open(
        &self,
        _: &http::request::Parts,
        _: Peer,
        _: Outbox,
    ) -> Result<BareEchoConversation, Box<Response>> {
        Ok(BareEchoConversation)
    }
}

struct BareEchoConversation;

impl Conversation for BareEchoConversation {
    type Outcome = Infallible;

    fn opened(&mut self, _: &mut dyn Sink) {}

    fn receive(
        &mut self,
        message: Message<'_>,
        sink: &mut dyn Sink,
    ) -> Result<Option<Step<Infallible>>, End> {
        match message {
            Message::Text(text) => sink.text(&[text]),
            Message::Binary(bytes) => sink.binary(bytes),
        }
        Ok(None)
    }

    fn complete(&mut self, outcome: Infallible, _: &mut dyn Sink) {
        match outcome {}
    }

    fn tick(&mut self, now: Instant, _: &mut dyn Sink) -> Result<Instant, End> {
        Ok(now + Duration::from_hours(1))
    }

    fn ended(&mut self, _: &End) {}
}

fn options() -> Options {
    Options {
        ping_interval: Duration::from_millis(300),
        ping_timeout: Duration::from_millis(200),
        connect: Duration::from_secs(1),
        upgrade: Duration::from_secs(10),
        max_outbound: 1_000_000,
        bounds: Arc::new(Bounds {
            max_message: 1_000_000,
            handshake: Duration::from_secs(10),
            write: Duration::from_secs(10),
            close: Duration::from_secs(1),
        }),
    }
}

/// One thread: requests are taken in the order in which they came, on which the suites rely.
#[tokio::main(flavor = "current_thread")]
async fn main() -> std::io::Result<()> {
    let connections = Connections::new();
    let options = Arc::new(options());
    let echo = SocketIo::new(Echo, &options);
    let socketio = Server::new(echo, Arc::clone(&options), connections.clone());
    let engineio = Server::new(BareEcho, options, connections);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    loop {
        let (stream, _) = listener.accept().await?;
        let (socketio, engineio) = (socketio.clone(), engineio.clone());
        let service = service_fn(move |request: Request<Incoming>| {
            let (socketio, engineio) = (socketio.clone(), engineio.clone());
            async move {
                Ok::<_, Infallible>(match request.uri().path() {
                    "/socket.io/" => socketio.handle(request).await,
                    "/engine.io/" => engineio.handle(request).await,
                    _ => http::Response::builder()
                        .status(404)
                        .body(Full::default())
                        .expect("valid"),
                })
            }
        });
        tokio::spawn(
            http1::Builder::new()
                .timer(TokioTimer::new())
                .serve_connection(TokioIo::new(stream), service)
                .with_upgrades(),
        );
    }
}
