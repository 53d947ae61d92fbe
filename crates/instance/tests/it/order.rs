//! Many connections at once, each with many requests under way: answers come in order, and none is missing.

use std::{net::SocketAddr, time::Duration};

use futures_util::{SinkExt, StreamExt, future::join_all};
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::Message;

use crate::support::{
    Connects, factor,
    process::{Memory, TestProcess},
    request::{self, PING},
    socketio::SocketIo,
    websocket::Raw,
    within,
};

/// No limits, and no heartbeat in between.
const QUIET: [(&str, &str); 2] = [
    ("NILE_LIMITS_EXEMPT", "127.0.0.0/8"),
    ("NILE_HEARTBEAT_INTERVAL_SECONDS", "3600"),
];

/// What one run was.
#[derive(Debug)]
#[expect(dead_code, reason = "shown to whoever runs the long test")]
struct Run {
    connections: usize,
    events: usize,
    took: Duration,
    events_per_second: f64,
    before: Memory,
    after: Memory,
}

/// How many events a connection sends; `NILE_TEST_FACTOR` multiplies it.
fn events(count: usize) -> usize {
    count * usize::try_from(factor()).unwrap()
}

/// Request number `id`: registering, updating, asking and logging in take turns.
fn question(id: usize, token: &str) -> (String, &'static str) {
    let (request, answer) = match id % 4 {
        0 => (request::register("Bo"), "registered"),
        1 => (request::update(token, "Cy"), "updated"),
        2 => (PING.to_owned(), "pinged"),
        _ => (request::login(token), "logged"),
    };
    let open = request.strip_suffix('}').unwrap();
    (format!(r#"{open},"id":{id}}}"#), answer)
}

/// Whether `text` carries this answer to request number `id`.
fn answers(text: &str, id: usize, answer: &str) -> bool {
    let body = text.trim_end_matches([']', '}']);
    let named = body.contains(&format!(r#"{{"action":"{answer}","#));
    named && body.ends_with(&format!(r#","id":{id}"#))
}

/// Sends `events` requests without waiting, and reads as many answers.
async fn converse<P: Connects>(address: SocketAddr, events: usize) {
    let mut party = P::open(address).await;
    let token = party.register().await;
    let (mut sink, mut stream) = party.into_socket().stream.split();
    let asks = async {
        for id in 0..events {
            let (request, _) = question(id, &token);
            sink.feed(Message::text(P::carry(&request))).await.unwrap();
        }
        sink.flush().await.unwrap();
    };
    let hears = async {
        for id in 0..events {
            let heard = stream.next().await.expect("the connection was closed");
            let heard = heard.unwrap().into_text().unwrap();
            let (_, answer) = question(id, "");
            assert!(
                answers(&heard, id, answer),
                "{answer} {id}, but heard {heard}"
            );
        }
    };
    tokio::join!(asks, hears);
}

/// Runs all connections at once.
async fn run<P: Connects + 'static>(connections: usize, events: usize) -> Run {
    let server = TestProcess::start(&QUIET).await;
    let before = server.process.memory();
    let begin = Instant::now();
    let address = server.address;
    let conversations = (0..connections).map(|_| converse::<P>(address, events));
    join_all(conversations).await;
    let took = begin.elapsed();
    let all = u32::try_from(connections * events).unwrap();
    Run {
        connections,
        events,
        took,
        events_per_second: f64::from(all) / took.as_secs_f64(),
        before,
        after: server.process.memory(),
    }
}

#[tokio::test]
async fn a_hundred_socket_io_connections_are_answered_in_order() {
    within("all answers", run::<SocketIo>(100, events(200))).await;
}

#[tokio::test]
async fn twenty_bare_websockets_are_answered_in_order() {
    within("all answers", run::<Raw>(20, events(200))).await;
}

/// A million events. It prints how long they took, and the memory of the server before and after.
///
/// `cargo test --release -p nile-instance --test it a_million -- --ignored --nocapture`
#[tokio::test]
#[ignore = "a million events say something only in a release build"]
async fn a_million_events_on_a_hundred_connections_are_answered_in_order() {
    println!("{:#?}", run::<SocketIo>(100, 10_000).await);
}
