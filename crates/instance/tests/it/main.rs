//! Tests of the instance from outside.
#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on says where, and stops"
)]

mod support;

mod admission;
mod store;
mod disk;
mod wire;
mod sessions;
mod lifecycle;
mod order;
mod stalled;
mod queue_model;
mod kills;
mod race;
mod examples;
mod threats;
