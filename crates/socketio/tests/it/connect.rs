//! Connecting to namespaces, and leaving them.

use nile_socketio::{Close, End};
use serde_json::Value;

use crate::support::{Client, Entry, MODERATE, SHORT, TestServer};

/// A client that has opened its session and asked for nothing.
async fn client(server: &TestServer) -> Client {
    let mut client = Client::connect(server, "/socket.io/?EIO=4&transport=websocket").await;
    assert!(client.text().await.starts_with("0{"));
    client
}

#[tokio::test]
async fn who_asks_for_a_namespace_is_told_its_id_there() {
    let server = TestServer::start();
    let cases = [
        ("40", "40", "42[\"auth\",{}]"),
        (
            "40{\"token\":\"123\"}",
            "40",
            "42[\"auth\",{\"token\":\"123\"}]",
        ),
        ("40/custom,", "40/custom,", "42/custom,[\"auth\",{}]"),
        ("40/custom", "40/custom,", "42/custom,[\"auth\",{}]"),
        (
            "40/custom,{\"token\":\"abc\"}",
            "40/custom,",
            "42/custom,[\"auth\",{\"token\":\"abc\"}]",
        ),
    ];
    let mut sids = Vec::new();
    for (request, head, event) in cases {
        let mut client = client(&server).await;
        client.send(request).await;
        let answer = client.text().await;
        let body: Value = serde_json::from_str(answer.strip_prefix(head).unwrap()).unwrap();
        assert_eq!(body.as_object().unwrap().len(), 1, "{answer}");
        sids.push(body["sid"].as_str().unwrap().to_owned());
        assert_eq!(client.text().await, event);
    }
    sids.sort();
    sids.dedup();
    assert_eq!(sids.len(), cases.len(), "each has its own");
}

#[tokio::test]
async fn one_client_may_be_in_several_namespaces() {
    let server = TestServer::start();
    let mut client = Client::socketio(&server).await;
    client.send("40/custom,{\"as\":\"me\"}").await;
    assert!(client.text().await.starts_with("40/custom,{\"sid\":"));
    assert_eq!(client.text().await, "42/custom,[\"auth\",{\"as\":\"me\"}]");
    client.send("42/custom,[\"message\",1]").await;
    assert_eq!(client.text().await, "42/custom,[\"message-back\",1]");
    client.send("42[\"message\",2]").await;
    assert_eq!(client.text().await, "42[\"message-back\",2]");
}

#[tokio::test]
async fn an_unknown_namespace_is_refused_and_the_session_goes_on() {
    let server = TestServer::start();
    let mut client = client(&server).await;
    client.send("40/random").await;
    assert_eq!(
        client.text().await,
        "44/random,{\"message\":\"Invalid namespace\"}"
    );
    client.send("40").await;
    assert!(client.text().await.starts_with("40{"));
}

#[tokio::test]
async fn the_applications_reason_is_told() {
    let server = TestServer::start();
    let mut client = client(&server).await;
    client.send("40/closed,{}").await;
    assert_eq!(
        client.text().await,
        "44/closed,{\"message\":\"members \\\"only\\\"\"}"
    );
    client.send("42/closed,[\"message\"]").await;
    assert_eq!(client.closed().await.0, 1002, "it is not connected there");
}

#[tokio::test]
async fn what_comes_before_a_namespace_closes_the_connection() {
    let server = TestServer::start();
    for packet in [
        "4abc",
        "4",
        "42[\"message\"]",
        "431[]",
        "41",
        "44{}",
        "40abc",
        "40[]",
        "40\"x\"",
    ] {
        let mut client = client(&server).await;
        client.send(packet).await;
        assert_eq!(client.closed().await.0, 1002, "{packet}");
    }
    assert_eq!(server.journal().taken(), 0);
}

#[tokio::test]
async fn who_asks_for_no_namespace_in_time_is_closed() {
    let server = TestServer::with(|settings| settings.options.connect = SHORT);
    let mut silent = client(&server).await;
    assert_eq!(silent.closed().await.0, 1008);
    let mut refused = client(&server).await;
    refused.send("40/random").await;
    refused.text().await;
    assert_eq!(
        refused.closed().await.0,
        1008,
        "to be refused is not to be connected"
    );
}

#[tokio::test]
async fn who_is_connected_has_no_deadline() {
    let server = TestServer::with(|settings| settings.options.connect = MODERATE);
    let mut connected = Client::socketio(&server).await;
    let mut silent = client(&server).await;
    assert_eq!(silent.closed().await.0, 1008, "its deadline is later");
    connected.send("42[\"message\"]").await;
    assert_eq!(connected.text().await, "42[\"message-back\"]");
}

#[tokio::test]
async fn to_connect_twice_closes_the_connection() {
    let server = TestServer::start();
    let mut client = Client::socketio(&server).await;
    client.send("40").await;
    assert_eq!(client.closed().await.0, 1002);
}

#[tokio::test]
async fn who_leaves_the_main_namespace_stays_in_its_session() {
    let server = TestServer::with(|settings| settings.options.ping_interval = SHORT);
    let mut client = Client::socketio(&server).await;
    client.send("41").await;
    server
        .journal()
        .holds(&Entry::Disconnected(0, None), 1)
        .await;
    assert_eq!(client.text().await, "2", "the heartbeat goes on");
    client.send("3").await;
    client.send("40").await;
    while !client.text().await.starts_with("40{") {}
}

#[tokio::test]
async fn who_leaves_a_namespace_stays_in_the_others() {
    let server = TestServer::start();
    let mut client = Client::socketio(&server).await;
    client.send("40/custom").await;
    client.text().await;
    client.text().await;
    client.send("41/custom").await;
    client
        .send("42[\"message\",\"to the main namespace\"]")
        .await;
    assert_eq!(
        client.text().await,
        "42[\"message-back\",\"to the main namespace\"]"
    );
    server
        .journal()
        .holds(&Entry::Disconnected(1, None), 1)
        .await;
    client.send("42/custom,[\"message\"]").await;
    assert_eq!(client.closed().await.0, 1002);
}

#[tokio::test]
async fn the_end_of_the_connection_is_told_once_a_namespace() {
    let server = TestServer::start();
    let mut client = Client::socketio(&server).await;
    client.send("40/custom").await;
    client.text().await;
    client.text().await;
    client.leave().await;
    server.journal().holds(&Entry::Dropped, 1).await;
    let ends = [0, 1].map(|place| Entry::Disconnected(place, Some(End::Peer)));
    assert_eq!(
        server.journal().entries()[1..],
        [&ends[..], &[Entry::Dropped]].concat()
    );
}

#[tokio::test]
async fn an_event_to_a_namespace_that_does_not_exist_closes_the_connection() {
    let server = TestServer::start();
    let mut client = Client::socketio(&server).await;
    client.send("42/random,[\"message\"]").await;
    assert_eq!(client.closed().await.0, 1002);
    let end = server.journal().end().await;
    assert!(
        matches!(end, End::Closed(Close { code: 1002, .. })),
        "{end}"
    );
}
