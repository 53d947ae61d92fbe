//! Opening a data directory, and refusing one that is not ours to open.

use std::{fs, path::Path};

use nile_instance::store::{OpenError, Options, Store, check};
use nile_protocol::party::PartyKind;
use rusqlite::Connection;

use super::{NOW, TestStore, information, token};

fn refusal(data_dir: &Path) -> OpenError {
    let error = Store::open(data_dir, &Options::default()).unwrap_err();
    assert!(
        !error.to_string().contains('\n'),
        "more than a line: {error}"
    );
    error
}

fn says(error: &OpenError, what: &str) {
    assert!(
        error.to_string().contains(what),
        "{what:?} is not in: {error}"
    );
}

#[tokio::test]
async fn a_data_directory_is_made_with_all_above_it_and_is_private() {
    let directory = tempfile::tempdir().unwrap();
    let data_dir = directory.path().join("var/nile");
    let store = Store::open(&data_dir, &Options::default()).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&data_dir), 0o700);
        for file in fs::read_dir(&data_dir).unwrap() {
            let file = file.unwrap().path();
            assert_eq!(mode(&file), 0o600, "{}", file.display());
        }
    }
    store.close().await.unwrap();
}

#[tokio::test]
async fn a_data_directory_serves_one_store_at_a_time() {
    let store = TestStore::open();
    let error = refusal(store.directory.path());
    assert!(matches!(error, OpenError::InUse { .. }), "{error:?}");
    says(&error, "in use by another process");

    store.close().await.unwrap();
    Store::open(store.directory.path(), &Options::default())
        .unwrap()
        .close()
        .await
        .unwrap();
}

#[tokio::test]
async fn a_database_of_a_newer_version_is_refused_and_left_alone() {
    let store = TestStore::open();
    store.close().await.unwrap();
    Connection::open(store.database())
        .unwrap()
        .pragma_update(None, "user_version", 99)
        .unwrap();
    let before = fs::read(store.database()).unwrap();

    let error = refusal(store.directory.path());
    assert!(
        matches!(error, OpenError::Newer { found: 99, .. }),
        "{error:?}"
    );
    says(&error, "schema 99");
    assert_eq!(fs::read(store.database()).unwrap(), before);
}

#[test]
fn a_database_of_another_program_is_refused_and_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("nile.db");
    Connection::open(&path)
        .unwrap()
        .execute_batch("CREATE TABLE theirs (x)")
        .unwrap();
    let before = fs::read(&path).unwrap();

    let error = refusal(directory.path());
    assert!(matches!(error, OpenError::Foreign { .. }), "{error:?}");
    says(&error, "another program");
    let error = check(directory.path()).unwrap_err();
    assert!(matches!(error, OpenError::Foreign { .. }), "{error:?}");
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[test]
fn a_file_that_is_no_database_is_refused_and_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("nile.db");
    let letter = "Dear reader, ".repeat(1000);
    fs::write(&path, &letter).unwrap();

    let error = refusal(directory.path());
    assert!(matches!(error, OpenError::Damaged { .. }), "{error:?}");
    says(&error, "damaged or no database");
    assert_eq!(fs::read_to_string(&path).unwrap(), letter);
}

#[test]
fn a_data_directory_that_cannot_be_made_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("file"), "").unwrap();
    let error = refusal(&directory.path().join("file/data"));
    assert!(matches!(error, OpenError::NotCreatable { .. }), "{error:?}");
    says(&error, "cannot be created");
}

/// Not even the superuser makes files there.
#[cfg(target_os = "linux")]
#[test]
fn a_data_directory_that_cannot_be_written_to_is_refused() {
    let error = refusal(Path::new("/proc/self"));
    assert!(matches!(error, OpenError::NotWritable { .. }), "{error:?}");
    says(&error, "cannot be written to");
}

#[tokio::test]
async fn a_database_of_an_older_version_is_brought_up_to_date_and_keeps_what_it_has() {
    let directory = tempfile::tempdir().unwrap();
    let older = Connection::open(directory.path().join("nile.db")).unwrap();
    older
        .execute_batch(include_str!("../../../migrations/0001_create_client.sql"))
        .unwrap();
    let application_id = u32::from_be_bytes(*b"Nile");
    older
        .pragma_update(None, "application_id", application_id)
        .unwrap();
    older.pragma_update(None, "user_version", 1).unwrap();
    older
        .execute(
            "INSERT INTO client (token_hash, registered_at, updated_at, information)
             VALUES (?1, 0, 0, ?2)",
            (token(1).as_bytes(), information("Ada")),
        )
        .unwrap();
    drop(older);

    let store = Store::open(directory.path(), &Options::default()).unwrap();
    let store = TestStore { store, directory };
    let ada = PartyKind::Client.party(1);
    let found = store.authenticate(ada, token(1), NOW).await.unwrap();
    assert_eq!(found.unwrap().information, information("Ada"));
    let node = store.register_of(PartyKind::Node, token(2), information("apples"));
    assert_eq!(node.await, PartyKind::Node.party(1));
}

#[tokio::test]
async fn a_new_database_tells_what_it_is() {
    let store = TestStore::open();
    let door = store.side_door();
    let pragma = |name| {
        door.pragma_query_value(None, name, |row| row.get::<_, i64>(0))
            .unwrap()
    };
    assert_eq!(
        pragma("application_id"),
        i64::from(u32::from_be_bytes(*b"Nile"))
    );
    assert_eq!(pragma("user_version"), 5);
}
