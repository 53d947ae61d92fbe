//! What every scenario starts from: the server, the options, and parties that are registered.
//!
//! What is done here is not measured. It uses Socket.IO whatever the scenario does, since every
//! server that is measured speaks it.

use std::{collections::BTreeMap, fs, path::PathBuf, sync::Arc, time::Duration};

use anyhow::{Context, ensure};
use futures_util::{StreamExt, TryStreamExt, stream};
use nile_protocol::party::PartyKind;
use tokio::time::Instant;

use crate::{
    client::Client,
    failure::Failure,
    load::{self, Load, Requests},
    measure::{Process, Sample},
    requests::{Register, Registered},
    schedule::Schedule,
    tally::{Counts, Tally},
    wire::{Target, Transport},
};

/// How many connections are worked on at once where nothing else is said.
pub const AT_ONCE: usize = 64;
/// How many requests are under way on each connection of the preparation.
const PIPELINE: usize = 8;

/// One run's server and options.
#[derive(Clone, Debug)]
pub struct Bench {
    /// The server.
    pub target: Target,
    /// Its process, where its figures are wanted.
    pub process: Option<Process>,
    /// Connections at once.
    pub connections: usize,
    /// How many requests, or whatever the scenario counts.
    pub count: u64,
    /// Requests that come before and do not count.
    pub warmup: u64,
    /// Requests a second, in an open loop.
    pub rate: Option<f64>,
    /// Requests under way on a connection.
    pub pipeline: usize,
    /// Nodes that take part, where that can be chosen.
    pub nodes: Option<usize>,
    /// Clients that are registered before.
    pub parties: usize,
    /// How long nothing is done.
    pub seconds: u64,
    /// Connections that are made at once.
    pub at_once: usize,
    /// Tokens of clients that an earlier run registered.
    pub tokens: Option<PathBuf>,
    /// Where the tokens of this run's clients are kept for later ones.
    pub save_tokens: Option<PathBuf>,
}

/// What a scenario found.
#[derive(Debug)]
pub struct Outcome {
    /// What became of the requests.
    pub counts: Counts,
    /// How long they took.
    pub elapsed: Duration,
    /// What the server's process did meanwhile.
    pub cpu: Option<Duration>,
    /// What the process that measures did. Where it was always busy, it is what was measured.
    pub own_cpu: Duration,
    /// Its memory when the measured part began, in bytes.
    pub resident_before: Option<u64>,
    /// Its memory at the end, in bytes.
    pub resident: Option<u64>,
    /// What only this scenario has.
    pub extra: BTreeMap<String, f64>,
}

/// The part of a run that is measured.
#[derive(Debug)]
pub struct Part {
    process: Option<Process>,
    before: Option<Sample>,
    /// Of the process that measures.
    own_before: Sample,
    begun: Instant,
}

impl Part {
    /// Measures from here.
    pub fn begin(process: Option<Process>) -> anyhow::Result<Self> {
        let before = process.map(Process::sample).transpose()?;
        let own_before = Process::own().sample()?;
        let begun = Instant::now();
        Ok(Self {
            process,
            before,
            own_before,
            begun,
        })
    }

    /// Measures up to here. There were to be so many requests.
    pub fn end(&self, tally: &Tally, count: u64) -> anyhow::Result<Outcome> {
        let elapsed = self.begun.elapsed();
        tally.close(count);
        let after = self.process.map(Process::sample).transpose()?;
        let own_cpu = Process::own().sample()?.since(&self.own_before);
        let cpu = after
            .zip(self.before)
            .map(|(after, before)| after.since(&before));
        Ok(Outcome {
            counts: tally.counts(),
            elapsed,
            cpu,
            own_cpu,
            resident_before: self.before.map(|before| before.resident),
            resident: after.map(|after| after.resident),
            extra: BTreeMap::new(),
        })
    }
}

impl Outcome {
    /// Adds a figure that only this scenario has.
    #[must_use]
    pub fn with(mut self, name: &str, figure: f64) -> Self {
        self.extra
            .insert(name.to_owned(), crate::figures::rounded(figure));
        self
    }
}

impl Bench {
    /// One that only prepares.
    #[must_use]
    pub const fn at(target: Target) -> Self {
        Self {
            target,
            process: None,
            connections: AT_ONCE,
            count: 0,
            warmup: 0,
            rate: None,
            pipeline: 1,
            nodes: None,
            parties: 0,
            seconds: 0,
            at_once: AT_ONCE,
            tokens: None,
            save_tokens: None,
        }
    }

    /// Connects so many times.
    pub async fn connect(&self, count: usize) -> anyhow::Result<Vec<Client>> {
        connect(self.target, count).await
    }

    /// Sends these requests, first to warm up, then measured.
    pub async fn measure<R: Requests + 'static>(
        &self,
        clients: Vec<Client>,
        requests: Arc<R>,
    ) -> anyhow::Result<(Outcome, Vec<Client>)> {
        let (part, tally, clients) = self.load(clients, requests).await?;
        Ok((part.end(&tally, self.count)?, clients))
    }

    /// The same, and leaves open when the measured part ends.
    pub async fn load<R: Requests + 'static>(
        &self,
        clients: Vec<Client>,
        requests: Arc<R>,
    ) -> anyhow::Result<(Part, Arc<Tally>, Vec<Client>)> {
        let warm = self.warm_up(clients, Arc::clone(&requests)).await?;
        let part = Part::begin(self.process)?;
        let tally = Arc::new(Tally::default());
        let load = Load {
            schedule: Schedule::new(self.warmup..self.warmup + self.count, self.rate),
            pipeline: self.pipeline,
            tally: Arc::clone(&tally),
            requests,
        };
        let clients = load::run(warm, "measured", load).await;
        Ok((part, tally, clients))
    }

    async fn warm_up<R: Requests + 'static>(
        &self,
        clients: Vec<Client>,
        requests: Arc<R>,
    ) -> anyhow::Result<Vec<Client>> {
        if self.warmup == 0 {
            return Ok(clients);
        }
        all_of(
            clients,
            "warm-up",
            (0..self.warmup, self.pipeline),
            requests,
        )
        .await
    }

    /// Tokens of at least so many clients: from the file, or registered now.
    pub async fn clients(&self, at_least: usize) -> anyhow::Result<Vec<Box<str>>> {
        let Some(file) = &self.tokens else {
            let count = self.parties.max(at_least);
            let clients = self.register(PartyKind::Client, count).await?;
            let tokens: Vec<_> = clients.into_iter().map(|client| client.token).collect();
            self.save(&tokens)?;
            return Ok(tokens);
        };
        let text = fs::read_to_string(file).with_context(|| file.display().to_string())?;
        let tokens: Vec<Box<str>> = text.lines().map(Box::from).collect();
        let (is, file) = (tokens.len(), file.display());
        ensure!(
            is >= at_least,
            "{file} has {is} tokens, and {at_least} are needed"
        );
        Ok(tokens)
    }

    /// Keeps tokens for later runs, where that is asked for.
    pub fn save(&self, tokens: &[Box<str>]) -> anyhow::Result<()> {
        match &self.save_tokens {
            Some(file) => {
                fs::write(file, tokens.join("\n")).with_context(|| file.display().to_string())
            }
            None => Ok(()),
        }
    }

    /// Registers so many parties of this kind.
    pub async fn register(&self, kind: PartyKind, count: usize) -> anyhow::Result<Vec<Registered>> {
        self.register_by(Register::new(kind), count).await
    }

    /// Registers so many parties.
    pub async fn register_by(
        &self,
        register: Register,
        count: usize,
    ) -> anyhow::Result<Vec<Registered>> {
        let register = Arc::new(register);
        self.prepare("registrations", count as u64, Arc::clone(&register))
            .await?;
        Ok(register.take())
    }

    /// Sends so many requests over connections of its own; all have to succeed.
    pub async fn prepare<R: Requests + 'static>(
        &self,
        what: &'static str,
        count: u64,
        requests: Arc<R>,
    ) -> anyhow::Result<()> {
        let clients = connect(self.preparing(), AT_ONCE).await?;
        all_of(clients, what, (0..count, PIPELINE), requests).await?;
        Ok(())
    }

    /// The server as the preparation speaks to it.
    #[must_use]
    pub const fn preparing(&self) -> Target {
        Target {
            transport: Transport::Socketio,
            ..self.target
        }
    }
}

async fn connect(target: Target, count: usize) -> anyhow::Result<Vec<Client>> {
    let connecting = stream::iter(0..count).map(|_| Client::connect(target));
    let clients = connecting.buffer_unordered(AT_ONCE).try_collect().await;
    clients.with_context(|| format!("cannot connect to {}", target.address))
}

async fn all_of<R: Requests + 'static>(
    clients: Vec<Client>,
    what: &'static str,
    (numbers, pipeline): (std::ops::Range<u64>, usize),
    requests: Arc<R>,
) -> anyhow::Result<Vec<Client>> {
    let count = numbers.end - numbers.start;
    let tally = Arc::new(Tally::default());
    let load = Load {
        schedule: Schedule::new(numbers, None),
        pipeline,
        tally: Arc::clone(&tally),
        requests,
    };
    let clients = load::run(clients, what, load).await;
    tally.close(count);
    let counts = tally.counts();
    ensure!(counts.completed == count, "{what}: {:?}", counts.reasons);
    Ok(clients)
}

/// Does the same with every item, some at once. The results are in the order of the items.
pub async fn each<I, T, F>(
    items: impl IntoIterator<Item = I>,
    work: impl Fn(I) -> F,
) -> Result<Vec<T>, Failure>
where
    F: Future<Output = Result<T, Failure>>,
{
    let working = stream::iter(items).map(work);
    working.buffered(AT_ONCE).try_collect().await
}
