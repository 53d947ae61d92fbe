//! Databases that hold something before a run: filled once, copied for each run.
//!
//! They are filled through the contender's own requests, so nobody's database is made by anything but itself.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use super::{
    generator::{Generator, Tokens},
    plan::{Load, Seed},
    server::{Programs, Server},
};
use crate::record::Contender;

/// How long filling a database may take.
const FILLED: Duration = Duration::from_mins(25);

/// A database that is only copied, and the tokens of its clients.
#[derive(Clone, Debug)]
pub struct Seeded {
    /// The database.
    pub data: PathBuf,
    /// The tokens, for the generator.
    pub tokens: PathBuf,
}

impl Seed {
    /// Whether it is an empty database, which needs no filling.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The database with this in it, filled unless it is there.
    pub async fn seeded(
        self,
        contender: Contender,
        below: &Path,
        (programs, generator, core): (&Programs, &Generator, usize),
    ) -> anyhow::Result<Seeded> {
        let contender = filler(contender);
        let name = format!("{contender:?}-{}-{}", self.clients, self.messages).to_lowercase();
        let directory = below.join(name);
        let seeded = Seeded {
            data: directory.join("data"),
            tokens: directory.join("tokens"),
        };
        if directory.exists() {
            return Ok(seeded);
        }
        // It has its name only when it is whole.
        let unfinished = directory.with_extension("unfinished");
        fs::create_dir_all(&unfinished)?;
        let tokens = unfinished.join("tokens");
        let server = Server::start(programs, contender, &unfinished.join("data"), core).await?;
        if self.clients > 0 {
            let work = (self.clients, Tokens::Save(&tokens), FILLED);
            generator
                .run(&server, contender, filling("register"), work)
                .await?;
        }
        if self.messages > 0 {
            let work = (self.messages, Tokens::None, FILLED);
            generator
                .run(&server, contender, filling("message-offline"), work)
                .await?;
        }
        server.stop().await?;
        fs::rename(unfinished, directory)?;
        Ok(seeded)
    }
}

/// Both modes of the peer have the same database, and one fills it faster.
const fn filler(contender: Contender) -> Contender {
    match contender {
        Contender::Peer => Contender::PeerGroup,
        contender => contender,
    }
}

const fn filling(scenario: &'static str) -> Load {
    Load {
        scenario,
        transport: "socketio",
        connections: 512,
        rate: None,
        warm: false,
    }
}

/// Copies a directory of files, on disk when it returns: what is written later must not disturb a measurement.
pub fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        fs::copy(entry.path(), &target)?;
        File::open(target)?.sync_all()?;
    }
    File::open(to)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_has_what_the_seed_has_and_leaves_it_alone() {
        let directory = tempfile::tempdir().expect("there is a place for it");
        let (from, to) = (directory.path().join("from"), directory.path().join("a/to"));
        fs::create_dir(&from).expect("it can be made");
        fs::write(from.join("x.sqlite"), "rows").expect("it can be written");
        copy(&from, &to).expect("it can be copied");
        fs::write(to.join("x.sqlite"), "changed").expect("it can be written");
        assert_eq!(
            fs::read(from.join("x.sqlite")).expect("it is there"),
            b"rows"
        );
    }

    #[test]
    fn both_modes_of_the_peer_share_a_database_and_nobody_else_does() {
        use Contender::{Nile, Peer, PeerGroup};
        assert_eq!(filler(Peer), filler(PeerGroup));
        assert_ne!(filler(Peer), filler(Nile));
    }
}
