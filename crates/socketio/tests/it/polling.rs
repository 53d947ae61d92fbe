//! HTTP long-polling: payloads both ways, and what ends a session.

use nile_socketio::{Close, End};

use crate::support::{Entry, MODERATE, Polling, SHORT, TestServer, http::request, within};

#[tokio::test]
async fn payloads_of_one_or_several_packets_come_back_as_they_went() {
    let server = TestServer::start();
    let session = Polling::engine(&server).await;
    let several = "4test1\u{1e}4test2\u{1e}4test3";
    for body in [
        "4hello",
        several,
        "4hello\u{1e}bAQIDBA==",
        "4",
        "4\u{20ac}\u{1f600}",
        "b",
    ] {
        let posted = session.post(body).await;
        assert_eq!((posted.status, posted.text()), (200, "ok"), "{body}");
        let polled = session.poll().await;
        assert_eq!((polled.status, polled.text()), (200, body));
    }
}

#[tokio::test]
async fn a_poll_that_waits_is_answered_as_soon_as_there_is_something() {
    let server = TestServer::start();
    let session = Polling::engine(&server).await;
    for round in 0..3 {
        let post = async {
            server.requests(2 + round * 2).await;
            session.post("4hello").await
        };
        let (polled, posted) = tokio::join!(session.poll(), post);
        assert_eq!((polled.text(), posted.text()), ("4hello", "ok"));
    }
}

#[tokio::test]
async fn a_poll_that_waits_is_answered_when_work_is_done() {
    let server = TestServer::start();
    let session = Polling::socketio(&server).await;
    let post = async {
        server.requests(4).await;
        session.post("427[\"alone\",7]").await
    };
    let work = async { server.job().await.finish() };
    let (polled, posted, ()) = tokio::join!(session.poll(), post, work);
    assert_eq!((polled.text(), posted.text()), ("437[7]", "ok"));
}

#[tokio::test]
async fn a_pushed_frame_ends_a_poll_that_waits() {
    let server = TestServer::start();
    let session = Polling::engine(&server).await;
    let push = async {
        server.requests(2).await;
        server.push("4news").unwrap();
    };
    let (polled, ()) = tokio::join!(session.poll(), push);
    assert_eq!(polled.text(), "4news");
}

#[tokio::test]
async fn an_invalid_packet_ends_the_session() {
    for body in [
        "abc",
        "",
        "0{}",
        "4hello\u{1e}",
        "b!!",
        "4\u{1e}\u{1e}4",
        "2",
        "7",
    ] {
        let server = TestServer::start();
        let session = Polling::engine(&server).await;
        assert_eq!(session.post(body).await.status, 400, "{body}");
        assert_eq!(session.poll().await.status, 400, "{body}");
        let end = server.journal().end().await;
        assert!(
            matches!(end, End::Closed(Close { code: 1002, .. })),
            "{body}: {end}"
        );
        server.connections_are(0).await;
    }
}

#[tokio::test]
async fn bytes_that_are_not_text_end_the_session() {
    let server = TestServer::start();
    let session = Polling::engine(&server).await;
    assert_eq!(session.post_bytes(b"4\xff").await.status, 400);
    assert_eq!(session.poll().await.status, 400);
}

#[tokio::test]
async fn packets_before_an_invalid_one_were_taken() {
    let server = TestServer::start();
    let session = Polling::engine(&server).await;
    let post = async {
        server.requests(2).await;
        session.post("4hello\u{1e}abc").await
    };
    let (polled, posted) = tokio::join!(session.poll(), post);
    assert_eq!(posted.status, 400);
    assert_eq!(polled.text(), "4hello\u{1e}1");
}

#[tokio::test]
async fn two_polls_at_once_end_the_session() {
    let server = TestServer::start();
    let session = Polling::engine(&server).await;
    let second = async {
        server.requests(2).await;
        session.poll().await
    };
    let (first, second) = tokio::join!(session.poll(), second);
    assert_eq!((first.status, first.text()), (200, "1"));
    assert_eq!(second.status, 400);
    assert_eq!(session.poll().await.status, 400);
}

#[tokio::test]
async fn two_posts_at_once_end_the_session() {
    let server = TestServer::start();
    let session = Polling::socketio(&server).await;
    let body = "42[\"alone\",1]\u{1e}42[\"message\"]";
    let second = async {
        let _job = server.job().await;
        session.post("42[\"message\"]").await
    };
    let (first, second) = tokio::join!(session.post(body), second);
    assert_eq!((first.status, second.status), (400, 400));
    assert_eq!(session.poll().await.status, 400);
}

#[tokio::test]
async fn a_peer_that_says_goodbye_gets_its_poll_back() {
    let server = TestServer::start();
    let session = Polling::engine(&server).await;
    let close = async {
        server.requests(2).await;
        session.post("1").await
    };
    let (polled, posted) = tokio::join!(session.poll(), close);
    assert_eq!((polled.status, polled.text()), (200, "6"));
    assert_eq!(posted.status, 200);
    assert_eq!(session.poll().await.status, 400);
    assert_eq!(server.journal().end().await, End::Peer);
}

#[tokio::test]
async fn a_body_that_is_too_large_gets_413_and_is_not_taken() {
    let server = TestServer::with(|settings| settings.bounds.max_message = 1000);
    let session = Polling::engine(&server).await;
    assert_eq!(session.post(&"4".repeat(1001)).await.status, 413);
    assert_eq!(server.journal().taken(), 0);
    let fits = "4".repeat(1000);
    assert_eq!(session.post(&fits).await.status, 200);
    assert_eq!(session.poll().await.text(), fits);
}

#[tokio::test]
async fn a_body_that_does_not_come_is_not_waited_for() {
    let server = TestServer::with(|settings| settings.bounds.handshake = SHORT);
    let session = Polling::engine(&server).await;
    let whole = request("POST", &session.target, "", b"4hello");
    let answer = server.send(&whole[..whole.len() - 1]).await;
    assert_eq!(answer.status, 400);
    assert_eq!(session.post("4still here").await.status, 200);
}

#[tokio::test]
async fn a_post_is_answered_when_all_its_packets_were_taken() {
    let server = TestServer::start();
    let session = Polling::socketio(&server).await;
    // The pipeline holds 32.
    let packets: Vec<_> = (0..40)
        .map(|number| format!("42{number}[\"later\",{number}]"))
        .collect();
    let body = packets.join("\u{1e}");
    let mut post = std::pin::pin!(session.post(&body));
    let mut jobs = Vec::new();
    while jobs.len() < 32 {
        tokio::select! {
            _ = &mut post => panic!("answered before all were taken"),
            job = server.job() => jobs.push(job),
        }
    }
    assert!(server.try_job().is_none());
    for job in jobs.drain(..7) {
        job.finish();
    }
    for _ in 0..7 {
        tokio::select! {
            _ = &mut post => panic!("answered before all were taken"),
            job = server.job() => jobs.push(job),
        }
    }
    jobs.remove(0).finish();
    jobs.push(server.job().await);
    jobs.remove(0).finish();
    assert_eq!(post.await.text(), "ok");
    let mut acks = Vec::new();
    for job in jobs {
        job.finish();
    }
    while acks.len() < 40 {
        let polled = session.poll().await;
        acks.extend(polled.text().split('\u{1e}').map(str::to_owned));
    }
    let expected: Vec<_> = (0..40)
        .map(|number| format!("43{number}[{number}]"))
        .collect();
    assert_eq!(acks, expected);
}

#[tokio::test]
async fn a_peer_that_never_polls_is_dropped_within_the_write_deadline() {
    let server = TestServer::with(|settings| settings.bounds.write = MODERATE);
    let session = Polling::socketio(&server).await;
    // Whatever is due waits for a poll, and more is not asked for.
    let event = "42[\"large\",20000]\u{1e}".repeat(50);
    let posted = session.post(event.trim_end_matches('\u{1e}')).await;
    assert_eq!(posted.status, 400, "it is not all taken");
    assert_eq!(server.journal().end().await, End::Stalled);
    assert_eq!(server.journal().taken(), 4, "up to 64 KiB wait");
    server.journal().holds(&Entry::Dropped, 1).await;
    assert_eq!(session.poll().await.status, 400);
}

#[tokio::test]
async fn the_outbox_of_a_peer_that_never_polls_is_bounded() {
    let server = TestServer::start();
    let _session = Polling::engine(&server).await;
    let frame: nile_socketio::Frame = "4x".repeat(5000).into();
    let mut pushed = 0;
    while server.push(frame.clone()).is_ok() {
        pushed += frame.len();
        tokio::task::yield_now().await;
        assert!(pushed < 2_000_000, "there is no bound");
    }
    assert!(pushed >= 1_000_000, "{pushed}");
}

#[tokio::test]
async fn shutting_down_ends_polls_that_wait() {
    let server = TestServer::start();
    let session = Polling::socketio(&server).await;
    let close = async {
        server.requests(4).await;
        within("shutdown", server.connections.close(Close::GOING_AWAY)).await;
    };
    let (polled, ()) = tokio::join!(session.poll(), close);
    assert_eq!(polled.text(), "1");
    assert_eq!(server.journal().end().await, End::Closed(Close::GOING_AWAY));
}
