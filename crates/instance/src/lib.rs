//! A Nile local instance: it registers clients and nodes, knows which of them
//! are online, and carries messages between them.
//!
//! Modules are listed in reading order. A module uses only those above it.

pub mod token;
pub mod error;
pub mod clock;
pub mod address;
pub mod origin;
pub mod config;
pub mod limits;
pub mod telemetry;
pub mod files;
pub mod core_dump;

pub mod courier;
pub mod store;
pub mod hub;

pub mod instance;
#[cfg(test)]
mod simulation;

pub mod transport;

pub mod server;
pub mod command;

#[cfg(any(test, fuzzing))]
pub mod fuzzed;
