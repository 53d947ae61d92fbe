//! Sends the requests of a schedule over connections that are there, and counts the answers.
//!
//! One task a connection; each keeps as many requests under way as it may. A connection that fails
//! takes its requests under way with it, and the others do the rest. A server that answers nothing
//! for a while ends the load.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use nile_protocol::channel::Channel;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    task::JoinSet,
    time::{Instant, interval},
};

use crate::{
    client::{Client, PATIENCE},
    failure::Failure,
    progress::Progress,
    schedule::{Schedule, Turn},
    tally::Tally,
    wire::{Answer, Body, Heard, Request},
};

/// How often the progress is looked at.
const GLANCE: Duration = Duration::from_millis(250);

/// What is asked, again and again.
pub trait Requests: Send + Sync {
    /// Where it goes.
    fn channel(&self) -> Channel;
    /// What is asked for, and the action of the right answer.
    fn words(&self) -> [&'static str; 2];
    /// Appends the body of the request with this number.
    fn write(&self, number: u64, body: &mut String);
    /// Looks at the right answer to this request. What it cannot use is a failure.
    fn answered(&self, _number: u64, _body: Body<'_>) -> Result<(), Failure> {
        Ok(())
    }
}

/// One measurement's requests, and what becomes of them.
pub struct Load<R: ?Sized> {
    /// When.
    pub schedule: Schedule,
    /// How many may be under way on a connection.
    pub pipeline: usize,
    /// What became of them.
    pub tally: Arc<Tally>,
    /// What is asked.
    pub requests: Arc<R>,
}

/// Runs all requests of a load, and returns the connections that are still good.
pub async fn run<S, R>(clients: Vec<Client<S>>, what: &'static str, load: Load<R>) -> Vec<Client<S>>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    R: Requests + ?Sized + 'static,
{
    let load = Arc::new(load);
    let mut tasks = JoinSet::new();
    for mut client in clients {
        let load = Arc::clone(&load);
        tasks.spawn(async move {
            client.take_traffic();
            let ended = Connection::new(&mut client, &load).run().await;
            load.tally.carry(client.take_traffic());
            ended.map(|()| client).ok()
        });
    }
    let mut left = Vec::new();
    let count = load.schedule.count();
    let all = async {
        while let Some(task) = tasks.join_next().await {
            left.extend(task.expect("a connection does not panic"));
        }
    };
    tokio::select! {
        () = all => {}
        () = stalled(&load.tally, Progress::new(what), count) => {}
    }
    left
}

/// Shows the progress, and ends when there is none.
pub async fn stalled(tally: &Tally, progress: Progress, count: u64) {
    let mut glances = interval(GLANCE);
    let (mut before, mut since) = (0, Instant::now());
    loop {
        let now = glances.tick().await;
        let settled = tally.settled();
        progress.show(settled, count);
        if settled != before {
            (before, since) = (settled, now);
        } else if now - since > PATIENCE {
            return;
        }
    }
}

/// One connection's part of a load.
struct Connection<'a, S, R: ?Sized> {
    client: &'a mut Client<S>,
    load: &'a Load<R>,
    under_way: VecDeque<Sent>,
    /// A turn that was taken, and is not due yet.
    next: Option<Turn>,
    body: String,
}

/// A request under way.
struct Sent {
    /// Of the client's.
    number: u64,
    /// Of the schedule's.
    turn: u64,
    since: Instant,
}

impl<'a, S, R> Connection<'a, S, R>
where
    S: AsyncRead + AsyncWrite + Unpin,
    R: Requests + ?Sized,
{
    fn new(client: &'a mut Client<S>, load: &'a Load<R>) -> Self {
        Self {
            client,
            load,
            under_way: VecDeque::with_capacity(load.pipeline),
            next: None,
            body: String::new(),
        }
    }

    async fn run(mut self) -> Result<(), Failure> {
        let ended = self.converse().await;
        if let Err(failure) = &ended {
            let lost = self.under_way.len() + usize::from(self.next.is_some());
            self.load.tally.fail(failure, lost as u64);
        }
        ended
    }

    async fn converse(&mut self) -> Result<(), Failure> {
        loop {
            self.send_what_is_due();
            self.client.flush().await?;
            let heard = match self.next {
                None if self.under_way.is_empty() => return Ok(()),
                None => self.client.receive().await?,
                Some(turn) => tokio::select! {
                    biased;
                    heard = self.client.receive() => heard?,
                    () = turn.wait() => continue,
                },
            };
            if let Heard::Answer(answer) = heard {
                let now = Instant::now();
                settle(&mut self.under_way, self.load, answer, now)?;
            }
        }
    }

    fn send_what_is_due(&mut self) {
        let schedule = &self.load.schedule;
        while self.under_way.len() < self.load.pipeline {
            let Some(turn) = self.next.take().or_else(|| schedule.take()) else {
                return;
            };
            let now = Instant::now();
            if !turn.is_due(now) {
                self.next = Some(turn);
                return;
            }
            let requests = &self.load.requests;
            self.body.clear();
            requests.write(turn.number, &mut self.body);
            let number = self.client.send(Request {
                channel: requests.channel(),
                action: requests.words()[0],
                body: &self.body,
            });
            let since = turn.since(now);
            let turn = turn.number;
            self.under_way.push_back(Sent {
                number,
                turn,
                since,
            });
        }
    }
}

/// Finds what was answered, and counts it. Answers without a number come in order.
fn settle<R: Requests + ?Sized>(
    under_way: &mut VecDeque<Sent>,
    load: &Load<R>,
    answer: Answer<'_>,
    now: Instant,
) -> Result<(), Failure> {
    let at = match answer.number {
        None => Some(0),
        Some(number) => under_way.iter().position(|sent| sent.number == number),
    };
    let sent = at.and_then(|at| under_way.remove(at));
    let sent = sent.ok_or(Failure::Malformed("an answer to nothing"))?;
    let checked = answer
        .body
        .check(load.requests.words()[1])
        .and_then(|()| load.requests.answered(sent.turn, answer.body));
    match checked {
        Ok(()) => load.tally.complete(now - sent.since, 1),
        Err(failure) => load.tally.fail(&failure, 1),
    }
    Ok(())
}

#[cfg(test)]
mod tests;
