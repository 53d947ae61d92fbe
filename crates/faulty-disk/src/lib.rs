//! A disk in memory, for `SQLite`, that fails, fills up and loses power when a test says so.
//!
//! [`Disk`] is the disk and what can happen to it; `SQLite` reaches it as a VFS. **What was written is
//! safe when it has been synced, and not before**: until then a loss of power keeps any of it, in any
//! order, whole or torn at the border of a sector. It is harder on whoever writes than a real disk is,
//! and easier in nothing. It measures nothing, and knows only what `SQLite` asks for.
//!
//! This is the only crate with `unsafe` code in it: [`vfs`] and [`memory`] speak to C.

mod content;
mod fault;
mod lock;
mod memory;
mod state;
mod disk;
mod vfs;

pub use self::{
    disk::{Disk, OpenFile},
    fault::{Fault, Lasting},
};
