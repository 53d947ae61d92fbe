//! An axis: where a value stands, and which values are written at it.

use std::ops::Range;

use plotters::coord::ranged1d::{DefaultFormatting, KeyPointHint, Ranged};

/// A direction of a plot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Axis {
    /// What its values are.
    pub name: &'static str,
    logarithmic: bool,
}

impl Axis {
    /// An axis that begins at zero.
    #[must_use]
    pub const fn linear(name: &'static str) -> Self {
        let logarithmic = false;
        Self { name, logarithmic }
    }

    /// An axis on which equal distances are equal ratios; its values are above zero.
    #[must_use]
    pub const fn logarithmic(name: &'static str) -> Self {
        let logarithmic = true;
        Self { name, logarithmic }
    }

    /// This axis for these values.
    pub(super) fn scale(self, values: impl Iterator<Item = f64>) -> Scale {
        let (least, most) = values.fold((f64::MAX, f64::MIN), |(least, most), value| {
            (least.min(value), most.max(value))
        });
        let marks = if self.logarithmic {
            logarithmic_marks(least.max(f64::MIN_POSITIVE), most)
        } else {
            linear_marks(most)
        };
        let begin = marks.first().copied().unwrap_or_default();
        let end = marks.last().copied().unwrap_or(1.0).max(most);
        Scale {
            range: begin..end,
            marks,
            logarithmic: self.logarithmic,
        }
    }
}

/// Zero, and round numbers until the largest value is reached.
fn linear_marks(most: f64) -> Vec<f64> {
    let most = if most > 0.0 { most } else { 1.0 };
    let power = 10_f64.powf(most.log10().floor());
    let step = [0.2, 0.5, 1.0, 2.0]
        .map(|factor| factor * power)
        .into_iter()
        .find(|step| most / step <= 6.0)
        .unwrap_or(power);
    let marks = std::iter::successors(Some(0.0), |mark| (*mark < most).then_some(mark + step));
    marks.collect()
}

/// From the mark at or below the least value to the one at or above the largest: powers of ten if they span
/// enough, else also two and five times these.
fn logarithmic_marks(least: f64, most: f64) -> Vec<f64> {
    let factors: &[f64] = if most / least >= 500.0 {
        &[1.0]
    } else {
        &[1.0, 2.0, 5.0]
    };
    let marks: Vec<f64> = (-12..13)
        .flat_map(|power| {
            factors
                .iter()
                .map(move |factor| factor * 10_f64.powi(power))
        })
        .collect();
    let begin = marks
        .partition_point(|mark| *mark <= least)
        .saturating_sub(1);
    let end = marks.partition_point(|mark| *mark < most).max(begin + 1);
    marks[begin..=end.min(marks.len() - 1)].to_vec()
}

/// A number in few characters: `20k`, `1M`, `0.5`.
pub(super) fn short(value: f64) -> String {
    let (value, unit) = match value {
        million if million >= 1e6 => (million / 1e6, "M"),
        thousand if thousand >= 1e3 => (thousand / 1e3, "k"),
        small => (small, ""),
    };
    let text = format!("{value:.2}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    format!("{text}{unit}")
}

/// An axis with its values, as the plotting library wants it.
#[derive(Clone, Debug)]
pub(super) struct Scale {
    range: Range<f64>,
    marks: Vec<f64>,
    logarithmic: bool,
}

impl Scale {
    fn place(&self, value: f64) -> f64 {
        if self.logarithmic {
            value.max(self.range.start).ln()
        } else {
            value
        }
    }
}

impl Ranged for Scale {
    type FormatOption = DefaultFormatting;
    type ValueType = f64;

    #[expect(clippy::cast_possible_truncation, reason = "it is a pixel")]
    fn map(&self, value: &f64, (begin, end): (i32, i32)) -> i32 {
        let (least, most) = (self.place(self.range.start), self.place(self.range.end));
        let share = (self.place(*value) - least) / (most - least);
        begin + (share * f64::from(end - begin)).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, _: Hint) -> Vec<f64> {
        self.marks.clone()
    }

    fn range(&self) -> Range<f64> {
        self.range.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_ratios_are_equal_distances_on_a_logarithmic_axis() {
        let scale = Axis::logarithmic("").scale([1.0, 10_000.0].into_iter());
        let places = [1.0, 10.0, 100.0, 1000.0, 10_000.0].map(|value| scale.map(&value, (0, 400)));
        assert_eq!(places, [0, 100, 200, 300, 400]);
    }

    #[test]
    fn a_linear_axis_begins_at_zero_and_reaches_the_largest_value() {
        let scale = Axis::linear("").scale([40.0, 57.0].into_iter());
        assert_eq!(scale.marks, [0.0, 10.0, 20.0, 30.0, 40.0, 50.0, 60.0]);
        assert_eq!(scale.map(&30.0, (300, 0)), 150);
    }

    #[test]
    fn marks_enclose_the_values_and_are_few() {
        for (least, most) in [
            (1.0, 1024.0),
            (1e3, 5e6),
            (0.7, 3.0),
            (5.0, 5.0),
            (1.0, 1.0),
            (270.0, 61_000.0),
        ] {
            let marks = logarithmic_marks(least, most);
            assert!(
                marks[0] <= least && marks[marks.len() - 1] >= most,
                "{marks:?}"
            );
            assert!((2..=9).contains(&marks.len()), "{marks:?}");
        }
        for most in [0.0, 0.03, 1.0, 9.99, 10.0, 173.0, 1e6] {
            let marks = linear_marks(most);
            assert!(marks[marks.len() - 1] >= most, "{marks:?}");
            assert!((2..=8).contains(&marks.len()), "{marks:?}");
        }
    }

    #[test]
    fn numbers_at_an_axis_are_short() {
        let cases = [
            (0.0, "0"),
            (0.5, "0.5"),
            (512.0, "512"),
            (1e3, "1k"),
            (2.5e4, "25k"),
            (5e6, "5M"),
        ];
        for (value, text) in cases {
            assert_eq!(short(value), text);
        }
    }
}
