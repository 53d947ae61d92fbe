//! Requests: every channel, every action.

use serde_json::Value;

use crate::channel::Channel;
use crate::information::Information;
use crate::json;
use crate::push::Push;
use crate::reply::Reply;
use crate::request::written::{Place, content_of, information_of, token_of, write};
use crate::request::{MAX_BODY_DEPTH, Rejected, Request};

const MAX_INFORMATION: usize = 4096;

/// A body that makes a request makes the same when it is written again; whatever it is, there is an
/// answer to it that others can read.
///
/// The first byte chooses the channel, and whether the first line is the token of the transport.
pub fn request(data: &[u8]) {
    let Some((choice, rest)) = data.split_first() else {
        return;
    };
    let Ok(text) = std::str::from_utf8(rest) else {
        return;
    };
    let channel = Channel::ALL[usize::from(choice & 3)];
    let (bearer, body) = match text.split_once('\n') {
        Some((bearer, body)) if choice & 4 != 0 => (Some(bearer), body),
        _ => (None, text),
    };
    match Request::parse(channel, body, bearer, MAX_INFORMATION) {
        Ok(request) => check_request(channel, body, request),
        Err(rejected) => check_rejected(rejected),
    }
}

fn check_request(channel: Channel, body: &str, mut request: Request) {
    let found = json::scan(body);
    assert!(found.depth <= MAX_BODY_DEPTH && !found.broken_text);
    // A token that is none has no text that could be written again.
    if token_of(&request.action) != Some(&None) {
        for place in Place::ALL {
            let again = write(&request, place);
            let read = Request::parse(channel, &again, None, MAX_INFORMATION);
            assert_eq!(read.as_ref(), Ok(&request), "{again}");
        }
    }
    if let Some(information) = information_of(&mut request.action) {
        let found = json::scan(information.as_str());
        assert!(!found.forbidden_key);
        let untold = *information == Information::empty();
        assert!(
            untold || body.contains(information.as_str()),
            "it was changed"
        );
    }
    if let Some(content) = content_of(&mut request.action) {
        let push = Push {
            queue_id: 1,
            sender: channel.sender().party(7),
            content,
        };
        let pushed = push.to_body();
        if let Ok(body) = serde_json::from_str::<Value>(&pushed) {
            assert_eq!(body["sender"], 7, "{pushed}");
            assert_eq!(body["queue_id"], 1, "{pushed}");
            assert_eq!(body["sender_kind"], channel.sender().word(), "{pushed}");
        }
        assert!(json::Raw::parse(pushed).is_some());
    }
}

fn check_rejected(rejected: Rejected) {
    let Rejected { id, verb, refusal } = rejected;
    let code = refusal.code.as_str();
    let reply = Reply::Refused { verb, refusal }.to_body(id.as_ref());
    let reply: Value = serde_json::from_str(&reply).expect("a reply is JSON");
    assert_eq!(reply["parameters"]["code"], code);
    assert_eq!(reply.get("id").is_some(), id.is_some());
}
