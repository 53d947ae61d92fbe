//! Engine.IO 3: what clients of Socket.IO 1 and 2 speak.

use nile_socketio::{Close, End};
use tokio::time::Instant;

use crate::support::{Client, Entry, MODERATE, Polling, SHORT, TestServer};

async fn socket(server: &TestServer, path: &str) -> Client {
    let mut client = Client::connect(server, &format!("{path}?EIO=3&transport=websocket")).await;
    assert!(client.text().await.starts_with("0{"));
    client
}

/// A client of the desk, which is connected without having asked.
async fn connected(server: &TestServer) -> Client {
    let mut client = socket(server, "/socket.io/").await;
    assert_eq!(client.text().await, "40");
    assert_eq!(client.text().await, "42[\"auth\",{}]");
    client
}

#[tokio::test]
async fn a_client_is_connected_to_the_main_namespace_at_once() {
    let server = TestServer::start();
    let mut client = connected(&server).await;
    client.send("40").await;
    client.send("427[\"message\",1]").await;
    assert_eq!(
        client.text().await,
        "437[1]",
        "to ask for it again changes nothing"
    );
}

#[tokio::test]
async fn over_polling_the_first_payload_says_that_it_is_connected() {
    let server = TestServer::start();
    let answer = server.get("/socket.io/?EIO=3&transport=polling").await;
    let (length, rest) = answer.text().split_once(':').unwrap();
    let (open, rest) = rest.split_at(length.parse().unwrap());
    assert!(open.starts_with("0{") && open.ends_with('}'), "{open}");
    assert_eq!(rest, "2:4013:42[\"auth\",{}]");
}

#[tokio::test]
async fn a_client_pings_and_is_answered_with_what_it_sent() {
    let server = TestServer::start();
    let mut client = socket(&server, "/engine.io/").await;
    client.send("2").await;
    assert_eq!(client.text().await, "3");
    client.send("2probe").await;
    assert_eq!(client.text().await, "3probe");
    let session = Polling::open(&server, "/engine.io/?EIO=3").await;
    assert_eq!(session.post("1:26:2probe").await.text(), "ok");
    assert_eq!(session.poll().await.text(), "1:36:3probe");
}

#[tokio::test]
async fn who_pings_stays_and_is_never_pinged() {
    let patience = 3 * MODERATE;
    let server = TestServer::with(|settings| {
        settings.options.ping_interval = SHORT;
        settings.options.ping_timeout = patience;
    });
    let mut client = socket(&server, "/engine.io/").await;
    let (begin, mut pace) = (Instant::now(), tokio::time::interval(SHORT / 3));
    while begin.elapsed() < patience + 4 * SHORT {
        pace.tick().await;
        client.send("2").await;
        assert_eq!(client.text().await, "3");
    }
}

#[tokio::test]
async fn who_is_silent_is_closed() {
    let server = TestServer::with(|settings| {
        settings.options.ping_interval = SHORT;
        settings.options.ping_timeout = MODERATE;
    });
    let begin = Instant::now();
    let mut client = socket(&server, "/engine.io/").await;
    assert_eq!(client.closed().await.0, 1008);
    assert!(begin.elapsed() >= SHORT + MODERATE);
    assert_eq!(server.journal().end().await, End::Silent);
    let session = Polling::open(&server, "/engine.io/?EIO=3").await;
    assert_eq!(session.poll().await.text(), "1:1");
    assert_eq!(session.poll().await.status, 400);
}

#[tokio::test]
async fn a_pong_of_a_client_is_refused() {
    let server = TestServer::start();
    let mut client = socket(&server, "/engine.io/").await;
    client.send("3").await;
    assert_eq!(client.closed().await.0, 1002);
}

#[tokio::test]
async fn refusals_of_namespaces_are_strings() {
    let server = TestServer::start();
    let mut client = connected(&server).await;
    client.send("40/random,").await;
    assert_eq!(client.text().await, "44/random,\"Invalid namespace\"");
    client.send("40/closed").await;
    assert_eq!(client.text().await, "44/closed,\"members \\\"only\\\"\"");
}

#[tokio::test]
async fn another_namespace_is_asked_for_by_name_and_query() {
    let server = TestServer::start();
    let mut client = connected(&server).await;
    client.send("40/custom?token=abc").await;
    assert_eq!(client.text().await, "40/custom,");
    assert_eq!(client.text().await, "42/custom,[\"auth\",{}]");
    client.send("42/custom,7[\"message\",1]").await;
    assert_eq!(client.text().await, "43/custom,7[1]");
    client.send("41/custom,").await;
    server
        .journal()
        .holds(&Entry::Disconnected(1, None), 1)
        .await;
    client.send("42[\"message\",2]").await;
    assert_eq!(client.text().await, "42[\"message-back\",2]");
}

#[tokio::test]
async fn bytes_on_a_websocket_have_their_type_in_front() {
    let server = TestServer::start();
    let mut client = socket(&server, "/engine.io/").await;
    client.send_bytes(&[4, 1, 2, 3]).await;
    assert_eq!(client.bytes().await, [4, 1, 2, 3]);
    client.send("b4AQID").await;
    assert_eq!(
        client.bytes().await,
        [4, 1, 2, 3],
        "base64 is understood as well"
    );
    client.send_bytes(&[4]).await;
    assert_eq!(client.bytes().await, [4], "a message may be empty");
}

#[tokio::test]
async fn bytes_of_another_type_are_refused() {
    for bytes in [&[][..], &[1, 2, 3], &[b'4', 1]] {
        let server = TestServer::start();
        let mut client = socket(&server, "/engine.io/").await;
        client.send_bytes(bytes).await;
        assert_eq!(client.closed().await.0, 1002, "{bytes:?}");
    }
    for text in ["b", "b4!", "b2AQID", "b4A"] {
        let server = TestServer::start();
        let mut client = socket(&server, "/engine.io/").await;
        client.send(text).await;
        assert_eq!(client.closed().await.0, 1002, "{text}");
    }
}

#[tokio::test]
async fn who_cannot_take_bytes_gets_base64() {
    let server = TestServer::start();
    let target = "/engine.io/?EIO=3&transport=websocket&b64=1";
    let mut client = Client::connect(&server, target).await;
    client.text().await;
    client.send("b4AQID").await;
    assert_eq!(client.text().await, "b4AQID");

    let session = Polling::open(&server, "/engine.io/?EIO=3&b64=1").await;
    assert_eq!(session.post("6:b4AQID2:4x").await.text(), "ok");
    let polled = session.poll().await;
    assert!(polled.head.contains("content-type: text/plain"));
    assert_eq!(polled.text(), "6:b4AQID2:4x");
}

#[tokio::test]
async fn bytes_make_a_payload_binary() {
    let server = TestServer::start();
    let session = Polling::open(&server, "/engine.io/?EIO=3").await;
    let payload = [
        &[0, 4, 255][..],
        "4\u{20ac}".as_bytes(),
        &[1, 3, 255, 4, 1, 2],
        &[0, 1, 2, 255],
        b"4eleven byte",
    ]
    .concat();
    assert_eq!(session.post_bytes(&payload).await.text(), "ok");
    let polled = session.poll().await;
    assert!(
        polled
            .head
            .contains("content-type: application/octet-stream")
    );
    assert_eq!(polled.body, payload);

    let more = session.post("2:4x").await;
    assert_eq!(more.text(), "ok", "the kind is said with each body");
    assert_eq!(session.poll().await.text(), "2:4x");
}

#[tokio::test]
async fn lengths_count_utf16_units() {
    let server = TestServer::start();
    let session = Polling::open(&server, "/engine.io/?EIO=3").await;
    // One unit for the type, one for the euro, two for each face.
    let payload = "6:4\u{20ac}\u{1f600}\u{1f601}2:4x1:4";
    assert_eq!(session.post(payload).await.text(), "ok");
    assert_eq!(session.poll().await.text(), payload);
}

#[tokio::test]
async fn a_body_that_is_no_payload_ends_the_session() {
    let texts = [
        "4hello",
        "9:4hello",
        "-1:4",
        ":4",
        "2:4\u{1f600}",
        "2:4x1",
        "99999999999:4",
        "0:",
    ];
    let binaries: [&[u8]; 5] = [
        &[1],
        &[1, 255, 4],
        &[1, 9, 255, 4],
        &[2, 1, 255, 4],
        &[0, 1, 255, 255],
    ];
    for text in texts {
        let server = TestServer::start();
        let session = Polling::open(&server, "/engine.io/?EIO=3").await;
        assert_eq!(session.post(text).await.status, 400, "{text}");
        assert_eq!(session.poll().await.status, 400, "{text}");
        let end = server.journal().end().await;
        assert!(
            matches!(end, End::Closed(Close { code: 1002, .. })),
            "{end}"
        );
    }
    for binary in binaries {
        let server = TestServer::start();
        let session = Polling::open(&server, "/engine.io/?EIO=3").await;
        assert_eq!(session.post_bytes(binary).await.status, 400, "{binary:?}");
        assert_eq!(session.poll().await.status, 400, "{binary:?}");
    }
}

#[tokio::test]
async fn a_session_changes_to_a_websocket() {
    let server = TestServer::start();
    let session = Polling::open(&server, "/engine.io/?EIO=3").await;
    let target = session.target.replace("polling", "websocket");
    let mut client = Client::connect(&server, &target).await;
    client.send("2probe").await;
    assert_eq!(client.text().await, "3probe");
    assert_eq!(session.poll().await.text(), "1:6");
    client.send("5").await;
    client.send("2").await;
    assert_eq!(client.text().await, "3");
    client.send_bytes(&[4, 9]).await;
    assert_eq!(client.bytes().await, [4, 9]);
}

#[tokio::test]
async fn events_with_attachments_go_both_ways() {
    let server = TestServer::start();
    let mut client = connected(&server).await;
    client
        .send("451-7[\"message\",{\"_placeholder\":true,\"num\":0}]")
        .await;
    client.send_bytes(&[4, 1, 2]).await;
    assert_eq!(
        client.text().await,
        "461-7[{\"_placeholder\":true,\"num\":0}]"
    );
    assert_eq!(client.bytes().await, [4, 1, 2]);
}
