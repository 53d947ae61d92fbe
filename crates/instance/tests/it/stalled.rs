//! Peers that ask and never read: they are dropped in time, and cost little until then.

use std::{pin::pin, time::Duration};

use futures_util::future::join_all;
use tokio::time::timeout;

use crate::support::{
    Asks, Connects, TestInstance, deaf, polling::Polling, process::TestProcess, request::PING,
    socketio::SocketIo, websocket::Raw, within,
};

/// Long enough for a deadline of a second on a busy machine, and shorter than the default of 20.
const IN_TIME: Duration = Duration::from_secs(12);

const SHORT: &str = "limits.write_seconds = 1";

#[tokio::test]
async fn whoever_never_reads_is_dropped_in_time_and_leaves_the_list() {
    async fn check<P: Connects>() {
        let instance = TestInstance::exempt(SHORT).await;
        let mut neighbour = Raw::open(instance.address).await;
        let mut party = P::on(deaf::narrow(instance.address).await).await;
        party.enter().await;
        assert_eq!(instance.online().len(), 1);

        let mut dropped = pin!(timeout(IN_TIME, deaf::ask_until_dropped(party)));
        let in_time = loop {
            tokio::select! {
                dropped = &mut dropped => break dropped,
                answer = neighbour.ask(PING) => assert!(answer.contains("pinged")),
            }
        };
        in_time.expect("it was not dropped in time");
        instance.online_is(&[]).await;
        drop(neighbour);
        instance.stop().await;
    }
    tokio::join!(check::<SocketIo>(), check::<Raw>());
}

#[tokio::test]
async fn whoever_never_polls_is_dropped_in_time_and_leaves_the_list() {
    let instance = TestInstance::exempt(SHORT).await;
    let mut party = Polling::open(instance.address).await;
    party.enter().await;
    assert_eq!(instance.online().len(), 1);
    party.post(&SocketIo::carry(PING)).await;
    let left = timeout(IN_TIME, instance.online_is(&[]));
    left.await.expect("it was not dropped in time");
    assert_eq!(party.poll().await.status, 400, "there is no such session");
    drop(party);
    instance.stop().await;
}

#[tokio::test]
async fn fifty_peers_that_never_read_cost_little_memory() {
    const MOST: u64 = 20 * 1024 * 1024;
    let server = TestProcess::start(&[
        ("NILE_LIMITS_EXEMPT", "127.0.0.0/8"),
        ("NILE_LIMITS_WRITE_SECONDS", "60"),
    ])
    .await;
    let open = async |_| deaf::narrow(server.address).await;
    let streams = join_all((0..50).map(open)).await;
    let before = server.process.memory().now;
    let (even, odd): (Vec<_>, Vec<_>) = streams
        .into_iter()
        .enumerate()
        .partition(|(at, _)| at % 2 == 0);
    let socketio = join_all(
        even.into_iter()
            .map(async |(_, stream)| deaf::fill(SocketIo::on(stream).await).await),
    );
    let raw = join_all(
        odd.into_iter()
            .map(async |(_, stream)| deaf::fill(Raw::on(stream).await).await),
    );
    let _streams = within("all of them to be full", async {
        tokio::join!(socketio, raw)
    })
    .await;
    let grown = server.process.memory().most.saturating_sub(before);
    assert!(grown < MOST, "{grown} bytes more than before");
}
