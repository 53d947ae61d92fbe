use std::{future::pending, time::Duration};

use tokio_rustls::rustls::RootCertStore;

use super::support::{Answer, Node, courier, deliver, names, trusting};
use crate::courier::{Courier, Failure};

const SOON: Duration = Duration::from_millis(100);

#[tokio::test]
async fn an_answer_that_does_not_come_in_time_is_a_failure() {
    for bytes in [
        "",
        "HTTP/1.1 200 OK\r\nX: ",
        "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n{}",
        "HTTP/1.1 100 Continue\r\n\r\n",
    ] {
        let mut node = Node::answering(move |_| Answer::unfinished(bytes)).await;
        let mut courier = courier();
        courier.deadline = SOON;
        let failure = deliver(&courier, &node.url()).await.unwrap_err();
        assert!(
            matches!(failure, Failure::TimedOut),
            "{bytes:?} gave {failure:?}"
        );
        assert!(node.requests.recv().await.is_some());
    }
}

#[tokio::test(start_paused = true)]
async fn a_name_that_is_not_resolved_in_time_is_a_failure_after_the_deadline_of_the_operator() {
    let never = Box::new(|_: &str, _| Box::pin(pending()) as _);
    let mut rules = trusting(&["127.0.0.1"]);
    rules.concurrency = 1.try_into().unwrap();
    let courier = Courier::trusting(&rules, never, RootCertStore::empty());
    let start = tokio::time::Instant::now();
    for nth in 1..=2 {
        let failure = deliver(&courier, "http://shop.example").await.unwrap_err();
        assert!(matches!(failure, Failure::TimedOut), "{failure:?}");
        let passed = start.elapsed().as_secs_f64();
        assert!((passed - 5.0 * f64::from(nth)).abs() < 0.1, "{passed}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_time_that_a_delivery_waits_for_its_turn_is_not_counted() {
    let never = Box::new(|_: &str, _| Box::pin(pending()) as _);
    let mut rules = trusting(&["127.0.0.1"]);
    rules.concurrency = 1.try_into().unwrap();
    let courier = Courier::trusting(&rules, never, RootCertStore::empty());
    let start = tokio::time::Instant::now();
    let turn = || deliver(&courier, "http://shop.example");
    let _ = tokio::join!(turn(), turn());
    assert!(start.elapsed() >= Duration::from_secs(10));
}

#[tokio::test]
async fn a_delivery_that_is_given_up_makes_room_for_the_next() {
    let mut node = Node::answering(|_| Answer::unfinished("")).await;
    let mut courier = courier();
    courier.deadline = Duration::from_hours(1);
    courier.turns = tokio::sync::Semaphore::new(1);
    let url = node.url();
    for _ in 0..3 {
        tokio::select! {
            answer = deliver(&courier, &url) => panic!("{answer:?}"),
            request = node.requests.recv() => assert!(request.is_some()),
        }
    }
}

/// A listener whose queue is full, so that whoever connects now is not answered.
#[cfg(target_os = "linux")]
async fn deaf() -> (socket2::Socket, Vec<tokio::net::TcpStream>) {
    use socket2::{Domain, Socket, Type};

    let listener = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    let any_port = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
    listener.bind(&any_port.into()).unwrap();
    listener.listen(0).unwrap();
    let address = listener.local_addr().unwrap().as_socket().unwrap();
    let mut waiting = Vec::new();
    while let Ok(connected) =
        tokio::time::timeout(SOON, tokio::net::TcpStream::connect(address)).await
    {
        waiting.push(connected.unwrap());
    }
    (listener, waiting)
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn an_address_that_does_not_answer_leaves_time_for_the_next() {
    let (listener, _waiting) = deaf().await;
    let silent = listener.local_addr().unwrap().as_socket().unwrap();
    let node = Node::answering(|_| Answer::with("200 OK", "")).await;
    let known = names(&[("shop.example", &[silent, node.address])]);
    let mut courier = Courier::trusting(&trusting(&["127.0.0.1"]), known, RootCertStore::empty());
    courier.deadline = Duration::from_secs(2);
    deliver(&courier, "http://shop.example").await.unwrap();
}
