//! The lines of a results file: first the machine, then one for each run.
//!
//! `compare` writes them and `report` reads them, so a report can be made again from an old file. What a run
//! measured is the line of `nile-bench run --json`, unchanged; compare only says beside it where it belongs.

use std::{
    fs::{File, OpenOptions},
    io::{BufRead, BufReader, Write},
    path::Path,
};

use anyhow::Context;
use serde::{Deserialize, Serialize};

use crate::{figures::Figures, machine::Machine};

/// Who was measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Contender {
    /// Our server.
    Nile,
    /// The peer, with one transaction for all requests of a turn of its event loop.
    PeerGroup,
    /// The peer, with a transaction for each request.
    Peer,
    /// The bare echo.
    Limit,
}

impl Contender {
    /// How tables and plots call it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Nile => "nile-instance",
            Self::PeerGroup => "peer with group commit",
            Self::Peer => "peer",
            Self::Limit => "bare echo",
        }
    }
}

/// One run and where it belongs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// The row of the plan.
    pub row: String,
    /// What grows along the rows of a curve: connections, clients, messages.
    pub at: u64,
    /// Who was measured.
    pub contender: Contender,
    /// The alternation, from 1.
    pub round: u32,
    /// What was measured.
    #[serde(flatten)]
    pub run: Figures,
}

/// A results file.
#[derive(Clone, Debug, PartialEq)]
pub struct Results {
    /// What it was measured on.
    pub machine: Machine,
    /// The runs, in the order they were made.
    pub records: Vec<Record>,
}

#[derive(Serialize, Deserialize)]
struct Head {
    machine: Machine,
}

impl Results {
    /// Begins a file, in the place of one that is there.
    pub fn begin(path: &Path, machine: Machine) -> anyhow::Result<Self> {
        if let Some(directory) = path.parent() {
            std::fs::create_dir_all(directory)?;
        }
        let mut file = File::create(path).with_context(|| path.display().to_string())?;
        writeln!(
            file,
            "{}",
            serde_json::to_string(&Head {
                machine: machine.clone()
            })?
        )?;
        let records = Vec::new();
        Ok(Self { machine, records })
    }

    /// Adds a run, at once also to the file, so that an interrupted comparison keeps what it has.
    pub fn add(&mut self, path: &Path, record: Record) -> anyhow::Result<()> {
        let mut file = OpenOptions::new().append(true).open(path)?;
        writeln!(file, "{}", serde_json::to_string(&record)?)?;
        self.records.push(record);
        Ok(())
    }

    /// Reads a file.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let file = File::open(path).with_context(|| path.display().to_string())?;
        Self::parse(BufReader::new(file)).with_context(|| path.display().to_string())
    }

    /// Reads the lines of a file.
    pub fn parse(lines: impl BufRead) -> anyhow::Result<Self> {
        let mut lines = lines.lines();
        let first = lines.next().context("there is nothing in it")??;
        let Head { machine } =
            serde_json::from_str(&first).context("the first line describes no machine")?;
        let records = lines
            .enumerate()
            .map(|(index, line)| {
                serde_json::from_str(&line?).with_context(|| format!("line {}", index + 2))
            })
            .collect::<anyhow::Result<_>>()?;
        Ok(Self { machine, records })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_of_the_generator_is_kept_as_it_is() {
        let line = r#"{"row":"login","at":512,"contender":"peer-group","round":2,"label":"peer","scenario":"login","transport":"socketio","connections":512,"count":200000,"open_rate":null,"seconds":3.1,"rate":64516.1,"p50_ms":0.9,"p99_ms":2.1,"p999_ms":4.0,"max_ms":9.9,"cpu_us_each":15.5,"rss_mib":34.2,"rss_before_mib":12.0,"bytes_in":1,"bytes_out":1,"failed":0,"refused":0,"extra":{"bytes_each":2593.0}}"#;
        let record: Record = serde_json::from_str(line).expect("it is a record");
        assert_eq!(serde_json::to_string(&record).expect("it is JSON"), line);
        assert_eq!(record.contender, Contender::PeerGroup);
        assert!(record.run.is_clean());
    }

    #[test]
    fn what_was_refused_or_failed_is_not_clean() {
        let clean = Figures::default();
        assert!(clean.is_clean());
        assert!(
            !Figures {
                failed: 1,
                ..clean.clone()
            }
            .is_clean()
        );
        assert!(
            !Figures {
                refused: 1,
                ..clean
            }
            .is_clean()
        );
    }

    #[test]
    fn what_was_written_is_read_again() {
        let directory = tempfile::tempdir().expect("there is a place for it");
        let path = directory.path().join("results/today.jsonl");
        let mut results = Results::begin(&path, Machine::default()).expect("it can be written");
        for round in [1, 2] {
            let record = Record {
                row: "login".into(),
                at: 64,
                contender: Contender::Nile,
                round,
                run: Figures::default(),
            };
            results.add(&path, record).expect("it can be written");
        }
        assert_eq!(Results::read(&path).expect("it can be read"), results);
    }

    #[test]
    fn a_line_that_is_no_record_is_named() {
        let lines = b"{\"machine\":{}}\n{\"row\":\"login\"}\n";
        let error = Results::parse(&lines[..]).expect_err("there is no contender");
        assert!(format!("{error:#}").contains("line 2"), "{error:#}");
    }
}
