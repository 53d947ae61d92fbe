//! Code that the compiler does not check: there is none in what is served.

use std::{fs, path::Path};

/// The crate that hands the tests' disk to `SQLite`, which is only possible so.
const DISK: &str = "faulty-disk";

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn no_crate_of_ours_allows_unsafe_code_but_the_disk_of_the_tests() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    assert!(read(&root.join("Cargo.toml")).contains("\nunsafe_code = \"forbid\"\n"));
    let mut names = Vec::new();
    for entry in fs::read_dir(root.join("crates")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let manifest = read(&path.join("Cargo.toml"));
        let strict = manifest.contains("\n[lints]\nworkspace = true\n");
        assert_eq!(strict, name != DISK, "{name}");
        let (shipped, _) = manifest
            .split_once("\n[dev-dependencies]")
            .unwrap_or((&manifest, ""));
        let depends = shipped.contains(&format!("\n{DISK}"));
        assert!(!depends, "{name} brings it into what is served");
        names.push(name);
    }
    assert!(names.len() > 3 && names.iter().any(|name| name == DISK));
}
