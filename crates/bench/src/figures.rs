//! What a run found, as a row of a table and as a line of JSON.

use std::{collections::BTreeMap, fmt::Write};

use serde::{Deserialize, Serialize};

/// The figures of one run. Times are in milliseconds, memory in MiB.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    /// What was measured, as whoever started the run calls it.
    pub label: String,
    /// The scenario's word.
    pub scenario: String,
    /// The transport's word.
    pub transport: String,
    /// Connections at once.
    pub connections: usize,
    /// How many requests, or whatever the scenario counts, there were to be.
    pub count: u64,
    /// Requests a second, in an open loop.
    pub open_rate: Option<f64>,
    /// How long it took.
    pub seconds: f64,
    /// Completed a second.
    pub rate: f64,
    /// The latency that half of them do not exceed.
    pub p50_ms: f64,
    /// That 99 % do not exceed.
    pub p99_ms: f64,
    /// That 99.9 % do not exceed.
    pub p999_ms: f64,
    /// The longest latency.
    pub max_ms: f64,
    /// CPU time of the server for each that was completed, in microseconds.
    pub cpu_us_each: Option<f64>,
    /// Resident memory of the server at the end.
    pub rss_mib: Option<f64>,
    /// The same before the run's first connection.
    pub rss_before_mib: Option<f64>,
    /// Bytes from the server.
    pub bytes_in: u64,
    /// Bytes to the server.
    pub bytes_out: u64,
    /// Requests without an answer, or with a wrong one.
    pub failed: u64,
    /// Requests that the server refused.
    pub refused: u64,
    /// What only this scenario has.
    pub extra: BTreeMap<String, f64>,
}

const HEADS: [&str; 12] = [
    "label",
    "scenario",
    "transport",
    "conns",
    "count",
    "rate/s",
    "p50 ms",
    "p99 ms",
    "p99.9 ms",
    "CPU us",
    "RSS MiB",
    "bad",
];
const WIDTHS: [usize; 12] = [12, 15, 9, 6, 9, 9, 8, 8, 8, 7, 7, 5];

impl Figures {
    /// Whether everything was done that was asked. What a server did not do costs it nothing, so the
    /// others are not to be compared.
    #[must_use]
    pub const fn is_clean(&self) -> bool {
        self.failed == 0 && self.refused == 0
    }

    /// The heads of the columns of [`Figures::row`].
    #[must_use]
    pub fn heads() -> String {
        line(HEADS.map(str::to_owned))
    }

    /// The figures for people; what only the scenario has is on lines of its own.
    #[must_use]
    pub fn row(&self) -> String {
        let known =
            |figure: Option<f64>| figure.map_or_else(|| "?".to_owned(), |it| format!("{it:.1}"));
        let mut row = line([
            self.label.clone(),
            self.scenario.clone(),
            self.transport.clone(),
            self.connections.to_string(),
            self.count.to_string(),
            format!("{:.0}", self.rate),
            format!("{:.2}", self.p50_ms),
            format!("{:.2}", self.p99_ms),
            format!("{:.2}", self.p999_ms),
            known(self.cpu_us_each),
            known(self.rss_mib),
            (self.failed + self.refused).to_string(),
        ]);
        for (name, figure) in &self.extra {
            write!(row, "\n    {name}: {figure}").expect("a string takes every write");
        }
        row
    }
}

/// Words to the left, figures to the right.
fn line(cells: [String; 12]) -> String {
    let cells = cells
        .into_iter()
        .zip(WIDTHS)
        .enumerate()
        .map(|(at, (cell, width))| {
            if at < 3 {
                format!("{cell:<width$}")
            } else {
                format!("{cell:>width$}")
            }
        });
    cells.collect::<Vec<_>>().join(" ")
}

/// Rounds to three decimals, so that lines stay short.
#[must_use]
pub fn rounded(figure: f64) -> f64 {
    (figure * 1000.0).round() / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures() -> Figures {
        Figures {
            label: "nile".to_owned(),
            scenario: "login".to_owned(),
            transport: "socketio".to_owned(),
            connections: 64,
            count: 200_000,
            open_rate: None,
            seconds: 3.1,
            rate: 64516.1,
            p50_ms: 0.9,
            p99_ms: 2.1,
            p999_ms: 4.0,
            max_ms: 9.9,
            cpu_us_each: Some(15.5),
            rss_mib: Some(34.2),
            rss_before_mib: None,
            bytes_in: 1,
            bytes_out: 2,
            failed: 3,
            refused: 4,
            extra: BTreeMap::from([("bytes_each".to_owned(), 2593.0)]),
        }
    }

    #[test]
    fn the_names_in_json_are_the_ones_that_reports_are_made_of() {
        let line = serde_json::to_string(&figures()).unwrap();
        let expected = r#"{"label":"nile","scenario":"login","transport":"socketio","connections":64,"count":200000,"open_rate":null,"seconds":3.1,"rate":64516.1,"p50_ms":0.9,"p99_ms":2.1,"p999_ms":4.0,"max_ms":9.9,"cpu_us_each":15.5,"rss_mib":34.2,"rss_before_mib":null,"bytes_in":1,"bytes_out":2,"failed":3,"refused":4,"extra":{"bytes_each":2593.0}}"#;
        assert_eq!(line, expected);
        assert_eq!(serde_json::from_str::<Figures>(&line).unwrap(), figures());
    }

    #[test]
    fn a_row_stands_under_its_heads() {
        let row = figures().row();
        let (row, extra) = row.split_once('\n').unwrap();
        assert_eq!(row.len(), Figures::heads().len());
        assert!(row.ends_with("    15.5    34.2     7"), "{row}");
        assert_eq!(extra, "    bytes_each: 2593");
    }
}
