//! Parties that get, use, exchange and lose tokens on every way in, and put them where they do not belong.

use std::net::SocketAddr;

use fastrand::Rng;
use futures_util::SinkExt;
use tokio::{io::AsyncWriteExt, net::TcpStream};
use tokio_tungstenite::tungstenite::Message;

use super::MARK;
use crate::support::{
    Asks, Connects,
    http::{Http, JSON},
    polling::Polling,
    process::TestProcess,
    request::{PATH, PING, delete, login, register, rotate_token, token_in, update},
    socketio::{SocketIo, event},
    websocket::Raw,
};

pub(super) struct Town {
    pub(super) server: TestProcess,
    /// Every token that was ever given.
    pub(super) tokens: Vec<String>,
    /// How many requests there have been.
    pub(super) asked: u64,
    /// Tokens of clients that are there.
    clients: Vec<String>,
    nodes: Vec<String>,
    rng: Rng,
}

impl Town {
    /// Whose process logs everything, in this format.
    pub(super) async fn found(format: &str, seed: u64) -> Self {
        let variables = [
            ("NILE_LOG_LEVEL", "trace"),
            ("NILE_LOG_FORMAT", format),
            ("NILE_LIMITS_EXEMPT", "127.0.0.0/8"),
        ];
        let mut town = Self {
            server: TestProcess::start(&variables).await,
            tokens: Vec::new(),
            asked: 0,
            clients: Vec::new(),
            nodes: Vec::new(),
            rng: Rng::with_seed(seed),
        };
        town.register().await;
        town.register_node().await;
        town
    }

    pub(super) async fn act(&mut self) {
        match self.rng.u8(..12) {
            0 => self.register().await,
            1 => self.register_node().await,
            2 => self.rotate().await,
            3 => self.leave().await,
            4 => self.come_and_change().await,
            5 => self.send().await,
            6 | 7 => self.misplace().await,
            8 | 9 => self.mislead_http().await,
            10 => self.break_off().await,
            _ => self.break_rules().await,
        }
    }

    fn address(&self) -> SocketAddr {
        self.server.address
    }

    fn client(&mut self) -> String {
        self.rng.choice(&self.clients).unwrap().clone()
    }

    fn node(&mut self) -> String {
        self.rng.choice(&self.nodes).unwrap().clone()
    }

    fn anybody(&mut self) -> String {
        if self.rng.bool() {
            self.client()
        } else {
            self.node()
        }
    }

    /// Asks on a new connection of any kind.
    async fn ask(&mut self, request: &str) -> String {
        self.asked += 1;
        let address = self.address();
        match self.rng.u8(..4) {
            0 => SocketIo::open(address).await.ask(request).await,
            1 => Raw::open(address).await.ask(request).await,
            2 => Polling::open(address).await.ask(request).await,
            _ => Http::connect(address).await.ask(request).await,
        }
    }

    async fn http(&mut self, line: &str, headers: &[(&str, &str)], body: &str) -> String {
        self.asked += 1;
        let mut http = Http::connect(self.address()).await;
        http.request(line, headers, body).await.to_string()
    }

    /// What gives no token shows none.
    fn shows_none(&self, answer: &str) {
        let shown = self
            .tokens
            .iter()
            .find(|token| answer.contains(&token[6..]));
        assert_eq!(shown, None, "{answer}");
    }

    async fn tell(&mut self, request: &str) {
        let answer = self.ask(request).await;
        self.shows_none(&answer);
    }

    async fn register(&mut self) {
        let token = token_in(&self.ask(&register(MARK)).await);
        self.tokens.push(token.clone());
        self.clients.push(token);
    }

    async fn register_node(&mut self) {
        let body = format!(
            r#"{{"action":"register","parameters":{{"hash":"{HASH}","information":{{"name":"{MARK}"}}}}}}"#
        );
        self.asked += 1;
        let mut http = Http::connect(self.address()).await;
        let line = format!("PUT {NODE_PATH}");
        let answer = http.request(&line, &[JSON], &body).await;
        let token = token_in(&answer.body);
        self.tokens.push(token.clone());
        self.nodes.push(token);
    }

    /// The old token works until the new one is used, if ever.
    async fn rotate(&mut self) {
        let token = self.client();
        let new = token_in(&self.ask(&rotate_token(&token)).await);
        self.tokens.push(new.clone());
        if self.rng.bool() {
            self.tell(&login(&new)).await;
            self.clients.retain(|live| *live != token);
            self.clients.push(new);
            self.tell(&login(&token)).await;
        }
    }

    async fn leave(&mut self) {
        if self.clients.len() > 1 {
            let token = self.client();
            self.tell(&delete(&token)).await;
            self.clients.retain(|live| *live != token);
            self.tell(&login(&token)).await;
        }
    }

    async fn come_and_change(&mut self) {
        let token = self.client();
        self.tell(&login(&token)).await;
        self.tell(&update(&token, MARK)).await;
        let mut wrong = token;
        let last = if wrong.ends_with('A') { 'E' } else { 'A' };
        wrong.pop();
        wrong.push(last);
        self.tell(&login(&wrong)).await;
    }

    /// From a client to a node that removes it again, so that no queue is full.
    async fn send(&mut self) {
        let (client, node) = (self.client(), self.node());
        let number = node.split('_').nth(1).unwrap();
        let message = format!(
            r#"{{"action":"queue","parameters":"an order","recipient":{number},"authentication":{{"token":"{client}"}}}}"#
        );
        self.tell(&message).await;
        let line = format!("POST {NODE_PATH}");
        let page = self.http(&line, &[JSON], &login(&node)).await;
        self.shows_none(&page);
        let queue_id = page.split(r#""queue_id":"#).nth(1);
        let queue_id = queue_id
            .and_then(|rest| rest.split(',').next())
            .unwrap_or("1");
        let done = format!(
            r#"{{"action":"processQueue","parameters":{{"queue_id":{queue_id}}},"token":"{node}"}}"#
        );
        let left = self.http(&line, &[JSON], &done).await;
        self.shows_none(&left);
    }

    /// A token that stands where none belongs.
    async fn misplace(&mut self) {
        let token = self.anybody();
        let wrong = format!("nlc_1_{}", "A".repeat(43));
        let requests = [
            format!(r#"{{"action":"{token}"}}"#),
            format!(r#"{{"action":"login","parameters":"{token}"}}"#),
            format!(r#"{{"action":"login","token":["{token}"]}}"#),
            format!(r#"{{"action":"login","parameters":{{"token":"{token}"}},"token":"{wrong}"}}"#),
            format!(r#"{{"action":"login","token":" {token}"}}"#),
            format!(
                r#"{{"action":"update","parameters":{{"token":"{token}","information":"{token}"}}}}"#
            ),
            format!(r#"{{"action":"login","token":"{token}","parameters":{{"limit":"{token}"}}}}"#),
            format!(r#"{{"action":"forward","recipient":"{token}","parameters":1}}"#),
            format!(r#"{{"action":"queue","recipient":["{token}"],"token":"{token}"}}"#),
            format!(
                r#"{{"action":"processQueue","parameters":{{"queue_ids":["{token}"]}},"token":"{token}"}}"#
            ),
            format!(
                r#"{{"action":"messageStatus","parameters":{{"id":"{token}"}},"token":"{token}"}}"#
            ),
            format!(r#"{{"action":"ping","{token}":"{token}"}}"#),
            format!(r#"{{"action":"login","token":"{token}","token":"{token}"}}"#),
        ];
        let request = self.rng.choice(&requests).unwrap();
        self.tell(request).await;
    }

    /// A token in the places that HTTP has besides.
    async fn mislead_http(&mut self) {
        let token = self.anybody();
        let bearer = format!("Bearer {token}");
        let basic = format!("Basic {token}");
        let kind = format!("application/json; {token}");
        let post = format!("POST {PATH}");
        let whole = login(&token);
        let requests: [Request<'_>; 17] = [
            (&format!("{post}?token={token}"), &[JSON], PING),
            (&format!("POST /{token}"), &[JSON], PING),
            (&format!("GET /ws?token={token}"), &[], ""),
            (
                &format!("GET /socket.io/?EIO=4&transport=polling&sid={token}"),
                &[],
                "",
            ),
            (
                &format!("GET /socket.io/?EIO={token}&transport={token}"),
                &[],
                "",
            ),
            (&post, &[JSON, ("authorization", &bearer)], PING),
            (
                &post,
                &[JSON, ("authorization", &basic)],
                r#"{"action":"login"}"#,
            ),
            (&post, &[JSON, ("origin", &token), ("cookie", &token)], PING),
            (
                &post,
                &[JSON, ("x-forwarded-for", &token), ("forwarded", &token)],
                PING,
            ),
            (&post, &[("content-type", &kind)], &whole),
            (&post, &[("content-type", &token)], &whole),
            (&post, &[JSON, ("content-encoding", "gzip")], &whole),
            (&post, &[JSON], &whole[..whole.len() - 1]),
            (&format!("PUT {PATH}"), &[JSON], &whole),
            (&format!("DELETE {PATH}"), &[("authorization", &bearer)], ""),
            (
                &format!("GET {PATH}/events?wait={token}"),
                &[("authorization", &bearer)],
                "",
            ),
            (
                &format!("GET {PATH}/events?wait=0"),
                &[("authorization", &bearer), ("last-event-id", &token)],
                "",
            ),
        ];
        let (line, headers, body) = *self.rng.choice(&requests).unwrap();
        let answer = self.http(line, headers, body).await;
        self.shows_none(&answer);
        let pages = ["/", "/healthz", "/readyz", "/metrics", "/admin", "/debug"];
        let page = self.rng.choice(pages).unwrap();
        let page = self.http(&format!("GET {page}"), &[], "").await;
        self.shows_none(&page);
    }

    /// Leaves in the middle of a request with a token.
    async fn break_off(&mut self) {
        self.asked += 1;
        let body = login(&self.anybody());
        let length = body.len() + 1;
        let whole = format!(
            "POST {PATH} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
        );
        let end = self.rng.usize(1..=whole.len());
        let mut stream = TcpStream::connect(self.address()).await.unwrap();
        stream.write_all(&whole.as_bytes()[..end]).await.unwrap();
    }

    /// Has its connection closed, for a packet with a token.
    async fn break_rules(&mut self) {
        self.asked += 1;
        let token = self.anybody();
        let mut party = SocketIo::open(self.address()).await;
        let packets = [
            format!("9{token}"),
            format!("4{token}"),
            format!(r#"42["client.to.instance",{{"token":"{token}"]"#),
            format!("41/{token},"),
            format!(r#"451-["{token}"]"#),
            event(
                "client.to.instance",
                &format!(r#""{token}{}""#, "x".repeat(70_000)),
            ),
        ];
        let packet = self.rng.choice(&packets).unwrap();
        let ping = event("client.to.instance", PING);
        for text in [packet, &ping] {
            // It may have been closed already.
            party.socket.stream.send(Message::text(text)).await.ok();
        }
        // It may also go on.
        if let Ok(answer) = party.next().await {
            self.shows_none(&answer);
        }
    }
}

/// A line, headers, and a body.
type Request<'a> = (&'a str, &'a [(&'a str, &'a str)], &'a str);

const NODE_PATH: &str = "/node/to/instance";
const HASH: &str = "QmNLfbof5rLekrACjeuLk9JmGZD2HDBHCU4z16iYKmx5SE";
