//! What may be in the store after what was asked and what was answered.
//!
//! **What was answered has been done; what was not may have been**, whole or not at all. Time moves on
//! with every operation, so a moment tells which of them has changed something.

use std::{sync::Arc, time::Duration};

use nile_instance::{
    clock::Timestamp,
    store::{Authority, LiveToken, MessageState, NewMessage, QueueOptions},
    token::TokenHash,
};
use nile_protocol::party::{PartyId, PartyKind};

use super::known::Known;

/// How long a message waits, and how long it is remembered then.
pub(super) const LIFE: Duration = Duration::from_hours(1);

pub(super) fn queue_options() -> QueueOptions {
    QueueOptions {
        life: LIFE,
        unacknowledged_life: LIFE,
        kept: LIFE,
        ..QueueOptions::default()
    }
}

/// What is stored about a party.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Account {
    pub(super) information: Box<str>,
    pub(super) current: usize,
    pub(super) next: Option<usize>,
}

/// A party that was told its number.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) id: PartyId,
    /// All it was ever given; an account tells them by their places.
    pub(super) tokens: Vec<TokenHash>,
    pub(super) account: Known<Option<Account>>,
}

/// Where a message is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Place {
    Nowhere,
    Waits {
        sent: Timestamp,
    },
    Ended {
        sent: Timestamp,
        state: MessageState,
        since: Timestamp,
    },
}

/// A message that the store was asked to take.
#[derive(Debug)]
pub(super) struct Letter {
    /// If it is known.
    pub(super) queue_id: Option<i64>,
    pub(super) from: PartyId,
    /// As it is stored.
    pub(super) to: PartyId,
    /// The letter that it answers.
    pub(super) answers: Option<usize>,
    pub(super) name: Option<Box<str>>,
    pub(super) content: Arc<str>,
    /// When it was first asked for.
    pub(super) asked: Timestamp,
    /// Whether that was not answered.
    pub(super) doubtful: bool,
    pub(super) place: Known<Place>,
}

/// Messages of which one operation, which was not answered, ends all or none.
#[derive(Debug)]
pub(super) struct Together {
    pub(super) at: Timestamp,
    pub(super) letters: Vec<usize>,
}

#[derive(Debug, Default)]
pub(super) struct Model {
    pub(super) members: Vec<Member>,
    pub(super) letters: Vec<Letter>,
    pub(super) together: Vec<Together>,
    /// The newest number of a client, a node, and a message.
    pub(super) newest: [i64; 3],
    /// How many writes were refused.
    pub(super) refused: u32,
}

impl Model {
    /// A number was given that nobody may have had before.
    pub(super) fn given(&mut self, of: usize, number: i64) {
        let newest = self.newest[of];
        assert!(number > newest, "{number} was given after {newest}");
        self.newest[of] = number;
    }

    /// A message of this number is there; it may have been stored without an answer.
    pub(super) fn found(&mut self, queue_id: i64) {
        self.newest[2] = self.newest[2].max(queue_id);
    }

    pub(super) fn index(kind: PartyKind) -> usize {
        usize::from(kind == PartyKind::Node)
    }

    /// Those of whom it is certain that they are there.
    pub(super) fn present(&self, kind: PartyKind) -> Vec<&Member> {
        let members = self.members.iter();
        members
            .filter(|member| member.id.kind() == kind && member.account.must_be(Option::is_some))
            .collect()
    }

    /// The letters, in the order of asking, of which nobody was told whether they were stored, although it
    /// can be found out.
    pub(super) fn doubtful(&self) -> Vec<usize> {
        let letters = self.letters.iter().enumerate();
        let doubtful = letters.filter(|(_, letter)| letter.doubtful && letter.name.is_some());
        doubtful.map(|(letter, _)| letter).collect()
    }

    /// If one of these was stored, those were that were asked for before, unless there was a reason.
    pub(super) fn assert_in_order(&self, doubtful: &[usize]) {
        let is_there = |id| {
            let found = self.members.iter().find(|member| member.id == id);
            found.is_some_and(|member| member.account.must_be(Option::is_some))
        };
        let letters = doubtful.iter().map(|letter| &self.letters[*letter]);
        let free =
            |letter: &&Letter| letter.answers.is_none() && letter.from.kind() == PartyKind::Client;
        let letters = letters.filter(free).filter(|letter| is_there(letter.to));
        assert!(
            letters.is_sorted_by_key(|letter| letter.queue_id.is_none()),
            "{self:?}"
        );
    }

    /// Changes letters as an operation at `now` does that was answered, or that was not and does this to
    /// all of them or to none.
    pub(super) fn end(
        &mut self,
        letters: Vec<usize>,
        state: MessageState,
        now: Timestamp,
        answered: bool,
    ) {
        for &letter in &letters {
            let place = &mut self.letters[letter].place;
            place.change(answered, |place| place.ended(state, now));
        }
        if !answered {
            let waited = |letter: &usize| {
                let place = &self.letters[*letter].place;
                place.must_be(|place| !matches!(place, Place::Nowhere))
                    && place.may_be(
                        |place| matches!(place, Place::Ended { since, .. } if *since == now),
                    )
            };
            let letters = letters.into_iter().filter(waited).collect();
            self.together.push(Together { at: now, letters });
        }
    }
}

impl Account {
    /// Which of its tokens this is, if it is live.
    pub(super) fn live(&self, token: usize) -> Option<LiveToken> {
        if self.current == token {
            Some(LiveToken::Current)
        } else {
            (self.next == Some(token)).then_some(LiveToken::Next)
        }
    }

    /// What it is after this token was used.
    pub(super) fn used(&self, token: usize) -> Self {
        let mut account = self.clone();
        if self.next == Some(token) {
            account.current = token;
            account.next = None;
        }
        account
    }
}

impl Letter {
    pub(super) fn message(&self, answers: Option<i64>) -> NewMessage {
        NewMessage {
            from: self.from,
            authority: Authority::Session,
            to: answers.is_none().then_some(self.to),
            answers,
            id: self.name.clone(),
            content: Arc::clone(&self.content),
        }
    }

    pub(super) fn waits(&self) -> bool {
        self.place
            .must_be(|place| matches!(place, Place::Waits { .. }))
    }
}

impl Place {
    /// Where it is after it was ended, if it waited.
    pub(super) fn ended(self, state: MessageState, since: Timestamp) -> Self {
        match self {
            Self::Waits { sent } => Self::Ended { sent, state, since },
            other => other,
        }
    }

    /// Where it is after a sweep.
    pub(super) fn swept(self, now: Timestamp) -> Self {
        match self {
            Self::Waits { sent } if now.since(sent) >= LIFE => {
                self.ended(MessageState::Expired, now)
            }
            Self::Ended { since, .. } if now.since(since) >= LIFE => Self::Nowhere,
            other => other,
        }
    }

    pub(super) fn is(self, state: MessageState) -> bool {
        match self {
            Self::Nowhere => false,
            Self::Waits { .. } => state == MessageState::Stored,
            Self::Ended { state: ended, .. } => state == ended,
        }
    }
}
