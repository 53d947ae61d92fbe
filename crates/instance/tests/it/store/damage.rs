//! What is damaged on the disk: told to whoever asks for it, told by the check, and in nobody else's way.

use std::{
    fs,
    path::{Path, PathBuf},
};

use nile_instance::store::{
    ApprovalError, Health, Limit, NewNode, OpenError, Options, Protocol, Store, approve_node, check,
};
use nile_protocol::party::{NodeId, PartyId, PartyKind};
use rusqlite::Connection;

use super::{
    HASH, NOW, TestStore, information,
    message::{ALL, client, contents, days, later, message, named, node},
    token,
};

impl TestStore {
    /// Alters what is on the disk past the store, so that no sum follows.
    fn damage(&self, statement: &str) {
        assert_eq!(
            self.side_door().execute(statement, []).unwrap(),
            1,
            "{statement}"
        );
    }

    /// Copies the database to `directory`, as an operator does.
    fn backup(&self, directory: &Path) -> Connection {
        let path = directory.join("nile.db");
        let copy = format!("VACUUM INTO '{}'", path.display());
        self.side_door().execute_batch(&copy).unwrap();
        Connection::open(path).unwrap()
    }

    fn checked(&self) -> Vec<String> {
        check(self.directory.path()).unwrap().damages
    }

    fn log(&self) -> PathBuf {
        self.directory.path().join("nile.db-wal")
    }
}

#[tokio::test]
async fn a_damaged_party_is_refused_whatever_of_it_is_damaged_and_told_once() {
    for (number, damage) in [
        "information = '{}'",
        "token_hash = zeroblob(32)",
        "updated_at = updated_at + 1",
        "next_token_hash = zeroblob(32), next_token_at = 0",
        "sum = sum + 1",
    ]
    .into_iter()
    .enumerate()
    {
        for kind in [PartyKind::Client, PartyKind::Node] {
            let store = TestStore::open().with_parties(2).await;
            let table = ["client", "node"][usize::from(kind == PartyKind::Node)];
            store.damage(&format!("UPDATE {table} SET {damage} WHERE id = 2"));
            for _ in 0..2 {
                let login = store.log_in(kind.party(2), token(2), ALL, NOW).await;
                assert!(login.is_err(), "{kind:?} {number}: {login:?}");
                let rotated = store.rotate_token(kind.party(2), token(2), token(3), NOW);
                assert!(rotated.await.is_err(), "{kind:?} {number}");
            }
            assert_eq!(store.damaged_rows(), 1);
            assert_eq!(
                store.checked(),
                [format!("{table} 2: does not fit its sum")]
            );
            let other = store.log_in(kind.party(1), token(1), ALL, NOW).await;
            assert!(other.unwrap().is_some());
            assert_eq!(store.health(), Health::Serving);
        }
    }
}

#[tokio::test]
async fn no_column_can_be_altered_unnoticed() {
    let store = TestStore::open().with_parties(2).await;
    let order = named(message(client(1), node(1), "order"), "order");
    store.send(order, NOW).await.unwrap();
    store.sweep(0, NOW).await.unwrap();
    let mut columns = 0;
    for table in ["client", "node", "message", "queue", "pair", "clock"] {
        for (column, kind) in columns_of(&store.side_door(), table) {
            let backup = tempfile::tempdir().unwrap();
            let door = store.backup(backup.path());
            assert!(check(backup.path()).unwrap().is_sound());
            let other = match kind.as_str() {
                "INTEGER" => "coalesce(max(column), 0) + 1000",
                "TEXT" => "coalesce(max(column), '') || ' '",
                "BLOB" => "x'00'",
                other => panic!("{other}"),
            };
            let other = other.replace("column", &column);
            let alter = format!("UPDATE {table} SET {column} = (SELECT {other} FROM {table})");
            door.execute_batch(&format!(
                "PRAGMA ignore_check_constraints = ON; {alter} WHERE sum = (SELECT max(sum) FROM {table})"
            ))
            .unwrap();
            let damages = check(backup.path()).unwrap().damages;
            assert!(
                damages
                    .iter()
                    .any(|damage| damage.ends_with("does not fit its sum")),
                "{table}.{column}: {damages:?}"
            );
            columns += 1;
        }
    }
    assert_eq!(columns, 52);
}

fn columns_of(door: &Connection, table: &str) -> Vec<(String, String)> {
    let mut columns = door
        .prepare("SELECT name, type FROM pragma_table_info(?1)")
        .unwrap();
    let columns = columns.query_map([table], |row| Ok((row.get(0)?, row.get(1)?)));
    columns.unwrap().map(Result::unwrap).collect()
}

#[tokio::test]
async fn a_row_in_the_place_of_another_is_not_served() {
    let store = TestStore::open().with_parties(2).await;
    store.damage("DELETE FROM client WHERE id = 2");
    store.damage("UPDATE client SET id = 2 WHERE id = 1");
    let found = store.authenticate(client(2), token(1), NOW).await;
    assert!(found.is_err(), "{found:?}");
    assert_eq!(store.checked(), ["client 2: does not fit its sum"]);
}

#[tokio::test]
async fn a_damaged_message_is_in_nobodys_way() {
    for damage in [
        "body = '\"forged\"'",
        "from_id = 2",
        "sent_at = 0",
        "pushes = 1",
    ] {
        let store = TestStore::open().with_parties(2).await;
        let mut ids = Vec::new();
        for content in ["a", "b", "c"] {
            ids.push(store.said(client(1), node(1), content).await);
        }
        store.damage(&format!(
            "UPDATE message SET {damage} WHERE seq = {}",
            ids[1]
        ));
        assert_eq!(contents(&store.waits(node(1)).await.rows), ["a", "c"]);
        let pending = store.pending(node(1), 0, ALL).await.unwrap();
        assert_eq!(
            (contents(&pending.rows), pending.end),
            (vec!["a", "c"], true)
        );
        assert_eq!(store.damaged_rows(), 1);

        let whole = format!("message {}: does not fit its sum", ids[1]);
        assert!(store.checked().contains(&whole), "{damage}");
        // Nor is its damage sealed.
        store.handed_over(node(1), ids.clone(), NOW).await.unwrap();
        store
            .unacknowledged(node(1), ids.clone(), NOW)
            .await
            .unwrap();
        assert!(store.checked().contains(&whole), "{damage}");
        if damage.starts_with("body") {
            continue;
        }
        assert_eq!(store.removed(node(1), &ids).await.len(), 2);
        assert_eq!(store.sweep(0, later(days(40))).await.unwrap().ended, []);
        let refused = store.delete(node(1), token(1), NOW).await;
        assert!(refused.is_ok(), "{refused:?}");
    }
}

#[tokio::test]
async fn what_is_missing_from_a_queue_is_noticed_by_whoever_reads_it_all() {
    let store = TestStore::open().with_parties(1).await;
    let queue_id = store.said(client(1), node(1), "order").await;
    store.damage(&format!("DELETE FROM message WHERE seq = {queue_id}"));
    assert_eq!(store.waits(node(1)).await.rows, []);
    assert_eq!(store.damaged_rows(), 1);
    let damages = store.checked();
    let expected = "is not the sum of the messages that wait";
    assert_eq!(damages.len(), 2, "{damages:?}");
    assert!(
        damages.iter().all(|damage| damage.ends_with(expected)),
        "{damages:?}"
    );
}

#[tokio::test]
async fn damaged_sums_are_refused_and_never_sealed() {
    for (damage, row) in [
        ("UPDATE queue SET waiting = 7", "queue 1/1"),
        ("UPDATE pair SET to_client = to_client + 1", "pair 1/1"),
    ] {
        let store = TestStore::open().with_parties(1).await;
        let queue_id = store.said(client(1), node(1), "order").await;
        store.damage(damage);
        let sent = store.send(message(client(1), node(1), "order"), NOW).await;
        assert!(sent.is_err(), "{damage}: {sent:?}");
        let whole = format!("{row}: does not fit its sum");
        assert!(store.checked().contains(&whole), "{damage}");
        store.removed(node(1), &[queue_id]).await;
        assert!(store.checked().contains(&whole), "{damage}");
    }
}

#[tokio::test]
async fn a_damaged_node_is_not_listed_nor_reached_nor_approved() {
    let store = TestStore::open().with_parties(2).await;
    let unapproved = NewNode {
        hash: HASH.into(),
        information: information("apples"),
        protocol: Protocol::Http,
        approved: false,
        delivery: None,
    };
    let unapproved = store
        .register_node(token(3), unapproved, NOW)
        .await
        .unwrap();
    store.damage("UPDATE node SET approved = 1 WHERE id = 3");
    store.damage("UPDATE node SET hash = '' WHERE id = 1");
    let nodes = vec![NodeId(1), NodeId(2), unapproved];
    let listed = store.approved_among(nodes).await.unwrap();
    let listed: Vec<_> = listed.iter().map(|node| node.id).collect();
    assert_eq!(listed, [NodeId(2)]);
    assert_eq!(store.http_nodes().await.unwrap(), []);
    for to in [node(1), PartyId::Node(unapproved)] {
        assert!(
            store
                .send(message(client(1), to, "order"), NOW)
                .await
                .is_err()
        );
    }
    let approved = approve_node(store.directory.path(), unapproved);
    assert!(
        matches!(approved, Err(ApprovalError::Store(_))),
        "{approved:?}"
    );
}

/// Each row fits its sum, and whoever looks for what waits does not find it.
#[tokio::test]
async fn an_index_without_its_rows_is_told_by_the_check() {
    let store = TestStore::open().with_parties(1).await;
    store.said(client(1), node(1), "order").await;
    let backup = tempfile::tempdir().unwrap();
    let door = store.backup(backup.path());
    door.execute_batch(
        "CREATE INDEX empty ON message (seq) WHERE seq = 0;
         PRAGMA writable_schema = ON;
         UPDATE sqlite_schema SET rootpage = (SELECT rootpage FROM sqlite_schema WHERE name = 'empty')
         WHERE name = 'message_waiting';
         DELETE FROM sqlite_schema WHERE name = 'empty';",
    )
    .unwrap();
    let damages = check(backup.path()).unwrap().damages;
    let expected = "row 1 missing from index message_waiting";
    assert!(damages.contains(&expected.to_owned()), "{damages:?}");
}

#[tokio::test]
async fn a_sound_store_is_sound_while_it_is_served_and_afterwards() {
    let store = TestStore::open().with_acquainted_parties(3).await;
    store.said(client(1), node(1), "order").await;
    store.sweep(0, NOW).await.unwrap();
    let report = check(store.directory.path()).unwrap();
    assert!(report.is_sound() && report.doubts.is_empty(), "{report}");
    // 3 and 3, the messages, a queue for each node, the pairs, the clock.
    assert_eq!(report.to_string(), "sound: 29 rows");
    store.close().await.unwrap();
    assert!(check(store.directory.path()).unwrap().is_sound());
}

#[tokio::test]
async fn a_database_that_makes_no_sense_is_not_ready() {
    let store = TestStore::open().with_parties(20).await;
    let page: u32 = store
        .side_door()
        .query_row(
            "SELECT rootpage FROM sqlite_schema WHERE name = 'client'",
            [],
            |row| row.get(0),
        )
        .unwrap();
    store.close().await.unwrap();
    let mut database = fs::read(store.database()).unwrap();
    let at = (page as usize - 1) * 4096;
    database[at..at + 100].fill(0xff);
    fs::write(store.database(), database).unwrap();

    let store = store.reopened().await;
    assert_eq!(store.health(), Health::Serving);
    let limit = Limit {
        messages: 1,
        bytes: 1,
    };
    assert!(store.log_in(client(1), token(1), limit, NOW).await.is_err());
    assert_eq!(store.health(), Health::Damaged);
    assert!(!store.checked().is_empty());
}

#[tokio::test]
async fn a_database_that_became_empty_does_not_pass_for_a_new_one() {
    let store = TestStore::open().with_parties(1).await;
    store.close().await.unwrap();
    for gone in [false, true] {
        if gone {
            fs::remove_file(store.database()).unwrap();
        } else {
            fs::write(store.database(), "").unwrap();
        }
        let error = Store::open(store.directory.path(), &Options::default()).unwrap_err();
        assert!(matches!(error, OpenError::Emptied { .. }), "{error:?}");
    }
    fs::remove_file(store.directory.path().join("nile.lock")).unwrap();
    Store::open(store.directory.path(), &Options::default()).unwrap();
}

#[tokio::test]
async fn an_altered_definition_is_refused() {
    let store = TestStore::open();
    store.close().await.unwrap();
    let door = store.side_door();
    door.execute_batch(
        "PRAGMA writable_schema = ON;
         UPDATE sqlite_schema SET sql = replace(sql, 'state = 0', 'state = 1')
         WHERE name = 'message_waiting'",
    )
    .unwrap();
    drop(door);
    let error = Store::open(store.directory.path(), &Options::default()).unwrap_err();
    assert!(error.to_string().contains("message_waiting"), "{error}");
    let told = store.checked();
    assert!(
        told.contains(&"the definition of message_waiting was altered".to_owned()),
        "{told:?}"
    );
}

#[tokio::test]
async fn a_log_with_damage_before_a_commit_is_refused_and_left_alone() {
    let store = TestStore::open();
    // Keeps the log from being copied back.
    let reader = store.side_door();
    reader.execute_batch("BEGIN; SELECT * FROM client").unwrap();
    let store = store.with_parties(3).await;
    let directory = tempfile::tempdir().unwrap();
    for file in ["nile.db", "nile.db-wal", "nile.lock"] {
        fs::copy(
            store.directory.path().join(file),
            directory.path().join(file),
        )
        .unwrap();
    }
    let mut log = fs::read(store.log()).unwrap();
    log[32 + 24 + 4096 - 10] ^= 1;
    fs::write(directory.path().join("nile.db-wal"), &log).unwrap();

    let error = Store::open(directory.path(), &Options::default()).unwrap_err();
    assert!(
        matches!(error, OpenError::DamagedLog { sound: 0, .. }),
        "{error:?}"
    );
    assert_eq!(fs::read(directory.path().join("nile.db-wal")).unwrap(), log);
    let report = check(directory.path()).unwrap();
    let expected = "the log: after 0 pages there are commits that cannot be read";
    assert!(report.damages.contains(&expected.to_owned()), "{report}");
    assert_eq!(fs::read(directory.path().join("nile.db-wal")).unwrap(), log);

    // The last commit alone may have been interrupted.
    log[32 + 24 + 4096 - 10] ^= 1;
    let last = log.len() - 10;
    log[last] ^= 1;
    fs::write(directory.path().join("nile.db-wal"), &log).unwrap();
    let report = check(directory.path()).unwrap();
    assert!(report.is_sound() && report.doubts.len() == 1, "{report}");
    let doubtful = Store::open(directory.path(), &Options::default()).unwrap();
    doubtful.close().await.unwrap();
}
