//! When a failed turn is tried again, and when it is given up.

use std::time::Duration;

use crate::clock::Timestamp;
use crate::turn::TurnEnd;

use super::DispatchLimits;

/// What becomes of a delivery whose turn failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is tried again then.
    Retry(Timestamp),
    /// It becomes a dead letter.
    GiveUp,
}

/// Decide, after `attempts_failed` failures, this one included, of at most `attempts_max`.
pub(super) fn verdict(
    end: &TurnEnd,
    attempts_failed: u32,
    attempts_max: u32,
    now: Timestamp,
    limits: &DispatchLimits,
) -> Verdict {
    let asked = match end {
        TurnEnd::Rejected(_) => return Verdict::GiveUp,
        TurnEnd::Failed { retry_ms, .. } => *retry_ms,
        _ => None,
    };
    if attempts_failed >= attempts_max {
        return Verdict::GiveUp;
    }
    let wait = match asked {
        Some(ms) => Duration::from_millis(u64::from(ms)).min(limits.retry_longest),
        None => back_off(attempts_failed, limits, fastrand::f64()),
    };
    Verdict::Retry(now.plus_ms(wait.as_millis() as u64))
}

/// Twice as long each time, between half and all of it by chance, so that what failed together does not
/// come back together. `chance` is 0 to 1.
fn back_off(attempts_failed: u32, limits: &DispatchLimits, chance: f64) -> Duration {
    let doublings = attempts_failed.saturating_sub(1).min(20);
    let whole = limits
        .retry_first
        .saturating_mul(1 << doublings)
        .min(limits.retry_longest);
    whole.mul_f64(0.5 + chance / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn back_off_doubles_up_to_the_longest() {
        let limits = DispatchLimits::default();
        for (failed, chance, expected_ms) in [
            (1, 1.0, 200),
            (1, 0.0, 100),
            (2, 1.0, 400),
            (5, 1.0, 3_200),
            (40, 1.0, 300_000),
        ] {
            let wait = back_off(failed, &limits, chance);
            assert_eq!(wait.as_millis(), expected_ms, "after {failed} failures");
        }
    }

    #[test]
    fn the_last_attempt_and_a_rejection_give_up() {
        let limits = DispatchLimits::default();
        let now = Timestamp(1_000);
        let failed = |retry_ms| TurnEnd::Failed {
            retry_ms,
            reason: None,
        };
        for (end, attempts_failed, expected) in [
            (failed(Some(7)), 4, Verdict::Retry(Timestamp(1_007))),
            (
                failed(Some(u32::MAX)),
                1,
                Verdict::Retry(Timestamp(301_000)),
            ),
            (failed(Some(7)), 5, Verdict::GiveUp),
            (TurnEnd::TimedOut, 5, Verdict::GiveUp),
            (TurnEnd::Rejected("no".into()), 1, Verdict::GiveUp),
        ] {
            assert_eq!(
                verdict(&end, attempts_failed, 5, now, &limits),
                expected,
                "{end:?}"
            );
        }
    }
}
