//! A Socket.IO application that does what the test asks it for, by the name of the event.

use std::sync::{Arc, Mutex};

use nile_socketio::{
    Application, Close, ConnectError, Connection, Emit, End, Event, Namespace, Outbox, Peer,
    Response, Step, Work,
};
use serde_json::value::RawValue;
use tokio::{
    sync::{mpsc, oneshot},
    time::Instant,
};

use super::{
    NEVER,
    journal::{Entry, Journal},
};

/// What the server and the test share.
#[derive(Default)]
pub(crate) struct Shared {
    pub(crate) journal: Journal,
    /// The outboxes of the connections, in the order of their opening.
    pub(crate) outboxes: Mutex<Vec<Outbox>>,
}

/// A work that ends when the test says so.
pub(crate) struct Job {
    pub(crate) number: u64,
    finish: oneshot::Sender<()>,
}

impl Job {
    pub(crate) fn finish(self) {
        // The connection may have gone meanwhile.
        let _ = self.finish.send(());
    }
}

/// `message`: sent back, or acknowledged with its arguments. `later`, `alone` and `now` with a number:
/// answered with it when the work of that kind is done. `large` with a size: a text of that size.
/// `ask`: an event that wants an acknowledgement. `close` and `panic`: just that.
///
/// Nobody may enter the namespace `/closed`. Who has `unwelcome` in the query of the handshake is not let in, who
/// has `homely` there may not change to a WebSocket.
pub(crate) struct Desk {
    pub(crate) shared: Arc<Shared>,
    pub(crate) jobs: mpsc::UnboundedSender<Job>,
}

impl Application for Desk {
    type Connection = DeskConnection;

    fn namespaces(&self) -> &'static [&'static str] {
        &["/", "/custom", "/closed"]
    }

    fn open(
        &self,
        request: &http::request::Parts,
        _: Peer,
        outbox: Outbox,
    ) -> Result<DeskConnection, Box<Response>> {
        let query = request.uri.query().unwrap();
        if query.contains("unwelcome") {
            let refusal = http::Response::builder().status(403);
            return Err(Box::new(refusal.body("unwelcome".into()).unwrap()));
        }
        self.shared.journal.note(Entry::Opened);
        self.shared.outboxes.lock().unwrap().push(outbox);
        Ok(DeskConnection {
            shared: Arc::clone(&self.shared),
            jobs: self.jobs.clone(),
            auth: "{}".to_owned(),
            homely: query.contains("homely"),
        })
    }
}

pub(crate) struct DeskConnection {
    shared: Arc<Shared>,
    jobs: mpsc::UnboundedSender<Job>,
    auth: String,
    homely: bool,
}

/// The number of a work, and how to answer it.
pub(crate) struct Outcome {
    number: u64,
    namespace: Namespace,
    ack: Option<u64>,
}

impl DeskConnection {
    /// Work that is under way as soon as it is made.
    fn later(&self, outcome: Outcome) -> Work<Outcome> {
        let (finish, finished) = oneshot::channel();
        let number = outcome.number;
        self.shared.journal.note(Entry::Started(number));
        let _ = self.jobs.send(Job { number, finish });
        Box::pin(async move {
            let _ = finished.await;
            outcome
        })
    }

    /// Work that begins when it is first polled.
    fn alone(&self, outcome: Outcome) -> Work<Outcome> {
        let (shared, jobs) = (Arc::clone(&self.shared), self.jobs.clone());
        Box::pin(async move {
            let (finish, finished) = oneshot::channel();
            let number = outcome.number;
            shared.journal.note(Entry::Started(number));
            let _ = jobs.send(Job { number, finish });
            let _ = finished.await;
            outcome
        })
    }
}

impl Connection for DeskConnection {
    type Outcome = Outcome;

    fn connect(
        &mut self,
        namespace: Namespace,
        auth: Option<&RawValue>,
    ) -> Result<(), ConnectError> {
        if namespace.index() == 2 {
            let message = "members \"only\"".into();
            return Err(ConnectError { message });
        }
        self.auth = auth.map_or("{}", RawValue::get).into();
        Ok(())
    }

    fn connected(&mut self, namespace: Namespace, emit: &mut Emit<'_>) {
        emit.event(namespace, "auth", &[&self.auth], &[]);
    }

    fn event(
        &mut self,
        event: Event<'_>,
        emit: &mut Emit<'_>,
    ) -> Result<Option<Step<Outcome>>, Close> {
        let args: Vec<&str> = event.args.iter().map(|arg| arg.get()).collect();
        let number = args.first().and_then(|arg| arg.parse().ok()).unwrap_or(0);
        self.shared
            .journal
            .note(Entry::Taken(format!("{} {}", event.name, args.join(" "))));
        let outcome = Outcome {
            number,
            namespace: event.namespace,
            ack: event.ack,
        };
        match (event.name, event.ack) {
            ("later", _) => return Ok(Some(Step::Later(self.later(outcome)))),
            ("alone", _) => return Ok(Some(Step::Alone(self.alone(outcome)))),
            ("now", _) => return Ok(Some(Step::Now(outcome))),
            ("large", _) => {
                let text = "x".repeat(usize::try_from(number).unwrap());
                emit.event(event.namespace, "large", &[&format!("\"{text}\"")], &[]);
            }
            ("close", _) => return Err(Close::policy("asked for")),
            ("panic", _) => panic!("a test asked for this panic"),
            (_, Some(id)) => emit.ack(event.namespace, id, &args, event.attachments),
            (_, None) => emit.event(event.namespace, "message-back", &args, event.attachments),
        }
        Ok(None)
    }

    fn complete(&mut self, outcome: Outcome, emit: &mut Emit<'_>) {
        self.shared.journal.note(Entry::Completed(outcome.number));
        let number = outcome.number.to_string();
        match outcome.ack {
            Some(id) => emit.ack(outcome.namespace, id, &[&number], &[]),
            None => emit.event(outcome.namespace, "done", &[&number], &[]),
        }
    }

    fn acknowledged(&mut self, _: Namespace, id: u64, args: &[&RawValue]) {
        let args: Vec<&str> = args.iter().map(|arg| arg.get()).collect();
        self.shared
            .journal
            .note(Entry::Acknowledged(id, args.join(" ")));
    }

    fn upgraded(&mut self) -> Result<(), Close> {
        self.shared.journal.note(Entry::Upgraded);
        if self.homely {
            return Err(Close::policy("homely"));
        }
        Ok(())
    }

    fn disconnected(&mut self, namespace: Namespace, end: Option<&End>) {
        let entry = Entry::Disconnected(namespace.index(), end.cloned());
        self.shared.journal.note(entry);
    }

    fn tick(&mut self, now: Instant) -> Result<Instant, Close> {
        Ok(now + NEVER)
    }
}

impl Drop for DeskConnection {
    fn drop(&mut self) {
        self.shared.journal.note(Entry::Dropped);
    }
}
