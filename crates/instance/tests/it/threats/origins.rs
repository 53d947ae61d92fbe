//! Pages of other origins, at every door.

use crate::support::{
    Asks, TestInstance,
    http::{Http, JSON, Response, UPGRADE},
    polling::Polling,
    request::{PING, REGISTER_NODE, parse, register},
    socketio::path,
};

const LISTED: &str = "https://shop.example";

/// What only resembles it, and what no page can be.
const OTHERS: [&str; 18] = [
    "https://other.example",
    "http://shop.example",
    "https://shop.example:8443",
    "https://www.shop.example",
    "https://shop.example.other.example",
    "https://notshop.example",
    "https://shop.exampl",
    "https://shop.example.",
    "https://shop.example/",
    "https://shop.example@other.example",
    "https://other.example/https://shop.example",
    "https://other.example https://shop.example",
    "https://shop.example, https://other.example",
    "https://shöp.example",
    "shop.example",
    "null",
    "*",
    "",
];

/// A request that a page can have a browser send.
struct Door {
    line: String,
    headers: Vec<(&'static str, &'static str)>,
    body: String,
}

impl Door {
    fn new(line: impl Into<String>, headers: &[(&'static str, &'static str)], body: &str) -> Self {
        Self {
            line: line.into(),
            headers: headers.to_vec(),
            body: body.to_owned(),
        }
    }

    async fn knock(&self, instance: &TestInstance, origins: &[&str]) -> Response {
        let mut headers: Vec<(&str, &str)> = self.headers.clone();
        headers.extend(origins.iter().map(|origin| ("origin", *origin)));
        let mut http = Http::connect(instance.address).await;
        http.request(&self.line, &headers, &self.body).await
    }
}

/// All that a page could try; `session` is one of long polling that somebody has.
fn doors(session: &Polling) -> Vec<Door> {
    const PREFLIGHT: [(&str, &str); 2] = [
        ("access-control-request-method", "PUT"),
        ("access-control-request-headers", "content-type"),
    ];
    const PATHS: [&str; 4] = [
        "/client/to/instance",
        "/node/to/instance",
        "/client/to/node",
        "/node/to/client",
    ];
    let registration = register("Eve");
    let mut doors = vec![
        Door::new("PUT /client/to/instance", &[JSON], &registration),
        Door::new("PUT /node/to/instance", &[JSON], REGISTER_NODE),
        Door::new("GET /client/to/instance/events", &[], ""),
        Door::new("GET /node/to/instance/events", &[], ""),
        Door::new("GET /healthz", &[], ""),
        Door::new("GET /ws", &UPGRADE, ""),
    ];
    for at in PATHS {
        doors.push(Door::new(format!("OPTIONS {at}"), &PREFLIGHT, ""));
        doors.push(Door::new(format!("POST {at}"), &[JSON], PING));
    }
    for version in [3, 4] {
        let polling = path(version, "polling", "");
        doors.push(Door::new(format!("GET {polling}"), &[], ""));
        let socket = path(version, "websocket", "");
        doors.push(Door::new(format!("GET {socket}"), &UPGRADE, ""));
    }
    let posted = format!(r#"42["client.to.instance",{registration}]"#);
    doors.push(Door::new(format!("POST {}", session.path()), &[], &posted));
    let upgrade = session.path().replace("polling", "websocket");
    doors.push(Door::new(format!("GET {upgrade}"), &UPGRADE, ""));
    doors
}

#[tokio::test]
async fn a_page_of_an_origin_that_is_not_listed_gets_in_nowhere() {
    let lines = format!("allowed_origins = ['{LISTED}']");
    let instance = TestInstance::exempt(&lines).await;
    let session = Polling::open(instance.address).await;
    for door in doors(&session) {
        let others = OTHERS.iter().map(std::slice::from_ref);
        for origins in others.chain([&[LISTED, OTHERS[0]][..], &[LISTED, LISTED]]) {
            let answer = door.knock(&instance, origins).await;
            let what = format!("{} of {origins:?}: {answer}", door.line);
            assert_eq!(answer.status, 403, "{what}");
            assert!(answer.body.contains(r#""code":"forbidden""#), "{what}");
            assert_eq!(answer.header("access-control-allow-origin"), None, "{what}");
        }
    }
    let mut program = Http::connect(instance.address).await;
    let registered = parse(&program.ask(&register("Ada")).await);
    assert_eq!(registered["id"], 1, "somebody else was registered");
    drop(session);
    instance.stop().await;
}

#[tokio::test]
async fn a_page_of_a_listed_origin_gets_in_everywhere_and_no_cache_confuses_it_with_another() {
    let lines = format!("allowed_origins = ['{LISTED}']");
    let instance = TestInstance::exempt(&lines).await;
    let session = Polling::open(instance.address).await;
    for door in doors(&session) {
        let answer = door.knock(&instance, &[LISTED]).await;
        let what = format!("{}: {answer}", door.line);
        assert_ne!(answer.status, 403, "{what}");
        let header = |name| answer.header(name).unwrap_or_default();
        assert_eq!(header("access-control-allow-origin"), LISTED, "{what}");
        assert!(header("vary").eq_ignore_ascii_case("origin"), "{what}");
        let credentials = answer.header("access-control-allow-credentials");
        assert_eq!(credentials, None, "{what}");
    }
    drop(session);
    instance.stop().await;
}
