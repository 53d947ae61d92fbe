//! Peers that do not read, or read slowly: what they cost is bounded, and others are served.

use std::{future::poll_fn, sync::Arc, task::Poll};

use futures_util::{SinkExt, StreamExt};
use nile_socketio::{Close, End, Frame, Refused, encode_event};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::Instant,
};
use tokio_tungstenite::tungstenite::Message;

use crate::support::{Client, Entry, MODERATE, SHORT, Settings, TestServer, raw::text, within};

/// Little of what is written stays in the kernel.
fn narrow(settings: &mut Settings) {
    settings.send_buffer = Some(16 * 1024);
}

fn narrow_and_strict(settings: &mut Settings) {
    narrow(settings);
    settings.bounds.write = SHORT;
}

#[tokio::test]
async fn a_peer_that_never_reads_is_asked_for_nothing_more_and_dropped() {
    let server = TestServer::with(narrow_and_strict);
    let mut deaf = Client::narrow(&server).await;
    let flood = deaf.flood("42[\"large\",10000]", 200_000);
    assert!(
        within("the flood ends", flood).await.is_err(),
        "the server drops it"
    );
    assert_eq!(server.journal().end().await, End::Stalled);
    server.journal().holds(&Entry::Dropped, 1).await;
    server.connections_are(0).await;
    // 64 KiB wait in the server, a few KiB in the kernel.
    let taken = server.journal().taken();
    assert!((2..40).contains(&taken), "{taken} requests were taken");
}

#[tokio::test]
async fn a_peer_that_never_reads_is_dropped_with_what_was_pushed() {
    let server = TestServer::with(narrow_and_strict);
    let _deaf = Client::narrow(&server).await;
    let frame: Frame = encode_event("/", "news", &[&format!("\"{:x<10000}\"", "")], None);
    let mut pushed = 0;
    let refused = loop {
        match server.push(frame.clone()) {
            Ok(()) => pushed += frame.len(),
            Err(refused) => break refused,
        }
        assert!(pushed < 2_000_000, "there is no bound");
        tokio::task::yield_now().await;
    };
    assert_eq!(refused, Refused::Full);
    assert!(pushed >= 1_000_000, "{pushed}");
    assert_eq!(server.journal().end().await, End::Stalled);
    assert_eq!(server.push(frame.clone()), Err(Refused::Closed));
    server.connections_are(0).await;
    assert_eq!(Arc::strong_count(&frame), 1, "what waited is gone");
}

#[tokio::test]
async fn others_are_served_beside_a_peer_that_does_not_read() {
    let server = TestServer::with(narrow);
    let mut deaf = Client::narrow(&server).await;
    let flood = tokio::spawn(async move {
        // It never ends by itself.
        let _ = deaf.flood("42[\"large\",10000]", 200_000).await;
    });
    let mut other = Client::socketio(&server).await;
    for number in 0..200 {
        other.send(&format!("42[\"message\",{number}]")).await;
        assert_eq!(other.text().await, format!("42[\"message-back\",{number}]"));
    }
    assert!(!flood.is_finished());
    flood.abort();
}

#[tokio::test]
async fn a_burst_of_one_peer_leaves_others_their_turn() {
    const BURST: usize = 2000;
    let server = TestServer::start();
    let mut stream = Client::socketio(&server).await.into_stream();
    let burst = text("42[\"message\"]").repeat(BURST);
    stream.write_all(&burst).await.unwrap();
    // A task like a connection's, with its place among those that are ready.
    let (mut taken, mut most) = (0, 0);
    let turns = tokio::spawn(poll_fn(move |cx| {
        let now = server.journal().taken();
        most = most.max(now - taken);
        taken = now;
        if taken == BURST {
            return Poll::Ready(most);
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }));
    let most = within("all of it to be taken", turns).await.unwrap();
    assert!(most <= 64, "{most} at once");
}

#[tokio::test]
async fn who_reads_again_gets_everything() {
    let server = TestServer::with(narrow);
    let client = Client::narrow(&server).await;
    let (mut sink, mut stream) = client.split();
    let writer = tokio::spawn(async move {
        for number in 0..300 {
            let request = format!("42{number}[\"message\",\"{:x<3000}\"]", "");
            sink.send(Message::text(request)).await.unwrap();
        }
        sink
    });
    // The server has stopped: what it took stays the same while others are served.
    let mut before = 0;
    while before == 0 || server.journal().taken() != before {
        before = server.journal().taken();
        drop(Client::socketio(&server).await);
    }
    assert!(before < 300, "it is bounded");
    for number in 0..300 {
        let text = within("an answer", stream.next()).await.unwrap().unwrap();
        let head = format!("43{number}[\"xxx");
        assert!(text.to_text().unwrap().starts_with(&head), "{number}");
    }
    drop(writer.await.unwrap());
}

#[tokio::test]
async fn who_reads_slowly_gets_everything_before_a_close() {
    let server = TestServer::with(narrow);
    let mut client = Client::narrow(&server).await;
    let frame: Frame = format!("42[\"{:x<10000}\"]", "").into();
    for _ in 0..50 {
        server.push(Arc::clone(&frame)).unwrap();
    }
    server.outbox(0).close(Close::GOING_AWAY);
    for _ in 0..50 {
        assert_eq!(client.text().await, *frame);
    }
    assert_eq!(client.closed().await.0, 1001);
}

#[tokio::test]
async fn a_peer_that_is_always_behind_is_still_pushed_to() {
    let server = TestServer::with(narrow);
    let client = Client::narrow(&server).await;
    let (mut sink, mut stream) = client.split();
    let writer = tokio::spawn(async move {
        while sink
            .send(Message::text("42[\"large\",40000]"))
            .await
            .is_ok()
        {}
    });
    let mut pushed_at = None;
    for count in 0_usize.. {
        let message = within("a message", stream.next()).await.unwrap().unwrap();
        if message.to_text().unwrap().contains("news") {
            break;
        }
        match pushed_at {
            None if count == 60 => {
                server.push("42[\"news\"]").unwrap();
                pushed_at = Some(count);
            }
            Some(at) => assert!(count < at + 30, "it waits longer than what was before it"),
            None => {}
        }
    }
    writer.abort();
}

#[tokio::test]
async fn a_peer_that_reads_a_little_at_a_time_is_not_dropped() {
    let server = TestServer::with(|settings| {
        narrow(settings);
        settings.bounds.write = MODERATE;
    });
    let client = Client::narrow(&server).await;
    let mut stream = client.into_stream();
    stream
        .write_all(&text("42[\"large\",400000]"))
        .await
        .unwrap();
    let (mut read, begin) = (Vec::new(), Instant::now());
    let mut pace = tokio::time::interval(MODERATE / 10);
    while begin.elapsed() < 2 * MODERATE {
        pace.tick().await;
        stream.read_buf(&mut read).await.unwrap();
    }
    assert!(read.len() < 400_000, "it was never behind");
    while read.len() < 400_000 {
        let more = within("the rest", stream.read_buf(&mut read)).await;
        assert_ne!(more.unwrap(), 0, "after {} bytes", read.len());
    }
}
