//! The Socket.IO talk in one Engine.IO session: namespaces, events, acknowledgements, attachments.

use std::{sync::Arc, time::Duration};

use serde_json::value::RawValue;
use tokio::time::Instant;

use crate::{
    application::{Application, Connection, Emit, Event, Namespace},
    close::{Close, End},
    conversation::{Conversation, Message, Sink, Step},
    endpoint::{Endpoint, Peer},
    engine::Version,
    options::{Options, random_id},
    outbox::Outbox,
    packet::{self, Body, Packet},
    websocket::Response,
};

/// Serves an [`Application`] on Engine.IO.
pub struct SocketIo<A> {
    application: A,
    connect: Duration,
    max_message: usize,
}

impl<A: Application> SocketIo<A> {
    /// `options` are those of the server that this is for.
    ///
    /// # Panics
    /// If the application names more than 32 namespaces.
    pub fn new(application: A, options: &Arc<Options>) -> Self {
        assert!(
            application.namespaces().len() <= 32,
            "a session keeps one bit a namespace"
        );
        Self {
            application,
            connect: options.connect,
            max_message: options.bounds.max_message,
        }
    }
}

impl<A: Application> Endpoint for SocketIo<A> {
    type Conversation = Session<A::Connection>;

    fn open(
        &self,
        request: &http::request::Parts,
        peer: Peer,
        outbox: Outbox,
    ) -> Result<Self::Conversation, Box<Response>> {
        Ok(Session {
            connection: self.application.open(request, peer, outbox)?,
            namespaces: self.application.namespaces(),
            connected: 0,
            version: peer.version,
            max_message: self.max_message,
            connect_by: Some(Instant::now() + self.connect),
            assembling: None,
        })
    }
}

/// One peer's side of Socket.IO.
pub struct Session<C> {
    connection: C,
    namespaces: &'static [&'static str],
    /// One bit a namespace.
    connected: u32,
    version: Version,
    /// Bounds a packet and its attachments together.
    max_message: usize,
    /// A peer that connects to no namespace by then is closed; `None` once it has.
    connect_by: Option<Instant>,
    assembling: Option<Box<Assembling>>,
}

/// A packet whose attachments are still arriving.
struct Assembling {
    text: String,
    expected: usize,
    attachments: Vec<Vec<u8>>,
    bytes: usize,
}

type Received<C> = Result<Option<Step<<C as Connection>::Outcome>>, End>;

impl<C: Connection> Session<C> {
    fn receive_packet(&mut self, text: &str, sink: &mut dyn Sink) -> Received<C> {
        if self.assembling.is_some() {
            return Err(Close::protocol("a packet began before the attachments of another").into());
        }
        let packet = Packet::parse(text).map_err(|_| Close::MALFORMED)?;
        if packet.attachments == 0 {
            return self.take(packet, &[], sink);
        }
        self.assembling = Some(Box::new(Assembling {
            text: text.to_owned(),
            expected: packet.attachments,
            attachments: Vec::with_capacity(packet.attachments),
            bytes: text.len(),
        }));
        Ok(None)
    }

    fn receive_attachment(&mut self, bytes: &[u8], sink: &mut dyn Sink) -> Received<C> {
        let Some(assembling) = &mut self.assembling else {
            return Err(Close::protocol("an attachment of nothing").into());
        };
        assembling.bytes += bytes.len();
        if assembling.bytes > self.max_message {
            return Err(Close::too_large().into());
        }
        assembling.attachments.push(bytes.to_vec());
        if assembling.attachments.len() < assembling.expected {
            return Ok(None);
        }
        let whole = self.assembling.take().expect("it was just there");
        let packet = Packet::parse(&whole.text).map_err(|_| Close::MALFORMED)?;
        self.take(packet, &whole.attachments, sink)
    }

    /// Acts on a whole packet.
    fn take(
        &mut self,
        packet: Packet<'_>,
        attachments: &[Vec<u8>],
        sink: &mut dyn Sink,
    ) -> Received<C> {
        let Some(namespace) = self.namespace(packet.namespace) else {
            return match packet.body {
                Body::Connect { .. } => {
                    self.refuse(packet.namespace, "Invalid namespace", sink);
                    Ok(None)
                }
                _ => Err(Close::protocol("no such namespace").into()),
            };
        };
        if let Body::Connect { auth } = packet.body {
            return self.connect(namespace, auth, sink).map(|()| None);
        }
        if !self.is_connected(namespace) {
            return Err(Close::protocol("not connected to that namespace").into());
        }
        match packet.body {
            Body::Event { name, args, id } => {
                let event = Event {
                    namespace,
                    name: &name,
                    args: &args,
                    attachments,
                    ack: id,
                };
                let mut emit = Emit::new(sink, self.namespaces);
                return Ok(self.connection.event(event, &mut emit)?);
            }
            Body::Ack { id, args } => self.connection.acknowledged(namespace, id, &args),
            Body::Connect { .. } | Body::Disconnect => {
                self.connected &= !bit(namespace);
                self.connection.disconnected(namespace, None);
            }
        }
        Ok(None)
    }

    fn connect(
        &mut self,
        namespace: Namespace,
        auth: Option<&RawValue>,
        sink: &mut dyn Sink,
    ) -> Result<(), End> {
        if self.is_connected(namespace) {
            // Some clients of Socket.IO 2 ask for the namespace that they have anyhow.
            return match self.version {
                Version::V3 => Ok(()),
                Version::V4 => Err(Close::protocol("connected already").into()),
            };
        }
        let name = self.namespaces[namespace.index()];
        if let Err(error) = self.connection.connect(namespace, auth) {
            self.refuse(name, &error.message, sink);
            return Ok(());
        }
        self.connected |= bit(namespace);
        self.connect_by = None;
        let head = packet::head('0', name, None, 0);
        match self.version {
            Version::V3 => sink.text(&[&head]),
            Version::V4 => sink.text(&[&head, "{\"sid\":\"", &random_id(), "\"}"]),
        }
        self.connection
            .connected(namespace, &mut Emit::new(sink, self.namespaces));
        Ok(())
    }

    fn refuse(&self, namespace: &str, message: &str, sink: &mut dyn Sink) {
        let head = packet::head('4', namespace, None, 0);
        let mut json = String::new();
        packet::push_string(message, &mut json);
        match self.version {
            Version::V3 => sink.text(&[&head, &json]),
            Version::V4 => sink.text(&[&head, "{\"message\":", &json, "}"]),
        }
    }

    fn namespace(&self, name: &str) -> Option<Namespace> {
        let index = self.namespaces.iter().position(|known| *known == name)?;
        u8::try_from(index).ok().map(Namespace)
    }

    fn is_connected(&self, namespace: Namespace) -> bool {
        self.connected & bit(namespace) != 0
    }
}

fn bit(namespace: Namespace) -> u32 {
    1 << namespace.0
}

impl<C: Connection> Conversation for Session<C> {
    type Outcome = C::Outcome;

    fn opened(&mut self, sink: &mut dyn Sink) {
        if self.version == Version::V3
            && let Some(main) = self.namespace("/")
        {
            // A refusal was told to the peer; there is nobody else to tell.
            let _ = self.connect(main, None, sink);
        }
    }

    fn receive(&mut self, message: Message<'_>, sink: &mut dyn Sink) -> Received<C> {
        match message {
            Message::Text(text) => self.receive_packet(text, sink),
            Message::Binary(bytes) => self.receive_attachment(bytes, sink),
        }
    }

    fn complete(&mut self, outcome: Self::Outcome, sink: &mut dyn Sink) {
        let mut emit = Emit::new(sink, self.namespaces);
        self.connection.complete(outcome, &mut emit);
    }

    fn upgraded(&mut self) -> Result<(), End> {
        Ok(self.connection.upgraded()?)
    }

    fn tick(&mut self, now: Instant, _: &mut dyn Sink) -> Result<Instant, End> {
        let next = self.connection.tick(now)?;
        match self.connect_by {
            Some(by) if now >= by => Err(Close::policy("connected to no namespace in time").into()),
            Some(by) => Ok(by.min(next)),
            None => Ok(next),
        }
    }

    fn ended(&mut self, end: &End) {
        for index in 0..self.namespaces.len() {
            let namespace = Namespace(u8::try_from(index).expect("namespaces are few"));
            if self.is_connected(namespace) {
                self.connection.disconnected(namespace, Some(end));
            }
        }
    }
}
