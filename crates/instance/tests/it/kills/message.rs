//! One message, and what is known of it.

use std::fmt;

use nile_protocol::party::PartyId;

/// Its number among all that were ever asked for here. A sender's grow.
pub(super) type Serial = usize;

/// How often the process was started before.
pub(super) type Life = u32;

pub(super) struct Message {
    pub(super) from: PartyId,
    pub(super) to: PartyId,
    /// Its sender's string id for it: with one it is asked for until it is answered.
    pub(super) name: Option<String>,
    /// What its recipient gets, byte for byte.
    pub(super) content: String,
    /// The request that it answers.
    pub(super) answers: Option<Serial>,
    /// The number that the server has given it, once somebody was told.
    pub(super) queue_id: Option<i64>,
    /// Its sender was told.
    pub(super) answered: bool,
    pub(super) sent: Sent,
    pub(super) acknowledged: Doubt,
    pub(super) withdrawn: Doubt,
    /// Since when it is sure to wait no more, for whatever reason.
    pub(super) gone: Option<u64>,
    /// When anything about it was last asked for.
    pub(super) touched: u64,
    /// What happened to it, and in which life.
    pub(super) history: Vec<(Life, &'static str)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sent {
    /// It was asked for, at last in this life, and not answered.
    Asked(Life),
    Accepted,
    /// It was not stored, and is not being asked for.
    Never,
}

/// Whether something was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Doubt {
    No,
    /// It was asked for, at last in this life, and not answered.
    Perhaps(Life),
    Yes,
}

impl Doubt {
    /// It is asked for.
    pub(super) fn ask(&mut self, life: Life) {
        if *self != Self::Yes {
            *self = Self::Perhaps(life);
        }
    }

    /// Whether it was asked for in another life, and never answered.
    pub(super) fn is_of_another(self, life: Life) -> bool {
        matches!(self, Self::Perhaps(asked) if asked != life)
    }
}

impl Message {
    /// Whether it may wait for its recipient.
    pub(super) fn may_wait(&self) -> bool {
        self.sent != Sent::Never
            && self.acknowledged != Doubt::Yes
            && self.withdrawn != Doubt::Yes
            && self.gone.is_none()
    }

    /// Whether nothing that was asked about it in this life can have changed it since.
    pub(super) fn is_at_rest(&self, life: Life) -> bool {
        let now = Doubt::Perhaps(life);
        self.sent != Sent::Asked(life) && self.acknowledged != now && self.withdrawn != now
    }
}

/// What it is, and what happened to it.
impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (beginning, _) = self.content.split_at(self.content.len().min(50));
        write!(
            f,
            "{:?} {beginning} from {} to {}",
            self.queue_id, self.from, self.to
        )?;
        for (life, what) in &self.history {
            write!(f, ", {what} ({life})")?;
        }
        Ok(())
    }
}
