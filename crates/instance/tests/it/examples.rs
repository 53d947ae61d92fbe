//! The examples of `docs/protocol.md`: every block of JSON there is what the instance accepts or says.

use std::collections::{BTreeMap, BTreeSet};

use nile_protocol::code::Code;
use serde_json::Value;

use crate::support::{
    Asks, Connects, TestInstance,
    http::{Http, JSON},
    request::{PATH, parse},
    socketio::{SocketIo, event},
    websocket::Raw,
};

const DOCUMENT: &str = include_str!("../../../../docs/protocol.md");

/// What stands before each block: `<!-- example: NAME -->`.
const TAG: (&str, &str) = ("<!-- example: ", " -->");

/// The blocks by name, and what stands in them for tokens that the instance gave.
struct Examples {
    blocks: BTreeMap<&'static str, &'static str>,
    used: BTreeSet<&'static str>,
    /// The token on the page, and the one that is meant.
    tokens: Vec<(String, String)>,
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
            tokens: Vec::new(),
        }
    }

    /// The text of an example, with live tokens.
    fn text(&mut self, name: &'static str) -> String {
        self.used.insert(name);
        let block = self.blocks.get(name);
        let block = *block.unwrap_or_else(|| panic!("there is no example {name}"));
        let live = |text: String, (shown, live): &(String, String)| text.replace(shown, live);
        self.tokens.iter().fold(block.to_owned(), live)
    }

    /// The answer has to be the example. A token that is new in it is the page's from now on.
    fn check(&mut self, name: &'static str, answer: &str) {
        let mut expected = parse(&self.text(name));
        let answer = parse(answer);
        let (shown, live) = (token(&expected), token(&answer));
        if let (Some(shown), Some(live)) = (shown, live)
            && shown != live
        {
            assert_eq!(shown.len(), live.len(), "{name} has a token like ours");
            self.tokens.push((shown, live));
            expected = parse(&self.text(name));
        }
        assert_eq!(answer, expected, "{name}");
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

fn token(body: &Value) -> Option<String> {
    body.pointer("/parameters/token")?
        .as_str()
        .map(str::to_owned)
}

#[tokio::test]
async fn the_examples_of_the_page_are_what_the_instance_says() {
    let instance = TestInstance::start().await;
    let examples = &mut Examples::read();
    let mut party = SocketIo::open(instance.address).await;
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
    examples.ask(&mut party, "forward", "no-forward").await;
    to_node(examples, &mut party).await;
    as_node(examples, &instance).await;
    assert_eq!(examples.unused(), [""; 0], "nothing checks these");
    drop(party);
    instance.stop().await;
}

async fn over_http(examples: &mut Examples, instance: &TestInstance) {
    let mut http = Http::connect(instance.address).await;
    let token = &examples.tokens[0].1;
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

/// The examples of nodes, on a connection of its own.
async fn as_node(examples: &mut Examples, instance: &TestInstance) {
    let mut party = SocketIo::open(instance.address).await;
    for (request, answer) in [
        ("register-node", "node-registered"),
        ("login-node", "node-logged"),
        ("bad-hash", "bad-hash-failed"),
    ] {
        let heard = say(examples, &mut party, "node.to.instance", request).await;
        assert_eq!(heard.0, "instace.to.node");
        examples.check(answer, &heard.1);
    }
}

async fn to_node(examples: &mut Examples, party: &mut SocketIo) {
    let heard = say(examples, party, "client.to.node", "message-to-node").await;
    assert_eq!(heard.0, "instace.to.client");
    examples.check("no-messages", &heard.1);
}

/// Sends one example on a channel: the event that answers it, and its body.
async fn say(
    examples: &mut Examples,
    party: &mut SocketIo,
    channel: &str,
    request: &'static str,
) -> (String, String) {
    let packet = event(channel, &examples.text(request));
    party.socket.say(&packet).await;
    party.event().await
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
