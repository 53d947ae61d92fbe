//! A database of before rows had sums.

use std::path::Path;

use nile_instance::store::{
    Authority, MessageRef, MessageState, Options, Status, Store, approve_node, check,
};
use nile_protocol::party::{NodeId, PartyId, PartyKind};
use rusqlite::{Connection, params, types::Null};

use super::{
    NOW, TestStore, information,
    message::{client, contents, done, node},
    token,
};

const WITHOUT_SUMS: [&str; 3] = [
    include_str!("../../../migrations/0001_create_client.sql"),
    include_str!("../../../migrations/0002_create_node.sql"),
    include_str!("../../../migrations/0003_create_message.sql"),
];

/// Messages in every state, of which the last is forgotten, and the sums of those that wait.
const MESSAGES: &str = r#"
    INSERT INTO message (to_node, to_id, from_id, sent_at, changed_at, bytes, body)
        VALUES (1, 1, 1, 5, 5, 3, '"a"');
    INSERT INTO message (to_node, to_id, from_id, sender_ref, digest, sent_at, changed_at, handed_at, pushes,
        bytes, body) VALUES (1, 1, 1, 'named', zeroblob(16), 6, 6, 7, 2, 3, '"b"');
    INSERT INTO message (to_node, to_id, from_id, sent_at, changed_at, bytes, body)
        VALUES (0, 1, 1, 7, 7, 3, '"c"');
    INSERT INTO message (to_node, to_id, from_id, sent_at, state, changed_at, bytes)
        VALUES (1, 1, 1, 8, 1, 9, 3), (1, 1, 1, 8, 2, 9, 3), (1, 1, 1, 8, 3, 9, 3), (1, 1, 1, 8, 4, 9, 3),
        (1, 1, 1, 8, 4, 9, 3);
    DELETE FROM message WHERE seq = 8;
    INSERT INTO queue VALUES (1, 1, 2, 6, 8, 1, 2), (0, 1, 1, 3, 3, 0, 0);
    INSERT INTO pair VALUES (1, 1, 2, 1);"#;

const CLIENT: &str =
    "INSERT INTO client (token_hash, next_token_hash, next_token_at, registered_at,
    updated_at, information) VALUES (?1, ?2, ?3, 1, 2, ?4)";
const NODE: &str =
    "INSERT INTO node (token_hash, registered_at, updated_at, protocol, approved, hash,
    information, resource, delivery_secret) VALUES (?1, 1, 2, ?2, ?3, '', ?4, ?5, ?6)";

/// A client amid an exchange of its token, one that is gone, a node of either protocol, and messages.
fn build(directory: &Path) {
    let older = Connection::open(directory.join("nile.db")).unwrap();
    older.execute_batch(&WITHOUT_SUMS.concat()).unwrap();
    let (first, next, second, ada) = (token(1), token(101), token(2), information("Ada"));
    let (first, second) = (first.as_bytes(), second.as_bytes());
    let amid = params![first, next.as_bytes(), NOW.0, ada];
    older.execute(CLIENT, amid).unwrap();
    older
        .execute(CLIENT, params![second, Null, Null, ada])
        .unwrap();
    older
        .execute("DELETE FROM client WHERE id = 2", [])
        .unwrap();
    let online = params![first, "websocket", true, ada, Null, Null];
    older.execute(NODE, online).unwrap();
    let by_post = params![
        second,
        "http",
        false,
        ada,
        "https://shop.example/",
        [7_u8; 32]
    ];
    older.execute(NODE, by_post).unwrap();
    older.execute_batch(MESSAGES).unwrap();
    let application_id = u32::from_be_bytes(*b"Nile");
    older
        .pragma_update(None, "application_id", application_id)
        .unwrap();
    older.pragma_update(None, "user_version", 3).unwrap();
}

/// The store that the program makes of it.
fn upgraded() -> TestStore {
    let directory = tempfile::tempdir().unwrap();
    build(directory.path());
    let store = Store::open(directory.path(), &Options::default()).unwrap();
    TestStore { store, directory }
}

async fn status(store: &Store, message: MessageRef) -> Option<Status> {
    let asked = store.message_status(client(1), Authority::Session, message, NOW);
    done(asked.await.unwrap())
}

#[tokio::test]
async fn rows_without_sums_get_them_and_stay_what_they_are() {
    let store = upgraded();
    let report = check(store.directory.path()).unwrap();
    // Every number that was given, whoever had it, is known: a client, nodes, messages, queues, a pair.
    assert_eq!(report.to_string(), "sound: 13 rows");

    for live in [token(1), token(101)] {
        let found = store.authenticate(client(1), live, NOW).await.unwrap();
        assert_eq!(found.unwrap().information, information("Ada"));
    }
    assert_eq!(
        contents(&store.waits(node(1)).await.rows),
        ["\"a\"", "\"b\""]
    );
    assert_eq!(contents(&store.waits(client(1)).await.rows), ["\"c\""]);
    let named = status(&store, MessageRef::Id("named".into()))
        .await
        .unwrap();
    assert_eq!((named.queue_id, named.state), (2, MessageState::Stored));
    let expired = status(&store, MessageRef::QueueId(5)).await.unwrap();
    assert_eq!(expired.state, MessageState::Expired);
    let nodes = store.http_nodes().await.unwrap();
    assert_eq!((nodes.len(), nodes[0].id), (1, NodeId(2)));
}

#[tokio::test]
async fn what_was_there_before_sums_is_changed_like_all_else_and_no_number_is_given_again() {
    let store = upgraded();
    let register = |kind| store.register_of(kind, token(3), information("Bo"));
    assert_eq!(register(PartyKind::Client).await, client(3));
    assert_eq!(register(PartyKind::Node).await, node(3));
    assert_eq!(store.said(client(1), node(1), "\"d\"").await, 9);

    approve_node(store.directory.path(), NodeId(2)).unwrap();
    assert_eq!(store.removed(node(1), &[1, 2]).await.len(), 2);
    let deleted = store.delete(PartyId::Node(NodeId(1)), token(1), NOW);
    deleted.await.unwrap();
    let report = check(store.directory.path()).unwrap();
    assert!(report.is_sound(), "{report}");
    assert_eq!(store.damaged_rows(), 0);
}
