use nile_protocol::{channel::Channel, party::PartyKind};
use tokio::io::{DuplexStream, duplex};

use super::*;
use crate::wire::{Dialect, Event};

const PING: Request<'static> = Request {
    channel: Channel::ToInstance {
        from: PartyKind::Client,
    },
    action: "ping",
    body: r#"{"action":"ping"}"#,
};
const PINGED: &str = r#"{"action":"pinged","parameters":{"success":true}}"#;

fn target(transport: Transport) -> Target {
    Target {
        address: "127.0.0.1:1".parse().unwrap(),
        transport,
        dialect: Dialect::Nile,
    }
}

/// A frame as servers send it.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    if let Ok(length @ 0..=125) = u8::try_from(payload.len()) {
        bytes.push(length);
    } else {
        bytes.push(126);
        bytes.extend(u16::try_from(payload.len()).unwrap().to_be_bytes());
    }
    bytes.extend_from_slice(payload);
    bytes
}

fn text(payload: &str) -> Vec<u8> {
    frame(0x81, payload.as_bytes())
}

const HANDSHAKE: &str = "HTTP/1.1 101 Switching Protocols\r\n\
    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

/// A client whose handshake this server has answered, and the server's end.
async fn open(transport: Transport) -> (Client<DuplexStream>, DuplexStream) {
    let (near, mut far) = duplex(1 << 20);
    if transport.path().is_some() {
        far.write_all(HANDSHAKE.as_bytes()).await.unwrap();
    }
    if transport.is_socketio() {
        far.write_all(&[text(r#"0{"sid":"x"}"#), text("40{}")].concat())
            .await
            .unwrap();
    }
    let mut client = Client::open(near, target(transport)).await.unwrap();
    client.take_traffic();
    (client, far)
}

/// All that the client has sent since its handshake, unmasked.
async fn sent(far: &mut DuplexStream) -> String {
    let mut bytes = vec![0; 1 << 16];
    let length = far.read(&mut bytes).await.unwrap();
    let mut rest = &bytes[..length];
    if let Some(end) = rest.windows(4).position(|four| four == b"\r\n\r\n") {
        rest = &rest[end + 4..];
    }
    let mut texts = Vec::new();
    while let [_, length, key @ ..] = rest {
        let (key, payload) = key.split_at(4);
        let length = usize::from(length & 0x7f);
        let payload = payload[..length].iter().zip(key.iter().cycle());
        texts.push(String::from_utf8(payload.map(|(byte, key)| byte ^ key).collect()).unwrap());
        rest = &rest[6 + length..];
    }
    texts.join(" ")
}

#[tokio::test]
async fn an_answer_is_taken_to_its_request_whatever_comes_before_it() {
    let (mut client, mut far) = open(Transport::Socketio).await;
    let messages = [
        text(r#"42["instance.to.client",{"action":"updateOnlineNodes"}]"#),
        text("2"),
        frame(0x89, b"alive?"),
        text(&format!("437[{PINGED}]")),
        text(&format!("430[{PINGED}]")),
    ];
    far.write_all(&messages.concat()).await.unwrap();
    let body = client.ask(PING, "pinged").await.unwrap();
    assert_eq!(body, Body::Whole(PINGED));
    client.flush().await.unwrap();
    let ping = r#"420["client.to.instance",{"action":"ping"}]"#;
    assert_eq!(sent(&mut far).await, format!("40 {ping} 3 alive?"));
}

#[tokio::test]
async fn a_client_of_engine_io_3_waits_for_its_namespace_and_asks_whether_the_server_lives() {
    let (mut client, mut far) = open(Transport::Socketio3).await;
    client.ping();
    far.write_all(&text("3")).await.unwrap();
    far.write_all(&text("2")).await.unwrap();
    client.flush().await.unwrap();
    assert_eq!(client.receive().await.unwrap(), Heard::Other);
    assert_eq!(client.receive().await.unwrap(), Heard::Other);
    assert_eq!(sent(&mut far).await, "2");
}

#[tokio::test]
async fn a_push_is_acknowledged_by_its_number() {
    let (mut client, mut far) = open(Transport::Socketio).await;
    far.write_all(&text(r#"4217["client.to.node",{"queue_id":1}]"#))
        .await
        .unwrap();
    let (name, number, body) = ("client.to.node", Some(17), r#"{"queue_id":1}"#);
    let event = Heard::Event(Event { name, number, body });
    assert_eq!(client.receive().await.unwrap(), event);
    assert_eq!(client.received().unwrap(), None);
    client.acknowledge(17);
    client.flush().await.unwrap();
    assert_eq!(sent(&mut far).await, "40 4317[]");
}

#[tokio::test]
async fn a_message_in_pieces_is_joined_and_may_come_byte_by_byte() {
    let (mut client, far) = open(Transport::Socketio).await;
    let answer = format!("430[{PINGED}]");
    let (first, last) = answer.split_at(9);
    let pieces = [
        frame(0x01, first.as_bytes()),
        frame(0x8a, b""),
        frame(0x80, last.as_bytes()),
    ];
    let bytes = pieces.concat();
    let (_read, mut write) = tokio::io::split(far);
    let (answered, ()) = tokio::join!(client.ask(PING, "pinged"), async {
        for byte in bytes {
            write.write_all(&[byte]).await.unwrap();
            tokio::task::yield_now().await;
        }
    });
    assert_eq!(answered.unwrap(), Body::Whole(PINGED));
}

#[tokio::test]
async fn large_answers_leave_no_large_buffer() {
    let (mut client, mut far) = open(Transport::Websocket).await;
    let filling = "x".repeat(60_000);
    let answer =
        format!(r#"{{"event":"instance.to.client","body":{{"action":"pinged","x":"{filling}"}}}}"#);
    far.write_all(&text(&answer)).await.unwrap();
    client.ask(PING, "pinged").await.unwrap();
    far.write_all(&text(&answer[..0])).await.unwrap();
    assert!(client.receive().await.is_err());
    assert!(
        client.inbox.capacity() < 2 * KEPT,
        "{}",
        client.inbox.capacity()
    );
}

#[tokio::test]
async fn responses_come_in_order_and_their_status_is_looked_at() {
    let (mut client, mut far) = open(Transport::Http).await;
    let answers = "HTTP/1.1 200 OK\r\nContent-Length: 16\r\n\r\n{\"success\":true}\
                   HTTP/1.1 401 Unauthorized\r\nContent-Length: 24\r\n\r\n{\"code\":\"invalid_token\"}";
    far.write_all(answers.as_bytes()).await.unwrap();
    let body = client.ask(PING, "pinged").await.unwrap();
    assert_eq!(body, Body::Parameters(200, r#"{"success":true}"#));
    let failure = client.ask(PING, "pinged").await.unwrap_err();
    assert!(matches!(failure, Failure::Refused(_)), "{failure}");
}

#[tokio::test]
async fn bytes_are_counted_both_ways() {
    let (mut client, mut far) = open(Transport::Websocket).await;
    let answer = text(&format!(
        r#"{{"event":"instance.to.client","body":{PINGED}}}"#
    ));
    far.write_all(&answer).await.unwrap();
    client.ask(PING, "pinged").await.unwrap();
    let question = r#"{"event":"client.to.instance","body":{"action":"ping"}}"#.len() + 6;
    let (received, sent) = (answer.len() as u64, question as u64);
    assert_eq!(client.take_traffic(), Traffic { received, sent });
    assert_eq!(client.take_traffic(), Traffic::default());
}

#[tokio::test]
async fn the_end_of_a_connection_says_why() {
    let (mut client, mut far) = open(Transport::Websocket).await;
    far.write_all(&frame(0x88, b"\x03\xf0flooding"))
        .await
        .unwrap();
    let failure = client.ask(PING, "pinged").await.unwrap_err();
    assert_eq!(
        failure.to_string(),
        "the server closed the connection: 1008 flooding"
    );
}

#[tokio::test(start_paused = true)]
async fn a_server_that_says_nothing_is_not_waited_for_for_ever() {
    let (mut client, _far) = open(Transport::Websocket).await;
    assert!(matches!(
        client.ask(PING, "pinged").await,
        Err(Failure::Late)
    ));
}

#[tokio::test]
async fn a_connection_is_closed_when_the_server_has_closed_it() {
    let (client, mut far) = open(Transport::Websocket).await;
    far.write_all(&[text("{}"), frame(0x88, b"\x03\xe8")].concat())
        .await
        .unwrap();
    client.close().await.unwrap();
    let mut bytes = Vec::new();
    far.read_to_end(&mut bytes).await.unwrap();
    // The frame that says so is the last thing that was sent.
    let close = &bytes[bytes.len() - 8..];
    assert_eq!(close[..2], [0x88, 0x82]);
}
