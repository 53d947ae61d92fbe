//! Approving nodes from another process than the one that serves, and refusing what cannot be approved.

use std::{fs, path::Path};

use nile_instance::store::{Approval, ApprovalError, NewNode, OpenError, Protocol, approve_node};
use nile_protocol::party::NodeId;
use rusqlite::Connection;

use super::{HASH, NOW, TestStore, information, token};

impl TestStore {
    async fn unapproved(&self) -> NodeId {
        let node = NewNode {
            hash: HASH.into(),
            information: information("apples"),
            protocol: Protocol::Http,
            approved: false,
            delivery: None,
        };
        self.register_node(token(1), node, NOW).await.unwrap()
    }

    fn approve(&self, node: NodeId) -> Result<Approval, ApprovalError> {
        approve_node(self.directory.path(), node)
    }

    fn approved(&self) -> Vec<i64> {
        let door = self.side_door();
        let mut approved = door
            .prepare("SELECT id FROM node WHERE approved ORDER BY id")
            .unwrap();
        let ids = approved.query_map([], |row| row.get(0)).unwrap();
        ids.map(Result::unwrap).collect()
    }
}

fn refusal(data_dir: &Path) -> OpenError {
    match approve_node(data_dir, NodeId(1)).unwrap_err() {
        ApprovalError::Store(error) => error,
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn a_node_is_approved_while_the_store_is_open() {
    let store = TestStore::open();
    let (first, second) = (store.unapproved().await, store.unapproved().await);
    assert!(store.approved().is_empty());

    assert_eq!(store.approve(second).unwrap(), Approval::Given(second));
    assert_eq!(store.approved(), [second.0]);
    let again = store.approve(second).unwrap();
    assert_eq!(again, Approval::GivenBefore(second));

    // The store writes on as if nothing had been.
    let third = store.unapproved().await;
    assert_eq!(store.approve(first).unwrap(), Approval::Given(first));
    let store = store.reopened().await;
    assert_eq!(store.approved(), [first.0, second.0]);
    assert_eq!(third, NodeId(3));
}

#[tokio::test]
async fn a_node_is_approved_while_nobody_serves() {
    let store = TestStore::open();
    let node = store.unapproved().await;
    store.close().await.unwrap();
    assert_eq!(store.approve(node).unwrap(), Approval::Given(node));
    assert_eq!(store.reopened().await.approved(), [node.0]);
}

#[tokio::test]
async fn a_node_that_does_not_exist_is_not_approved() {
    let store = TestStore::open();
    store.unapproved().await;
    store
        .register_client(token(1), information("Ada"), NOW)
        .await
        .unwrap();
    store
        .register_client(token(1), information("Bo"), NOW)
        .await
        .unwrap();
    let error = store.approve(NodeId(2)).unwrap_err();
    assert_eq!(error.to_string(), "there is no node 2");
    assert!(store.approved().is_empty());
}

#[test]
fn a_directory_without_a_database_is_refused_and_left_empty() {
    let directory = tempfile::tempdir().unwrap();
    for data_dir in [directory.path(), &directory.path().join("absent")] {
        let error = refusal(data_dir);
        assert!(matches!(error, OpenError::Missing { .. }), "{error:?}");
    }
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);

    let path = directory.path().join("nile.db");
    fs::write(&path, "").unwrap();
    let error = refusal(directory.path());
    assert!(matches!(error, OpenError::Missing { .. }), "{error:?}");
    assert_eq!(fs::read(&path).unwrap(), b"");
}

#[test]
fn a_database_that_is_not_ours_is_refused_and_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("nile.db");
    let theirs = Connection::open(&path).unwrap();
    theirs
        .execute_batch(
            "CREATE TABLE node (id INTEGER, approved INTEGER); INSERT INTO node VALUES (1, 0)",
        )
        .unwrap();
    let before = fs::read(&path).unwrap();
    let error = refusal(directory.path());
    assert!(matches!(error, OpenError::Foreign { .. }), "{error:?}");
    assert_eq!(fs::read(&path).unwrap(), before);

    fs::write(&path, "Dear reader, ".repeat(1000)).unwrap();
    let error = refusal(directory.path());
    assert!(matches!(error, OpenError::Damaged { .. }), "{error:?}");
}

#[tokio::test]
async fn a_database_of_another_version_is_refused_and_left_alone() {
    let store = TestStore::open();
    store.unapproved().await;
    store.close().await.unwrap();
    for (version, line) in [(1, "older version"), (99, "newer version")] {
        let door = store.side_door();
        door.pragma_update(None, "user_version", version).unwrap();
        let error = refusal(store.directory.path());
        assert!(error.to_string().contains(line), "{error}");
        assert!(!error.to_string().contains('\n'), "{error}");
        assert!(store.approved().is_empty());
    }
}
