//! One run of the generator: a process of its own on a core of its own, under a deadline.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use anyhow::{Context, ensure};
use tokio::{process::Command, time::timeout};

use super::{
    plan::Load,
    server::{Server, on_core},
};
use crate::{figures::Figures, record::Contender};

/// How the generator is started.
#[derive(Clone, Debug)]
pub struct Generator {
    /// The program whose subcommand `run` it is.
    pub program: PathBuf,
    /// The core it has for itself.
    pub core: usize,
    /// Where it leaves its line.
    pub line: PathBuf,
}

/// Where the tokens of registered clients are kept.
#[derive(Clone, Copy, Debug)]
pub enum Tokens<'a> {
    /// They are not needed.
    None,
    /// They are written there.
    Save(&'a Path),
    /// They are read from there.
    Read(&'a Path),
}

impl Generator {
    /// Puts a load on a server, and tells what was measured.
    pub async fn run(
        &self,
        server: &Server,
        contender: Contender,
        load: Load,
        (count, tokens, deadline): (u64, Tokens<'_>, Duration),
    ) -> anyhow::Result<Figures> {
        if self.line.exists() {
            fs::remove_file(&self.line)?;
        }
        let mut command = self.command(server, contender, load, count);
        match tokens {
            Tokens::None => {}
            Tokens::Save(path) => drop(command.arg("--save-tokens").arg(path)),
            Tokens::Read(path) => drop(command.arg("--tokens").arg(path)),
        }
        let mut child = on_core(self.core, || command.spawn())??;
        let Ok(status) = timeout(deadline, child.wait()).await else {
            child.kill().await?;
            anyhow::bail!("{} was not done in {} s", load.scenario, deadline.as_secs());
        };
        let status = status?;
        let line = fs::read_to_string(&self.line)
            .with_context(|| format!("{} measured nothing: {status}", load.scenario))?;
        let run: Figures = serde_json::from_str(&line)?;
        ensure!(
            status.success() && run.is_clean(),
            "{}: {} failed, {} refused, {status}",
            load.scenario,
            run.failed,
            run.refused
        );
        Ok(run)
    }

    fn command(&self, server: &Server, contender: Contender, load: Load, count: u64) -> Command {
        let mut command = Command::new(&self.program);
        command
            .args(["run", load.scenario, "--quiet"])
            .args(["--server", &server.address.to_string()])
            .args(["--pid", &server.pid.to_string()])
            .args(["--transport", load.transport])
            .args(["--connections", &load.connections.to_string()])
            .args(["--count", &count.to_string()])
            .args(["--label", contender.name()])
            .args(["--dialect", dialect(contender)])
            .arg("--json")
            .arg(&self.line)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .kill_on_drop(true);
        if let Some(rate) = load.rate {
            command.args(["--rate", &rate.to_string()]);
        }
        if load.warm {
            command.args(["--warmup", &(count / 10).max(load.connections).to_string()]);
        }
        command
    }
}

/// What the generator has to speak with a contender.
const fn dialect(contender: Contender) -> &'static str {
    match contender {
        Contender::Nile => "nile",
        Contender::Peer | Contender::PeerGroup => "plain-ack",
        Contender::Limit => "echo",
    }
}
