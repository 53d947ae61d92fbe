//! What happened in the server, in order, for tests to wait for.

use nile_socketio::End;
use tokio::sync::watch;

use super::within;

/// One thing that happened to a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    /// The application, or the endpoint, was asked for a connection.
    Opened,
    /// An event, or a message, was taken.
    Taken(String),
    /// A work began: at once, or when it was alone.
    Started(u64),
    /// The outcome of a work was handed over.
    Completed(u64),
    /// The peer acknowledged an event.
    Acknowledged(u64, String),
    /// The peer answered a ping of the transport.
    Ponged,
    /// The session changed to a WebSocket.
    Upgraded,
    /// A namespace was left, by its place, and the whole connection where there is an end.
    Disconnected(usize, Option<End>),
    /// A bare conversation ended.
    Ended(End),
    /// The connection object is gone.
    Dropped,
}

/// Everything that happened.
pub(crate) struct Journal(watch::Sender<Vec<Entry>>);

impl Default for Journal {
    fn default() -> Self {
        Self(watch::Sender::new(Vec::new()))
    }
}

impl Journal {
    pub(crate) fn note(&self, entry: Entry) {
        self.0.send_modify(|entries| entries.push(entry));
    }

    pub(crate) fn entries(&self) -> Vec<Entry> {
        self.0.borrow().clone()
    }

    pub(crate) fn count(&self, wanted: impl Fn(&Entry) -> bool) -> usize {
        self.0.borrow().iter().filter(|entry| wanted(entry)).count()
    }

    /// How many events or messages were taken.
    pub(crate) fn taken(&self) -> usize {
        self.count(|entry| matches!(entry, Entry::Taken(_)))
    }

    /// Waits until it holds this entry so many times.
    pub(crate) async fn holds(&self, entry: &Entry, times: usize) {
        let mut entries = self.0.subscribe();
        let found = entries
            .wait_for(|entries| entries.iter().filter(|other| *other == entry).count() >= times);
        let what = format!("{times} times {entry:?}");
        drop(within(&what, found).await.expect("the journal is kept"));
    }

    /// Waits for the end of a connection, of whatever kind.
    pub(crate) async fn end(&self) -> End {
        let mut entries = self.0.subscribe();
        let mut found = None;
        let seen = entries.wait_for(|entries| {
            found = entries.iter().find_map(|entry| match entry {
                Entry::Disconnected(_, Some(end)) | Entry::Ended(end) => Some(end.clone()),
                _ => None,
            });
            found.is_some()
        });
        drop(within("an end", seen).await.expect("the journal is kept"));
        found.expect("it was just found")
    }
}
