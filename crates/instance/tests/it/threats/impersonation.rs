//! Messages that claim to be somebody else's: whoever gets one is told who sent it.

use fastrand::Rng;
use serde_json::{Value, json};

use crate::support::{
    Asks, Connects, TestInstance, factor,
    http::{Http, JSON},
    request::{REGISTER_NODE, client_of, parse, token_in},
    seed,
    websocket::Raw,
};

/// How many messages are sent; `NILE_TEST_FACTOR` multiplies it.
const MESSAGES: u64 = 200;

const CLIENTS: i64 = 3;

/// What a message could say of its sender, in any of its objects.
const CLAIMS: [&str; 9] = [
    "sender",
    "sender_kind",
    "from",
    "party",
    "client_id",
    "ws_id",
    "queue_id",
    "id_of_sender",
    "channel",
];

/// Someone who sends, and a number by which others know it.
struct Sender {
    line: Raw,
    token: String,
    number: i64,
}

struct Liar {
    rng: Rng,
    senders: Vec<Sender>,
}

impl Liar {
    /// Adds claims to an object that has its own members already.
    fn lie(&mut self, mut object: Value) -> Value {
        let members = object.as_object_mut().unwrap();
        for claim in CLAIMS {
            if self.rng.bool() {
                let number = self.rng.i64(1..=CLIENTS);
                let values = [json!(number), json!("node"), json!({ "sender": number })];
                let value = self.rng.choice(values).unwrap();
                members.entry(claim).or_insert(value);
            }
        }
        object
    }

    /// Sends a message from anybody, and returns whose it is, its channel's request and its content.
    async fn send(&mut self) -> (i64, Value) {
        let from = self.rng.usize(..self.senders.len());
        let (number, token) = {
            let sender = &self.senders[from];
            (sender.number, sender.token.clone())
        };
        let content = self.lie(json!({ "truth": number }));
        let mut recipient = json!({ "recipient": 1 });
        if self.rng.bool() {
            recipient = self.lie(recipient);
        }
        let (channel, action) = if self.rng.bool() {
            ("client.to.node", "order")
        } else {
            ("client.to.instance", "queue")
        };
        let mut body = json!({ "action": action, "parameters": content, "recipient": recipient });
        // With a token it may come on anybody's connection.
        let mut on = from;
        if self.rng.bool() {
            let proof = self.lie(json!({ "token": token }));
            body["authentication"] = proof;
            on = self.rng.usize(..self.senders.len());
        }
        let mut body = self.lie(body);
        // That is a member of the request itself; a client answers nothing.
        body.as_object_mut().unwrap().remove("queue_id");
        let frame = format!(r#"{{"event":"{channel}","body":{body}}}"#);
        let line = &mut self.senders[on].line;
        line.socket.say(&frame).await;
        let answer = loop {
            let heard = line.socket.hear().await;
            // Who is online is told when it likes.
            if !heard.contains("updateOnlineNodes") {
                break heard;
            }
        };
        assert!(
            answer.contains(r#""forwarded""#) || answer.contains(r#""queued""#),
            "{frame}: {answer}"
        );
        (number, content)
    }
}

/// A push and a row of the queue have these members alone, but for what a push shows of its content.
fn check(told: &Value, number: i64, content: &Value) {
    assert_eq!(told["sender"], number, "{told}");
    assert_eq!(told["sender_kind"], "client", "{told}");
    let carried = &told["content"];
    let carried = carried.get("parameters").unwrap_or(carried);
    assert_eq!(carried, content, "{told}");
    let known = [
        "action",
        "content",
        "parameters",
        "queue_id",
        "queued_at",
        "recipient",
        "sender",
        "sender_kind",
        "ws_id",
    ];
    for member in told.as_object().unwrap().keys() {
        assert!(known.contains(&member.as_str()), "{told}");
    }
}

#[tokio::test]
async fn whatever_a_message_claims_its_sender_is_who_sent_it() {
    let seed = seed();
    let repeat = format!("repeat with NILE_TEST_SEED={seed}");
    let instance = TestInstance::start().await;
    let mut http = Http::connect(instance.address).await;
    let line = "PUT /node/to/instance";
    let node = http.request(line, &[JSON], REGISTER_NODE).await;
    let node = token_in(&node.body);
    let mut shop = Raw::open(instance.address).await;
    let as_node = |body: String| format!(r#"{{"event":"node.to.instance","body":{body}}}"#);
    let login = as_node(format!(r#"{{"action":"login","token":"{node}"}}"#));
    shop.socket.say(&login).await;
    assert!(shop.socket.hear().await.contains("logged"));

    let mut senders = Vec::new();
    for _ in 0..CLIENTS {
        let mut line = Raw::open(instance.address).await;
        let token = line.enter().await;
        let number = client_of(&token).number();
        senders.push(Sender {
            line,
            token,
            number,
        });
    }
    let rng = Rng::with_seed(seed);
    let mut liar = Liar { rng, senders };
    for _ in 0..MESSAGES * factor() {
        let (number, content) = liar.send().await;
        let push = parse(&shop.socket.hear().await);
        assert_eq!(push["event"], "client.to.node", "{repeat}: {push}");
        check(&push["body"], number, &content);
        // Where the push is looked at alone, the queue says the same.
        let page = http
            .request(
                "POST /node/to/instance",
                &[JSON],
                &format!(r#"{{"action":"login","token":"{node}"}}"#),
            )
            .await;
        let page = parse(&page.body);
        assert_eq!(page["total"], 1, "{repeat}: {page}");
        check(&page["queue"][0], number, &content);
        let done = as_node(format!(
            r#"{{"action":"processQueue","parameters":{{"queue_id":{},"limit":0}}}}"#,
            push["body"]["queue_id"]
        ));
        shop.socket.say(&done).await;
        let left = shop.socket.hear().await;
        assert!(left.contains(r#""total":0"#), "{repeat}: {left}");
    }
    drop((liar, shop));
    instance.stop().await;
}
