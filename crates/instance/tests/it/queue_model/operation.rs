//! What can happen, and how often.
//!
//! Everything is named by small numbers that mean something only when it happens, so that any operations
//! make sense in any order, and shrink well.

use proptest::{collection::vec, option, prelude::*};

/// How many clients there are, and how many nodes.
pub(super) const OF_A_KIND: usize = 2;

/// How many connections a party has at most.
pub(super) const SLOTS: usize = 3;

/// One of the parties, by its place among them.
pub(super) type Who = usize;

#[derive(Clone, Debug)]
pub(super) enum Operation {
    Send(Send),
    /// These are asked for at once, on connections of their own: to send, answering nothing, and to log in.
    SendAndLogin(Vec<Send>, Login),
    Login(Login),
    /// A message that was pushed is acknowledged; the next thing on that connection follows.
    Acknowledge {
        who: Who,
        slot: usize,
        which: usize,
        then: Then,
    },
    Process {
        who: Who,
        which: Vec<usize>,
    },
    Withdraw {
        who: Who,
        which: usize,
    },
    Status {
        who: Who,
        which: usize,
    },
    Leave {
        who: Who,
        slot: usize,
        how: Leave,
    },
    Delete(Who),
    Restart,
}

#[derive(Clone, Debug)]
pub(super) struct Send {
    pub(super) who: Who,
    /// Which of the other kind.
    pub(super) to: usize,
    pub(super) way: Way,
    /// The string id, out of a few, with one of a few contents; without an id every content is new.
    pub(super) name: Option<(u8, u8)>,
    /// Which message it answers. Clients answer nothing.
    pub(super) answers: Option<usize>,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Way {
    Channel,
    Queue,
    Forward,
    /// Without a recipient, which only an answer can do.
    Back,
}

#[derive(Clone, Debug)]
pub(super) struct Login {
    pub(super) who: Who,
    pub(super) slot: usize,
    pub(super) limit: Option<u32>,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Then {
    Ask,
    Leave(Leave),
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Leave {
    Logout,
    Close,
    Abort,
}

pub(super) fn operations() -> impl Strategy<Value = Vec<Operation>> {
    vec(operation(), 1..120)
}

fn operation() -> impl Strategy<Value = Operation> {
    let acknowledgement = (who(), slot(), any_message(), then());
    let leaving = (who(), slot(), leave());
    prop_oneof![
        30 => send().prop_map(Operation::Send),
        8 => (vec(send(), 1..5), login()).prop_map(|(mut sends, login)| {
            for send in &mut sends {
                send.answers = None;
            }
            Operation::SendAndLogin(sends, login)
        }),
        16 => login().prop_map(Operation::Login),
        10 => acknowledgement.prop_map(|(who, slot, which, then)| {
            Operation::Acknowledge { who, slot, which, then }
        }),
        10 => (who(), vec(any_message(), 0..4)).prop_map(|(who, which)| {
            Operation::Process { who, which }
        }),
        3 => (who(), any_message()).prop_map(|(who, which)| Operation::Withdraw { who, which }),
        3 => (who(), any_message()).prop_map(|(who, which)| Operation::Status { who, which }),
        10 => leaving.prop_map(|(who, slot, how)| Operation::Leave { who, slot, how }),
        1 => Just(Operation::Restart),
        1 => (0..8 * OF_A_KIND).prop_filter_map("seldom", |who| {
            (who < 2 * OF_A_KIND).then_some(Operation::Delete(who))
        }),
    ]
}

fn send() -> impl Strategy<Value = Send> {
    let way = prop_oneof![
        4 => Just(Way::Channel),
        4 => Just(Way::Queue),
        2 => Just(Way::Forward),
        1 => Just(Way::Back),
    ];
    let name = option::weighted(0.4, (0..4_u8, 0..2_u8));
    let answers = option::weighted(0.4, any_message());
    (who(), 0..OF_A_KIND, way, name, answers).prop_map(|(who, to, way, name, answers)| Send {
        who,
        to,
        way,
        name,
        answers,
    })
}

fn login() -> impl Strategy<Value = Login> {
    let limit = option::weighted(0.4, 0..4_u32);
    (who(), slot(), limit).prop_map(|(who, slot, limit)| Login { who, slot, limit })
}

fn who() -> impl Strategy<Value = Who> {
    0..2 * OF_A_KIND
}

fn slot() -> impl Strategy<Value = usize> {
    0..SLOTS
}

/// A message, counted back from the newest; sometimes one that does not exist.
fn any_message() -> impl Strategy<Value = usize> {
    prop_oneof![8 => 0..8_usize, 2 => 0..50_usize]
}

fn then() -> impl Strategy<Value = Then> {
    prop_oneof![3 => Just(Then::Ask), 2 => leave().prop_map(Then::Leave)]
}

fn leave() -> impl Strategy<Value = Leave> {
    prop_oneof![Just(Leave::Logout), Just(Leave::Close), Just(Leave::Abort)]
}
