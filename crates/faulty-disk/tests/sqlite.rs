//! `SQLite` on the disk: that it works, and that the disk finds out who does not sync.
#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on says where, and stops"
)]

use std::{io::Write, path::Path, time::Duration};

use faulty_disk::{Disk, Fault, Lasting};
use rusqlite::{Connection, ErrorCode, OpenFlags};

/// How many losses of power each test goes through.
const LOSSES: u64 = 100;

fn connect(disk: &Disk) -> Connection {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    Connection::open_with_flags_and_vfs("/data/db", flags, disk.vfs()).unwrap()
}

fn count(connection: &Connection) -> rusqlite::Result<i64> {
    connection.query_row("SELECT count(*) FROM t", [], |row| row.get(0))
}

/// Whether each loss of power after `commits` leaves a whole database with every one of them.
fn keeps_all(pragmas: &str) -> bool {
    (0..LOSSES).all(|seed| {
        let disk = Disk::new(seed);
        let connection = connect(&disk);
        connection.execute_batch(pragmas).unwrap();
        connection.execute_batch("CREATE TABLE t (x)").unwrap();
        for _ in 0..20 {
            let insert = "INSERT INTO t VALUES (randomblob(2000))";
            connection.execute(insert, []).unwrap();
        }
        disk.lose_power();
        drop(connection);
        let connection = connect(&disk);
        let check = connection.query_row("PRAGMA integrity_check", [], |row| row.get(0));
        check == Ok("ok".to_owned()) && count(&connection) == Ok(20)
    })
}

#[test]
fn what_was_committed_and_synced_survives_every_loss_of_power() {
    assert!(keeps_all(
        "PRAGMA synchronous = EXTRA; PRAGMA journal_mode = WAL"
    ));
    assert!(keeps_all(
        "PRAGMA synchronous = EXTRA; PRAGMA journal_mode = DELETE"
    ));
}

#[test]
fn what_was_not_synced_does_not() {
    assert!(!keeps_all(
        "PRAGMA synchronous = NORMAL; PRAGMA journal_mode = WAL"
    ));
    assert!(!keeps_all(
        "PRAGMA journal_mode = DELETE; PRAGMA synchronous = OFF"
    ));
}

#[test]
fn connections_to_one_database_see_each_other() {
    let disk = Disk::new(0);
    let (one, other) = (connect(&disk), connect(&disk));
    one.execute_batch("PRAGMA journal_mode = WAL; CREATE TABLE t (x)")
        .unwrap();
    one.execute("INSERT INTO t VALUES (1)", []).unwrap();
    assert_eq!(count(&other), Ok(1));

    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    one.busy_timeout(Duration::ZERO).unwrap();
    let busy = one.execute("INSERT INTO t VALUES (2)", []).unwrap_err();
    assert_eq!(busy.sqlite_error_code(), Some(ErrorCode::DatabaseBusy));
}

#[test]
fn an_operation_fails_as_it_was_asked_to_and_no_other_does() {
    let cases = [
        (Fault::Io, ErrorCode::SystemIoFailure),
        (Fault::Full, ErrorCode::DiskFull),
        (Fault::ShortWrite, ErrorCode::DiskFull),
        (Fault::Sync, ErrorCode::SystemIoFailure),
    ];
    for (fault, expected) in cases {
        let disk = Disk::new(0);
        let connection = connect(&disk);
        connection
            .execute_batch("PRAGMA journal_mode = WAL; CREATE TABLE t (x)")
            .unwrap();
        let insert = || connection.execute("INSERT INTO t VALUES (1)", []);
        disk.fail(fault, 0, Lasting::Once);
        let error = insert().unwrap_err();
        assert_eq!(error.sqlite_error_code(), Some(expected), "{fault:?}");
        assert!(disk.has_failed());
        insert().unwrap();

        disk.fail(fault, 0, Lasting::UntilMended);
        insert().unwrap_err();
        insert().unwrap_err();
        disk.mend();
        insert().unwrap();
        assert_eq!(count(&connection), Ok(2), "{fault:?}");
    }
}

#[test]
fn without_power_nothing_is_done() {
    let disk = Disk::new(0);
    let connection = connect(&disk);
    connection
        .execute_batch("PRAGMA journal_mode = WAL; CREATE TABLE t (x)")
        .unwrap();
    disk.fail(Fault::Power, 0, Lasting::Once);
    connection
        .execute("INSERT INTO t VALUES (1)", [])
        .unwrap_err();
    connection
        .execute("INSERT INTO t VALUES (1)", [])
        .unwrap_err();
    disk.lose_power();
    connection
        .execute("INSERT INTO t VALUES (1)", [])
        .unwrap_err();
    assert_eq!(count(&connect(&disk)), Ok(0));
}

#[test]
fn a_sync_that_fails_is_told_once_to_everybody_whose_writes_it_has_lost() {
    let disk = Disk::new(1);
    let path = Path::new("/data/file");
    let create = || disk.create(path).unwrap();
    let (reads, mut writes, syncs) = (create(), create(), create());
    writes.write_all(b"a").unwrap();
    disk.fail(Fault::Sync, 0, Lasting::Once);
    assert!(syncs.sync().is_err());
    reads.sync().unwrap();
    assert!(writes.sync().is_err());
    for file in [reads, writes, syncs] {
        file.sync().unwrap();
    }
}
