//! From an action to what serves it, for all that can be asked without a connection.

use std::{pin::Pin, sync::Arc};

use nile_protocol::{
    refusal::Refusal,
    reply::Reply,
    request::{Action, Registration, RequestId},
};

use super::{
    Instance,
    messages::{Accepted, Sending},
    proof::{Outcome, Pending, Sender},
};
use crate::hub::Card;

/// How the answer to one request gets to the one who asked.
pub(super) trait Way {
    /// What is on its way.
    type Answer;

    /// The answer is known.
    fn now(self, outcome: Outcome) -> Self::Answer;

    /// The answer comes with a write, or is a refusal to try.
    fn write<F>(self, pending: Result<Pending<F>, Refusal>) -> Self::Answer
    where
        F: Future<Output = Outcome> + Send + 'static;

    /// The answer comes with a read of what earlier requests have changed.
    fn read<F>(self, outcome: F) -> Self::Answer
    where
        F: Future<Output = Outcome> + Send + 'static;
}

impl Instance {
    /// Serves a request of somebody who has no connection, or for whom that makes no difference.
    pub(super) fn ask<W: Way>(
        self: &Arc<Self>,
        action: Action,
        id: Option<RequestId>,
        sender: Sender,
        way: W,
    ) -> W::Answer {
        match action {
            Action::Register(Registration::Client { information }) => {
                way.write(self.register_client(&information, sender))
            }
            Action::Register(Registration::Node {
                hash,
                information,
                resource,
            }) => {
                let told = Card {
                    hash: hash.as_str().into(),
                    information: information.as_str().into(),
                };
                match resource {
                    None => way.write(self.register_node(told, sender)),
                    Some(at) => way.read(Arc::clone(self).register_node_at(at, told, sender)),
                }
            }
            Action::Update { token, amendment } => {
                way.write(self.update(token.as_ref(), amendment, sender))
            }
            Action::Delete { token } => way.write(self.delete(token.as_ref(), sender)),
            Action::RotateToken { token } => way.write(self.rotate_token(token.as_ref(), sender)),
            Action::Login { token, limit } => {
                way.read(Arc::clone(self).answer_login(token, limit, sender))
            }
            Action::Queue {
                proof,
                recipient: to,
                answers,
                content,
            } => {
                let sending = Sending {
                    to,
                    answers,
                    id,
                    content,
                };
                let asking = self.asking(&proof, sender);
                way.write(
                    asking
                        .map(|asking| self.send(asking, sending, queued, |_| Err(no_recipient()))),
                )
            }
            Action::Send {
                proof,
                recipient,
                content,
            } => {
                let sending = Sending {
                    to: Some(recipient),
                    answers: None,
                    id,
                    content,
                };
                let asking = self.asking(&proof, sender);
                way.write(
                    asking.map(|asking| self.send(asking, sending, sent, |_| Err(no_recipient()))),
                )
            }
            Action::ProcessQueue {
                proof,
                queue_ids,
                limit,
            } => way.write(self.process_queue(&proof, queue_ids, limit, sender)),
            Action::MessageStatus { proof, message } => {
                way.write(self.message_status(&proof, message, sender))
            }
            Action::Withdraw { proof, queue_id } => {
                way.write(self.withdraw(&proof, queue_id, sender))
            }
            Action::UpdateNodeList => {
                let nodes = self.hub.nodes();
                way.now(Ok(Reply::OnlineNodes { nodes }))
            }
            Action::Logout => way.now(Err(Refusal::forbidden("only a connection can log out"))),
            Action::Forward { .. } => {
                way.now(Err(Refusal::forbidden("only a connection can forward")))
            }
            Action::SubscribeStatus { .. } => {
                way.now(Err(Refusal::forbidden("only a connection can subscribe")))
            }
            Action::Ping => way.now(Ok(Reply::Pinged)),
        }
    }
}

/// The answer to `queue`, and to `forward` where it comes to the same.
pub(super) fn queued(accepted: Accepted) -> Reply {
    Reply::Queued {
        queue_id: accepted.queue_id,
    }
}

/// The answer on the channels of the parties.
fn sent(accepted: Accepted) -> Reply {
    let Accepted { queue_id, pushed } = accepted;
    Reply::Sent { queue_id, pushed }
}

/// The refusal of what answers nothing, and is for nobody.
pub(super) fn no_recipient() -> Refusal {
    Refusal::invalid_parameters(
        "recipient",
        "is missing, and queue_id names no request that waits",
    )
}

/// The way of one who waits for this answer alone.
pub(super) struct Once;

impl Way for Once {
    type Answer = Pin<Box<dyn Future<Output = Outcome> + Send>>;

    fn now(self, outcome: Outcome) -> Self::Answer {
        Box::pin(std::future::ready(outcome))
    }

    fn write<F>(self, pending: Result<Pending<F>, Refusal>) -> Self::Answer
    where
        F: Future<Output = Outcome> + Send + 'static,
    {
        match pending {
            Ok(pending) => Box::pin(pending.outcome),
            Err(refusal) => self.now(Err(refusal)),
        }
    }

    fn read<F>(self, outcome: F) -> Self::Answer
    where
        F: Future<Output = Outcome> + Send + 'static,
    {
        Box::pin(outcome)
    }
}
