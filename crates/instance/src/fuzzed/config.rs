//! The configuration, from a file and from the environment.

use std::{ffi::OsString, path::Path};

use crate::config::{Config, ConfigError, Flags};

/// A file that is taken says the same when it is written again; whatever is not taken is told in one line.
///
/// What follows a NUL is variables of the environment, one a line.
pub fn config(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let (file, environment) = text.split_once('\0').unwrap_or((text, ""));
    match Config::parse(Path::new("nile.toml"), file) {
        Ok(config) => {
            let again = toml::to_string(&config).expect("what was read can be written");
            assert_eq!(toml::from_str::<Config>(&again).as_ref(), Ok(&config));
        }
        Err(error) => check(&error),
    }
    let variables = environment.lines().filter_map(|line| {
        let (name, value) = line.split_once('=')?;
        let name = format!("NILE_{name}");
        // That one names a file, and there is none.
        (name != "NILE_CONFIG").then(|| (OsString::from(name), OsString::from(value)))
    });
    match Config::load(Flags::default(), variables) {
        Ok(loaded) => assert!(loaded.warnings.iter().all(|line| is_one_line(line))),
        Err(error) => check(&error),
    }
}

fn check(error: &ConfigError) {
    assert!(is_one_line(&error.to_string()), "{error}");
}

fn is_one_line(text: &str) -> bool {
    !text.contains(char::is_control)
}
