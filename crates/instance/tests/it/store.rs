//! What a store promises. The next one, whatever it is made of, will have to pass the same.

mod approval;
mod damage;
mod listing;
mod log;
mod message;
mod node;
mod opening;
mod party;
mod queue;
mod rot;
mod upgrade;

use std::{ops::Deref, path::PathBuf};

use nile_instance::{
    clock::Timestamp,
    store::{NewNode, Options, Protocol, Store},
    token::TokenHash,
};
use nile_protocol::party::{PartyId, PartyKind};
use tempfile::TempDir;

pub(crate) use self::message::assert_totals;

/// A moment like any other.
pub(crate) const NOW: Timestamp = Timestamp(1_800_000_000_000);

/// The content identifier that a node has unless its test says otherwise.
const HASH: &str = "QmNLfbof5rLekrACjeuLk9JmGZD2HDBHCU4z16iYKmx5SE";

/// A store in a directory of its own, which goes when this goes.
struct TestStore {
    store: Store,
    directory: TempDir,
}

impl TestStore {
    fn open() -> Self {
        Self::with(&Options::default())
    }

    fn with(options: &Options) -> Self {
        let directory = tempfile::tempdir().unwrap();
        Self {
            store: Store::open(directory.path(), options).unwrap(),
            directory,
        }
    }

    /// The same store after a restart.
    async fn reopened(self) -> Self {
        self.reopened_with(&Options::default()).await
    }

    async fn reopened_with(self, options: &Options) -> Self {
        self.store.close().await.unwrap();
        let store = Store::open(self.directory.path(), options).unwrap();
        Self { store, ..self }
    }

    /// A party of this kind that has just registered.
    async fn register_of(
        &self,
        kind: PartyKind,
        token: TokenHash,
        information: Box<str>,
    ) -> PartyId {
        match kind {
            PartyKind::Client => {
                let registered = self.register_client(token, information, NOW).await;
                PartyId::Client(registered.unwrap())
            }
            PartyKind::Node => {
                let node = NewNode {
                    hash: HASH.into(),
                    information,
                    protocol: Protocol::WebSocket,
                    approved: true,
                    delivery: None,
                };
                let registered = self.register_node(token, node, NOW).await;
                PartyId::Node(registered.unwrap())
            }
        }
    }

    fn database(&self) -> PathBuf {
        self.directory.path().join("nile.db")
    }

    /// A way past the store, to make the database misbehave.
    fn side_door(&self) -> rusqlite::Connection {
        rusqlite::Connection::open(self.database()).unwrap()
    }
}

impl Deref for TestStore {
    type Target = Store;

    fn deref(&self) -> &Store {
        &self.store
    }
}

/// The hash of the token with this number.
fn token(number: u8) -> TokenHash {
    TokenHash::of(&[number; 32])
}

fn information(name: &str) -> Box<str> {
    format!(r#"{{ "name": "{name}" }}"#).into()
}
