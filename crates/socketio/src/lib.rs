#![doc = include_str!("../README.md")]
//!
//! # Reading order
//!
//! A module uses only those above it.

mod close;
mod conversation;
mod outbox;
pub mod websocket;
mod patience;
mod connection;
mod options;
mod heartbeat;
mod connections;
mod engine;
mod endpoint;
mod polling;
mod server;
mod packet;
mod application;
mod session;

pub use self::{
    application::{Application, ConnectError, Connection, Emit, Event, Namespace, encode_event},
    close::{Close, End},
    connection::serve,
    connections::Connections,
    conversation::{Conversation, Message, Pipeline, Sink, Step, Work},
    endpoint::{Endpoint, Peer, Transport},
    engine::Version,
    heartbeat::Heartbeat,
    options::Options,
    outbox::{Frame, Outbox, Refused, Taken},
    patience::Bounds,
    server::Server,
    session::{Session, SocketIo},
    websocket::Response,
};

#[cfg(any(test, fuzzing))]
pub mod fuzzed;
