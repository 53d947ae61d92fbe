//! The command: `nile-instance [serve] [--config FILE] [--listen ADDR] [--data-dir DIR]`.

use std::{io::Write, net::SocketAddr, path::PathBuf, process::ExitCode};

use anyhow::Context;
use clap::{Args, Parser, Subcommand};
use nile_instance::{
    config::{Config, Flags, Loaded},
    server::Server,
    telemetry,
};
use tokio::signal::unix::{SignalKind, signal};

/// A Nile local instance: registers clients and nodes, knows who is online, carries their messages.
#[derive(Parser)]
#[command(version, args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: Serve,
}

#[derive(Subcommand)]
enum Command {
    /// Serves; this is what happens without a command, too
    Serve(Serve),
}

#[derive(Args)]
struct Serve {
    /// The configuration file; without one the defaults hold
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where clients and nodes connect; port 0 takes any free one
    #[arg(long, value_name = "ADDR")]
    listen: Option<SocketAddr>,
    /// Where the database lives
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let Serve {
        config,
        listen,
        data_dir,
    } = match cli.command {
        Some(Command::Serve(serve)) => serve,
        None => cli.serve,
    };
    match run(Flags {
        config,
        listen,
        data_dir,
    }) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // There may be no log yet, and the operator looks here first.
            let _ = writeln!(std::io::stderr(), "nile-instance: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(flags: Flags) -> anyhow::Result<()> {
    let Loaded { config, warnings } = Config::load(flags, std::env::vars_os())?;
    telemetry::start(&config.log)?;
    for warning in warnings {
        tracing::warn!("{warning}");
    }
    nile_instance::files::allow(config.limits.connections);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let served = runtime.block_on(serve(config));
    // Whatever still waits for a peer that does not go has had its time.
    runtime.shutdown_background();
    served
}

async fn serve(config: Config) -> anyhow::Result<()> {
    let listener = tokio::net::TcpListener::bind(config.listen)
        .await
        .with_context(|| {
            format!(
                "cannot listen on {}; choose another address with --listen",
                config.listen
            )
        })?;
    let (mut terminate, mut interrupt) = (
        signal(SignalKind::terminate())?,
        signal(SignalKind::interrupt())?,
    );
    let server = Server::start(config, listener)?;
    let mut stdout = std::io::stdout();
    writeln!(stdout, "listening on http://{}", server.address()?)?;
    stdout.flush()?;
    let shutdown = async {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    Ok(server.serve(shutdown).await?)
}
