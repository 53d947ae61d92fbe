//! The specification page, to the letter: what it says a client sends, and what it says comes back.

use super::keep;
use crate::support::{
    Asks, Connects, TestInstance,
    request::{parse, token_in},
    socketio::SocketIo,
    websocket::Raw,
};

/// The event on which the page says that answers come.
const ANSWERS_ON: &str = "instace.to.client";

/// What the page says of one request: the request, the answer's action, and the answer's parameters.
struct Said {
    request: String,
    action: &'static str,
    parameters: &'static [&'static str],
}

const REGISTER: &str =
    r#"{"action":"register","parameters":{"information":{"name":"Ada","location":"Rome"}}}"#;

fn page(token: &str) -> [Said; 3] {
    [
        Said {
            request: REGISTER.to_owned(),
            action: "registered",
            parameters: &["token"],
        },
        Said {
            request: format!(r#"{{"action":"login","parameters":{{"token":"{token}"}}}}"#),
            action: "logged",
            parameters: &["queue"],
        },
        Said {
            request: format!(
                r#"{{"action":"update","parameters":{{"token":"{token}","information":{{"name":"Ada","location":"Milan"}}}}}}"#
            ),
            action: "updated",
            parameters: &[],
        },
    ]
}

/// A client as the page describes it, which has heard of nothing else, gets what the page promises.
#[tokio::test]
async fn a_client_written_from_the_page_alone_gets_what_the_page_says() {
    let instance = TestInstance::start().await;
    let mut party = SocketIo::with(instance.address, "").await;
    let token = party.ask(REGISTER).await;
    party.hear().await;
    for said in page(&token_in(&token)) {
        party.emit(&said.request).await;
        let (name, body) = party.event().await;
        assert_eq!(name, ANSWERS_ON);
        check(&said, &body);
        let (name, again) = party.event().await;
        assert_eq!((name.as_str(), again), ("instance.to.client", body));
    }

    drop(party);

    let mut party = Raw::open(instance.address).await;
    for said in page(&token_in(&token)) {
        party.socket.say(&Raw::carry(&said.request)).await;
        let frame = parse(&party.socket.hear().await);
        assert_eq!(frame["event"], ANSWERS_ON);
        check(&said, &frame["body"].to_string());
    }
    drop(party);
    instance.stop().await;
}

fn check(said: &Said, body: &str) {
    let body = parse(body);
    assert_eq!(body["action"], said.action);
    let parameters = body["parameters"].as_object().unwrap();
    for name in said.parameters {
        assert!(parameters.contains_key(*name), "{name}: {body}");
    }
    match said.action {
        "registered" => assert!(parameters["token"].is_string()),
        "logged" => assert_eq!(parameters["queue"], serde_json::json!([])),
        _ => assert!(parameters.is_empty(), "{body}"),
    }
    assert!(body.get("id").is_none(), "none was asked for: {body}");
}

/// The same three answers, to be read beside the page.
#[tokio::test]
async fn the_answers_that_the_page_describes() {
    let instance = TestInstance::start().await;
    let mut party = SocketIo::open(instance.address).await;
    let token = party.ask(REGISTER).await;
    let mut answers = String::new();
    for said in page(&token_in(&token)) {
        party.emit(&said.request).await;
        let answer = crate::support::mask::mask(&party.hear().await);
        answers.push_str(&answer);
        answers.push('\n');
    }
    keep("specification_page", &answers);
    drop(party);
    instance.stop().await;
}
