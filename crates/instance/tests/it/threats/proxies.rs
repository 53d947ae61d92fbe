//! What one address may take, where a proxy stands in front: each address behind it has its own share.

use crate::support::{
    TestInstance,
    http::{Http, JSON, Response, UPGRADE},
    request::{PATH, login, register, strange_token, token_in},
    socketio::path,
    within,
};

const A: &str = "203.0.113.1";
const B: &str = "203.0.113.2";

/// An instance behind a proxy, with these limits.
async fn behind(limits: &str) -> TestInstance {
    TestInstance::configured(&format!("trusted_proxies = ['127.0.0.0/8']\n{limits}")).await
}

/// One request that the proxy passes on, on a connection of its own.
async fn pass(
    instance: &TestInstance,
    from: &str,
    line: &str,
    headers: &[(&str, &str)],
) -> (Http, Response) {
    let mut http = Http::connect(instance.address).await;
    let headers = [headers, &[("x-forwarded-for", from)]].concat();
    let answer = http.request(line, &headers, "").await;
    (http, answer)
}

/// The connection of a WebSocket, if it was let in.
async fn socket(instance: &TestInstance, from: &str, path: &str) -> Option<Http> {
    let (http, answer) = pass(instance, from, &format!("GET {path}"), &UPGRADE).await;
    match answer.status {
        101 => Some(http),
        429 => {
            assert!(answer.header("retry-after").is_some(), "{answer}");
            None
        }
        _ => panic!("{from} at {path}: {answer}"),
    }
}

fn doors() -> [String; 3] {
    [
        "/ws".to_owned(),
        path(4, "websocket", ""),
        path(3, "websocket", ""),
    ]
}

#[tokio::test]
async fn behind_a_proxy_the_connections_of_each_address_are_counted() {
    let instance = behind("limits.connections_per_address = 3").await;
    let mut held = Vec::new();
    for door in doors() {
        held.push(socket(&instance, A, &door).await.expect("there is room"));
    }
    for door in doors() {
        for from in [A, "198.51.100.7, 203.0.113.1", "203.0.113.1, 127.0.0.9"] {
            let refused = socket(&instance, from, &door).await.is_none();
            assert!(refused, "{from} at {door}");
        }
        let other = socket(&instance, B, &door).await;
        assert!(other.is_some(), "another address has its own share");
    }
    held.pop();
    let free = async { while socket(&instance, A, "/ws").await.is_none() {} };
    within("a place to be free", free).await;
    drop(held);
    instance.stop().await;
}

#[tokio::test]
async fn behind_a_proxy_a_network_of_ipv6_is_one_address() {
    let instance = behind("limits.connections_per_address = 3").await;
    let mut held = Vec::new();
    for from in ["2001:db8::1", "2001:db8::2", "2001:db8:0:0:ffff::"] {
        let socket = socket(&instance, from, "/ws").await;
        held.push(socket.expect("there is room"));
    }
    assert!(socket(&instance, "2001:db8::9", "/ws").await.is_none());
    assert!(socket(&instance, "2001:db8:0:1::1", "/ws").await.is_some());
    drop(held);
    instance.stop().await;
}

#[tokio::test]
async fn behind_a_proxy_the_new_connections_of_each_address_are_counted() {
    let instance = behind("limits.new_connections_per_minute = 3").await;
    for _ in 0..3 {
        drop(socket(&instance, A, "/ws").await.expect("it may"));
    }
    assert!(socket(&instance, A, "/ws").await.is_none());
    assert!(socket(&instance, B, "/ws").await.is_some());
    instance.stop().await;
}

#[tokio::test]
async fn behind_a_proxy_the_polling_sessions_of_each_address_are_counted() {
    let instance = behind("limits.polling_sessions_per_address = 2").await;
    let line = format!("GET {}", path(4, "polling", ""));
    for (from, status) in [(A, 200), (A, 200), (A, 429), (B, 200)] {
        let (_, answer) = pass(&instance, from, &line, &[]).await;
        assert_eq!(answer.status, status, "{from}: {answer}");
    }
    instance.stop().await;
}

#[tokio::test]
async fn behind_a_proxy_the_wrong_tokens_of_each_address_are_counted() {
    let instance = behind("limits.failed_logins_per_minute = 3").await;
    // One connection of the proxy carries what all of them ask.
    let mut http = Http::connect(instance.address).await;
    let mut ask = async |from, method: &str, body: &str| {
        let line = format!("{method} {PATH}");
        let headers = [JSON, ("x-forwarded-for", from)];
        http.request(&line, &headers, body).await
    };
    let token = token_in(&ask(A, "PUT", &register("Ada")).await.body);
    let (right, wrong) = (login(&token), login(&strange_token()));
    for (from, body, status) in [
        (A, &wrong, 401),
        (A, &wrong, 401),
        (A, &wrong, 401),
        (A, &wrong, 429),
        (A, &right, 429),
        (B, &wrong, 401),
        (B, &right, 200),
    ] {
        let answer = ask(from, "POST", body).await;
        assert_eq!(answer.status, status, "{from}: {answer}");
    }
    instance.stop().await;
}
