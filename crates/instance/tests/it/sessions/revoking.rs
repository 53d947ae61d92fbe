//! Tokens that end: what `delete` and `rotateToken` mean for those who are online with them.

use futures_util::future::join_all;
use tokio::io::AsyncWriteExt;

use super::both;
use crate::support::{
    Asks, Connects, TestInstance,
    http::{Http, JSON, head},
    request::{self, PING, action_of, delete, login, rotate_token, token_in, update},
    socketio::SocketIo,
    websocket::Raw,
};

/// How a connection is closed whose token ended.
fn revoked() -> (u16, String) {
    (1008, "the token is no longer valid".to_owned())
}

#[tokio::test]
async fn delete_closes_every_connection_of_the_client_and_no_other() {
    async fn check<P: Connects>(instance: &TestInstance) {
        let (mut neighbour, _, entry) = instance.enter::<P>().await;
        let (mut first, token, _) = instance.enter::<P>().await;
        let mut second = Raw::open(instance.address).await;
        instance.login(&mut second, &token).await;

        assert_eq!(action_of(&first.ask(&delete(&token)).await), "deleted");
        assert_eq!(first.socket().closed().await, revoked(), "after its answer");
        assert_eq!(second.socket().closed().await, revoked());
        instance.online_is(&entry).await;

        assert_eq!(
            action_of(&neighbour.ask(&login(&token)).await),
            "loginFailed"
        );
        assert_eq!(instance.online(), entry);
        neighbour.socket().close().await;
        instance.online_is(&[]).await;
    }
    let instance = TestInstance::start().await;
    check::<SocketIo>(&instance).await;
    check::<Raw>(&instance).await;
    instance.stop().await;
}

#[tokio::test]
async fn the_first_use_of_a_new_token_closes_those_that_came_with_the_old_one() {
    async fn check<P: Connects>(instance: &TestInstance) {
        let (mut old, token, entry) = instance.enter::<P>().await;
        let (mut neighbour, _, neighbours) = instance.enter::<P>().await;
        let mut new = P::open(instance.address).await;
        let rotated = token_in(&new.ask(&rotate_token(&token)).await);
        assert_eq!(
            instance.online(),
            both(&entry, &neighbours),
            "it is not used yet"
        );

        new.login(&rotated).await;
        assert_eq!(old.socket().closed().await, revoked());
        instance
            .online_is(&both(&instance.entry_of(&rotated), &neighbours))
            .await;
        for party in [&mut new, &mut neighbour] {
            assert_eq!(action_of(&party.ask(PING).await), "pinged");
            party.socket().close().await;
        }
        instance.online_is(&[]).await;
    }
    let instance = TestInstance::start().await;
    check::<SocketIo>(&instance).await;
    check::<Raw>(&instance).await;
    instance.stop().await;
}

#[tokio::test]
async fn whoever_rotates_and_logs_in_anew_on_one_connection_stays() {
    async fn check<P: Connects>(instance: &TestInstance) {
        let (mut rotating, token, _) = instance.enter::<P>().await;
        let mut other = P::open(instance.address).await;
        instance.login(&mut other, &token).await;
        let rotated = token_in(&rotating.ask(&rotate_token(&token)).await);
        assert_eq!(action_of(&rotating.ask(&login(&rotated)).await), "logged");
        assert_eq!(other.socket().closed().await, revoked());
        instance.online_is(&instance.entry_of(&rotated)).await;
        assert_eq!(action_of(&rotating.ask(PING).await), "pinged");

        assert_eq!(action_of(&rotating.ask(&delete(&rotated)).await), "deleted");
        assert_eq!(rotating.socket().closed().await, revoked());
        instance.online_is(&[]).await;
    }
    let instance = TestInstance::start().await;
    check::<SocketIo>(&instance).await;
    check::<Raw>(&instance).await;
    instance.stop().await;
}

#[tokio::test]
async fn an_update_is_a_first_use_of_a_new_token_too() {
    let instance = TestInstance::start().await;
    let (mut old, token, _) = instance.enter::<SocketIo>().await;
    let mut http = Http::connect(instance.address).await;
    let rotated = http.call("POST", &rotate_token(&token)).await.body;
    let rotated = token_in(&rotated);
    assert_eq!(http.call("POST", &update(&rotated, "Bo")).await.status, 200);
    assert_eq!(old.socket().closed().await, revoked());
    instance.online_is(&[]).await;
    instance.stop().await;
}

/// Deleting and going at once must not leave the others online, whatever carried the request.
#[tokio::test]
async fn whoever_deletes_and_leaves_before_the_answer_has_deleted_nevertheless() {
    async fn check<P: Connects>(instance: &TestInstance) {
        let (mut online, token, _) = instance.enter::<Raw>().await;
        let mut leaves = P::open(instance.address).await;
        leaves.socket().say(&P::carry(&delete(&token))).await;
        drop(leaves);
        assert_eq!(online.socket().closed().await, revoked());
        instance.online_is(&[]).await;
    }
    let instance = TestInstance::start().await;
    for _ in 0..10 {
        check::<SocketIo>(&instance).await;
        check::<Raw>(&instance).await;
    }
    instance.stop().await;
}

#[tokio::test]
async fn whoever_deletes_over_http_and_leaves_before_the_answer_has_deleted_nevertheless() {
    let instance = TestInstance::start().await;
    for _ in 0..10 {
        let (mut online, token, _) = instance.enter::<Raw>().await;
        let body = delete(&token);
        let line = format!("POST {}", request::PATH);
        let mut stream = tokio::net::TcpStream::connect(instance.address)
            .await
            .unwrap();
        let request = head(&line, &[JSON], body.len()) + &body;
        stream.write_all(request.as_bytes()).await.unwrap();
        drop(stream);
        assert_eq!(online.socket().closed().await, revoked());
        instance.online_is(&[]).await;
    }
    instance.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn logins_that_race_with_delete_never_leave_a_deleted_client_online() {
    const ROUNDS: usize = 100;
    const LOGINS: usize = 10;
    let instance = TestInstance::start().await;
    let mut other = Raw::open(instance.address).await;
    let mut in_time = 0;
    for round in 0..ROUNDS {
        let token = other.register().await;
        let mut parties = Vec::new();
        for _ in 0..LOGINS {
            parties.push(Raw::open(instance.address).await);
        }
        // Whoever is named first asks first.
        let (before, after) = parties.split_at_mut(round % LOGINS);
        let (login, delete) = (login(&token), delete(&token));
        let ask = async |party: &mut Raw| action_of(&party.ask(&login).await);
        let (mut answers, deleted, others) = tokio::join!(
            join_all(before.iter_mut().map(ask)),
            other.ask(&delete),
            join_all(after.iter_mut().map(ask)),
        );
        assert_eq!(action_of(&deleted), "deleted");
        answers.extend(others);
        for (party, answer) in parties.iter_mut().zip(answers) {
            if answer == "logged" {
                in_time += 1;
                assert_eq!(party.socket().closed().await, revoked(), "round {round}");
            }
        }
        instance.online_is(&[]).await;
    }
    assert!(in_time > 0, "every login was too late to race");
    instance.stop().await;
}
