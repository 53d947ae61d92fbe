//! How connections end: the closing handshake, and what each side learns of it.

use nile_socketio::{Close, End};
use tokio::io::AsyncWriteExt;

use crate::support::{
    Client, Entry, Raw, SHORT, Settings, TestServer,
    raw::{CLOSE, FIN, TEXT, frame, text},
};

#[tokio::test]
async fn a_peer_that_closes_is_answered_with_a_close() {
    for code in [1000_u16, 1001, 1003, 1007, 1011, 1013, 3000, 4999] {
        let server = TestServer::start();
        let mut raw = Raw::connect(&server, "/ws").await;
        let payload = [&code.to_be_bytes()[..], b"bye"].concat();
        raw.send(
            &[
                text("last words"),
                frame(FIN | CLOSE, &payload),
                text("unheard"),
            ]
            .concat(),
        )
        .await;
        assert_eq!(raw.text().await, "last words");
        assert_eq!(raw.close_frame().await, (1000, String::new()), "{code}");
        assert_eq!(raw.frame().await, None);
        assert_eq!(server.journal().end().await, End::Peer);
        assert_eq!(server.journal().taken(), 1);
        drop(raw);
        server.connections_are(0).await;
    }
}

#[tokio::test]
async fn a_close_without_a_code_is_answered_too() {
    let server = TestServer::start();
    let mut raw = Raw::connect(&server, "/ws").await;
    raw.send(&frame(FIN | CLOSE, b"")).await;
    assert_eq!(raw.close_frame().await.0, 1000);
    assert_eq!(server.journal().end().await, End::Peer);
}

#[tokio::test]
async fn a_peer_that_just_leaves_has_left() {
    let server = TestServer::start();
    let mut raw = Raw::connect(&server, "/ws").await;
    raw.send(&frame(TEXT, b"half a message")).await;
    drop(raw);
    assert_eq!(server.journal().end().await, End::Peer);
    server.journal().holds(&Entry::Dropped, 1).await;
    server.connections_are(0).await;
}

#[tokio::test]
async fn an_engine_close_packet_ends_the_session() {
    let server = TestServer::start();
    let mut client = Client::engine(&server).await;
    client.send("1").await;
    assert_eq!(client.closed().await.0, 1000);
    drop(client);
    assert_eq!(server.journal().end().await, End::Peer);
    server.connections_are(0).await;
}

#[tokio::test]
async fn an_invalid_engine_packet_closes_the_websocket() {
    for packet in ["abc", "", "0{}", "7", "b!"] {
        let server = TestServer::start();
        let mut client = Client::engine(&server).await;
        client.send(packet).await;
        assert_eq!(client.closed().await.0, 1002, "{packet}");
        let end = server.journal().end().await;
        assert!(
            matches!(end, End::Closed(Close { code: 1002, .. })),
            "{end}"
        );
    }
}

#[tokio::test]
async fn a_message_that_is_too_large_closes_with_1009() {
    let server = TestServer::with(|settings| settings.bounds.max_message = 1000);
    let mut client = Client::socketio(&server).await;
    let event = format!("42[\"message\",\"{:x<984}\"]", "");
    assert_eq!(event.len(), 1000);
    client.send(&event).await;
    client.text().await;
    client.send(&format!("{event} ")).await;
    assert_eq!(client.closed().await.0, 1009);
    assert_eq!(
        server.journal().end().await,
        End::Closed(Close::too_large())
    );
}

#[tokio::test]
async fn a_close_by_the_application_says_why_and_waits_for_the_peer() {
    let server = TestServer::start();
    let mut raw = Raw::connect(&server, "/socket.io/?EIO=4&transport=websocket").await;
    raw.send(&[text("40"), text("421[\"message\"]"), text("42[\"close\"]")].concat())
        .await;
    while raw.text().await != "431[]" {}
    assert_eq!(raw.close_frame().await, (1008, "asked for".to_owned()));
    let end = End::Closed(Close::policy("asked for"));
    assert_eq!(server.journal().end().await, end);
    server.journal().holds(&Entry::Dropped, 1).await;
    assert_eq!(server.connections.count(), 1, "the peer has not closed yet");
    raw.send(&frame(FIN | CLOSE, &1008_u16.to_be_bytes())).await;
    raw.0.shutdown().await.unwrap();
    server.connections_are(0).await;
}

fn hasty(settings: &mut Settings) {
    settings.bounds.close = SHORT;
}

#[tokio::test]
async fn a_peer_that_does_not_answer_a_close_is_not_waited_for() {
    let server = TestServer::with(hasty);
    let mut raw = Raw::connect(&server, "/ws").await;
    server.outbox(0).close(Close::GOING_AWAY);
    assert_eq!(raw.close_frame().await, (1001, "going away".to_owned()));
    server.connections_are(0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_that_floods_after_a_close_is_not_waited_for() {
    let server = TestServer::with(hasty);
    let raw = Raw::connect(&server, "/ws").await;
    let mut stream = raw.0.into_std().unwrap();
    stream.set_nonblocking(false).unwrap();
    let flood = std::thread::spawn(move || {
        use std::io::Write;
        // A frame without a mask is where the server has heard enough.
        let bytes = [&[FIN | TEXT, 0][..], &vec![0; 1_000_000]].concat();
        while stream.write_all(&bytes).is_ok() {}
    });
    let end = server.journal().end().await;
    assert!(matches!(end, End::Closed(_)), "{end}");
    server.connections_are(0).await;
    flood.join().unwrap();
}

#[tokio::test]
async fn a_close_lets_work_finish_first() {
    let server = TestServer::start();
    let mut client = Client::socketio(&server).await;
    client
        .send_all((1..=2).map(|number| format!("42{number}[\"later\",{number}]")))
        .await;
    let (first, second) = (server.job().await, server.job().await);
    server.outbox(0).close(Close::GOING_AWAY);
    second.finish();
    tokio::task::yield_now().await;
    first.finish();
    assert_eq!(client.text().await, "431[1]");
    assert_eq!(client.text().await, "432[2]");
    assert_eq!(client.closed().await, (1001, "going away".to_owned()));
    assert_eq!(server.journal().end().await, End::Closed(Close::GOING_AWAY));
}

#[tokio::test]
async fn a_long_reason_is_cut() {
    let server = TestServer::start();
    let mut client = Client::engine(&server).await;
    server.outbox(0).close(Close {
        code: 4000,
        reason: "\u{e4}".repeat(100).into(),
    });
    assert_eq!(client.closed().await, (4000, "\u{e4}".repeat(61)));
}

#[tokio::test]
async fn an_end_says_what_it_is() {
    let ends = [
        (End::Peer, "the peer left"),
        (End::Silent, "the peer did not answer the heartbeat"),
        (End::Stalled, "the peer did not read"),
        (
            End::Closed(Close::GOING_AWAY),
            "closed with 1001: going away",
        ),
    ];
    for (end, text) in ends {
        assert_eq!(end.to_string(), text);
    }
}
