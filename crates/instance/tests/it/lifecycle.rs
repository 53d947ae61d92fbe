//! How an instance starts, what it says when it cannot, and how it ends.

mod checking;
mod draining;
mod exhausted;
mod starting;
