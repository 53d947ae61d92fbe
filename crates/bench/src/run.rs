//! `nile-bench run`: one scenario against a server that is there.

use std::{
    fs::OpenOptions,
    io::{Write, stderr, stdout},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use anyhow::{Context, ensure};
use clap::Args;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::time::timeout;

use crate::{
    bench::{AT_ONCE, Bench, Outcome},
    figures::{Figures, rounded},
    measure::Process,
    scenario::Scenario,
    wire::{Dialect, Target, Transport},
};

/// Files that are no connections.
const OTHER_FILES: u64 = 200;

/// What is to be run, and how.
#[derive(Args, Clone, Debug)]
pub struct Arguments {
    /// What is measured
    #[arg(value_enum)]
    pub scenario: Scenario,
    /// The server
    #[arg(long, value_name = "ADDR")]
    pub server: SocketAddr,
    /// The server's process, whose CPU time and memory are read
    #[arg(long)]
    pub pid: Option<u32>,
    /// Connections at once
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u64).range(1..=60_000))]
    pub connections: u64,
    /// Requests, or whatever the scenario counts; each scenario has a default
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub count: Option<u64>,
    /// What carries the requests
    #[arg(long, value_enum, default_value_t = Transport::Socketio)]
    pub transport: Transport,
    /// What the server understands
    #[arg(long, value_enum, default_value_t = Dialect::Nile)]
    pub dialect: Dialect,
    /// Requests a second at fixed times (an open loop); otherwise as fast as answers come
    #[arg(long, value_name = "R", value_parser = rate)]
    pub rate: Option<f64>,
    /// Requests that come before and do not count, in scenarios of single requests
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub warmup: u64,
    /// Requests under way on a connection
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=1000))]
    pub pipeline: u64,
    /// Nodes, in scenarios that have some
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub nodes: Option<u64>,
    /// Clients that are registered before, in scenarios that need some
    #[arg(long, value_name = "N", default_value_t = 1000)]
    pub parties: u64,
    /// Seconds that `idle` measures
    #[arg(long, value_name = "N", default_value_t = 30)]
    pub seconds: u64,
    /// Connections that `hold`, `idle` and `reconnect` make at once
    #[arg(long, value_name = "N", default_value_t = AT_ONCE as u64, value_parser = clap::value_parser!(u64).range(1..))]
    pub at_once: u64,
    /// Tokens of clients that an earlier run has kept, instead of registering some
    #[arg(long, value_name = "FILE")]
    pub tokens: Option<PathBuf>,
    /// Where the tokens of the clients that this run registers are kept
    #[arg(long, value_name = "FILE")]
    pub save_tokens: Option<PathBuf>,
    /// Seconds after which the run is given up
    #[arg(long, value_name = "N", default_value_t = 1800)]
    pub deadline: u64,
    /// What reports call the server
    #[arg(long, value_name = "NAME", default_value = "nile")]
    pub label: String,
    /// Appends the figures to this file, as a line of JSON, instead of printing the line
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Prints no table
    #[arg(long)]
    pub quiet: bool,
}

fn rate(text: &str) -> Result<f64, String> {
    let rate: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    if rate.is_finite() && rate > 0.0 {
        Ok(rate)
    } else {
        Err("a rate is more than nothing".to_owned())
    }
}

/// Runs it, and tells what it found. It succeeds if no request failed.
pub fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let json = arguments.json.clone();
    let quiet = arguments.quiet;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let (figures, reasons) = runtime.block_on(measure(arguments))?;
    tell(&figures, json.as_deref(), quiet)?;
    for (reason, times) in &reasons {
        writeln!(stderr(), "{times} times: {reason}")?;
    }
    Ok(if figures.failed + figures.refused == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// The figures of a run, and why requests failed, each with how often.
pub async fn measure(arguments: Arguments) -> anyhow::Result<(Figures, Vec<(String, u64)>)> {
    let Arguments {
        scenario,
        transport,
        dialect,
        ..
    } = arguments;
    ensure!(
        scenario.allows(transport, dialect),
        "`{}` cannot be measured over this transport with a server that understands so much",
        scenario.word(),
    );
    ensure!(
        arguments.rate.is_none() || scenario.has_open_loop(),
        "`{}` has no open loop, so no --rate",
        scenario.word(),
    );
    allow_files(arguments.connections);
    let deadline = Duration::from_secs(arguments.deadline);
    let (label, open_rate) = (arguments.label.clone(), arguments.rate);
    let bench = bench(arguments)?;
    let before = bench.process.map(Process::sample).transpose()?;
    let outcome = timeout(deadline, scenario.run(&bench)).await;
    let outcome = outcome.context("the deadline of the run has passed")??;
    let reasons = outcome.counts.reasons.clone().into_iter().collect();
    let mut figures = figures(scenario, &bench, outcome);
    figures.label = label;
    figures.open_rate = open_rate;
    figures.rss_before_mib = before.map(|before| mebibytes(before.resident));
    Ok((figures, reasons))
}

fn bench(arguments: Arguments) -> anyhow::Result<Bench> {
    let connections = usize::try_from(arguments.connections)?;
    let scenario = arguments.scenario;
    let asked = arguments.count.filter(|_| !scenario.counts_connections());
    Ok(Bench {
        target: Target {
            address: arguments.server,
            transport: arguments.transport,
            dialect: arguments.dialect,
        },
        process: arguments.pid.map(Process),
        connections,
        count: asked.unwrap_or_else(|| scenario.count(connections)),
        warmup: arguments.warmup,
        rate: arguments.rate,
        pipeline: usize::try_from(arguments.pipeline)?,
        nodes: arguments.nodes.map(usize::try_from).transpose()?,
        parties: usize::try_from(arguments.parties)?,
        seconds: arguments.seconds,
        at_once: usize::try_from(arguments.at_once)?,
        tokens: arguments.tokens,
        save_tokens: arguments.save_tokens,
    })
}

fn figures(scenario: Scenario, bench: &Bench, outcome: Outcome) -> Figures {
    let busy = outcome.own_cpu.as_secs_f64() / outcome.elapsed.as_secs_f64();
    let outcome = outcome.with("generator_busy_percent", 100.0 * busy);
    let counts = outcome.counts;
    let seconds = outcome.elapsed.as_secs_f64();
    let completed = as_figure(counts.completed);
    let quantile = |part| rounded(counts.latency.quantile_ms(part));
    let each = |cpu: Duration| rounded(cpu.as_secs_f64() * 1e6 / completed.max(1.0));
    Figures {
        label: String::new(),
        scenario: scenario.word().to_owned(),
        transport: bench.target.transport.word().to_owned(),
        connections: bench.connections,
        count: bench.count,
        open_rate: None,
        seconds: rounded(seconds),
        rate: rounded(completed / seconds),
        p50_ms: quantile(0.5),
        p99_ms: quantile(0.99),
        p999_ms: quantile(0.999),
        max_ms: rounded(counts.latency.max_ms()),
        cpu_us_each: outcome.cpu.map(each),
        rss_mib: outcome.resident.map(mebibytes),
        rss_before_mib: None,
        bytes_in: counts.traffic.received,
        bytes_out: counts.traffic.sent,
        failed: counts.failed,
        refused: counts.refused,
        extra: outcome.extra,
    }
}

#[expect(clippy::cast_precision_loss, reason = "no run has 2^53 requests")]
const fn as_figure(count: u64) -> f64 {
    count as f64
}

fn mebibytes(bytes: u64) -> f64 {
    rounded(as_figure(bytes) / f64::from(1 << 20))
}

fn tell(figures: &Figures, json: Option<&Path>, quiet: bool) -> anyhow::Result<()> {
    if !quiet {
        writeln!(stdout(), "{}\n{}", Figures::heads(), figures.row())?;
    }
    let line = serde_json::to_string(figures)?;
    match json {
        None => writeln!(stdout(), "{line}")?,
        Some(path) => {
            let file = OpenOptions::new().append(true).create(true).open(path);
            writeln!(file.with_context(|| path.display().to_string())?, "{line}")?;
        }
    }
    Ok(())
}

/// Raises this process's limit of open files as far as the system lets it. Where that is not far
/// enough, connections fail and say so.
pub(crate) fn allow_files(connections: u64) {
    let wanted = connections + OTHER_FILES;
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_some_and(|current| current < wanted) {
        let current = Some(limit.maximum.map_or(wanted, |maximum| maximum.min(wanted)));
        let maximum = limit.maximum;
        // Connections that are too many fail by themselves.
        let _ = setrlimit(Resource::Nofile, Rlimit { current, maximum });
    }
}
