//! A poll that its peer abandoned: nothing is lost with it.

use crate::support::{Polling, TestServer, http::request};

#[tokio::test]
async fn the_next_poll_gets_what_an_abandoned_one_would_have_got() {
    let server = TestServer::start();
    let session = Polling::engine(&server).await;
    for round in 0..5 {
        let before = 1 + 3 * round;
        let hanging = session.hang().await;
        server.requests(before + 1).await;
        drop(hanging);
        server.http_is_over().await;
        assert_eq!(session.post(&format!("4packet {round}")).await.text(), "ok");
        assert_eq!(session.poll().await.text(), format!("4packet {round}"));
    }
}

#[tokio::test]
async fn a_poll_may_follow_an_abandoned_one_at_once() {
    let server = TestServer::start();
    let session = Polling::engine(&server).await;
    let hanging = session.hang().await;
    server.requests(2).await;
    drop(hanging);
    server.http_is_over().await;
    let push = async {
        server.requests(3).await;
        server.push("4one").unwrap();
        server.push("4two").unwrap();
    };
    let (polled, ()) = tokio::join!(session.poll(), push);
    assert_eq!(polled.text(), "4one\u{1e}4two");
}

#[tokio::test]
async fn a_post_that_was_abandoned_was_taken_all_the_same() {
    let server = TestServer::start();
    let session = Polling::socketio(&server).await;
    let body = b"42[\"alone\",1]\x1e42[\"message\",2]";
    let post = request("POST", &session.target, "", body);
    let hanging = server.dial(&post).await;
    let job = server.job().await;
    drop(hanging);
    server.http_is_over().await;
    job.finish();
    let answers = "42[\"done\",1]\u{1e}42[\"message-back\",2]";
    assert_eq!(session.poll().await.text(), answers);
}
