use super::support::{Answer, NOW, Node, ORDER, courier, deliver, header};
use crate::courier::{Accepted, DeliverySecret, Failure, signature};

/// The answer to a delivery to a node that answers so.
async fn answered(
    answer: impl Fn(&str) -> Answer + Send + Sync + 'static,
) -> Result<Accepted, Failure> {
    let node = Node::answering(answer).await;
    deliver(&courier(), &node.url()).await
}

#[tokio::test]
async fn a_delivery_is_a_signed_post_of_the_body_as_it_is() {
    let mut node = Node::answering(|_| Answer::with("200 OK", "{}")).await;
    let url = format!("{}/shop/", node.url());
    deliver(&courier(), &url).await.unwrap();
    let request = node.requests.recv().await.unwrap();
    assert!(
        request.starts_with("POST /shop/client/to/node HTTP/1.1\r\n"),
        "{request}"
    );
    assert!(request.ends_with(&format!("\r\n\r\n{ORDER}")), "{request}");
    let address = node.address.to_string();
    let signed = signature(&DeliverySecret::from_bytes([7; 32]), NOW, ORDER);
    let agent = concat!("nile-instance/", env!("CARGO_PKG_VERSION"));
    for (name, value) in [
        ("host", Some(address.as_str())),
        ("user-agent", Some(agent)),
        ("content-type", Some("application/json")),
        ("content-length", Some("43")),
        ("nile-signature", Some(signed.as_str())),
        ("accept-encoding", None),
        ("cookie", None),
    ] {
        assert_eq!(header(&request, name), value, "{name}");
    }
}

#[tokio::test]
async fn a_2xx_is_an_acknowledgement_whatever_its_body() {
    let long = format!("\"{}\"", "a".repeat(65_534));
    for (status, body, expected) in [
        ("200 OK", r#"{"parameters":{"paid":true}}"#, true),
        ("201 Created", " [1, 2]\n", true),
        ("202 Accepted", "null", true),
        ("299 Fine", long.as_str(), true),
        ("200 OK", "", false),
        ("200 OK", "thank you", false),
        ("200 OK", "{} {}", false),
        ("200 OK", r#"{"parameters":"#, false),
    ] {
        let sent = body.to_owned();
        let accepted = answered(move |_| Answer::with(status, &sent))
            .await
            .unwrap();
        assert_eq!(
            accepted.body,
            expected.then(|| body.to_owned()),
            "{status} {body:.40}"
        );
    }
    let none = answered(|_| Answer::raw("HTTP/1.1 204 No Content\r\n\r\n")).await;
    assert_eq!(none.unwrap().body, None);
    let not_text = answered(|_| Answer::with("200 OK", b"\"\xff\"")).await;
    assert_eq!(not_text.unwrap().body, None);
    let until_the_end = answered(|_| Answer::raw("HTTP/1.0 200 OK\r\n\r\n[1]")).await;
    assert_eq!(until_the_end.unwrap().body.as_deref(), Some("[1]"));
    let after_another = answered(|_| {
        Answer::raw("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
    });
    assert_eq!(after_another.await.unwrap().body.as_deref(), Some("{}"));
}

#[tokio::test]
async fn a_status_other_than_2xx_is_a_failure() {
    for status in [101, 304, 400, 401, 404, 410, 429, 500, 503] {
        let failure = answered(move |_| {
            Answer::raw(format!(
                "HTTP/1.1 {status} No\r\nContent-Length: 2\r\n\r\n{{}}"
            ))
        });
        let failure = failure.await.unwrap_err();
        assert!(
            matches!(failure, Failure::Status(found) if found == status),
            "{failure:?}"
        );
        assert_eq!(
            failure.to_string(),
            format!("the answer has status {status}")
        );
    }
}

#[tokio::test]
async fn an_answer_that_is_too_large_is_not_read_to_its_end() {
    let sized = Answer::with("200 OK", "1".repeat(65_537));
    let endless = || {
        let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
        Answer::unfinished(
            head.to_owned() + &format!("1000\r\n{}\r\n", "1".repeat(4096)).repeat(17),
        )
    };
    let sized = std::sync::Mutex::new(Some(sized));
    let failure = answered(move |_| sized.lock().unwrap().take().unwrap())
        .await
        .unwrap_err();
    assert!(matches!(failure, Failure::TooLarge), "{failure:?}");
    let failure = answered(move |_| endless()).await.unwrap_err();
    assert!(matches!(failure, Failure::TooLarge), "{failure:?}");
}

#[tokio::test]
async fn what_is_no_complete_answer_is_a_failure() {
    let many_headers = "HTTP/1.1 200 OK\r\n".to_owned() + &"X: a\r\n".repeat(1000) + "\r\n";
    for bytes in [
        "",
        "HTTP/1.1 200 OK\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{}",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
        "HTTP/2 200 OK\r\nContent-Length: 2\r\n\r\n{}",
        "{}",
        "SSH-2.0-OpenSSH_9.6\r\n",
        many_headers.as_str(),
    ] {
        let sent = bytes.to_owned();
        let failure = answered(move |_| Answer::raw(sent.as_str()))
            .await
            .unwrap_err();
        assert!(
            matches!(failure, Failure::BrokenOff(_)),
            "{bytes:.60?} gave {failure:?}"
        );
    }
}

#[tokio::test]
async fn a_head_that_does_not_end_is_not_read_for_ever() {
    let head = "HTTP/1.1 200 OK\r\nX: ".to_owned() + &"a".repeat(32 * 1024);
    let failure = answered(move |_| Answer::unfinished(head.as_str())).await;
    let failure = failure.unwrap_err();
    assert!(matches!(failure, Failure::BrokenOff(_)), "{failure:?}");
}
