//! Binary attachments of events and acknowledgements.

use crate::support::{Client, Polling, TestServer};

fn placeholders(count: usize) -> String {
    let one = |number| format!("{{\"_placeholder\":true,\"num\":{number}}}");
    (0..count).map(one).collect::<Vec<_>>().join(",")
}

#[tokio::test]
async fn an_event_with_attachments_comes_back_with_them() {
    let server = TestServer::start();
    let mut client = Client::socketio(&server).await;
    let two = placeholders(2);
    client.send(&format!("452-[\"message\",{two}]")).await;
    client.send_bytes(&[1, 2, 3]).await;
    client.send_bytes(&[4, 5, 6]).await;
    assert_eq!(client.text().await, format!("452-[\"message-back\",{two}]"));
    assert_eq!(client.bytes().await, [1, 2, 3]);
    assert_eq!(client.bytes().await, [4, 5, 6]);
}

#[tokio::test]
async fn an_event_with_attachments_is_acknowledged_with_them() {
    let server = TestServer::start();
    let mut client = Client::socketio(&server).await;
    let two = placeholders(2);
    client
        .send(&format!("452-789[\"message-with-ack\",{two}]"))
        .await;
    client.send_bytes(&[1, 2, 3]).await;
    client.send_bytes(&[]).await;
    assert_eq!(client.text().await, format!("462-789[{two}]"));
    assert_eq!(client.bytes().await, [1, 2, 3]);
    assert!(client.bytes().await.is_empty());
}

#[tokio::test]
async fn a_namespace_and_attachments_go_together() {
    let server = TestServer::start();
    let mut client = Client::socketio(&server).await;
    client.send("40/custom").await;
    client.text().await;
    client.text().await;
    let one = placeholders(1);
    client
        .send(&format!("451-/custom,7[\"message\",{one}]"))
        .await;
    client.send_bytes(&[9]).await;
    assert_eq!(client.text().await, format!("461-/custom,7[{one}]"));
    assert_eq!(client.bytes().await, [9]);
}

#[tokio::test]
async fn over_polling_attachments_are_base64() {
    let server = TestServer::start();
    let session = Polling::socketio(&server).await;
    let body = format!("451-7[\"message\",{}]\u{1e}bAQID", placeholders(1));
    assert_eq!(session.post(&body).await.text(), "ok");
    let answer = format!("461-7[{}]\u{1e}bAQID", placeholders(1));
    assert_eq!(session.poll().await.text(), answer);
}

#[tokio::test]
async fn the_heartbeat_may_go_between_attachments() {
    let server = TestServer::start();
    let mut client = Client::socketio(&server).await;
    client
        .send(&format!("452-1[\"message\",{}]", placeholders(2)))
        .await;
    client.send_bytes(&[1]).await;
    client.send("3").await;
    client.send_bytes(&[2]).await;
    assert!(client.text().await.starts_with("462-1["));
}

#[tokio::test]
async fn ten_attachments_are_taken_and_eleven_are_not() {
    let server = TestServer::start();
    let mut client = Client::socketio(&server).await;
    let ten = placeholders(10);
    client.send(&format!("4510-[\"message\",{ten}]")).await;
    for number in 0..10 {
        client.send_bytes(&[number]).await;
    }
    assert_eq!(
        client.text().await,
        format!("4510-[\"message-back\",{ten}]")
    );
    for number in 0..10 {
        assert_eq!(client.bytes().await, [number]);
    }
    client
        .send(&format!("4511-[\"message\",{}]", placeholders(11)))
        .await;
    assert_eq!(client.closed().await.0, 1002);
}

#[tokio::test]
async fn a_packet_and_its_attachments_are_bounded_together() {
    let server = TestServer::with(|settings| settings.bounds.max_message = 1000);
    let mut client = Client::socketio(&server).await;
    let packet = format!("453-[\"message\",{}]", placeholders(3));
    // The first character belongs to Engine.IO.
    let left = 1000 - (packet.len() - 1);
    client.send(&packet).await;
    client.send_bytes(&vec![1; left - 600]).await;
    client.send_bytes(&[2; 300]).await;
    client.send_bytes(&[3; 300]).await;
    assert!(client.text().await.starts_with("453-["));
    for _ in 0..3 {
        client.bytes().await;
    }
    client.send(&packet).await;
    client.send_bytes(&vec![1; left - 600]).await;
    client.send_bytes(&[2; 300]).await;
    client.send_bytes(&[3; 301]).await;
    assert_eq!(client.closed().await.0, 1009);
    assert_eq!(server.journal().taken(), 1);
}

#[tokio::test]
async fn text_between_attachments_is_refused() {
    let server = TestServer::start();
    for text in ["42[\"message\"]", "40/custom", "41"] {
        let mut client = Client::socketio(&server).await;
        client
            .send(&format!("452-[\"message\",{}]", placeholders(2)))
            .await;
        client.send_bytes(&[1]).await;
        client.send(text).await;
        assert_eq!(client.closed().await.0, 1002, "{text}");
    }
}

#[tokio::test]
async fn an_attachment_of_nothing_is_refused() {
    let server = TestServer::start();
    let mut client = Client::socketio(&server).await;
    client.send_bytes(&[1]).await;
    assert_eq!(client.closed().await.0, 1002);
    let mut client = Client::socketio(&server).await;
    client.send("450-[\"message\"]").await;
    assert_eq!(client.text().await, "42[\"message-back\"]", "none are none");
    client.send_bytes(&[1]).await;
    assert_eq!(client.closed().await.0, 1002);
}

#[tokio::test]
async fn a_malformed_number_of_attachments_is_refused() {
    let server = TestServer::start();
    for packet in [
        "45[\"message\"]",
        "45-[\"message\"]",
        "45x-[\"message\"]",
        "45-1-[\"m\"]",
        "451[\"m\"]",
        "46-1[]",
    ] {
        let mut client = Client::socketio(&server).await;
        client.send(packet).await;
        assert_eq!(client.closed().await.0, 1002, "{packet}");
    }
}

#[tokio::test]
async fn attachments_that_never_come_leave_with_their_peer() {
    let server = TestServer::start();
    let mut client = Client::socketio(&server).await;
    client
        .send(&format!("452-[\"message\",{}]", placeholders(2)))
        .await;
    client.send_bytes(&[1]).await;
    client.leave().await;
    server.connections_are(0).await;
    assert_eq!(server.journal().taken(), 0);
}
