//! One attempt of each attack, and the crowds that make them again and again.
//!
//! An attempt notes what it hears. It never judges that; a connection that ends is a word like any other.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use tokio::{
    task::JoinSet,
    time::{Instant, sleep, sleep_until, timeout},
};

use super::{
    attack::{Attack, CLOSED, LATE, PLANS, Plan},
    nonsense,
    prey::Prey,
    stranger::{Heard, Stranger, framed},
};
use crate::{failure::Failure, frame::Opcode};

/// Between two bytes of those who are slow.
const SLOWLY: Duration = Duration::from_secs(1);
/// Over how long crowds gather.
const GATHERING: Duration = Duration::from_secs(3);
/// Requests on one connection of those who ask.
const ASKED: u64 = 50;
/// Sessions that are asked for on one connection.
const POLLED: u64 = 10;
const RAW: &str = "/ws?spelling=plain";
const LARGE: usize = 70_000;

/// One of a crowd.
#[derive(Clone)]
struct Member {
    server: SocketAddr,
    from: Ipv4Addr,
    /// Which of the crowd.
    number: usize,
    /// Which attempt.
    round: u64,
    prey: Arc<Prey>,
    heard: Arc<Heard>,
}

/// Has all crowds attack until then, and returns what each of them heard, in the order of the plans.
pub(super) async fn all(server: SocketAddr, prey: Arc<Prey>, until: Instant) -> Vec<Arc<Heard>> {
    let mut members = JoinSet::new();
    let mut all = Vec::new();
    for (plan, network) in PLANS.iter().zip(1_u8..) {
        let heard = Arc::new(Heard::default());
        all.push(Arc::clone(&heard));
        for number in 0..plan.crowd {
            let host = u8::try_from(number % usize::from(plan.addresses)).unwrap_or_default();
            members.spawn(persist(
                plan,
                Member {
                    server,
                    from: Ipv4Addr::new(127, 1, network, host + 1),
                    number,
                    round: 0,
                    prey: Arc::clone(&prey),
                    heard: Arc::clone(&heard),
                },
            ));
        }
    }
    sleep_until(until).await;
    // Who is in the middle of something has not been promised its end yet.
    members.shutdown().await;
    all
}

/// Attacks, rests, and attacks again.
async fn persist(plan: &'static Plan, mut member: Member) {
    let share = u32::try_from(member.number).unwrap_or_default();
    let crowd = u32::try_from(plan.crowd).unwrap_or(1);
    sleep(GATHERING * share / crowd).await;
    loop {
        let attempt = timeout(plan.patience, member.attempt(plan.attack)).await;
        match attempt {
            Ok(Ok(())) => {}
            Ok(Err(Failure::Closed(_) | Failure::Io(_))) => member.heard.note(CLOSED),
            Ok(Err(failure)) => member.heard.note(failure.to_string()),
            Err(_) => member.heard.note(LATE),
        }
        member.round += 1;
        sleep(plan.pause).await;
    }
}

impl Member {
    async fn attempt(&self, attack: Attack) -> Result<(), Failure> {
        match attack {
            Attack::SlowHead => self.slow_head().await,
            Attack::SlowBody => self.slow_body().await,
            Attack::SlowFrame => self.slow_frame().await,
            Attack::Silence => self.silence().await,
            Attack::Deaf => self.deaf().await,
            Attack::Connections => self.connection().await,
            Attack::Polling => self.polling().await,
            Attack::WrongTokens => self.wrong_tokens().await,
            Attack::Registrations => {
                let body =
                    r#"{"action":"register","parameters":{"information":{"name":"Nobody"}}}"#;
                self.exchange("PUT", "/client/to/instance", body).await
            }
            Attack::LargeBodies => self.large_body().await,
            Attack::LargeFrames => self.large_frame().await,
            Attack::BrokenFrames => self.broken_frame().await,
            Attack::Nonsense => self.nonsense().await,
            Attack::Flood => self.flood().await,
            Attack::FullQueue => self.full_queue().await,
            Attack::Spam => self.spam().await,
            Attack::Foreign => self.foreign().await,
            Attack::Guesses => self.guesses().await,
        }
    }

    async fn dial(&self) -> Result<Stranger, Failure> {
        Stranger::dial(self.from, self.server).await
    }

    /// A bare WebSocket; where it was refused, that has been noted.
    async fn open(&self, path: &str) -> Result<Option<Stranger>, Failure> {
        let mut stranger = self.dial().await?;
        if let Some(refusal) = stranger.upgrade(path).await? {
            self.heard.note(refusal);
            return Ok(None);
        }
        Ok(Some(stranger))
    }

    /// One request on a connection of its own.
    async fn exchange(&self, method: &str, path: &str, body: &str) -> Result<(), Failure> {
        let mut stranger = self.dial().await?;
        for _ in 0..ASKED {
            stranger.request(method, path, body).await?;
            self.heard.note(stranger.response().await?);
            sleep(Duration::from_millis(50)).await;
        }
        Ok(())
    }

    async fn slow_head(&self) -> Result<(), Failure> {
        let mut stranger = self.dial().await?;
        let head = "GET /ws HTTP/1.1\r\nX: ".bytes().chain([b'x'; 1000]);
        stranger.drip(&head.collect::<Vec<_>>(), SLOWLY).await?;
        self.heard.note(stranger.response().await?);
        Ok(())
    }

    async fn slow_body(&self) -> Result<(), Failure> {
        let mut stranger = self.dial().await?;
        let head = "POST /client/to/instance HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n";
        stranger.send(head.as_bytes()).await?;
        stranger.drip(&[b' '; 1000], SLOWLY).await?;
        self.heard.note(stranger.response().await?);
        Ok(())
    }

    async fn slow_frame(&self) -> Result<(), Failure> {
        if let Some(mut stranger) = self.open(RAW).await? {
            let frame = framed(Opcode::Text, &[b'x'; 10_000]);
            loop {
                stranger.drip(&frame, SLOWLY).await?;
            }
        }
        Ok(())
    }

    async fn silence(&self) -> Result<(), Failure> {
        let path = "/socket.io/?EIO=4&transport=websocket";
        if let Some(mut stranger) = self.open(path).await? {
            self.heard.note(stranger.said().await?);
        }
        Ok(())
    }

    async fn deaf(&self) -> Result<(), Failure> {
        let mut stranger = Stranger::dial_narrow(self.from, self.server).await?;
        if let Some(refusal) = stranger.upgrade(RAW).await? {
            self.heard.note(refusal);
            return Ok(());
        }
        let ping = r#"{"event":"client.to.instance","body":{"action":"ping"}}"#;
        let pings = framed(Opcode::Text, ping.as_bytes()).repeat(100);
        loop {
            stranger.send(&pings).await?;
        }
    }

    async fn connection(&self) -> Result<(), Failure> {
        if let Some(mut stranger) = self.open(RAW).await? {
            self.heard.note("open");
            loop {
                let word = stranger.said().await?;
                self.heard.note(word);
            }
        }
        Ok(())
    }

    async fn polling(&self) -> Result<(), Failure> {
        let mut stranger = self.dial().await?;
        for _ in 0..POLLED {
            let head = b"GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: x\r\n\r\n";
            stranger.send(head).await?;
            self.heard.note(stranger.response().await?);
            sleep(SLOWLY).await;
        }
        Ok(())
    }

    async fn wrong_tokens(&self) -> Result<(), Failure> {
        let token = |number| {
            self.prey
                .wrong_token(self.number as u64 * 1_000_003 + number)
        };
        let login = |number| {
            format!(
                r#"{{"action":"login","parameters":{{"token":"{}"}}}}"#,
                token(number)
            )
        };
        let begin = self.round * ASKED;
        if self.number.is_multiple_of(2) {
            let mut stranger = self.dial().await?;
            for number in begin..begin + ASKED {
                let path = "/client/to/instance";
                stranger.request("POST", path, &login(number)).await?;
                self.heard.note(stranger.response().await?);
                sleep(Duration::from_millis(50)).await;
            }
        } else if let Some(mut stranger) = self.open(RAW).await? {
            for number in begin..begin + ASKED {
                let body = login(number);
                let text = format!(r#"{{"event":"client.to.instance","body":{body}}}"#);
                stranger.frame(Opcode::Text, text.as_bytes()).await?;
                self.heard.note(stranger.said().await?);
                sleep(Duration::from_millis(50)).await;
            }
        }
        Ok(())
    }

    async fn large_body(&self) -> Result<(), Failure> {
        let mut stranger = self.dial().await?;
        let body = "x".repeat(LARGE);
        // The answer may come, and the connection end, before all of it has gone.
        let _ = stranger.request("PUT", "/client/to/instance", &body).await;
        self.heard.note(stranger.response().await?);
        Ok(())
    }

    async fn large_frame(&self) -> Result<(), Failure> {
        if let Some(mut stranger) = self.open(RAW).await? {
            let frame = framed(Opcode::Text, &vec![b'x'; LARGE]);
            stranger.send(&frame[..100]).await?;
            self.heard.note(stranger.said().await?);
        }
        Ok(())
    }

    async fn broken_frame(&self) -> Result<(), Failure> {
        let frames = nonsense::FRAMES;
        let which = (self.number + usize::try_from(self.round).unwrap_or_default()) % frames.len();
        if let Some(mut stranger) = self.open(RAW).await? {
            stranger.send(frames[which]).await?;
            self.heard.note(stranger.said().await?);
        }
        Ok(())
    }

    async fn nonsense(&self) -> Result<(), Failure> {
        let Some(mut stranger) = self.open(RAW).await? else {
            return Ok(());
        };
        for (text, expected) in nonsense::texts() {
            stranger.frame(Opcode::Text, text.as_bytes()).await?;
            let word = stranger.said().await?;
            if word == expected {
                self.heard.note("as it should be");
            } else {
                let shown = &text[..text.floor_char_boundary(80)];
                self.heard
                    .note(format!("{word} instead of {expected} for {shown}"));
            }
            sleep(Duration::from_millis(50)).await;
        }
        Ok(())
    }

    async fn flood(&self) -> Result<(), Failure> {
        if let Some(mut stranger) = self.open(RAW).await? {
            stranger
                .send(&framed(Opcode::Text, b"{").repeat(1000))
                .await?;
            let word = loop {
                let word = stranger.said().await?;
                if word != "invalid_request" {
                    break word;
                }
            };
            self.heard.note(word);
        }
        Ok(())
    }

    async fn full_queue(&self) -> Result<(), Failure> {
        let (token, node) = (self.prey.client(self.number), self.prey.absent);
        let body = format!(
            r#"{{"action":"queue","parameters":"fill","recipient":{node},"token":"{token}"}}"#
        );
        self.exchange("POST", "/client/to/instance", &body).await
    }

    async fn spam(&self) -> Result<(), Failure> {
        let (token, client) = (self.prey.node(self.number), self.round + 1);
        let body = format!(
            r#"{{"action":"queue","parameters":"buy","recipient":{client},"token":"{token}"}}"#
        );
        self.exchange("POST", "/node/to/instance", &body).await
    }

    async fn foreign(&self) -> Result<(), Failure> {
        // A node that nobody has written to, and that has sent nothing: no message is its own.
        let (token, message) = (self.prey.node(self.number), self.round + 1);
        for action in ["messageStatus", "withdraw", "processQueue"] {
            let body = format!(
                r#"{{"action":"{action}","parameters":{{"queue_id":{message}}},"token":"{token}"}}"#
            );
            self.exchange("POST", "/node/to/instance", &body).await?;
        }
        Ok(())
    }

    async fn guesses(&self) -> Result<(), Failure> {
        let Some(mut stranger) = self.open(RAW).await? else {
            return Ok(());
        };
        for number in 0..ASKED {
            let guess = self.prey.guess(self.number as u64 + number);
            let text = format!(
                r#"{{"event":"client.to.instance","body":{{"action":"forward","recipient":"{guess}","parameters":1}}}}"#
            );
            stranger.frame(Opcode::Text, text.as_bytes()).await?;
            self.heard.note(stranger.said().await?);
            sleep(Duration::from_millis(50)).await;
        }
        Ok(())
    }
}
