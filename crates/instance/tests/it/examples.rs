//! The examples of `docs/protocol.md`: every block of JSON there is what the instance accepts or says.

use std::collections::{BTreeMap, BTreeSet};

use nile_protocol::code::Code;
use serde_json::Value;

use crate::support::{
    Asks, Connects, TestInstance,
    http::{Http, JSON},
    request::{LOGOUT, PATH, parse},
    socketio::{SocketIo, event},
    websocket::Raw,
};

const DOCUMENT: &str = include_str!("../../../../docs/protocol.md");

/// What stands before each block: `<!-- example: NAME -->`.
const TAG: (&str, &str) = ("<!-- example: ", " -->");

/// Members whose values differ from run to run.
const CHOSEN: [&str; 4] = ["token", "ws_id", "queued_at", "since"];

/// The blocks by name, and what stands in them for what the instance chose.
struct Examples {
    blocks: BTreeMap<&'static str, &'static str>,
    used: BTreeSet<&'static str>,
    /// What is on the page, and what is meant: tokens, WebSocket IDs, times.
    chosen: Vec<(String, String)>,
}

impl Examples {
    /// Reads the page; a block of JSON without a name of its own is a mistake.
    fn read() -> Self {
        let mut blocks = BTreeMap::new();
        for part in DOCUMENT.split("```json\n").skip(1) {
            let (block, _) = part.split_once("\n```").expect("a block ends");
            let before = &DOCUMENT[..block.as_ptr() as usize - DOCUMENT.as_ptr() as usize];
            let tag = before.lines().rev().nth(1).unwrap_or_default();
            let name = tag
                .strip_prefix(TAG.0)
                .and_then(|tag| tag.strip_suffix(TAG.1));
            let name = name.unwrap_or_else(|| panic!("no name above: {block}"));
            assert!(blocks.insert(name, block).is_none(), "{name} comes twice");
        }
        Self {
            blocks,
            used: BTreeSet::new(),
            chosen: Vec::new(),
        }
    }

    /// The text of an example, with live values.
    fn text(&mut self, name: &'static str) -> String {
        self.used.insert(name);
        let block = self.blocks.get(name);
        let block = *block.unwrap_or_else(|| panic!("there is no example {name}"));
        let live = |text: String, (shown, live): &(String, String)| text.replace(shown, live);
        self.chosen.iter().fold(block.to_owned(), live)
    }

    /// The answer has to be the example. What the instance chose in it is the page's from now on.
    fn check(&mut self, name: &'static str, answer: &str) {
        let expected = parse(&self.text(name));
        let answer = parse(answer);
        self.learn(&expected, &answer);
        assert_eq!(answer, parse(&self.text(name)), "{name}");
    }

    fn learn(&mut self, shown: &Value, live: &Value) {
        match (shown, live) {
            (Value::Object(shown), Value::Object(live)) => {
                for (key, value) in shown {
                    match live.get(key) {
                        Some(live) if CHOSEN.contains(&key.as_str()) => self.choose(value, live),
                        Some(live) => self.learn(value, live),
                        None => {}
                    }
                }
            }
            (Value::Array(shown), Value::Array(live)) => {
                for (shown, live) in shown.iter().zip(live) {
                    self.learn(shown, live);
                }
            }
            _ => {}
        }
    }

    fn choose(&mut self, shown: &Value, live: &Value) {
        if shown == live {
            return;
        }
        let [shown, live] = [shown, live].map(|value| match value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        });
        assert_eq!(shown.len(), live.len(), "{shown} is like {live}");
        self.chosen.push((shown, live));
    }

    /// Sends one example; the answer has to be the other.
    async fn ask(&mut self, party: &mut impl Asks, request: &'static str, answer: &'static str) {
        let heard = party.ask(&self.text(request)).await;
        self.check(answer, &heard);
    }

    fn unused(&self) -> Vec<&str> {
        let unused = self.blocks.keys().filter(|name| !self.used.contains(*name));
        unused.copied().collect()
    }
}

/// A party that passes over news of nodes, which come when they like.
struct Incurious(SocketIo);

impl Incurious {
    async fn hear(&mut self) -> (String, String) {
        loop {
            let (name, body) = self.0.event().await;
            let told = parse(&body);
            if told["action"] != "updateOnlineNodes" || told.get("id").is_some() {
                return (name, body);
            }
        }
    }
}

impl Asks for Incurious {
    async fn ask(&mut self, request: &str) -> String {
        self.0.emit(request).await;
        self.hear().await.1
    }
}

#[tokio::test]
async fn the_examples_of_the_page_are_what_the_instance_says() {
    let instance = TestInstance::start().await;
    let examples = &mut Examples::read();
    let mut party = Incurious(SocketIo::open(instance.address).await);
    examples.ask(&mut party, "register", "registered").await;
    examples
        .ask(&mut party, "token-in-parameters", "logged")
        .await;
    examples
        .ask(&mut party, "token-in-authentication", "logged")
        .await;
    examples
        .ask(&mut party, "token-in-envelope", "logged")
        .await;
    over_http(examples, &instance).await;
    over_websocket(examples, &instance).await;
    order_and_answer(examples, &instance, &mut party).await;
    examples.ask(&mut party, "update", "updated").await;
    examples.ask(&mut party, "logout", "logged-out").await;
    examples
        .ask(&mut party, "rotate-token", "token-rotated")
        .await;
    examples.ask(&mut party, "delete", "deleted").await;
    examples.ask(&mut party, "ping", "pinged").await;
    examples
        .ask(&mut party, "wrong-token", "login-failed")
        .await;
    examples
        .ask(&mut party, "bad-name", "register-failed")
        .await;
    examples.ask(&mut party, "unknown-action", "error").await;
    assert_eq!(examples.unused(), [""; 0], "nothing checks these");
    drop(party);
    instance.stop().await;
}

async fn over_http(examples: &mut Examples, instance: &TestInstance) {
    let mut http = Http::connect(instance.address).await;
    let token = &examples.chosen[0].1;
    let bearer = format!("Bearer {token}");
    let headers = [JSON, ("authorization", &bearer)];
    let line = format!("POST {PATH}");
    let login = r#"{"action":"login"}"#;
    let answer = http.request(&line, &headers, login).await;
    assert_eq!(answer.status, 200);
    examples.check("http-logged", &answer.body);

    let wrong = examples.text("wrong-token");
    let answer = http.call("POST", &wrong).await;
    assert_eq!(answer.status, 401);
    examples.check("http-problem", &answer.body);
}

async fn over_websocket(examples: &mut Examples, instance: &TestInstance) {
    let mut party = Raw::open(instance.address).await;
    party.socket.say(&examples.text("frame")).await;
    let heard = party.socket.hear().await;
    examples.check("frame-answered", &heard);
}

/// The examples of nodes and messages: an order that waits for a shop, its answer, and what both ask about it.
async fn order_and_answer(
    examples: &mut Examples,
    instance: &TestInstance,
    client: &mut Incurious,
) {
    let mut node = SocketIo::open(instance.address).await;
    for (request, answer) in [
        ("register-node", "node-registered"),
        ("login-node", "node-logged"),
        ("bad-hash", "bad-hash-failed"),
    ] {
        say(examples, &mut node, request, answer).await;
    }
    node.socket.say(&event(AS_NODE, LOGOUT)).await;
    node.event().await;

    let order = event(TO_NODE, &examples.text("order"));
    client.0.socket.say(&order).await;
    examples.check("order-stored", &client.hear().await.1);
    say(examples, &mut node, "login-node", "node-logged-pending").await;
    examples.ask(client, "nodes", "nodes-told").await;
    // It is pushed before its sender is answered.
    say(examples, &mut node, "answer", "answered").await;
    let (name, body) = client.hear().await;
    assert_eq!(name, "node.to.client");
    examples.check("pushed", &body);
    examples.ask(client, "status", "status-told").await;
    examples.ask(client, "process", "processed").await;
    examples.ask(client, "subscribe", "subscribed").await;

    examples.ask(client, "forward", "forwarded").await;
    let (name, body) = node.event().await;
    assert_eq!(name, TO_NODE);
    examples.check("forward-heard", &body);

    examples.ask(client, "queue", "queued").await;
    examples.ask(client, "withdraw", "withdrawn").await;
    let told = parse(&client.hear().await.1);
    assert_eq!(told["parameters"]["state"], "withdrawn");
}

const TO_NODE: &str = "client.to.node";
const AS_NODE: &str = "node.to.instance";

/// Sends one example as a node; the answer has to be the other.
async fn say(
    examples: &mut Examples,
    party: &mut SocketIo,
    request: &'static str,
    answer: &'static str,
) {
    let packet = event(AS_NODE, &examples.text(request));
    party.socket.say(&packet).await;
    let (name, body) = party.event().await;
    assert_eq!(name, "instace.to.node");
    examples.check(answer, &body);
}

/// The table of refusals has every code that the snapshot of the wire has, with each of its statuses.
#[test]
fn the_table_of_refusals_has_every_code_and_status_that_can_be_met() {
    let snapshot = include_str!("snapshots/it__wire__refusals.snap");
    let mut rows = 0;
    for refusal in snapshot.split("\n\n") {
        for code in Code::ALL {
            let named = format!(r#""code":"{code}""#);
            let http = |line: &&str| line.starts_with("  HTTP ") && line.contains(&named);
            let Some(cell) = refusal.lines().find(http) else {
                continue;
            };
            let status = cell.split_whitespace().nth(1).unwrap();
            let begin = format!("| `{code}` |");
            let row = DOCUMENT.lines().find(|line| line.starts_with(&begin));
            let row = row.unwrap_or_else(|| panic!("{code} is not in the table"));
            assert!(row.contains(status), "{status} is not in: {row}");
            rows += 1;
        }
    }
    assert!(rows > 20, "the snapshot was not understood");
}
