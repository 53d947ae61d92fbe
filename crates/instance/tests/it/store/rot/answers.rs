//! Everything that the store can be asked of what it holds, and how two answers differ.

use nile_instance::{
    error::Fault,
    store::{Authority, ListedNode, LoggedIn, MessageRef, Page, Pending, Status, Store, Waiting},
};
use nile_protocol::party::PartyId;

use super::world::World;
use crate::store::{
    NOW,
    message::{ALL, done},
};

/// One answer.
#[derive(Debug)]
pub(super) enum Answer {
    Login(Result<Option<LoggedIn>, Fault>),
    Page(Result<Page, Fault>),
    Pending(Result<Pending, Fault>),
    Status(Result<Option<Status>, Fault>),
    Nodes(Result<Vec<ListedNode>, Fault>),
}

/// The answers to all questions, in one order.
#[derive(Debug, Default)]
pub(super) struct Answers(pub(super) Vec<Answer>);

/// What became of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Difference {
    /// Nothing.
    Same,
    /// It is an error.
    Refused,
    /// Something is not in it.
    Missing,
    /// It says something else.
    Wrong,
}

/// Asks everything.
pub(super) async fn ask(store: &Store, world: &World) -> Answers {
    let mut answers = Vec::new();
    let logins: Vec<_> = world
        .tokens
        .iter()
        .map(|(party, token)| store.log_in(*party, *token, ALL, NOW))
        .collect();
    for login in logins {
        answers.push(Answer::Login(login.await));
    }
    let parties: Vec<PartyId> = world.tokens.iter().map(|(party, _)| *party).collect();
    let pages: Vec<_> = parties
        .iter()
        .map(|party| store.page(*party, 0, ALL))
        .collect();
    let pending: Vec<_> = parties
        .iter()
        .map(|party| store.pending(*party, 0, ALL))
        .collect();
    for page in pages {
        answers.push(Answer::Page(page.await));
    }
    for pending in pending {
        answers.push(Answer::Pending(pending.await));
    }
    answers.extend(statuses(store, world).await);
    answers.push(Answer::Nodes(
        store.approved_among(world.nodes.clone()).await,
    ));
    answers.push(Answer::Nodes(store.http_nodes().await));
    Answers(answers)
}

async fn statuses(store: &Store, world: &World) -> Vec<Answer> {
    let mut asked = Vec::new();
    for (queue_id, from, name) in &world.messages {
        let by_name = name
            .as_ref()
            .map(|name| MessageRef::Id(name.as_str().into()));
        for message in [Some(MessageRef::QueueId(*queue_id)), by_name]
            .into_iter()
            .flatten()
        {
            asked.push(store.message_status(*from, Authority::Session, message, NOW));
        }
    }
    let mut answers = Vec::new();
    for status in asked {
        answers.push(Answer::Status(status.await.map(done)));
    }
    answers
}

impl Answers {
    /// How each of these differs from what it should be.
    pub(super) fn differences<'a>(
        &'a self,
        whole: &'a Self,
    ) -> impl Iterator<Item = (Difference, &'a Answer)> {
        assert_eq!(self.0.len(), whole.0.len());
        self.0
            .iter()
            .zip(&whole.0)
            .map(|(answer, whole)| (answer.difference(whole), answer))
    }

    /// What is wrong in these, for people.
    pub(super) fn wrong(&self, whole: &Self) -> String {
        let wrong = self
            .differences(whole)
            .filter(|(difference, _)| *difference == Difference::Wrong);
        let wrong: Vec<_> = wrong.map(|(_, answer)| format!("{answer:.400?}")).collect();
        wrong.join("\n")
    }

    /// The worst difference.
    pub(super) fn worst(&self, whole: &Self) -> Difference {
        self.differences(whole)
            .map(|(difference, _)| difference)
            .max()
            .unwrap()
    }
}

impl Answer {
    fn difference(&self, whole: &Self) -> Difference {
        match (self, whole) {
            (Self::Login(a), Self::Login(b)) => differ(a, b, |a, b| match (a, b) {
                (None, Some(_)) => true,
                (Some(a), Some(b)) => a.party == b.party && lacks_page(&a.page, &b.page),
                _ => false,
            }),
            (Self::Page(a), Self::Page(b)) => differ(a, b, lacks_page),
            (Self::Pending(a), Self::Pending(b)) => differ(a, b, |a, b| {
                (a.end, a.newest) == (b.end, b.newest) && lacks(&a.rows, &b.rows)
            }),
            (Self::Status(a), Self::Status(b)) => differ(a, b, |a, _| a.is_none()),
            (Self::Nodes(a), Self::Nodes(b)) => differ(a, b, |a, b| lacks(a, b)),
            _ => unreachable!("all are asked in one order"),
        }
    }
}

fn lacks_page(page: &Page, whole: &Page) -> bool {
    let same = |page: &Page| (page.total, page.newest, page.acknowledges);
    // A queue whose row is gone is one that was never written to.
    (same(page) == same(whole) || same(page) == (0, 0, false))
        && lacks::<Waiting>(&page.rows, &whole.rows)
}

/// Whether `rows` are some of `whole`, in its order.
fn lacks<T: PartialEq>(rows: &[T], whole: &[T]) -> bool {
    let mut whole = whole.iter();
    rows.iter().all(|row| whole.any(|other| other == row))
}

fn differ<T: PartialEq>(
    answer: &Result<T, Fault>,
    whole: &Result<T, Fault>,
    lacks: impl Fn(&T, &T) -> bool,
) -> Difference {
    match (answer, whole) {
        (Err(_), _) => Difference::Refused,
        (Ok(answer), Ok(whole)) if answer == whole => Difference::Same,
        (Ok(answer), Ok(whole)) if lacks(answer, whole) => Difference::Missing,
        _ => Difference::Wrong,
    }
}
