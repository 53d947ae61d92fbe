//! What a panic, or a peer that leaves at the wrong moment, does to the others: nothing.

use nile_socketio::{Close, Refused, encode_event};

use crate::support::{
    Client, Entry, Polling, SHORT, TestServer, http::request, raw::handshake, within,
};

#[tokio::test]
async fn a_panic_ends_its_connection_and_no_other() {
    let server = TestServer::start();
    let mut other = Client::socketio(&server).await;
    let mut unlucky = Client::socketio(&server).await;
    let outbox = server.outbox(1);
    unlucky.send("42[\"panic\"]").await;
    unlucky.broken().await;
    server.connections_are(1).await;
    assert_eq!(server.journal().count(|entry| *entry == Entry::Dropped), 1);
    let late = outbox.push(encode_event("/", "late", &[], None));
    assert_eq!(late, Err(Refused::Closed), "nobody would read it");
    other.send("42[\"message\"]").await;
    assert_eq!(other.text().await, "42[\"message-back\"]");
    let mut next = Client::socketio(&server).await;
    next.send("42[\"message\"]").await;
    assert_eq!(next.text().await, "42[\"message-back\"]");
}

#[tokio::test]
async fn a_panic_over_polling_ends_its_session_and_no_other() {
    let server = TestServer::start();
    let other = Polling::socketio(&server).await;
    let unlucky = Polling::socketio(&server).await;
    assert_eq!(unlucky.post("42[\"panic\"]").await.status, 400);
    assert_eq!(unlucky.poll().await.status, 400);
    server.connections_are(1).await;
    assert_eq!(server.journal().count(|entry| *entry == Entry::Dropped), 1);
    other.post("42[\"message\"]").await;
    assert_eq!(other.poll().await.text(), "42[\"message-back\"]");
}

#[tokio::test]
async fn a_panic_does_not_hold_up_the_shutdown() {
    let server = TestServer::start();
    let mut unlucky = Client::socketio(&server).await;
    unlucky.send("42[\"panic\"]").await;
    unlucky.broken().await;
    let close = server.connections.close(Close::GOING_AWAY);
    within("shutdown", close).await;
}

#[tokio::test]
async fn a_peer_that_leaves_while_it_is_let_in_leaves_nothing() {
    let server = TestServer::start();
    let targets = [
        "/ws",
        "/engine.io/?EIO=4&transport=websocket",
        "/socket.io/?EIO=3&transport=websocket",
    ];
    for (number, target) in targets.into_iter().enumerate() {
        drop(server.dial(&handshake(target)).await);
        server.journal().holds(&Entry::Dropped, number + 1).await;
        server.connections_are(0).await;
    }
}

#[tokio::test]
async fn a_peer_that_leaves_in_its_handshake_was_never_there() {
    let server = TestServer::start();
    let whole = handshake("/ws");
    for at in [0, 1, whole.len() / 2, whole.len() - 1] {
        drop(server.dial(&whole[..at]).await);
    }
    server.http_is_over().await;
    assert_eq!(server.journal().entries(), []);
    assert_eq!(server.connections.count(), 0);
}

#[tokio::test]
async fn a_poller_that_leaves_while_it_is_let_in_is_forgotten_in_time() {
    let server = TestServer::with(|settings| {
        settings.options.ping_interval = SHORT;
        settings.bounds.write = SHORT;
    });
    let target = "/socket.io/?EIO=4&transport=polling";
    drop(server.dial(&request("GET", target, "", b"")).await);
    server.journal().holds(&Entry::Opened, 1).await;
    server.journal().holds(&Entry::Dropped, 1).await;
    server.connections_are(0).await;
}
