//! The instance of a town, and everybody who talks to it.

use std::{
    net::{IpAddr, Ipv4Addr},
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use axum::body::Body;
use http::{
    HeaderName, HeaderValue, Method,
    header::{AUTHORIZATION, CONTENT_TYPE},
};
use http_body_util::BodyExt;
use hyper::service::Service;
use hyper_util::service::TowerToHyperService;
use nile_protocol::channel::Channel;
use nile_socketio::Connections;
use serde_json::Value;
use tempfile::TempDir;
use tokio::{net::TcpStream, task::yield_now, time::sleep};

use super::{
    act::{Act, Request, Way, channel},
    line::Line,
    mind::{Mind, owner},
    party::Party,
};
use crate::{
    clock::{FixedClock, Timestamp},
    config::Config,
    courier::Courier,
    instance::{Instance, Rules},
    limits::Limits,
    server::{accept::Doorman, router},
    store::{self, Store},
};

/// Who comes from here is not counted.
const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// How many have a connection at most.
const PLACES: usize = 3;

/// Two minutes: longer than anything that an instance does by the clock, but the work of each of its ticks
/// is really done.
const MOST_SIXTEENTHS: u32 = 2048;

/// So often nobody has to look for what must happen.
const NEVER: u32 = 20_000_000;

pub(super) struct Town {
    instance: Arc<Instance>,
    doorman: Doorman,
    connections: Connections,
    router: axum::Router,
    parties: [Option<Party>; PLACES],
    mind: Mind,
    _directory: TempDir,
}

impl Town {
    pub(super) fn found() -> Self {
        let directory = tempfile::tempdir().expect("there is room for a directory");
        let config = Config {
            data_dir: directory.path().join("data"),
            // No port may be delivered to: nobody outside is asked for anything.
            ..toml::from_str("limits.exempt = ['127.0.0.0/8']\ndeliveries.ports = []")
                .expect("it is a configuration")
        };
        let store = Store::open(&config.data_dir, &store::Options::default());
        let instance = Instance::new(
            store.expect("the directory is new"),
            Limits::new(&config.limits),
            Arc::new(FixedClock::at(Timestamp(1_800_000_000_000))),
            Courier::new(&config.deliveries),
            Rules {
                admission: config.nodes.admission,
                guests: true,
                max_information: config.limits.information_bytes.get(),
            },
        );
        let connections = Connections::new();
        let router = router(&config, &instance, &connections);
        tokio::spawn(Arc::clone(&instance).tend());
        Self {
            doorman: Doorman::new(&config, Arc::clone(&instance), router.clone()),
            instance,
            connections,
            router,
            parties: [const { None }; PLACES],
            mind: Mind::default(),
            _directory: directory,
        }
    }

    pub(super) async fn act(&mut self, act: &Act<'_>) {
        match act {
            Act::Come { who, over } => self.come(*who, *over),
            Act::Go { who } => self.parties[place(*who)] = None,
            Act::Ask { who, request } => self.ask(*who, request),
            Act::Say { who, event, body } => {
                if let Some(party) = &mut self.parties[place(*who)] {
                    party.ask(channel(*event).name(), body, None);
                }
            }
            Act::Send { who, text } => {
                if let Some(party) = &mut self.parties[place(*who)] {
                    party.send(text);
                }
            }
            Act::Acknowledge { who, any } => self.acknowledge(*who, *any),
            Act::Http {
                put,
                bearer,
                request,
            } => self.http(*put, *bearer, request).await,
            Act::Any {
                method,
                path,
                query,
                headers,
                body,
            } => {
                let target = format!("{}?{query}", path_of(*path));
                self.any(*method, &target, headers, body).await;
            }
            Act::Wait(sixteenths) => {
                let sixteenths = u32::from(*sixteenths) % MOST_SIXTEENTHS;
                sleep(Duration::from_secs(1) * sixteenths / 16).await;
            }
        }
        self.settle().await;
    }

    /// Everybody goes, and is gone.
    pub(super) async fn empty(mut self) {
        self.parties = [const { None }; PLACES];
        let instance = Arc::clone(&self.instance);
        let connections = self.connections.clone();
        until("somebody stays", || {
            instance.hub.online().is_empty() && connections.count() == 0
        })
        .await;
        let mut closed = pin!(self.instance.store.close());
        let mut result = Poll::Pending;
        until("the store does not close", || {
            result = poll_once(closed.as_mut());
            result.is_ready()
        })
        .await;
        assert!(matches!(result, Poll::Ready(Ok(()))));
    }

    fn come(&mut self, who: u8, way: Way) {
        let (line, far) = Line::open(way);
        let far = TcpStream::from_std(far).expect("it does not block");
        let arrival = self.doorman.arrive(HERE).expect("nobody is counted");
        self.doorman.talk(far, arrival);
        self.parties[place(who)] = Some(Party::new(line));
    }

    fn ask(&mut self, who: u8, request: &Request<'_>) {
        if let Some(party) = &mut self.parties[place(who)] {
            let body = request.body(&self.mind, party.next());
            let id = serde_json::from_str::<Value>(&body).expect("it is JSON")["id"].clone();
            party.ask(request.channel().name(), &body, Some(id));
        }
    }

    fn acknowledge(&mut self, who: u8, any: Option<u16>) {
        let Some(party) = &mut self.parties[place(who)] else {
            return;
        };
        let last = party.unacknowledged.take();
        if let Some(number) = any.map(u64::from).or(last) {
            party.line.acknowledge(number);
        }
    }

    /// Lets all that is under way come to its end.
    async fn settle(&mut self) {
        let Self { parties, mind, .. } = self;
        until("a request is not answered", || {
            for party in parties.iter_mut().flatten() {
                party.hear(mind);
            }
            let waits = |party: &Party| party.line.is_open() && !party.is_settled();
            let comes = |party: &Party| !party.line.is_open() && !party.line.is_closed();
            !parties
                .iter()
                .flatten()
                .any(|party| waits(party) || comes(party))
        })
        .await;
    }

    async fn http(&mut self, put: bool, bearer: Option<u8>, request: &Request<'_>) {
        let body = request.body(&self.mind, 0);
        let mut head = http::Request::builder()
            .method(if put { Method::PUT } else { Method::POST })
            .uri(request.channel().path())
            .header(CONTENT_TYPE, "application/json");
        let token = bearer.and_then(|which| self.mind.token(which));
        if let Some(token) = &token {
            head = head.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        let owner = owner(&body);
        let request = head.body(Body::from(body)).expect("the head is in order");
        if let Some(parameters) = self.respond(request).await {
            self.mind.answer(&parameters, owner);
        }
    }

    async fn any(&mut self, method: u8, target: &str, headers: &[(u8, &str); 2], body: &str) {
        let methods = [Method::GET, Method::POST, Method::PUT, Method::OPTIONS];
        let mut head = http::Request::builder()
            .method(&methods[usize::from(method) % methods.len()])
            .uri(target);
        for (name, value) in headers {
            if let Ok(value) = HeaderValue::from_str(value) {
                let name = HeaderName::from_static(HEADERS[usize::from(*name) % HEADERS.len()]);
                head = head.header(name, value);
            }
        }
        if let Ok(request) = head.body(Body::from(body.to_owned())) {
            self.respond(request).await;
        }
    }

    /// Sends a request; what a success says, where it is whole.
    async fn respond(&mut self, mut request: http::Request<Body>) -> Option<Value> {
        let may_wait = request.uri().path().contains("/events");
        let arrival = self.doorman.arrive(HERE).expect("nobody is counted");
        request.extensions_mut().insert(Arc::new(arrival));
        let service = TowerToHyperService::new(self.router.clone());
        let mut answering = pin!(service.call(request));
        let mut answer = Poll::Pending;
        let mut looks = 0;
        until("a request over HTTP is not answered", || {
            looks += 1;
            answer = poll_once(answering.as_mut());
            answer.is_ready() || (may_wait && looks > 1000)
        })
        .await;
        let Poll::Ready(Ok(response)) = answer else {
            return None;
        };
        let (status, kind) = (
            response.status(),
            response.headers().get(CONTENT_TYPE).cloned(),
        );
        if kind.is_none_or(|kind| kind != "application/json" && kind != "application/problem+json")
        {
            return None;
        }
        let body = match poll_once(pin!(response.into_body().collect())) {
            Poll::Ready(Ok(body)) => body.to_bytes(),
            other => panic!("a body is there at once: {other:?}"),
        };
        let body: Value = serde_json::from_slice(&body).expect("it is JSON");
        assert_eq!(status.is_success(), body.get("code").is_none(), "{body}");
        status.is_success().then_some(body)
    }
}

const HEADERS: [&str; 8] = [
    "authorization",
    "content-type",
    "content-encoding",
    "origin",
    "last-event-id",
    "forwarded",
    "x-forwarded-for",
    "access-control-request-method",
];

fn path_of(number: u8) -> &'static str {
    const OTHERS: [&str; 6] = [
        "/client/to/instance/events",
        "/node/to/instance/events",
        "/healthz",
        "/readyz",
        "/socket.io/",
        "/ws",
    ];
    let other = usize::from(number) % (OTHERS.len() + Channel::ALL.len());
    OTHERS
        .get(other)
        .copied()
        .unwrap_or_else(|| channel(number).path())
}

fn place(who: u8) -> usize {
    usize::from(who) % PLACES
}

/// Gives everything its turn until `holds`. Time does not pass.
async fn until(otherwise: &str, mut holds: impl FnMut() -> bool) {
    for look in 0..NEVER {
        if holds() {
            return;
        }
        yield_now().await;
        if look % 16 == 0 {
            // The store works in threads of its own.
            std::thread::yield_now();
        }
    }
    panic!("{otherwise}");
}

fn poll_once<F: Future + ?Sized>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}
