//! Every scenario, small: against a server that knows the specification page, and against an
//! instance where the environment names one.
#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on says where, and stops"
)]

mod page;
mod support;

mod instance;
mod specified;
mod command;
mod echo;
