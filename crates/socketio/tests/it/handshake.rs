//! How an Engine.IO session begins, and what is refused there.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{
    Client, Entry, Polling, Raw, TestServer,
    raw::{handshake, text},
};

fn check_open_packet(packet: &str, upgrades: &Value) {
    let mut open: Value = serde_json::from_str(packet.strip_prefix('0').unwrap()).unwrap();
    let sid = open["sid"].take();
    assert!(sid.as_str().unwrap().len() >= 20, "{sid} can be guessed");
    let expected = json!({
        "sid": null,
        "upgrades": upgrades,
        "pingInterval": 25_000,
        "pingTimeout": 20_000,
        "maxPayload": 1_000_000,
    });
    assert_eq!(open, expected);
}

fn server() -> TestServer {
    TestServer::with(|settings| {
        settings.options.ping_interval = Duration::from_secs(25);
        settings.options.ping_timeout = Duration::from_secs(20);
    })
}

#[tokio::test]
async fn polling_opens_a_session_that_may_be_upgraded() {
    let server = server();
    let answer = server.get("/engine.io/?EIO=4&transport=polling").await;
    assert_eq!(answer.status, 200);
    assert!(
        answer
            .head
            .contains("content-type: text/plain; charset=utf-8")
    );
    assert!(answer.head.contains("cache-control: no-store"));
    check_open_packet(answer.text(), &json!(["websocket"]));
}

#[tokio::test]
async fn a_websocket_opens_a_session_that_has_nothing_to_upgrade_to() {
    let server = server();
    let mut client = Client::connect(&server, "/engine.io/?EIO=4&transport=websocket").await;
    check_open_packet(&client.text().await, &json!([]));
}

#[tokio::test]
async fn every_session_has_an_id_of_its_own() {
    let server = TestServer::start();
    let first = Polling::engine(&server).await;
    let second = Polling::engine(&server).await;
    assert_ne!(first.sid, second.sid);
}

#[tokio::test]
async fn what_is_no_handshake_is_refused_with_the_protocols_numbers() {
    let server = TestServer::start();
    let cases = [
        ("GET", "transport=polling", 5),
        ("GET", "EIO=abc&transport=polling", 5),
        ("GET", "EIO=2&transport=polling", 5),
        ("GET", "EIO=5&transport=polling", 5),
        ("GET", "EIO=&transport=polling", 5),
        ("GET", "EIO=4", 0),
        ("GET", "EIO=4&transport=abc", 0),
        ("GET", "EIO=4&transport=", 0),
        ("GET", "", 0),
        ("POST", "EIO=4&transport=polling", 2),
        ("PUT", "EIO=4&transport=polling", 2),
        ("DELETE", "EIO=4&transport=polling&sid=unknown", 2),
        ("POST", "EIO=4&transport=websocket", 2),
        ("GET", "EIO=4&transport=polling&sid=unknown", 1),
        ("POST", "EIO=4&transport=polling&sid=unknown", 1),
        ("GET", "EIO=4&transport=polling&sid=", 1),
        ("GET", "EIO=4&transport=polling&j=0", 3),
        ("GET", "EIO=3&transport=polling&j=12", 3),
    ];
    for path in ["/engine.io/", "/socket.io/"] {
        for (method, query, code) in cases {
            let answer = server
                .request(method, &format!("{path}?{query}"), b"")
                .await;
            assert_eq!(answer.status, 400, "{method} {query}");
            assert!(answer.head.contains("content-type: application/json"));
            let body: Value = serde_json::from_slice(&answer.body).unwrap();
            assert_eq!(body["code"], code, "{method} {query}: {body}");
            assert!(body["message"].is_string());
        }
    }
    assert_eq!(server.journal().entries(), [], "nobody was let in");
}

#[tokio::test]
async fn a_websocket_with_such_a_query_is_refused() {
    let server = TestServer::start();
    for query in [
        "transport=websocket",
        "EIO=abc&transport=websocket",
        "EIO=4",
        "EIO=4&transport=abc",
    ] {
        for path in ["/engine.io/", "/socket.io/"] {
            let stream = server.dial(b"").await;
            let refused = Client::on(stream, &format!("{path}?{query}")).await;
            assert_eq!(refused.err(), Some(400), "{query}");
        }
    }
    assert_eq!(server.connections.count(), 0);
}

#[tokio::test]
async fn a_request_that_asks_for_no_websocket_is_told_what_to_ask_for() {
    let server = TestServer::start();
    let answer = server.get("/engine.io/?EIO=4&transport=websocket").await;
    assert_eq!(answer.status, 426);
    assert!(answer.head.contains("upgrade: websocket"));
    assert!(answer.head.contains("sec-websocket-version: 13"));

    let right = String::from_utf8(handshake("/ws")).unwrap();
    let wrong = [
        ("sec-websocket-version: 13", "sec-websocket-version: 8"),
        ("upgrade: websocket", "upgrade: smoke-signals"),
        ("connection: Upgrade", "connection: close"),
    ];
    for (from, to) in wrong {
        let request = right
            .replace(from, to)
            .replace("host: test", "host: test\r\nconnection: close");
        let answer = server.send(request.as_bytes()).await;
        assert!((400..500).contains(&answer.status), "{to}: {answer:?}");
    }
}

#[tokio::test]
async fn what_came_in_one_segment_with_the_handshake_is_not_lost() {
    let server = TestServer::start();
    let behind = [text("one"), text("two")].concat();
    let mut raw = Raw::with(&server, "/ws", &behind).await;
    assert_eq!(raw.text().await, "one");
    assert_eq!(raw.text().await, "two");
}

#[tokio::test]
async fn the_applications_refusal_is_what_the_peer_gets() {
    let server = TestServer::start();
    let answer = server
        .get("/socket.io/?EIO=4&transport=polling&unwelcome")
        .await;
    assert_eq!((answer.status, answer.text()), (403, "unwelcome"));
    let stream = server.dial(b"").await;
    let refused = Client::on(stream, "/socket.io/?EIO=4&transport=websocket&unwelcome").await;
    assert_eq!(refused.err(), Some(403));
    assert_eq!(server.connections.count(), 0);
    assert_eq!(server.journal().count(|entry| *entry == Entry::Opened), 0);
}
