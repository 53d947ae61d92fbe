//! One connection's conversation. It does no I/O: a request goes in, what to do comes out.
//!
//! A connection speaks for nobody until it logs in, and for one party at a time after that. When the
//! session is dropped its entry is gone from the online list, however the connection ended.

use std::{net::IpAddr, sync::Arc, time::Duration};

use nile_protocol::{
    channel::Channel,
    code::Code,
    party::{PartyId, PartyKind},
    refusal::Refusal,
    reply::Reply,
    request::{Action, Rejected, Request, RequestId},
    verb::Verb,
};
use nile_socketio::{Close, Outbox, Step};
use tokio::time::Instant;

use super::{
    Instance,
    accounts::{Outcome, Pending, Sender, rate_limited},
};
use crate::{
    hub::WsId,
    limits::{Quota, Rate, RetryAfter},
    store::Protocol,
};

/// What one connection has said, and who it is.
pub struct Session {
    instance: Arc<Instance>,
    connection: WsId,
    address: IpAddr,
    outbox: Outbox,
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
    pub fn new(instance: Arc<Instance>, address: IpAddr, outbox: Outbox, idle: Duration) -> Self {
        Self {
            connection: WsId::fresh(),
            quota: instance.limits.request_quota(address),
            instance,
            address,
            outbox,
            party: None,
            rate: Rate::default(),
            asked: Instant::now(),
            idle,
        }
    }

    /// Takes a request: what `asker` sent as the body of a message. An error closes the connection.
    pub fn handle(&mut self, asker: Asker, body: &str) -> Result<Step<Answer>, Close> {
        let Some(channel) = asker.channel else {
            return self.malformed(asker, "there is no such channel");
        };
        let limited = self.count();
        let request = Request::parse(channel, body, None, self.instance.max_information);
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

    /// The party has gone, and its connection has not: from here on it speaks for nobody.
    pub fn leave(&mut self) {
        self.instance.hub.leave(self.connection);
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
        };
        let question = Question {
            asker,
            id,
            verb: action.verb(),
        };
        match action {
            Action::Register(registration) => {
                question.write(instance.register(&registration, sender))
            }
            Action::Update { token, amendment } => {
                question.write(instance.update(token.as_ref(), &amendment, sender.address))
            }
            Action::Delete { token } => question.write(instance.delete(token.as_ref(), sender)),
            Action::RotateToken { token } => {
                question.write(instance.rotate_token(token.as_ref(), sender))
            }
            Action::Login { token, limit: _ } => {
                let (connection, outbox) = (self.connection, self.outbox.clone());
                let login = Arc::clone(instance).log_in(token, sender, connection, outbox);
                Step::Alone(Box::pin(async move { question.answer(login.await) }))
            }
            Action::Logout => {
                let (instance, connection) = (Arc::clone(instance), self.connection);
                Step::Alone(Box::pin(async move {
                    instance.hub.leave(connection);
                    question.answer(Ok(Reply::LoggedOut))
                }))
            }
            Action::Ping => Step::Now(question.answer(Ok(Reply::Pinged))),
        }
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
    action: Action,
    address: IpAddr,
) -> Reply {
    async fn settle<F: Future<Output = Outcome>>(pending: Result<Pending<F>, Refusal>) -> Outcome {
        pending?.outcome.await
    }
    let verb = action.verb();
    let sender = Sender {
        kind,
        protocol: Protocol::Http,
        address,
    };
    let outcome = match action {
        Action::Register(registration) => settle(instance.register(&registration, sender)).await,
        Action::Update { token, amendment } => {
            settle(instance.update(token.as_ref(), &amendment, address)).await
        }
        Action::Delete { token } => settle(instance.delete(token.as_ref(), sender)).await,
        Action::RotateToken { token } => {
            settle(instance.rotate_token(token.as_ref(), sender)).await
        }
        Action::Login { token, limit: _ } => Arc::clone(instance).answer_login(token, sender).await,
        Action::Logout => Err(Refusal::forbidden("only a connection can log out")),
        Action::Ping => Ok(Reply::Pinged),
    };
    reply(verb, outcome)
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

    fn write<F>(self, pending: Result<Pending<F>, Refusal>) -> Step<Answer>
    where
        F: Future<Output = Outcome> + Send + 'static,
    {
        match pending {
            Err(refusal) => Step::Now(self.answer(Err(refusal))),
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
