#![doc = include_str!("../README.md")]
//! # Modules
//!
//! They are listed in reading order. A module uses only those above it.

pub mod party;
pub mod channel;
pub mod code;
pub mod refusal;

pub mod json;
pub mod token;
pub mod information;
pub mod cid;

pub mod verb;
pub mod request;
pub mod reply;
pub mod push;

#[cfg(any(test, fuzzing))]
pub mod fuzzed;
