//! The order of what happens, and what the instance has handed over in that order.
//!
//! A simulation is one thread's, and so are these: the forms in which connections are told things have no
//! place to keep anything.

use std::cell::{Cell, RefCell};

use serde::Deserialize;
use serde_json::value::RawValue;

/// A step of the simulation: what has a greater one came later.
pub(super) type Moment = u64;

thread_local! {
    static NOW: Cell<Moment> = const { Cell::new(0) };
    static HANDED: RefCell<Vec<Delivery>> = const { RefCell::new(Vec::new()) };
}

/// A message, as its recipient is told of it.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Delivery {
    pub(super) queue_id: i64,
    pub(super) sender: i64,
    pub(super) sender_kind: String,
    pub(super) recipient: Option<i64>,
    pub(super) content: Box<RawValue>,
}

pub(super) fn begin() {
    NOW.set(0);
    HANDED.take();
}

pub(super) fn now() -> Moment {
    NOW.get()
}

pub(super) fn next() {
    NOW.set(NOW.get() + 1);
}

/// The instance has written these for a connection.
pub(super) fn handed(deliveries: impl IntoIterator<Item = Delivery>) {
    HANDED.with_borrow_mut(|handed| handed.extend(deliveries));
}

/// What was handed over since this was last asked.
pub(super) fn take_handed() -> Vec<Delivery> {
    HANDED.take()
}
