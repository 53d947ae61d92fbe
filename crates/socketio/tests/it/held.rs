//! What a request holds is held as long as the WebSocket lives which it becomes.

use nile_socketio::Close;

use crate::support::{Client, Polling, Raw, SHORT, TestServer};

#[tokio::test]
async fn a_websocket_holds_it_until_its_end() {
    let server = TestServer::start();
    for target in ["/ws", "/engine.io/?EIO=4&transport=websocket"] {
        let raw = Raw::connect(&server, target).await;
        server.connections_are(1).await;
        server.held_is(1).await;
        let mut client = Client::connect(&server, target).await;
        server.held_is(2).await;
        drop(raw);
        server.held_is(1).await;
        client.send("1").await;
        client.leave().await;
        server.held_is(0).await;
    }
}

#[tokio::test]
async fn it_is_held_through_the_closing_handshake() {
    let server = TestServer::start();
    let mut raw = Raw::connect(&server, "/ws").await;
    server.outbox(0).close(Close::GOING_AWAY);
    assert_eq!(raw.close_frame().await.0, 1001);
    server.held_is(1).await;
    drop(raw);
    server.held_is(0).await;
}

#[tokio::test]
async fn polling_holds_nothing_between_requests() {
    let server = TestServer::start();
    let session = Polling::socketio(&server).await;
    session.post("42[\"message\"]").await;
    server.held_is(0).await;
}

#[tokio::test]
async fn a_session_that_has_changed_holds_it() {
    let server = TestServer::start();
    let session = Polling::engine(&server).await;
    let target = session.target.replace("polling", "websocket");
    let mut client = Client::connect(&server, &target).await;
    server.held_is(1).await;
    client.send("2probe").await;
    client.send("5").await;
    client.send("4hello").await;
    assert_eq!(client.text().await, "3probe");
    assert_eq!(client.text().await, "4hello");
    server.held_is(1).await;
    client.leave().await;
    server.held_is(0).await;
}

#[tokio::test]
async fn a_probe_that_fails_gives_it_back() {
    let server = TestServer::with(|settings| settings.options.upgrade = SHORT);
    let session = Polling::engine(&server).await;
    let target = session.target.replace("polling", "websocket");
    let mut silent = Client::connect(&server, &target).await;
    silent.broken().await;
    server.held_is(0).await;
    let unknown = target.replace("sid=", "sid=x");
    let mut lost = Client::connect(&server, &unknown).await;
    assert_eq!(lost.closed().await.0, 1008);
    drop(lost);
    server.held_is(0).await;
}
