//! The crate as its peers see it: over real sockets, each test with a server on a port of its own.
//!
//! Nothing here waits for time to pass: a test waits for what must happen, and fails when it does not.
#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on says where, and stops"
)]

mod support;

mod handshake;
mod polling;
mod abandoned;
mod engine3;
mod heartbeat;
mod upgrade;
mod connect;
mod event;
mod attachment;
mod order;
mod push;
mod pressure;
mod frame;
mod broken_frame;
mod closing;
mod shutdown;
mod failure;
mod held;
