//! The application that a peer talks to: it numbers what it is asked, and answers with the number.

use std::sync::{Arc, Mutex, MutexGuard};

use serde_json::value::RawValue;
use tokio::{sync::oneshot, time::Instant};

use super::LIFETIME;
use crate::{
    application::{Application, ConnectError, Connection, Emit, Event, Namespace},
    close::{Close, End},
    conversation::{Step, Work},
    endpoint::Peer,
    outbox::Outbox,
    websocket::Response,
};

/// How long the text in a large answer is.
pub(super) const LARGE: usize = 8 * 1024;

/// Gives every connection a seat.
#[derive(Clone, Default)]
pub(super) struct Desk(Arc<Mutex<Vec<Seat>>>);

/// What the desk knows of one connection.
pub(super) struct Seat {
    pub(super) outbox: Outbox,
    /// How many requests were taken.
    pub(super) taken: u64,
    /// How many bytes the texts in its answers have.
    pub(super) answered: usize,
    /// Works that are under way.
    pub(super) jobs: Vec<oneshot::Sender<()>>,
    connected: bool,
    /// How often it was told that the connection is over.
    ended: usize,
    dropped: bool,
}

impl Desk {
    pub(super) fn seats(&self) -> MutexGuard<'_, Vec<Seat>> {
        self.0
            .lock()
            .expect("no seat is held while something panics")
    }

    /// Every connection is gone, and was told of it if it was more than a handshake.
    pub(super) fn check_end(&self) {
        for seat in &*self.seats() {
            assert!(seat.dropped, "a connection is left");
            assert_eq!(seat.ended, usize::from(seat.connected), "its end was told");
            assert!(seat.outbox.push("".into()).is_err(), "it takes messages");
        }
    }
}

impl Application for Desk {
    type Connection = Guest;

    fn namespaces(&self) -> &'static [&'static str] {
        &["/", "/closed"]
    }

    fn open(
        &self,
        _: &http::request::Parts,
        _: Peer,
        outbox: Outbox,
    ) -> Result<Guest, Box<Response>> {
        let mut seats = self.seats();
        seats.push(Seat {
            outbox,
            taken: 0,
            answered: 0,
            jobs: Vec::new(),
            connected: false,
            ended: 0,
            dropped: false,
        });
        Ok(Guest {
            desk: self.clone(),
            seat: seats.len() - 1,
        })
    }
}

/// One connection.
pub(super) struct Guest {
    desk: Desk,
    seat: usize,
}

/// An answer.
pub(super) struct Answer {
    number: u64,
    ack: Option<u64>,
    length: usize,
    attachments: Vec<Vec<u8>>,
}

impl Guest {
    fn seat<T>(&self, change: impl FnOnce(&mut Seat) -> T) -> T {
        change(&mut self.desk.seats()[self.seat])
    }

    /// Work that is done when somebody says so, or when nobody can any more.
    fn work(&self, answer: Answer) -> Work<Answer> {
        let (job, done) = oneshot::channel();
        self.seat(|seat| seat.jobs.push(job));
        Box::pin(async move {
            let _ = done.await;
            answer
        })
    }
}

impl Connection for Guest {
    type Outcome = Answer;

    fn connect(&mut self, namespace: Namespace, _: Option<&RawValue>) -> Result<(), ConnectError> {
        if namespace.index() == 1 {
            let message = "members \"only\"".into();
            return Err(ConnectError { message });
        }
        self.seat(|seat| seat.connected = true);
        Ok(())
    }

    fn event(&mut self, event: Event<'_>, _: &mut Emit<'_>) -> Result<Option<Step<Answer>>, Close> {
        assert_eq!(
            event.namespace,
            Namespace::FIRST,
            "nobody may enter another"
        );
        let number = self.seat(|seat| {
            seat.taken += 1;
            seat.taken
        });
        let answer = Answer {
            number,
            ack: event.ack,
            length: if event.name == "large" { LARGE } else { 0 },
            attachments: event.attachments.to_vec(),
        };
        Ok(Some(match event.name {
            "later" => Step::Later(self.work(answer)),
            "alone" => Step::Alone(self.work(answer)),
            "close" => return Err(Close::policy("asked for")),
            _ => Step::Now(answer),
        }))
    }

    fn complete(&mut self, answer: Answer, emit: &mut Emit<'_>) {
        let number = answer.number.to_string();
        let text = format!("\"{:x<1$}\"", "", answer.length);
        let places = (0..answer.attachments.len())
            .map(|place| format!(r#"{{"_placeholder":true,"num":{place}}}"#));
        let args: Vec<_> = [number, text].into_iter().chain(places).collect();
        let args: Vec<_> = args.iter().map(String::as_str).collect();
        let attachments = &answer.attachments;
        match answer.ack {
            Some(id) => emit.ack(Namespace::FIRST, id, &args, attachments),
            None => emit.event(Namespace::FIRST, "answer", &args, attachments),
        }
        self.seat(|seat| seat.answered += answer.length);
    }

    fn disconnected(&mut self, _: Namespace, end: Option<&End>) {
        self.seat(|seat| match end {
            Some(_) => seat.ended += 1,
            None => seat.connected = false,
        });
    }

    fn tick(&mut self, now: Instant) -> Result<Instant, Close> {
        Ok(now + 2 * LIFETIME)
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        self.seat(|seat| seat.dropped = true);
    }
}
