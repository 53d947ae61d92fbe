//! Logging in and out, on one connection and on several.

use super::both;
use crate::support::{
    Asks, Connects, TestInstance,
    http::Http,
    polling::Polling,
    request::{LOGOUT, PING, action_of, client_of, delete, login, strange_token, update},
    socketio::{self, SocketIo},
    websocket::{Raw, WebSocket},
};

#[tokio::test]
async fn a_client_is_online_once_on_a_connection_however_often_it_logs_in() {
    async fn check<P: Connects>(instance: &TestInstance) {
        let (mut party, token, entry) = instance.enter::<P>().await;
        for _ in 0..3 {
            party.login(&token).await;
            assert_eq!(instance.online(), entry);
        }
        party.ask(LOGOUT).await;
    }
    let instance = TestInstance::start().await;
    check::<SocketIo>(&instance).await;
    check::<Raw>(&instance).await;
    instance.stop().await;
}

#[tokio::test]
async fn a_second_login_on_a_connection_replaces_the_first() {
    async fn check<P: Connects>(instance: &TestInstance) {
        let (mut party, token, entry) = instance.enter::<P>().await;
        let other = party.register().await;
        assert_eq!(instance.online(), entry, "to register is not to log in");
        party.login(&other).await;
        let ws_id = entry[0].0.clone();
        let replaced = [(ws_id, client_of(&other))];
        assert_eq!(instance.online(), replaced);

        let mut http = Http::connect(instance.address).await;
        assert_eq!(http.call("POST", &delete(&token)).await.status, 200);
        assert_eq!(action_of(&party.ask(PING).await), "pinged");
        assert_eq!(
            instance.online(),
            replaced,
            "it is not the first client any more"
        );
        party.ask(LOGOUT).await;
    }
    let instance = TestInstance::start().await;
    check::<SocketIo>(&instance).await;
    check::<Raw>(&instance).await;
    instance.stop().await;
}

#[tokio::test]
async fn a_client_is_online_on_each_of_its_connections() {
    let instance = TestInstance::start().await;
    let (first, token, mut online) = instance.enter::<SocketIo>().await;
    let mut others = Vec::new();
    for _ in 0..3 {
        let mut other = Raw::open(instance.address).await;
        online = both(&online, &instance.login(&mut other, &token).await);
        others.push(other);
    }
    assert_eq!(instance.online(), online);
    assert!(online.iter().all(|(_, party)| *party == client_of(&token)));
    drop((first, others));
    instance.stop().await;
}

#[tokio::test]
async fn a_login_that_fails_changes_nothing() {
    async fn check<P: Connects>(instance: &TestInstance) {
        let mut party = P::open(instance.address).await;
        let token = party.register().await;
        let failures = [
            login(&strange_token()),
            login("no token at all"),
            r#"{"action":"login"}"#.to_owned(),
            r#"{"action":"login","parameters":{"token":7}}"#.to_owned(),
        ];
        for failure in &failures {
            assert_eq!(action_of(&party.ask(failure).await), "loginFailed");
            assert_eq!(instance.online(), [], "{failure}");
        }
        let entry = instance.login(&mut party, &token).await;
        for failure in &failures {
            assert_eq!(action_of(&party.ask(failure).await), "loginFailed");
            assert_eq!(instance.online(), entry, "{failure}");
        }
        party.ask(LOGOUT).await;
    }
    let instance = TestInstance::start().await;
    check::<SocketIo>(&instance).await;
    check::<Raw>(&instance).await;
    instance.stop().await;
}

#[tokio::test]
async fn nothing_but_a_login_joins_the_list() {
    let instance = TestInstance::start().await;
    let mut party = SocketIo::open(instance.address).await;
    let token = party.register().await;
    assert_eq!(
        action_of(&party.ask(&update(&token, "Bo")).await),
        "updated"
    );
    assert_eq!(action_of(&party.ask(PING).await), "pinged");
    assert_eq!(instance.online(), []);

    let mut http = Http::connect(instance.address).await;
    assert_eq!(http.call("POST", &login(&token)).await.status, 200);
    assert_eq!(
        instance.online(),
        [],
        "HTTP has no connection to be online on"
    );
    drop(party);
    instance.stop().await;
}

#[tokio::test]
async fn whoever_logs_out_leaves_the_list_and_stays_connected() {
    async fn check<P: Connects>(instance: &TestInstance) {
        let (mut party, token, entry) = instance.enter::<P>().await;
        let mut other = P::open(instance.address).await;
        let others = instance.login(&mut other, &token).await;
        for _ in 0..2 {
            assert_eq!(action_of(&party.ask(LOGOUT).await), "loggedOut");
            assert_eq!(instance.online(), others, "its other connection is its own");
        }
        assert_eq!(instance.login(&mut party, &token).await, entry);
        for mut party in [party, other] {
            party.ask(LOGOUT).await;
        }
        assert_eq!(instance.online(), []);
    }
    let instance = TestInstance::start().await;
    check::<SocketIo>(&instance).await;
    check::<Raw>(&instance).await;
    instance.stop().await;
}

#[tokio::test]
async fn a_session_that_changes_from_polling_to_a_websocket_keeps_its_entry() {
    let instance = TestInstance::start().await;
    let mut party = Polling::open(instance.address).await;
    let token = party.register().await;
    let entry = instance.login(&mut party, &token).await;

    let path = socketio::path(4, "websocket", &format!("&sid={}", party.sid));
    let mut socket = WebSocket::connect(instance.address, &path).await;
    socket.say("2probe").await;
    assert_eq!(socket.hear().await, "3probe");
    socket.say("5").await;
    socket.say(&SocketIo::carry(PING)).await;
    assert!(socket.hear().await.contains("pinged"));
    assert_eq!(instance.online(), entry);

    socket.close().await;
    instance.online_is(&[]).await;
    instance.stop().await;
}
