use serde_json::{Value, json};

use super::support::{Answer, Node, courier, header};
use crate::courier::{Failure, Resource};

/// The challenge in a request.
fn challenge(request: &str) -> String {
    let (_, body) = request.split_once("\r\n\r\n").unwrap();
    let body: Value = serde_json::from_str(body).unwrap();
    let challenge = body["parameters"]["challenge"].as_str().unwrap();
    assert_eq!(
        body,
        json!({"action": "challenge", "parameters": {"challenge": challenge}})
    );
    challenge.to_owned()
}

async fn challenged(node: &Node) -> Result<(), Failure> {
    let courier = courier();
    let resource = Resource::parse(&node.url(), &courier.rules).unwrap();
    courier.challenge(&resource).await
}

#[tokio::test]
async fn a_challenge_that_is_repeated_is_met() {
    let mut node = Node::answering(|request| {
        let body = json!({"challenge": challenge(request), "shop": "pears"});
        Answer::with("200 OK", body.to_string())
    })
    .await;
    challenged(&node).await.unwrap();
    challenged(&node).await.unwrap();
    let first = node.requests.recv().await.unwrap();
    let second = node.requests.recv().await.unwrap();
    assert!(
        first.starts_with("POST /client/to/node HTTP/1.1\r\n"),
        "{first}"
    );
    assert_eq!(header(&first, "nile-signature"), None);
    assert!(challenge(&first).len() >= 43);
    assert_ne!(challenge(&first), challenge(&second));
}

#[tokio::test]
async fn a_challenge_that_is_not_repeated_is_not_met() {
    let answers: [fn(&str) -> String; 7] = [
        |_| String::new(),
        |_| "pong".to_owned(),
        |_| json!({}).to_string(),
        |_| json!({"challenge": null}).to_string(),
        |request| json!({"challenge": challenge(request) + "A"}).to_string(),
        |request| json!(challenge(request)).to_string(),
        // What a server that echoes everything says.
        |request| request.split_once("\r\n\r\n").unwrap().1.to_owned(),
    ];
    for answer in answers {
        let node = Node::answering(move |request| Answer::with("200 OK", answer(request))).await;
        let failure = challenged(&node).await.unwrap_err();
        assert!(matches!(failure, Failure::WrongChallenge), "{failure:?}");
    }
}

#[tokio::test]
async fn a_challenge_that_is_repeated_with_an_error_is_not_met() {
    let node = Node::answering(|request| {
        let body = json!({"challenge": challenge(request)});
        Answer::with("500 Internal Server Error", body.to_string())
    })
    .await;
    let failure = challenged(&node).await.unwrap_err();
    assert!(matches!(failure, Failure::Status(500)), "{failure:?}");
}
