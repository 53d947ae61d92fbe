//! Everything an operator can decide, and what holds when nothing is said.
//!
//! Invariant: an empty file is a working instance, and a key or value that is not
//! understood is an error, never a default. Values are checked as they are read, so
//! whoever holds a [`Config`] has nothing left to check. It opens nothing but its own file.
//!
//! No key is an `Option`: each has a default, and its environment variable is derived from it.

use std::ffi::OsString;
use std::net::{Ipv4Addr, SocketAddr};
use std::num::{NonZeroU16, NonZeroU32, NonZeroUsize};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::address::Networks;
use crate::origin::AllowedOrigins;

mod environment;
mod error;
mod value;
#[cfg(test)]
mod tests;

pub use error::ConfigError;
pub use value::{LogFilter, Seconds};

/// The variable that names the file, as `--config` does.
const FILE_VARIABLE: &str = "NILE_CONFIG";

const HTTPS: NonZeroU16 = NonZeroU16::new(443).expect("it is not zero");

/// The configuration of one process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where clients and nodes connect; port 0 takes any free one.
    pub listen: SocketAddr,
    /// Where the database and its lock file live; relative to the working directory.
    pub data_dir: PathBuf,
    /// Proxies whose `Forwarded` and `X-Forwarded-For` headers are believed.
    pub trusted_proxies: Networks,
    /// Web pages that may connect from a browser.
    pub allowed_origins: AllowedOrigins,
    /// How long open connections have to end after SIGTERM. The process promises to be
    /// gone within 10 s, which holds up to 8.
    pub drain_seconds: Seconds,
    /// What is logged, and how.
    pub log: LogConfig,
    /// Who may be a node.
    pub nodes: NodesConfig,
    /// What may wait for a party.
    pub messages: MessagesConfig,
    /// How messages reach nodes that take them over HTTP.
    pub deliveries: DeliveriesConfig,
    /// What one address and one connection may take.
    pub limits: LimitsConfig,
    /// How a silent peer is told from a dead one.
    pub heartbeat: HeartbeatConfig,
}

/// `[log]`: what goes to standard error.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LogConfig {
    /// How a line looks.
    pub format: LogFormat,
    /// Which lines are written.
    pub level: LogFilter,
}

/// How a log line looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people; in colours where standard error is a terminal.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// `[nodes]`: who may be a node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NodesConfig {
    /// What a node needs besides registering.
    pub admission: Admission,
}

/// What a node needs before it takes part.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Admission {
    /// Nothing: it takes part as soon as it has registered.
    #[default]
    Open,
    /// The operator's approval.
    Approval,
}

/// `[messages]`: what may wait, and for how long.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MessagesConfig {
    /// Messages that may wait for one party.
    pub per_recipient: NonZeroU32,
    /// The bytes of their contents together.
    pub bytes_per_recipient: NonZeroUsize,
    /// Messages of one sender that may wait for one party.
    pub per_pair: NonZeroU32,
    /// The size of the database, in MiB, past which it takes no message.
    pub store_mebibytes: NonZeroU32,
    /// How long a message waits.
    pub days: NonZeroU32,
    /// How long it waits after it was first handed to a party that never acknowledges any.
    pub unacknowledged_days: NonZeroU32,
    /// Whether connections that are not logged in may forward to nodes.
    pub guests: bool,
}

/// `[deliveries]`: how messages reach nodes that take them over HTTP, at addresses that strangers name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DeliveriesConfig {
    /// Networks to deliver to on any port, with or without TLS, although they are not the public internet.
    pub trusted_networks: Networks,
    /// Whether every other network may be delivered to without TLS, too.
    pub plain_http: bool,
    /// Ports that may be delivered to outside the trusted networks.
    pub ports: Vec<NonZeroU16>,
    /// How long one delivery may take, from resolving the name to the end of the answer.
    pub deadline_seconds: Seconds,
    /// Deliveries that are made at once.
    pub concurrency: NonZeroU32,
}

/// `[limits]`: the share of one address and one connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LimitsConfig {
    /// The largest message, in bytes as received.
    pub message_bytes: NonZeroUsize,
    /// The largest `information`, in bytes as received.
    pub information_bytes: NonZeroUsize,
    /// Open connections in total.
    pub connections: NonZeroU32,
    /// Open connections of one address.
    pub connections_per_address: NonZeroU32,
    /// Engine.IO sessions of one address that are polling; 0 refuses polling.
    pub polling_sessions_per_address: u32,
    /// Requests a second on one connection; twice as many are taken at once.
    pub requests_per_second: NonZeroU32,
    /// Refused tokens a minute from one address, after which even good ones wait.
    pub failed_logins_per_minute: NonZeroU32,
    /// Registrations a minute from one address.
    pub registrations_per_minute: NonZeroU32,
    /// New connections a minute from one address.
    pub new_connections_per_minute: NonZeroU32,
    /// How long a new connection may take until its handshake, or an HTTP request's head, is complete.
    pub handshake_seconds: Seconds,
    /// How long a connection that is not logged in may ask nothing.
    pub idle_seconds: Seconds,
    /// How long a peer may read nothing of what waits for it.
    pub write_seconds: Seconds,
    /// Networks that only `connections` and the sizes bind.
    pub exempt: Networks,
}

/// `[heartbeat]`: the pings of Socket.IO and WebSocket connections.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HeartbeatConfig {
    /// The time from one ping to the next.
    pub interval_seconds: Seconds,
    /// How long the answer may take.
    pub timeout_seconds: Seconds,
}

/// What the command line decides; it goes before everything else.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Flags {
    /// `--config`
    pub config: Option<PathBuf>,
    /// `--listen`
    pub listen: Option<SocketAddr>,
    /// `--data-dir`
    pub data_dir: Option<PathBuf>,
}

/// A configuration, and what its author should hear about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loaded {
    /// What holds.
    pub config: Config,
    /// One line each, to be logged once logging works.
    pub warnings: Vec<String>,
}

impl Config {
    /// Puts together flags, then environment, then file, then defaults; the former win.
    ///
    /// The environment is `std::env::vars_os()`. Without `--config` and `NILE_CONFIG` no file is read.
    pub fn load(
        flags: Flags,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<Loaded, ConfigError> {
        let variables = environment::variables(environment)?;
        let file = flags
            .config
            .or_else(|| variables.get(FILE_VARIABLE).map(PathBuf::from));
        let config = match file {
            Some(path) => Self::read(&path)?,
            None => Self::default(),
        };
        let (mut config, mut warnings) = environment::overlay(config, &variables)?;
        config.listen = flags.listen.unwrap_or(config.listen);
        config.data_dir = flags.data_dir.unwrap_or(config.data_dir);
        if config.limits.exempt.overlaps(&config.trusted_proxies) {
            warnings.push(
                "limits.exempt covers a trusted proxy: whoever comes through it without telling an address has no limits"
                    .to_owned(),
            );
        }
        Ok(Loaded { config, warnings })
    }

    fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|reason| ConfigError::unreadable(path, &reason))?;
        Self::parse(path, &text)
    }

    /// Reads the text of the file at `path`.
    pub(crate) fn parse(path: &Path, text: &str) -> Result<Self, ConfigError> {
        toml::from_str(text).map_err(|reason| ConfigError::in_file(path, text, reason))
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 3334)),
            data_dir: PathBuf::from("data"),
            trusted_proxies: Networks::default(),
            allowed_origins: AllowedOrigins::Any,
            drain_seconds: Seconds::new(8),
            log: LogConfig::default(),
            nodes: NodesConfig::default(),
            messages: MessagesConfig::default(),
            deliveries: DeliveriesConfig::default(),
            limits: LimitsConfig::default(),
            heartbeat: HeartbeatConfig::default(),
        }
    }
}

/// A party that is away for a month and a shop that is closed for a week find everything, and no stranger
/// fills a town's disk.
impl Default for MessagesConfig {
    fn default() -> Self {
        Self {
            per_recipient: count(1_000),
            bytes_per_recipient: bytes(4 * 1024 * 1024),
            per_pair: count(100),
            store_mebibytes: count(4_096),
            days: count(30),
            unacknowledged_days: count(7),
            guests: true,
        }
    }
}

/// Nothing but what a stranger could reach without this instance.
impl Default for DeliveriesConfig {
    fn default() -> Self {
        Self {
            trusted_networks: Networks::default(),
            plain_http: false,
            ports: vec![HTTPS],
            deadline_seconds: Seconds::new(5),
            concurrency: count(32),
        }
    }
}

/// Sized for a town behind one address: mobile networks and a mall's wireless
/// put hundreds of shoppers behind a single IPv4 address.
impl Default for LimitsConfig {
    fn default() -> Self {
        Self {
            message_bytes: bytes(65_536),
            information_bytes: bytes(4_096),
            connections: count(16_000),
            connections_per_address: count(1_000),
            polling_sessions_per_address: 200,
            requests_per_second: count(100),
            // No number of guesses finds 256 random bits, so this bounds load and noise only.
            // It must leave room for many apps with stale tokens, since past it a
            // neighbour's good token waits as well.
            failed_logins_per_minute: count(600),
            // Ten a second: more than people install an app, less than fills a disk overnight.
            registrations_per_minute: count(600),
            // After a restart every connection of a full address comes back within the
            // minute, and may need three attempts.
            new_connections_per_minute: count(3_000),
            handshake_seconds: Seconds::new(10),
            idle_seconds: Seconds::new(3_600),
            write_seconds: Seconds::new(20),
            exempt: Networks::default(),
        }
    }
}

/// The times that Socket.IO servers have by default, which proxies are tuned for.
impl Default for HeartbeatConfig {
    fn default() -> Self {
        Self {
            interval_seconds: Seconds::new(25),
            timeout_seconds: Seconds::new(20),
        }
    }
}

const fn count(count: u32) -> NonZeroU32 {
    NonZeroU32::new(count).expect("a default is not zero")
}

const fn bytes(bytes: usize) -> NonZeroUsize {
    NonZeroUsize::new(bytes).expect("a default is not zero")
}
