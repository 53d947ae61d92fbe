//! Closing all connections at once, whatever each of them is doing.

use nile_socketio::{Close, End};
use tokio::time::Instant;

use crate::support::{
    Client, Entry, Polling, Raw, SHORT, Settings, TestServer, raw::handshake, within,
};

async fn close(server: &TestServer) {
    within("shutdown", server.connections.close(Close::GOING_AWAY)).await;
    assert_eq!(server.connections.count(), 0);
}

/// Only the time for closing is short.
fn hasty(settings: &mut Settings) {
    settings.bounds.close = SHORT;
    settings.send_buffer = Some(16 * 1024);
}

#[tokio::test]
async fn every_connection_is_told_and_waited_for() {
    let server = TestServer::start();
    let mut clients = Vec::new();
    for _ in 0..50 {
        clients.push(Client::socketio(&server).await);
    }
    assert_eq!(server.connections.count(), 50);
    let told = async {
        for mut client in clients {
            assert_eq!(client.closed().await, (1001, "going away".to_owned()));
        }
    };
    tokio::join!(close(&server), told);
    let end = Entry::Disconnected(0, Some(End::Closed(Close::GOING_AWAY)));
    assert_eq!(server.journal().count(|entry| *entry == end), 50);
    assert_eq!(server.journal().count(|entry| *entry == Entry::Dropped), 50);
}

#[tokio::test]
async fn without_connections_it_is_over_at_once() {
    let server = TestServer::start();
    close(&server).await;
}

#[tokio::test]
async fn who_comes_later_is_closed_at_once() {
    let server = TestServer::start();
    close(&server).await;
    let mut client = Client::connect(&server, "/socket.io/?EIO=4&transport=websocket").await;
    assert!(client.text().await.starts_with("0{"));
    assert_eq!(client.closed().await.0, 1001);
    drop(client);
    let session = Polling::open(&server, "/socket.io/?EIO=4").await;
    // Alone: clients drop what comes with it.
    assert_eq!(session.poll().await.text(), "1");
    close(&server).await;
}

#[tokio::test]
async fn a_peer_that_never_reads_does_not_hold_it_up() {
    let server = TestServer::with(hasty);
    let mut deaf = Client::narrow(&server).await;
    let flood = tokio::spawn(async move { deaf.flood("42[\"large\",10000]", 200_000).await });
    server
        .journal()
        .holds(&Entry::Taken("large 10000".to_owned()), 3)
        .await;
    let begin = Instant::now();
    close(&server).await;
    assert!(begin.elapsed() >= SHORT, "it had its time");
    assert!(flood.await.unwrap().is_err());
    server.journal().holds(&Entry::Dropped, 1).await;
}

#[tokio::test]
async fn a_peer_that_answers_nothing_does_not_hold_it_up() {
    let server = TestServer::with(hasty);
    let _silent = Raw::connect(&server, "/ws").await;
    close(&server).await;
}

#[tokio::test]
async fn a_peer_that_never_polls_does_not_hold_it_up() {
    let server = TestServer::with(hasty);
    let session = Polling::socketio(&server).await;
    session.post("42[\"message\"]").await;
    close(&server).await;
    server.journal().holds(&Entry::Dropped, 1).await;
    assert_eq!(session.poll().await.status, 400);
}

#[tokio::test]
async fn work_that_does_not_end_does_not_hold_it_up() {
    let server = TestServer::with(hasty);
    let mut client = Client::socketio(&server).await;
    client.send("42[\"alone\",1]").await;
    let job = server.job().await;
    close(&server).await;
    job.finish();
    server.journal().holds(&Entry::Dropped, 1).await;
    assert_eq!(
        server
            .journal()
            .count(|entry| matches!(entry, Entry::Completed(_))),
        0
    );
}

#[tokio::test]
async fn a_handshake_that_is_not_answered_does_not_hold_it_up() {
    let server = TestServer::with(hasty);
    let half = handshake("/ws");
    let _half = server.dial(&half[..half.len() - 2]).await;
    close(&server).await;
}
