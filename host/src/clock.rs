//! Time as the host sees it: milliseconds since 1970 behind a trait, so that tests own it.
//!
//! Invariant: nothing else in the host reads the wall clock (`clippy.toml` bans it).

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::error::{Error, Result};

/// Most bytes of an instant in words. The longest that RFC 3339 allows, with nanoseconds and an offset,
/// has 38; what is longer is not read, and not repeated in the error.
const INSTANT_BYTES_MAX: usize = 64;

/// An instant in milliseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// This instant moved by `ms` milliseconds, saturating.
    #[must_use]
    pub fn plus_ms(self, ms: u64) -> Self {
        Self(self.0.saturating_add(i64::try_from(ms).unwrap_or(i64::MAX)))
    }

    /// Milliseconds from `earlier` to this instant; 0 if it is not earlier.
    pub fn since(self, earlier: Self) -> u64 {
        u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0)
    }

    /// Read an RFC 3339 instant.
    ///
    /// # Errors
    /// `Invalid` with `field` if it is not one.
    pub fn parse(field: &'static str, text: &str) -> Result<Self> {
        let got = text.len();
        if got > INSTANT_BYTES_MAX {
            let reason =
                format!("an instant has at most {INSTANT_BYTES_MAX} bytes, this has {got}");
            return Err(Error::invalid(field, reason));
        }
        text.parse::<jiff::Timestamp>()
            .map(|instant| Self(instant.as_millisecond()))
            .map_err(|e| Error::invalid(field, format!("`{text}` is not an RFC 3339 instant: {e}")))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let instant = jiff::Timestamp::from_millisecond(self.0).unwrap_or(jiff::Timestamp::MAX);
        write!(f, "{instant:.3}")
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse("time", &text).map_err(de::Error::custom)
    }
}

/// Spans of time as whole milliseconds, in settings: `#[serde(with = "millis")]`.
pub mod millis {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    /// As a number; what it loses below a millisecond no setting has.
    ///
    /// # Errors
    /// The serializer's.
    pub fn serialize<S: Serializer>(span: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(u64::try_from(span.as_millis()).unwrap_or(u64::MAX))
    }

    /// From a number that is not negative.
    ///
    /// # Errors
    /// The deserializer's.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        u64::deserialize(deserializer).map(Duration::from_millis)
    }
}

/// Where time comes from.
pub trait Clock: Send + Sync + fmt::Debug {
    /// The wall clock.
    fn now(&self) -> Timestamp;
}

/// The machine's clock.
#[derive(Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one place that reads the clock"
    )]
    fn now(&self) -> Timestamp {
        Timestamp(jiff::Timestamp::now().as_millisecond())
    }
}

/// A clock that moves only when told to.
#[derive(Debug, Clone, Default)]
pub struct SimClock(Arc<AtomicI64>);

impl SimClock {
    /// A clock that stands at `now`.
    pub fn at(now: Timestamp) -> Self {
        Self(Arc::new(AtomicI64::new(now.0)))
    }

    /// Move forward by `ms` milliseconds.
    pub fn advance_ms(&self, ms: u64) {
        self.0
            .fetch_add(i64::try_from(ms).unwrap_or(i64::MAX), Ordering::SeqCst);
    }
}

impl Clock for SimClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_read_up_to_their_limit() {
        let check = |bytes: usize, expect: &str| {
            let text = format!("{}Z", "2".repeat(bytes - 1));
            let error = Timestamp::parse("at", &text).unwrap_err().to_string();
            assert!(error.contains(expect), "{bytes}: {error}");
        };
        check(INSTANT_BYTES_MAX, "is not an RFC 3339 instant");
        check(
            INSTANT_BYTES_MAX + 1,
            "at: an instant has at most 64 bytes, this has 65",
        );
        let whole = "2026-01-01T00:00:00.123456789+01:00";
        let instant = Timestamp::parse("at", whole).unwrap();
        assert_eq!(instant.to_string(), "2025-12-31T23:00:00.123Z");
    }
}
