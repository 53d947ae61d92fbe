//! What no bytes may do to this crate, as functions of any bytes: they panic where it does not hold.
//!
//! `fuzz/` runs them on what a fuzzer makes up, the test below on what it found worth keeping. They
//! are compiled for these two alone.

#[path = "../../../fuzz/replay.rs"]
#[cfg(test)]
mod replay;

mod cid;
mod json;
mod request;
mod token;

pub use cid::cid;
pub use json::json;
pub use request::request;
pub use token::token;

#[test]
fn nothing_that_a_fuzzer_found_breaks_what_holds_of_any_bytes() {
    replay::replay(&[
        ("cid", cid),
        ("json", json),
        ("request", request),
        ("token", token),
    ]);
}
