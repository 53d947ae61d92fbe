//! `nile-bench compare`: our server, the peer and the limit under the same loads, in turn, in one run.
//!
//! Virtual machines are noisy and drift, so contenders alternate: each row is measured by all of them, then by all
//! of them again. A server has one core and the generator another. It starts and ends processes of its own only.

pub mod plan;
pub mod server;
pub mod generator;
pub mod seed;

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, bail, ensure};
use clap::Args;
use tokio::{
    runtime,
    signal::unix::{SignalKind, signal},
};

use self::{
    generator::{Generator, Tokens},
    plan::{Plan, Row},
    server::{Programs, Server},
};
use crate::{
    figures::{Figures, rounded},
    machine::Machine,
    record::{Contender, Record, Results},
};

/// How long one run may take.
const RUN: Duration = Duration::from_mins(4);

/// What can be said on the command line.
#[derive(Args, Debug)]
pub struct Arguments {
    /// What to measure
    #[arg(value_enum)]
    plan: Plan,
    /// Where the results go [default: bench/results/DATE.jsonl]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Where the databases are made and removed; which disk it is on decides much
    #[arg(long, value_name = "DIRECTORY", default_value = "target/bench-data")]
    data: PathBuf,
    /// Only rows with this in their name, such as login or login@512
    #[arg(long, value_name = "TEXT", default_value = "")]
    only: String,
    /// How often each row is measured, instead of as often as planned
    #[arg(long, value_name = "N")]
    rounds: Option<u32>,
    /// The core of the servers
    #[arg(long, value_name = "CORE", default_value_t = 0)]
    server_core: usize,
    /// The core of the generator
    #[arg(long, value_name = "CORE", default_value_t = 1)]
    generator_core: usize,
    /// The generator [default: this program]
    #[arg(long, value_name = "FILE")]
    generator: Option<PathBuf>,
    /// Our server [default: nile-instance beside this program]
    #[arg(long, value_name = "FILE")]
    instance: Option<PathBuf>,
    /// The peer
    #[arg(
        long,
        value_name = "DIRECTORY",
        default_value = "bench/peers/socketio-node"
    )]
    peer: PathBuf,
}

/// Measures everything in a plan, and returns the results with the file they are in.
pub fn compare(arguments: Arguments) -> anyhow::Result<(Results, PathBuf)> {
    // One thread: what it starts is on the core that it is on itself at that moment.
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        // Whatever is under way is dropped, and with it the processes that were started.
        tokio::select! {
            result = measure(arguments) => result,
            _ = terminate.recv() => bail!("told to stop"),
            _ = interrupt.recv() => bail!("told to stop"),
        }
    })
}

async fn measure(arguments: Arguments) -> anyhow::Result<(Results, PathBuf)> {
    let cores = server::cores()?;
    let (one, other) = (arguments.server_core, arguments.generator_core);
    ensure!(
        one != other && cores.contains(&one) && cores.contains(&other),
        "the server and the generator need a core each, of {cores:?}"
    );
    let comparison = Comparison::prepare(&arguments)?;
    comparison.programs.check()?;
    let machine = Machine::look(&comparison.data)?;
    let out = arguments
        .out
        .unwrap_or_else(|| format!("bench/results/{}.jsonl", machine.date).into());
    let mut results = Results::begin(&out, machine)?;

    let mut rows = arguments.plan.rows();
    rows.retain(|row| row.to_string().contains(&arguments.only));
    for row in &mut rows {
        row.rounds = arguments.rounds.unwrap_or(row.rounds);
    }
    let failures = comparison.rows(&rows, &out, &mut results).await?;
    ensure!(
        failures == 0,
        "{failures} runs failed; the others are in {}",
        out.display()
    );
    Ok((results, out))
}

fn record(row: &Row, contender: Contender, round: u32, run: Figures) -> Record {
    Record {
        row: row.name.into(),
        at: row.at,
        contender,
        round,
        run,
    }
}

/// What every turn needs.
struct Comparison {
    programs: Programs,
    generator: Generator,
    server_core: usize,
    /// Where the databases are.
    data: PathBuf,
}

/// However it ends, its databases are gone: together they are several GiB.
impl Drop for Comparison {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.data);
    }
}

impl Comparison {
    fn prepare(arguments: &Arguments) -> anyhow::Result<Self> {
        let this = std::env::current_exe()?;
        // A directory of its own below the one that was named, since it is removed in the end.
        let data = arguments
            .data
            .join(format!("compare-{}", std::process::id()));
        fs::create_dir_all(&data).with_context(|| data.display().to_string())?;
        Ok(Self {
            programs: Programs {
                instance: arguments
                    .instance
                    .clone()
                    .unwrap_or_else(|| this.with_file_name("nile-instance")),
                echo: this.with_file_name("nile-echo"),
                peer: arguments.peer.clone(),
            },
            generator: Generator {
                program: arguments.generator.clone().unwrap_or(this),
                core: arguments.generator_core,
                line: data.join("line.json"),
            },
            server_core: arguments.server_core,
            data,
        })
    }

    /// Measures rows, and says how many runs failed.
    async fn rows(&self, rows: &[Row], out: &Path, results: &mut Results) -> anyhow::Result<u32> {
        let mut failures = 0;
        for row in rows {
            for (round, &(contender, count)) in row.alternations() {
                let measured = self.turn(row, contender, count).await;
                report_turn(row, contender, round, &measured);
                match measured {
                    Ok(run) => results.add(out, record(row, contender, round, run))?,
                    Err(_) => failures += 1,
                }
            }
        }
        Ok(failures)
    }

    /// Measures one contender once, on a database of its own.
    async fn turn(&self, row: &Row, contender: Contender, count: u64) -> anyhow::Result<Figures> {
        let data = self.data.join("run");
        if data.exists() {
            fs::remove_dir_all(&data)?;
        }
        let mut tokens = None;
        if !row.seed.is_empty() {
            let means = (&self.programs, &self.generator, self.server_core);
            let seeded = row.seed.seeded(contender, &self.data, means).await?;
            seed::copy(&seeded.data, &data)?;
            tokens = row.load.needs_tokens().then_some(seeded.tokens);
        }
        let server = Server::start(&self.programs, contender, &data, self.server_core).await?;
        let run = if row.load.scenario == "start" {
            started(&server)?
        } else {
            let work = (count, read(tokens.as_deref()), RUN);
            self.generator
                .run(&server, contender, row.load, work)
                .await?
        };
        server.stop().await?;
        Ok(run)
    }
}

fn read(tokens: Option<&Path>) -> Tokens<'_> {
    tokens.map_or(Tokens::None, Tokens::Read)
}

/// How long a server took until it listened, and what it occupies then: no generator sees that.
fn started(server: &Server) -> anyhow::Result<Figures> {
    let figures = [
        ("ready_ms", server.start.as_secs_f64() * 1e3),
        ("ready_mib", server.resident_mib()?),
    ];
    Ok(Figures {
        scenario: "start".into(),
        count: 1,
        extra: figures
            .map(|(name, figure)| (name.into(), rounded(figure)))
            .into_iter()
            .collect(),
        ..Figures::default()
    })
}

#[expect(
    clippy::print_stderr,
    reason = "it is a command, and this is its progress"
)]
fn report_turn(row: &Row, contender: Contender, round: u32, measured: &anyhow::Result<Figures>) {
    let (rounds, who) = (row.rounds, contender.name());
    match measured {
        Ok(run) => eprintln!("{row}, {round} of {rounds}, {who}: {}", summary(run)),
        Err(error) => eprintln!("{row}, {round} of {rounds}, {who}: FAILED: {error:#}"),
    }
}

/// A run in a few words.
fn summary(run: &Figures) -> String {
    let mut words = vec![format!("{:.0}/s", run.rate)];
    words.extend(
        run.cpu_us_each
            .map(|cpu| format!("{cpu:.1} µs of CPU each")),
    );
    words.extend(
        run.extra
            .iter()
            .map(|(name, figure)| format!("{name} {figure:.1}")),
    );
    words.join(", ")
}

#[cfg(test)]
mod tests;
