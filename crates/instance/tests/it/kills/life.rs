//! One data directory, and the processes that live and die on it.

use std::{fs, path::PathBuf};

use fastrand::Rng;
use futures_util::future::join_all;
use nile_protocol::party::PartyKind;
use tempfile::TempDir;
use tokio::{join, select, time::sleep};

use super::{
    desk::Desk,
    member::{Conduct, Member},
    moment::{Count, Moment},
    shared::Shared,
};
use crate::support::process::{Process, binary};

/// How many clients write to how many nodes.
const OF_A_KIND: usize = 3;

pub(super) struct World {
    rng: Rng,
    directory: TempDir,
    shared: Shared,
    members: Vec<Member>,
    desk: Desk,
    pub(super) count: Count,
}

impl World {
    pub(super) fn new(seed: u64) -> Self {
        let kinds = [PartyKind::Client, PartyKind::Node].repeat(OF_A_KIND);
        Self {
            rng: Rng::with_seed(seed),
            directory: tempfile::tempdir().unwrap(),
            shared: Shared::new(),
            members: kinds.into_iter().map(Member::new).collect(),
            desk: Desk::default(),
            count: Count::default(),
        }
    }

    fn data_dir(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    fn start(&self) -> Process {
        let mut command = binary(&self.data_dir());
        command.env("NILE_LIMITS_EXEMPT", "127.0.0.0/8");
        Process::start(command)
    }

    /// A life with traffic, up to a random moment.
    pub(super) async fn live(&mut self) {
        let log = fs::metadata(self.data_dir().join("nile.db-wal"));
        let moment = Moment::draw(&mut self.rng, log.map_or(0, |log| log.len()));
        let mut process = self.start();
        let born = match moment {
            Moment::Starting(wait) => select! {
                line = process.line() => line,
                () = sleep(wait) => None,
            },
            _ => process.line().await,
        };
        let came = if let Some(line) = born {
            self.serves(&line);
            self.talk(&process, moment).await
        } else {
            self.shared.kill(&process);
            moment
        };
        self.count.killed(came);
        bury(process).await;
    }

    fn serves(&self, line: &str) {
        let address = line.strip_prefix("listening on http://").unwrap();
        self.shared.born(address.parse().unwrap());
    }

    async fn talk(&mut self, process: &Process, moment: Moment) -> Moment {
        let database = self.data_dir().join("nile.db");
        let (shared, rng) = (&self.shared, &mut self.rng);
        let lives = self.members.iter_mut();
        let lives = lives.map(|member| member.live(shared, rng.fork(), Conduct::Talk));
        let lives: Vec<_> = lives.collect();
        let (desk, killer) = (self.desk.work(shared, rng.fork()), async {
            let came = moment.comes(shared, &database).await;
            shared.kill(process);
            came
        });
        join!(killer, join_all(lives), desk).0
    }

    /// A life in which everything is done that was begun, and looked at; then it is killed, too.
    pub(super) async fn look(&mut self, conduct: Conduct) {
        let mut process = self.start();
        let line = process.line().await.expect("the process ended");
        self.serves(&line);
        let (shared, rng) = (&self.shared, &mut self.rng);
        let lives = self.members.iter_mut();
        let lives = lives.map(|member| member.live(shared, rng.fork(), conduct));
        let lives: Vec<_> = lives.collect();
        join!(join_all(lives), self.desk.look_for_all(shared));
        shared.kill(&process);
        bury(process).await;
    }

    /// After the last life with traffic: nothing is missing, and what is removed stays so.
    pub(super) async fn end(&mut self) {
        for conduct in [Conduct::Look, Conduct::Empty, Conduct::Look] {
            self.look(conduct).await;
        }
        self.count.registered += self.desk.len();
        self.count.messages += self.shared.messages.borrow().next();
    }
}

/// Waits for the end of a process, which has to be ours and not its own.
async fn bury(mut process: Process) {
    use std::os::unix::process::ExitStatusExt;
    let ended = process.end().await;
    assert_eq!(ended.status.signal(), Some(9), "{ended:?}");
    for word in ["panicked", "ERROR"] {
        assert!(!ended.stderr.contains(word), "{}", ended.stderr);
    }
}
