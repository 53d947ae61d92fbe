//! A server of a comparison: started on one core, ready when it says where it listens, ended by its id.
//!
//! Nothing that this module did not start is ever ended by it, and what it started does not outlive it.

use std::{
    fs, io,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use anyhow::{Context, bail, ensure};
use rustix::{
    process::{Pid, Signal, kill_process},
    thread::{CpuSet, sched_getaffinity, sched_setaffinity},
};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, ChildStdout, Command},
    time::{Instant, timeout},
};

use crate::record::Contender;

/// How long a server may take until it listens, with its largest database.
const READY: Duration = Duration::from_mins(1);
/// How long it may take to end.
const GONE: Duration = Duration::from_secs(30);

/// Where the programs are.
#[derive(Clone, Debug)]
pub struct Programs {
    /// Our server.
    pub instance: PathBuf,
    /// The bare echo.
    pub echo: PathBuf,
    /// The directory of the peer.
    pub peer: PathBuf,
}

impl Programs {
    /// Whether all of them are there, and what to do if not.
    pub fn check(&self) -> anyhow::Result<()> {
        for program in [&self.instance, &self.echo] {
            ensure!(
                program.is_file(),
                "there is no {}: build it with cargo build --release --package nile-instance --package nile-bench",
                program.display()
            );
        }
        ensure!(
            self.peer.join("node_modules").is_dir(),
            "the peer is not installed: run npm ci in {}",
            self.peer.display()
        );
        Ok(())
    }

    /// How a contender is started, with its data there.
    fn command(&self, contender: Contender, data: &Path) -> Command {
        let mut command = match contender {
            Contender::Nile => Command::new(&self.instance),
            Contender::Limit => Command::new(&self.echo),
            Contender::Peer | Contender::PeerGroup => {
                let mut command = Command::new("node");
                command.arg(self.peer.join("server.js"));
                command
            }
        };
        command.args(["--listen", "127.0.0.1:0"]);
        if contender != Contender::Limit {
            command.arg("--data-dir").arg(data);
        }
        if contender == Contender::PeerGroup {
            command.arg("--group");
        }
        // All connections of the generator come from one address.
        command
            .env("NILE_LIMITS_EXEMPT", "127.0.0.0/8")
            .env("NILE_LIMITS_CONNECTIONS", "19500")
            .env("NILE_LOG_LEVEL", "warn");
        command
    }
}

/// A server that runs.
pub struct Server {
    /// Where it listens.
    pub address: SocketAddr,
    /// Its process.
    pub pid: u32,
    /// From its start until it listened.
    pub start: Duration,
    child: Child,
    /// Kept open, so that it can go on writing.
    _output: BufReader<ChildStdout>,
}

impl Server {
    /// Starts a contender on a core.
    pub async fn start(
        programs: &Programs,
        contender: Contender,
        data: &Path,
        core: usize,
    ) -> anyhow::Result<Self> {
        let mut command = programs.command(contender, data);
        on_core(core, || Self::spawn(&mut command, contender.name()))?.await
    }

    /// Starts a server, and waits until it says where it listens.
    pub fn spawn(
        command: &mut Command,
        name: &str,
    ) -> impl Future<Output = anyhow::Result<Self>> + use<> {
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true);
        let (started, name) = (Instant::now(), name.to_owned());
        let child = command
            .spawn()
            .with_context(|| format!("the {name} does not start"));
        async move { Self::ready(child?, started, &name).await }
    }

    async fn ready(mut child: Child, started: Instant, name: &str) -> anyhow::Result<Self> {
        let pid = child.id().context("it has just been started")?;
        let mut output = BufReader::new(child.stdout.take().context("it is piped")?);
        let mut line = String::new();
        timeout(READY, output.read_line(&mut line))
            .await
            .with_context(|| format!("the {name} is not ready in time"))??;
        let Some(address) = line.trim_end().strip_prefix("listening on http://") else {
            bail!("the {name} says {line:?} instead of where it listens");
        };
        Ok(Self {
            address: address.parse()?,
            pid,
            start: started.elapsed(),
            child,
            _output: output,
        })
    }

    /// The memory it occupies.
    pub fn resident_mib(&self) -> anyhow::Result<f64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kibibytes = line.and_then(|line| line.trim().strip_suffix(" kB"));
        let kibibytes: f64 = kibibytes.context("a process has a VmRSS")?.parse()?;
        Ok(kibibytes / 1024.0)
    }

    /// Asks it to end, and waits until it has.
    pub async fn stop(mut self) -> anyhow::Result<()> {
        let pid = i32::try_from(self.pid).ok().and_then(Pid::from_raw);
        kill_process(pid.context("it is the number of a process")?, Signal::TERM)?;
        let Ok(status) = timeout(GONE, self.child.wait()).await else {
            self.child.kill().await?;
            bail!("a server did not end in time, and was killed");
        };
        status?;
        Ok(())
    }
}

/// Does something with this thread on a core; what it starts stays there.
pub fn on_core<T>(core: usize, work: impl FnOnce() -> T) -> io::Result<T> {
    let before = sched_getaffinity(None)?;
    let mut only = CpuSet::new();
    only.set(core);
    sched_setaffinity(None, &only)?;
    let result = work();
    sched_setaffinity(None, &before)?;
    Ok(result)
}

/// The cores that this process may use.
pub fn cores() -> io::Result<Vec<usize>> {
    let allowed = sched_getaffinity(None)?;
    Ok((0..CpuSet::MAX_CPU)
        .filter(|&core| allowed.is_set(core))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_started_on_a_core_stays_there() {
        let allowed = |core| {
            let mut grep = std::process::Command::new("grep");
            grep.args(["Cpus_allowed_list", "/proc/self/status"]);
            let output = on_core(core, || grep.output()).expect("there is such a core");
            String::from_utf8(output.expect("grep runs").stdout).expect("it is text")
        };
        let before = sched_getaffinity(None).expect("it can be read");
        let core = cores().expect("they can be read")[0];
        assert_eq!(allowed(core), format!("Cpus_allowed_list:\t{core}\n"));
        assert_eq!(sched_getaffinity(None).expect("it can be read"), before);
    }

    #[tokio::test]
    async fn a_program_that_says_no_address_is_not_a_server() {
        let programs = Programs {
            instance: "/bin/echo".into(),
            echo: "/bin/true".into(),
            peer: "/nowhere".into(),
        };
        for contender in [Contender::Nile, Contender::Limit] {
            let started = Server::start(&programs, contender, Path::new("/nowhere"), 0).await;
            let error = started.err().expect("it cannot have");
            assert!(
                error.to_string().contains("instead of where it listens"),
                "{error}"
            );
        }
        assert!(
            programs
                .check()
                .expect_err("there is no peer")
                .to_string()
                .contains("npm ci")
        );
    }
}
