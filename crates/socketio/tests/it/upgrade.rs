//! The change of a session from polling to a WebSocket, and what is refused while and after it.

use nile_socketio::{Close, End};

use crate::support::{Client, Entry, Polling, SHORT, Settings, TestServer, within};

async fn socket(server: &TestServer, session: &Polling<'_>) -> Client {
    let target = session.target.replace("polling", "websocket");
    Client::connect(server, &target).await
}

/// A session that has changed, and its socket.
async fn upgraded(server: &TestServer) -> (Polling<'_>, Client) {
    let session = Polling::engine(server).await;
    let mut client = socket(server, &session).await;
    client.send("2probe").await;
    assert_eq!(client.text().await, "3probe");
    client.send("5").await;
    client.send("4now here").await;
    assert_eq!(client.text().await, "4now here");
    (session, client)
}

#[tokio::test]
async fn a_session_changes_to_a_websocket() {
    let server = TestServer::start();
    let session = Polling::engine(&server).await;
    let mut client = socket(&server, &session).await;
    client.send("2probe").await;
    assert_eq!(client.text().await, "3probe");
    assert_eq!(
        session.poll().await.text(),
        "6",
        "polls end, so that it can change"
    );
    client.send("5").await;
    client.send("4hello").await;
    assert_eq!(client.text().await, "4hello");
    client.send_bytes(&[1, 2]).await;
    assert_eq!(client.bytes().await, [1, 2]);
    assert_eq!(
        server.journal().count(|entry| *entry == Entry::Opened),
        1,
        "it is one session"
    );
}

#[tokio::test]
async fn a_poll_that_waits_is_ended_by_the_probe() {
    let server = TestServer::start();
    let session = Polling::engine(&server).await;
    let mut client = socket(&server, &session).await;
    let probe = async {
        server.requests(3).await;
        client.send("2probe").await;
        client.text().await
    };
    let (polled, probed) = tokio::join!(session.poll(), probe);
    assert_eq!((polled.text(), &*probed), ("6", "3probe"));
}

#[tokio::test]
async fn what_waits_for_a_poll_goes_to_the_websocket_in_order() {
    let server = TestServer::start();
    let session = Polling::engine(&server).await;
    session.post("4one\u{1e}bAgM=").await;
    let mut client = socket(&server, &session).await;
    client.send("2probe").await;
    assert_eq!(client.text().await, "3probe");
    session.post("4three").await;
    client.send("5").await;
    client.send("4four").await;
    assert_eq!(client.text().await, "4one");
    assert_eq!(client.bytes().await, [2, 3]);
    assert_eq!(client.text().await, "4three");
    assert_eq!(client.text().await, "4four");
}

#[tokio::test]
async fn work_under_way_is_answered_on_the_websocket() {
    let server = TestServer::start();
    let session = Polling::socketio(&server).await;
    session.post("421[\"later\",1]\u{1e}422[\"later\",2]").await;
    let mut client = socket(&server, &session).await;
    client.send("2probe").await;
    assert_eq!(client.text().await, "3probe");
    client.send("5").await;
    client.send("423[\"message\",3]").await;
    assert_eq!(client.text().await, "433[3]", "it waits for nothing");
    let (first, second) = (server.job().await, server.job().await);
    second.finish();
    first.finish();
    assert_eq!(client.text().await, "431[1]");
    assert_eq!(client.text().await, "432[2]");
}

#[tokio::test]
async fn http_knows_nothing_of_a_session_that_has_changed() {
    let server = TestServer::start();
    let (session, mut client) = upgraded(&server).await;
    assert_eq!(session.poll().await.status, 400);
    assert_eq!(session.post("4hello").await.status, 400);
    client.send("4hello").await;
    assert_eq!(client.text().await, "4hello");
}

#[tokio::test]
async fn http_knows_nothing_of_it_from_the_very_packet_that_changes_it() {
    let server = TestServer::start();
    let session = Polling::engine(&server).await;
    let mut client = socket(&server, &session).await;
    client.send_all(["2probe", "5"].map(str::to_owned)).await;
    assert_eq!(session.poll().await.status, 400);
    let mut second = socket(&server, &session).await;
    assert_eq!(second.closed().await.0, 1008);
    client.send("4hello").await;
    assert_eq!(client.text().await, "3probe");
    assert_eq!(client.text().await, "4hello");
}

#[tokio::test]
async fn a_session_changes_once() {
    let server = TestServer::start();
    let (session, mut client) = upgraded(&server).await;
    let mut second = socket(&server, &session).await;
    assert_eq!(second.closed().await.0, 1008);
    client.send("4hello").await;
    assert_eq!(client.text().await, "4hello");
}

#[tokio::test]
async fn a_session_changes_to_one_socket_at_a_time() {
    let server = TestServer::start();
    let session = Polling::engine(&server).await;
    let mut first = socket(&server, &session).await;
    first.send("2probe").await;
    assert_eq!(first.text().await, "3probe");
    let mut second = socket(&server, &session).await;
    assert_eq!(second.closed().await.0, 1008);
    first.send("5").await;
    first.send("4hello").await;
    assert_eq!(first.text().await, "4hello");
}

#[tokio::test]
async fn a_socket_for_no_session_is_closed() {
    let server = TestServer::start();
    let target = "/engine.io/?EIO=4&transport=websocket&sid=unknown";
    let mut client = Client::connect(&server, target).await;
    assert_eq!(
        client.closed().await,
        (1008, "Session ID unknown".to_owned())
    );
}

#[tokio::test]
async fn a_session_that_began_on_a_websocket_cannot_be_named() {
    let server = TestServer::start();
    let mut client = Client::connect(&server, "/engine.io/?EIO=4&transport=websocket").await;
    let open = client.text().await;
    let open: serde_json::Value = serde_json::from_str(&open[1..]).unwrap();
    let sid = open["sid"].as_str().unwrap();
    let polled = server
        .get(&format!("/engine.io/?EIO=4&transport=polling&sid={sid}"))
        .await;
    assert_eq!(polled.status, 400);
    let target = format!("/engine.io/?EIO=4&transport=websocket&sid={sid}");
    let mut thief = Client::connect(&server, &target).await;
    assert_eq!(thief.closed().await.0, 1008);
    client.send("4hello").await;
    assert_eq!(client.text().await, "4hello");
}

#[tokio::test]
async fn after_a_probe_that_failed_polling_goes_on_and_may_change_again() {
    let server = TestServer::start();
    let session = Polling::engine(&server).await;
    for wrong in ["4hello", "2", "5", "2probes"] {
        let mut client = socket(&server, &session).await;
        client.send(wrong).await;
        client.broken().await;
        server.connections_are(1).await;
    }
    let mut client = socket(&server, &session).await;
    client.send("2probe").await;
    assert_eq!(client.text().await, "3probe");
    drop(client);
    server.connections_are(1).await;

    let push = async {
        server.requests(7).await;
        server.push("4news").unwrap();
    };
    let (polled, ()) = tokio::join!(session.poll(), push);
    assert_eq!(polled.text(), "4news", "polls wait again");
    let mut client = socket(&server, &session).await;
    client.send("2probe").await;
    assert_eq!(client.text().await, "3probe");
    client.send("5").await;
    client.send("4hello").await;
    assert_eq!(client.text().await, "4hello");
}

fn hasty(settings: &mut Settings) {
    settings.options.upgrade = SHORT;
}

#[tokio::test]
async fn a_probe_that_takes_too_long_fails() {
    let server = TestServer::with(hasty);
    let session = Polling::engine(&server).await;
    let mut silent = socket(&server, &session).await;
    silent.broken().await;
    let mut half = socket(&server, &session).await;
    half.send("2probe").await;
    half.broken().await;
    session.post("4hello").await;
    // A noop that the probe caused may come first.
    while session.poll().await.text() != "4hello" {}
}

#[tokio::test]
async fn a_probe_that_stalls_does_not_outlive_its_session() {
    let server = TestServer::start();
    let session = Polling::engine(&server).await;
    let mut silent = socket(&server, &session).await;
    server.connections_are(2).await;
    session.post("1").await;
    silent.broken().await;
    server.connections_are(0).await;
}

#[tokio::test]
async fn a_probe_that_stalls_does_not_hold_up_the_shutdown() {
    let server = TestServer::with(|settings| settings.bounds.close = SHORT);
    let session = Polling::engine(&server).await;
    let _silent = socket(&server, &session).await;
    server.connections_are(2).await;
    within("shutdown", server.connections.close(Close::GOING_AWAY)).await;
}

#[tokio::test]
async fn the_end_of_a_changed_session_is_seen() {
    let server = TestServer::start();
    let (_, client) = upgraded(&server).await;
    client.leave().await;
    assert_eq!(server.journal().end().await, End::Peer);
    server.connections_are(0).await;
}

#[tokio::test]
async fn the_application_hears_of_the_change() {
    let server = TestServer::start();
    let (_, mut client) = upgraded(&server).await;
    assert_eq!(server.journal().count(|entry| *entry == Entry::Upgraded), 1);
    client.send("4hello").await;
    assert_eq!(client.text().await, "4hello");
}

#[tokio::test]
async fn a_change_that_the_application_refuses_closes_the_connection_with_its_reason() {
    let server = TestServer::start();
    let session = Polling::open(&server, "/socket.io/?EIO=4&homely").await;
    session.post("40").await;
    session.poll().await;
    let mut client = socket(&server, &session).await;
    client.send("2probe").await;
    assert_eq!(client.text().await, "3probe");
    client.send("5").await;
    assert_eq!(client.closed().await, (1008, "homely".to_owned()));
    assert_eq!(
        server.journal().end().await,
        End::Closed(Close::policy("homely"))
    );
    drop(client);
    server.journal().holds(&Entry::Dropped, 1).await;
    server.connections_are(0).await;
    assert_eq!(session.poll().await.status, 400);
}
