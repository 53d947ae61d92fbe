//! What no bytes may do to this crate, as functions of any bytes: they panic where it does not hold.
//!
//! `fuzz/` runs them on what a fuzzer makes up, the test below on what it found worth keeping. They
//! are compiled for these two alone.

#[path = "../../../fuzz/replay.rs"]
#[cfg(test)]
mod replay;

mod frame;
mod packet;
mod payload;
mod session;

pub use frame::frame;
pub use packet::packet;
pub use payload::payload;
pub use session::session;

#[test]
fn nothing_that_a_fuzzer_found_breaks_what_holds_of_any_bytes() {
    replay::replay(&[
        ("frame", frame),
        ("packet", packet),
        ("payload", payload),
        ("session", session),
    ]);
}
