//! Connections that are made, shake hands, and end.

use crate::{
    bench::{Bench, Outcome, Part},
    client::Client,
    jobs,
    schedule::Schedule,
    tally::Tally,
};

/// Makes and ends as many connections as there are to be requests, so many at once.
pub(super) async fn connect(bench: &Bench) -> anyhow::Result<Outcome> {
    let tally = Tally::default();
    let part = Part::begin(bench.process)?;
    let schedule = Schedule::new(0..bench.count, bench.rate);
    let job = async |_, since: tokio::time::Instant| {
        let mut client = Client::connect(bench.target).await?;
        tally.carry(client.take_traffic());
        client.close().await?;
        tally.complete(since.elapsed(), 1);
        Ok(())
    };
    jobs::run(
        bench.connections,
        &schedule,
        (&tally, bench.count, "connections"),
        job,
    )
    .await;
    part.end(&tally, bench.count)
}
