//! Somebody who registers many parties, deletes some, and looks after a restart whether they are there.

use fastrand::Rng;
use nile_protocol::party::PartyKind;
use serde_json::{Value, json};

use super::{
    account::{Account, Deleted},
    line::{Gone, Heard, Line},
    shared::Shared,
};
use crate::support::request::{parse, token_in};

/// How many that were there before are looked for in the middle of the traffic.
const SAMPLE: usize = 8;

/// A hash that nodes register with.
const HASH: &str = "QmNLfbof5rLekrACjeuLk9JmGZD2HDBHCU4z16iYKmx5SE";

#[derive(Default)]
pub(super) struct Desk {
    accounts: Vec<Account>,
    names: u32,
}

enum Asked {
    Registration(PartyKind, String),
    Update(usize, String),
    Deletion(usize),
}

pub(super) fn to_instance(kind: PartyKind) -> String {
    format!("{}.to.instance", kind.word())
}

/// A request to register under this name.
pub(super) fn registration(kind: PartyKind, name: &str, id: &Value) -> Value {
    let information = json!({ "name": name });
    let parameters = match kind {
        PartyKind::Client => json!({ "information": information }),
        PartyKind::Node => json!({ "information": information, "hash": HASH }),
    };
    json!({ "action": "register", "parameters": parameters, "id": id })
}

/// The account of one who was told that it is registered.
pub(super) fn registered(
    shared: &Shared,
    answer: &Value,
    kind: PartyKind,
    name: String,
) -> Account {
    assert_eq!(answer["action"], "registered", "{answer}");
    let party = kind.party(answer["parameters"]["id"].as_i64().unwrap());
    shared.registered(party);
    let token = token_in(&answer.to_string());
    Account::new(party, token, name, shared.life())
}

impl Desk {
    pub(super) fn len(&self) -> usize {
        self.accounts.len()
    }

    /// Does one thing after the other until the process is dead.
    pub(super) async fn work(&mut self, shared: &Shared, mut rng: Rng) {
        let done: Result<(), Gone> = async {
            let mut line = shared.connect(rng.bool()).await?;
            let sample = self.sample(shared, &mut rng);
            self.look(shared, &mut line, &sample).await?;
            loop {
                shared.pause().await;
                let number = rng.usize(1..=6);
                self.ask_many(shared, &mut line, &mut rng, number).await?;
                let sample = self.sample(shared, &mut rng);
                self.look(shared, &mut line, &sample).await?;
            }
        }
        .await;
        if done.is_err() {
            shared.gone(false);
        }
    }

    /// Looks for everybody who ever registered.
    pub(super) async fn look_for_all(&mut self, shared: &Shared) {
        let everybody: Vec<usize> = (0..self.accounts.len()).collect();
        let mut line = shared.connect(false).await.unwrap();
        self.look(shared, &mut line, &everybody).await.unwrap();
    }

    /// Those who were not looked for since the last restart but one, and a few that were.
    fn sample(&self, shared: &Shared, rng: &mut Rng) -> Vec<usize> {
        let (all, life) = (self.accounts.len(), shared.life());
        let fresh = |index: &usize| self.accounts[*index].seen + 1 == life;
        let mut sample: Vec<usize> = (0..all).filter(fresh).take(SAMPLE).collect();
        if all > 0 {
            sample.push(rng.usize(..all));
        }
        sample
    }

    /// Looks for some, with one login each, and is nobody after that.
    async fn look(&mut self, shared: &Shared, line: &mut Line, some: &[usize]) -> Result<(), Gone> {
        for index in some {
            let account = &self.accounts[*index];
            let token = account.tokens().remove(0);
            let body = json!({ "action": "login", "parameters": { "token": token }, "id": index });
            line.say(&to_instance(account.party.kind()), &body).await?;
        }
        let logout = json!({ "action": "logout", "id": 0 });
        line.say(&to_instance(PartyKind::Client), &logout).await?;
        for index in some {
            let answer = answer(shared, line).await?;
            let account = &mut self.accounts[*index];
            let token = account.tokens().remove(0);
            let told = &answer["parameters"];
            if answer["action"] == "loginFailed" {
                assert_eq!(told["code"], "invalid_token", "{answer}");
                account.refused(&token);
                continue;
            }
            assert_eq!(told["id"], account.party.number(), "{answer}");
            let name = told["information"]["name"].as_str().unwrap();
            account.logged_in(&token, name, shared.life());
        }
        answer(shared, line).await.map(drop)
    }

    /// Asks for many things at once, and hears what became of them.
    async fn ask_many(
        &mut self,
        shared: &Shared,
        line: &mut Line,
        rng: &mut Rng,
        number: usize,
    ) -> Result<(), Gone> {
        let mut asked = Vec::new();
        for _ in 0..number {
            let (channel, body, what) = self.question(rng);
            shared.tick();
            asked.push(what);
            line.say(&channel, &body).await?;
        }
        for what in asked {
            let answer = answer(shared, line).await?;
            match what {
                Asked::Registration(kind, name) => {
                    self.accounts.push(registered(shared, &answer, kind, name));
                }
                Asked::Update(index, name) => {
                    assert_eq!(answer["action"], "updated", "{answer}");
                    self.accounts[index].renamed(&name);
                }
                Asked::Deletion(index) => {
                    assert_eq!(answer["action"], "deleted", "{answer}");
                    self.accounts[index].deleted = Deleted::Yes;
                }
            }
        }
        Ok(())
    }

    fn question(&mut self, rng: &mut Rng) -> (String, Value, Asked) {
        self.names += 1;
        let name = format!("stranger {}", self.names);
        let id = json!(self.names);
        let all = self.accounts.len();
        let known = (all > 0).then(|| rng.usize(..all));
        let known = known.filter(|index| self.accounts[*index].deleted == Deleted::No);
        let Some(index) = known.filter(|_| rng.u8(..4) == 0) else {
            let kind = [PartyKind::Client, PartyKind::Node][rng.usize(..2)];
            let body = registration(kind, &name, &id);
            return (to_instance(kind), body, Asked::Registration(kind, name));
        };
        let account = &mut self.accounts[index];
        let token = account.tokens().remove(0);
        let channel = to_instance(account.party.kind());
        if rng.u8(..3) == 0 {
            account.deleted = Deleted::Perhaps;
            let parameters = json!({ "token": token });
            let body = json!({ "action": "delete", "parameters": parameters, "id": id });
            return (channel, body, Asked::Deletion(index));
        }
        account.renames(&name);
        let parameters = json!({ "token": token, "information": { "name": name } });
        let body = json!({ "action": "update", "parameters": parameters, "id": id });
        (channel, body, Asked::Update(index, name))
    }
}

async fn answer(shared: &Shared, line: &mut Line) -> Result<Value, Gone> {
    loop {
        if let Heard::Answer(answer) = shared.hear(line).await? {
            return Ok(parse(&answer));
        }
    }
}
