//! What became of a message, as its sender is told.

use crate::json::Object;

/// Where a message has come to. All but the first are its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MessageState {
    /// It waits for its recipient.
    Stored,
    /// Its recipient has it.
    Delivered,
    /// It waited longer than messages may.
    Expired,
    /// Its recipient is gone and will not have it.
    Refused,
    /// Its sender took it back.
    Withdrawn,
}

/// The present state of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageStatus {
    /// Its number.
    pub queue_id: i64,
    /// The text by which its sender calls it, if it has one.
    pub id: Option<String>,
    /// Where it has come to.
    pub state: MessageState,
    /// Since when, in Unix milliseconds.
    pub since: i64,
    /// Whether it is not pushed any more, though it still waits.
    pub parked: bool,
}

impl MessageState {
    /// The word on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Stored => "stored",
            Self::Delivered => "delivered",
            Self::Expired => "expired",
            Self::Refused => "refused",
            Self::Withdrawn => "withdrawn",
        }
    }
}

impl MessageStatus {
    pub(super) fn add_to(&self, parameters: &mut Object<'_>) {
        parameters.member("queue_id", self.queue_id);
        if let Some(id) = &self.id {
            parameters.member("id", id);
        }
        parameters.member("state", self.state.as_str());
        parameters.member("since", self.since);
        if self.parked {
            parameters.member("parked", true);
        }
    }
}
