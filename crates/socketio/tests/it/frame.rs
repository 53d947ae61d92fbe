//! RFC 6455 where both sides keep to it, from a socket that writes its frames itself.

use crate::support::{
    Client, Entry, Raw, TestServer,
    raw::{BINARY, CLOSE, CONTINUE, FIN, PING, PONG, TEXT, frame, handshake, text},
};

async fn connect(server: &TestServer) -> Raw {
    Raw::connect(server, "/ws").await
}

#[tokio::test]
async fn messages_of_every_length_come_back() {
    let server = TestServer::start();
    let mut raw = connect(&server).await;
    for length in [0, 1, 125, 126, 127, 65_535, 65_536, 999_999, 1_000_000] {
        let payload = vec![b'x'; length];
        raw.send(&frame(FIN | TEXT, &payload)).await;
        assert_eq!(raw.frame().await, Some((FIN | TEXT, payload)), "{length}");
        let payload = vec![0xff; length];
        raw.send(&frame(FIN | BINARY, &payload)).await;
        assert_eq!(raw.frame().await, Some((FIN | BINARY, payload)), "{length}");
    }
}

#[tokio::test]
async fn a_ping_is_answered_with_its_payload() {
    let server = TestServer::start();
    let mut raw = connect(&server).await;
    for length in [0, 1, 124, 125] {
        let payload = vec![0xfe; length];
        raw.send(&frame(FIN | PING, &payload)).await;
        assert_eq!(raw.frame().await, Some((FIN | PONG, payload)));
    }
    let many: Vec<u8> = (0..10)
        .flat_map(|number| frame(FIN | PING, &[number]))
        .collect();
    raw.send(&many).await;
    for number in 0..10 {
        assert_eq!(raw.frame().await, Some((FIN | PONG, vec![number])));
    }
}

#[tokio::test]
async fn a_pong_that_nobody_asked_for_is_nothing() {
    let server = TestServer::start();
    let mut raw = connect(&server).await;
    raw.send(&frame(FIN | PONG, b"unasked")).await;
    raw.send(&text("hello")).await;
    assert_eq!(raw.text().await, "hello");
}

#[tokio::test]
async fn the_conversation_pings_and_hears_of_the_answer() {
    let server = TestServer::start();
    let mut raw = connect(&server).await;
    raw.send(&text("ping me")).await;
    let (first, payload) = raw.frame().await.unwrap();
    assert_eq!(first, FIN | PING);
    raw.send(&frame(FIN | PONG, &payload)).await;
    server.journal().holds(&Entry::Ponged, 1).await;
}

#[tokio::test]
async fn fragments_are_joined() {
    let server = TestServer::start();
    let mut raw = connect(&server).await;
    let face = "\u{1f600}".as_bytes();
    let (front, back) = face.split_at(2);
    let frames = [
        frame(TEXT, front),
        frame(CONTINUE, b""),
        frame(FIN | PING, b"between"),
        frame(FIN | CONTINUE, back),
        frame(BINARY, b""),
        frame(FIN | CONTINUE, b""),
        text("whole"),
    ];
    raw.send(&frames.concat()).await;
    assert_eq!(raw.frame().await, Some((FIN | PONG, b"between".to_vec())));
    assert_eq!(raw.frame().await, Some((FIN | TEXT, face.to_vec())));
    assert_eq!(raw.frame().await, Some((FIN | BINARY, Vec::new())));
    assert_eq!(raw.text().await, "whole");
}

#[tokio::test]
async fn a_message_in_a_thousand_fragments_is_one_message() {
    let server = TestServer::start();
    let mut raw = connect(&server).await;
    let mut bytes = frame(BINARY, &[7; 1000]);
    for _ in 0..998 {
        bytes.extend(frame(CONTINUE, &[7; 1000]));
    }
    bytes.extend(frame(FIN | CONTINUE, &[7; 1000]));
    raw.send(&bytes).await;
    assert_eq!(raw.frame().await, Some((FIN | BINARY, vec![7; 1_000_000])));
}

#[tokio::test]
async fn a_control_frame_may_stand_in_a_message_of_the_largest_size() {
    let server = TestServer::with(|settings| settings.bounds.max_message = 200);
    let mut raw = connect(&server).await;
    let frames = [
        frame(TEXT, &[b'x'; 200]),
        frame(FIN | PING, &[b'p'; 125]),
        frame(FIN | CONTINUE, b""),
    ];
    raw.send(&frames.concat()).await;
    assert_eq!(raw.frame().await, Some((FIN | PONG, vec![b'p'; 125])));
    assert_eq!(raw.frame().await, Some((FIN | TEXT, vec![b'x'; 200])));
}

/// Frames of every kind, and what they are answered with.
fn sequence() -> (Vec<u8>, Vec<(u8, Vec<u8>)>) {
    let frames = [
        text("hi"),
        frame(TEXT, "\u{e4}".as_bytes().split_at(1).0),
        frame(FIN | PING, b"?"),
        frame(FIN | CONTINUE, "\u{e4}".as_bytes().split_at(1).1),
        frame(FIN | BINARY, &[1; 126]),
        frame(FIN | CLOSE, &1000_u16.to_be_bytes()),
    ];
    let answers = vec![
        (FIN | TEXT, b"hi".to_vec()),
        (FIN | PONG, b"?".to_vec()),
        (FIN | TEXT, "\u{e4}".as_bytes().to_vec()),
        (FIN | BINARY, vec![1; 126]),
        (FIN | CLOSE, 1000_u16.to_be_bytes().to_vec()),
    ];
    (frames.concat(), answers)
}

/// The server has had its turn when it has answered somebody else.
async fn turn(other: &mut Raw) {
    other.send(&frame(FIN | PING, b"")).await;
    other.frame().await.unwrap();
}

#[tokio::test]
async fn frames_may_be_split_at_every_byte() {
    let server = TestServer::start();
    let mut other = connect(&server).await;
    let (bytes, answers) = sequence();
    for at in 0..=bytes.len() {
        let mut raw = connect(&server).await;
        raw.send(&bytes[..at]).await;
        turn(&mut other).await;
        raw.send(&bytes[at..]).await;
        for answer in &answers {
            assert_eq!(raw.frame().await.as_ref(), Some(answer), "split at {at}");
        }
        assert_eq!(raw.frame().await, None);
    }
}

#[tokio::test]
async fn frames_may_come_byte_by_byte() {
    let server = TestServer::start();
    let mut other = connect(&server).await;
    let mut raw = connect(&server).await;
    let (bytes, answers) = sequence();
    for byte in bytes {
        raw.send(&[byte]).await;
        turn(&mut other).await;
    }
    for answer in answers {
        assert_eq!(raw.frame().await, Some(answer));
    }
}

#[tokio::test]
async fn many_frames_may_come_in_one_segment() {
    let server = TestServer::start();
    let mut raw = connect(&server).await;
    let bytes: Vec<u8> = (0..5000)
        .flat_map(|number| text(&number.to_string()))
        .collect();
    raw.send(&bytes).await;
    for number in 0..5000 {
        assert_eq!(raw.text().await, number.to_string());
    }
}

#[tokio::test]
async fn frames_may_come_with_the_handshake_and_be_split_there() {
    let server = TestServer::start();
    let mut other = connect(&server).await;
    let long = "x".repeat(30_000);
    let bytes = [handshake("/ws"), text("early"), text(&long)].concat();
    let request = handshake("/ws").len();
    for at in [
        request - 1,
        request,
        request + 1,
        request + 5,
        request + 20,
        request + 20_000,
    ] {
        let stream = server.dial(&bytes[..at]).await;
        stream.set_nodelay(true).unwrap();
        turn(&mut other).await;
        let mut raw = Raw(stream);
        raw.send(&bytes[at..]).await;
        raw.skip_head().await;
        assert_eq!(raw.text().await, "early", "split at {at}");
        assert_eq!(raw.text().await, long, "split at {at}");
    }
}

#[tokio::test]
async fn a_client_of_another_make_gets_along() {
    let server = TestServer::start();
    let mut client = Client::connect(&server, "/ws").await;
    client.send("hello \u{1f600}").await;
    assert_eq!(client.text().await, "hello \u{1f600}");
    client.send_bytes(&vec![0; 70_000]).await;
    assert_eq!(client.bytes().await, vec![0; 70_000]);
    client.leave().await;
}
