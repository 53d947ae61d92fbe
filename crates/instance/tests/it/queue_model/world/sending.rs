//! Sending: what is asked, and what has to come of it.

use nile_protocol::party::PartyKind;
use serde_json::{Value, json};

use super::{Request, World, channel_of};
use crate::queue_model::{
    connection::Connection,
    member::to_instance,
    model::{Sending, Verdict},
    operation::{Leave, Login, OF_A_KIND, Send, Way, Who},
};
use crate::support::request::parse;

impl World {
    fn sending(&mut self, send: &Send) -> (Sending, Request) {
        let from = self.members[send.who].party;
        let is_node = from.kind() == PartyKind::Node;
        let (other, place) = if is_node {
            (PartyKind::Client, send.to)
        } else {
            (PartyKind::Node, OF_A_KIND + send.to)
        };
        let number = self.members[place].party.number();
        self.serial += 1;
        let text = match send.name {
            Some((_, content)) => format!("named {content}"),
            None => format!("{}", self.serial),
        };
        let parameters = json!({ "text": text });
        let mut body = json!({ "action": "order", "parameters": parameters, "recipient": number });
        if let Some((name, _)) = send.name {
            body["id"] = json!(format!("name {name}"));
        }
        let by_channel = matches!(send.way, Way::Channel);
        let answers = send.answers.filter(|_| is_node && !by_channel);
        let answers = answers.map(|which| self.id(which));
        if let Some(queue_id) = answers {
            body["queue_id"] = json!(queue_id);
        }
        let mut to = Some(other.party(number));
        let mut channel = to_instance(from.kind());
        let mut content = parameters.to_string();
        match send.way {
            Way::Channel => {
                channel = format!("{}.to.{}", from.kind().word(), other.word());
                content = format!(r#"{{"action":"order","parameters":{content}}}"#);
            }
            Way::Queue => body["action"] = json!("queue"),
            Way::Forward => body["action"] = json!("forward"),
            Way::Back => {
                body["action"] = json!("queue");
                body.as_object_mut().unwrap().remove("recipient");
                to = None;
            }
        }
        let sending = Sending {
            from,
            to,
            answers,
            name: send.name.map(|(name, _)| format!("name {name}")),
            content,
        };
        (sending, Request { channel, body })
    }

    pub(super) async fn send(&mut self, send: Send) {
        let (sending, request) = self.sending(&send);
        let answer = self.ask(send.who, request).await;
        if let Verdict::Stored { to, .. } = self.model.judge(&sending) {
            let mut members = self.members.iter();
            let to = members.find(|member| member.party == to).unwrap();
            let is_offline = to.slots.iter().all(Option::is_none);
            if is_offline && matches!(send.way, Way::Channel) {
                let told = &answer["parameters"]["type"];
                assert_eq!(told, "queue", "nobody hears it: {answer}");
            }
        }
        self.sent(send.who, sending, &answer);
    }

    /// Judges the answer to a message.
    fn sent(&mut self, who: Who, sending: Sending, answer: &Value) {
        let told = &answer["parameters"];
        let queue_id = told["queue_id"].as_i64();
        match self.model.judge(&sending) {
            Verdict::Refused(code) => assert_eq!(told["code"], code, "{sending:?}: {answer}"),
            Verdict::Repeated(before) => {
                assert_eq!(queue_id, Some(before), "{sending:?}: {answer}");
            }
            Verdict::Stored { to, answered } => {
                let Some(queue_id) = queue_id else {
                    panic!("{sending:?}: {answer}");
                };
                self.model.stored(sending, to, queue_id);
                if let Some(answered) = answered {
                    self.delivered(who, answered);
                }
            }
        }
    }

    pub(super) async fn send_and_log_in(&mut self, sends: Vec<Send>, login: Login) {
        self.leave(login.who, login.slot, Leave::Close).await;
        self.settle().await;
        let address = self.instance.address;
        let member = &self.members[login.who];
        let party = member.party;
        let mut newcomer = member.connect(address, login.slot).await;
        let (request, channel) = (login.request(member), member.channel());
        let mut asked = Vec::new();
        for send in &sends {
            let mut connection = Connection::open(address, false).await;
            let (sending, Request { channel, mut body }) = self.sending(send);
            body["token"] = json!(self.members[send.who].token);
            connection.say(&channel, &body.to_string()).await;
            asked.push((send.who, connection, sending));
            if asked.len() == sends.len().div_ceil(2) {
                newcomer.say(&channel_of(party), &request).await;
            }
        }
        assert_eq!(channel, channel_of(party));
        let mut of = vec![self.model.waiting(party)];
        for (who, mut connection, sending) in asked {
            let answer = parse(&connection.answer().await);
            self.sent(who, sending, &answer);
            of.push(self.model.waiting(party));
        }
        let answer = newcomer.answer().await;
        self.logged(&login, newcomer, &answer, &of);
    }
}
