//! The command line: `nile-instance [serve] [--config FILE] [--listen ADDR] [--data-dir DIR]`,
//! `nile-instance node approve ID [--config FILE] [--data-dir DIR]`, and
//! `nile-instance check [--config FILE] [--data-dir DIR]`.
//!
//! It says what is asked for and does nothing of it.

use std::{ffi::OsString, net::SocketAddr, path::PathBuf};

use clap::{Args, Parser, Subcommand};
use nile_protocol::party::{MAX_INTEGER, NodeId};

use crate::config::Flags;

/// What the operator asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Serve, which is what happens without a command, too.
    Serve(Flags),
    /// Let a node take part.
    ApproveNode {
        /// Which.
        node: NodeId,
        /// Where its instance keeps its data.
        flags: Flags,
    },
    /// Look through the database for damage.
    Check(Flags),
}

impl Command {
    /// Reads the arguments, the program's name first. The error is also how `--help` ends.
    pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Self, clap::Error> {
        let Cli { command, serve } = Cli::try_parse_from(arguments)?;
        Ok(match command {
            None => Self::Serve(serve.flags()),
            Some(Subcommands::Serve(serve)) => Self::Serve(serve.flags()),
            Some(Subcommands::Node {
                command: Node::Approve { id, place },
            }) => Self::ApproveNode {
                node: NodeId(id),
                flags: place.flags(),
            },
            Some(Subcommands::Check(place)) => Self::Check(place.flags()),
        })
    }
}

/// A Nile local instance: registers clients and nodes, knows who is online, carries their messages.
#[derive(Parser)]
#[command(
    name = "nile-instance",
    version,
    args_conflicts_with_subcommands = true
)]
struct Cli {
    #[command(subcommand)]
    command: Option<Subcommands>,
    #[command(flatten)]
    serve: Serve,
}

#[derive(Subcommand)]
enum Subcommands {
    /// Serves; this is what happens without a command, too
    Serve(Serve),
    /// Decides about nodes; the instance may be running
    Node {
        #[command(subcommand)]
        command: Node,
    },
    /// Looks through the whole database for damage and changes nothing; the instance may be running
    Check(Place),
}

#[derive(Subcommand)]
enum Node {
    /// Lets a node take part that has registered where nodes need approval
    Approve {
        /// The node's number
        #[arg(value_parser = clap::value_parser!(i64).range(1..=MAX_INTEGER))]
        id: i64,
        #[command(flatten)]
        place: Place,
    },
}

#[derive(Args)]
struct Serve {
    /// Where clients and nodes connect; port 0 takes any free one
    #[arg(long, value_name = "ADDR")]
    listen: Option<SocketAddr>,
    #[command(flatten)]
    place: Place,
}

#[derive(Args)]
struct Place {
    /// The configuration file; without one the defaults hold
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where the database lives
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

impl Serve {
    fn flags(self) -> Flags {
        Flags {
            listen: self.listen,
            ..self.place.flags()
        }
    }
}

impl Place {
    fn flags(self) -> Flags {
        Flags {
            config: self.config,
            data_dir: self.data_dir,
            listen: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn parse(line: &str) -> Option<Command> {
        let arguments = ["nile-instance"].into_iter().chain(line.split_whitespace());
        Command::parse(arguments.map(OsString::from)).ok()
    }

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn serving_is_what_happens_without_a_command() {
        assert_eq!(parse(""), Some(Command::Serve(Flags::default())));
        let flags = Flags {
            config: Some("a.toml".into()),
            listen: "127.0.0.1:0".parse().ok(),
            data_dir: Some("b".into()),
        };
        for line in [
            "--config a.toml --listen 127.0.0.1:0 --data-dir b",
            "serve --data-dir b --listen 127.0.0.1:0 --config a.toml",
        ] {
            assert_eq!(parse(line), Some(Command::Serve(flags.clone())), "{line}");
        }
    }

    #[test]
    fn a_database_is_checked_where_it_lives() {
        assert_eq!(parse("check"), Some(Command::Check(Flags::default())));
        let flags = Flags {
            config: Some("a.toml".into()),
            data_dir: Some("b".into()),
            listen: None,
        };
        let line = "check --data-dir b --config a.toml";
        assert_eq!(parse(line), Some(Command::Check(flags)));
        for line in [
            "check b",
            "check --listen 127.0.0.1:0",
            "--data-dir b check",
        ] {
            assert_eq!(parse(line), None, "{line}");
        }
    }

    #[test]
    fn a_node_is_approved_by_its_number() {
        let approve = |node, flags| {
            let node = NodeId(node);
            Some(Command::ApproveNode { node, flags })
        };
        assert_eq!(parse("node approve 7"), approve(7, Flags::default()));
        let flags = Flags {
            config: Some("a.toml".into()),
            data_dir: Some("b".into()),
            listen: None,
        };
        assert_eq!(
            parse("node approve --config a.toml 7 --data-dir b"),
            approve(7, flags)
        );
        for line in [
            "node",
            "node approve",
            "node approve 0",
            "node approve -1",
            "node approve seven",
            "node approve 9007199254740992",
            "node approve 1 2",
            "node approve 1 --listen 127.0.0.1:0",
            "approve 1",
            "--data-dir b node approve 1",
        ] {
            assert_eq!(parse(line), None, "{line}");
        }
    }
}
