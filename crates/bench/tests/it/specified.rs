//! Against a server that knows the specification page.

use std::{fs, process};

use crate::{
    page,
    support::{run, succeeds},
};

#[tokio::test]
async fn each_scenario_of_the_page_succeeds_on_each_transport() {
    let server = page::start().await;
    for transport in ["socketio", "socketio3"] {
        for scenario in ["connect", "register", "login", "update", "ping"] {
            let line = format!(
                "{scenario} --transport {transport} --dialect plain-ack --connections 4 --count 50 --warmup 5 --parties 10"
            );
            let figures = succeeds(server, &line).await;
            let named = (figures.scenario.as_str(), figures.transport.as_str());
            assert_eq!(named, (scenario, transport));
            assert!(figures.rate > 0.0 && figures.p99_ms >= figures.p50_ms);
            assert!(
                figures.bytes_in > 50 && figures.bytes_out > 50,
                "{figures:?}"
            );
        }
    }
}

#[tokio::test]
async fn a_bare_websocket_is_spoken_to_as_well() {
    let server = page::start().await;
    let line = "ping --transport websocket --connections 3 --count 30 --pipeline 4";
    assert_eq!(succeeds(server, line).await.count, 30);
}

#[tokio::test]
async fn connections_are_held_and_left_alone() {
    let server = page::start().await;
    let held = succeeds(
        server,
        "hold --dialect plain-ack --connections 20 --parties 5",
    )
    .await;
    assert_eq!(held.count, 20);
    let stages = ["bytes_each", "bytes_each_pinged", "bytes_each_sent_64k"];
    assert!(stages.iter().all(|stage| held.extra.contains_key(*stage)));
    let idle = succeeds(
        server,
        "idle --dialect plain-ack --connections 5 --seconds 0",
    )
    .await;
    assert!(idle.extra.contains_key("idle_cpu_percent"));
}

#[tokio::test]
async fn an_open_loop_says_its_rate_and_keeps_it() {
    let server = page::start().await;
    let figures = succeeds(
        server,
        "ping --dialect plain-ack --connections 8 --count 100 --rate 400",
    )
    .await;
    assert_eq!(figures.open_rate, Some(400.0));
    assert!(figures.seconds > 0.24, "{}", figures.seconds);
}

#[tokio::test]
async fn tokens_are_kept_for_a_later_run_and_wrong_ones_are_counted() {
    let server = page::start().await;
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("tokens");
    let name = file.display();
    let register = format!("register --dialect plain-ack --count 10 --save-tokens {name}");
    succeeds(server, &register).await;
    assert_eq!(fs::read_to_string(&file).unwrap().lines().count(), 10);
    let login = format!("login --dialect plain-ack --count 200 --tokens {name}");
    succeeds(server, &login).await;

    fs::write(&file, "secret-77").unwrap();
    let (figures, reasons) = run(server, process::id(), &login).await.unwrap();
    assert_eq!((figures.refused, figures.failed), (200, 0));
    assert_eq!(reasons, [("refused: loginFailed".to_owned(), 200)]);
}

#[tokio::test]
async fn what_cannot_be_measured_is_said() {
    let server = page::start().await;
    for line in [
        "drain --dialect plain-ack",
        "hold --transport http",
        "login --dialect echo",
        "login --dialect plain-ack --tokens no-such-file",
        "ping --connections 0",
        "ping --rate 0",
        "drain --rate 5",
        "swim",
    ] {
        assert!(run(server, process::id(), line).await.is_err(), "{line}");
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_is_an_error() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let nobody = listener.local_addr().unwrap();
    drop(listener);
    let error = run(nobody, process::id(), "ping").await.unwrap_err();
    assert!(
        format!("{error:#}").contains("cannot connect to 127.0.0.1"),
        "{error:#}"
    );
}
