//! The command: what it is asked for is in the library.

use std::{
    io::{Write, stderr, stdout},
    process::ExitCode,
};

use clap::{Parser, Subcommand};
use nile_bench::{compare, report, run, siege, timing};

/// Loads an instance, as strangers would, measures what it does, and compares it with its peers.
#[derive(Parser)]
#[command(name = "nile-bench", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Runs one scenario against a server that is there
    Run(run::Arguments),
    /// Runs our server, a peer and the limit under the same loads, in turn
    Compare(compare::Arguments),
    /// Attacks our server in every way while honest clients work, and says whether they noticed
    Siege(siege::Arguments),
    /// Says whether the time of an answer tells which clients there are
    Timing(timing::Arguments),
    /// Makes the generated part of docs/performance.md from the results of compare
    Report(report::Arguments),
}

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Run(arguments) => run::run(arguments),
        Command::Compare(arguments) => compare(arguments),
        Command::Siege(arguments) => siege::siege(arguments),
        Command::Timing(arguments) => timing::timing(arguments),
        Command::Report(arguments) => report::report(&arguments).map(|()| ExitCode::SUCCESS),
    };
    done.unwrap_or_else(|error| {
        let _ = writeln!(stderr(), "nile-bench: {error:#}");
        ExitCode::FAILURE
    })
}

fn compare(arguments: compare::Arguments) -> anyhow::Result<ExitCode> {
    let (results, file) = compare::compare(arguments)?;
    let table = report::table::table(&results);
    writeln!(stdout(), "{table}\nThe runs are in {}.", file.display())?;
    Ok(ExitCode::SUCCESS)
}
