//! Messages from party to party: what can be asked about them.
//!
//! The sender of a message is who was proved to send it, never what a request says.

use std::sync::Arc;

use nile_protocol::{
    json::Raw,
    party::{PartyId, PartyKind},
    push::Forwarded,
    refusal::Refusal,
    reply::{MessageStatus, Reply},
    request::{self, Proof, RequestId},
};

use super::{
    Instance,
    delivery::{page_limit, state},
    proof::{Asking, Outcome, Pending, Sender},
};
use crate::{
    hub::{Line, Message, Unforwarded, WsId},
    store::{Full, MessageRef, MessageState, NewMessage, Processed, Sent, Status, Withdrawal},
};

/// A message by party, as it was asked for.
pub(crate) struct Sending {
    /// Whom the sender says it is for.
    pub(crate) to: Option<PartyId>,
    /// The request that it answers.
    pub(crate) answers: Option<i64>,
    /// The id of the request that sends it.
    pub(crate) id: Option<RequestId>,
    /// What is sent.
    pub(crate) content: Raw,
}

/// A message that is stored.
#[derive(Clone, Copy)]
pub(crate) struct Accepted {
    pub(crate) queue_id: i64,
    /// It was pushed to its recipient at once.
    pub(crate) pushed: bool,
}

impl Instance {
    /// Stores a message, and pushes it to its recipient. `reply` answers it; `otherwise` does so where the
    /// request that it would answer does not wait, and it says no other recipient.
    pub(super) fn send<F>(
        self: &Arc<Self>,
        asking: Asking,
        sending: Sending,
        reply: fn(Accepted) -> Reply,
        otherwise: F,
    ) -> Pending<impl Future<Output = Outcome> + Send + use<F>>
    where
        F: FnOnce(&Arc<Self>) -> Outcome + Send + Unpin + 'static,
    {
        let Sending {
            to,
            answers,
            id,
            content,
        } = sending;
        let message = NewMessage {
            from: asking.party,
            authority: asking.authority,
            to,
            answers,
            id: id.and_then(|id| match id {
                RequestId::Text(id) => Some(id.into()),
                RequestId::Integer(_) => None,
            }),
            content: content.clone().into(),
        };
        let written = self.store.send(message, self.clock.now());
        self.proven(asking, written, move |instance, sent| {
            if matches!(sent, Sent::NotPending) {
                return otherwise(instance);
            }
            instance.sent(asking.party, content, sent).map(reply)
        })
    }

    /// What follows from a message that the store was asked to take.
    pub(super) fn sent(
        self: &Arc<Self>,
        from: PartyId,
        content: Raw,
        sent: Sent,
    ) -> Result<Accepted, Refusal> {
        match sent {
            Sent::Stored {
                queue_id,
                to,
                previous,
                answered,
            } => {
                let message = Message::new(queue_id, from, content);
                let pushed = self.offer(to, &message, previous);
                self.ended(answered.as_slice());
                Ok(Accepted { queue_id, pushed })
            }
            Sent::Repeated {
                queue_id,
                to,
                state,
            } => {
                let pushed = state == MessageState::Delivered || self.hub.holds(to, queue_id);
                Ok(Accepted { queue_id, pushed })
            }
            Sent::IdConflict => Err(Refusal::id_conflict()),
            Sent::UnknownRecipient | Sent::NotPending => Err(Refusal::unknown_recipient()),
            Sent::QueueFull(full) => Err(Refusal::queue_full(match full {
                Full::Recipient => "as much waits for this recipient as may",
                Full::Pair => "as much of yours waits for this recipient as may",
                Full::Store => "the instance keeps as much as it may",
            })),
        }
    }

    /// Sends something to one connection, now or never.
    pub(crate) fn forward(&self, sender: Sender, from: &Line, to: &str, content: &Raw) -> Outcome {
        match (sender.kind, sender.party) {
            (PartyKind::Client, None) if !self.rules.guests => return Err(Refusal::not_logged_in()),
            (PartyKind::Client, None | Some(PartyId::Client(_))) => {}
            (PartyKind::Node, Some(PartyId::Node(node))) if self.hub.is_approved(node) => {}
            (PartyKind::Node, Some(PartyId::Node(_))) => {
                return Err(Refusal::forbidden(
                    "the operator has not approved this node",
                ));
            }
            _ => return Err(Refusal::not_logged_in()),
        }
        let to = WsId::parse(to).ok_or_else(Refusal::recipient_offline)?;
        let body = Forwarded {
            sender: &from.connection.to_string(),
            content,
        }
        .to_body();
        match self.hub.forward(from, sender.kind, to, &body) {
            Ok(()) => Ok(Reply::Forwarded),
            Err(Unforwarded::Offline) => Err(Refusal::recipient_offline()),
            Err(Unforwarded::Full) => Err(Refusal::queue_full(
                "the recipient has not taken what was sent to it before",
            )),
        }
    }

    /// Whether a connection hears from now on what becomes of the messages of its party.
    pub(crate) fn subscribe_status(&self, sender: Sender, connection: WsId, on: bool) -> Outcome {
        match sender.party {
            Some(party) if party.kind() == sender.kind => {
                self.hub.follow(connection, on);
                Ok(Reply::StatusSubscribed { on })
            }
            _ => Err(Refusal::not_logged_in()),
        }
    }

    /// Removes messages that waited for whoever asks, and shows what still does.
    pub(crate) fn process_queue(
        self: &Arc<Self>,
        proof: &Proof,
        queue_ids: Vec<i64>,
        limit: Option<u32>,
        sender: Sender,
    ) -> Result<Pending<impl Future<Output = Outcome> + Send + use<>>, Refusal> {
        let asking = self.asking(proof, sender)?;
        let (limit, now) = (page_limit(limit), self.clock.now());
        let written = self
            .store
            .process(asking.party, asking.authority, queue_ids, limit, now);
        Ok(self.proven(asking, written, move |instance, processed| {
            let Processed { ended, page } = processed;
            instance.ended(&ended);
            let page = instance.show(asking.party, &page);
            Ok(Reply::Queue { page })
        }))
    }

    /// Tells the sender of a message what became of it.
    pub(crate) fn message_status(
        self: &Arc<Self>,
        proof: &Proof,
        message: request::MessageRef,
        sender: Sender,
    ) -> Result<Pending<impl Future<Output = Outcome> + Send + use<>>, Refusal> {
        let asking = self.asking(proof, sender)?;
        let message = match message {
            request::MessageRef::QueueId(queue_id) => MessageRef::QueueId(queue_id),
            request::MessageRef::Id(id) => MessageRef::Id(id.into()),
        };
        let now = self.clock.now();
        let written = self
            .store
            .message_status(asking.party, asking.authority, message, now);
        Ok(self.proven(asking, written, |_, status| {
            let status = status.ok_or_else(Refusal::unknown_message)?;
            let Status {
                queue_id,
                id,
                state: reached,
                since,
                parked,
            } = status;
            Ok(Reply::MessageStatus(MessageStatus {
                queue_id,
                id: id.map(Into::into),
                state: state(reached),
                since: since.0,
                parked,
            }))
        }))
    }

    /// Takes a message back, if it still waits.
    pub(crate) fn withdraw(
        self: &Arc<Self>,
        proof: &Proof,
        queue_id: i64,
        sender: Sender,
    ) -> Result<Pending<impl Future<Output = Outcome> + Send + use<>>, Refusal> {
        let asking = self.asking(proof, sender)?;
        let now = self.clock.now();
        let written = self
            .store
            .withdraw(asking.party, asking.authority, queue_id, now);
        Ok(self.proven(
            asking,
            written,
            move |instance, withdrawal| match withdrawal {
                Withdrawal::Withdrawn(ended) => {
                    instance.ended(ended.as_slice());
                    Ok(Reply::Withdrawn { queue_id })
                }
                Withdrawal::Unknown => Err(Refusal::unknown_message()),
            },
        ))
    }
}
