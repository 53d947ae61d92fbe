//! A crowd at a server that may open few files: it tells whom it cannot take, serves whom it has, and recovers.

use std::{net::Ipv4Addr, time::Duration};

use anyhow::{Context, ensure};
use futures_util::{StreamExt, stream};
use tokio::time::{Instant, sleep, timeout};

use super::stranger::{Heard, Stranger};
use crate::{
    bench::AT_ONCE,
    client::Client,
    compare::server::Server,
    failure::Failure,
    wire::{Dialect, Request, Target, Transport},
};

/// How many come, each on a connection of its own.
const CROWD: u16 = 2000;
/// How long one of them waits for an answer.
const PATIENCE: Duration = Duration::from_secs(3);
/// How long the server may take to recover.
const RECOVERY: Duration = Duration::from_secs(2);

/// Has a crowd come, and go; what its members heard.
pub(super) async fn crowd(server: &Server) -> anyhow::Result<Heard> {
    let target = Target {
        address: server.address,
        transport: Transport::Websocket,
        dialect: Dialect::Nile,
    };
    let mut honest = Client::connect(target).await?;
    let heard = Heard::default();
    let heard_all = &heard;
    let coming = stream::iter(0..CROWD).map(|number| async move {
        let stranger = come(server, number).await;
        let word = match &stranger {
            Ok((_, word)) => word.clone(),
            Err(_) => super::attack::CLOSED.to_owned(),
        };
        heard_all.note(word);
        stranger.ok()
    });
    let crowd = coming.buffer_unordered(AT_ONCE).collect::<Vec<_>>();
    let (crowd, asked) = tokio::join!(crowd, ask(&mut honest));
    asked.context("who was there before the crowd was not served")?;
    drop(crowd);

    let left = Instant::now();
    while Client::connect(target).await.is_err() {
        ensure!(
            left.elapsed() < RECOVERY,
            "nobody was let in {RECOVERY:?} after the crowd had left"
        );
        sleep(Duration::from_millis(20)).await;
    }
    Ok(heard)
}

/// One of the crowd, and the word with which it was met: `200` where it was let in.
async fn come(server: &Server, number: u16) -> Result<(Stranger, String), Failure> {
    let [high, low] = number.to_be_bytes();
    let mut stranger = Stranger::dial(Ipv4Addr::new(127, 3, high, low), server.address).await?;
    stranger
        .send(b"GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n")
        .await?;
    let word = timeout(PATIENCE, stranger.response()).await;
    let word = word.unwrap_or_else(|_| Ok(super::attack::LATE.to_owned()))?;
    Ok((stranger, word))
}

/// Is served as long as the crowd comes.
async fn ask(honest: &mut Client) -> Result<(), Failure> {
    for _ in 0..100 {
        let request = Request {
            channel: super::CLIENT_TO_INSTANCE,
            action: "ping",
            body: r#"{"action":"ping"}"#,
        };
        honest.ask(request, "pinged").await?;
        sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}
