//! Answers leave in the order of their requests, whatever each of them had to wait for.

use crate::support::{Client, Entry, Polling, TestServer};

/// The numbers from 0 in an order that is the same in every run.
struct Shuffle(u64);

impl Shuffle {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % bound as u64).unwrap()
    }
}

/// Requests of all kinds, most of which have to wait.
fn requests(count: usize) -> Vec<String> {
    let kind = |number| match number % 10 {
        3 => "now",
        7 => "alone",
        _ => "later",
    };
    (0..count)
        .map(|number| format!("42{number}[\"{}\",{number}]", kind(number)))
        .collect()
}

fn answers(count: usize) -> Vec<String> {
    (0..count)
        .map(|number| format!("43{number}[{number}]"))
        .collect()
}

/// Finishes whatever is under way in random order; returns the most that ever was.
async fn finish_in_disorder(server: &TestServer, mut left: usize, seed: u64) -> usize {
    let (mut shuffle, mut under_way, mut most) = (Shuffle(seed), Vec::new(), 0);
    while left > 0 {
        if under_way.is_empty() {
            under_way.push(server.job().await);
        }
        while let Some(job) = server.try_job() {
            under_way.push(job);
        }
        most = most.max(under_way.len());
        let next = shuffle.below(under_way.len());
        under_way.swap_remove(next).finish();
        left -= 1;
        tokio::task::yield_now().await;
    }
    most
}

#[tokio::test]
async fn a_thousand_requests_are_answered_in_their_order() {
    for seed in [1, 0x9e37_79b9, 0x1234_5678_9abc] {
        let server = TestServer::start();
        let mut client = Client::socketio(&server).await;
        client.send_all(requests(1000)).await;
        // The tenth part is known at once.
        let most = finish_in_disorder(&server, 900, seed).await;
        assert!(most > 1, "nothing was ever finished out of order");
        for answer in answers(1000) {
            assert_eq!(client.text().await, answer);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn they_are_with_several_threads_too() {
    let server = TestServer::start();
    let mut client = Client::socketio(&server).await;
    client.send_all(requests(1000)).await;
    finish_in_disorder(&server, 900, 77).await;
    for answer in answers(1000) {
        assert_eq!(client.text().await, answer);
    }
}

#[tokio::test]
async fn over_polling_they_are_answered_in_their_order() {
    let server = TestServer::start();
    let session = Polling::socketio(&server).await;
    let body = requests(300).join("\u{1e}");
    let poll = async {
        let mut got = Vec::new();
        while got.len() < 300 {
            let polled = session.poll().await;
            got.extend(polled.text().split('\u{1e}').map(str::to_owned));
        }
        got
    };
    let (posted, got, _) = tokio::join!(
        session.post(&body),
        poll,
        finish_in_disorder(&server, 270, 5)
    );
    assert_eq!(posted.text(), "ok");
    assert_eq!(got, answers(300));
}

#[tokio::test]
async fn at_most_32_are_under_way() {
    let server = TestServer::start();
    let mut client = Client::socketio(&server).await;
    client
        .send_all((0..200).map(|number| format!("42[\"later\",{number}]")))
        .await;
    let mut jobs = Vec::new();
    for _ in 0..32 {
        jobs.push(server.job().await);
    }
    for round in 0..100 {
        // Another connection is answered meanwhile, so this one had its turn.
        let mut other = Client::socketio(&server).await;
        other.send("42[\"message\"]").await;
        other.text().await;
        assert!(
            server.try_job().is_none(),
            "{} are under way",
            jobs.len() + 1
        );
        jobs.remove(0).finish();
        jobs.push(server.job().await);
        assert_eq!(client.text().await, format!("42[\"done\",{round}]"));
    }
}

#[tokio::test]
async fn later_work_that_is_done_waits_for_the_earlier() {
    let server = TestServer::start();
    let mut client = Client::socketio(&server).await;
    client
        .send_all((0..3).map(|number| format!("42[\"later\",{number}]")))
        .await;
    client
        .send("42[\"message\",\"an answer without work\"]")
        .await;
    let jobs = [server.job().await, server.job().await, server.job().await];
    assert_eq!(
        client.text().await,
        "42[\"message-back\",\"an answer without work\"]"
    );
    let [first, second, third] = jobs;
    third.finish();
    second.finish();
    tokio::task::yield_now().await;
    let completed = |entry: &Entry| matches!(entry, Entry::Completed(_));
    assert_eq!(server.journal().count(completed), 0);
    first.finish();
    for number in 0..3 {
        assert_eq!(client.text().await, format!("42[\"done\",{number}]"));
    }
}

#[tokio::test]
async fn work_alone_begins_after_earlier_work_and_nothing_begins_beside_it() {
    let server = TestServer::start();
    let mut client = Client::socketio(&server).await;
    let requests = [
        "later\",1",
        "later\",2",
        "alone\",3",
        "message\",4",
        "alone\",5",
        "later\",6",
    ];
    client
        .send_all(requests.map(|request| format!("42[\"{request}]")))
        .await;
    let (first, second) = (server.job().await, server.job().await);
    second.finish();
    tokio::task::yield_now().await;
    first.finish();
    for number in [3, 5, 6] {
        let job = server.job().await;
        assert_eq!(job.number, number);
        let mut other = Client::socketio(&server).await;
        other.send("41").await;
        other.leave().await;
        job.finish();
    }
    for answer in [
        "done\",1",
        "done\",2",
        "done\",3",
        "message-back\",4",
        "done\",5",
        "done\",6",
    ] {
        assert_eq!(client.text().await, format!("42[\"{answer}]"));
    }
    let entries = server.journal().entries();
    let work = |entry: &Entry| match entry {
        Entry::Taken(name) => Some(format!("take {name}")),
        Entry::Started(number) => Some(format!("start {number}")),
        Entry::Completed(number) => Some(format!("end {number}")),
        _ => None,
    };
    let expected = [
        "take later 1",
        "start 1",
        "take later 2",
        "start 2",
        "take alone 3",
        "end 1",
        "end 2",
        "start 3",
        "end 3",
        "take message 4",
        "take alone 5",
        "start 5",
        "end 5",
        "take later 6",
        "start 6",
        "end 6",
    ];
    assert_eq!(
        entries.iter().filter_map(work).collect::<Vec<_>>(),
        expected
    );
}

#[tokio::test]
async fn work_of_a_peer_that_left_is_dropped() {
    let server = TestServer::start();
    let mut client = Client::socketio(&server).await;
    client.send("42[\"later\",1]").await;
    let job = server.job().await;
    client.leave().await;
    server.journal().holds(&Entry::Dropped, 1).await;
    job.finish();
    server.connections_are(0).await;
    assert_eq!(
        server
            .journal()
            .count(|entry| matches!(entry, Entry::Completed(_))),
        0
    );
}
