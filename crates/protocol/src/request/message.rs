//! Requests that send messages, and requests about messages that were sent.
//!
//! What a message carries is taken as it was written and not looked into.

use std::collections::HashSet;

use serde_json::value::RawValue;

use super::Action;
use super::id;
use super::parameters::{Parameters, identifier, read_limit};
use crate::json::{self, Raw};
use crate::party::{IDENTIFIERS, PartyKind};
use crate::refusal::Refusal;

/// The most entries that `queue_ids` may have.
pub const MAX_QUEUE_IDS: usize = 1000;

/// How a sender names a message that it sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MessageRef {
    /// By the number that the instance gave it: 1…2^53 − 1.
    QueueId(i64),
    /// By the id that the sender gave it: at most [`MAX_TEXT_ID_BYTES`](super::MAX_TEXT_ID_BYTES) bytes, without NUL.
    Id(String),
}

impl Parameters<'_> {
    pub(super) fn forward(&self) -> Result<Action, Refusal> {
        let proof = self.proof(None)?;
        let answers = self.answers()?;
        let recipient = unless_answering(self.recipient()?, answers)?;
        Ok(Action::Forward {
            proof,
            recipient,
            answers,
            content: self.content(),
        })
    }

    pub(super) fn queue(&self) -> Result<Action, Refusal> {
        let proof = self.proof(None)?;
        let answers = self.answers()?;
        let recipient = unless_answering(self.recipient_party()?, answers)?;
        Ok(Action::Queue {
            proof,
            recipient,
            answers,
            content: self.content(),
        })
    }

    /// Everything on a party channel; `action` is the JSON of the action that it carries.
    pub(super) fn send(&self, action: &RawValue) -> Result<Action, Refusal> {
        let action = action.get();
        let parameters = self.envelope.parameters.map_or("{}", RawValue::get);
        let content = json::text(|out| {
            json::object(out, |content| {
                content.raw("action", action);
                content.raw("parameters", parameters);
            });
        });
        Ok(Action::Send {
            proof: self.proof(None)?,
            recipient: self.recipient_party()?.ok_or_else(no_recipient)?,
            content: Raw::assembled(&content),
        })
    }

    pub(super) fn process_queue(&self) -> Result<Action, Refusal> {
        let [token, queue_id, queue_ids, limit] =
            self.pick(["token", "queue_id", "queue_ids", "limit"])?;
        let proof = self.proof(token)?;
        if queue_id.or(queue_ids).is_none() {
            return Err(no_queue_id());
        }
        let mut ids = queue_ids
            .map(read_queue_ids)
            .transpose()?
            .unwrap_or_default();
        if let Some(first) = queue_id.map(read_queue_id).transpose()? {
            ids.insert(0, first);
        }
        let mut seen = HashSet::with_capacity(ids.len());
        ids.retain(|id| seen.insert(*id));
        Ok(Action::ProcessQueue {
            proof,
            queue_ids: ids,
            limit: limit.map(read_limit).transpose()?,
        })
    }

    pub(super) fn message_status(&self) -> Result<Action, Refusal> {
        let [token, queue_id, id] = self.pick(["token", "queue_id", "id"])?;
        let proof = self.proof(token)?;
        let message = match (queue_id, id) {
            (Some(queue_id), None) => MessageRef::QueueId(read_queue_id(queue_id)?),
            (None, Some(id)) => MessageRef::Id(read_text_id(id)?),
            (None, None) => return Err(no_queue_id()),
            (Some(_), Some(_)) => {
                let msg = "stands beside queue_id, and one of them is enough";
                return Err(Refusal::invalid_parameters("id", msg));
            }
        };
        Ok(Action::MessageStatus { proof, message })
    }

    pub(super) fn withdraw(&self) -> Result<Action, Refusal> {
        let [token, queue_id] = self.pick(["token", "queue_id"])?;
        Ok(Action::Withdraw {
            proof: self.proof(token)?,
            queue_id: read_queue_id(queue_id.ok_or_else(no_queue_id)?)?,
        })
    }

    pub(super) fn subscribe_status(&self) -> Result<Action, Refusal> {
        let [on] = self.pick(["on"])?;
        let on = match on.map(RawValue::get) {
            Some("true") => true,
            Some("false") => false,
            Some(_) => return Err(Refusal::invalid_parameters("on", "must be true or false")),
            None => return Err(Refusal::invalid_parameters("on", "is missing")),
        };
        Ok(Action::SubscribeStatus { on })
    }

    /// The waiting request that a node answers with its message. Clients answer nothing.
    fn answers(&self) -> Result<Option<i64>, Refusal> {
        match self.channel.sender() {
            PartyKind::Client => Ok(None),
            PartyKind::Node => self.envelope.queue_id.map(read_queue_id).transpose(),
        }
    }

    /// What is sent: the parameters as they are.
    fn content(&self) -> Raw {
        self.envelope
            .parameters
            .map_or_else(Raw::empty_object, Raw::from)
    }
}

/// An answer finds its way without a recipient; nothing else does.
fn unless_answering<T>(recipient: Option<T>, answers: Option<i64>) -> Result<Option<T>, Refusal> {
    match (&recipient, answers) {
        (None, None) => Err(no_recipient()),
        _ => Ok(recipient),
    }
}

fn no_recipient() -> Refusal {
    Refusal::invalid_parameters("recipient", "is missing")
}

fn no_queue_id() -> Refusal {
    Refusal::invalid_parameters("queue_id", "is missing")
}

fn read_queue_id(value: &RawValue) -> Result<i64, Refusal> {
    identifier(value).ok_or_else(|| {
        Refusal::invalid_parameters("queue_id", "must be an integer from 1 to 2^53 - 1")
    })
}

fn read_queue_ids(value: &RawValue) -> Result<Vec<i64>, Refusal> {
    serde_json::from_str(value.get())
        .ok()
        .filter(|ids: &Vec<i64>| ids.len() <= MAX_QUEUE_IDS)
        .filter(|ids| ids.iter().all(|id| IDENTIFIERS.contains(id)))
        .ok_or_else(|| {
            Refusal::invalid_parameters(
                "queue_ids",
                "must be an array of at most 1000 integers from 1 to 2^53 - 1",
            )
        })
}

fn read_text_id(value: &RawValue) -> Result<String, Refusal> {
    id::text(value)
        .ok_or_else(|| Refusal::invalid_parameters("id", "must be a string of at most 64 bytes"))
}
