//! Who there is: no answer to somebody who may not know tells it.
//!
//! Whether the time of an answer tells is measured by `make timing`, and not asserted here.

use std::collections::BTreeSet;

use crate::support::{
    Asks, Connects, TestInstance,
    http::{Http, JSON},
    request::{REGISTER_NODE, action_of, delete, login, parse, rotate_token, token_in},
    websocket::Raw,
};

/// Tokens that are wrong, each for another reason.
async fn wrong_tokens(instance: &TestInstance) -> Vec<String> {
    let mut party = Raw::open(instance.address).await;
    let (live, deleted, replaced) = (
        party.register().await,
        party.register().await,
        party.register().await,
    );
    assert_eq!(action_of(&party.ask(&delete(&deleted)).await), "deleted");
    let rotated = party.ask(&rotate_token(&replaced)).await;
    party.login(&token_in(&rotated)).await;
    let mut http = Http::connect(instance.address).await;
    let path = "PUT /node/to/instance";
    let node = http.request(path, &[JSON], REGISTER_NODE).await;
    let secret = &live[live.len() - 43..];
    vec![
        format!("nlc_1_{}", "A".repeat(43)),
        format!("nlc_2_{secret}"),
        format!("nlc_999999_{secret}"),
        format!("nln_1_{secret}"),
        live.replace("nlc_1_", "nlc_01_"),
        live[..live.len() - 1].to_owned(),
        format!("{live} "),
        live.to_uppercase(),
        deleted,
        replaced,
        token_in(&node.body),
        "nlc_".to_owned(),
        String::new(),
        "x".repeat(1000),
    ]
}

/// A request for which a token is needed.
fn asking(action: &str, token: &str) -> String {
    let parameters = r#"{"information":{},"queue_id":1}"#;
    format!(
        r#"{{"action":"{action}","parameters":{parameters},"token":"{token}","recipient":1,"id":7}}"#
    )
}

#[tokio::test]
async fn whatever_is_wrong_with_a_token_the_answer_is_the_same() {
    let instance = TestInstance::start().await;
    let tokens = wrong_tokens(&instance).await;
    let mut raw = Raw::open(instance.address).await;
    let mut http = Http::connect(instance.address).await;
    for action in [
        "login",
        "update",
        "delete",
        "rotateToken",
        "queue",
        "processQueue",
        "messageStatus",
        "withdraw",
    ] {
        let (mut said, mut answered) = (BTreeSet::new(), BTreeSet::new());
        for token in &tokens {
            said.insert(raw.ask(&asking(action, token)).await);
            let answer = http.call("POST", &asking(action, token)).await;
            answered.insert(answer.to_string());
        }
        assert!(said.first().unwrap().contains("invalid_token"), "{said:?}");
        assert_eq!(
            (said.len(), answered.len()),
            (1, 1),
            "{said:?} {answered:?}"
        );
    }
    drop(raw);
    instance.stop().await;
}

#[tokio::test]
async fn the_numbers_of_others_messages_and_of_none_are_answered_alike() {
    const UNKNOWN: [i64; 3] = [4, 1000, 9_007_199_254_740_991];
    let instance = TestInstance::start().await;
    let mut http = Http::connect(instance.address).await;
    let registered = http.request("PUT /node/to/instance", &[JSON], REGISTER_NODE);
    assert_eq!(registered.await.status, 200);
    let mut sender = Raw::open(instance.address).await;
    sender.enter().await;
    for _ in 0..3 {
        let queued = sender
            .ask(r#"{"action":"queue","parameters":"x","recipient":1}"#)
            .await;
        assert_eq!(action_of(&queued), "queued", "{queued}");
    }
    let mut other = Raw::open(instance.address).await;
    other.enter().await;
    for action in ["messageStatus", "withdraw", "processQueue"] {
        let mut said = BTreeSet::new();
        for queue_id in [1, 2, 3].into_iter().chain(UNKNOWN) {
            let parameters = format!(r#"{{"queue_id":{queue_id}}}"#);
            let request = format!(r#"{{"action":"{action}","parameters":{parameters}}}"#);
            said.insert(other.ask(&request).await);
        }
        assert_eq!(said.len(), 1, "{said:?}");
    }
    let status = r#"{"action":"messageStatus","parameters":{"queue_id":1}}"#;
    let told = parse(&sender.ask(status).await);
    assert_eq!(told["parameters"]["state"], "stored", "it was not touched");
    drop((sender, other));
    instance.stop().await;
}

/// The id of a client is no secret, and no key to anything.
#[tokio::test]
async fn a_token_made_of_a_known_id_opens_nothing() {
    let instance = TestInstance::start().await;
    let mut party = Raw::open(instance.address).await;
    for _ in 0..20 {
        party.register().await;
    }
    for id in 1..=40 {
        for secret in ["A".repeat(43), "_".repeat(42) + "8"] {
            let answer = party.ask(&login(&format!("nlc_{id}_{secret}"))).await;
            assert!(answer.contains("invalid_token"), "{answer}");
        }
    }
    assert!(instance.online().is_empty());
    drop(party);
    instance.stop().await;
}
