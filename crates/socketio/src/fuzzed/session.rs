//! A peer that does anything in any order, at any time, and goes or falls silent: over a WebSocket, over
//! polling, and from the one to the other.
//!
//! The server is the real one, in this process: requests are given to it, and a WebSocket is a socket without
//! a network between. Time passes when nothing else is left to do.

mod act;
mod desk;
mod heard;
mod peer;
mod stream;

use std::time::Duration;

use arbitrary::{Arbitrary, Unstructured};
use tokio::{runtime::Builder, time::sleep};

use self::{act::Script, peer::Peer};

/// Longer than all deadlines together: by then whatever a peer left behind has ended.
const LIFETIME: Duration = Duration::from_mins(5);

/// Whatever a peer does, its session is served in order, costs no more than it may, and ends.
pub fn session(data: &[u8]) {
    let Ok(script) = Script::arbitrary_take_rest(Unstructured::new(data)) else {
        return;
    };
    let runtime = Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .expect("a runtime needs a few file descriptors");
    runtime.block_on(play(script));
}

async fn play(script: Script<'_>) {
    let mut peer = Peer::connect(&script).await;
    for act in &script.acts {
        peer.act(act).await;
        peer.check();
    }
    for _ in 0..LIFETIME.as_secs() / 10 {
        peer.settle().await;
        if peer.is_over() {
            break;
        }
        sleep(Duration::from_secs(10)).await;
    }
    peer.check_end();
}
