//! The operator's word on a node, given past the process that serves.
//!
//! **It does not take the data directory's lock**, which is the server's: a second connection is what
//! the log is for. So nothing here creates or migrates anything; a database that is not ours, or not of
//! this version, is refused and left alone.

use std::{fmt, path::Path, sync::Arc};

use nile_protocol::party::NodeId;
use rusqlite::{Connection, OptionalExtension, Result, TransactionBehavior::Immediate};

use super::{
    OpenError,
    connection::{self, Role},
    directory,
    disk::System,
    frames, schema,
    seal::{Intact, intact},
};

/// What became of an approval.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Approval {
    /// From now on the node takes part.
    Given(NodeId),
    /// The node took part before; nothing is changed.
    GivenBefore(NodeId),
}

/// An approval that cannot be given.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ApprovalError {
    /// The store cannot be opened, or does not take the approval.
    #[error(transparent)]
    Store(#[from] OpenError),
    /// No node has this number.
    #[error("there is no node {}", _0.0)]
    UnknownNode(NodeId),
}

impl fmt::Display for Approval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Given(NodeId(id)) => write!(f, "node {id} is approved"),
            Self::GivenBefore(NodeId(id)) => write!(f, "node {id} was approved before"),
        }
    }
}

/// Lets `node` take part, in the store of `data_dir`, which a server may be serving.
///
/// It blocks, for some seconds where the server writes without pause. What it says is on disk.
pub fn approve_node(data_dir: &Path, node: NodeId) -> Result<Approval, ApprovalError> {
    let path = directory::existing_database(data_dir)?;
    let refuse = |error| OpenError::database(&path, error);
    frames::require_all(&System, &directory::log(&path))?;
    let mut connection = connection::open(&path, Role::Writer, &Arc::default()).map_err(refuse)?;
    schema::check(&connection, &path)?;
    approve(&mut connection, node)
        .map_err(refuse)?
        .ok_or(ApprovalError::UnknownNode(node))
}

fn approve(connection: &mut Connection, node: NodeId) -> Result<Option<Approval>> {
    let transaction = connection.transaction_with_behavior(Immediate)?;
    let is_there = transaction
        .prepare_cached(concat!(
            "SELECT ",
            intact!(node),
            " FROM node WHERE id = ?1"
        ))?
        .query_row([node.0], |row| row.get(0))
        .optional()?;
    let changed = transaction
        .prepare_cached(
            "UPDATE node SET approved = 1, sum = seal('node', id, token_hash, next_token_hash,
             next_token_at, registered_at, updated_at, protocol, 1, hash, resource, delivery_secret,
             information) WHERE id = ?1 AND approved = 0",
        )?
        .execute([node.0])?;
    transaction.commit()?;
    Ok(match (is_there, changed) {
        (None, _) => None,
        (Some(Intact), 0) => Some(Approval::GivenBefore(node)),
        (Some(Intact), _) => Some(Approval::Given(node)),
    })
}
