//! The online list: who joins it, and that every way of going leaves it.

mod joining;
mod leaving;
mod revoking;

use crate::support::{Asks, Connects, Online, TestInstance, request::client_of};

impl TestInstance {
    /// Opens a connection and logs a new client in. It is online when it is told so: its token, and its
    /// entry alone.
    async fn enter<P: Connects>(&self) -> (P, String, Online) {
        let mut party = P::open(self.address).await;
        let token = party.register().await;
        let entry = self.login(&mut party, &token).await;
        (party, token, entry)
    }

    /// Logs in on a connection that is not online; its new entry alone.
    async fn login(&self, party: &mut impl Asks, token: &str) -> Online {
        let before = self.online();
        party.login(token).await;
        let mut now = self.online();
        now.retain(|entry| !before.contains(entry));
        assert_eq!(now.len(), 1, "one entry is new: {now:?}");
        assert_eq!(now[0].1, client_of(token));
        now
    }

    /// The entries of the token's client.
    fn entry_of(&self, token: &str) -> Online {
        let mut online = self.online();
        online.retain(|(_, party)| *party == client_of(token));
        online
    }
}

/// Both lists as one.
fn both(a: &Online, b: &Online) -> Online {
    let mut both = [a.as_slice(), b].concat();
    both.sort_by(|(a, _), (b, _)| a.cmp(b));
    both
}
