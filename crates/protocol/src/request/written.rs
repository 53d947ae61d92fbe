//! A request as a party would write it: what its parsing is tested against.
//!
//! It writes from what was read, never from a body, so a member that was lost on the way is missed
//! when the text is read again.

use std::collections::HashMap;

use serde_json::json;
use serde_json::value::RawValue;

use super::{Action, Amendment, MessageRef, Proof, Recipient, Registration, Request};
use crate::cid::Cid;
use crate::information::Information;
use crate::json::Raw;
use crate::token::Token;

/// The token that came with an action.
pub(crate) fn token_of(action: &Action) -> Option<&Option<Token>> {
    match action {
        Action::Forward { proof, .. }
        | Action::Queue { proof, .. }
        | Action::Send { proof, .. }
        | Action::ProcessQueue { proof, .. }
        | Action::MessageStatus { proof, .. }
        | Action::Withdraw { proof, .. } => match proof {
            Proof::Token(token) => Some(token),
            Proof::Connection => None,
        },
        Action::Login { token, .. }
        | Action::Update { token, .. }
        | Action::Delete { token }
        | Action::RotateToken { token } => Some(token),
        Action::Register(_)
        | Action::Logout
        | Action::Ping
        | Action::UpdateNodeList
        | Action::SubscribeStatus { .. } => None,
    }
}

/// The information that an action has.
pub(crate) fn information_of(action: &mut Action) -> Option<&mut Information> {
    match action {
        Action::Register(
            Registration::Client { information } | Registration::Node { information, .. },
        )
        | Action::Update {
            amendment: Amendment::Client { information },
            ..
        } => Some(information),
        Action::Update {
            amendment: Amendment::Node { information, .. },
            ..
        } => information.as_mut(),
        _ => None,
    }
}

/// What an action carries to somebody else.
pub(crate) fn content_of(action: &mut Action) -> Option<&mut Raw> {
    match action {
        Action::Forward { content, .. }
        | Action::Queue { content, .. }
        | Action::Send { content, .. } => Some(content),
        _ => None,
    }
}

/// The recipient that an action has, as JSON.
fn recipient_of(action: &Action) -> Option<String> {
    match action {
        Action::Forward {
            recipient: Some(Recipient::Connection(ws_id)),
            ..
        } => Some(json!(ws_id).to_string()),
        Action::Forward {
            recipient: Some(Recipient::Party(party)),
            ..
        }
        | Action::Queue {
            recipient: Some(party),
            ..
        }
        | Action::Send {
            recipient: party, ..
        } => Some(party.number().to_string()),
        _ => None,
    }
}

/// The hash that an action has.
fn hash_of(action: &Action) -> Option<&Cid> {
    match action {
        Action::Register(Registration::Node { hash, .. }) => Some(hash),
        Action::Update {
            amendment: Amendment::Node { hash, .. },
            ..
        } => hash.as_ref(),
        _ => None,
    }
}

/// Where a request is written with its token.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Place {
    Parameters,
    Authentication,
    Envelope,
    Everywhere,
}

impl Place {
    pub(crate) const ALL: [Self; 4] = [
        Self::Parameters,
        Self::Authentication,
        Self::Envelope,
        Self::Everywhere,
    ];
}

/// The body of `request`, with its token in this place.
pub(crate) fn write(request: &Request, place: Place) -> String {
    let action = &request.action;
    let (mut members, mut parameters) = (Vec::new(), Vec::new());
    let carried = content_of(&mut action.clone()).map(|content| content.as_str().to_owned());
    if let Some(Some(token)) = token_of(action) {
        let member = format!("\"token\": \"{}\"", token.expose());
        if carried.is_none() && matches!(place, Place::Parameters | Place::Everywhere) {
            parameters.push(member.clone());
        }
        if matches!(place, Place::Authentication | Place::Everywhere) {
            members.push(format!("\"authentication\":{{{member}}}"));
        }
        if carried.is_some() || matches!(place, Place::Envelope | Place::Everywhere) {
            members.push(member);
        }
    }
    // Where the token stands decides as well as anything how the rest is spelt.
    let plainly = matches!(place, Place::Parameters | Place::Everywhere);
    if let Some(hash) = hash_of(action) {
        let name = if plainly { "hash" } else { "components" };
        parameters.push(format!("\"{name}\":\"ipfs://{}\"", hash.as_str()));
    }
    if let Some(information) = information_of(&mut action.clone()) {
        parameters.push(format!("\"information\":\t{}", information.as_str()));
    }
    match action {
        Action::Register(Registration::Node {
            resource: Some(resource),
            ..
        }) => parameters.push(format!("\"resource\":{}", json!(resource))),
        Action::ProcessQueue { queue_ids, .. } => match (plainly, &queue_ids[..]) {
            (true, [queue_id, rest @ ..]) => {
                parameters.push(format!("\"queue_id\":{queue_id}"));
                parameters.push(format!("\"queue_ids\":{}", json!(rest)));
            }
            _ => parameters.push(format!("\"queue_ids\":{}", json!(queue_ids))),
        },
        Action::MessageStatus { message, .. } => parameters.push(match message {
            MessageRef::QueueId(queue_id) => format!("\"queue_id\":{queue_id}"),
            MessageRef::Id(id) => format!("\"id\":{}", json!(id)),
        }),
        Action::Withdraw { queue_id, .. } => parameters.push(format!("\"queue_id\":{queue_id}")),
        Action::SubscribeStatus { on } => parameters.push(format!("\"on\":{on}")),
        Action::Forward {
            answers: Some(queue_id),
            ..
        }
        | Action::Queue {
            answers: Some(queue_id),
            ..
        } => members.push(format!("\"queue_id\":{queue_id}")),
        _ => {}
    }
    if let Action::Login {
        limit: Some(limit), ..
    }
    | Action::ProcessQueue {
        limit: Some(limit), ..
    } = action
    {
        parameters.push(format!("\"limit\":{limit}"));
    }
    if let Some(recipient) = recipient_of(action) {
        members.push(if plainly {
            format!("\"recipient\":{recipient}")
        } else {
            format!("\"recipient\":{{\"recipient\" :{recipient}}}")
        });
    }
    let verb = format!("\"{}\"", action.verb().as_str());
    let (verb, parameters) = match (action, &carried) {
        (Action::Send { .. }, Some(content)) => {
            let content: HashMap<String, &RawValue> =
                serde_json::from_str(content).expect("what is carried is an object");
            (
                content["action"].get().to_owned(),
                content["parameters"].get().to_owned(),
            )
        }
        (_, Some(content)) => (verb, content.clone()),
        (_, None) => (verb, format!("{{{}}}", parameters.join(","))),
    };
    members.push(format!("\"parameters\":{parameters}"));
    members.push(format!("\"action\":{verb}"));
    if let Some(id) = &request.id {
        members.push(format!("\"id\":{}", json!(id)));
    }
    format!("{{{}}}", members.join(" ,\n"))
}
