//! Runs of the command's own function, with arguments as they are typed.

use std::{net::SocketAddr, process};

use clap::Parser;
use nile_bench::{
    figures::Figures,
    run::{self, Arguments},
};

#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    arguments: Arguments,
}

/// The figures of a run, and why requests failed. The arguments are separated by spaces.
pub(crate) async fn run(
    server: SocketAddr,
    pid: u32,
    arguments: &str,
) -> anyhow::Result<(Figures, Vec<(String, u64)>)> {
    let line = format!("run {arguments} --server {server} --pid {pid}");
    let cli = Cli::try_parse_from(line.split_whitespace())?;
    run::measure(cli.arguments).await
}

/// The same where all has to succeed; for servers that are in this process.
pub(crate) async fn succeeds(server: SocketAddr, arguments: &str) -> Figures {
    let (figures, reasons) = run(server, process::id(), arguments).await.unwrap();
    assert_eq!(reasons, [], "{arguments}");
    figures
}
