//! The results as a Markdown table, and as few words about where they come from.

use std::fmt::Write;

use super::goal::{Against, GOALS, Goal, Target, spread};
use crate::{
    machine::Machine,
    record::{Contender, Results},
    statistic::Spread,
};

/// The table of all figures that were measured.
#[must_use]
pub fn table(results: &Results) -> String {
    let mut text = String::from(
        "| figure | target | nile-instance | compared with | ratio | met |\n\
         |---|---|---|---|---|---|\n",
    );
    for line in GOALS.iter().filter_map(|goal| line(results, goal)) {
        text.push_str(&line);
        text.push('\n');
    }
    text
}

/// One line, if everything that it needs was measured.
fn line(results: &Results, goal: &Goal) -> Option<String> {
    let of = |at, contender| spread(results, (goal.row.0, at), contender, goal.metric);
    let ours = of(goal.row.1, Contender::Nile)?;
    let other = match goal.against {
        Against::Nothing => None,
        Against::Other(contender) => {
            Some((of(goal.row.1, contender)?, contender.name().to_owned()))
        }
        Against::Ourselves(at) => Some((of(at, Contender::Nile)?, format!("at {}", grouped(at)))),
    };
    let unit = goal.metric.unit();
    let judged = other
        .as_ref()
        .map_or(ours.median, |(other, _)| ours.times(other));
    let ratio = other
        .as_ref()
        .map_or_else(String::new, |_| format!("{judged:.2}"));
    let compared = other.map_or_else(String::new, |(other, name)| {
        format!("{} {name}", with_spread(&other, unit))
    });
    let met = match goal.target.is_met(judged) {
        Some(true) => "yes",
        Some(false) => "**no**",
        None => "",
    };
    Some(format!(
        "| {} | {} | {} | {compared} | {ratio} | {met} |",
        goal.name,
        target(goal),
        with_spread(&ours, unit),
    ))
}

fn target(goal: &Goal) -> String {
    let unit = match goal.against {
        Against::Nothing => goal.metric.unit(),
        Against::Other(_) | Against::Ourselves(_) => "×",
    };
    match goal.target {
        Target::AtLeast(least) => format!("≥ {}{unit}", number(least)),
        Target::AtMost(most) => format!("≤ {}{unit}", number(most)),
        Target::None => String::new(),
    }
}

/// The median, and in brackets from where to where the runs went.
fn with_spread(spread: &Spread, unit: &str) -> String {
    let Spread {
        median,
        least,
        most,
    } = *spread;
    format!(
        "{}{unit} ({}–{})",
        number(median),
        number(least),
        number(most)
    )
}

/// With as many digits as can be meant.
fn number(value: f64) -> String {
    if value.abs() < 100.0 {
        let text = format!("{value:.2}");
        return text.trim_end_matches('0').trim_end_matches('.').into();
    }
    let digits = format!("{value:.0}");
    digits.parse().map_or(digits, grouped)
}

/// Thousands are separated by commas.
fn grouped(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.char_indices() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// On what machine, and when.
#[must_use]
pub fn machine(machine: &Machine) -> String {
    let Machine {
        date,
        cpu,
        cores,
        memory_gib,
        kernel,
        disk,
        sync_ms,
        node,
    } = machine;
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = write!(
        text,
        "Measured on {date}: {cpu}, {cores} cores, {memory_gib} GiB, Linux {kernel}, databases on {disk} \
         (4 KiB written and synced in {sync_ms} ms), Node.js {node}."
    );
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_at_a_glance() {
        let cases = [
            (0.5, "0.5"),
            (17.499, "17.5"),
            (6.0, "6"),
            (99.994, "99.99"),
            (100.4, "100"),
            (20_000.0, "20,000"),
            (1_234_567.8, "1,234,568"),
        ];
        for (value, text) in cases {
            assert_eq!(number(value), text);
        }
    }
}
