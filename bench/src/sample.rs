//! Rounds of a measurement, and what to quote of them.

use serde::Serialize;

/// Values of several rounds.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Sample {
    /// The median, the figure to quote.
    pub(crate) median: f64,
    /// The smallest.
    pub(crate) min: f64,
    /// The largest.
    pub(crate) max: f64,
}

impl Sample {
    /// Of at least one round.
    pub(crate) fn of(mut rounds: Vec<f64>) -> Self {
        rounds.sort_by(f64::total_cmp);
        let at = |index: usize| rounds.get(index).copied().unwrap_or(f64::NAN);
        Self {
            median: at(rounds.len() / 2),
            min: at(0),
            max: at(rounds.len().saturating_sub(1)),
        }
    }
}

/// The value below which `share` (0 to 1) of them lie.
pub(crate) fn percentile(mut values: Vec<f64>, share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let index = ((values.len().saturating_sub(1)) as f64 * share).round() as usize;
    values.get(index).copied().unwrap_or(f64::NAN)
}
