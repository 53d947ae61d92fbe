//! `nile-bench timing`: whether the time of an answer tells what the answer does not.
//!
//! Two classes of requests that are refused alike are sent in random order on one connection. Welch's t-test, as
//! dudect uses it, and the test of Kolmogorov and Smirnov say whether their times differ. What is measured is the
//! whole way through a socket, as a stranger would; requests of both classes have the same length.

use std::{
    fs,
    io::{Write, stdout},
    path::PathBuf,
    process::ExitCode,
};

use anyhow::ensure;
use clap::Args;
use nile_protocol::{channel::Channel, party::PartyKind};
use tokio::{process::Command, runtime, time::Instant};

use crate::{
    bench::Bench,
    client::Client,
    compare::server::Server,
    failure::Failure,
    letters::{letters, mixed},
    requests::Registered,
    wire::{Dialect, Request, Target, Transport},
};

/// From here on the classes are said to differ.
const DIFFERENT: f64 = 5.0;
/// What of the slowest answers is left out: they tell of the machine alone.
const KEPT: f64 = 0.9;

/// Clients that there are, of those that are asked after: the second half of all.
const CLIENTS: u64 = 2000;
/// Numbers that are as long, and nobody's.
const NOBODY: u64 = 5000;

/// What can be said on the command line.
#[derive(Args, Debug)]
pub struct Arguments {
    /// How many requests of each class
    #[arg(long, value_name = "N", default_value_t = 100_000)]
    count: usize,
    /// Our server [default: nile-instance beside this program]
    #[arg(long, value_name = "FILE")]
    instance: Option<PathBuf>,
    /// Where the database is made and removed
    #[arg(long, value_name = "DIRECTORY", default_value = "target/timing")]
    data: PathBuf,
}

/// What is asked, of somebody and of nobody.
#[derive(Clone, Copy, Debug)]
enum Question {
    /// Logins with a wrong secret.
    Login,
    /// Messages of a node to a client that has not written to it.
    Message,
}

/// Asks, and says what the times tell.
pub fn timing(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let differ = runtime.block_on(measure(arguments))?;
    Ok(if differ {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

async fn measure(arguments: Arguments) -> anyhow::Result<bool> {
    let instance = match arguments.instance {
        Some(file) => file,
        None => std::env::current_exe()?.with_file_name("nile-instance"),
    };
    if arguments.data.exists() {
        fs::remove_dir_all(&arguments.data)?;
    }
    let mut command = Command::new(instance);
    command
        .args(["--listen", "127.0.0.1:0", "--data-dir"])
        .arg(&arguments.data)
        .env("NILE_LIMITS_EXEMPT", "127.0.0.0/8")
        .env("NILE_LOG_LEVEL", "warn");
    let server = Server::spawn(&mut command, "server").await?;
    let target = Target {
        address: server.address,
        transport: Transport::Websocket,
        dialect: Dialect::Nile,
    };
    let bench = Bench::at(target);
    let clients = usize::try_from(CLIENTS)?;
    bench.register(PartyKind::Client, clients).await?;
    let nodes = bench.register(PartyKind::Node, 1).await?;
    let mut client = Client::connect(target).await?;
    let heads = ["answers", "mean us", "of nobody", "t", "p"];
    let [answers, mean, nobody, t, p] = heads;
    writeln!(
        stdout(),
        "{:<10} {answers:>8} {mean:>9} {nobody:>9} {t:>7} {p:>6}",
        ""
    )?;
    let mut differ = false;
    for question in [Question::Login, Question::Message] {
        let times = question
            .ask(&mut client, &nodes[0], arguments.count)
            .await?;
        let found = compare(times);
        writeln!(
            stdout(),
            "{:<10} {:>8} {:>9.3} {:>9.3} {:>7.2} {:>6.3}",
            question.word(),
            2 * arguments.count,
            found.means[0],
            found.means[1],
            found.t,
            found.p,
        )?;
        differ |= found.t.abs() >= DIFFERENT;
    }
    server.stop().await?;
    fs::remove_dir_all(&arguments.data)?;
    let verdict = if differ { "differ" } else { "do not differ" };
    writeln!(
        stdout(),
        "The times {verdict}: |t| of {DIFFERENT} is where they would."
    )?;
    Ok(differ)
}

impl Question {
    const fn word(self) -> &'static str {
        match self {
            Self::Login => "login",
            Self::Message => "message",
        }
    }

    /// One request about a client, and the code of its refusal.
    fn write(self, node: &Registered, client: u64, number: u64) -> (Channel, String, &'static str) {
        match self {
            Self::Login => {
                let secret = letters::<42>(number);
                let token = format!("nlc_{client}_{secret}A");
                let body = format!(r#"{{"action":"login","parameters":{{"token":"{token}"}}}}"#);
                let from = PartyKind::Client;
                (Channel::ToInstance { from }, body, "invalid_token")
            }
            Self::Message => {
                let token = &node.token;
                let body = format!(
                    r#"{{"action":"queue","parameters":"x","recipient":{client},"token":"{token}"}}"#
                );
                let from = PartyKind::Node;
                (Channel::ToInstance { from }, body, "unknown_recipient")
            }
        }
    }

    /// The times of so many answers of each class, in microseconds.
    async fn ask(
        self,
        client: &mut Client,
        node: &Registered,
        count: usize,
    ) -> anyhow::Result<[Vec<f64>; 2]> {
        let mut times = [Vec::with_capacity(count), Vec::with_capacity(count)];
        let mut number = 0;
        while times.iter().any(|times| times.len() < count) {
            number += 1;
            let class = usize::from(mixed(number) >> 63 == 1);
            let first = [CLIENTS / 2, NOBODY][class];
            let asked = first + mixed(number + 1) % (CLIENTS / 2);
            let (channel, body, code) = self.write(node, asked, number);
            let action = self.word();
            let request = Request {
                channel,
                action,
                body: &body,
            };
            let since = Instant::now();
            let answer = client.ask(request, "served").await.map(drop);
            let time = since.elapsed().as_secs_f64() * 1e6;
            let refused = matches!(&answer, Err(Failure::Refused(is)) if is == code);
            ensure!(refused, "{answer:?} instead of {code}");
            if times[class].len() < count {
                times[class].push(time);
            }
        }
        Ok(times)
    }
}

/// How two samples differ.
#[derive(Debug)]
struct Difference {
    means: [f64; 2],
    /// Of Welch.
    t: f64,
    /// Of Kolmogorov and Smirnov: how probable a difference as large is where there is none.
    p: f64,
}

/// Compares what is left of two samples when the slowest part of both together is left out.
fn compare(samples: [Vec<f64>; 2]) -> Difference {
    let mut pooled = samples.concat();
    pooled.sort_by(f64::total_cmp);
    let longest = pooled[rank(pooled.len())];
    let kept = samples.map(|sample| {
        let mut kept: Vec<_> = sample.into_iter().filter(|time| *time <= longest).collect();
        kept.sort_by(f64::total_cmp);
        kept
    });
    let means = [mean(&kept[0]), mean(&kept[1])];
    let errors = [0, 1].map(|at| variance(&kept[at], means[at]) / count(&kept[at]));
    Difference {
        means,
        t: (means[0] - means[1]) / (errors[0] + errors[1]).sqrt(),
        p: kolmogorov_smirnov(&kept),
    }
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "it is the rank of one of a few hundred thousand"
)]
fn rank(count: usize) -> usize {
    ((count as f64 * KEPT) as usize).min(count - 1)
}

#[expect(clippy::cast_precision_loss, reason = "no sample has 2^53 times")]
const fn count(sample: &[f64]) -> f64 {
    sample.len() as f64
}

fn mean(sample: &[f64]) -> f64 {
    sample.iter().sum::<f64>() / count(sample)
}

fn variance(sample: &[f64], mean: f64) -> f64 {
    let squares = sample.iter().map(|time| (time - mean).powi(2));
    squares.sum::<f64>() / (count(sample) - 1.0)
}

/// The asymptotic probability; the samples are sorted.
fn kolmogorov_smirnov([one, other]: &[Vec<f64>; 2]) -> f64 {
    let (mut at, mut most) = (0, 0.0_f64);
    let mut others = other.iter().peekable();
    for (before, time) in one.iter().enumerate() {
        while others.next_if(|other| *other < time).is_some() {
            at += 1;
        }
        let apart = count(&one[..before]) / count(one) - count(&other[..at]) / count(other);
        most = most.max(apart.abs());
    }
    let lambda = most * (count(one) * count(other) / (count(one) + count(other))).sqrt();
    let term = |k: i32| {
        let sign = if k % 2 == 1 { 2.0 } else { -2.0 };
        sign * (-2.0 * f64::from(k * k) * lambda * lambda).exp()
    };
    if lambda < 0.2 {
        return 1.0;
    }
    (1..=100).map(term).sum::<f64>().clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Times around 100 µs, from a number.
    fn sample(seed: u64, shift: f64) -> Vec<f64> {
        let time = |number| 100.0 + shift + f64::from((mixed(number) >> 52) as u16) / 100.0;
        (0..20_000).map(|number| time(seed + number)).collect()
    }

    #[test]
    fn equal_times_do_not_differ() {
        for seed in 0..20 {
            let found = compare([
                sample(seed * 100_000, 0.0),
                sample(seed * 100_000 + 50_000, 0.0),
            ]);
            assert!(found.t.abs() < DIFFERENT && found.p > 1e-4, "{found:?}");
        }
    }

    #[test]
    fn three_microseconds_in_a_hundred_are_found() {
        let found = compare([sample(0, 3.0), sample(50_000, 0.0)]);
        assert!(found.t > DIFFERENT && found.p < 1e-4, "{found:?}");
    }
}
