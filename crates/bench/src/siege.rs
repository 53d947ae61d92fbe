//! `nile-bench siege`: thousands who mean no good at a server as an operator runs it, beside a hundred honest ones.
//!
//! The server is a process of its own with the limits that it has by default; the attackers come from other
//! addresses of this machine than the honest. What is promised is listed in `attack.rs`, `honest.rs` and
//! `memory.rs`; whatever of it is not kept is told, and makes the command fail.

mod attack;
mod attempt;
mod files;
mod honest;
mod mail;
mod memory;
mod nonsense;
mod prey;
mod stranger;

use std::{
    fs::{self, File},
    io::{Write, stdout},
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
    thread,
    time::Duration,
};

use anyhow::{Context, ensure};
use clap::Args;
use nile_protocol::{channel::Channel, party::PartyKind};
use tokio::{process::Command, runtime, time::Instant};

use self::{
    attack::PLANS,
    honest::{People, Shared},
    mail::Mail,
    memory::Memory,
    prey::Prey,
    stranger::Heard,
};
use crate::{
    bench::Bench,
    compare::server::Server,
    measure::Process,
    run::allow_files,
    wire::{Dialect, Target, Transport},
};

/// What the honest need not wait for longer, of a hundred requests but one.
const SLOW: Duration = Duration::from_millis(100);
/// What a server may occupy, whatever is done to it.
const MEMORY: u64 = 256 << 20;
/// The address space that it has, in KiB: more than it maps, and less than a leak would take.
const ADDRESS_SPACE: u64 = 2 << 20;
/// The files that a server may open that is to run out of them.
const FEW_FILES: u64 = 256;

const CLIENTS: usize = 100;
const NODES: usize = 20;
/// Whose messages are not read, who writes them, and who attacks in their own name.
const DEAF_NODES: usize = 10;
const WRITERS: usize = 5;
const ATTACKERS: usize = 10;

const CLIENT_TO_INSTANCE: Channel = Channel::ToInstance {
    from: PartyKind::Client,
};

/// What can be said on the command line.
#[derive(Args, Debug)]
pub struct Arguments {
    /// How long the siege lasts; attacks that wait to be ended need 50 seconds
    #[arg(long, value_name = "N", default_value_t = 52, value_parser = clap::value_parser!(u64).range(50..))]
    seconds: u64,
    /// Our server [default: nile-instance beside this program]
    #[arg(long, value_name = "FILE")]
    instance: Option<PathBuf>,
    /// Where the database is made and removed
    #[arg(long, value_name = "DIRECTORY", default_value = "target/siege")]
    data: PathBuf,
}

/// Lays siege to a server, and says what came of it.
pub fn siege(arguments: Arguments) -> anyhow::Result<ExitCode> {
    allow_files(19_000);
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let instance = match arguments.instance {
        Some(file) => file,
        None => std::env::current_exe()?.with_file_name("nile-instance"),
    };
    let ground = Ground {
        instance,
        data: arguments.data,
    };
    let seconds = Duration::from_secs(arguments.seconds);
    let mut broken = runtime.block_on(ground.storm(seconds))?;
    broken.extend(runtime.block_on(ground.starve())?);
    if broken.is_empty() {
        writeln!(stdout(), "\nEvery promise was kept.")?;
        return Ok(ExitCode::SUCCESS);
    }
    writeln!(stdout(), "\nBroken:")?;
    for promise in broken {
        writeln!(stdout(), "  {promise}")?;
    }
    Ok(ExitCode::FAILURE)
}

/// What is besieged.
struct Ground {
    instance: PathBuf,
    data: PathBuf,
}

impl Ground {
    /// Starts a server on a fresh database, with one of its resources limited as `ulimit` does.
    async fn server(&self, resource: &str, limit: u64) -> anyhow::Result<Server> {
        if self.data.exists() {
            fs::remove_dir_all(&self.data)?;
        }
        fs::create_dir_all(&self.data)?;
        let mut command = Command::new("sh");
        let program = &self.instance;
        ensure!(program.is_file(), "there is no {}", program.display());
        command
            .args([
                "-c",
                "ulimit $1 $2 && exec \"$0\" --listen 127.0.0.1:0 --data-dir \"$3\"",
            ])
            .args([program, Path::new(resource), Path::new(&limit.to_string())])
            .arg(self.data.join("data"))
            .env("NILE_LOG_LEVEL", "warn")
            .stderr(File::create(self.log())?);
        Server::spawn(&mut command, "server").await
    }

    fn log(&self) -> PathBuf {
        self.data.join("log")
    }

    /// What of the log should not be there.
    fn said(&self, expected: &str) -> anyhow::Result<Vec<String>> {
        let log = fs::read_to_string(self.log())?;
        let others = log.lines().filter(|line| !line.contains(expected));
        let others = others.take(5).map(|line| format!("log: {line}"));
        Ok(others.collect())
    }

    /// All attacks at once, and the honest among them.
    async fn storm(&self, lasting: Duration) -> anyhow::Result<Vec<String>> {
        let server = self.server("-v", ADDRESS_SPACE).await?;
        let (people, mail, prey) = muster(&server).await?;
        let (process, address) = (Process(server.pid), server.address);
        let begun = Instant::now();
        let until = begun + lasting;
        // On a thread of their own, so that the honest do not wait for the wicked here.
        let attackers = thread::spawn(move || -> anyhow::Result<_> {
            let runtime = runtime::Builder::new_current_thread()
                .enable_all()
                .build()?;
            Ok(runtime.block_on(attempt::all(address, Arc::new(prey), until)))
        });
        let diary = Shared::default();
        let live = people.live(&diary, until);
        let (memory, (), mail) =
            tokio::join!(memory::watch(process, until), live, mail.carry(until));
        let heard = attackers.join().ok().context("an attacker panicked")??;
        server.stop().await?;

        let mut broken = tell_attacks(&heard, lasting)?;
        broken.extend(tell_honest(&diary, &mail)?);
        broken.extend(tell_memory(&memory)?);
        broken.extend(self.said("\0")?);
        fs::remove_dir_all(self.data.join("data"))?;
        Ok(broken)
    }

    /// A crowd for which there are no files.
    async fn starve(&self) -> anyhow::Result<Vec<String>> {
        let server = self.server("-n", FEW_FILES).await?;
        let heard = files::crowd(&server).await?;
        server.stop().await?;
        writeln!(stdout(), "\nwith {FEW_FILES} files: {}", listed(&heard))?;
        let known = ["200", "unavailable", attack::CLOSED];
        let words = heard.words();
        let unknown = words.keys().filter(|word| !known.contains(&word.as_str()));
        let mut broken: Vec<_> = unknown.map(|word| format!("files: {word}")).collect();
        if !known[..2].iter().all(|word| words.contains_key(*word)) {
            broken.push("files: nobody was let in, or nobody was told".to_owned());
        }
        broken.extend(self.said("fewer open files")?);
        fs::remove_dir_all(&self.data)?;
        Ok(broken)
    }
}

/// Registers everybody who has a name.
async fn muster(server: &Server) -> anyhow::Result<(People, Mail, Prey)> {
    let target = |transport| Target {
        address: server.address,
        transport,
        dialect: Dialect::Nile,
    };
    let bench = Bench::at(target(Transport::Socketio));
    let clients = CLIENTS + WRITERS + ATTACKERS;
    let mut clients = bench.register(PartyKind::Client, clients).await?;
    let nodes = NODES + DEAF_NODES + ATTACKERS + 1;
    let mut nodes = bench.register(PartyKind::Node, nodes).await?;
    let parties = clients.len() as u64;
    let mut take = |count| clients.split_off(clients.len() - count);
    let (writers, attackers) = (take(WRITERS), take(ATTACKERS));
    let mut take_nodes = |count| nodes.split_off(nodes.len() - count);
    let (deaf, spammers, absent) = (take_nodes(DEAF_NODES), take_nodes(ATTACKERS), take_nodes(1));
    let prey = Prey {
        clients: attackers,
        nodes: spammers,
        absent: absent[0].id,
        parties,
    };
    let mail = Mail {
        target: target(Transport::Socketio),
        clients: writers,
        nodes: deaf,
    };
    let transports = [
        Transport::Socketio,
        Transport::Websocket,
        Transport::Socketio3,
    ];
    let mixed = transports.into_iter().cycle().map(target);
    let people = People {
        clients: mixed.zip(clients).collect(),
        nodes: nodes
            .into_iter()
            .map(|node| (target(Transport::Socketio), node))
            .collect(),
    };
    Ok((people, mail, prey))
}

fn listed(heard: &Heard) -> String {
    let words = heard.words();
    let words = words.iter().map(|(word, times)| format!("{word} {times}"));
    words.collect::<Vec<_>>().join(", ")
}

fn tell_attacks(heard: &[Arc<Heard>], lasting: Duration) -> anyhow::Result<Vec<String>> {
    let crowd: usize = PLANS.iter().map(|plan| plan.crowd).sum();
    writeln!(stdout(), "{crowd} attackers for {} s", lasting.as_secs())?;
    let mut broken = Vec::new();
    for (plan, heard) in PLANS.iter().zip(heard) {
        let (name, crowd) = (plan.name, plan.crowd);
        writeln!(stdout(), "  {name:<20} {crowd:>5}  {}", listed(heard))?;
        broken.extend(plan.broken(&heard.words(), lasting));
    }
    Ok(broken)
}

fn tell_honest(diary: &Shared, mail: &anyhow::Result<usize>) -> anyhow::Result<Vec<String>> {
    let diary = diary.open();
    writeln!(stdout(), "\n{CLIENTS} honest clients, {NODES} nodes")?;
    let heads = ["times", "p50 ms", "p99 ms", "max ms"];
    let [times, p50, p99, max] = heads;
    writeln!(
        stdout(),
        "  {:<20} {times:>7} {p50:>8} {p99:>8} {max:>8}",
        ""
    )?;
    for (what, (times, latency)) in &diary.latencies {
        let [p50, p99] = [0.5, 0.99].map(|part| latency.quantile_ms(part));
        let max = latency.max_ms();
        writeln!(
            stdout(),
            "  {what:<20} {times:>7} {p50:>8.2} {p99:>8.2} {max:>8.2}"
        )?;
    }
    let mut broken = diary.broken(SLOW);
    let accepted = diary.accepted();
    match mail {
        Ok(unread) => writeln!(
            stdout(),
            "  all {accepted} messages came; all {unread} to nodes that did not read waited for them"
        )?,
        Err(error) => broken.push(format!("honest: {error:#}")),
    }
    Ok(broken)
}

fn tell_memory(memory: &Memory) -> anyhow::Result<Vec<String>> {
    let [first, second, last] = memory.thirds().map(|bytes| bytes >> 20);
    let most = MEMORY >> 20;
    writeln!(
        stdout(),
        "\nmemory: {first} MiB at first, {second} in the middle, {last} at last, of {most}"
    )?;
    Ok(memory.broken(MEMORY))
}
