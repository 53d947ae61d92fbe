//! The plots: which curves each shows, and what its axes say.

use super::goal::{Metric, spread};
use crate::{
    plot::{Axis, Plot, Series},
    record::{
        Contender::{self, Nile, PeerGroup},
        Results,
    },
};

/// A plot that a report has if its rows were measured.
#[derive(Clone, Copy, Debug)]
pub struct Curve {
    /// The name of its file.
    pub file: &'static str,
    /// What it shows.
    pub title: &'static str,
    x: Axis,
    y: Axis,
    lines: &'static [Line],
}

/// A line: what it is called, the rows it comes from, who, and what of them.
type Line = (&'static str, &'static str, Contender, Metric);

/// All plots, in order.
pub const CURVES: &[Curve] = &[
    Curve {
        file: "rate-connections.svg",
        title: "Requests a second against connections",
        x: Axis::logarithmic("connections"),
        y: Axis::logarithmic("requests a second"),
        lines: &[
            ("login", "login", Nile, Metric::Rate),
            ("register", "register", Nile, Metric::Rate),
            ("login, peer", "login", PeerGroup, Metric::Rate),
            ("register, peer", "register", PeerGroup, Metric::Rate),
        ],
    },
    Curve {
        file: "cost-clients.svg",
        title: "CPU time of a request against registered clients",
        x: Axis::logarithmic("registered clients"),
        y: Axis::linear("µs of the server's CPU"),
        lines: &[
            ("login", "login-clients", Nile, Metric::Cpu),
            ("register", "register-clients", Nile, Metric::Cpu),
            ("login, peer", "login-clients", PeerGroup, Metric::Cpu),
        ],
    },
    Curve {
        file: "cost-messages.svg",
        title: "CPU time of a message against stored messages",
        x: Axis::logarithmic("stored messages"),
        y: Axis::linear("µs of the server's CPU"),
        lines: &[("message", "message-offline", Nile, Metric::Cpu)],
    },
    Curve {
        file: "memory-connections.svg",
        title: "Resident memory of a logged-in connection against their number",
        x: Axis::linear("connections"),
        y: Axis::linear("KiB each"),
        lines: &[
            ("nile-instance", "hold", Nile, Metric::Bytes("bytes_each")),
            ("peer", "hold", PeerGroup, Metric::Bytes("bytes_each")),
        ],
    },
    Curve {
        file: "latency-load.svg",
        title: "Latency of a login against load, open loop over 500 connections",
        x: Axis::logarithmic("logins a second"),
        y: Axis::logarithmic("ms"),
        lines: &[
            ("p99", "login-open", Nile, Metric::P99),
            ("p50", "login-open", Nile, Metric::P50),
            ("p99, peer", "login-open", PeerGroup, Metric::P99),
            ("p50, peer", "login-open", PeerGroup, Metric::P50),
        ],
    },
];

impl Curve {
    /// Its plot, if any of its lines has two points or more.
    #[must_use]
    pub fn plot(&self, results: &Results) -> Option<Plot> {
        let series: Vec<_> = self
            .lines
            .iter()
            .map(|line| series(results, *line))
            .filter(|series| series.points.len() > 1)
            .collect();
        (!series.is_empty()).then_some(Plot {
            title: self.title,
            x: self.x,
            y: self.y,
            series,
        })
    }
}

fn series(results: &Results, (name, row, contender, metric): Line) -> Series {
    let mut places: Vec<u64> = results
        .records
        .iter()
        .filter(|record| record.row == row && record.at > 0)
        .map(|record| record.at)
        .collect();
    places.sort_unstable();
    places.dedup();
    let point = |at| {
        Some((
            float(at),
            spread(results, (row, at), contender, metric)?.median,
        ))
    };
    Series {
        name,
        ours: contender == Nile,
        points: places.into_iter().filter_map(point).collect(),
    }
}

#[expect(clippy::cast_precision_loss, reason = "a plot has fewer pixels")]
fn float(value: u64) -> f64 {
    value as f64
}
