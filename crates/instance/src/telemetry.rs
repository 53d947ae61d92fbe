//! What the process tells its operator: structured lines on standard error.
//!
//! Invariant: one event is one line. Whatever a peer put into a value, it can
//! neither begin a line of its own nor command the terminal that shows it. It does
//! not keep secrets: whoever logs a token has leaked it.

use std::fmt::{self, Debug, Write as _};
use std::io::{self, IsTerminal};

use tracing::Subscriber;
use tracing::field::Field;
use tracing::subscriber::SetGlobalDefaultError;
use tracing_subscriber::field::MakeExt;
use tracing_subscriber::fmt::format::{Writer, debug_fn};
use tracing_subscriber::fmt::layer;
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::registry;

use crate::config::{LogConfig, LogFormat};

/// Sends what the process logs to standard error from now on; to be called once.
///
/// Colours need text, a terminal, and no `NO_COLOR` in the environment.
pub fn start(log: &LogConfig) -> Result<(), SetGlobalDefaultError> {
    let colours = if io::stderr().is_terminal() {
        Colours::IfWelcome
    } else {
        Colours::Never
    };
    tracing::subscriber::set_global_default(subscriber(log, io::stderr, colours))
}

#[derive(Clone, Copy)]
enum Colours {
    /// As the library decides, which looks at `NO_COLOR`.
    IfWelcome,
    Never,
    #[cfg(test)]
    Always,
}

fn subscriber<W, O>(log: &LogConfig, writer: W, colours: Colours) -> impl Subscriber + Send + Sync
where
    W: Fn() -> O + Send + Sync + 'static,
    O: io::Write + 'static,
{
    let lines = match log.format {
        LogFormat::Text => {
            let lines = match colours {
                Colours::IfWelcome => layer(),
                Colours::Never => layer().with_ansi(false),
                #[cfg(test)]
                Colours::Always => layer().with_ansi(true),
            };
            let fields = debug_fn(write_field).delimited(" ");
            lines.fmt_fields(fields).with_writer(writer).boxed()
        }
        LogFormat::Json => {
            let lines = layer().json().flatten_event(true).with_current_span(false);
            lines.with_writer(move || JsonLine(writer())).boxed()
        }
    };
    registry().with(lines).with(log.level.targets())
}

/// `name=value`, or the bare text of the event's message.
fn write_field(writer: &mut Writer<'_>, field: &Field, value: &dyn Debug) -> fmt::Result {
    if field.name() != "message" {
        write!(writer, "{}=", field.name())?;
    }
    write!(Escaped(writer), "{value:?}")
}

/// Passes text on with everything that could pass for something else escaped.
///
/// The library's own escaping leaves line ends alone, because it serves formats of several lines.
struct Escaped<'a, W>(&'a mut W);

impl<W: fmt::Write> fmt::Write for Escaped<'_, W> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut rest = text;
        while let Some((at, letter)) = rest.char_indices().find(|(_, letter)| is_hostile(*letter)) {
            self.0.write_str(&rest[..at])?;
            write!(self.0, "{}", letter.escape_default())?;
            rest = &rest[at + letter.len_utf8()..];
        }
        self.0.write_str(rest)
    }
}

/// A writer of JSON lines that escapes what JSON allows in a string but a terminal obeys.
struct JsonLine<W>(W);

impl<W: io::Write> io::Write for JsonLine<W> {
    /// Takes the whole line at once, which is how the library writes it.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(line);
        let mut escaped = String::with_capacity(text.len());
        for letter in text.chars() {
            if is_hostile(letter) && letter != '\n' {
                // Every such letter has four digits or fewer, so no surrogates are needed.
                write!(escaped, "\\u{:04x}", u32::from(letter)).map_err(io::Error::other)?;
            } else {
                escaped.push(letter);
            }
        }
        self.0.write_all(escaped.as_bytes())?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// Control characters, line and paragraph separators, and what changes the direction of text.
fn is_hostile(letter: char) -> bool {
    letter.is_control()
        || matches!(letter, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use proptest::prelude::*;
    use tracing::level_filters::LevelFilter;
    use tracing::{error, info, info_span, warn};

    use super::*;
    use crate::config::LogFilter;

    const HOSTILE: &str = "x\nINFO forged\r\n\u{1b}[31mred\u{1b}[0m\u{9b}2J\u{7}\u{7f}\u{85}\u{2028}\u{202e}lru\t\"q\" \\ 名";

    #[derive(Clone, Default)]
    struct Captured(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Captured {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn captured(log: &LogConfig, colours: Colours, events: impl FnOnce()) -> String {
        let captured = Captured::default();
        let writer = captured.clone();
        let subscriber = subscriber(log, move || writer.clone(), colours);
        tracing::subscriber::with_default(subscriber, events);
        let bytes = captured.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    fn log(format: LogFormat, level: &str) -> LogConfig {
        let level = LogFilter::try_from(level.to_owned()).unwrap();
        LogConfig { format, level }
    }

    #[derive(Debug, thiserror::Error)]
    #[error("outer {0}")]
    struct Nested(String, #[source] io::Error);

    fn log_in_every_way(text: &str) {
        let failure = Nested(text.to_owned(), io::Error::other(text.to_owned()));
        info!("{text}");
        info!(%text, "display");
        info!(?text, "debug");
        info!(text, "plain");
        error!(error = &failure as &dyn std::error::Error, "error");
        info_span!("span", %text, plain = text)
            .in_scope(|| warn!(bytes = text.as_bytes(), "inside"));
    }

    const EVENTS: usize = 6;

    fn check_text(text: &str) {
        let lines = captured(&log(LogFormat::Text, "trace"), Colours::Never, || {
            log_in_every_way(text);
        });
        let (body, end) = lines.split_at(lines.len() - 1);
        assert_eq!(end, "\n");
        assert!(
            lines
                .lines()
                .all(|line| line.contains(" nile_instance::telemetry")),
            "{lines}"
        );
        assert_eq!(body.matches('\n').count(), EVENTS - 1, "{lines}");
        let hostile = body
            .chars()
            .find(|letter| *letter != '\n' && is_hostile(*letter));
        assert_eq!(hostile, None, "{lines}");
    }

    fn check_json(text: &str) {
        let lines = captured(&log(LogFormat::Json, "trace"), Colours::Always, || {
            log_in_every_way(text);
        });
        assert_eq!(
            lines
                .chars()
                .find(|letter| *letter != '\n' && is_hostile(*letter)),
            None,
            "{lines}"
        );
        let parsed: Vec<serde_json::Value> = lines
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(parsed.len(), EVENTS, "{lines}");
        assert_eq!(parsed[0]["message"], text);
        assert_eq!(parsed[1]["text"], text);
        assert_eq!(parsed[3]["text"], text);
        assert_eq!(parsed[5]["spans"][0]["text"], text);
        assert_eq!(parsed[5]["level"], "WARN");
    }

    #[test]
    fn a_hostile_value_cannot_forge_a_line_of_text_or_command_a_terminal() {
        check_text(HOSTILE);
    }

    #[test]
    fn a_hostile_value_cannot_break_a_json_line_and_is_kept_whole() {
        check_json(HOSTILE);
    }

    #[test]
    fn colours_are_for_terminals_and_never_come_from_a_value() {
        let event = || info!(name = %"\u{1b}[31mred", "hello");
        let plain = captured(&log(LogFormat::Text, "info"), Colours::Never, event);
        assert!(!plain.contains('\u{1b}'), "{plain}");
        assert!(
            plain.ends_with("INFO nile_instance::telemetry::tests: hello name=\\u{1b}[31mred\n"),
            "{plain}"
        );
        let coloured = captured(&log(LogFormat::Text, "info"), Colours::Always, event);
        assert!(coloured.contains("\u{1b}[32m INFO\u{1b}[0m"), "{coloured}");
        assert!(coloured.contains("\\u{1b}[31mred"), "{coloured}");
    }

    #[test]
    fn the_level_decides_which_lines_are_written() {
        let events = || {
            info!("quiet");
            warn!("loud");
        };
        let lines = captured(&log(LogFormat::Text, "warn"), Colours::Never, events);
        assert!(
            lines.contains("loud") && !lines.contains("quiet"),
            "{lines}"
        );
        let lines = captured(
            &log(LogFormat::Text, "off,nile_instance=info"),
            Colours::Never,
            events,
        );
        assert_eq!(lines.lines().count(), 2);
    }

    #[test]
    fn a_line_below_the_level_is_passed_over_before_it_is_put_together() {
        for format in [LogFormat::Text, LogFormat::Json] {
            let subscriber = subscriber(&log(format, "warn"), io::sink, Colours::Never);
            assert_eq!(subscriber.max_level_hint(), Some(LevelFilter::WARN));
        }
    }

    proptest! {
        #[test]
        fn no_text_at_all_breaks_a_line(text in proptest::collection::vec(any::<char>(), 0..40)) {
            let text: String = text.into_iter().collect();
            check_text(&text);
            check_json(&text);
        }
    }
}
