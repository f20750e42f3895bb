//! A token bucket: so many a second on average, at most a second's worth at once.
//!
//! Invariant: whole numbers and the caller's clock, so that a rate is held to the token. What takes more than
//! a second's worth waits for a full bucket and leaves it in debt, so that it passes and the average holds.

use crate::clock::Timestamp;

/// Tokens of one rate. Full when it is made.
#[derive(Debug, Clone, Copy)]
pub struct Bucket {
    /// Thousandths of tokens; under 0 is debt.
    milli: i64,
    at: Timestamp,
}

impl Default for Bucket {
    fn default() -> Self {
        Self {
            milli: i64::MAX,
            at: Timestamp(0),
        }
    }
}

impl Bucket {
    /// Take `count` tokens of `rate` a second; a rate of 0 is none.
    ///
    /// # Errors
    /// After how many milliseconds to try again; nothing was taken.
    pub fn take(&mut self, count: u64, rate: u64, now: Timestamp) -> Result<(), u64> {
        if rate == 0 {
            return Ok(());
        }
        match self.wait_ms(count, rate, now) {
            0 => {
                self.milli = self.milli.saturating_sub(milli(count));
                Ok(())
            }
            ms => Err(ms),
        }
    }

    /// How many milliseconds until so many may be taken.
    pub fn wait_ms(&mut self, count: u64, rate: u64, now: Timestamp) -> u64 {
        if rate == 0 {
            return 0;
        }
        let full = milli(rate);
        // A token a second is a thousandth a millisecond.
        let more = i64::try_from(now.since(self.at).saturating_mul(rate)).unwrap_or(i64::MAX);
        self.milli = self.milli.saturating_add(more).min(full);
        self.at = now;
        let missing = milli(count).min(full).saturating_sub(self.milli);
        u64::try_from(missing).map_or(0, |missing| missing.div_ceil(rate))
    }

    /// Give back what was taken for nothing.
    pub fn put_back(&mut self, count: u64) {
        self.milli = self.milli.saturating_add(milli(count));
    }
}

fn milli(count: u64) -> i64 {
    i64::try_from(count.saturating_mul(1_000)).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_held_to_the_token() {
        let mut bucket = Bucket::default();
        let mut take = |count, at| bucket.take(count, 10, Timestamp(at));
        for _ in 0..10 {
            assert_eq!(take(1, 5_000), Ok(()), "as many as the rate at once");
        }
        assert_eq!(take(1, 5_000), Err(100), "and not one more");
        assert_eq!(take(1, 5_099), Err(1));
        assert_eq!(take(1, 5_100), Ok(()));
        assert_eq!(take(2, 5_200), Err(100));
        assert_eq!(
            take(1, 4_000),
            Ok(()),
            "a clock that was set back gives nothing and takes nothing"
        );
        assert_eq!(
            take(10, 60_000),
            Ok(()),
            "no more than a second's worth is saved"
        );
        assert_eq!(take(1, 60_000), Err(100));
    }

    #[test]
    fn what_is_more_than_a_seconds_worth_passes_and_is_paid_for() {
        let mut bucket = Bucket::default();
        assert_eq!(bucket.take(25, 10, Timestamp(0)), Ok(()));
        assert_eq!(bucket.take(1, 10, Timestamp(0)), Err(1_600));
        assert_eq!(bucket.take(25, 10, Timestamp(0)), Err(2_500));
        assert_eq!(bucket.take(1, 10, Timestamp(1_600)), Ok(()));
    }

    #[test]
    fn no_rate_is_no_limit() {
        let mut bucket = Bucket::default();
        assert_eq!(bucket.take(u64::MAX, 0, Timestamp(0)), Ok(()));
        bucket.take(2, 2, Timestamp(0)).unwrap();
        bucket.put_back(1);
        assert_eq!(bucket.take(1, 2, Timestamp(0)), Ok(()));
    }
}
