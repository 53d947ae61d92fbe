//! Tokens that are tried without end: none opens anything, and nothing grows.
//!
//! The limits, which would end this after a few, do not count here. How long honest logins take meanwhile is
//! measured by `make siege`.

use fastrand::Rng;
use futures_util::future::join_all;

use crate::support::{
    Asks, Connects, factor,
    process::TestProcess,
    request::{action_of, delete, login},
    socketio::SocketIo,
    websocket::Raw,
};

/// How many tokens are tried; `NILE_TEST_FACTOR` multiplies it.
const TRIED: u64 = 10_000;

/// How many try them at once, two ways.
const GUESSERS: u64 = 4;

/// How many clients there are, and how many there were.
const CLIENTS: usize = 20;

/// How many bytes of memory all of it may cost.
const MOST: u64 = 20 * 1024 * 1024;

const BASE64URL: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// Tokens of clients that there are, and of some that there are no more.
struct Known {
    live: Vec<String>,
    dead: Vec<String>,
}

impl Known {
    /// A token that opens nothing, and is close to one that does.
    fn guess(&self, rng: &mut Rng) -> String {
        let of = rng.usize(..self.live.len());
        let (owner, secret) = split(&self.live[of]);
        match rng.u8(..5) {
            0 => format!("{owner}_{}", random_secret(rng)),
            1 => {
                let other = (of + rng.usize(1..self.live.len())) % self.live.len();
                format!("{}_{secret}", split(&self.live[other]).0)
            }
            2 => format!("nlc_{}_{secret}", rng.u64(1..=1 << 53)),
            3 => rng.choice(&self.dead).unwrap().clone(),
            _ => {
                let mut secret = secret.as_bytes().to_vec();
                let at = rng.usize(..secret.len());
                let others: Vec<_> = BASE64URL
                    .iter()
                    .filter(|&&byte| byte != secret[at])
                    .collect();
                secret[at] = **rng.choice(&others).unwrap();
                format!("{owner}_{}", String::from_utf8(secret).unwrap())
            }
        }
    }
}

/// Whose a token is, and what is secret of it.
fn split(token: &str) -> (&str, &str) {
    let (owner, secret) = token.split_at(token.len() - 44);
    (owner, &secret[1..])
}

fn random_secret(rng: &mut Rng) -> String {
    let mut byte = || *rng.choice(BASE64URL).unwrap();
    (0..43).map(|_| char::from(byte())).collect()
}

async fn try_tokens<P: Connects>(server: &TestProcess, known: &Known, times: u64, mut rng: Rng) {
    let mut line = P::open(server.address).await;
    for _ in 0..times {
        let token = known.guess(&mut rng);
        let answer = line.ask(&login(&token)).await;
        assert!(answer.contains("invalid_token"), "{token}: {answer}");
    }
}

#[tokio::test]
async fn whoever_tries_tokens_without_end_opens_nothing_and_costs_no_memory() {
    let all = TRIED * factor();
    let server = TestProcess::start(&[("NILE_LIMITS_EXEMPT", "127.0.0.0/8")]).await;
    let mut honest = Raw::open(server.address).await;
    let (mut live, mut dead) = (Vec::new(), Vec::new());
    for _ in 0..CLIENTS {
        live.push(honest.register().await);
        let token = honest.register().await;
        assert_eq!(action_of(&honest.ask(&delete(&token)).await), "deleted");
        dead.push(token);
    }
    let known = Known { live, dead };
    let mut rng = Rng::new();
    let mut before = None;
    // The first tenth has the process take what memory it needs at all.
    for _ in 0..10 {
        let each = all / 10 / GUESSERS;
        let guessers = join_all((0..GUESSERS / 2).map(|_| {
            let (one, other) = (rng.fork(), rng.fork());
            let (server, known) = (&server, &known);
            async move {
                tokio::join!(
                    try_tokens::<Raw>(server, known, each, one),
                    try_tokens::<SocketIo>(server, known, each, other)
                )
            }
        }));
        let logins = async {
            for token in &known.live {
                honest.login(token).await;
            }
        };
        tokio::join!(guessers, logins);
        before.get_or_insert(server.process.memory().now);
    }
    let grown = server.process.memory().most.saturating_sub(before.unwrap());
    assert!(
        grown < MOST,
        "{grown} bytes more than after the first tenth"
    );
}
