//! One who writes and is written to: a client or a node with an account, and at most one connection that is
//! logged in.

mod question;
mod talk;

use fastrand::Rng;
use nile_protocol::party::{PartyId, PartyKind};
use serde::Deserialize;
use serde_json::{Value, json};

use self::question::Question;
use super::{
    account::Account,
    desk::{registered, registration, to_instance},
    line::{Delivery, Gone, Heard, Line},
    message::{Doubt, Serial},
    messages::Rested,
    shared::Shared,
};
use crate::support::request::parse;

/// What a member does in a life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Conduct {
    /// Talk until the process is dead.
    Talk,
    /// Only look whether everything is as it has to be, and finish what was begun.
    Look,
    /// The same, and remove all that waits.
    Empty,
}

pub(super) struct Member {
    kind: PartyKind,
    /// `None` until a registration was answered.
    account: Option<Account>,
    /// How often it asked for anything.
    asked: u64,
}

/// A member on a connection, for as long as both last.
struct Talk<'a> {
    shared: &'a Shared,
    rng: &'a mut Rng,
    account: &'a mut Account,
    asked: &'a mut u64,
    line: Line,
    /// What it has heard since it logged in and not acknowledged.
    held: Vec<Held>,
    /// Acknowledged over Socket.IO, and when.
    unanswered: Vec<(u64, Serial)>,
    /// When it logged in.
    since: u64,
    /// The last number that came; `None` when it may come once more, from before a login on this connection.
    last: Option<i64>,
    /// The server has a reason to close the connection.
    is_revoked: bool,
}

struct Held {
    serial: Serial,
    ack: Option<u64>,
}

/// A page of a queue in an answer.
#[derive(Deserialize)]
struct Page {
    queue: Vec<Delivery>,
    total: usize,
}

impl Member {
    pub(super) fn new(kind: PartyKind) -> Self {
        Self {
            kind,
            account: None,
            asked: 0,
        }
    }

    pub(super) async fn live(&mut self, shared: &Shared, mut rng: Rng, conduct: Conduct) {
        loop {
            let mut is_revoked = false;
            let lived = self.connected(shared, &mut rng, conduct, &mut is_revoked);
            if lived.await.is_ok() {
                return;
            }
            shared.gone(is_revoked);
            if shared.is_dead() {
                return;
            }
        }
    }

    async fn connected(
        &mut self,
        shared: &Shared,
        rng: &mut Rng,
        conduct: Conduct,
        is_revoked: &mut bool,
    ) -> Result<(), Gone> {
        let mut line = shared.connect(rng.bool()).await?;
        if self.account.is_none() {
            self.account = Some(self.register(shared, &mut line).await?);
        }
        let mut talk = Talk {
            shared,
            rng,
            account: self.account.as_mut().expect("it is registered"),
            asked: &mut self.asked,
            line,
            held: Vec::new(),
            unanswered: Vec::new(),
            since: 0,
            last: Some(0),
            is_revoked: false,
        };
        let lived = talk.live(conduct).await;
        *is_revoked = talk.is_revoked;
        lived
    }

    async fn register(&mut self, shared: &Shared, line: &mut Line) -> Result<Account, Gone> {
        self.asked += 1;
        let name = format!("member {}", self.asked);
        let body = registration(self.kind, &name, &json!(self.asked));
        line.say(&to_instance(self.kind), &body).await?;
        loop {
            if let Heard::Answer(answer) = shared.hear(line).await? {
                let account = registered(shared, &parse(&answer), self.kind, name);
                shared.members.borrow_mut().push(account.party);
                return Ok(account);
            }
        }
    }
}

impl Talk<'_> {
    fn party(&self) -> PartyId {
        self.account.party
    }

    fn channel(&self) -> String {
        to_instance(self.party().kind())
    }

    fn next_id(&mut self) -> Value {
        *self.asked += 1;
        json!(*self.asked)
    }

    async fn say(&mut self, channel: &str, body: &Value) -> Result<(), Gone> {
        self.shared.tick();
        self.line.say(channel, body).await
    }

    /// The answer to the request with this id, the next that there is; what is pushed before it is held.
    async fn answer(&mut self, id: &Value) -> Result<String, Gone> {
        loop {
            match self.shared.hear(&mut self.line).await? {
                Heard::Answer(answer) => {
                    assert_eq!(parse(&answer)["id"], *id, "{answer}");
                    return Ok(answer);
                }
                Heard::Push { message, ack } => self.pushed(&message, ack),
                Heard::News => {}
            }
        }
    }

    async fn ask(&mut self, action: &str, parameters: Value) -> Result<String, Gone> {
        let id = self.next_id();
        let body = json!({ "action": action, "parameters": parameters, "id": id });
        self.say(&self.channel(), &body).await?;
        self.answer(&id).await
    }

    fn pushed(&mut self, message: &Delivery, ack: Option<u64>) {
        let (party, queue_id) = (self.party(), message.queue_id);
        if let Some(last) = &mut self.last {
            assert!(queue_id > *last, "{party} hears {queue_id} after {last}");
            *last = queue_id;
        }
        self.hold(message, ack);
    }

    fn hold(&mut self, message: &Delivery, ack: Option<u64>) {
        let mut messages = self.shared.messages.borrow_mut();
        let serial = messages.heard(self.account.party, message, self.since);
        // What it has asked to remove it leaves alone, so that only one thing can have removed it.
        let is_removed = messages.of(serial).acknowledged != Doubt::No;
        if !is_removed && self.held.iter().all(|held| held.serial != serial) {
            self.held.push(Held { serial, ack });
        }
    }

    /// Judges a page that has to show all that waits; these were at rest when it was asked for.
    fn shown(&mut self, page: &Page, rested: &Rested) {
        assert_eq!(
            page.queue.len(),
            page.total,
            "all that waits fits into a page"
        );
        let mut messages = self.shared.messages.borrow_mut();
        messages.shown(self.account.party, &page.queue, rested, self.since);
    }

    /// Says several things at once, and hears what becomes of each.
    async fn burst(&mut self, questions: Vec<Question>) -> Result<(), Gone> {
        let mut asked = Vec::new();
        for question in questions {
            if let Some(expected) = self.put(question).await? {
                asked.push(expected);
            }
        }
        for expected in asked {
            let answer = self.answer(&expected.id).await?;
            self.judge(expected, &answer);
        }
        Ok(())
    }
}

fn page_in(answer: &str) -> Page {
    #[derive(Deserialize)]
    struct Answer {
        parameters: Page,
    }
    let read: Result<Answer, _> = serde_json::from_str(answer);
    let read = read.unwrap_or_else(|error| panic!("{error}: {answer}"));
    read.parameters
}
