// Runs targets on the corpus. The crates whose targets they are have this file as a module of their tests.

use std::{fs, path::Path};

/// What is run on any bytes; it panics where something does not hold.
type Target = fn(&[u8]);

/// Runs each target on every file of `fuzz/corpus/` and its name.
pub(super) fn replay(targets: &[(&str, Target)]) {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus");
    for (name, target) in targets {
        let mut files: Vec<_> = fs::read_dir(corpus.join(name))
            .unwrap_or_else(|error| panic!("the corpus of {name}: {error}"))
            .map(|entry| entry.unwrap().path())
            .collect();
        files.sort();
        assert!(!files.is_empty(), "there is no corpus of {name}");
        for file in files {
            let input = fs::read(&file).unwrap();
            let outcome = std::panic::catch_unwind(|| target(&input));
            assert!(outcome.is_ok(), "{name} fails on {}", file.display());
        }
    }
}
