//! How the database finds what the statements ask for.

use std::{fs::File, sync::Arc};

use rusqlite::Connection;
use tempfile::TempDir;

use super::{
    super::{
        connection::{self, Role},
        schema,
    },
    page, row, send, sweep, take, total,
};

const BY_NUMBER: &str = "SEARCH message USING INTEGER PRIMARY KEY (rowid=?)";
const BY_NAME: &str =
    "SEARCH message USING INDEX message_named (to_node=? AND from_id=? AND sender_ref=?)";
const OF_PARTY: &str = "SEARCH message USING INDEX message_waiting (to_node=? AND to_id=?)";
const OF_PARTY_AFTER: &str =
    "SEARCH message USING INDEX message_waiting (to_node=? AND to_id=? AND rowid>?)";
const QUEUE: &str = "SEARCH queue USING PRIMARY KEY (to_node=? AND to_id=?)";
const CLOCK: &str = "SEARCH clock USING INTEGER PRIMARY KEY (rowid=?)";
const PAIR: &str = "SEARCH pair USING PRIMARY KEY (client_id=? AND node_id=?)";

fn database() -> (Connection, TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("db");
    File::create(&path).unwrap();
    let mut connection = connection::open(&path, Role::Writer, &Arc::default()).unwrap();
    schema::prepare(&mut connection, &path).unwrap();
    (connection, directory)
}

/// What the planner says, without what it says of nothing but its own bookkeeping.
fn plan(connection: &Connection, statement: &str) -> Vec<String> {
    let mut explain = connection
        .prepare(&format!("EXPLAIN QUERY PLAN {statement}"))
        .unwrap();
    let steps = explain
        .raw_query()
        .mapped(|row| row.get::<_, String>("detail"));
    steps
        .map(Result::unwrap)
        .filter(|step| !step.starts_with("CORRELATED SCALAR SUBQUERY"))
        .collect()
}

#[test]
fn every_statement_finds_its_rows_by_an_index_and_sorts_none() {
    let (connection, _directory) = database();
    let cases: [(&str, &[&str]); 24] = [
        (row::BY_NUMBER, &[BY_NUMBER]),
        (row::BY_NAME, &[BY_NAME]),
        (row::END, &[BY_NUMBER]),
        (total::QUEUE, &[QUEUE]),
        (total::BETWEEN, &[PAIR]),
        (total::ADD_TO_QUEUE, &[]),
        (total::ADD_TO_PAIR, &[]),
        (total::SUBTRACT_FROM_QUEUE, &[QUEUE]),
        (total::SUBTRACT_FROM_PAIR, &[PAIR]),
        (send::INSERT, &[]),
        (
            send::CLIENT,
            &["SEARCH client USING INTEGER PRIMARY KEY (rowid=?)"],
        ),
        (
            send::APPROVED_NODE,
            &["SEARCH node USING INTEGER PRIMARY KEY (rowid=?)"],
        ),
        (take::ALL_WAITING, &[OF_PARTY]),
        (take::FORGET_QUEUE, &[QUEUE]),
        (take::HANDED, &[BY_NUMBER]),
        (take::HANDED_TO, &[QUEUE]),
        (take::PUSHED, &[BY_NUMBER]),
        (page::WAITING, &[OF_PARTY_AFTER]),
        (page::PUSHABLE, &[OF_PARTY_AFTER]),
        (
            sweep::OLDEST,
            &["SEARCH message USING INTEGER PRIMARY KEY (rowid>?)", QUEUE],
        ),
        (sweep::SWEPT_AT, &[CLOCK]),
        (sweep::SWEEP_BEGINS, &[]),
        (sweep::FORGET, &[BY_NUMBER]),
        ("SELECT body FROM message", &["SCAN message"]),
    ];
    for (statement, expected) in cases {
        assert_eq!(plan(&connection, statement), expected, "{statement}");
    }
}
