//! The program: does what the command line asks for, and tells the operator when it cannot.

use std::{io::Write, process::ExitCode};

use anyhow::Context;
use nile_instance::{
    command::Command,
    config::{Config, Flags, Loaded},
    core_dump, files,
    server::Server,
    store, telemetry,
};
use nile_protocol::party::NodeId;
use tokio::signal::unix::{SignalKind, signal};

fn main() -> ExitCode {
    let done = match Command::parse(std::env::args_os()) {
        Ok(Command::Serve(flags)) => run(flags).map(|()| ExitCode::SUCCESS),
        Ok(Command::ApproveNode { node, flags }) => {
            approve(node, flags).map(|()| ExitCode::SUCCESS)
        }
        Ok(Command::Check(flags)) => check(flags),
        Err(usage) => usage.exit(),
    };
    match done {
        Ok(code) => code,
        Err(error) => {
            // There may be no log yet, and the operator looks here first.
            let _ = writeln!(std::io::stderr(), "nile-instance: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Reads the configuration, and begins the log with what is odd about it.
fn load(flags: Flags) -> anyhow::Result<Config> {
    let Loaded { config, warnings } = Config::load(flags, std::env::vars_os())?;
    telemetry::start(&config.log)?;
    for warning in warnings {
        tracing::warn!("{warning}");
    }
    Ok(config)
}

fn approve(node: NodeId, flags: Flags) -> anyhow::Result<()> {
    let config = load(flags)?;
    let approval = store::approve_node(&config.data_dir, node)?;
    writeln!(std::io::stdout(), "{approval}")?;
    Ok(())
}

fn check(flags: Flags) -> anyhow::Result<ExitCode> {
    let config = load(flags)?;
    let report = store::check(&config.data_dir)?;
    writeln!(std::io::stdout(), "{report}")?;
    Ok(if report.is_sound() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn run(flags: Flags) -> anyhow::Result<()> {
    let mut config = load(flags)?;
    core_dump::forbid();
    config.limits.connections = files::allow(config.limits.connections);
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
