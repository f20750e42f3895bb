//! Points in time as the contract writes them: RFC 3339, UTC, milliseconds.
//!
//! Invariant: the text always has the form `2026-01-31T12:00:00.000Z`, so order of text is order of time.

use std::fmt;
use std::ops::Add;
use std::time::Duration;

use serde::{Deserialize, Serialize};

const DAY_MS: i64 = 86_400_000;

/// A point in time, to the millisecond.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Instant(String);

impl Instant {
    /// Take an RFC 3339 text. The host checks it where it is used.
    pub fn from_text(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Milliseconds since 1970-01-01T00:00:00Z, for years 0 to 9999.
    pub fn from_unix_ms(unix_ms: i64) -> Self {
        let (day, ms) = (unix_ms.div_euclid(DAY_MS), unix_ms.rem_euclid(DAY_MS));
        let (year, month, day) = civil_of_day(day);
        let (hour, minute) = (ms / 3_600_000, ms / 60_000 % 60);
        let (second, ms) = (ms / 1_000 % 60, ms % 1_000);
        Self(format!(
            "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{ms:03}Z"
        ))
    }

    /// Milliseconds since 1970-01-01T00:00:00Z; nothing if the text is not of the contract's form.
    pub fn unix_ms(&self) -> Option<i64> {
        let text = &self.0;
        let separators = [
            (4, "-"),
            (7, "-"),
            (10, "T"),
            (13, ":"),
            (16, ":"),
            (19, "."),
        ];
        let formed = text.len() == 24
            && text.ends_with('Z')
            && separators
                .iter()
                .all(|(at, mark)| text.get(*at..*at + 1) == Some(mark));
        if !formed {
            return None;
        }
        let number = |from: usize, to: usize| text.get(from..to)?.parse::<i64>().ok();
        let day = day_of_civil(number(0, 4)?, number(5, 7)?, number(8, 10)?);
        let seconds = (number(11, 13)? * 60 + number(14, 16)?) * 60 + number(17, 19)?;
        Some(day * DAY_MS + seconds * 1_000 + number(20, 23)?)
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The text.
    pub fn into_string(self) -> String {
        self.0
    }
}

impl fmt::Display for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Add<Duration> for Instant {
    type Output = Self;
    /// Later by this much. A text that is not of the contract's form stays as it is.
    fn add(self, later: Duration) -> Self {
        let later = i64::try_from(later.as_millis()).unwrap_or(i64::MAX);
        match self.unix_ms() {
            Some(unix_ms) => Self::from_unix_ms(unix_ms.saturating_add(later)),
            None => self,
        }
    }
}

/// Days since 1970-01-01 of a date in the proleptic Gregorian calendar; years begin in March, so that
/// the leap day is the last of its year.
fn day_of_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

fn civil_of_day(day: i64) -> (i64, i64, i64) {
    let day = day + 719_468;
    let (era, day_of_era) = (day.div_euclid(146_097), day.rem_euclid(146_097));
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 {
        shifted + 3
    } else {
        shifted - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_and_milliseconds_convert_both_ways() {
        for (unix_ms, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (1_767_225_599_999, "2025-12-31T23:59:59.999Z"),
            (1_769_860_800_001, "2026-01-31T12:00:00.001Z"),
            (-1, "1969-12-31T23:59:59.999Z"),
        ] {
            assert_eq!(Instant::from_unix_ms(unix_ms).as_str(), text);
            assert_eq!(Instant::from_text(text).unix_ms(), Some(unix_ms), "{text}");
        }
        for bad in [
            "",
            "2026-01-31",
            "2026-01-31T12:00:00Z",
            "2026-01-31 12:00:00.000Z",
        ] {
            assert_eq!(Instant::from_text(bad).unix_ms(), None, "{bad}");
        }
    }

    #[test]
    fn days_follow_one_another() {
        for day in -200_000..200_000 {
            let (year, month, of_month) = civil_of_day(day);
            assert_eq!(day_of_civil(year, month, of_month), day);
        }
    }

    #[test]
    fn later_is_later() {
        let new_year = Instant::from_text("2025-12-31T23:59:59.500Z") + Duration::from_secs(1);
        assert_eq!(new_year.as_str(), "2026-01-01T00:00:00.500Z");
    }
}
