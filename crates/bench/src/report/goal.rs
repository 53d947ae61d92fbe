//! What the figures are held to: each line of the table, where it comes from, and its target.

use crate::{
    figures::Figures,
    record::{
        Contender::{self, Limit, Peer, PeerGroup},
        Results,
    },
    statistic::Spread,
};

/// A line of the table.
#[derive(Clone, Copy, Debug)]
pub struct Goal {
    /// What it says.
    pub name: &'static str,
    /// The row of the plan that it is about, and where on its curve.
    pub row: (&'static str, u64),
    /// What of a run it is.
    pub metric: Metric,
    /// What it is compared with.
    pub against: Against,
    /// What the ratio has to be or, compared with nothing, the value.
    pub target: Target,
}

/// Something that a run measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Metric {
    /// Requests a second.
    Rate,
    /// How long all of it took.
    Seconds,
    /// Half of the latencies are below.
    P50,
    /// 99 of a hundred latencies are below.
    P99,
    /// CPU time of the server for a request.
    Cpu,
    /// A number of bytes among what only this scenario measures.
    Bytes(&'static str),
    /// An amount of memory among it.
    Mebibytes(&'static str),
    /// A time among it, in milliseconds.
    Milliseconds(&'static str),
    /// A share among it, in percent.
    Percent(&'static str),
}

impl Metric {
    /// Of this run, in the unit below.
    #[must_use]
    pub fn of(self, run: &Figures) -> Option<f64> {
        let extra = |key: &str| run.extra.get(key).copied();
        match self {
            Self::Rate => Some(run.rate),
            Self::Seconds => Some(run.seconds),
            Self::P50 => Some(run.p50_ms),
            Self::P99 => Some(run.p99_ms),
            Self::Cpu => run.cpu_us_each,
            Self::Bytes(key) => extra(key).map(|bytes| bytes / 1024.0),
            Self::Mebibytes(key) | Self::Milliseconds(key) | Self::Percent(key) => extra(key),
        }
    }

    /// Its unit.
    #[must_use]
    pub const fn unit(self) -> &'static str {
        match self {
            Self::Rate => "/s",
            Self::Seconds => " s",
            Self::P50 | Self::P99 | Self::Milliseconds(_) => " ms",
            Self::Cpu => " µs",
            Self::Mebibytes(_) => " MiB",
            Self::Bytes(_) => " KiB",
            Self::Percent(_) => " %",
        }
    }
}

/// What a figure is compared with.
#[derive(Clone, Copy, Debug)]
pub enum Against {
    /// Nothing: the target is absolute.
    Nothing,
    /// The same of somebody else.
    Other(Contender),
    /// The same of ourselves, elsewhere on the curve.
    Ourselves(u64),
}

/// What is good enough.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Target {
    /// This or more.
    AtLeast(f64),
    /// This or less.
    AtMost(f64),
    /// Nothing in particular: it is worth knowing.
    None,
}

impl Target {
    /// Whether it is met; none is.
    #[must_use]
    pub fn is_met(self, value: f64) -> Option<bool> {
        match self {
            Self::AtLeast(least) => Some(value >= least),
            Self::AtMost(most) => Some(value <= most),
            Self::None => None,
        }
    }
}

/// All runs of a contender at one place of a row, as one figure.
#[must_use]
pub fn spread(
    results: &Results,
    row: (&str, u64),
    contender: Contender,
    metric: Metric,
) -> Option<Spread> {
    let here = results.records.iter().filter(|record| {
        (record.row.as_str(), record.at) == row
            && record.contender == contender
            && record.run.is_clean()
    });
    Spread::of(here.filter_map(|record| metric.of(&record.run)).collect())
}

const fn goal(
    name: &'static str,
    row: (&'static str, u64),
    metric: Metric,
    against: Against,
    target: Target,
) -> Goal {
    Goal {
        name,
        row,
        metric,
        against,
        target,
    }
}

/// The lines of the table, in order. Each is one line here, too.
#[rustfmt::skip]
pub const GOALS: &[Goal] = {
    use Against::{Nothing, Other, Ourselves};
    use Metric::{Bytes, Cpu, Mebibytes, Milliseconds, P99, Percent, Rate, Seconds};
    use Target::{AtLeast, AtMost, None};
    &[
        goal("register, 64 connections", ("register", 64), Rate, Other(PeerGroup), AtLeast(5.0)),
        goal("register, 64 connections", ("register", 64), Rate, Other(Peer), AtLeast(20.0)),
        goal("register, 512 connections", ("register", 512), Rate, Other(PeerGroup), AtLeast(5.0)),
        goal("register, 512 connections", ("register", 512), Rate, Other(Peer), AtLeast(20.0)),
        goal("login, 64 connections", ("login", 64), Rate, Other(PeerGroup), AtLeast(5.0)),
        goal("login, 512 connections", ("login", 512), Rate, Other(PeerGroup), AtLeast(5.0)),
        goal("update, 512 connections", ("update", 512), Rate, Other(PeerGroup), AtLeast(2.5)),
        goal("ping over Socket.IO, 64 connections", ("ping-socketio", 64), Rate, Other(Limit), AtLeast(0.80)),
        goal("ping over WebSocket, 64 connections", ("ping-websocket", 64), Rate, Other(Limit), AtLeast(0.85)),
        goal("message to a node that is online", ("message-online", 64), Rate, Nothing, AtLeast(20_000.0)),
        goal("the same, p99 until it is acknowledged", ("message-online", 64), P99, Nothing, AtMost(25.0)),
        goal("message to a node that is not", ("message-offline", 1_000), Rate, Nothing, AtLeast(25_000.0)),
        goal("message to a node that is not", ("message-offline", 0), Rate, Nothing, AtLeast(25_000.0)),
        goal("the same, 5 million stored", ("message-offline", 5_000_000), Rate, Nothing, AtLeast(25_000.0)),
        goal("the same, 5 million stored against a thousand", ("message-offline", 5_000_000), Cpu, Ourselves(1_000), None),
        goal("memory of an empty server", ("start", 0), Mebibytes("ready_mib"), Nothing, AtMost(15.0)),
        goal("memory a connection, 10,000 logged in", ("hold", 10_000), Bytes("bytes_each"), Nothing, AtMost(6.0)),
        goal("the same against the peer", ("hold", 10_000), Bytes("bytes_each"), Other(PeerGroup), AtMost(0.5)),
        goal("the same, 1,000 logged in", ("hold", 1_000), Bytes("bytes_each"), Other(PeerGroup), AtMost(0.5)),
        goal("the same after an answer of 64 KiB each", ("hold", 10_000), Bytes("bytes_each_got_64k"), Nothing, AtMost(8.0)),
        goal("the same after a request of 64 KiB each", ("hold", 10_000), Bytes("bytes_each_sent_64k"), Other(PeerGroup), None),
        goal("memory a connection, raw WebSocket", ("hold-websocket", 10_000), Bytes("bytes_each"), Nothing, AtMost(5.0)),
        goal("CPU of 10,000 idle connections, of one core", ("idle", 10_000), Percent("idle_cpu_percent"), Nothing, AtMost(1.0)),
        goal("login p99 at 5,000 a second, open loop", ("login-open", 5_000), P99, Nothing, AtMost(5.0)),
        goal("the same against the peer", ("login-open", 5_000), P99, Other(PeerGroup), None),
        goal("CPU of a login, a million registered against a thousand", ("login-clients", 1_000_000), Cpu, Ourselves(1_000), AtMost(1.2)),
        goal("10,000 parties back, each with a message that waits", ("reconnect", 10_000), Seconds, Nothing, AtMost(2.0)),
        goal("start to ready, a million clients", ("start", 1_000_000), Milliseconds("ready_ms"), Nothing, AtMost(200.0)),
        goal("CPU of a registration", ("register", 512), Cpu, Other(PeerGroup), None),
        goal("CPU of a login", ("login", 512), Cpu, Other(PeerGroup), None),
        goal("CPU of an update", ("update", 512), Cpu, Other(PeerGroup), None),
    ]
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{compare::plan::Plan, record::Contender::Nile};

    #[test]
    fn every_figure_is_measured_by_a_plan() {
        let rows = [Plan::Full.rows(), Plan::Quick.rows()].concat();
        let measured = |(name, at): (&str, u64), contender| {
            rows.iter().any(|row| {
                (row.name, row.at) == (name, at) && row.turns.iter().any(|turn| turn.0 == contender)
            })
        };
        for goal in GOALS {
            assert!(measured(goal.row, Nile), "{goal:?}");
            match goal.against {
                Against::Other(contender) => assert!(measured(goal.row, contender), "{goal:?}"),
                Against::Ourselves(at) => assert!(measured((goal.row.0, at), Nile), "{goal:?}"),
                Against::Nothing => {}
            }
        }
    }

    #[test]
    fn a_target_that_is_just_reached_is_met() {
        assert_eq!(Target::AtLeast(5.0).is_met(5.0), Some(true));
        assert_eq!(Target::AtLeast(5.0).is_met(4.99), Some(false));
        assert_eq!(Target::AtMost(6.0).is_met(6.0), Some(true));
        assert_eq!(Target::AtMost(6.0).is_met(6.01), Some(false));
        assert_eq!(Target::None.is_met(6.0), None);
    }

    #[test]
    fn what_only_a_scenario_measures_has_its_unit() {
        let extra = [("bytes_each", 2048.0), ("idle_cpu_percent", 0.5)];
        let run = Figures {
            rate: 7.5,
            extra: extra.map(|(name, figure)| (name.to_owned(), figure)).into(),
            ..Figures::default()
        };
        assert_eq!(Metric::Rate.of(&run), Some(7.5));
        assert_eq!(Metric::Bytes("bytes_each").of(&run), Some(2.0));
        assert_eq!(Metric::Percent("idle_cpu_percent").of(&run), Some(0.5));
        assert_eq!(Metric::Bytes("nothing").of(&run), None);
        assert_eq!(Metric::Cpu.of(&run), None);
    }
}
