//! What parties hear unasked: messages of others, and who is online.
//!
//! A message is heard on the channel on which its sender could have sent it: `client.to.node` or
//! `node.to.client`. Its content is copied, never re-serialised.

use std::fmt;

use serde_json::value::RawValue;

use crate::json::{self, Raw};
use crate::party::{NodeId, PartyId};

/// A message by party, which waits until its recipient acknowledges it.
#[derive(Clone, Copy, Debug)]
pub struct Push<'a> {
    /// Its number, the same each time it comes.
    pub queue_id: i64,
    /// Who sent it.
    pub sender: PartyId,
    /// What was sent.
    pub content: &'a Raw,
}

/// A message by WebSocket ID, which comes once.
#[derive(Clone, Copy, Debug)]
pub struct Forwarded<'a> {
    /// The WebSocket ID of the connection that sent it.
    pub sender: &'a str,
    /// What was sent.
    pub content: &'a Raw,
}

/// A node that can be written to now.
#[derive(Clone, Copy, Debug)]
pub struct OnlineNode<'a, W> {
    /// Which node it is.
    pub node: NodeId,
    /// The address of its components, bare.
    pub hash: &'a str,
    /// The WebSocket ID of its connection; a node that is reached over HTTP has none.
    pub ws_id: Option<W>,
    /// What it tells about itself: the text of an [`Information`](crate::information::Information).
    pub information: &'a str,
}

impl Push<'_> {
    /// `{"sender":…,"sender_kind":…,"queue_id":…,"content":…}`, and beside them the `action` and
    /// `parameters` of the content, for recipients that look for them where requests have them.
    #[must_use]
    pub fn to_body(&self) -> String {
        json::text(|out| {
            json::object(out, |body| {
                body.member("sender", self.sender.number());
                body.member("sender_kind", self.sender.kind().word());
                body.member("queue_id", self.queue_id);
                body.raw("content", self.content.as_str());
                let [action, parameters] = action_and_parameters(self.content);
                if let Some(action) = action {
                    body.raw("action", action.get());
                }
                if let Some(parameters) = parameters {
                    body.raw("parameters", parameters.get());
                }
            });
        })
    }
}

impl Forwarded<'_> {
    /// `{"sender":…,"content":…}`.
    #[must_use]
    pub fn to_body(&self) -> String {
        json::text(|out| {
            json::object(out, |body| {
                body.member("sender", self.sender);
                body.raw("content", self.content.as_str());
            });
        })
    }
}

/// The array `[{"node_id":…,"ipfs_hash":…,"ws_id":…,"information":…},…]`, in this order.
///
/// The `ws_id` of a node without one is `null`.
pub fn online_nodes<'a, W: fmt::Display>(
    nodes: impl IntoIterator<Item = OnlineNode<'a, W>>,
) -> Raw {
    let text = json::text(|out| {
        json::array(out, nodes, |out, node| {
            json::object(out, |entry| {
                entry.member("node_id", node.node);
                entry.member("ipfs_hash", node.hash);
                match node.ws_id {
                    Some(ws_id) => entry.member("ws_id", format_args!("{ws_id}")),
                    None => entry.raw("ws_id", "null"),
                }
                entry.raw("information", node.information);
            });
        });
    });
    Raw::assembled(&text)
}

/// Of a member that comes twice the last one counts, as in JavaScript.
fn action_and_parameters(content: &Raw) -> [Option<&RawValue>; 2] {
    let [mut action, mut parameters] = [None; 2];
    let read = json::members(content.as_str(), |key, value| match &*key {
        "action" => action = Some(value),
        "parameters" => parameters = Some(value),
        _ => {}
    });
    match read {
        Ok(()) => [action, parameters],
        // Other values than objects have no members.
        Err(_) => [None; 2],
    }
}

#[cfg(test)]
mod tests;
