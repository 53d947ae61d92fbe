//! One connection's conversation. It does no I/O: a request goes in, what to do comes out.
//!
//! A connection speaks for nobody until it logs in, and for one party at a time after that. When the
//! session is dropped its entry is gone from the online list, however the connection ended.

use std::{net::IpAddr, sync::Arc, time::Duration};

use nile_protocol::{
    channel::Channel,
    code::Code,
    json::Raw,
    party::{PartyId, PartyKind},
    refusal::Refusal,
    reply::Reply,
    request::{Action, Proof, Recipient, Rejected, Request, RequestId},
    verb::Verb,
};
use nile_socketio::{Close, Step};
use tokio::time::Instant;

use super::{
    Instance,
    ask::{Once, Way, no_recipient, queued},
    messages::Sending,
    proof::{Outcome, Pending, Sender, rate_limited},
};
use crate::{
    hub::{Dialect, Line, Voice, WsId},
    limits::{Quota, Rate, RetryAfter},
    store::Protocol,
};

/// What one connection has said, and who it is.
pub struct Session {
    instance: Arc<Instance>,
    line: Line,
    address: IpAddr,
    party: Option<PartyId>,
    quota: Quota,
    rate: Rate,
    /// When it last asked for anything.
    asked: Instant,
    idle: Duration,
}

/// An answer on its way back.
#[derive(Debug)]
pub struct Answer {
    /// Where the request came from, as its transport knows it.
    pub asker: Asker,
    /// The id that the request had.
    pub id: Option<RequestId>,
    /// What to say.
    pub reply: Reply,
}

/// How a transport finds the one who asked.
#[derive(Clone, Copy, Debug, Default)]
pub struct Asker {
    /// The channel of the request; `None` if there is no such channel.
    pub channel: Option<Channel>,
    /// The number of a Socket.IO acknowledgement.
    pub ack: Option<u64>,
}

impl Asker {
    /// To which kind of party the answer goes. Who asks on no known channel is answered as a client.
    #[must_use]
    pub fn party_kind(self) -> PartyKind {
        self.channel.map_or(PartyKind::Client, Channel::sender)
    }
}

impl Session {
    /// A connection from `address` that speaks for nobody yet, and may be so, asking nothing, for `idle`.
    #[must_use]
    pub fn new(instance: Arc<Instance>, address: IpAddr, voice: Voice, idle: Duration) -> Self {
        Self {
            line: Line {
                connection: WsId::fresh(),
                voice,
            },
            quota: instance.limits.request_quota(address),
            instance,
            address,
            party: None,
            rate: Rate::default(),
            asked: Instant::now(),
            idle,
        }
    }

    /// From here on the connection is told what it is told unasked in this form.
    pub fn speak(&mut self, dialect: &'static dyn Dialect) {
        self.line.voice.dialect = dialect;
    }

    /// Takes a request: what `asker` sent as the body of a message. An error closes the connection.
    pub fn handle(&mut self, asker: Asker, body: &str) -> Result<Step<Answer>, Close> {
        let Some(channel) = asker.channel else {
            return self.malformed(asker, "there is no such channel");
        };
        let limited = self.count();
        let request = Request::parse(channel, body, None, self.instance.rules.max_information);
        match (request, limited) {
            (Err(rejected), limited) => reject(asker, rejected, limited),
            (Ok(Request { id, action }), Err(retry)) => {
                let refusal = rate_limited(retry);
                let reply = Reply::Refused {
                    verb: Some(action.verb()),
                    refusal,
                };
                Ok(Step::Now(Answer { asker, id, reply }))
            }
            (Ok(Request { id, action }), Ok(())) => Ok(self.serve(asker, id, action)),
        }
    }

    /// Answers a message in which no channel was found; `msg` says what is wrong with it. An error closes
    /// the connection.
    pub fn malformed(&mut self, asker: Asker, msg: &'static str) -> Result<Step<Answer>, Close> {
        let refusal = Refusal::invalid_request(msg);
        let limited = self.count();
        reject(
            asker,
            Rejected {
                id: None,
                verb: None,
                refusal,
            },
            limited,
        )
    }

    /// The answer is about to be sent: what it means for the session holds from here on.
    pub fn answered(&mut self, answer: &Answer) {
        match &answer.reply {
            Reply::Logged { party, .. } => self.party = Some(*party),
            Reply::LoggedOut => self.party = None,
            _ => {}
        }
    }

    /// The peer acknowledges the message of this number, if it was pushed to it.
    pub fn acknowledge(&mut self, queue_id: i64) {
        if self.instance.acknowledged(self.line.connection, queue_id) {
            return;
        }
        // Whoever says it of anything is held to what a connection may ask.
        if let (Some(party), Ok(())) = (self.party, self.count()) {
            self.instance.acknowledged_elsewhere(party, queue_id);
        }
    }

    /// The party has gone, and its connection has not: from here on it speaks for nobody, and hears nothing.
    pub fn leave(&mut self) {
        let left = self.instance.hub.end(self.line.connection);
        self.instance.leave_behind(left);
        self.party = None;
    }

    /// Whether the connection may stay; when to ask again.
    pub fn tick(&self, now: Instant) -> Result<Instant, Close> {
        let until = self.asked + self.idle;
        if self.party.is_some() {
            return Ok(now + self.idle);
        }
        if now >= until {
            Err(Close::policy("not logged in, and idle"))
        } else {
            Ok(until)
        }
    }

    /// Counts a request against what the connection may ask.
    fn count(&mut self) -> Result<(), RetryAfter> {
        self.asked = Instant::now();
        self.rate.take(self.asked, self.quota)
    }

    fn serve(&self, asker: Asker, id: Option<RequestId>, action: Action) -> Step<Answer> {
        let instance = &self.instance;
        let sender = Sender {
            kind: asker.party_kind(),
            protocol: Protocol::WebSocket,
            address: self.address,
            party: self.party,
        };
        let question = Question {
            asker,
            id,
            verb: action.verb(),
        };
        let connection = self.line.connection;
        match action {
            Action::Login { token, limit } => {
                let instance = Arc::clone(instance);
                question.read(instance.log_in(token, limit, sender, self.line.clone()))
            }
            Action::Logout => {
                let instance = Arc::clone(instance);
                question.read(async move {
                    let left = instance.hub.leave(connection);
                    instance.leave_behind(left);
                    Ok(Reply::LoggedOut)
                })
            }
            Action::UpdateNodeList => {
                let (instance, line) = (Arc::clone(instance), self.line.clone());
                // As it is when it is told: changes that are told meanwhile must not be followed by what was before.
                question.in_turn(move || {
                    let nodes = instance.hub.browse(&line);
                    Ok(Reply::OnlineNodes { nodes })
                })
            }
            Action::SubscribeStatus { on } => {
                let instance = Arc::clone(instance);
                question.in_turn(move || instance.subscribe_status(sender, connection, on))
            }
            Action::Forward {
                proof,
                recipient,
                answers,
                content,
            } => {
                let forward = Forward {
                    proof,
                    recipient,
                    answers,
                    content,
                };
                self.forward(question, forward, sender)
            }
            action => {
                let id = question.id.clone();
                instance.ask(action, id, sender, question)
            }
        }
    }

    /// Forwards to a connection, in its turn among what was asked before. To a party it is sent as a message.
    fn forward(&self, question: Question, forward: Forward, sender: Sender) -> Step<Answer> {
        let Forward {
            proof,
            recipient,
            answers,
            content,
        } = forward;
        let line = self.line.clone();
        let (to, named) = match recipient {
            Some(Recipient::Party(party)) => (Some(party), None),
            Some(Recipient::Connection(named)) => (None, Some(named)),
            None => (None, None),
        };
        if let (None, Some(named)) = (answers, &named) {
            let (instance, named) = (Arc::clone(&self.instance), named.clone());
            return question.in_turn(move || instance.forward(sender, &line, &named, &content));
        }
        let sending = Sending {
            to,
            answers,
            id: question.id.clone(),
            content: content.clone(),
        };
        let otherwise = move |instance: &Arc<Instance>| {
            let named = named.ok_or_else(no_recipient)?;
            instance.forward(sender, &line, &named, &content)
        };
        let asking = self.instance.asking(&proof, sender);
        question.write(asking.map(|asking| {
            let sent = self.instance.send(asking, sending, queued, otherwise);
            // What it may come to is done when it is polled, and must not be overtaken.
            Pending {
                in_order: false,
                ..sent
            }
        }))
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.leave();
    }
}

/// Serves one request of somebody who has no connection to be online on: a party of this kind, it says.
pub async fn serve_once(
    instance: &Arc<Instance>,
    kind: PartyKind,
    request: Request,
    address: IpAddr,
) -> Reply {
    let Request { id, action } = request;
    let verb = action.verb();
    let sender = Sender {
        kind,
        protocol: Protocol::Http,
        address,
        party: None,
    };
    reply(verb, instance.ask(action, id, sender, Once).await)
}

/// What a `forward` has to say.
struct Forward {
    proof: Proof,
    recipient: Option<Recipient>,
    answers: Option<i64>,
    content: Raw,
}

/// What has to be known to answer.
struct Question {
    asker: Asker,
    id: Option<RequestId>,
    verb: Verb,
}

impl Question {
    fn answer(self, outcome: Outcome) -> Answer {
        Answer {
            asker: self.asker,
            id: self.id,
            reply: reply(self.verb, outcome),
        }
    }

    /// Does something that takes no time, when what was asked before is done.
    fn in_turn(self, work: impl FnOnce() -> Outcome + Send + 'static) -> Step<Answer> {
        Step::Later(Box::pin(async move { self.answer(work()) }))
    }
}

impl Way for Question {
    type Answer = Step<Answer>;

    fn now(self, outcome: Outcome) -> Step<Answer> {
        Step::Now(self.answer(outcome))
    }

    fn write<F>(self, pending: Result<Pending<F>, Refusal>) -> Step<Answer>
    where
        F: Future<Output = Outcome> + Send + 'static,
    {
        match pending {
            Err(refusal) => self.now(Err(refusal)),
            Ok(Pending { in_order, outcome }) => {
                let work = Box::pin(async move { self.answer(outcome.await) });
                if in_order {
                    Step::Later(work)
                } else {
                    Step::Alone(work)
                }
            }
        }
    }

    fn read<F>(self, outcome: F) -> Step<Answer>
    where
        F: Future<Output = Outcome> + Send + 'static,
    {
        Step::Alone(Box::pin(async move { self.answer(outcome.await) }))
    }
}

/// Answers what is no request. Whoever floods with bodies that make no sense is shown the door.
fn reject(
    asker: Asker,
    rejected: Rejected,
    limited: Result<(), RetryAfter>,
) -> Result<Step<Answer>, Close> {
    let Rejected { id, verb, refusal } = rejected;
    let refusal = match limited {
        Ok(()) => refusal,
        Err(_) if refusal.code == Code::InvalidRequest => return Err(Close::policy("flooding")),
        Err(retry) => rate_limited(retry),
    };
    Ok(Step::Now(Answer {
        asker,
        id,
        reply: Reply::Refused { verb, refusal },
    }))
}

fn reply(verb: Verb, outcome: Outcome) -> Reply {
    outcome.unwrap_or_else(|refusal| Reply::Refused {
        verb: Some(verb),
        refusal,
    })
}

#[cfg(test)]
mod tests {
    use std::{net::Ipv4Addr, path::Path};

    use nile_protocol::{information::Information, party::NodeId, reply::Page};
    use nile_socketio::{Frame, Outbox};

    use super::*;
    use crate::{
        clock::{FixedClock, Timestamp},
        config::{Admission, DeliveriesConfig, LimitsConfig},
        courier::Courier,
        hub::{Card, Dialect, Voice},
        instance::Rules,
        limits::Limits,
        store::{ByHand, Options, Store},
    };

    /// Nothing is told to it.
    struct Deaf;

    impl Dialect for Deaf {
        fn message(&self, _: PartyKind, _: &str, _: Option<i64>) -> Frame {
            unreachable!("nobody writes to it")
        }

        fn said(&self, _: PartyKind, _: &str) -> Arc<[Frame]> {
            [].into()
        }
    }

    const IDLE: Duration = Duration::from_mins(1);

    const ASKER: Asker = Asker {
        channel: Some(Channel::ToInstance {
            from: PartyKind::Client,
        }),
        ack: None,
    };

    fn instance(data_dir: &Path) -> (Arc<Instance>, ByHand) {
        let (store, by_hand) = Store::by_hand(data_dir, &Options::default()).unwrap();
        let rules = Rules {
            admission: Admission::Open,
            guests: true,
            max_information: 4096,
        };
        let instance = Instance::new(
            store,
            Limits::new(&LimitsConfig::default()),
            Arc::new(FixedClock::at(Timestamp(0))),
            Courier::new(&DeliveriesConfig::default()),
            rules,
        );
        (instance, by_hand)
    }

    fn session(instance: &Arc<Instance>) -> Session {
        let voice = Voice {
            outbox: Outbox::new(0),
            dialect: &Deaf,
        };
        Session::new(
            Arc::clone(instance),
            Ipv4Addr::LOCALHOST.into(),
            voice,
            IDLE,
        )
    }

    fn answered(session: &mut Session, reply: Reply) {
        session.answered(&Answer {
            asker: ASKER,
            id: None,
            reply,
        });
    }

    fn logged(kind: PartyKind) -> Reply {
        Reply::Logged {
            party: kind.party(1),
            hash: None,
            information: Information::empty(),
            page: Page::default(),
        }
    }

    #[tokio::test]
    async fn the_list_of_nodes_is_what_it_is_when_its_turn_has_come() {
        let directory = tempfile::tempdir().unwrap();
        let (instance, _by_hand) = instance(directory.path());
        let step = session(&instance).handle(ASKER, r#"{ "action": "updateNodeList" }"#);
        let Ok(Step::Later(answer)) = step else {
            panic!("it waits for its turn");
        };
        let card = Card {
            hash: "".into(),
            information: "{}".into(),
        };
        instance.hub.install(NodeId(7), card, true);
        let told = answer.await.reply.to_body(None);
        assert!(told.contains(r#""node_id":7"#), "{told}");
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_is_logged_in_may_be_idle_and_nobody_else() {
        let directory = tempfile::tempdir().unwrap();
        let (instance, _by_hand) = instance(directory.path());
        let mut session = session(&instance);
        let late = Instant::now() + IDLE;
        let nearly = late - Duration::from_millis(1);
        assert_eq!(session.tick(nearly).ok(), Some(late));
        assert!(session.tick(late).is_err());

        answered(&mut session, logged(PartyKind::Client));
        assert_eq!(session.tick(late).ok(), Some(late + IDLE));

        answered(&mut session, Reply::LoggedOut);
        assert!(session.tick(late).is_err());
    }

    /// Whether it goes to the connection is known when the store has looked, and what is said to that connection
    /// next must not be there before it.
    #[tokio::test]
    async fn nothing_overtakes_an_answer_that_may_go_to_a_connection() {
        let directory = tempfile::tempdir().unwrap();
        let (instance, _by_hand) = instance(directory.path());
        let mut session = session(&instance);
        answered(&mut session, logged(PartyKind::Node));
        let node = Asker {
            channel: Some(Channel::ToInstance {
                from: PartyKind::Node,
            }),
            ack: None,
        };
        let answer =
            r#"{ "action": "forward", "parameters": 1, "queue_id": 1, "recipient": "somebody" }"#;
        let step = session.handle(node, answer);
        assert!(matches!(step, Ok(Step::Alone(_))));
    }
}
