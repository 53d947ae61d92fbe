//! What everybody in a town has heard, together: so that requests can name what there is.

use std::collections::HashMap;

use nile_protocol::{party::PartyId, token::Token};
use serde_json::Value;

/// What was given out and seen.
#[derive(Default)]
pub(super) struct Mind {
    tokens: Vec<Token>,
    ws_ids: Vec<String>,
    queue_ids: Vec<i64>,
    /// Who sent which message.
    senders: HashMap<i64, PartyId>,
}

impl Mind {
    pub(super) fn token(&self, which: u8) -> Option<String> {
        pick(&self.tokens, which).map(Token::expose)
    }

    pub(super) fn recipient(&self, connection: bool, which: u8) -> Value {
        if connection {
            pick(&self.ws_ids, which).map_or(Value::Null, |ws_id| ws_id.as_str().into())
        } else {
            let party = pick(&self.tokens, which).map(Token::party);
            party.map_or(which.into(), |party| party.number().into())
        }
    }

    pub(super) fn queue_id(&self, which: u8) -> Option<i64> {
        pick(&self.queue_ids, which).copied()
    }

    /// Hears an answer.
    pub(super) fn answer(&mut self, parameters: &Value, sender: Option<PartyId>) {
        if let Some(token) = parameters["token"].as_str() {
            let token = Token::parse(token).expect("a token that is given out is one");
            assert!(!self.tokens.contains(&token), "a token comes twice");
            self.tokens.push(token);
        }
        if let (Some(queue_id), Some(sender)) = (parameters["queue_id"].as_i64(), sender) {
            self.senders.entry(queue_id).or_insert(sender);
        }
        for node in parameters["onlineNodes"].as_array().into_iter().flatten() {
            self.ws_ids
                .extend(node["ws_id"].as_str().map(str::to_owned));
        }
        for row in parameters["queue"].as_array().into_iter().flatten() {
            self.message(row);
        }
    }

    /// Hears a message, pushed or in a page: it is from who sent it.
    pub(super) fn message(&mut self, message: &Value) {
        let Some(queue_id) = message["queue_id"].as_i64() else {
            let ws_id = message["sender"].as_str().expect("it is from a connection");
            self.ws_ids.push(ws_id.to_owned());
            return;
        };
        self.queue_ids.push(queue_id);
        if let Some(sender) = self.senders.get(&queue_id) {
            assert_eq!(message["sender"], sender.number(), "{message}");
            assert_eq!(message["sender_kind"], sender.kind().word(), "{message}");
        }
    }
}

/// Whose token a body has outside of its parameters.
pub(super) fn owner(body: &str) -> Option<PartyId> {
    let body: Value = serde_json::from_str(body).ok()?;
    Token::parse(body["token"].as_str()?).map(|token| token.party())
}

fn pick<T>(items: &[T], which: u8) -> Option<&T> {
    items.get(usize::from(which) % items.len().max(1))
}
