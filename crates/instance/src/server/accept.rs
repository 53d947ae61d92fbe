//! The door: takes TCP connections in, turns away those that are too many, and speaks HTTP with the rest.
//!
//! `axum::serve` sets no timer, so its connections have no deadline; hence this loop.

use std::{convert::Infallible, io, net::IpAddr, pin::pin, sync::Arc, time::Duration};

use axum::{Router, body::Body};
use http::Request;
use hyper::{
    body::Incoming,
    server::conn::http1,
    service::{Service, service_fn},
};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use nile_protocol::refusal::Refusal;
use nile_socketio::{Response, websocket::Held};
use socket2::SockRef;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Semaphore, watch},
    time::{Instant, sleep, timeout},
};

use super::gate::{Gate, tell};
use crate::{
    address::Networks,
    config::Config,
    instance::{Instance, proof::rate_limited},
    transport::{arrival::Arrival, http::refuse},
};

/// The head of a request has at most so many bytes; hyper takes no smaller bound than 8 KiB.
const MAX_HEAD: usize = 16 * 1024;

/// How many connections may be told at once why they are turned away; the others are just closed.
const TURNING_AWAY: usize = 64;

/// How long one that is turned away has to ask and to hear it.
const TURN_AWAY: Duration = Duration::from_secs(1);

/// How long to wait when no connection can be taken, as when file descriptors have run out.
const BACK_OFF: Duration = Duration::from_millis(100);

/// Takes connections in.
pub(super) struct Doorman {
    instance: Arc<Instance>,
    router: Router,
    gate: Gate,
    trusted_proxies: Networks,
    http: http1::Builder,
    /// A peer that acknowledges nothing for so long has gone.
    silence: Duration,
    turning_away: Arc<Semaphore>,
    /// Told when HTTP connections shall end; each has a receiver while it lives.
    closing: watch::Sender<()>,
}

impl Doorman {
    pub(super) fn new(config: &Config, instance: Arc<Instance>, router: Router) -> Self {
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new())
            .header_read_timeout(config.limits.handshake_seconds.duration())
            .max_buf_size(MAX_HEAD);
        Self {
            instance,
            router,
            gate: Gate::new(config),
            trusted_proxies: config.trusted_proxies.clone(),
            http,
            silence: config.limits.write_seconds.duration(),
            turning_away: Arc::new(Semaphore::new(TURNING_AWAY)),
            closing: watch::Sender::new(()),
        }
    }

    /// Takes connections for ever.
    pub(super) async fn run(&self, listener: &TcpListener) {
        loop {
            match listener.accept().await {
                Ok((stream, peer)) => self.admit(stream, peer.ip().to_canonical()),
                Err(error) if is_peers_fault(&error) => {}
                Err(error) => {
                    if self.instance.door.fail(Instant::now()) {
                        tracing::error!(%error, "cannot take connections; trying again");
                    }
                    sleep(BACK_OFF).await;
                }
            }
        }
    }

    /// Answers what is under way on plain HTTP connections, and closes them.
    pub(super) async fn close(self) {
        self.closing.send_replace(());
        self.closing.closed().await;
    }

    fn admit(&self, stream: TcpStream, peer: IpAddr) {
        if let Err(error) = self.tune(&stream) {
            tracing::debug!(%error, "a connection ended before it began");
            return;
        }
        match self.arrive(peer) {
            Ok(arrival) => self.talk(stream, arrival),
            Err(refusal) => self.turn_away(stream, refusal),
        }
    }

    fn tune(&self, stream: &TcpStream) -> io::Result<()> {
        stream.set_nodelay(true)?;
        SockRef::from(stream).set_tcp_user_timeout(Some(self.silence))
    }

    pub(super) fn arrive(&self, peer: IpAddr) -> Result<Arrival, Refusal> {
        let limits = &self.instance.limits;
        let proxied = self.trusted_proxies.contains(peer);
        let full = Refusal::unavailable("the instance has as many connections as it can hold");
        let socket = limits.socket().ok_or(full)?;
        let address = if proxied {
            None
        } else {
            Some(
                limits
                    .connection(peer, Instant::now())
                    .map_err(rate_limited)?,
            )
        };
        Ok(Arrival::new(peer, proxied, socket, address))
    }

    pub(super) fn talk(&self, stream: TcpStream, arrival: Arrival) {
        let arrival = Arc::new(arrival);
        let router = TowerToHyperService::new(self.router.clone());
        let service = service_fn(move |mut request: Request<Incoming>| {
            let extensions = request.extensions_mut();
            extensions.insert(Arc::clone(&arrival));
            // A WebSocket outlives this task, and keeps the place.
            extensions.insert(Held(Arc::clone(&arrival) as _));
            router.call(request.map(Body::new))
        });
        let connection = self
            .http
            .serve_connection(TokioIo::new(stream), service)
            .with_upgrades();
        let mut closing = self.closing.subscribe();
        tokio::spawn(async move {
            let mut connection = pin!(connection);
            let end = tokio::select! {
                end = connection.as_mut() => end,
                _ = closing.changed() => {
                    connection.as_mut().graceful_shutdown();
                    connection.await
                }
            };
            if let Err(error) = end {
                tracing::debug!(%error, "an HTTP connection broke");
            }
        });
    }

    /// Tells a connection why it cannot stay, if few others are being told.
    fn turn_away(&self, stream: TcpStream, refusal: Refusal) {
        let Ok(permit) = Arc::clone(&self.turning_away).try_acquire_owned() else {
            return;
        };
        let gate = self.gate.clone();
        let service = service_fn(move |request: Request<Incoming>| {
            let mut response: Response = refuse(&refusal);
            tell(&gate.decide(request.headers()), response.headers_mut());
            async { Ok::<_, Infallible>(response) }
        });
        let mut http = self.http.clone();
        let talk = http
            .keep_alive(false)
            .serve_connection(TokioIo::new(stream), service);
        tokio::spawn(async move {
            let _permit = permit;
            // Whether the peer stays to hear it is its own affair.
            let _ = timeout(TURN_AWAY, talk).await;
        });
    }
}

/// Errors of one connection that ended while it waited to be taken.
fn is_peers_fault(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
    )
}
