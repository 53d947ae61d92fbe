//! A whole instance, and parties that say anything to it in any order: over Socket.IO, a bare WebSocket
//! and HTTP, as clients, as nodes and as guests, coming and going.
//!
//! The instance is the real one with a store of its own; sockets have no network between. Its time stands
//! still but where a party lets it pass, so nothing is given up while the store is at work.

mod act;
mod line;
mod mind;
mod party;
mod town;

use arbitrary::{Arbitrary, Unstructured};
use tokio::runtime::Builder;

use self::{act::Script, town::Town};

/// Whatever parties say, each request has one answer, in order; a message is from who sent it; and who has
/// gone is gone.
pub fn conversation(data: &[u8]) {
    let Ok(script) = Script::arbitrary_take_rest(Unstructured::new(data)) else {
        return;
    };
    let runtime = Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .expect("a runtime needs a few file descriptors");
    runtime.block_on(async {
        let mut town = Town::found();
        for act in &script.acts {
            town.act(act).await;
        }
        town.empty().await;
    });
}
