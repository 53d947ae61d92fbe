//! What others send to a connection.

use std::sync::Arc;

use nile_socketio::{Close, Frame, Refused, encode_event};

use crate::support::{Client, Entry, TestServer, eventually};

#[tokio::test]
async fn a_full_outbox_tells_the_sender() {
    let server = TestServer::with(|settings| settings.options.max_outbound = 20);
    let mut client = Client::engine(&server).await;
    let outbox = server.outbox(0);
    // The connection has no turn between these.
    assert_eq!(outbox.push("4first89012".into()), Ok(()));
    assert_eq!(outbox.push("4too much..".into()), Err(Refused::Full));
    assert_eq!(outbox.push("4second89".into()), Ok(()));
    assert_eq!(outbox.push("4".into()), Err(Refused::Full));
    assert_eq!(client.text().await, "4first89012");
    assert_eq!(client.text().await, "4second89");
    assert_eq!(outbox.push("4third".into()), Ok(()), "there is room again");
    assert_eq!(client.text().await, "4third");
}

#[tokio::test]
async fn a_push_goes_behind_the_answers_that_are_due() {
    let server = TestServer::start();
    let mut client = Client::socketio(&server).await;
    client
        .send_all((1..=3).map(|number| format!("42{number}[\"later\",{number}]")))
        .await;
    let (first, second, third) = (server.job().await, server.job().await, server.job().await);
    server.push("42[\"early\"]").unwrap();
    assert_eq!(
        client.text().await,
        "42[\"early\"]",
        "it does not wait for work"
    );
    // The connection has no turn between these.
    server.push("42[\"one\"]").unwrap();
    first.finish();
    second.finish();
    server.push("42[\"two\"]").unwrap();
    for expected in ["431[1]", "432[2]", "42[\"one\"]", "42[\"two\"]"] {
        assert_eq!(client.text().await, expected);
    }
    third.finish();
    assert_eq!(client.text().await, "433[3]");
}

#[tokio::test]
async fn pushes_keep_their_order() {
    let server = TestServer::start();
    let mut client = Client::engine(&server).await;
    for number in 0..2000 {
        server.push(format!("4{number}")).unwrap();
        if number % 100 == 0 {
            tokio::task::yield_now().await;
        }
    }
    for number in 0..2000 {
        assert_eq!(client.text().await, format!("4{number}"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_or_doubled_where_several_push() {
    let server = TestServer::start();
    let mut client = Client::engine(&server).await;
    let pushers: Vec<_> = (0..4)
        .map(|pusher| {
            let outbox = server.outbox(0);
            tokio::spawn(async move {
                for number in 0..500 {
                    outbox.push(format!("4{pusher} {number}").into()).unwrap();
                    tokio::task::yield_now().await;
                }
            })
        })
        .collect();
    let mut next = [0; 4];
    for _ in 0..2000 {
        let text = client.text().await;
        let (pusher, number) = text[1..].split_once(' ').unwrap();
        let expected = &mut next[pusher.parse::<usize>().unwrap()];
        assert_eq!(number, expected.to_string());
        *expected += 1;
    }
    for pusher in pushers {
        pusher.await.unwrap();
    }
    assert_eq!(next, [500; 4]);
}

#[tokio::test]
async fn one_frame_is_shared_by_all_who_get_it() {
    let server = TestServer::start();
    let mut clients = Vec::new();
    for _ in 0..100 {
        clients.push(Client::socketio(&server).await);
    }
    let frame: Frame = encode_event("/", "news", &["\"for all\""], None);
    for number in 0..100 {
        server.outbox(number).push(Arc::clone(&frame)).unwrap();
    }
    assert_eq!(Arc::strong_count(&frame), 101);
    for client in &mut clients {
        assert_eq!(client.text().await, "42[\"news\",\"for all\"]");
    }
    eventually("nobody keeps it", || Arc::strong_count(&frame) == 1).await;
}

#[tokio::test]
async fn who_has_left_takes_nothing() {
    let server = TestServer::start();
    let client = Client::engine(&server).await;
    let outbox = server.outbox(0);
    client.leave().await;
    server.journal().holds(&Entry::Dropped, 1).await;
    assert_eq!(outbox.push("4late".into()), Err(Refused::Closed));
}

#[tokio::test]
async fn what_was_pushed_before_a_close_is_sent_before_it() {
    let server = TestServer::start();
    let mut client = Client::engine(&server).await;
    let outbox = server.outbox(0);
    for number in 0..100 {
        outbox.push(format!("4{number}").into()).unwrap();
    }
    outbox.close(Close::new(4000, "enough"));
    outbox.close(Close::new(4001, "the first reason stays"));
    assert_eq!(outbox.push("4late".into()), Err(Refused::Closed));
    for number in 0..100 {
        assert_eq!(client.text().await, format!("4{number}"));
    }
    assert_eq!(client.closed().await, (4000, "enough".to_owned()));
}

#[tokio::test]
async fn an_outbox_knows_itself() {
    let server = TestServer::start();
    let _clients = [Client::engine(&server).await, Client::engine(&server).await];
    assert!(server.outbox(0).is(&server.outbox(0)));
    assert!(!server.outbox(0).is(&server.outbox(1)));
}
