//! The instance's end of a link: a [`Session`], driven as a transport drives it.
//!
//! **It is polled only when it was woken, or heard something**, so that a wake which is missed leaves an
//! answer missing.

use std::{
    collections::VecDeque,
    net::{IpAddr, Ipv4Addr},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    task::{Context, Poll, Wake, Waker},
    time::Duration,
};

use nile_protocol::{
    channel::Channel,
    party::{PartyId, PartyKind},
    reply::Reply,
    request::Request,
};
use nile_socketio::{Conversation, End, Frame, Message, Outbox, Pipeline, Sink, Step};
use tokio::time::Instant;

use super::moment::{self, Delivery, Moment};
use crate::{
    hub::{Dialect, Voice},
    instance::{
        Instance,
        session::{Answer, Asker, Session, serve_once},
    },
};

/// How long somebody may be logged in as nobody and ask nothing.
const IDLE: Duration = Duration::from_mins(5);

const ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

/// What goes to the instance.
#[derive(Clone, Debug)]
pub(super) enum Up {
    Request { channel: Channel, body: String },
    Acknowledge(i64),
}

/// What comes from the instance.
#[derive(Clone, Debug)]
pub(super) enum Down {
    /// The next answer, to what was heard at one moment, from another.
    Answer {
        heard: Moment,
        answered: Moment,
        body: String,
    },
    /// What it tells unasked, and when that left.
    Frame {
        left: Moment,
        frame: Frame,
    },
    Closed,
}

/// Remembers that it was woken.
#[derive(Default)]
struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, SeqCst);
    }
}

/// The instance's end of a link.
pub(super) enum Carrier {
    Connection(Box<Served>),
    /// Of one request, as over HTTP.
    Once(Once),
}

pub(super) struct Served {
    talk: Talk,
    pipeline: Pipeline<Answer>,
    outbox: Outbox,
    flag: Arc<Flag>,
    tick: Instant,
    /// It was told to close: it hears nothing more.
    is_closing: bool,
}

pub(super) struct Once {
    heard: Moment,
    reply: Option<Pin<Box<dyn Future<Output = Reply>>>>,
    flag: Arc<Flag>,
}

struct Talk {
    session: Session,
    party: Option<PartyId>,
    /// When the requests were heard that are not answered.
    heard: VecDeque<Moment>,
    said: Vec<Down>,
}

impl Carrier {
    pub(super) fn connection(instance: &Arc<Instance>, outbound: usize) -> Self {
        let outbox = Outbox::new(outbound);
        let voice = Voice {
            outbox: outbox.clone(),
            dialect: &Plain,
        };
        let session = Session::new(Arc::clone(instance), ADDRESS, voice, IDLE);
        Self::Connection(Box::new(Served {
            talk: Talk {
                session,
                party: None,
                heard: VecDeque::new(),
                said: Vec::new(),
            },
            pipeline: Pipeline::new(),
            outbox,
            flag: Arc::new(Flag(AtomicBool::new(true))),
            tick: Instant::now(),
            is_closing: false,
        }))
    }

    pub(super) fn once(instance: &Arc<Instance>, channel: Channel, body: &str) -> Self {
        let request = Request::parse(channel, body, None, 4096);
        let request = request.expect("the simulated ask for nothing else");
        let (instance, kind) = (Arc::clone(instance), channel.sender());
        Self::Once(Once {
            heard: moment::now(),
            reply: Some(Box::pin(async move {
                serve_once(&instance, kind, request, ADDRESS).await
            })),
            flag: Arc::new(Flag(AtomicBool::new(true))),
        })
    }

    pub(super) fn party(&self) -> Option<PartyId> {
        match self {
            Self::Connection(served) => served.talk.party,
            Self::Once(_) => None,
        }
    }

    /// Whether something can be done for it.
    pub(super) fn is_due(&self) -> bool {
        match self {
            Self::Connection(served) => served.flag.0.load(SeqCst) || served.tick <= Instant::now(),
            Self::Once(once) => once.flag.0.load(SeqCst),
        }
    }

    /// Whether it takes another request.
    pub(super) fn has_room(&self) -> bool {
        match self {
            Self::Connection(served) => !served.is_closing && served.pipeline.has_room(),
            Self::Once(_) => false,
        }
    }

    /// Hears something; what it says is in the next [`turn`](Self::turn). An error ends it.
    pub(super) fn hear(&mut self, up: Up) -> Result<(), End> {
        let Self::Connection(served) = self else {
            return Ok(());
        };
        served.flag.0.store(true, SeqCst);
        let step = match up {
            Up::Acknowledge(queue_id) => {
                served.talk.session.acknowledge(queue_id);
                return Ok(());
            }
            Up::Request { channel, body } => {
                served.talk.heard.push_back(moment::now());
                let channel = Some(channel);
                served
                    .talk
                    .session
                    .handle(Asker { channel, ack: None }, &body)?
            }
        };
        if let Some(answer) = served.pipeline.push(step) {
            served.talk.complete(answer, &mut Nowhere);
        }
        Ok(())
    }

    /// Does all that can be done. `room`: how many bytes of what is told unasked fit onto the link.
    pub(super) fn turn(&mut self, room: usize) -> Result<Vec<Down>, End> {
        match self {
            Self::Connection(served) => served.turn(room),
            Self::Once(once) => Ok(once.turn()),
        }
    }
}

impl Served {
    fn turn(&mut self, room: usize) -> Result<Vec<Down>, End> {
        self.flag.0.store(false, SeqCst);
        let waker = Waker::from(Arc::clone(&self.flag));
        let mut cx = Context::from_waker(&waker);
        let now = Instant::now();
        self.tick = self.talk.tick(now, &mut Nowhere)?;
        let _pending = self
            .pipeline
            .poll_complete(&mut cx, &mut self.talk, &mut Nowhere);
        // What leaves behind an answer does so later.
        moment::next();
        let mut told = Told(Vec::new());
        let taken = self.outbox.take_into(&mut cx, &mut told, room);
        let mut said = std::mem::take(&mut self.talk.said);
        said.extend(told.0);
        self.is_closing = taken.close.is_some();
        if self.is_closing && taken.emptied && self.pipeline.is_empty() {
            said.push(Down::Closed);
        } else if !taken.emptied {
            self.flag.0.store(true, SeqCst);
        }
        Ok(said)
    }
}

/// As a transport gives back what a connection holds.
impl Drop for Served {
    fn drop(&mut self) {
        self.outbox.end();
    }
}

impl Once {
    fn turn(&mut self) -> Vec<Down> {
        self.flag.0.store(false, SeqCst);
        let waker = Waker::from(Arc::clone(&self.flag));
        let Some(work) = &mut self.reply else {
            return Vec::new();
        };
        let Poll::Ready(reply) = work.as_mut().poll(&mut Context::from_waker(&waker)) else {
            return Vec::new();
        };
        self.reply = None;
        let answered = moment::now();
        hand_page(&reply);
        vec![
            Down::Answer {
                heard: self.heard,
                answered,
                body: reply.to_body(None),
            },
            Down::Closed,
        ]
    }
}

impl Conversation for Talk {
    type Outcome = Answer;

    fn opened(&mut self, _: &mut dyn Sink) {}

    fn receive(&mut self, _: Message<'_>, _: &mut dyn Sink) -> Result<Option<Step<Answer>>, End> {
        unreachable!("what is heard needs no parsing here")
    }

    fn complete(&mut self, answer: Answer, _: &mut dyn Sink) {
        self.session.answered(&answer);
        match &answer.reply {
            Reply::Logged { party, .. } => self.party = Some(*party),
            Reply::LoggedOut => self.party = None,
            _ => {}
        }
        hand_page(&answer.reply);
        let heard = self.heard.pop_front();
        self.said.push(Down::Answer {
            heard: heard.expect("nothing is answered twice"),
            answered: moment::now(),
            body: answer.reply.to_body(answer.id.as_ref()),
        });
    }

    fn tick(&mut self, now: Instant, _: &mut dyn Sink) -> Result<Instant, End> {
        Ok(self.session.tick(now)?)
    }

    fn ended(&mut self, _: &End) {}
}

/// The messages in an answer are handed over by it.
fn hand_page(reply: &Reply) {
    let (Reply::Logged { page, .. } | Reply::Queue { page }) = reply else {
        return;
    };
    moment::handed(page.queue.iter().map(|row| Delivery {
        queue_id: row.queue_id,
        sender: row.sender.number(),
        sender_kind: row.sender.kind().word().to_owned(),
        recipient: Some(row.recipient.number()),
        content: serde_json::from_str(row.content.as_str()).expect("it is JSON"),
    }));
}

/// Answers are kept as values; nothing is written.
struct Nowhere;

impl Sink for Nowhere {
    fn text(&mut self, _: &[&str]) {}
    fn binary(&mut self, _: &[u8]) {}
}

/// What came through the outbox.
struct Told(Vec<Down>);

impl Sink for Told {
    fn text(&mut self, parts: &[&str]) {
        self.0.push(Down::Frame {
            left: moment::now(),
            frame: parts.concat().into(),
        });
    }

    fn binary(&mut self, _: &[u8]) {}
}

/// `push`, when it was written, and the body; or `forward` or `said` and the body.
struct Plain;

impl Dialect for Plain {
    fn message(&self, _: PartyKind, body: &str, queue_id: Option<i64>) -> Frame {
        if queue_id.is_none() {
            return format!("forward 0 {body}").into();
        }
        moment::handed([serde_json::from_str(body).expect("it is a delivery")]);
        format!("push {} {body}", moment::now()).into()
    }

    fn said(&self, _: PartyKind, body: &str) -> Arc<[Frame]> {
        [format!("said 0 {body}").into()].into()
    }
}
