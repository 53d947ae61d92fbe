//! What no bytes may do to this crate, as functions of any bytes: they panic where it does not hold.
//!
//! `fuzz/` runs them on what a fuzzer makes up, the test below on what it found worth keeping. They
//! are compiled for these two alone.

#[path = "../../../fuzz/replay.rs"]
#[cfg(test)]
mod replay;

mod config;
mod forwarded;
mod origin;
mod ws_id;

pub use crate::courier::fuzzed::{answer, resource};
pub use crate::server::fuzzed::conversation;
pub use config::config;
pub use forwarded::forwarded;
pub use origin::origin;
pub use ws_id::ws_id;

#[test]
fn nothing_that_a_fuzzer_found_breaks_what_holds_of_any_bytes() {
    replay::replay(&[
        ("answer", answer),
        ("config", config),
        ("conversation", conversation),
        ("forwarded", forwarded),
        ("origin", origin),
        ("resource", resource),
        ("ws_id", ws_id),
    ]);
}
