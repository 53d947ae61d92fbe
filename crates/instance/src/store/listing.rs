//! Nodes as others are told of them.
//!
//! **Nothing in here is worth a token**: what a node is delivered to is told to the instance itself only.
//! Who is online is not known here.

use nile_protocol::party::NodeId;
use rusqlite::{Result, Row};

use super::{
    Delivery, Protocol, Store, Submission,
    seal::{self, Intact, intact},
};

/// A node, and what it tells everybody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedNode {
    /// Its number.
    pub id: NodeId,
    /// The content identifier of what it publishes.
    pub hash: Box<str>,
    /// What it says about itself: a JSON object, as it was received.
    pub information: Box<str>,
    /// Whether it takes part.
    pub approved: bool,
    /// How it registered.
    pub protocol: Protocol,
    /// Where its messages are posted.
    pub delivery: Option<Delivery>,
    /// How many messages wait for it.
    pub waiting: u64,
}

/// A statement that selects the columns which [`ListedNode::read`] reads.
macro_rules! select_listed {
    ($condition:literal) => {
        concat!(
            "SELECT id, hash, information, approved, protocol, resource, delivery_secret,
             coalesce((SELECT waiting FROM queue WHERE to_node = 1 AND to_id = node.id), 0), ",
            intact!(node),
            " FROM node WHERE ",
            $condition
        )
    };
}

impl Store {
    /// Those of `nodes` that take part, in the given order, without those that are damaged.
    pub fn approved_among(&self, nodes: Vec<NodeId>) -> Submission<Vec<ListedNode>> {
        self.reads.submit("list nodes", move |connection| {
            let mut statement =
                connection.prepare_cached(select_listed!("id = ?1 AND approved = 1"))?;
            let mut listed = Vec::with_capacity(nodes.len());
            for NodeId(id) in nodes {
                let mut rows = statement.query([id])?;
                if let Some(row) = rows.next()? {
                    listed.extend(seal::unless_damaged(ListedNode::read(row))?);
                }
            }
            Ok(listed)
        })
    }

    /// Every node that registered over HTTP and is not damaged, oldest first.
    ///
    /// It looks at all nodes, of which there are as many as shops in a town.
    pub fn http_nodes(&self) -> Submission<Vec<ListedNode>> {
        self.reads.submit("list nodes over HTTP", |connection| {
            connection
                .prepare_cached(select_listed!("protocol = ?1 ORDER BY id"))?
                .query_map([Protocol::Http.word()], ListedNode::read)?
                .filter_map(|node| seal::unless_damaged(node).transpose())
                .collect()
        })
    }
}

impl ListedNode {
    fn read(row: &Row<'_>) -> Result<Self> {
        let Intact = row.get(8)?;
        let (resource, secret) = (row.get::<_, Option<_>>(5)?, row.get::<_, Option<_>>(6)?);
        Ok(Self {
            id: NodeId(row.get(0)?),
            hash: row.get(1)?,
            information: row.get(2)?,
            approved: row.get(3)?,
            protocol: row.get(4)?,
            delivery: resource
                .zip(secret)
                .map(|(resource, secret)| Delivery { resource, secret }),
            waiting: row.get::<_, u32>(7)?.into(),
        })
    }
}
