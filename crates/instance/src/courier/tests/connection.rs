use std::{
    future::ready,
    io,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use futures_util::future::join_all;
use tokio::task::yield_now;
use tokio_rustls::rustls::RootCertStore;

use super::support::{Answer, Canary, Node, courier, deliver, names, trusting};
use crate::{
    config::DeliveriesConfig,
    courier::{Courier, Failure},
};

/// Allowed, on this machine, and with nobody there.
const ALLOWED: [u8; 4] = [127, 0, 0, 2];

#[tokio::test]
async fn a_name_that_leads_elsewhere_the_next_moment_leads_nowhere() {
    const TRIES: usize = 10_000;
    let canary = Canary::on_loopback();
    let (good, bad) = ((ALLOWED, canary.address().port()).into(), canary.address());
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = asked.clone();
    // Every exchange asks first for the good address; whoever asks once more gets the other.
    let rebinding = Box::new(move |_: &str, _| {
        let nth = counter.fetch_add(1, Relaxed);
        let answer = if nth.is_multiple_of(2) { good } else { bad };
        Box::pin(ready(Ok(vec![answer]))) as _
    });
    let rules = trusting(&["127.0.0.2"]);
    let courier = Courier::trusting(&rules, rebinding, RootCertStore::empty());
    let url = format!("http://shop.example:{}", canary.address().port());
    let mut forbidden = 0;
    for _ in 0..TRIES {
        match deliver(&courier, &url).await.unwrap_err() {
            Failure::Unreachable(_) => {}
            Failure::Forbidden => forbidden += 1,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(canary.visitors(), 0);
    assert_eq!((asked.load(Relaxed), forbidden), (TRIES, TRIES / 2));
}

#[tokio::test]
async fn of_the_addresses_of_a_name_only_those_that_are_allowed_are_connected_to() {
    let canary = Canary::on_loopback();
    let port = canary.address().port();
    let mixed = [canary.address(), (ALLOWED, port).into()];
    let mapped = format!("[::ffff:127.0.0.1]:{port}").parse().unwrap();
    let own = [canary.address(), mapped, ([0, 0, 0, 0], port).into()];
    let known = names(&[("mixed.example", &mixed), ("own.example", &own)]);
    let courier = Courier::trusting(&trusting(&["127.0.0.2"]), known, RootCertStore::empty());

    let url = format!("http://mixed.example:{port}");
    let failure = deliver(&courier, &url).await.unwrap_err();
    assert!(matches!(failure, Failure::Unreachable(_)), "{failure:?}");
    let url = format!("http://own.example:{port}");
    let failure = deliver(&courier, &url).await.unwrap_err();
    assert!(matches!(failure, Failure::Forbidden), "{failure:?}");
    assert_eq!(canary.visitors(), 0);
}

#[tokio::test]
async fn a_name_of_this_machine_is_forbidden_by_default() {
    let canary = Canary::on_loopback();
    let known = names(&[("shop.example", &[canary.address()])]);
    let courier = Courier::trusting(&DeliveriesConfig::default(), known, RootCertStore::empty());
    let failure = deliver(&courier, "https://shop.example").await.unwrap_err();
    assert!(matches!(failure, Failure::Forbidden), "{failure:?}");
    assert_eq!(canary.visitors(), 0);
}

#[tokio::test]
async fn four_addresses_are_tried_and_no_fifth() {
    let node = Node::answering(|_| Answer::with("200 OK", "")).await;
    let port = node.address.port();
    let dead = |last| ([127, 0, 0, last], port).into();
    let fourth = [dead(2), dead(3), dead(4), node.address];
    let fifth = [dead(2), dead(3), dead(4), dead(5), node.address];
    let known = names(&[("fourth.example", &fourth), ("fifth.example", &fifth)]);
    let courier = Courier::trusting(&trusting(&["127.0.0.0/8"]), known, RootCertStore::empty());
    assert!(deliver(&courier, "http://fourth.example").await.is_ok());
    let failure = deliver(&courier, "http://fifth.example").await.unwrap_err();
    assert!(matches!(failure, Failure::Unreachable(_)), "{failure:?}");
}

#[tokio::test]
async fn a_name_without_addresses_cannot_be_resolved() {
    let known = names(&[("empty.example", &[])]);
    let courier = Courier::trusting(&trusting(&["127.0.0.1"]), known, RootCertStore::empty());
    for url in ["http://empty.example", "http://unknown.example"] {
        let failure = deliver(&courier, url).await.unwrap_err();
        assert!(matches!(failure, Failure::Unresolvable(_)), "{failure:?}");
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let canary = Canary::on_loopback();
    for status in [301, 302, 303, 307, 308] {
        let location = canary.address();
        let redirect = move |_: &str| {
            Answer::raw(format!(
                "HTTP/1.1 {status} Elsewhere\r\nLocation: http://{location}/\r\nContent-Length: 0\r\n\r\n"
            ))
        };
        let node = Node::answering(redirect).await;
        let failure = deliver(&courier(), &node.url()).await.unwrap_err();
        assert!(
            matches!(failure, Failure::Status(found) if found == status),
            "{failure:?}"
        );
        assert!(failure.reason().contains("redirect"));
    }
    assert_eq!(canary.visitors(), 0);
}

#[tokio::test]
async fn no_more_exchanges_are_made_at_once_than_the_operator_says() {
    let (now, peak) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (counter, highest) = (now.clone(), peak.clone());
    let slow = Box::new(move |_: &str, _| {
        let (counter, highest) = (counter.clone(), highest.clone());
        Box::pin(async move {
            highest.fetch_max(counter.fetch_add(1, Relaxed) + 1, Relaxed);
            for _ in 0..10 {
                yield_now().await;
            }
            counter.fetch_sub(1, Relaxed);
            Err(io::ErrorKind::NotFound.into())
        }) as _
    });
    let mut rules = trusting(&["127.0.0.1"]);
    rules.concurrency = 3.try_into().unwrap();
    let courier = Courier::trusting(&rules, slow, RootCertStore::empty());
    join_all((0..20).map(|_| deliver(&courier, "http://shop.example"))).await;
    assert_eq!(peak.load(Relaxed), 3);
}
