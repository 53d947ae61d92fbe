//! Logging in at the moment a message comes: it is in the page, or it is pushed, and never neither.

use futures_util::future::join;
use serde_json::{Value, json};

use crate::support::{
    TestInstance, factor,
    request::{REGISTER_NODE, parse, register, token_in},
    websocket::WebSocket,
    within,
};

/// How many rounds there are; `NILE_TEST_FACTOR` multiplies it.
const ROUNDS: u64 = 2_000;

/// A connection on `/ws`.
struct Party(WebSocket);

impl Party {
    async fn open(instance: &TestInstance) -> Self {
        Self(WebSocket::connect(instance.address, "/ws").await)
    }

    async fn say(&mut self, channel: &str, body: &Value) {
        let frame = json!({ "event": channel, "body": body });
        self.0.say(&frame.to_string()).await;
    }

    /// The body of the next message.
    async fn hear(&mut self) -> Value {
        parse(&self.0.hear().await)["body"].take()
    }

    async fn ask(&mut self, channel: &str, body: &Value) -> Value {
        self.say(channel, body).await;
        self.hear().await
    }

    /// Logs in, and hears until it has this message: how often it came.
    async fn find(&mut self, login: &Value, queue_id: i64) -> usize {
        let logged = self.hear().await;
        assert_eq!(logged["action"], "logged", "{login}: {logged}");
        let rows = logged["parameters"]["queue"].as_array().unwrap();
        let mut times = rows
            .iter()
            .filter(|row| row["queue_id"] == queue_id)
            .count();
        while times == 0 {
            times += usize::from(self.hear().await["queue_id"] == queue_id);
        }
        // What was pushed besides comes before the second answer.
        for _ in 0..2 {
            self.say(AS_NODE, &json!({ "action": "ping" })).await;
            loop {
                let heard = self.hear().await;
                times += usize::from(heard["queue_id"] == queue_id);
                if heard["action"] == "pinged" {
                    break;
                }
            }
        }
        times
    }
}

const AS_NODE: &str = "node.to.instance";

/// It logs in a little sooner or later, round by round.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_login_between_storing_and_pushing_does_not_miss_the_message() {
    let instance = TestInstance::exempt("").await;
    let mut client = Party::open(&instance).await;
    let registered = client
        .ask("client.to.instance", &parse(&register("Ada")))
        .await;
    let client_token = token_in(&registered.to_string());
    let registered = client.ask(AS_NODE, &parse(REGISTER_NODE)).await;
    let login = json!({ "action": "login", "token": token_in(&registered.to_string()) });

    let mut node = Party::open(&instance).await;
    for round in 0..ROUNDS * factor() {
        let order = json!({
            "action": "order", "recipient": 1, "parameters": { "round": round }, "token": client_token
        });
        let sending = async {
            client.say("client.to.node", &order).await;
            client.hear().await
        };
        let logging_in = async {
            for _ in 0..round % 40 {
                tokio::task::yield_now().await;
            }
            node.say(AS_NODE, &login).await;
        };
        let (sent, ()) = within("a round", join(sending, logging_in)).await;
        let queue_id = sent["parameters"]["queue_id"].as_i64();
        let queue_id = queue_id.unwrap_or_else(|| panic!("{sent}"));
        assert_eq!(
            node.find(&login, queue_id).await,
            1,
            "{queue_id} in round {round}"
        );
        let process = json!({ "action": "processQueue", "parameters": { "queue_id": queue_id } });
        let processed = node.ask(AS_NODE, &process).await;
        assert_eq!(processed["parameters"]["total"], 0, "{processed}");
        let logged_out = node.ask(AS_NODE, &json!({ "action": "logout" })).await;
        assert_eq!(logged_out["action"], "loggedOut");
    }
}
