//! A server on a port of its own: `/socket.io/` is the desk, `/engine.io/` and `/ws` are echoes.

use std::{convert::Infallible, net::SocketAddr, sync::Arc, time::Duration};

use hyper::{Request, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use nile_socketio::{
    Bounds, Connections, Frame, Options, Outbox, Refused, Response, Server, SocketIo, serve,
    websocket::{Held, accept},
};
use tokio::{
    net::{TcpListener, TcpSocket},
    sync::{Mutex, mpsc, watch},
};

use super::{
    NEVER,
    application::{Desk, Job, Shared},
    conversation::{Echo, EchoEndpoint},
    eventually,
    journal::Journal,
    within,
};

/// What a test may want otherwise.
pub(crate) struct Settings {
    pub(crate) options: Options,
    pub(crate) bounds: Bounds,
    /// The size of the kernel's buffer behind each of the server's sockets.
    pub(crate) send_buffer: Option<u32>,
}

impl Default for Settings {
    /// Nothing happens by itself: every deadline is longer than any test.
    fn default() -> Self {
        let minute = Duration::from_mins(1);
        let bounds = Bounds {
            max_message: 1_000_000,
            handshake: minute,
            write: NEVER,
            close: minute,
        };
        let options = Options {
            ping_interval: minute,
            ping_timeout: minute,
            connect: minute,
            upgrade: minute,
            max_outbound: 1_000_000,
            bounds: Arc::new(bounds),
        };
        Self {
            options,
            bounds,
            send_buffer: None,
        }
    }
}

/// The server, and what the test sees of its inside.
pub(crate) struct TestServer {
    pub(crate) address: SocketAddr,
    pub(crate) connections: Connections,
    shared: Arc<Shared>,
    jobs: Mutex<mpsc::UnboundedReceiver<Job>>,
    http: Arc<Http>,
}

/// How much HTTP there was and is.
#[derive(Default)]
struct Http {
    /// What every request holds.
    place: Arc<()>,
    requests: watch::Sender<usize>,
    connections: watch::Sender<usize>,
}

/// What answers requests.
#[derive(Clone)]
struct Routes {
    socketio: Server<SocketIo<Desk>>,
    engineio: Server<EchoEndpoint>,
    shared: Arc<Shared>,
    connections: Connections,
    options: Arc<Options>,
    http: Arc<Http>,
}

impl TestServer {
    pub(crate) fn start() -> Self {
        Self::with(|_| {})
    }

    /// A server whose settings were changed.
    pub(crate) fn with(change: impl FnOnce(&mut Settings)) -> Self {
        let mut settings = Settings::default();
        change(&mut settings);
        settings.options.bounds = Arc::new(settings.bounds);
        let socket = TcpSocket::new_v4().unwrap();
        if let Some(size) = settings.send_buffer {
            socket.set_send_buffer_size(size).unwrap();
        }
        socket.bind(([127, 0, 0, 1], 0).into()).unwrap();
        let listener = socket.listen(1024).unwrap();
        let address = listener.local_addr().unwrap();
        let (options, connections) = (Arc::new(settings.options), Connections::new());
        let (shared, http) = (Arc::<Shared>::default(), Arc::<Http>::default());
        let (jobs, receiver) = mpsc::unbounded_channel();
        let desk = Desk {
            shared: Arc::clone(&shared),
            jobs,
        };
        let echo = EchoEndpoint(Arc::clone(&shared));
        let routes = Routes {
            socketio: Server::new(
                SocketIo::new(desk, &options),
                Arc::clone(&options),
                connections.clone(),
            ),
            engineio: Server::new(echo, Arc::clone(&options), connections.clone()),
            shared: Arc::clone(&shared),
            connections: connections.clone(),
            options,
            http: Arc::clone(&http),
        };
        tokio::spawn(routes.run(listener));
        Self {
            address,
            connections,
            shared,
            jobs: Mutex::new(receiver),
            http,
        }
    }

    pub(crate) fn journal(&self) -> &Journal {
        &self.shared.journal
    }

    /// The outbox of the connection that was opened as this one, counted from 0.
    pub(crate) fn outbox(&self, number: usize) -> Outbox {
        self.shared.outboxes.lock().unwrap()[number].clone()
    }

    /// Pushes to the first connection.
    pub(crate) fn push(&self, frame: impl Into<Frame>) -> Result<(), Refused> {
        self.outbox(0).push(frame.into())
    }

    /// The next work that was begun.
    pub(crate) async fn job(&self) -> Job {
        let mut jobs = self.jobs.lock().await;
        within("a work begins", jobs.recv())
            .await
            .expect("the server runs")
    }

    /// The next work, if one was begun.
    pub(crate) fn try_job(&self) -> Option<Job> {
        self.jobs.try_lock().unwrap().try_recv().ok()
    }

    /// Waits until so many HTTP requests have come in.
    pub(crate) async fn requests(&self, count: usize) {
        let mut requests = self.http.requests.subscribe();
        let enough = requests.wait_for(|seen| *seen >= count);
        drop(within("requests", enough).await.unwrap());
    }

    /// Waits until the server has noticed that nobody speaks HTTP to it any more.
    pub(crate) async fn http_is_over(&self) {
        let mut connections = self.http.connections.subscribe();
        let none = connections.wait_for(|open| *open == 0);
        drop(within("the end of HTTP connections", none).await.unwrap());
    }

    /// Waits until so much of what requests held is still held.
    pub(crate) async fn held_is(&self, count: usize) {
        let what = format!("{count} places held");
        eventually(&what, || Arc::strong_count(&self.http.place) == count + 1).await;
    }

    /// Waits until so many connections are open.
    pub(crate) async fn connections_are(&self, count: usize) {
        let what = format!("{count} open connections");
        eventually(&what, || self.connections.count() == count).await;
    }
}

impl Routes {
    async fn run(self, listener: TcpListener) {
        while let Ok((stream, _)) = listener.accept().await {
            stream.set_nodelay(true).unwrap();
            let routes = self.clone();
            let service = service_fn(move |request| {
                let routes = routes.clone();
                async move { Ok::<_, Infallible>(routes.answer(request).await) }
            });
            let http = Arc::clone(&self.http);
            http.connections.send_modify(|open| *open += 1);
            tokio::spawn(async move {
                // Peers leave as they like.
                let _ = http1::Builder::new()
                    .timer(TokioTimer::new())
                    .serve_connection(TokioIo::new(stream), service)
                    .with_upgrades()
                    .await;
                http.connections.send_modify(|open| *open -= 1);
            });
        }
    }

    async fn answer(&self, mut request: Request<Incoming>) -> Response {
        self.http.requests.send_modify(|seen| *seen += 1);
        let place = Held(Arc::clone(&self.http.place) as _);
        request.extensions_mut().insert(place);
        match request.uri().path() {
            "/socket.io/" => self.socketio.handle(request).await,
            "/engine.io/" => self.engineio.handle(request).await,
            _ => self.websocket(&mut request),
        }
    }

    fn websocket(&self, request: &mut Request<Incoming>) -> Response {
        let (response, upgrading) = match accept(request) {
            Ok(accepted) => accepted,
            Err(refusal) => return *refusal,
        };
        let outbox = Outbox::new(self.options.max_outbound);
        let conversation = Echo::new(&self.shared, outbox.clone());
        let bounds = Arc::clone(&self.options.bounds);
        let run = serve(upgrading, conversation, outbox.clone(), bounds);
        self.connections.spawn(outbox, run);
        response
    }
}
