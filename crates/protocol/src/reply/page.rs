//! The messages that wait for a party, as a party is shown them.

use crate::json::{self, Object, Raw};
use crate::party::PartyId;

/// A part of the messages that wait for a party, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// The rows of this page.
    pub queue: Vec<Row>,
    /// How many messages wait in all.
    pub total: u64,
    /// Whether this page is not all of them.
    pub more: bool,
}

/// One message that waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Its number, unique in the instance.
    pub queue_id: i64,
    /// Who sent it.
    pub sender: PartyId,
    /// Whom it waits for.
    pub recipient: PartyId,
    /// What was sent.
    pub content: Raw,
    /// When the instance took it, in Unix milliseconds.
    pub queued_at: i64,
    /// The WebSocket ID of a connection of its sender's, if that is online.
    pub ws_id: Option<String>,
}

impl Page {
    pub(super) fn add_rows_to(&self, parameters: &mut Object<'_>) {
        json::array(parameters.key("queue"), &self.queue, |out, row| {
            row.write(out);
        });
    }

    pub(super) fn add_counts_to(&self, parameters: &mut Object<'_>) {
        parameters.member("total", self.total);
        parameters.member("more", self.more);
    }
}

impl Row {
    fn write(&self, out: &mut Vec<u8>) {
        json::object(out, |row| {
            row.member("queue_id", self.queue_id);
            row.member("sender", self.sender.number());
            row.member("sender_kind", self.sender.kind().word());
            row.member("recipient", self.recipient.number());
            row.raw("content", self.content.as_str());
            row.member("queued_at", self.queued_at);
            if let Some(ws_id) = &self.ws_id {
                row.member("ws_id", ws_id);
            }
        });
    }
}
