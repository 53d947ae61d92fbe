//! Requests as texts, and what the texts of answers say.

use nile_protocol::party::{ClientId, PartyId};
use serde_json::Value;

pub(crate) const CHANNEL: &str = "client.to.instance";
pub(crate) const PATH: &str = "/client/to/instance";
pub(crate) const PING: &str = r#"{"action":"ping"}"#;
pub(crate) const LOGOUT: &str = r#"{"action":"logout"}"#;
pub(crate) const REGISTER_NODE: &str = r#"{"action":"register","parameters":{"hash":"QmNLfbof5rLekrACjeuLk9JmGZD2HDBHCU4z16iYKmx5SE"}}"#;

pub(crate) fn register(name: &str) -> String {
    format!(r#"{{"action":"register","parameters":{{"information":{{"name":"{name}"}}}}}}"#)
}

pub(crate) fn login(token: &str) -> String {
    of("login", token)
}

pub(crate) fn delete(token: &str) -> String {
    of("delete", token)
}

pub(crate) fn rotate_token(token: &str) -> String {
    of("rotateToken", token)
}

pub(crate) fn update(token: &str, name: &str) -> String {
    format!(
        r#"{{"action":"update","parameters":{{"token":"{token}","information":{{"name":"{name}"}}}}}}"#
    )
}

/// The frame of `/ws` that carries this request.
pub(crate) fn frame(body: &str) -> String {
    format!(r#"{{"event":"{CHANNEL}","body":{body}}}"#)
}

/// A token as no client has it.
pub(crate) fn strange_token() -> String {
    format!("nlc_1_{}", "A".repeat(43))
}

fn of(action: &str, token: &str) -> String {
    format!(r#"{{"action":"{action}","parameters":{{"token":"{token}"}}}}"#)
}

pub(crate) fn parse(json: &str) -> Value {
    serde_json::from_str(json).unwrap_or_else(|error| panic!("{error}: {json}"))
}

pub(crate) fn action_of(body: &str) -> String {
    parse(body)["action"].as_str().unwrap().to_owned()
}

/// The token in the body of an answer, or in its parameters alone.
pub(crate) fn token_in(answer: &str) -> String {
    let answer = parse(answer);
    let token = answer
        .pointer("/parameters/token")
        .unwrap_or(&answer["token"]);
    token
        .as_str()
        .unwrap_or_else(|| panic!("no token: {answer}"))
        .to_owned()
}

/// Whose token it is.
pub(crate) fn client_of(token: &str) -> PartyId {
    let number = token.split('_').nth(1).unwrap();
    PartyId::Client(ClientId(number.parse().unwrap()))
}
