//! However a connection ends, its entry leaves the list, and no other does.

use tokio::io::AsyncWriteExt;

use super::both;
use crate::support::{
    Asks, Connects, Online, TestInstance, polling::Polling, request::PING, socketio::SocketIo,
    websocket::Raw,
};

const FAST_HEARTBEAT: &str = "heartbeat.interval_seconds = 1\nheartbeat.timeout_seconds = 1";

/// One client on two connections: which of them is about to go, and the entry of the other.
struct Pair<P> {
    goes: P,
    stays: P,
    entry: Online,
}

impl<P: Connects> Pair<P> {
    async fn open(instance: &TestInstance) -> Self {
        let (goes, token, gone) = instance.enter::<P>().await;
        let mut stays = P::open(instance.address).await;
        let entry = instance.login(&mut stays, &token).await;
        assert_eq!(instance.online(), both(&gone, &entry));
        Self { goes, stays, entry }
    }
}

/// What has to hold after the one has gone; then the other goes, too.
async fn left(instance: &TestInstance, mut stays: impl Connects, entry: &Online) {
    instance.online_is(entry).await;
    assert!(stays.ask(PING).await.contains("pinged"));
    assert_eq!(instance.online(), *entry);
    drop(stays);
    instance.online_is(&[]).await;
}

#[tokio::test]
async fn whoever_closes_the_connection_leaves_the_list() {
    async fn check<P: Connects>(instance: &TestInstance) {
        let mut pair = Pair::<P>::open(instance).await;
        pair.goes.socket().close().await;
        left(instance, pair.stays, &pair.entry).await;
    }
    let instance = TestInstance::start().await;
    check::<SocketIo>(&instance).await;
    check::<Raw>(&instance).await;
    instance.stop().await;
}

#[tokio::test]
async fn whoever_ends_its_stream_leaves_the_list() {
    async fn check<P: Connects>(instance: &TestInstance) {
        let pair = Pair::<P>::open(instance).await;
        let mut stream = pair.goes.into_stream();
        stream.shutdown().await.unwrap();
        left(instance, pair.stays, &pair.entry).await;
    }
    let instance = TestInstance::start().await;
    check::<SocketIo>(&instance).await;
    check::<Raw>(&instance).await;
    instance.stop().await;
}

#[tokio::test]
async fn whoever_resets_the_connection_leaves_the_list() {
    async fn check<P: Connects>(instance: &TestInstance) {
        let pair = Pair::<P>::open(instance).await;
        let stream = pair.goes.into_stream();
        // Closed without lingering, TCP says RST instead of FIN.
        stream.set_zero_linger().unwrap();
        drop(stream);
        left(instance, pair.stays, &pair.entry).await;
    }
    let instance = TestInstance::start().await;
    check::<SocketIo>(&instance).await;
    check::<Raw>(&instance).await;
    instance.stop().await;
}

#[tokio::test]
async fn whoever_goes_in_the_middle_of_a_frame_leaves_the_list() {
    async fn check<P: Connects>(instance: &TestInstance) {
        let pair = Pair::<P>::open(instance).await;
        let mut stream = pair.goes.into_stream();
        // A masked text frame of 100 bytes, of which two come.
        stream.write_all(b"\x81\xe4mask42").await.unwrap();
        drop(stream);
        left(instance, pair.stays, &pair.entry).await;
    }
    let instance = TestInstance::start().await;
    check::<SocketIo>(&instance).await;
    check::<Raw>(&instance).await;
    instance.stop().await;
}

#[tokio::test]
async fn whoever_is_silent_leaves_the_list() {
    let instance = TestInstance::exempt(FAST_HEARTBEAT).await;
    let (socketio, _, one) = instance.enter::<SocketIo>().await;
    let (raw, _, other) = instance.enter::<Raw>().await;
    assert_eq!(instance.online(), both(&one, &other));
    // The streams stay open, and nobody answers the heartbeat on them.
    let streams = (socketio.into_stream(), raw.into_stream());
    instance.online_is(&[]).await;
    drop(streams);
    instance.stop().await;
}

#[tokio::test]
async fn whoever_answers_the_heartbeat_stays_on_the_list() {
    let instance = TestInstance::exempt(FAST_HEARTBEAT).await;
    let (mut party, _, entry) = instance.enter::<SocketIo>().await;
    for _ in 0..3 {
        assert_eq!(party.socket().hear().await, "2");
        party.socket().say("3").await;
        assert_eq!(instance.online(), entry);
    }
    drop(party);
    instance.stop().await;
}

#[tokio::test]
async fn whomever_the_instance_closes_leaves_the_list() {
    async fn check<P: Connects>(instance: &TestInstance) {
        let mut pair = Pair::<P>::open(instance).await;
        let socket = pair.goes.socket();
        socket.say(&"x".repeat(70_000)).await;
        assert_eq!(socket.closed().await.0, 1009);
        left(instance, pair.stays, &pair.entry).await;
    }
    let instance = TestInstance::start().await;
    check::<SocketIo>(&instance).await;
    check::<Raw>(&instance).await;
    instance.stop().await;
}

#[tokio::test]
async fn whoever_ends_the_engine_io_session_leaves_the_list() {
    let instance = TestInstance::start().await;
    let mut pair = Pair::<SocketIo>::open(&instance).await;
    pair.goes.socket().say("1").await;
    left(&instance, pair.stays, &pair.entry).await;
    drop(pair.goes);
    instance.stop().await;
}

#[tokio::test]
async fn whoever_disconnects_from_socket_io_leaves_the_list_and_may_come_back() {
    let instance = TestInstance::start().await;
    let (mut party, token, entry) = instance.enter::<SocketIo>().await;
    party.socket().say("41").await;
    instance.online_is(&[]).await;

    party.socket().say("40").await;
    assert!(party.hear().await.starts_with("40{"));
    assert_eq!(instance.login(&mut party, &token).await, entry);
    drop(party);
    instance.stop().await;
}

#[tokio::test]
async fn whoever_ends_a_polling_session_leaves_the_list() {
    let instance = TestInstance::start().await;
    let (mut stays, token, entry) = instance.enter::<SocketIo>().await;
    let mut goes = Polling::open(instance.address).await;
    let gone = instance.login(&mut goes, &token).await;
    assert_eq!(instance.online(), both(&gone, &entry));
    goes.post("1").await;
    instance.online_is(&entry).await;
    assert!(stays.ask(PING).await.contains("pinged"));
    drop(stays);
    instance.stop().await;
}

#[tokio::test]
async fn whoever_stops_polling_leaves_the_list() {
    let instance = TestInstance::exempt(FAST_HEARTBEAT).await;
    let mut party = Polling::open(instance.address).await;
    let token = party.register().await;
    instance.login(&mut party, &token).await;
    // The connection beneath stays open: it is not the session.
    instance.online_is(&[]).await;
    drop(party);
    instance.stop().await;
}
