//! SIGTERM: whoever is connected is told, and the process is gone within ten seconds, whatever its peers do.

use std::time::Duration;

use tokio::{io::AsyncReadExt, net::TcpStream, time::timeout};

use crate::support::{
    Asks, Connects, TestInstance, deaf,
    http::{Http, JSON, head},
    polling::Polling,
    process::TestProcess,
    request::{PATH, PING, login},
    socketio::{SocketIo, path},
    websocket::Raw,
    within,
};

/// What an operator is promised.
const GONE: Duration = Duration::from_secs(10);

/// Has the process wait for its peers for longer than is promised, if it does not drop them before.
const PATIENT: (&str, &str) = ("NILE_DRAIN_SECONDS", "60");

impl TestProcess {
    /// Waits for an end in time, and with success.
    async fn ends_well(&mut self) {
        let ended = timeout(GONE, self.process.end()).await;
        let ended = ended.expect("the process did not end in time");
        assert_eq!(ended.status.code(), Some(0), "{ended:?}");
        assert!(!ended.stderr.contains("panicked"), "{}", ended.stderr);
    }
}

/// How a connection is closed by an instance that ends.
fn going_away() -> (u16, String) {
    (1001, "going away".to_owned())
}

#[tokio::test]
async fn whoever_is_connected_is_told_that_the_instance_goes_away() {
    for signal in ["TERM", "INT"] {
        let mut server = TestProcess::start(&[]).await;
        let mut silent = TcpStream::connect(server.address).await.unwrap();
        let mut socketio = SocketIo::open(server.address).await;
        let mut online = SocketIo::open(server.address).await;
        online.enter().await;
        let mut raw = Raw::open(server.address).await;
        let mut http = Http::connect(server.address).await;
        assert_eq!(http.get("/readyz").await.status, 200);

        server.process.signal(signal);
        assert_eq!(socketio.socket().closed().await, going_away());
        assert_eq!(online.socket().closed().await, going_away());
        assert_eq!(raw.socket().closed().await, going_away());
        http.closed().await;
        let silence = within("an end", silent.read(&mut [0])).await;
        assert_eq!(silence.unwrap(), 0);
        server.ends_well().await;
    }
}

#[tokio::test]
async fn peers_that_never_read_do_not_keep_it() {
    let exempt = ("NILE_LIMITS_EXEMPT", "127.0.0.0/8");
    let mut server = TestProcess::start(&[PATIENT, exempt]).await;
    let socketio = SocketIo::on(deaf::narrow(server.address).await).await;
    let raw = Raw::on(deaf::narrow(server.address).await).await;
    let _streams = (deaf::fill(socketio).await, deaf::fill(raw).await);
    server.process.signal("TERM");
    server.ends_well().await;
}

#[tokio::test]
async fn polling_sessions_that_nobody_asks_about_do_not_keep_it() {
    let mut server = TestProcess::start(&[PATIENT]).await;
    let mut party = Polling::open(server.address).await;
    party.post(&SocketIo::carry(PING)).await;
    server.process.signal("TERM");
    server.ends_well().await;
}

#[tokio::test]
async fn requests_that_never_become_whole_do_not_keep_it() {
    let mut server = TestProcess::start(&[]).await;
    let mut half_a_head = Http::connect(server.address).await;
    half_a_head.send("POST /client/to/ins").await;
    let mut half_a_body = Http::connect(server.address).await;
    let line = format!("POST {PATH}");
    half_a_body.send(&head(&line, &[JSON], PING.len())).await;
    half_a_body.send(&PING[..5]).await;
    let mut party = Raw::open(server.address).await;
    server.process.signal("TERM");
    assert_eq!(party.socket().closed().await, going_away());
    server.ends_well().await;
}

/// What came on other connections before has been read when this returns: they and the instance share one
/// thread, which takes what has come in turns.
async fn others_are_read(party: &mut Raw) {
    for _ in 0..3 {
        assert!(party.ask(PING).await.contains("pinged"));
    }
}

#[tokio::test]
async fn a_poll_that_waits_is_told_that_the_session_ends() {
    let mut instance = TestInstance::start().await;
    let mut party = Raw::open(instance.address).await;
    let Polling { mut http, sid } = Polling::open(instance.address).await;
    let path = path(4, "polling", &format!("&sid={sid}"));
    http.send(&head(&format!("GET {path}"), &[], 0)).await;
    others_are_read(&mut party).await;

    instance.drain();
    assert_eq!(http.response().await.body, "1");
    http.closed().await;
    drop(party);
    instance.stop().await;
}

#[tokio::test]
async fn whoever_asks_while_it_drains_hears_that_it_is_not_ready() {
    let mut instance = TestInstance::start().await;
    let mut party = Raw::open(instance.address).await;
    let mut http = Http::connect(instance.address).await;
    let request = head("GET /readyz", &[], 0);
    let (first, rest) = request.split_at(request.len() - 2);
    http.send(first).await;
    others_are_read(&mut party).await;

    instance.drain();
    assert_eq!(party.socket().closed().await, going_away());
    http.send(rest).await;
    let answer = http.response().await;
    assert_eq!((answer.status, answer.body.as_str()), (503, "not ready\n"));
    http.closed().await;
    instance.stop().await;
}

#[tokio::test]
async fn what_was_asked_before_is_answered() {
    let mut instance = TestInstance::start().await;
    let mut party = Raw::open(instance.address).await;
    let login = login(&party.register().await);
    let mut http = Http::connect(instance.address).await;
    let line = format!("POST {PATH}");
    http.send(&head(&line, &[JSON], login.len())).await;
    others_are_read(&mut party).await;

    instance.drain();
    assert_eq!(party.socket().closed().await, going_away());
    http.send(&login).await;
    let answer = http.response().await;
    assert_eq!(answer.status, 200, "{answer}");
    instance.stop().await;
}
