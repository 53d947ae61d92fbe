//! What a store is asked for, at random, and what follows from its answer.
//!
//! An operation is asked for when it begins, so many of them share a commit. What follows is noted in
//! the order of asking, which is the order of doing.

use std::{error::Error, future::Future, pin::Pin};

use fastrand::Rng;
use nile_instance::{
    clock::Timestamp,
    error::Fault,
    store::{
        Authority, Limit, MessageState, NewNode, NodeUpdate, Protocol, Proven, Sent, Store,
        Withdrawal,
    },
    token::TokenHash,
};
use nile_protocol::party::{PartyId, PartyKind};

use super::{
    known::Known,
    model::{Account, Letter, Member, Model, Place},
};

/// What is to be noted.
type Note = Box<dyn FnOnce(&mut Model)>;

/// An operation that was asked for.
pub(super) type Begun = Pin<Box<dyn Future<Output = Note>>>;

const HASH: &str = "QmNLfbof5rLekrACjeuLk9JmGZD2HDBHCU4z16iYKmx5SE";

/// What it takes to ask.
pub(super) struct Asking<'a> {
    pub(super) store: &'a Store,
    pub(super) model: &'a Model,
    pub(super) rng: &'a mut Rng,
    pub(super) now: Timestamp,
}

/// Waits, and notes what follows from the answer: `None` is a fault.
fn noted<T: 'static>(
    asked: impl Future<Output = Result<T, Fault>> + 'static,
    note: impl FnOnce(&mut Model, Option<T>) + 'static,
) -> Begun {
    Box::pin(async move {
        let answer = asked.await.inspect_err(assert_answered);
        let note: Note = Box::new(move |model| {
            model.refused += u32::from(answer.is_err());
            note(model, answer.ok());
        });
        note
    })
}

/// A store that cannot says so, and does not leave anybody waiting.
pub(super) fn assert_answered(fault: &Fault) {
    let reason = fault.source().map(ToString::to_string);
    assert_ne!(reason.as_deref(), Some("timed out"), "{fault}");
}

impl Asking<'_> {
    pub(super) fn any(&mut self) -> Begun {
        match self.rng.u8(..100) {
            0..10 => self.register(),
            10..20 => self.update(),
            20..26 => self.rotate(),
            26 => self.delete(),
            27..55 => self.send(),
            55..65 => self.answer(),
            65..72 => self.repeat(),
            72..92 => self.remove(),
            92..98 => self.withdraw(),
            _ => self.sweep(),
        }
    }

    pub(super) fn register(&mut self) -> Begun {
        let kind = self.rng.choice([PartyKind::Client, PartyKind::Node]);
        self.register_a(kind.unwrap_or(PartyKind::Client))
    }

    pub(super) fn register_a(&mut self, kind: PartyKind) -> Begun {
        let token = self.token();
        let information = self.information();
        let account = Account {
            information: information.clone(),
            current: 0,
            next: None,
        };
        let register = move |model: &mut Model, id: Option<PartyId>| {
            let Some(id) = id else { return };
            model.given(Model::index(kind), id.number());
            model.members.push(Member {
                id,
                tokens: vec![token],
                account: Known::new(Some(account)),
            });
        };
        if kind == PartyKind::Client {
            let asked = self.store.register_client(token, information, self.now);
            return noted(async { asked.await.map(PartyId::Client) }, register);
        }
        let node = NewNode {
            hash: HASH.into(),
            information,
            protocol: Protocol::WebSocket,
            approved: true,
            delivery: None,
        };
        let asked = self.store.register_node(token, node, self.now);
        noted(async { asked.await.map(PartyId::Node) }, register)
    }

    fn update(&mut self) -> Begun {
        let Some((member, token)) = self.member() else {
            return self.register();
        };
        let information = self.information();
        let (id, hash) = (self.model.members[member].id, self.hash(member, token));
        let asked = match id {
            PartyId::Client(id) => {
                self.store
                    .update_client(id, hash, information.clone(), self.now)
            }
            PartyId::Node(id) => {
                let update = NodeUpdate {
                    hash: None,
                    information: Some(information.clone()),
                };
                self.store.update_node(id, hash, update, self.now)
            }
        };
        noted(asked, move |model, answer| {
            proven(model, member, token, answer.as_ref(), |account| {
                Some(Account {
                    information: information.clone(),
                    ..account
                })
            });
        })
    }

    fn rotate(&mut self) -> Begun {
        let Some((member, token)) = self.member() else {
            return self.register();
        };
        let new = self.token();
        let (id, hash) = (self.model.members[member].id, self.hash(member, token));
        let asked = self.store.rotate_token(id, hash, new, self.now);
        noted(asked, move |model, answer| {
            let tokens = &mut model.members[member].tokens;
            let place = tokens.len();
            tokens.push(new);
            proven(model, member, token, answer.as_ref(), |account| {
                Some(Account {
                    next: Some(place),
                    ..account
                })
            });
        })
    }

    fn delete(&mut self) -> Begun {
        let Some((member, token)) = self.member() else {
            return self.register();
        };
        let (id, hash) = (self.model.members[member].id, self.hash(member, token));
        let (asked, now) = (self.store.delete(id, hash, self.now), self.now);
        noted(asked, move |model, answer| {
            proven(model, member, token, answer.as_ref(), |_| None);
            if matches!(answer, Some(Proven::InvalidToken)) {
                return;
            }
            let letters = model.letters.iter().enumerate();
            let waiting = letters.filter(|(_, letter)| letter.to == id);
            let waiting = waiting.map(|(letter, _)| letter).collect();
            model.end(waiting, MessageState::Refused, now, answer.is_some());
        })
    }

    pub(super) fn send(&mut self) -> Begun {
        let clients = self.model.present(PartyKind::Client);
        let nodes = self.model.present(PartyKind::Node);
        let (Some(client), Some(node)) = (self.rng.choice(clients), self.rng.choice(nodes)) else {
            return self.register();
        };
        let (from, to) = if self.rng.u8(..4) == 0 {
            (node.id, client.id)
        } else {
            (client.id, node.id)
        };
        let letter = self.letter(from, to, None);
        self.submit(letter, None)
    }

    /// Sends what also removes what it answers.
    fn answer(&mut self) -> Begun {
        let Some((answers, queue_id)) = self.waiting() else {
            return self.send();
        };
        let request = &self.model.letters[answers];
        let letter = self.letter(request.to, request.from, Some(answers));
        self.submit(letter, Some(queue_id))
    }

    fn submit(&mut self, letter: Letter, queue_id: Option<i64>) -> Begun {
        let (asked, now) = (
            self.store.send(letter.message(queue_id), self.now),
            self.now,
        );
        noted(asked, move |model, answer| {
            let answered = answer.is_some();
            match answer.map(done) {
                None => {}
                Some(Sent::Stored { queue_id, to, .. }) => {
                    assert_eq!(to, letter.to);
                    model.given(2, queue_id);
                    model.letters.push(Letter {
                        queue_id: Some(queue_id),
                        place: Known::new(Place::Waits { sent: now }),
                        doubtful: false,
                        ..letter
                    });
                    return model.answered(letter.answers, now, true);
                }
                Some(Sent::NotPending | Sent::UnknownRecipient) => return,
                Some(other) => panic!("{other:?}"),
            }
            let answers = letter.answers;
            model.letters.push(letter);
            model.answered(answers, now, answered);
        })
    }

    /// Sends something once more that has a name.
    fn repeat(&mut self) -> Begun {
        let letters = self.model.letters.iter().enumerate();
        let named = letters.filter(|(_, letter)| letter.name.is_some() && letter.answers.is_none());
        let named: Vec<_> = named.collect();
        let Some((letter, found)) = self.rng.choice(named) else {
            return self.send();
        };
        let (asked, now) = (self.store.send(found.message(None), self.now), self.now);
        noted(asked, move |model, answer| {
            let Some(answer) = answer.map(done) else {
                let place = &mut model.letters[letter].place;
                return place.change(false, |place| place.sent(now));
            };
            let found = &mut model.letters[letter];
            match answer {
                Sent::Repeated {
                    queue_id, state, ..
                } => {
                    found.place.see((queue_id, state), |place| place.is(state));
                    let known = *found.queue_id.get_or_insert(queue_id);
                    assert_eq!(known, queue_id);
                    model.found(queue_id);
                }
                Sent::Stored { queue_id, .. } => {
                    let is_nowhere = |place: &Place| *place == Place::Nowhere;
                    found.place.see(("stored again", queue_id), is_nowhere);
                    found.place.change(true, |place| place.sent(now));
                    found.queue_id = Some(queue_id);
                    model.given(2, queue_id);
                }
                Sent::UnknownRecipient => {
                    found.place.see("unknown", |place| *place == Place::Nowhere);
                }
                other => panic!("{other:?}"),
            }
        })
    }

    /// Removes some of a party's messages, in one of two ways.
    fn remove(&mut self) -> Begun {
        let Some((first, _)) = self.waiting() else {
            return self.send();
        };
        let party = self.model.letters[first].to;
        let letters = self.model.letters.iter().enumerate();
        let own = letters.filter_map(|(place, letter)| Some((place, letter.queue_id?, letter.to)));
        let own = own.filter(|(place, _, to)| *to == party && (*place == first || self.rng.bool()));
        let asked: Vec<_> = own.map(|(place, id, _)| (place, id)).collect();
        let ids = asked.iter().map(|(_, id)| *id).collect();
        let now = self.now;
        let note = move |model: &mut Model, ended: Option<Vec<i64>>| {
            // One that was forgotten and sent again has another number by now.
            let same = |(letter, id): (usize, i64)| {
                (model.letters[letter].queue_id == Some(id)).then_some(letter)
            };
            let letters: Vec<_> = asked.into_iter().filter_map(same).collect();
            for &letter in &letters {
                let Some(ended) = &ended else { break };
                let found = &mut model.letters[letter];
                let was_there = found.queue_id.is_some_and(|id| ended.contains(&id));
                let waited = |place: &Place| place.is(MessageState::Stored) == was_there;
                found.place.see(("removed", was_there), waited);
            }
            model.end(letters, MessageState::Delivered, now, ended.is_some());
        };
        let numbers = |ended: Vec<nile_instance::store::Ended>| {
            ended.iter().map(|ended| ended.queue_id).collect()
        };
        if self.rng.bool() {
            let asked = self.store.acknowledge(party, ids, now);
            return noted(async move { asked.await.map(numbers) }, note);
        }
        let limit = Limit {
            messages: 10,
            bytes: 1 << 20,
        };
        let asked = self
            .store
            .process(party, Authority::Session, ids, limit, now);
        noted(
            async move { asked.await.map(|processed| numbers(done(processed).ended)) },
            note,
        )
    }

    fn withdraw(&mut self) -> Begun {
        let Some((letter, queue_id)) = self.waiting() else {
            return self.send();
        };
        let (from, now) = (self.model.letters[letter].from, self.now);
        let asked = self.store.withdraw(from, Authority::Session, queue_id, now);
        noted(asked, move |model, answer| {
            let answered = answer.is_some();
            if let Some(answer) = answer.map(done) {
                let was_there = matches!(answer, Withdrawal::Withdrawn(Some(_)));
                let waited = |place: &Place| place.is(MessageState::Stored) == was_there;
                model.letters[letter].place.see(answer, waited);
            }
            model.end(vec![letter], MessageState::Withdrawn, now, answered);
        })
    }

    fn sweep(&mut self) -> Begun {
        let (asked, now) = (self.store.sweep(0, self.now), self.now);
        noted(asked, move |model, answer| {
            // It has looked at everything, as there are fewer than it looks at in one go.
            assert!(model.letters.len() < 250);
            for letter in &mut model.letters {
                letter
                    .place
                    .change(answer.is_some(), |place| place.swept(now));
            }
        })
    }

    /// A message that waits, and its number.
    fn waiting(&mut self) -> Option<(usize, i64)> {
        let letters = self.model.letters.iter().enumerate();
        let waiting = letters.filter(|(_, letter)| letter.waits());
        let waiting: Vec<_> = waiting
            .filter_map(|(place, letter)| Some((place, letter.queue_id?)))
            .collect();
        self.rng.choice(waiting)
    }

    /// Somebody, and a token that it was given.
    fn member(&mut self) -> Option<(usize, usize)> {
        let member = self.rng.choice(0..self.model.members.len())?;
        let token = self
            .rng
            .choice(0..self.model.members[member].tokens.len())?;
        Some((member, token))
    }

    fn hash(&self, member: usize, token: usize) -> TokenHash {
        self.model.members[member].tokens[token]
    }

    fn token(&mut self) -> TokenHash {
        let mut secret = [0; 32];
        self.rng.fill(&mut secret);
        TokenHash::of(&secret)
    }

    /// Of any length, from nothing to several pages.
    fn text(&mut self) -> String {
        let length = self.rng.choice([0, 10, 300, 5_000]).unwrap_or_default();
        format!("{} {}", self.now.0, "x".repeat(length))
    }

    fn information(&mut self) -> Box<str> {
        let text = self.text();
        format!(r#"{{ "name": "{text}" }}"#).into()
    }

    /// No two have the same content. An answer has a name, so that it can be told whether it was stored.
    fn letter(&mut self, from: PartyId, to: PartyId, answers: Option<usize>) -> Letter {
        let name = (answers.is_some() || self.rng.bool()).then(|| self.now.0.to_string().into());
        Letter {
            queue_id: None,
            from,
            to,
            answers,
            name,
            content: format!("{:?}", self.text()).into(),
            asked: self.now,
            doubtful: true,
            place: Known::unsure(Place::Nowhere, Place::Waits { sent: self.now }),
        }
    }
}

impl Model {
    /// A letter was sent that removes the one that it answers.
    fn answered(&mut self, answers: Option<usize>, now: Timestamp, answered: bool) {
        let Some(answers) = answers else { return };
        if answered {
            let place = &mut self.letters[answers].place;
            place.see("answered", |place| place.is(MessageState::Stored));
        }
        self.end(vec![answers], MessageState::Delivered, now, answered);
    }
}

impl Place {
    fn sent(self, now: Timestamp) -> Self {
        if self == Self::Nowhere {
            Self::Waits { sent: now }
        } else {
            self
        }
    }
}

/// What came of something that needed no token.
pub(super) fn done<T>(proven: Proven<T>) -> T {
    match proven {
        Proven::Done { outcome, .. } => outcome,
        Proven::InvalidToken => panic!("a token was refused, and none was there"),
    }
}

/// Notes what somebody has done to its own account.
fn proven<T>(
    model: &mut Model,
    member: usize,
    token: usize,
    answer: Option<&Proven<T>>,
    change: impl Fn(Account) -> Option<Account>,
) {
    let account = &mut model.members[member].account;
    if let Some(answer) = answer {
        let was_live = matches!(answer, Proven::Done { .. });
        account.see(("the token was live", was_live), |account| {
            is_live(account.as_ref(), token) == was_live
        });
    }
    account.change(answer.is_some(), |account| match account {
        Some(account) if account.live(token).is_some() => change(account.used(token)),
        other => other.clone(),
    });
}

fn is_live(account: Option<&Account>, token: usize) -> bool {
    account.is_some_and(|account| account.live(token).is_some())
}
