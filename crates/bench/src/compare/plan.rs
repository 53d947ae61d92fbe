//! What is measured: the rows of a comparison, and who takes turns in each.
//!
//! A plan is data; it starts nothing. Counts are such that a run takes one to a few seconds, which is why
//! contenders of different speed have different ones. What the figures are held to is in `report::goal`.

use std::fmt;

use clap::ValueEnum;

use crate::record::Contender::{self, Limit, Nile, Peer, PeerGroup};

/// Which rows, and how often.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Plan {
    /// Everything in docs/performance.md
    Full,
    /// A little of it in under two minutes, to see that it works
    Quick,
}

/// One load, and who is measured under it in turn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Rows with one name are the points of a curve.
    pub name: &'static str,
    /// What grows along that curve.
    pub at: u64,
    /// What the generator does.
    pub load: Load,
    /// What the database holds before.
    pub seed: Seed,
    /// Who is measured, in this order, and with how many requests.
    pub turns: Vec<(Contender, u64)>,
    /// How often.
    pub rounds: u32,
}

/// What the generator does, in the words of its command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Load {
    /// Such as `login`; `start` is measured without the generator.
    pub scenario: &'static str,
    /// Such as `socketio`.
    pub transport: &'static str,
    /// Connections held at once.
    pub connections: u64,
    /// Requests a second, in the open loop.
    pub rate: Option<u64>,
    /// Whether there are some requests first that are not counted.
    pub warm: bool,
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.name, self.at)
    }
}

impl Load {
    /// Whether it speaks for clients that registered before.
    #[must_use]
    pub fn needs_tokens(&self) -> bool {
        ["login", "update"].contains(&self.scenario)
    }
}

/// What a database holds before a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seed {
    /// Registered clients whose tokens the generator has.
    pub clients: u64,
    /// Messages for nodes that are not online.
    pub messages: u64,
}

/// What the database holds where its size is not what is measured.
const CLIENTS: u64 = 100_000;

impl Row {
    /// A scenario in the closed loop, by that many connections.
    fn closed(scenario: &'static str, connections: u64) -> Self {
        let load = Load {
            scenario,
            transport: "socketio",
            connections,
            rate: None,
            warm: true,
        };
        Self {
            name: scenario,
            at: connections,
            load,
            seed: Seed::default(),
            turns: Vec::new(),
            rounds: 5,
        }
    }

    /// A scenario that counts connections and not requests.
    fn held(scenario: &'static str, connections: u64) -> Self {
        let mut row = Self::closed(scenario, connections);
        row.load.warm = false;
        row
    }

    fn named(self, name: &'static str, at: u64) -> Self {
        Self { name, at, ..self }
    }

    fn over(mut self, transport: &'static str) -> Self {
        self.load.transport = transport;
        self
    }

    fn at_rate(mut self, rate: u64) -> Self {
        self.load.rate = Some(rate);
        self
    }

    fn clients(mut self, clients: u64) -> Self {
        self.seed.clients = clients;
        self
    }

    fn messages(mut self, messages: u64) -> Self {
        self.seed.messages = messages;
        self
    }

    fn by(mut self, contender: Contender, count: u64) -> Self {
        self.turns.push((contender, count));
        self
    }

    fn rounds(self, rounds: u32) -> Self {
        Self { rounds, ..self }
    }

    /// Everybody once, then everybody again: what drifts, drifts for all of them.
    pub fn alternations(&self) -> impl Iterator<Item = (u32, &(Contender, u64))> {
        (1..=self.rounds).flat_map(|round| self.turns.iter().map(move |turn| (round, turn)))
    }
}

impl Plan {
    /// The rows in the order in which they are measured.
    #[must_use]
    pub fn rows(self) -> Vec<Row> {
        match self {
            Self::Full => full(),
            Self::Quick => quick(),
        }
    }
}

fn quick() -> Vec<Row> {
    let rows = [
        Row::closed("register", 512)
            .by(Nile, 60_000)
            .by(PeerGroup, 15_000),
        Row::closed("login", 512)
            .clients(10_000)
            .by(Nile, 60_000)
            .by(PeerGroup, 20_000),
        Row::closed("update", 512)
            .clients(10_000)
            .by(Nile, 60_000)
            .by(PeerGroup, 20_000),
        Row::closed("ping", 64)
            .named("ping-socketio", 64)
            .by(Nile, 100_000)
            .by(Limit, 100_000),
        Row::closed("message-offline", 512)
            .named("message-offline", 0)
            .by(Nile, 30_000),
        Row::held("hold", 1_000)
            .by(Nile, 1_000)
            .by(PeerGroup, 1_000),
        Row::held("start", 0).by(Nile, 1).by(PeerGroup, 1),
    ];
    rows.into_iter().map(|row| row.rounds(2)).collect()
}

fn full() -> Vec<Row> {
    let mut rows = requests();
    rows.extend(messages());
    rows.extend(connections());
    rows.extend(growth_with_clients());
    rows.extend(latency());
    rows
}

/// Rates of requests, and how they grow with the connections.
fn requests() -> Vec<Row> {
    let mut rows = Vec::new();
    for (connections, ours, group) in [
        (1, 2_000, 2_000),
        (8, 20_000, 6_000),
        (1024, 200_000, 20_000),
    ] {
        rows.push(
            Row::closed("register", connections)
                .by(Nile, ours)
                .by(PeerGroup, group)
                .rounds(3),
        );
    }
    for (connections, ours, group) in [(64, 100_000, 15_000), (512, 200_000, 20_000)] {
        rows.push(
            Row::closed("register", connections)
                .by(Nile, ours)
                .by(PeerGroup, group)
                .by(Peer, 3_000),
        );
    }
    for (connections, rounds) in [(1, 3), (8, 3), (64, 5), (512, 5), (1024, 3)] {
        let row = Row::closed("login", connections)
            .clients(CLIENTS)
            .rounds(rounds);
        rows.push(match connections {
            1 => row.by(Nile, 20_000).by(PeerGroup, 8_000),
            _ => row.by(Nile, 150_000).by(PeerGroup, 30_000),
        });
    }
    rows.push(
        Row::closed("update", 512)
            .clients(CLIENTS)
            .by(Nile, 150_000)
            .by(PeerGroup, 40_000),
    );
    for (name, transport) in [
        ("ping-socketio", "socketio"),
        ("ping-websocket", "websocket"),
    ] {
        rows.push(
            Row::closed("ping", 64)
                .named(name, 64)
                .over(transport)
                .by(Nile, 300_000)
                .by(Limit, 300_000),
        );
    }
    rows
}

/// Messages, and what they cost beside many that are stored.
fn messages() -> Vec<Row> {
    let mut rows = vec![Row::closed("message-online", 64).by(Nile, 60_000)];
    for (stored, rounds) in [
        (1_000, 5),
        (10_000, 3),
        (100_000, 3),
        (1_000_000, 3),
        (5_000_000, 5),
    ] {
        let row = Row::closed("message-offline", 512).named("message-offline", stored);
        rows.push(row.messages(stored).by(Nile, 80_000).rounds(rounds));
    }
    rows
}

/// What connections cost that do little or nothing.
fn connections() -> Vec<Row> {
    let mut rows = Vec::new();
    for (connections, rounds) in [(1_000, 3), (5_000, 3), (10_000, 5), (19_000, 3)] {
        let row = Row::held("hold", connections).rounds(rounds);
        rows.push(row.by(Nile, connections).by(PeerGroup, connections));
    }
    rows.push(
        Row::held("hold", 10_000)
            .named("hold-websocket", 10_000)
            .over("websocket")
            .by(Nile, 10_000),
    );
    rows.push(Row::held("idle", 10_000).by(Nile, 10_000));
    rows.push(Row::held("reconnect", 10_000).by(Nile, 10_000));
    rows
}

/// What a request costs beside many registered clients.
fn growth_with_clients() -> Vec<Row> {
    let mut rows = Vec::new();
    for clients in [1_000, 10_000, 100_000, 1_000_000] {
        let row = Row::closed("login", 64)
            .named("login-clients", clients)
            .clients(clients);
        rows.push(row.by(Nile, 100_000).by(PeerGroup, 20_000).rounds(3));
        let row = Row::closed("register", 64)
            .named("register-clients", clients)
            .clients(clients);
        rows.push(row.by(Nile, 100_000).rounds(3));
    }
    rows.push(Row::held("start", 0).by(Nile, 1).by(PeerGroup, 1));
    let row = Row::held("start", 0).named("start", 1_000_000);
    rows.push(row.clients(1_000_000).by(Nile, 1));
    rows
}

/// How long a login takes under a load that does not wait for answers.
fn latency() -> Vec<Row> {
    let row = |rate| {
        let row = Row::closed("login", 500).named("login-open", rate);
        row.at_rate(rate)
            .clients(CLIENTS)
            .by(Nile, rate * 4)
            .rounds(3)
    };
    let mut rows: Vec<Row> = [1_000, 2_000, 10_000]
        .map(|rate| row(rate).by(PeerGroup, rate * 4))
        .into();
    rows.push(row(5_000).by(PeerGroup, 20_000).rounds(5));
    rows.extend([20_000, 40_000, 60_000].map(row));
    rows
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_row_is_measured_twice() {
        for plan in [Plan::Full, Plan::Quick] {
            let rows = plan.rows();
            let names: HashSet<_> = rows.iter().map(|row| (row.name, row.at)).collect();
            assert_eq!(names.len(), rows.len(), "{plan:?}");
        }
    }

    #[test]
    fn who_logs_in_has_registered() {
        for row in [Plan::Full.rows(), Plan::Quick.rows()].concat() {
            assert!(!row.load.needs_tokens() || row.seed.clients > 0, "{row:?}");
        }
    }

    #[test]
    fn we_take_part_in_every_row() {
        for row in [Plan::Full.rows(), Plan::Quick.rows()].concat() {
            assert_eq!(row.turns[0].0, Nile, "{row:?}");
            assert!(row.turns.iter().all(|&(_, count)| count > 0), "{row:?}");
        }
    }
}
