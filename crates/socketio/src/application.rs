//! What an application is to this server: who may connect, and what events lead to.

use std::borrow::Cow;

use serde_json::value::RawValue;
use tokio::time::Instant;

use crate::{
    close::{Close, End},
    conversation::{Sink, Step},
    endpoint::Peer,
    outbox::{Frame, Outbox},
    packet,
    websocket::Response,
};

/// Decides who may connect.
pub trait Application: Send + Sync + 'static {
    /// One peer's connection, whatever transport carries it.
    type Connection: Connection;

    /// The namespaces that clients may connect to. A client of Socket.IO 1 or 2 is connected to `/` at once.
    fn namespaces(&self) -> &'static [&'static str] {
        &["/"]
    }

    /// A peer asks for a connection. The request's query, headers and extensions are readable here and
    /// nowhere later; an error is the response that refuses it.
    ///
    /// `outbox` is the way to send to this connection from elsewhere.
    fn open(
        &self,
        request: &http::request::Parts,
        peer: Peer,
        outbox: Outbox,
    ) -> Result<Self::Connection, Box<Response>>;
}

/// One peer's connection. Dropping it is its end.
///
/// It does no I/O and never waits: what takes time is returned as a [`Step`].
pub trait Connection: Send + 'static {
    /// What a [`Step`] results in.
    type Outcome: Send + 'static;

    /// The peer asks for a namespace, with the `auth` object that it gave.
    fn connect(
        &mut self,
        namespace: Namespace,
        auth: Option<&RawValue>,
    ) -> Result<(), ConnectError>;

    /// The peer was told that it is connected to the namespace.
    fn connected(&mut self, _namespace: Namespace, _emit: &mut Emit<'_>) {}

    /// An event arrived. An error closes the connection.
    fn event(
        &mut self,
        event: Event<'_>,
        emit: &mut Emit<'_>,
    ) -> Result<Option<Step<Self::Outcome>>, Close>;

    /// The work of a step is done, and so is all work before it.
    fn complete(&mut self, outcome: Self::Outcome, emit: &mut Emit<'_>);

    /// The peer acknowledged an event that was sent with this number.
    fn acknowledged(&mut self, _namespace: Namespace, _id: u64, _args: &[&RawValue]) {}

    /// The peer left a namespace, or, when `end` is given, the whole connection is over.
    fn disconnected(&mut self, _namespace: Namespace, _end: Option<&End>) {}

    /// The transport was polling and is a WebSocket from now on. An error closes the connection.
    fn upgraded(&mut self) -> Result<(), Close> {
        Ok(())
    }

    /// Time passed: when to be called next. An error closes the connection.
    fn tick(&mut self, now: Instant) -> Result<Instant, Close>;
}

/// A namespace, by its place in [`Application::namespaces`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Namespace(pub(crate) u8);

impl Namespace {
    /// The first of [`Application::namespaces`].
    pub const FIRST: Self = Self(0);

    /// The place in [`Application::namespaces`].
    #[must_use]
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

/// Why a peer may not connect to a namespace; it is told as a `connect_error`.
#[derive(Clone, Debug)]
pub struct ConnectError {
    /// A sentence for the peer's developer.
    pub message: Cow<'static, str>,
}

/// An event that a peer sent.
pub struct Event<'a> {
    /// Where it was sent.
    pub namespace: Namespace,
    /// Its name.
    pub name: &'a str,
    /// Its arguments, each as the JSON text that arrived. An attachment stands there as the object
    /// `{"_placeholder":true,"num":N}`.
    pub args: &'a [&'a RawValue],
    /// Its binary attachments.
    pub attachments: &'a [Vec<u8>],
    /// The number to acknowledge it with, if the peer asked for that ([`Emit::ack`]).
    pub ack: Option<u64>,
}

/// Sends to the peer.
pub struct Emit<'a> {
    sink: &'a mut dyn Sink,
    namespaces: &'static [&'static str],
}

impl<'a> Emit<'a> {
    pub(crate) fn new(sink: &'a mut dyn Sink, namespaces: &'static [&'static str]) -> Self {
        Self { sink, namespaces }
    }

    /// Sends an event. `args` are JSON texts, with placeholders for the binary `attachments`.
    pub fn event(
        &mut self,
        namespace: Namespace,
        name: &str,
        args: &[&str],
        attachments: &[Vec<u8>],
    ) {
        let kind = if attachments.is_empty() { '2' } else { '5' };
        let head = self.head(kind, namespace, None, attachments);
        let mut json = String::new();
        push_event(name, args, &mut json);
        self.packet(&head, &json, attachments);
    }

    /// Acknowledges the event that came with `id`. `args` are JSON texts.
    pub fn ack(&mut self, namespace: Namespace, id: u64, args: &[&str], attachments: &[Vec<u8>]) {
        let kind = if attachments.is_empty() { '3' } else { '6' };
        let head = self.head(kind, namespace, Some(id), attachments);
        let mut json = String::new();
        packet::push_array(args, &mut json);
        self.packet(&head, &json, attachments);
    }

    fn head(
        &self,
        kind: char,
        namespace: Namespace,
        id: Option<u64>,
        attachments: &[Vec<u8>],
    ) -> String {
        packet::head(
            kind,
            self.namespaces[namespace.index()],
            id,
            attachments.len(),
        )
    }

    fn packet(&mut self, head: &str, json: &str, attachments: &[Vec<u8>]) {
        self.sink.text(&[head, json]);
        for bytes in attachments {
            self.sink.binary(bytes);
        }
    }
}

/// Encodes an event once, for any number of outboxes ([`Outbox::push`]).
///
/// With an `id` the peer is asked to acknowledge it ([`Connection::acknowledged`]).
#[must_use]
pub fn encode_event(namespace: &str, name: &str, args: &[&str], id: Option<u64>) -> Frame {
    let mut packet = String::from("4");
    packet.push_str(&packet::head('2', namespace, id, 0));
    push_event(name, args, &mut packet);
    packet.into()
}

fn push_event(name: &str, args: &[&str], json: &mut String) {
    json.push('[');
    packet::push_string(name, json);
    for arg in args {
        json.push(',');
        json.push_str(arg);
    }
    json.push(']');
}
