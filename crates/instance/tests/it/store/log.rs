//! The log of the database: it does not grow for ever, and does not stay.

use std::{fs, path::Path, time::Duration};

use nile_instance::store::{LogOptions, Options};

use super::{NOW, TestStore, information, token};
use crate::support::{eventually, within};

const NEVER: LogOptions = LogOptions {
    worth_copying: i64::MAX,
    long: i64::MAX,
    too_long: i64::MAX,
    few: 0,
    tick: Duration::from_hours(1),
};

/// How often the log has started over: a number in its header (<https://sqlite.org/fileformat2.html#walformat>).
fn beginnings(database: &Path) -> u32 {
    let log = fs::read(database.with_extension("db-wal")).unwrap();
    u32::from_be_bytes(log[12..16].try_into().unwrap())
}

/// Writes until the log has started over.
async fn starts_over(log: LogOptions) {
    let options = Options {
        log,
        ..Options::default()
    };
    let store = TestStore::with(&options);
    let write = async || {
        let written = store.register_client(token(1), information("apples"), NOW);
        written.await.unwrap();
    };
    write().await;
    let before = beginnings(&store.database());
    within("the log to start over", async {
        while beginnings(&store.database()) == before {
            write().await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_log_that_was_copied_starts_over() {
    starts_over(LogOptions {
        worth_copying: 8,
        long: 16,
        few: 8,
        ..NEVER
    })
    .await;
}

#[tokio::test]
async fn a_log_that_is_too_long_starts_over_although_nobody_has_copied_it() {
    starts_over(LogOptions {
        too_long: 32,
        ..NEVER
    })
    .await;
}

#[tokio::test]
async fn a_log_that_has_come_to_rest_is_emptied() {
    let options = Options {
        log: LogOptions {
            tick: Duration::from_millis(1),
            ..NEVER
        },
        ..Options::default()
    };
    let store = TestStore::with(&options);
    let written = store.register_client(token(1), information("apples"), NOW);
    written.await.unwrap();
    let log = store.database().with_extension("db-wal");
    eventually("the log to be empty", || {
        fs::metadata(&log).unwrap().len() == 0
    })
    .await;
}
