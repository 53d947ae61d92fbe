//! Looking at everything in a store, and comparing it with what may be there.

use std::future::Future;

use futures_util::{future::join_all, join};
use nile_instance::store::{
    Authenticated, Authority, Limit, MessageRef, MessageState, Page, Status, Store, Submission,
    Waiting,
};
use nile_protocol::party::PartyId;
use rusqlite::Connection;

use super::{
    model::{Letter, Member, Model, Place, Together},
    operation::done,
};
use crate::store::{NOW, assert_totals};

const ALL: Limit = Limit {
    messages: 10_000,
    bytes: 1 << 30,
};

/// Nothing in the database contradicts anything else in it.
pub(super) fn assert_whole(door: &Connection) {
    let check = door.query_row("PRAGMA integrity_check", [], |row| row.get::<_, String>(0));
    assert_eq!(check.unwrap(), "ok");
    let mode = door.query_row("PRAGMA journal_mode", [], |row| row.get::<_, String>(0));
    assert_eq!(
        mode.unwrap(),
        "wal",
        "whoever reads keeps others from writing"
    );
    assert_totals(door);
}

impl Model {
    /// Looks at all that anybody could. From then on it is certain what is there.
    pub(super) async fn look(&mut self, store: &Store) {
        let accounts = join_all(self.ask_for_accounts(store));
        let places = join_all(self.letters.iter().map(|letter| letter.ask(store)));
        let parties: Vec<PartyId> = self.members.iter().map(|member| member.id).collect();
        let pages = join_all(parties.iter().map(|party| store.page(*party, 0, ALL)));
        let (accounts, places, pages) = join!(accounts, places, pages);

        let mut accounts = accounts.into_iter();
        for member in &mut self.members {
            let accounts = accounts.by_ref().take(member.tokens.len());
            member.see(accounts.map(Result::unwrap));
        }
        for (letter, seen) in self.letters.iter_mut().zip(places) {
            if let Some(seen) = seen {
                letter.see(seen);
            }
        }
        for (party, page) in parties.into_iter().zip(pages) {
            self.see_page(party, &page.unwrap());
        }
        self.conclude();
    }

    fn ask_for_accounts(&self, store: &Store) -> Vec<Submission<Option<Authenticated>>> {
        let members = self.members.iter();
        let tokens = members.flat_map(|member| member.tokens.iter().map(|hash| (member.id, *hash)));
        tokens
            .map(|(party, hash)| store.authenticate(party, hash, NOW))
            .collect()
    }

    /// What was done by one operation has been done as a whole.
    fn conclude(&mut self) {
        for letter in &self.letters {
            self.assert_answer_is_whole(letter);
        }
        for together in std::mem::take(&mut self.together) {
            self.assert_together(&together);
        }
        let numbers = self.letters.iter().filter_map(|letter| letter.queue_id);
        self.newest[2] = numbers.fold(self.newest[2], i64::max);
        for letter in &mut self.letters {
            letter.doubtful = false;
        }
    }

    fn see_page(&mut self, party: PartyId, page: &Page) {
        assert_eq!(page.rows.len() as u64, page.total, "{party}");
        assert!(page.rows.is_sorted_by_key(|row| row.queue_id));
        self.found(page.newest);
        for row in &page.rows {
            let own = |letter: &&mut Letter| letter.is(party, row);
            let letter = self.letters.iter_mut().find(own);
            let letter = letter.unwrap_or_else(|| panic!("nobody has sent {row:?}"));
            letter.queue_id = Some(row.queue_id);
            let waits = |place: &Place| {
                *place
                    == (Place::Waits {
                        sent: row.queued_at,
                    })
            };
            letter.place.see(row, waits);
        }
        for letter in self.letters.iter_mut().filter(|letter| letter.to == party) {
            if !page.rows.iter().any(|row| letter.is(party, row)) {
                let waits = |place: &Place| place.is(MessageState::Stored);
                letter
                    .place
                    .see(("not in its page", &letter.content), |place| !waits(place));
            }
            if letter.queue_id.is_none() {
                // Nobody can ask for it, and nobody will be told of it.
                letter.place.change(true, |_| Place::Nowhere);
            }
        }
    }

    /// An answer is there if, and only if, it has removed what it answers.
    fn assert_answer_is_whole(&self, letter: &Letter) {
        let Some(answered) = letter.answers.map(|place| &self.letters[place]) else {
            return;
        };
        let at = letter.asked;
        let removed = |place: &Place| matches!(place, Place::Ended { since, .. } if *since == at);
        let is_there = letter.place.must_be(|place| *place != Place::Nowhere);
        if letter.doubtful {
            let removed = answered.place.must_be(removed);
            let gone = answered.place.must_be(|place| *place == Place::Nowhere);
            assert!(
                removed == is_there || gone,
                "{letter:?} answers {answered:?}"
            );
        }
    }

    fn assert_together(&self, together: &Together) {
        let at = together.at;
        let ended = |place: &Place| matches!(place, Place::Ended { since, .. } if *since == at);
        let letters = together
            .letters
            .iter()
            .map(|place| &self.letters[*place].place);
        let (done, not): (Vec<_>, Vec<_>) = letters.partition(|place| place.must_be(ended));
        assert!(
            done.is_empty() || not.is_empty(),
            "{done:?} but not {not:?}"
        );
    }
}

impl Letter {
    fn is(&self, to: PartyId, row: &Waiting) -> bool {
        self.to == to && self.from == row.from && self.content == row.content
    }

    /// Asks where it is, if it has a number or a name. Otherwise it can only be found where it waits.
    fn ask(&self, store: &Store) -> impl Future<Output = Option<Option<Status>>> + use<> {
        let name = || self.name.clone().map(MessageRef::Id);
        let by = self.queue_id.map(MessageRef::QueueId).or_else(name);
        let asked = by.map(|by| store.message_status(self.from, Authority::Session, by, NOW));
        async { Some(done(asked?.await.unwrap())) }
    }

    fn see(&mut self, seen: Option<Status>) {
        let what = (self.from, self.to, self.queue_id, &seen);
        self.place.see(what, |place| match (*place, &seen) {
            (Place::Nowhere, None) => true,
            (Place::Waits { .. }, Some(seen)) => seen.state == MessageState::Stored,
            (Place::Ended { state, since, .. }, Some(seen)) => {
                (seen.state, seen.since) == (state, since)
            }
            _ => false,
        });
        self.queue_id = self.queue_id.or(seen.map(|seen| seen.queue_id));
    }
}

impl Member {
    /// What each of its tokens has shown.
    fn see(&mut self, accounts: impl Iterator<Item = Option<Authenticated>>) {
        for (token, seen) in accounts.enumerate() {
            let seen = seen.map(|seen| (seen.with, seen.information));
            self.account.see((self.id, token, &seen), |account| {
                let account = account.as_ref();
                let expected = account.and_then(|account| {
                    let with = account.live(token)?;
                    Some((with, account.information.clone()))
                });
                expected == seen
            });
        }
    }
}
