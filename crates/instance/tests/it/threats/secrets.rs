//! Tokens are shown once, to their owner: whatever is done with them, they are in no log, no file and no other answer.
//!
//! The process logs all that it can. What a peer itself puts where others read it (a message, an id that is
//! repeated to it) is not looked for.

mod town;
mod search;

use std::{fs, path::Path};

use self::{search::Needles, town::Town};
use crate::support::{factor, process::TestProcess, seed};

/// How many requests there are in each format of the log; `NILE_TEST_FACTOR` multiplies it.
const REQUESTS: u64 = 500;

/// What a party tells of itself, which has to be on the disk.
const MARK: &str = "a name that the data directory must contain";

#[tokio::test]
async fn no_token_is_in_the_log_on_the_disk_or_in_any_other_answer() {
    let seed = seed();
    let repeat = format!("repeat with NILE_TEST_SEED={seed}");
    for format in ["text", "json"] {
        let mut town = Town::found(format, seed).await;
        while town.asked < REQUESTS * factor() {
            town.act().await;
        }
        let Town {
            mut server, tokens, ..
        } = town;
        let while_serving = contents(&server.data_dir());
        server.process.signal("TERM");
        let ended = server.process.end().await;
        let at_rest = contents(&server.data_dir());
        let log = ended.stderr;

        let needles = Needles::of(&tokens);
        for (place, bytes) in [
            ("the log", log.as_bytes()),
            ("the disk while serving", &while_serving),
            ("the disk", &at_rest),
        ] {
            let found = needles.found_in(bytes);
            assert_eq!(found, [""; 0], "{place}; {repeat}");
        }
        assert!(log.contains("DEBUG"), "there is a log at this level");
        let known = Needles::of_text(MARK);
        for disk in [while_serving, at_rest] {
            assert!(!known.found_in(&disk).is_empty(), "the search finds names");
        }
    }
}

#[tokio::test]
async fn a_process_that_crashes_leaves_no_image_of_its_memory() {
    let server = TestProcess::start(&[]).await;
    let none = ("0".to_owned(), "0".to_owned());
    assert_eq!(server.process.limit("Max core file size"), none);
}

/// All bytes of all files in a directory: the database, its log, and what is beside them.
fn contents(directory: &Path) -> Vec<u8> {
    let files = fs::read_dir(directory).unwrap();
    let bytes = files.map(|file| fs::read(file.unwrap().path()).unwrap());
    bytes.collect::<Vec<_>>().concat()
}
