//! Requests and bodies that nobody thought of.

use std::collections::HashMap;
use std::fmt::Write as _;

use proptest::prelude::*;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::*;

mod strategy;

use strategy::{any_piece, any_place, any_request};

fn raw(json: &str) -> Raw {
    Raw::parse(json.into()).unwrap()
}

fn parse(channel: Channel, body: &str) -> Result<Request, Rejected> {
    Request::parse(channel, body, None, MAX_INFORMATION)
}

/// The information that an action has.
fn information_of(action: &mut Action) -> Option<&mut Information> {
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
fn content_of(action: &mut Action) -> Option<&mut Raw> {
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
enum Place {
    Parameters,
    Authentication,
    Envelope,
    Everywhere,
}

fn write(request: &Request, place: Place) -> String {
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
            let content: HashMap<String, &RawValue> = serde_json::from_str(content).unwrap();
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
        members.push(format!("\"id\":{}", serde_json::to_string(id).unwrap()));
    }
    format!("{{{}}}", members.join(" ,\n"))
}

/// The same document with the characters of its strings escaped, but for hexadecimal digits, which
/// may be part of an escape already.
fn escaped(json: &str) -> String {
    let (mut out, mut inside, mut chars) = (String::new(), false, json.chars());
    while let Some(c) = chars.next() {
        match c {
            '"' => {
                inside = !inside;
                out.push(c);
            }
            '\\' => {
                out.push(c);
                out.extend(chars.next());
            }
            _ if inside && !c.is_ascii_hexdigit() => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    write!(out, "\\u{unit:04x}").unwrap();
                }
            }
            _ => out.push(c),
        }
    }
    out
}

/// The same request with what it keeps raw written in one way: the text tells how it was escaped.
fn respelt(mut request: Request) -> Request {
    let respell = |json: &str| {
        let value: Value = serde_json::from_str(json).unwrap();
        serde_json::to_string_pretty(&value).unwrap()
    };
    if let Some(information) = information_of(&mut request.action) {
        *information = super::information(&respell(information.as_str()));
    }
    if let Some(content) = content_of(&mut request.action) {
        *content = raw(&respell(content.as_str()));
    }
    request
}

proptest! {
    #[test]
    fn a_request_is_read_as_it_was_written((channel, request) in any_request(), place in any_place()) {
        let body = write(&request, place);
        prop_assert_eq!(parse(channel, &body), Ok(request), "{}", body);
    }

    #[test]
    fn a_request_is_the_same_however_it_is_escaped((channel, request) in any_request(), place in any_place()) {
        let plain = parse(channel, &write(&request, place)).unwrap();
        let read = parse(channel, &escaped(&write(&request, place))).unwrap();
        prop_assert_eq!(respelt(read), respelt(plain));
    }

    #[test]
    fn no_text_makes_the_parser_panic(
        channel in prop::sample::select(Channel::ALL.to_vec()),
        body in any::<String>(),
        bearer in any::<Option<String>>(),
    ) {
        let _ = Request::parse(channel, &body, bearer.as_deref(), MAX_INFORMATION);
    }

    #[test]
    fn a_damaged_request_is_refused_or_makes_sense(
        (channel, request) in any_request(),
        place in any_place(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), 0..3_u8, any_piece()), 1..4),
    ) {
        let mut chars: Vec<char> = write(&request, place).chars().collect();
        for (at, how, piece) in damage {
            let at = at.index(chars.len() + 1);
            match how {
                0 => chars.truncate(at),
                1 => drop(chars.splice(at..at, piece.chars())),
                _ => drop(chars.splice(at..(at + piece.len()).min(chars.len()), piece.chars())),
            }
        }
        let body: String = chars.into_iter().collect();
        if let Ok(request) = parse(channel, &body) {
            prop_assert!(serde_json::from_str::<&RawValue>(&body).is_ok(), "{}", body);
            let again = write(&request, Place::Parameters);
            if token_of(&request.action) != Some(&None) {
                prop_assert_eq!(parse(channel, &again), Ok(request), "{}", again);
            }
        }
    }
}
