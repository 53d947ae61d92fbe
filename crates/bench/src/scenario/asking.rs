//! Scenarios of one request, asked again and again.

use std::sync::Arc;

use nile_protocol::party::PartyKind;

use crate::{
    bench::{Bench, Outcome},
    load::Requests,
    requests::{Login, Ping, Register, Tokens, Update},
};

/// Registers as many clients as there are to be requests.
pub(super) async fn register(bench: &Bench) -> anyhow::Result<Outcome> {
    let clients = bench.connect(bench.connections).await?;
    let requests = Arc::new(Register::new(PartyKind::Client));
    let (outcome, _clients) = bench.measure(clients, Arc::clone(&requests)).await?;
    let tokens: Vec<_> = requests
        .take()
        .into_iter()
        .map(|client| client.token)
        .collect();
    bench.save(&tokens)?;
    Ok(outcome)
}

/// Logs clients in, one after the other on each connection.
pub(super) async fn login(bench: &Bench) -> anyhow::Result<Outcome> {
    let tokens = Tokens::new(bench.clients(1).await?);
    ask(bench, Login(tokens)).await
}

/// Updates clients.
pub(super) async fn update(bench: &Bench) -> anyhow::Result<Outcome> {
    let tokens = Tokens::new(bench.clients(1).await?);
    ask(bench, Update(tokens)).await
}

/// Pings.
pub(super) async fn ping(bench: &Bench) -> anyhow::Result<Outcome> {
    ask(bench, Ping).await
}

async fn ask(bench: &Bench, requests: impl Requests + 'static) -> anyhow::Result<Outcome> {
    let clients = bench.connect(bench.connections).await?;
    let (outcome, _clients) = bench.measure(clients, Arc::new(requests)).await?;
    Ok(outcome)
}
