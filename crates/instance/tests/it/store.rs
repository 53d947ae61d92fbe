//! What a store promises. The next one, whatever it is made of, will have to pass the same.

mod client;
mod opening;
mod queue;

use std::{ops::Deref, path::PathBuf};

use nile_instance::{
    clock::Timestamp,
    store::{Options, Store},
    token::TokenHash,
};
use tempfile::TempDir;

/// A moment like any other.
const NOW: Timestamp = Timestamp(1_800_000_000_000);

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
        self.store.close().await.unwrap();
        let store = Store::open(self.directory.path(), &Options::default()).unwrap();
        Self { store, ..self }
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
