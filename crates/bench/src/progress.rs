//! A bar on standard error while something long is under way, where that is a terminal.

use std::io::{IsTerminal, Write, stderr};

use tokio::time::Instant;

const WIDTH: usize = 30;

/// A bar, or nothing.
#[derive(Debug)]
pub struct Progress {
    what: &'static str,
    shown: bool,
    begun: Instant,
}

impl Progress {
    /// A bar for this, where somebody sees it.
    #[must_use]
    pub fn new(what: &'static str) -> Self {
        let (shown, begun) = (stderr().is_terminal(), Instant::now());
        Self { what, shown, begun }
    }

    /// So many of all are done.
    pub fn show(&self, done: u64, all: u64) {
        if self.shown {
            let line = bar(self.what, done, all, self.begun.elapsed().as_secs_f64());
            // A terminal that is gone misses nothing else.
            let _ = write!(stderr(), "\r\x1b[2K{line}");
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.shown {
            let _ = write!(stderr(), "\r\x1b[2K");
        }
    }
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "it is a picture"
)]
fn bar(what: &str, done: u64, all: u64, seconds: f64) -> String {
    let part = (done as f64 / all.max(1) as f64).min(1.0);
    let full = "#".repeat((part * WIDTH as f64) as usize);
    let rate = done as f64 / seconds.max(0.001);
    format!(
        "{what:<16} [{full:-<WIDTH$}] {:3.0} % {rate:9.0}/s",
        part * 100.0
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_shows_the_part_that_is_done_and_the_rate() {
        let half = "login            [###############---------------]  50 %       500/s";
        assert_eq!(bar("login", 1000, 2000, 2.0), half);
        assert!(bar("login", 0, 0, 0.0).contains("  0 %"));
        assert!(bar("login", 9, 3, 1.0).contains("100 %"));
    }
}
