//! The instance as a process of its own: the binary, as an operator runs it.

use std::{
    io::{BufRead, BufReader, Read},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    thread,
};

use rustix::process::{Pid, Resource, Rlimit, Signal, kill_process, prlimit};
use tempfile::TempDir;
use tokio::sync::{
    mpsc,
    oneshot::{self, error::TryRecvError},
};

use super::within;

/// A process that was started and may have ended.
pub(crate) struct Process {
    pid: u32,
    /// Its lines on standard output.
    lines: mpsc::UnboundedReceiver<String>,
    ended: oneshot::Receiver<Ended>,
}

/// What a process leaves.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    pub(crate) stderr: String,
}

/// The binary with this data directory, on a port that the system chooses unless a flag says otherwise.
pub(crate) fn binary(data_dir: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nile-instance"));
    command
        .env_clear()
        .env("NILE_LISTEN", "127.0.0.1:0")
        .env("NILE_DATA_DIR", data_dir);
    command
}

impl Process {
    pub(crate) fn start(mut command: Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let pid = child.id();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let (line, lines) = mpsc::unbounded_channel();
        thread::spawn(move || {
            for read in stdout.lines() {
                // The test may have ended.
                line.send(read.unwrap()).ok();
            }
        });
        let (end, ended) = oneshot::channel();
        thread::spawn(move || end.send(wait(child)).ok());
        Self { pid, lines, ended }
    }

    /// The next line on standard output.
    pub(crate) async fn line(&mut self) -> Option<String> {
        within("a line on standard output", self.lines.recv()).await
    }

    /// Waits until the process has ended.
    pub(crate) async fn end(&mut self) -> Ended {
        within("the process to end", &mut self.ended).await.unwrap()
    }

    pub(crate) fn signal(&self, signal: &str) {
        let pid = self.pid.to_string();
        let sent = Command::new("kill").args(["-s", signal, &pid]).status();
        assert!(sent.unwrap().success());
    }

    /// Kills it at once.
    pub(crate) fn kill(&self) {
        kill_process(self.pid(), Signal::KILL).unwrap();
    }

    /// Lets it open so many more files than it has open now.
    pub(crate) fn limit_files(&self, more: u64) {
        let open = std::fs::read_dir(format!("/proc/{}/fd", self.pid))
            .unwrap()
            .count();
        let limit = Some(open as u64 + more);
        let limit = Rlimit {
            current: limit,
            maximum: limit,
        };
        prlimit(Some(self.pid()), Resource::Nofile, limit).unwrap();
    }

    /// What the system allows it of this, such as `Max open files`: as much now, and as much as it could ask for.
    pub(crate) fn limit(&self, name: &str) -> (String, String) {
        let limits = std::fs::read_to_string(format!("/proc/{}/limits", self.pid)).unwrap();
        let line = limits.lines().find_map(|line| line.strip_prefix(name));
        let mut words = line.unwrap().split_whitespace().map(str::to_owned);
        (words.next().unwrap(), words.next().unwrap())
    }

    fn pid(&self) -> Pid {
        let pid = i32::try_from(self.pid).ok().and_then(Pid::from_raw);
        pid.expect("the system has given it one")
    }

    /// How many bytes of memory it has now, and the most that it ever had.
    pub(crate) fn memory(&self) -> Memory {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid)).unwrap();
        let field = |name| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            let kibibytes = line.unwrap().trim().strip_suffix(" kB").unwrap();
            kibibytes.parse::<u64>().unwrap() * 1024
        };
        Memory {
            now: field("VmRSS:"),
            most: field("VmHWM:"),
        }
    }
}

/// Resident bytes of a process.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Memory {
    pub(crate) now: u64,
    pub(crate) most: u64,
}

/// Waits for a process, and drains what it says so that it never waits for us.
fn wait(mut child: Child) -> Ended {
    let mut stderr = String::new();
    let mut from = child.stderr.take().unwrap();
    from.read_to_string(&mut stderr).unwrap();
    Ended {
        status: child.wait().unwrap(),
        stderr,
    }
}

/// A test that fails leaves no process behind.
impl Drop for Process {
    fn drop(&mut self) {
        if let Err(TryRecvError::Empty) = self.ended.try_recv() {
            let pid = self.pid.to_string();
            Command::new("kill")
                .args(["-s", "KILL", &pid])
                .status()
                .ok();
        }
    }
}

/// A process that serves, with a data directory of its own.
pub(crate) struct TestProcess {
    pub(crate) address: SocketAddr,
    pub(crate) process: Process,
    directory: TempDir,
}

impl TestProcess {
    /// With these environment variables, such as `("NILE_DRAIN_SECONDS", "1")`.
    pub(crate) async fn start(variables: &[(&str, &str)]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut command = binary(&directory.path().join("data"));
        command.envs(variables.iter().copied());
        Self::run(command, directory).await
    }

    /// Where the system lets the process open so many files.
    pub(crate) async fn with_files(files: u32) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let binary = binary(&directory.path().join("data"));
        let mut command = Command::new("sh");
        command
            .args([
                "-c",
                "ulimit -n $1; exec $0",
                env!("CARGO_BIN_EXE_nile-instance"),
            ])
            .arg(files.to_string())
            .env_clear()
            .envs(
                binary
                    .get_envs()
                    .filter_map(|(name, value)| Some((name, value?))),
            );
        Self::run(command, directory).await
    }

    async fn run(command: Command, directory: TempDir) -> Self {
        let mut process = Process::start(command);
        let line = process.line().await.expect("the process ended");
        let address = line.strip_prefix("listening on http://").unwrap();
        Self {
            address: address.parse().unwrap(),
            process,
            directory,
        }
    }

    pub(crate) fn data_dir(&self) -> PathBuf {
        self.directory.path().join("data")
    }
}
