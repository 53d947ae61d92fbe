//! Threats of `docs/threat-model.md` that no other test is about, and that page itself.

mod page;
mod unsafety;
mod secrets;
mod enumeration;
mod guessing;
mod impersonation;
mod idleness;
mod proxies;
mod origins;
mod compression;
