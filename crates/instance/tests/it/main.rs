//! Tests of the instance from outside.
#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on says where, and stops"
)]

mod store;
