//! Events and acknowledgements.

use nile_socketio::encode_event;

use crate::support::{Client, Entry, Polling, TestServer};

#[tokio::test]
async fn the_arguments_of_an_event_arrive_as_they_were_written() {
    let server = TestServer::start();
    let mut client = Client::socketio(&server).await;
    let cases = [
        (
            "42[\"message\",1,\"2\",{\"3\":[true]}]",
            "42[\"message-back\",1,\"2\",{\"3\":[true]}]",
        ),
        ("42[\"message\"]", "42[\"message-back\"]"),
        ("42 [ \"message\" , 1.50 ]", "42[\"message-back\",1.50]"),
        (
            "42[\"message\",{\"a\" : 12345678901234567890}]",
            "42[\"message-back\",{\"a\" : 12345678901234567890}]",
        ),
        (
            "42[\"message\",\"\u{20ac}\u{1f600}\\u00e4\\ud800\"]",
            "42[\"message-back\",\"\u{20ac}\u{1f600}\\u00e4\\ud800\"]",
        ),
        ("42[\"mess\\u0061ge\",null]", "42[\"message-back\",null]"),
    ];
    for (event, answer) in cases {
        client.send(event).await;
        assert_eq!(client.text().await, answer);
    }
}

#[tokio::test]
async fn names_are_strings_or_numbers() {
    let server = TestServer::start();
    let mut client = Client::socketio(&server).await;
    client.send("42[7,8]").await;
    client.send("42[\"\",8]").await;
    client.send("42[\"two words\"]").await;
    for _ in 0..3 {
        client.text().await;
    }
    let taken = ["7 8", " 8", "two words "].map(|name| Entry::Taken(name.to_owned()));
    assert_eq!(server.journal().entries()[1..], taken);
}

#[tokio::test]
async fn an_event_is_acknowledged_with_its_number() {
    let server = TestServer::start();
    let mut client = Client::socketio(&server).await;
    client
        .send("42456[\"message-with-ack\",1,\"2\",{\"3\":[false]}]")
        .await;
    assert_eq!(client.text().await, "43456[1,\"2\",{\"3\":[false]}]");
    client.send("420[\"message-with-ack\"]").await;
    assert_eq!(client.text().await, "430[]");
    client
        .send("4218446744073709551615[\"message-with-ack\"]")
        .await;
    assert_eq!(client.text().await, "4318446744073709551615[]");
}

#[tokio::test]
async fn a_peer_acknowledges_what_it_was_sent() {
    let server = TestServer::start();
    let mut client = Client::socketio(&server).await;
    server
        .push(encode_event("/", "news", &["1"], Some(12)))
        .unwrap();
    assert_eq!(client.text().await, "4212[\"news\",1]");
    client.send("4312[\"thanks\",{}]").await;
    let entry = Entry::Acknowledged(12, "\"thanks\" {}".to_owned());
    server.journal().holds(&entry, 1).await;
}

#[tokio::test]
async fn an_event_is_encoded_for_its_namespace() {
    let frame = encode_event("/custom", "a\"b\u{1}", &["{}", "\"x\""], Some(3));
    assert_eq!(&*frame, "42/custom,3[\"a\\\"b\\u0001\",{},\"x\"]");
    assert_eq!(&*encode_event("/", "a", &[], None), "42[\"a\"]");
}

#[tokio::test]
async fn a_malformed_packet_closes_the_connection() {
    let server = TestServer::start();
    let packets = [
        "4abc",
        "4",
        "47",
        "42",
        "42{}",
        "42[]",
        "42[{}]",
        "42[null]",
        "42[\"message\"",
        "42[\"message\"]]",
        "42abc[\"message-with-ack\",1]",
        "42-1[\"message\"]",
        "4218446744073709551616[\"message\"]",
        "42[\"connect\"]",
        "42[\"disconnect\"]",
        "42[\"connect_error\"]",
        "43[1]",
        "431{}",
        "44{\"message\":\"x\"}",
        "41{}",
        "b4AQID",
    ];
    for packet in packets {
        let mut client = Client::socketio(&server).await;
        client.send(packet).await;
        assert_eq!(client.closed().await.0, 1002, "{packet}");
    }
    assert_eq!(server.journal().taken(), 0);
}

#[tokio::test]
async fn what_came_before_a_malformed_packet_is_answered() {
    let server = TestServer::start();
    let mut client = Client::socketio(&server).await;
    client
        .send_all(["421[\"message\"]".to_owned(), "4abc".to_owned()])
        .await;
    assert_eq!(client.text().await, "431[]");
    assert_eq!(client.closed().await.0, 1002);
}

#[tokio::test]
async fn events_go_over_polling_too() {
    let server = TestServer::start();
    let session = Polling::socketio(&server).await;
    assert_eq!(
        session
            .post("42[\"message\",1]\u{1e}425[\"message\",2]")
            .await
            .text(),
        "ok"
    );
    assert_eq!(
        session.poll().await.text(),
        "42[\"message-back\",1]\u{1e}435[2]"
    );
    assert_eq!(session.post("42{}").await.status, 400);
    assert_eq!(session.poll().await.status, 400);
}
