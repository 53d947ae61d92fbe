//! The page holds: each threat has one row, and every test and file that a row names is there.
//!
//! Whether a test proves what its row says is for readers to judge.

use std::{
    fs,
    path::{Path, PathBuf},
};

const PAGE: &str = include_str!("../../../../../docs/threat-model.md");

/// How many threats there are, numbered from 1.
const THREATS: usize = 38;

/// What stands instead of a test where there is nothing yet to attack.
const NOT_BUILT: &str = "Not built yet";

/// The cells of a row.
#[derive(Debug)]
struct Row {
    number: usize,
    threat: &'static str,
    defence: &'static str,
    tests: &'static str,
    remains: &'static str,
}

/// A test, as a row names it: `[a name in words](../the/file.rs)`.
#[derive(Debug)]
struct Named {
    words: &'static str,
    file: &'static str,
}

fn rows() -> Vec<Row> {
    let lines = PAGE.lines().filter_map(|line| {
        let cells: Vec<_> = line.trim_matches('|').split('|').map(str::trim).collect();
        let number = cells.first()?.parse().ok()?;
        let [_, threat, defence, tests, remains] = cells[..] else {
            panic!("five cells: {line}");
        };
        Some(Row {
            number,
            threat,
            defence,
            tests,
            remains,
        })
    });
    lines.collect()
}

impl Row {
    fn named(&self) -> Vec<Named> {
        let links = self.tests.split("](").collect::<Vec<_>>();
        let pairs = links.windows(2).map(|pair| {
            let words = pair[0].rsplit_once('[').expect("a link has words").1;
            let file = pair[1].split_once(')').expect("a link ends").0;
            Named { words, file }
        });
        pairs.collect()
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

impl Named {
    /// Whether the file has a test of this name. In JavaScript a name is words already.
    fn exists(&self) -> bool {
        let file = self.file.strip_prefix("../");
        let path = root().join(file.expect("a file is named as seen from the page"));
        let Ok(text) = fs::read_to_string(&path) else {
            return false;
        };
        let name = self.words.replace(' ', "_");
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("rs") => {
                let parts = text.split(&format!("fn {name}(")).collect::<Vec<_>>();
                parts.len() > 1 && parts[..parts.len() - 1].iter().all(|it| ends_as_test(it))
            }
            Some("js") => text
                .lines()
                .any(|line| line.trim_start().starts_with("test(") && line.contains(self.words)),
            Some("py") => text.contains(&format!("def test_{name}(")),
            _ => false,
        }
    }
}

/// Whether a function that begins after this is a test: one of its attributes says so.
fn ends_as_test(text: &str) -> bool {
    let text = text.trim_end_matches("async ").trim_end();
    let mut attributes = text.lines().rev().take_while(|line| {
        let line = line.trim();
        !line.is_empty() && !line.ends_with('}')
    });
    attributes.any(|line| {
        let line = line.trim();
        line == "#[test]" || line.starts_with("#[tokio::test")
    })
}

#[test]
fn every_threat_has_one_row_and_every_row_all_its_cells() {
    let rows = rows();
    let numbers: Vec<_> = rows.iter().map(|row| row.number).collect();
    assert_eq!(numbers, (1..=THREATS).collect::<Vec<_>>());
    for row in rows {
        for cell in [row.threat, row.defence, row.tests, row.remains] {
            assert!(!cell.is_empty(), "{row:?}");
        }
        let proved = !row.named().is_empty();
        assert!(proved != row.tests.starts_with(NOT_BUILT), "{row:?}");
    }
}

#[test]
fn every_test_that_the_page_names_exists() {
    for row in rows() {
        for named in row.named() {
            assert!(named.exists(), "threat {}: {named:?}", row.number);
        }
    }
}

#[test]
fn a_test_that_is_not_there_is_noticed() {
    let file = "../crates/instance/tests/it/threats/page.rs";
    let exists = |words, file| Named { words, file }.exists();
    assert!(exists("a test that is not there is noticed", file));
    assert!(!exists("a test that nobody wrote", file));
    assert!(!exists("ends as test", file), "it is no test");
    assert!(!exists("every test that the page names exists", "../x.rs"));
}

/// Words in backticks that end like files or begin with `make`.
#[test]
fn every_file_and_command_that_the_page_names_exists() {
    let sources = sources();
    let makefile = fs::read_to_string(root().join("Makefile")).unwrap();
    for word in PAGE.split('`').skip(1).step_by(2) {
        if let Some(target) = word.strip_prefix("make ") {
            assert!(makefile.contains(&format!("\n{target}:")), "{word}");
        } else if Path::new(word).extension() == Some("rs".as_ref()) {
            let found = sources.iter().any(|file| file.ends_with(word));
            assert!(found, "{word}");
        }
    }
}

/// All files of our crates.
fn sources() -> Vec<PathBuf> {
    let mut folders = vec![root().join("crates")];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                files.push(path);
            }
        }
    }
    files
}
