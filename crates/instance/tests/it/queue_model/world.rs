//! The instance and its parties: does what an operation says, and has the model judge what comes of it.

mod sending;

use nile_protocol::party::{PartyId, PartyKind};
use serde_json::{Value, json};

use super::{
    connection::{Connection, Delivery},
    member::{Member, to_instance},
    model::{Model, PER_PAIR, State},
    operation::{Leave, Login, OF_A_KIND, Operation, Then, Who},
};
use crate::support::{TestInstance, eventually, request::parse};

pub(super) struct World {
    instance: TestInstance,
    /// A connection that never logs in: for requests with a token of those who are not online.
    desk: Connection,
    members: Vec<Member>,
    model: Model,
    /// Makes contents differ.
    serial: u64,
}

/// What is asked, and where.
struct Request {
    channel: String,
    body: Value,
}

impl World {
    pub(super) async fn start() -> Self {
        let instance = TestInstance::exempt(&format!("messages.per_pair = {PER_PAIR}")).await;
        let mut desk = Connection::open(instance.address, false).await;
        let mut members = Vec::new();
        for kind in [PartyKind::Client, PartyKind::Node] {
            for _ in 0..OF_A_KIND {
                members.push(Member::register(kind, &mut desk).await);
            }
        }
        Self {
            instance,
            desk,
            members,
            model: Model::default(),
            serial: 0,
        }
    }

    pub(super) async fn step(mut self, operation: Operation) -> Self {
        match operation {
            Operation::Send(send) => self.send(send).await,
            Operation::SendAndLogin(sends, login) => self.send_and_log_in(sends, login).await,
            Operation::Login(login) => self.log_in(login).await,
            Operation::Acknowledge {
                who,
                slot,
                which,
                then,
            } => self.acknowledge(who, slot, which, then).await,
            Operation::Process { who, which } => {
                let ids = which.into_iter().map(|which| self.id(which)).collect();
                self.process(who, ids).await;
            }
            Operation::Withdraw { who, which } => self.withdraw(who, which).await,
            Operation::Status { who, which } => {
                let id = self.id(which);
                self.status(who, id).await;
            }
            Operation::Leave { who, slot, how } => self.leave(who, slot, how).await,
            Operation::Delete(who) => self.delete(who).await,
            Operation::Restart => self = self.restarted().await,
        }
        self.settle().await;
        self
    }

    /// Everybody removes what waits for them, and all senders know.
    pub(super) async fn end(mut self) {
        for who in 0..self.members.len() {
            let party = self.members[who].party;
            if !self.model.deleted.contains(&party) {
                let waiting = self.model.waiting(party);
                self.process(who, waiting).await;
                assert_eq!(self.model.waiting(party), [0; 0]);
            }
        }
        self.settle().await;
        let ids: Vec<i64> = self.model.messages.keys().copied().collect();
        for id in ids {
            for who in 0..self.members.len() {
                self.status(who, id).await;
            }
        }
        self = self.restarted().await;
        for who in 0..self.members.len() {
            let login = Login {
                who,
                slot: 0,
                limit: None,
            };
            self.log_in(login).await;
        }
        drop(self.members);
        drop(self.desk);
        self.instance.stop().await;
    }

    async fn settle(&mut self) {
        for member in &mut self.members {
            member.catch_up(&mut self.model).await;
        }
        self.model.settled();
    }

    /// Somebody has removed this, and was answered.
    fn delivered(&mut self, who: Who, queue_id: i64) {
        let member = &self.members[who];
        self.model
            .delivered(queue_id, member.party, member.took_over);
    }

    /// The message of this number, counted back from the newest; one that does not exist if there are fewer.
    fn id(&self, which: usize) -> i64 {
        let mut ids = self.model.messages.keys().rev();
        *ids.nth(which).unwrap_or(&1_000_000)
    }

    /// Asks in the name of somebody: on a connection on which it is logged in, or with its token.
    async fn ask(&mut self, who: Who, request: Request) -> Value {
        let Request { channel, mut body } = request;
        let member = &mut self.members[who];
        let token = member.token.clone();
        let answer = if let Some(connection) = member.connections().next() {
            connection.ask(&channel, &body.to_string()).await
        } else {
            body["authentication"] = json!({ "token": token });
            self.desk.ask(&channel, &body.to_string()).await
        };
        parse(&answer)
    }

    async fn about(&mut self, who: Who, action: &str, parameters: Value) -> Value {
        let channel = self.members[who].channel();
        let body = json!({ "action": action, "parameters": parameters });
        self.ask(who, Request { channel, body }).await
    }

    async fn log_in(&mut self, login: Login) {
        let member = &mut self.members[login.who];
        let mut connection = match member.slots[login.slot].take() {
            Some(connection) => connection,
            None => member.connect(self.instance.address, login.slot).await,
        };
        let answer = connection
            .ask(&member.channel(), &login.request(member))
            .await;
        let waiting = self.model.waiting(member.party);
        self.logged(&login, connection, &answer, &[waiting]);
    }

    /// Judges a login: what it shows has to be a page of one of these.
    fn logged(&mut self, login: &Login, mut connection: Connection, answer: &str, of: &[Vec<i64>]) {
        let party = self.members[login.who].party;
        let body = parse(answer);
        if self.model.deleted.contains(&party) {
            assert_eq!(body["parameters"]["code"], "invalid_token", "{body}");
            return;
        }
        assert_eq!(body["action"], "logged", "{body}");
        assert_eq!(body["parameters"]["id"], party.number());
        Member::forget(&mut self.model, &std::mem::take(&mut connection.held));
        connection.received.clear();
        let page = self.page(party, answer, login.limit, of);
        connection.received.extend(page);
        let member = &mut self.members[login.who];
        let has_others = member.slots.iter().any(Option::is_some);
        member.took_over |= party.kind() == PartyKind::Node && has_others;
        member.slots[login.slot] = Some(connection);
    }

    /// Judges a page.
    fn page(
        &mut self,
        party: PartyId,
        answer: &str,
        limit: Option<u32>,
        of: &[Vec<i64>],
    ) -> Vec<i64> {
        let rows = rows(answer);
        let page: Vec<i64> = rows.iter().map(|row| row.queue_id).collect();
        for row in &rows {
            assert_eq!(row.recipient, Some(party.number()));
            self.model.heard(party, row);
        }
        let told = &parse(answer)["parameters"];
        let limit = limit.map_or(256, |limit| limit as usize);
        let from_first = self.model.acknowledges(party);
        let fits = |waiting: &Vec<i64>| {
            let mut begins = 0..=if from_first { 0 } else { waiting.len() };
            let is_part = begins.any(|begin| {
                let rest = &waiting[begin..];
                page == rest[..rest.len().min(limit)]
                    && (limit == 0 || page.is_empty() == waiting.is_empty())
            });
            is_part
                && told["total"] == waiting.len()
                && told["more"] == (page.len() < waiting.len())
        };
        assert!(of.iter().any(fits), "{party}: {told} is no page of {of:?}");
        page
    }

    async fn acknowledge(&mut self, who: Who, slot: usize, which: usize, then: Then) {
        let member = &mut self.members[who];
        let party = member.party;
        let Some(connection) = &mut member.slots[slot] else {
            return;
        };
        let held = connection.held.iter().rev();
        let mut waiting = held.filter(|push| self.model.waits(push.message.queue_id, party));
        let Some(push) = waiting.nth(which).cloned() else {
            return;
        };
        if !connection.acknowledge(&push).await {
            self.process(who, vec![push.message.queue_id]).await;
            return;
        }
        match then {
            Then::Ask => {
                let request = json!({ "action": "messageStatus", "parameters": { "queue_id": 1 } });
                let channel = channel_of(party);
                connection.ask(&channel, &request.to_string()).await;
                self.delivered(who, push.message.queue_id);
            }
            Then::Leave(how) => {
                self.leave(who, slot, how).await;
                // Nobody knows whether it was heard in time, so see. Another connection may have been given it
                // before it was.
                let answer = self
                    .about(who, "processQueue", json!({ "queue_ids": [] }))
                    .await;
                self.members[who].hear_all(&mut self.model).await;
                let waits = rows(&answer.to_string());
                if waits
                    .iter()
                    .all(|row| row.queue_id != push.message.queue_id)
                {
                    self.delivered(who, push.message.queue_id);
                }
            }
        }
    }

    async fn process(&mut self, who: Who, ids: Vec<i64>) {
        let party = self.members[who].party;
        let channel = channel_of(party);
        let body = json!({ "action": "processQueue", "parameters": { "queue_ids": ids } });
        let answer = self.ask(who, Request { channel, body }).await;
        if self.model.deleted.contains(&party) {
            assert_eq!(answer["parameters"]["code"], "invalid_token", "{answer}");
            return;
        }
        for id in ids {
            self.delivered(who, id);
        }
        let waiting = self.model.waiting(party);
        let told = &answer["parameters"];
        assert_eq!(told["total"], waiting.len(), "{party}: {answer}");
        let page: Vec<i64> = rows(&answer.to_string())
            .iter()
            .map(|row| row.queue_id)
            .collect();
        assert_eq!(page, waiting, "{party}");
    }

    async fn withdraw(&mut self, who: Who, which: usize) {
        let (party, id) = (self.members[who].party, self.id(which));
        let answer = self.about(who, "withdraw", json!({ "queue_id": id })).await;
        let message = self.model.messages.get_mut(&id);
        match message.filter(|message| message.from == party) {
            _ if self.model.deleted.contains(&party) => {
                assert_eq!(answer["parameters"]["code"], "invalid_token", "{answer}");
            }
            Some(message) if matches!(message.state, State::Stored | State::Withdrawn) => {
                assert_eq!(answer["action"], "withdrawn", "{answer}");
                message.state = State::Withdrawn;
            }
            _ => assert_eq!(answer["parameters"]["code"], "unknown_message", "{answer}"),
        }
    }

    async fn status(&mut self, who: Who, id: i64) {
        let party = self.members[who].party;
        let answer = self
            .about(who, "messageStatus", json!({ "queue_id": id }))
            .await;
        let told = &answer["parameters"];
        let message = self.model.messages.get(&id);
        match message.filter(|message| message.from == party) {
            _ if self.model.deleted.contains(&party) => assert_eq!(told["code"], "invalid_token"),
            Some(message) => assert_eq!(told["state"], message.state.word(), "{answer}"),
            None => assert_eq!(told["code"], "unknown_message", "{answer}"),
        }
    }

    async fn leave(&mut self, who: Who, slot: usize, how: Leave) {
        let member = &mut self.members[who];
        let Some(mut connection) = member.slots[slot].take() else {
            return;
        };
        Member::forget(&mut self.model, &std::mem::take(&mut connection.held));
        match how {
            Leave::Logout => {
                let channel = member.channel();
                let answer = connection.ask(&channel, r#"{"action":"logout"}"#).await;
                assert_eq!(parse(&answer)["action"], "loggedOut");
            }
            Leave::Close => connection.close().await,
            Leave::Abort => connection.abort(),
        }
        let online = member.connections().count();
        let party = member.party;
        let left = || {
            let entries = self.instance.online();
            entries.iter().filter(|entry| entry.1 == party).count() == online
        };
        eventually("the connection to leave the list", left).await;
    }

    async fn delete(&mut self, who: Who) {
        let member = &mut self.members[who];
        let body = json!({ "action": "delete", "token": member.token }).to_string();
        let answer = parse(&self.desk.ask(&member.channel(), &body).await);
        if self.model.deleted.contains(&member.party) {
            assert_eq!(answer["parameters"]["code"], "invalid_token", "{answer}");
            return;
        }
        assert_eq!(answer["action"], "deleted", "{answer}");
        self.model.delete(member.party);
        for connection in member.slots.iter_mut().filter_map(Option::take) {
            connection.closed().await;
        }
    }

    async fn restarted(mut self) -> Self {
        self.instance.drain();
        for member in &mut self.members {
            for connection in member.slots.iter_mut().filter_map(Option::take) {
                Member::forget(&mut self.model, &connection.held);
            }
        }
        drop(self.desk);
        let instance = self.instance.restarted().await;
        Self {
            desk: Connection::open(instance.address, false).await,
            instance,
            ..self
        }
    }
}

impl Login {
    fn request(&self, member: &Member) -> String {
        let mut parameters = json!({ "token": member.token });
        if let Some(limit) = self.limit {
            parameters["limit"] = json!(limit);
        }
        json!({ "action": "login", "parameters": parameters }).to_string()
    }
}

fn channel_of(party: PartyId) -> String {
    to_instance(party.kind())
}

/// The messages in an answer, with their contents byte for byte.
fn rows(answer: &str) -> Vec<Delivery> {
    #[derive(serde::Deserialize)]
    struct Answer {
        parameters: Parameters,
    }
    #[derive(serde::Deserialize)]
    struct Parameters {
        queue: Vec<Delivery>,
    }
    let answer: Answer =
        serde_json::from_str(answer).unwrap_or_else(|error| panic!("{error}: {answer}"));
    answer.parameters.queue
}
