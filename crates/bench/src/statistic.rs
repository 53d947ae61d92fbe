//! What several measurements of the same come to. It knows no units.

/// The middle of some measurements, and how far apart they were.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// The one in the middle; of an even number, the mean of the two in the middle.
    pub median: f64,
    /// The smallest.
    pub least: f64,
    /// The largest.
    pub most: f64,
}

impl Spread {
    /// Of these measurements; of none there is none.
    #[must_use]
    pub fn of(mut values: Vec<f64>) -> Option<Self> {
        values.sort_by(f64::total_cmp);
        let (least, most) = (*values.first()?, *values.last()?);
        let middle = values.len() / 2;
        let median = if values.len() % 2 == 1 {
            values[middle]
        } else {
            f64::midpoint(values[middle - 1], values[middle])
        };
        Some(Self {
            median,
            least,
            most,
        })
    }

    /// How many times the other's median this one's is.
    #[must_use]
    pub fn times(&self, other: &Self) -> f64 {
        self.median / other.median
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn median(values: &[f64]) -> Option<f64> {
        Spread::of(values.to_vec()).map(|spread| spread.median)
    }

    #[test]
    fn the_median_is_in_the_middle_whatever_the_order() {
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[7.0]), Some(7.0));
        assert_eq!(median(&[9.0, 1.0, 3.0]), Some(3.0));
        assert_eq!(median(&[10.0, 1.0, 100.0, 2.0]), Some(6.0));
    }

    #[test]
    fn one_run_that_went_wrong_moves_the_spread_and_not_the_median() {
        let spread = Spread::of(vec![100.0, 101.0, 1.0, 99.0, 102.0]);
        assert_eq!(
            spread,
            Some(Spread {
                median: 100.0,
                least: 1.0,
                most: 102.0
            })
        );
    }

    #[test]
    fn a_ratio_is_of_medians() {
        let ours = Spread::of(vec![10.0, 50.0, 60.0]).expect("there are some");
        let peer = Spread::of(vec![1.0, 20.0, 1000.0]).expect("there are some");
        assert!((ours.times(&peer) - 2.5).abs() < 1e-9);
        assert!((peer.times(&ours) - 0.4).abs() < 1e-9);
    }
}
