//! Everything together: from a configuration and a listener to a served instance, and to its end.

mod accept;
mod gate;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzed;

use std::{io, net::SocketAddr, num::NonZeroU32, sync::Arc, time::Duration};

use axum::{Router, middleware, routing::any};
use nile_socketio::{Bounds, Close, Connections, Options, SocketIo};
use tokio::{net::TcpListener, time::timeout};

use crate::{
    clock::SystemClock,
    config::{Config, MessagesConfig},
    courier::Courier,
    error::Fault,
    instance::{Instance, Rules},
    limits::Limits,
    store::{self, OpenError, QueueOptions, Store},
    transport::{
        events,
        http::{self, Front},
        socketio::Gateway,
        websocket,
    },
};

/// How many bytes of pushed messages may wait for one connection: so many, or so many of the largest messages,
/// which are pushed in twice as many bytes as they came in.
const MAX_OUTBOUND: usize = 1024 * 1024;
const MAX_OUTBOUND_MESSAGES: usize = 8;

/// How long a closing handshake may take.
const CLOSE: Duration = Duration::from_secs(2);

/// How long the store may take to end: with the longest drain, less than the 10 s that a stop may take.
const STORE_CLOSE: Duration = Duration::from_millis(1500);

/// How long a change from polling to a WebSocket may take.
const UPGRADE: Duration = Duration::from_secs(10);

/// An instance that is ready to serve.
pub struct Server {
    config: Config,
    listener: TcpListener,
    instance: Arc<Instance>,
    connections: Connections,
    router: Router,
}

impl Server {
    /// Opens the store and makes everything ready to serve on `listener`.
    pub fn start(config: Config, listener: TcpListener) -> Result<Self, OpenError> {
        let options = store::Options {
            queue: queue(&config.messages),
            ..store::Options::default()
        };
        let store = Store::open(&config.data_dir, &options)?;
        let limits = Limits::new(&config.limits);
        let instance = Instance::new(
            store,
            limits,
            Arc::new(SystemClock),
            Courier::new(&config.deliveries),
            Rules {
                admission: config.nodes.admission,
                guests: config.messages.guests,
                max_information: config.limits.information_bytes.get(),
            },
        );
        let connections = Connections::new();
        let router = router(&config, &instance, &connections);
        Ok(Self {
            config,
            listener,
            instance,
            connections,
            router,
        })
    }

    /// Where clients and nodes connect.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// The instance that is served.
    #[must_use]
    pub fn instance(&self) -> &Arc<Instance> {
        &self.instance
    }

    /// Serves until `shutdown` is done; then drains: takes nobody new, answers what is under way, tells the
    /// others to go, and closes the store. Peers that do not go are left after the configured time.
    pub async fn serve(self, shutdown: impl Future<Output = ()>) -> Result<(), Fault> {
        let Self {
            config,
            listener,
            instance,
            connections,
            router,
        } = self;
        instance.recall().await?;
        let doorman = accept::Doorman::new(&config, Arc::clone(&instance), router);
        tokio::select! {
            () = doorman.run(&listener) => {}
            () = Arc::clone(&instance).tend() => {}
            () = shutdown => {}
        }
        tracing::info!(connections = connections.count(), "draining");
        instance.drain();
        drop(listener);
        let gone = async { tokio::join!(connections.close(Close::GOING_AWAY), doorman.close()) };
        if timeout(config.drain_seconds.duration(), gone)
            .await
            .is_err()
        {
            tracing::warn!(
                connections = connections.count(),
                "some peers did not go in time"
            );
        }
        let closed = timeout(STORE_CLOSE, instance.store.close()).await;
        if closed.is_err() {
            tracing::warn!("the store is still tidying up; what was answered is safe");
        }
        closed.unwrap_or(Ok(()))?;
        tracing::info!("stopped");
        Ok(())
    }
}

/// What an operator decided about messages, for the store.
fn queue(messages: &MessagesConfig) -> QueueOptions {
    let days = |days: NonZeroU32| Duration::from_hours(24 * u64::from(days.get()));
    QueueOptions {
        messages: messages.per_recipient.get(),
        bytes: messages.bytes_per_recipient.get() as u64,
        pair: messages.per_pair.get(),
        store_bytes: u64::from(messages.store_mebibytes.get()) << 20,
        life: days(messages.days),
        unacknowledged_life: days(messages.unacknowledged_days),
        ..QueueOptions::default()
    }
}

fn router(config: &Config, instance: &Arc<Instance>, connections: &Connections) -> Router {
    let limits = &config.limits;
    let handshake = limits.handshake_seconds.duration();
    let idle = limits.idle_seconds.duration();
    let max_message = limits.message_bytes.get();
    let max_outbound = MAX_OUTBOUND.max(MAX_OUTBOUND_MESSAGES * max_message);
    let options = Arc::new(Options {
        ping_interval: config.heartbeat.interval_seconds.duration(),
        ping_timeout: config.heartbeat.timeout_seconds.duration(),
        connect: handshake,
        upgrade: UPGRADE,
        max_outbound,
        bounds: Arc::new(Bounds {
            max_message,
            handshake,
            write: limits.write_seconds.duration(),
            close: CLOSE,
        }),
    });
    let gateway = Gateway {
        instance: Arc::clone(instance),
        idle,
    };
    let gateway = SocketIo::new(gateway, &options);
    let engine = nile_socketio::Server::new(gateway, Arc::clone(&options), connections.clone());
    let socketio = any(
        move |request: ::http::Request<axum::body::Body>| async move { engine.handle(request).await },
    );
    let events = events::Endpoint {
        instance: Arc::clone(instance),
        connections: connections.clone(),
        max_outbound,
        heartbeat: config.heartbeat.interval_seconds.duration(),
    };
    let websocket = websocket::Endpoint {
        instance: Arc::clone(instance),
        options,
        connections: connections.clone(),
        idle,
    };
    let front = Front {
        instance: Arc::clone(instance),
        max_message,
        deadline: handshake,
    };
    let gate = gate::Gate::new(config);
    Router::new()
        .route("/socket.io/", socketio.clone())
        .route("/socket.io", socketio)
        .route("/ws", any(websocket::upgrade).with_state(websocket))
        .route(
            "/client/to/instance/events",
            any(events::of_client).with_state(events.clone()),
        )
        .route(
            "/node/to/instance/events",
            any(events::of_node).with_state(events),
        )
        .route("/healthz", any(http::health))
        .route("/readyz", any(http::readiness))
        .fallback(http::channel)
        .layer(middleware::from_fn_with_state(gate, gate::pass))
        .with_state(front)
}
