//! The command as it is typed: what it prints, what it leaves, and how it ends.

use std::{fs, net::SocketAddr, process::Output};

use nile_bench::figures::Figures;
use tokio::process::Command;

use crate::page;

async fn type_in(server: SocketAddr, arguments: &str) -> Output {
    let server = server.to_string();
    let mut command = Command::new(env!("CARGO_BIN_EXE_nile-bench"));
    command.arg("run").args(arguments.split_whitespace());
    let ended = command.args(["--server", &server, "--dialect", "plain-ack"]);
    ended.output().await.unwrap()
}

#[tokio::test]
async fn a_run_prints_a_table_and_a_line() {
    let server = page::start().await;
    let output = type_in(server, "ping --count 20 --label ours").await;
    assert!(output.status.success() && output.stderr.is_empty());
    let printed = String::from_utf8(output.stdout).unwrap();
    let [heads, row, _extra, line] = printed.lines().collect::<Vec<_>>()[..] else {
        panic!("{printed}");
    };
    assert!(heads.starts_with("label") && row.starts_with("ours"));
    let figures: Figures = serde_json::from_str(line).unwrap();
    assert_eq!((figures.count, figures.rss_mib), (20, None));
}

#[tokio::test]
async fn lines_are_appended_and_nothing_else_is_said_where_that_is_asked_for() {
    let server = page::start().await;
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("lines");
    let arguments = format!("ping --count 20 --quiet --json {}", file.display());
    for _ in 0..2 {
        let output = type_in(server, &arguments).await;
        assert!(output.status.success() && output.stdout.is_empty());
    }
    assert_eq!(fs::read_to_string(file).unwrap().lines().count(), 2);
}

#[tokio::test]
async fn a_run_with_failures_tells_its_figures_and_fails() {
    let server = page::start().await;
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("tokens");
    fs::write(&file, "secret-77").unwrap();
    let arguments = format!("login --count 20 --tokens {}", file.display());
    let output = type_in(server, &arguments).await;
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stdout).contains("\"refused\":20"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(said, "20 times: refused: loginFailed\n");
}
