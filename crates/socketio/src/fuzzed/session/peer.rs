//! A peer, and the server that it talks to.

use std::{
    convert::Infallible,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, StatusCode, header::CONTENT_TYPE};
use http_body_util::{BodyExt, Full};
use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, task::yield_now, time::sleep};

use super::{
    act::{Act, Script, Words},
    desk::{Desk, LARGE},
    heard::Heard,
    stream::Stream,
};
use crate::{
    application::encode_event,
    close::Close,
    connections::Connections,
    engine::{
        Version,
        payload::{self, Payload},
    },
    options::Options,
    patience::Bounds,
    server::Server,
    session::SocketIo,
    websocket::Response,
};

/// How often everything gets its turn before an act is over; more often than anything needs.
const ROUNDS: usize = 8;

/// What may wait for one connection.
const MAX_OUTBOUND: usize = 32 * 1024;

/// What two ends of a stream hold on Linux, and a little more.
const KERNEL: usize = 512 * 1024;

/// What may wait for a peer that reads nothing: what was pushed, what is written before the server asks
/// for nothing more, and what the 32 requests that it has taken by then lead to.
const MAX_WAITING: usize = MAX_OUTBOUND + 64 * 1024 + 33 * (LARGE + 256) + KERNEL;

type Body = Full<Bytes>;

/// A request that is not answered.
struct Asked {
    answer: Pin<Box<dyn Future<Output = Response>>>,
    /// Whether it is of the peer's session: what others say is not listened to.
    own: bool,
}

pub(super) struct Peer {
    server: Server<SocketIo<Desk>>,
    connections: Connections,
    desk: Desk,
    version: Version,
    query: String,
    heard: Heard,
    stream: Option<Stream>,
    requests: Vec<Asked>,
    pushed: u64,
    pushed_bytes: usize,
    told: u64,
}

impl Peer {
    /// A peer that has asked for a session.
    pub(super) async fn connect(script: &Script<'_>) -> Self {
        let (desk, connections) = (Desk::default(), Connections::new());
        let options = options();
        let socketio = SocketIo::new(desk.clone(), &options);
        let (version, number) = if script.old {
            (Version::V3, 3)
        } else {
            (Version::V4, 4)
        };
        let base64 = if script.base64 { "&b64=1" } else { "" };
        let mut peer = Self {
            server: Server::new(socketio, options, connections.clone()),
            connections,
            desk,
            version,
            query: format!("EIO={number}{base64}"),
            heard: Heard::new(version),
            stream: None,
            requests: Vec::new(),
            pushed: 0,
            pushed_bytes: 0,
            told: 0,
        };
        if script.polls {
            let query = format!("{}&transport=polling", peer.query);
            peer.ask(request(Method::GET, &query, Full::default()), true);
        } else {
            peer.open_stream("");
        }
        peer.settle().await;
        peer
    }

    pub(super) async fn act(&mut self, act: &Act<'_>) {
        match act {
            Act::Say(words) => self.say(words),
            Act::Post(words) => self.post_words(words),
            Act::PostBytes { binary, body } => self.post(*binary, body.to_vec()),
            Act::Frame { first, payload } => self.on_stream(|stream| {
                stream.send_frame(*first, payload);
            }),
            Act::Bytes(bytes) => self.on_stream(|stream| stream.send(bytes)),
            Act::Poll => self.poll(),
            Act::Abandon => self.abandon(),
            Act::Upgrade => {
                if let Some(sid) = self.heard.sid.clone() {
                    self.open_stream(&format!("&sid={sid}"));
                }
            }
            Act::Request { post, query, body } => {
                let method = if *post { Method::POST } else { Method::GET };
                self.ask(request(method, query, body.to_vec().into()), false);
            }
            Act::Read(kibibytes) => {
                if let Some(stream) = &mut self.stream {
                    stream.read(usize::from(*kibibytes) * 1024 + 1, &mut self.heard);
                }
            }
            Act::Wait(sixteenths) => {
                sleep(Duration::from_secs(1) * (*sixteenths).into() / 16).await;
            }
            Act::Push(size) => self.push(usize::from(*size) * 64),
            Act::Tell => self.tell(),
            Act::Close => {
                if let Some(seat) = self.desk.seats().first() {
                    seat.outbox.close(Close::GOING_AWAY);
                }
            }
            Act::Finish(which) => self.finish((*which).into()),
            Act::Leave => {
                self.stream = None;
                self.requests.clear();
            }
        }
        self.settle().await;
    }

    /// Lets everything happen that can happen without time.
    pub(super) async fn settle(&mut self) {
        for _ in 0..ROUNDS {
            self.hear_responses();
            yield_now().await;
        }
        self.hear_responses();
    }

    pub(super) fn is_over(&self) -> bool {
        self.connections.count() == 0
    }

    /// What holds at any time.
    pub(super) fn check(&self) {
        let seats = self.desk.seats();
        let Some(seat) = seats.first() else { return };
        assert!(self.heard.answers <= seat.taken, "an answer to nothing");
        assert!(self.heard.pushes <= self.pushed);
        let given = seat.answered + self.pushed_bytes;
        let waiting = given.saturating_sub(self.heard.bytes);
        assert!(waiting <= MAX_WAITING, "{waiting} bytes wait");
    }

    /// What holds when it has left or said nothing for long.
    pub(super) fn check_end(mut self) {
        assert!(self.is_over(), "something does not end");
        self.desk.check_end();
        self.check();
        if let Some(mut stream) = self.stream.take() {
            assert!(stream.read_all(&mut self.heard), "its stream is open");
        }
    }

    fn say(&mut self, words: &Words<'_>) {
        let Some(stream) = &mut self.stream else {
            return self.post_words(words);
        };
        for packet in words.packets(self.version) {
            stream.send_packet(&packet);
        }
    }

    fn post_words(&mut self, words: &Words<'_>) {
        let packets = words.packets(self.version);
        let (body, binary) = payload::encode(self.version, &packets);
        self.post(binary, body);
    }

    fn post(&mut self, binary: bool, body: Vec<u8>) {
        let mut request = self.in_session(Method::POST, body.into());
        if let Some(request) = request.as_mut().filter(|_| binary) {
            let kind = HeaderValue::from_static("application/octet-stream");
            request.headers_mut().insert(CONTENT_TYPE, kind);
        }
        self.ask(request, true);
    }

    fn poll(&mut self) {
        let request = self.in_session(Method::GET, Full::default());
        self.ask(request, true);
    }

    /// A request in its session, if it has heard that it has one.
    fn in_session(&self, method: Method, body: Body) -> Option<Request<Body>> {
        let sid = self.heard.sid.as_ref()?;
        let query = format!("{}&transport=polling&sid={sid}", self.query);
        request(method, &query, body)
    }

    fn ask(&mut self, request: Option<Request<Body>>, own: bool) {
        let Some(request) = request else { return };
        let server = self.server.clone();
        let answer = Box::pin(async move { server.handle(request).await });
        self.requests.push(Asked { answer, own });
    }

    /// Those who leave a request have heard what came until then.
    fn abandon(&mut self) {
        self.hear_responses();
        if !self.requests.is_empty() {
            drop(self.requests.remove(0));
        }
    }

    fn hear_responses(&mut self) {
        let Self {
            requests,
            heard,
            version,
            ..
        } = self;
        requests.retain_mut(|Asked { answer, own }| {
            let Poll::Ready(response) = poll_once(answer.as_mut()) else {
                return true;
            };
            if *own {
                hear(response, *version, heard);
            }
            false
        });
    }

    fn open_stream(&mut self, sid: &str) {
        let target = format!("/socket.io/?{}&transport=websocket{sid}", self.query);
        let (stream, far) = Stream::pair(&target).expect("there are file descriptors");
        self.stream = Some(stream);
        let far = TcpStream::from_std(far).expect("it does not block");
        let server = self.server.clone();
        let service = service_fn(move |request| {
            let server = server.clone();
            async move { Ok::<_, Infallible>(server.handle(request).await) }
        });
        let connection = http1::Builder::new()
            .serve_connection(TokioIo::new(far), service)
            .with_upgrades();
        tokio::spawn(async move {
            // A peer may send anything, or go.
            let _ = connection.await;
        });
    }

    fn on_stream(&mut self, act: impl FnOnce(&mut Stream)) {
        if let Some(stream) = &mut self.stream {
            act(stream);
        }
    }

    fn push(&mut self, size: usize) {
        let seats = self.desk.seats();
        let Some(seat) = seats.first() else { return };
        let number = (self.pushed + 1).to_string();
        let frame = encode_event(
            "/",
            "push",
            &[&number, &format!("\"{:x<size$}\"", "")],
            None,
        );
        let length = frame.len();
        if seat.outbox.push(frame).is_ok() {
            self.pushed += 1;
            self.pushed_bytes += length;
        }
    }

    fn tell(&mut self) {
        self.told += 1;
        let news = encode_event("/", "news", &[&self.told.to_string()], None);
        if let Some(seat) = self.desk.seats().first() {
            seat.outbox.tell([news].into());
        }
    }

    fn finish(&mut self, which: usize) {
        let mut seats = self.desk.seats();
        let Some(seat) = seats.first_mut() else {
            return;
        };
        if !seat.jobs.is_empty() {
            let job = seat.jobs.swap_remove(which % seat.jobs.len());
            // The connection may have gone meanwhile.
            let _ = job.send(());
        }
    }
}

/// Reads a response, whose body is there already.
fn hear(response: Response, version: Version, heard: &mut Heard) {
    let (status, kind) = (response.status(), response.headers()[CONTENT_TYPE].clone());
    let Poll::Ready(Ok(body)) = poll_once(pin!(response.into_body().collect())) else {
        panic!("a whole body is there at once");
    };
    let body = body.to_bytes();
    if status != StatusCode::OK {
        assert!(status.is_client_error(), "{status}");
        return;
    }
    if kind == "text/html" {
        assert_eq!(body, "ok");
        return;
    }
    let binary = kind == "application/octet-stream";
    let mut payload = Payload::new(version, binary, body.to_vec());
    while let Some(packet) = payload.next().expect("a response is a payload") {
        heard.packet(&packet);
    }
}

fn request(method: Method, query: &str, body: Body) -> Option<Request<Body>> {
    let target = http::Uri::try_from(format!("/socket.io/?{query}")).ok()?;
    let mut request = Request::new(body);
    *request.method_mut() = method;
    *request.uri_mut() = target;
    Some(request)
}

fn poll_once<F: Future + ?Sized>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

fn options() -> Arc<Options> {
    let seconds = Duration::from_secs;
    Arc::new(Options {
        ping_interval: seconds(25),
        ping_timeout: seconds(20),
        connect: seconds(10),
        upgrade: seconds(10),
        max_outbound: MAX_OUTBOUND,
        bounds: Arc::new(Bounds {
            max_message: 16 * 1024,
            handshake: seconds(10),
            write: seconds(20),
            close: seconds(5),
        }),
    })
}
