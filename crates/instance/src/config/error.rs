//! Why a configuration cannot be used: one line that says where, what, and what to write instead.

use std::fmt;
use std::io;
use std::path::Path;

use toml::{Table, Value};

use super::Config;

/// A configuration that cannot be used. Its text is one line for the operator.
#[derive(Debug)]
pub struct ConfigError(String);

impl ConfigError {
    pub(super) fn unreadable(path: &Path, reason: &io::Error) -> Self {
        Self::new(&format!(
            "cannot read the configuration file {}: {reason}; correct --config or NILE_CONFIG, or leave it out to run on the defaults",
            path.display()
        ))
    }

    pub(super) fn in_file(path: &Path, text: &str, mut reason: toml::de::Error) -> Self {
        let before = reason.span().and_then(|span| text.get(..span.start));
        let line = before.map_or(1, |before| before.matches('\n').count() + 1);
        // Without its input the error names the key and shows no excerpt of several lines.
        reason.set_input(None);
        let shown = reason.to_string();
        let key = shown
            .rsplit_once("\nin `")
            .and_then(|(_, key)| key.trim_end().strip_suffix('`'));
        let what = match key {
            Some(key) => format!("`{key}`: {}{}", reason.message(), example(key)),
            None => reason.message().to_owned(),
        };
        Self::new(&format!(
            "{}, line {line}: {what}; correct the file",
            path.display()
        ))
    }

    /// `key` is the path of the variable `name`: `limits.exempt`.
    pub(super) fn in_variable(name: &str, key: &str, value: &str, reason: &str) -> Self {
        Self::new(&format!(
            "the environment variable {name} is `{value}`: {reason}{}; correct or unset it",
            example(key)
        ))
    }

    /// The only constructor, so that the text is one line whatever was quoted in it.
    fn new(text: &str) -> Self {
        let mut line = String::with_capacity(text.len());
        for letter in text.chars() {
            if letter.is_control() {
                line.extend(letter.escape_default());
            } else {
                line.push(letter);
            }
        }
        Self(line)
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ConfigError {}

/// The default of `key` as a model of what to write, unless it shows nothing.
fn example(key: &str) -> String {
    let defaults = Table::try_from(Config::default()).expect("the defaults are TOML");
    let mut parts = key.split('.');
    let first = parts.next().and_then(|part| defaults.get(part));
    let value = parts.fold(first, |value, part| value?.get(part));
    match value {
        None | Some(Value::Table(_)) => String::new(),
        Some(Value::Array(items)) if items.is_empty() => String::new(),
        Some(value) => format!(" (the default is {value})"),
    }
}
