//! Kinds of values that several keys share, checked as they are read.

use std::num::NonZeroU32;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tracing_subscriber::filter::{LevelFilter, Targets};

/// A time in whole seconds, at least one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Seconds(NonZeroU32);

impl Seconds {
    pub(super) const fn new(seconds: u32) -> Self {
        Self(NonZeroU32::new(seconds).expect("a default is not zero"))
    }

    /// The same time as the standard library has it.
    #[must_use]
    pub const fn duration(self) -> Duration {
        Duration::from_secs(self.0.get() as u64)
    }
}

/// Which log lines are written: a level, or levels by module as `info,nile_instance::store=debug`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct LogFilter(String);

/// A text that is no such filter.
#[derive(Debug, thiserror::Error)]
#[error(
    "`{0}` is not a log level: write off, error, warn, info, debug or trace, or module=level, with commas between"
)]
pub struct InvalidLogFilter(String);

impl LogFilter {
    /// The filter for the subscriber.
    pub(crate) fn targets(&self) -> Targets {
        self.0.parse().expect("it was parsed when it was read")
    }
}

impl Default for LogFilter {
    fn default() -> Self {
        Self("info".to_owned())
    }
}

impl TryFrom<String> for LogFilter {
    type Error = InvalidLogFilter;

    fn try_from(text: String) -> Result<Self, InvalidLogFilter> {
        // The library takes a bare word that is no level for a module's name, so
        // that a misspelt level would silence everything.
        let is_level = |part: &str| !part.is_empty() && part.parse::<LevelFilter>().is_ok();
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"_-:".contains(&byte);
        let valid = text.split(',').all(|part| match part.split_once('=') {
            Some((module, level)) => module.bytes().all(is_name) && is_level(level),
            None => is_level(part),
        });
        if !valid || text.parse::<Targets>().is_err() {
            return Err(InvalidLogFilter(text));
        }
        Ok(Self(text))
    }
}

impl From<LogFilter> for String {
    fn from(filter: LogFilter) -> Self {
        filter.0
    }
}
