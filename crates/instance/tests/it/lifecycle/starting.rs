//! Starting, and failing to: one line that tells the operator what to do.

use std::{fs, path::Path, process::Command};

use nile_instance::config::Config;
use rusqlite::Connection;
use tempfile::TempDir;
use tokio::net::TcpListener;

use crate::support::{
    TestInstance,
    http::Http,
    process::{Process, TestProcess, binary},
    start,
};

/// A directory in which a database was made to be something else.
fn spoiled(change: impl FnOnce(&Connection)) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    let database = Connection::open(directory.path().join("nile.db")).unwrap();
    change(&database);
    directory
}

fn foreign() -> TempDir {
    spoiled(|database| database.execute_batch("CREATE TABLE theirs (x)").unwrap())
}

fn newer() -> TempDir {
    spoiled(|database| {
        let nile = i64::from(u32::from_be_bytes(*b"Nile"));
        database
            .pragma_update(None, "application_id", nile)
            .unwrap();
        database.pragma_update(None, "user_version", 99).unwrap();
    })
}

/// Starts what cannot start: it says `what` in one line on standard error, and nothing else.
async fn refuses(command: Command, what: &str) {
    let mut process = Process::start(command);
    let ended = process.end().await;
    assert_eq!(ended.status.code(), Some(1), "{ended:?}");
    assert_eq!(process.line().await, None);
    let line = ended.stderr.strip_suffix('\n').unwrap();
    assert!(line.starts_with("nile-instance: "), "{line}");
    assert!(!line.contains('\n'), "more than one line: {line}");
    assert!(line.contains(what), "{what:?} is not in: {line}");
}

fn with_config(directory: &Path, text: &str) -> Command {
    let file = directory.join("config.toml");
    fs::write(&file, text).unwrap();
    let mut command = binary(&directory.join("data"));
    command.arg("--config").arg(file);
    command
}

#[tokio::test]
async fn where_it_listens_is_the_only_line_on_standard_output() {
    let mut server = TestProcess::start(&[]).await;
    let mut http = Http::connect(server.address).await;
    assert_eq!(http.get("/healthz").await.status, 200);
    assert_eq!(http.get("/readyz").await.status, 200);
    server.process.signal("TERM");
    assert_eq!(server.process.end().await.status.code(), Some(0));
    assert_eq!(server.process.line().await, None);
}

#[tokio::test]
async fn a_port_that_is_taken_is_said_in_one_line() {
    let directory = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let mut command = binary(directory.path());
    command.args(["--listen", &address]);
    refuses(
        command,
        &format!("cannot listen on {address}; choose another"),
    )
    .await;
}

#[tokio::test]
async fn a_data_directory_that_cannot_be_written_is_said_in_one_line() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    fs::write(&file, "").unwrap();
    refuses(binary(&file), "cannot be created").await;
    // Not even the superuser makes files there.
    if cfg!(target_os = "linux") {
        refuses(binary(Path::new("/proc/self")), "cannot be written to").await;
    }
}

#[tokio::test]
async fn a_bad_configuration_is_said_in_one_line() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    let typo = "[limits]\nconections = 7";
    refuses(with_config(path, typo), "config.toml, line 2: ").await;
    refuses(with_config(path, "drain_seconds = 'soon'"), "drain_seconds").await;
    refuses(with_config(path, "listen = "), "config.toml, line 1: ").await;

    let mut command = binary(path);
    command.args(["--config", "/nonexistent/nile.toml"]);
    refuses(command, "/nonexistent/nile.toml").await;
    let mut command = binary(path);
    command.env("NILE_DRAIN_SECONDS", "0");
    refuses(command, "NILE_DRAIN_SECONDS").await;
}

#[tokio::test]
async fn a_database_that_is_not_ours_to_open_is_said_in_one_line() {
    refuses(binary(foreign().path()), "a database of another program").await;
    refuses(binary(newer().path()), "was written by a newer version").await;
}

#[tokio::test]
async fn a_second_process_on_the_same_data_is_refused_and_the_first_serves_on() {
    let server = TestProcess::start(&[]).await;
    refuses(binary(&server.data_dir()), "is in use by another process").await;
    let mut http = Http::connect(server.address).await;
    assert_eq!(http.get("/readyz").await.status, 200);
}

#[tokio::test]
async fn within_a_process_a_start_that_fails_tells_why() {
    async fn refusal(data_dir: &Path) -> String {
        let config = Config {
            data_dir: data_dir.to_owned(),
            ..Config::default()
        };
        start(config).await.err().expect("a refusal").to_string()
    }
    let instance = TestInstance::start().await;
    let said = refusal(&instance.data_dir()).await;
    assert!(said.contains("is in use by another process"), "{said}");
    let data_dir = instance.data_dir();
    let directory = instance.stop().await;
    let server = start(Config {
        data_dir,
        ..Config::default()
    })
    .await;
    assert!(server.is_ok(), "what was stopped can be started again");
    drop(directory);

    let said = refusal(foreign().path()).await;
    assert!(said.contains("a database of another program"), "{said}");
    let said = refusal(newer().path()).await;
    assert!(said.contains("was written by a newer version"), "{said}");
}
