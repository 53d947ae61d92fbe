//! Who pings whom, when, and what becomes of a peer that is silent.

use std::time::Duration;

use nile_socketio::{Close, End};
use tokio::time::Instant;

use crate::support::{Client, MODERATE, NEVER, Polling, SHORT, Settings, TestServer};

fn beats(settings: &mut Settings) {
    settings.options.ping_interval = SHORT;
    settings.options.ping_timeout = NEVER;
}

fn impatient(settings: &mut Settings) {
    settings.options.ping_interval = SHORT;
    settings.options.ping_timeout = MODERATE;
}

#[tokio::test]
async fn a_websocket_is_pinged_every_interval_and_not_before_the_first() {
    let server = TestServer::with(beats);
    let mut before = Instant::now();
    let mut client = Client::engine(&server).await;
    for _ in 0..3 {
        assert_eq!(client.text().await, "2");
        let now = Instant::now();
        assert!(now - before >= SHORT, "{:?}", now - before);
        before = now;
        client.send("3").await;
    }
}

#[tokio::test]
async fn polling_is_pinged_every_interval_and_not_before_the_first() {
    let server = TestServer::with(beats);
    let mut before = Instant::now();
    let session = Polling::engine(&server).await;
    for _ in 0..3 {
        assert_eq!(session.poll().await.text(), "2");
        let now = Instant::now();
        assert!(now - before >= SHORT, "{:?}", now - before);
        before = now;
        assert_eq!(session.post("3").await.text(), "ok");
    }
}

#[tokio::test]
async fn with_a_long_interval_nothing_but_the_open_packet_comes_first() {
    let server = TestServer::start();
    let mut client = Client::engine(&server).await;
    client.send("4first").await;
    assert_eq!(client.text().await, "4first");
    let session = Polling::engine(&server).await;
    session.post("4first").await;
    assert_eq!(session.poll().await.text(), "4first");
}

#[tokio::test]
async fn a_websocket_that_does_not_answer_its_ping_is_closed() {
    let server = TestServer::with(impatient);
    let mut client = Client::engine(&server).await;
    assert_eq!(client.text().await, "2");
    assert_eq!(client.closed().await.0, 1008);
    assert_eq!(server.journal().end().await, End::Silent);
}

#[tokio::test]
async fn messages_are_no_answer_to_a_ping() {
    let server = TestServer::with(impatient);
    let mut client = Client::engine(&server).await;
    client.send("4hello").await;
    assert_eq!(client.text().await, "4hello");
    assert_eq!(client.text().await, "2");
    client.send("4hello").await;
    assert_eq!(client.text().await, "4hello");
    assert_eq!(client.closed().await.0, 1008);
}

#[tokio::test]
async fn a_poller_that_does_not_answer_its_ping_is_forgotten() {
    let server = TestServer::with(impatient);
    let session = Polling::engine(&server).await;
    assert_eq!(session.poll().await.text(), "2");
    assert_eq!(session.poll().await.text(), "1");
    assert_eq!(server.journal().end().await, End::Silent);
    assert_eq!(session.poll().await.status, 400);
}

#[tokio::test]
async fn a_poller_that_is_gone_is_forgotten() {
    let server = TestServer::with(impatient);
    let session = Polling::engine(&server).await;
    assert_eq!(server.journal().end().await, End::Silent);
    assert_eq!(session.poll().await.status, 400);
    server.connections_are(0).await;
}

#[tokio::test]
async fn who_answers_every_ping_stays() {
    let server = TestServer::with(|settings| {
        settings.options.ping_interval = Duration::from_millis(20);
        settings.options.ping_timeout = Duration::from_secs(5);
    });
    let mut client = Client::engine(&server).await;
    for _ in 0..10 {
        assert_eq!(client.text().await, "2");
        client.send("3").await;
    }
    client.send("4still here").await;
    while client.text().await != "4still here" {}
}

#[tokio::test]
async fn an_answer_that_waited_while_the_process_was_held_up_is_in_time() {
    let server = TestServer::with(impatient);
    let mut client = Client::engine(&server).await;
    for _ in 0..3 {
        assert_eq!(client.text().await, "2");
        client.send("3").await;
        // The runtime has one thread, so nothing else runs until the answer is overdue.
        let held_up = Instant::now() + 2 * MODERATE;
        while Instant::now() < held_up {
            std::hint::spin_loop();
        }
    }
    assert_eq!(client.text().await, "2");
}

#[tokio::test]
async fn a_client_of_protocol_4_does_not_ping() {
    let server = TestServer::start();
    let mut client = Client::engine(&server).await;
    client.send("2").await;
    assert_eq!(client.closed().await.0, 1002);
    let end = server.journal().end().await;
    assert!(
        matches!(end, End::Closed(Close { code: 1002, .. })),
        "{end}"
    );
}

#[tokio::test]
async fn sessions_of_socketio_have_the_same_heartbeat() {
    let server = TestServer::with(impatient);
    let mut client = Client::connect(&server, "/socket.io/?EIO=4&transport=websocket").await;
    client.text().await;
    let session = Polling::open(&server, "/socket.io/?EIO=4").await;
    for _ in 0..3 {
        assert_eq!(client.text().await, "2");
        client.send("3").await;
        assert_eq!(session.poll().await.text(), "2");
        assert_eq!(session.post("3").await.text(), "ok");
    }
    assert_eq!(client.text().await, "2");
    assert_eq!(client.closed().await.0, 1008);
    drop(client);
    server.connections_are(0).await;
    assert_eq!(session.poll().await.status, 400);
}
