//! What only nodes have, by use case: a hash, a protocol, and the operator's approval.
//!
//! Node numbers count only nodes. What a hash or an information may look like is decided above.

use std::fmt;

use nile_protocol::party::{NodeId, PartyId};
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ValueRef};

use super::{
    Store, Submission,
    credential::Change,
    party::{admit, columns, made, next_number},
};
use crate::{clock::Timestamp, token::TokenHash};

/// How a node registered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// Over a connection, be it Socket.IO's or a bare WebSocket.
    WebSocket,
    /// Over plain HTTP.
    Http,
}

impl Protocol {
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::WebSocket => "websocket",
            Self::Http => "http",
        }
    }
}

impl FromSql for Protocol {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let word = value.as_str()?;
        [Self::WebSocket, Self::Http]
            .into_iter()
            .find(|protocol| protocol.word() == word)
            .ok_or(FromSqlError::InvalidType)
    }
}

/// A node that registers.
#[derive(Clone, Debug)]
pub struct NewNode {
    /// The content identifier of what it publishes.
    pub hash: Box<str>,
    /// What it says about itself: a JSON object.
    pub information: Box<str>,
    /// How it came.
    pub protocol: Protocol,
    /// Whether it takes part at once, without the operator.
    pub approved: bool,
    /// Where it wants its messages, if it has no connection that they could come over.
    pub delivery: Option<Delivery>,
}

/// Where a node's messages are posted.
#[derive(Clone, PartialEq, Eq)]
pub struct Delivery {
    /// The URL that the node gave.
    pub resource: Box<str>,
    /// What the posts are signed with.
    pub secret: [u8; 32],
}

/// Shows nothing of the secret.
impl fmt::Debug for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Delivery")
            .field("resource", &self.resource)
            .finish_non_exhaustive()
    }
}

/// What a node replaces of what it told; what is `None` stays.
#[derive(Clone, Debug)]
pub struct NodeUpdate {
    /// The content identifier of what it publishes.
    pub hash: Option<Box<str>>,
    /// What it says about itself: a JSON object.
    pub information: Option<Box<str>>,
}

impl Store {
    /// Adds a node and gives it a number that no node has had before.
    ///
    /// Repeated after a fault, it may add a second node that nobody knows the token of.
    pub fn register_node(
        &self,
        token: TokenHash,
        node: NewNode,
        now: Timestamp,
    ) -> Submission<NodeId> {
        self.writes.submit("register a node", move |connection| {
            let id = next_number(connection, "node")?;
            connection
                .prepare_cached(
                    "INSERT INTO node (id, sum, token_hash, registered_at, updated_at, protocol,
                     approved, hash, information, resource, delivery_secret)
                     VALUES (?1, seal('node', ?1, ?2, NULL, NULL, ?3, ?3, ?4, ?5, ?6, ?8, ?9, ?7),
                     ?2, ?3, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
                )?
                .execute((
                    id,
                    token.as_bytes(),
                    now.0,
                    node.protocol.word(),
                    node.approved,
                    node.hash,
                    node.information,
                    node.delivery.as_ref().map(|delivery| &delivery.resource),
                    node.delivery.as_ref().map(|delivery| &delivery.secret),
                ))?;
            Ok(NodeId(id))
        })
    }

    /// Replaces what node `id` told, or a part of it.
    pub fn update_node(
        &self,
        id: NodeId,
        token: TokenHash,
        update: NodeUpdate,
        now: Timestamp,
    ) -> Submission<Change> {
        self.writes.submit("update a node", move |connection| {
            let party = PartyId::Node(id);
            let Some((credential, with)) = admit(connection, party, token, now)? else {
                return Ok(Change::InvalidToken);
            };
            let NodeUpdate { hash, information } = update;
            let (current, next, since) = columns(&credential);
            connection
                .prepare_cached(
                    "UPDATE node SET token_hash = ?2, next_token_hash = ?3, next_token_at = ?4,
                     hash = coalesce(?5, hash), information = coalesce(?6, information),
                     updated_at = ?7, sum = seal('node', id, ?2, ?3, ?4, registered_at, ?7, protocol,
                     approved, coalesce(?5, hash), resource, delivery_secret,
                     coalesce(?6, information)) WHERE id = ?1",
                )?
                .execute((id.0, current, next, since, hash, information, now.0))?;
            Ok(made(with))
        })
    }
}
