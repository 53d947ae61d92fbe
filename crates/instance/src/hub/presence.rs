//! Which nodes can be reached, and what of them is shown: the list that subscribers hear of.
//!
//! A node that is not approved is known here, and never shown. It is written once for all who hear it, and
//! only when it changes. Who hears it, and how often, is decided above.

use std::collections::BTreeMap;

use nile_protocol::{
    json::Raw,
    party::NodeId,
    push::{OnlineNode, online_nodes},
};

use super::ws_id::WsId;

/// The largest list that tells what nodes say of themselves. One that would be larger tells only how to
/// reach them.
const MAX_LIST: usize = 512 * 1024;

/// What others see of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Card {
    /// The content identifier of what it publishes.
    pub hash: Box<str>,
    /// What it says about itself: a JSON object.
    pub information: Box<str>,
}

#[derive(Debug)]
struct Node {
    card: Card,
    approved: bool,
    /// It can be reached without a connection.
    permanent: bool,
    /// Its oldest connection.
    connection: Option<WsId>,
}

/// The nodes that are there.
#[derive(Debug)]
pub(super) struct Presence {
    nodes: BTreeMap<NodeId, Node>,
    /// The list as it is now, if it has been written since it changed.
    list: Option<Raw>,
    /// The list as all subscribers know it; `None` when some of them know another.
    told: Option<Raw>,
}

impl Default for Presence {
    fn default() -> Self {
        let nodes = BTreeMap::new();
        let none = write(&nodes, |_| "{}");
        Self {
            nodes,
            list: Some(none.clone()),
            told: Some(none),
        }
    }
}

impl Presence {
    /// A node is there: on a connection, or permanently.
    pub(super) fn arrive(&mut self, id: NodeId, card: Card, approved: bool, permanent: bool) {
        let Some(node) = self.nodes.get_mut(&id) else {
            self.list = None;
            let node = Node {
                card,
                approved,
                permanent,
                connection: None,
            };
            self.nodes.insert(id, node);
            return;
        };
        if node.card != card || node.approved != approved {
            self.list = None;
        }
        (node.card, node.approved) = (card, approved);
        node.permanent |= permanent;
    }

    /// The oldest connection of a node is this one from now on, or there is none.
    pub(super) fn connected(&mut self, id: NodeId, connection: Option<WsId>) {
        let Some(node) = self.nodes.get_mut(&id) else {
            return;
        };
        if node.connection != connection {
            node.connection = connection;
            self.list = None;
        }
        if connection.is_none() && !node.permanent {
            self.nodes.remove(&id);
            self.list = None;
        }
    }

    /// A node tells something else about itself.
    pub(super) fn describe(&mut self, id: NodeId, hash: Option<&str>, information: Option<&str>) {
        let Some(node) = self.nodes.get_mut(&id) else {
            return;
        };
        if let Some(hash) = hash {
            node.card.hash = hash.into();
        }
        if let Some(information) = information {
            node.card.information = information.into();
        }
        self.list = None;
    }

    /// A node can be reached permanently no more.
    pub(super) fn forget(&mut self, id: NodeId) {
        let Some(node) = self.nodes.get_mut(&id) else {
            return;
        };
        node.permanent = false;
        if node.connection.is_none() {
            self.nodes.remove(&id);
            self.list = None;
        }
    }

    pub(super) fn is_approved(&self, id: NodeId) -> bool {
        self.nodes.get(&id).is_some_and(|node| node.approved)
    }

    pub(super) fn unapproved(&self) -> Vec<NodeId> {
        let waiting = self.nodes.iter().filter(|(_, node)| !node.approved);
        waiting.map(|(id, _)| *id).collect()
    }

    pub(super) fn approve(&mut self, id: NodeId) {
        if let Some(node) = self.nodes.get_mut(&id) {
            node.approved = true;
            self.list = None;
        }
    }

    /// The list, as an array in JSON.
    pub(super) fn list(&mut self) -> Raw {
        let nodes = &self.nodes;
        self.list
            .get_or_insert_with(|| {
                let whole = write(nodes, |node| &node.card.information);
                if whole.as_str().len() <= MAX_LIST {
                    return whole;
                }
                write(nodes, |_| "{}")
            })
            .clone()
    }

    /// The list, for one who is told of its changes from now on.
    pub(super) fn show(&mut self) -> Raw {
        let list = self.list();
        if self.told.as_ref() != Some(&list) {
            // Should it become again what the others know, this one has to be told.
            self.told = None;
        }
        list
    }

    /// The list, if subscribers have not been told it; they are told now.
    pub(super) fn tell(&mut self) -> Option<Raw> {
        let list = self.list();
        if self.told.as_ref() == Some(&list) {
            return None;
        }
        self.told = Some(list.clone());
        Some(list)
    }

    /// Whether subscribers may not have been told how things are.
    pub(super) fn is_untold(&self) -> bool {
        self.list.is_none()
    }
}

fn write(nodes: &BTreeMap<NodeId, Node>, information: impl Fn(&Node) -> &str) -> Raw {
    let approved = nodes.iter().filter(|(_, node)| node.approved);
    online_nodes(approved.map(|(id, node)| OnlineNode {
        node: *id,
        hash: &node.card.hash,
        ws_id: node.connection,
        information: information(node),
    }))
}
