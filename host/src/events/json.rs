//! JSON text that was checked once: well-formed, bounded in bytes and in depth.

use std::fmt;
use std::sync::Arc;

use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::value::RawValue;

use crate::error::{Error, Result};

/// Longest JSON value in bytes. An event is a message, not a file; larger things go by reference.
pub const JSON_BYTES_MAX: usize = 256 * 1024;
/// Deepest nesting of arrays and objects. Half of what the parser itself would take.
pub const JSON_DEPTH_MAX: usize = 64;

/// A JSON value as text.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Json(Arc<str>);

impl Json {
    /// Check and take a text.
    ///
    /// # Errors
    /// `TooLarge` over [`JSON_BYTES_MAX`]; `Invalid` with the line and column if it is not JSON, or if
    /// it is nested deeper than [`JSON_DEPTH_MAX`].
    pub fn parse(field: &'static str, text: &str) -> Result<Self> {
        if text.len() > JSON_BYTES_MAX {
            return Err(Error::TooLarge {
                limit: "json_bytes_max",
                unit: "bytes",
                max: JSON_BYTES_MAX as u64,
                got: text.len() as u64,
            });
        }
        let depth = depth(text);
        if depth > JSON_DEPTH_MAX {
            return Err(Error::invalid(
                field,
                format!("nested {depth} deep, the limit is {JSON_DEPTH_MAX}"),
            ));
        }
        serde_json::from_str::<IgnoredAny>(text)
            .map_err(|e| Error::invalid(field, format!("not JSON: {e}")))?;
        Ok(Self(text.trim().into()))
    }

    /// From a value that is known to be within the limits.
    ///
    /// # Errors
    /// As [`Json::parse`].
    pub fn from_value<T: Serialize>(field: &'static str, value: &T) -> Result<Self> {
        let text =
            serde_json::to_string(value).map_err(|e| Error::invalid(field, e.to_string()))?;
        Self::parse(field, &text)
    }

    /// From text that this host stored earlier.
    pub fn from_stored(text: impl Into<Arc<str>>) -> Self {
        Self(text.into())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Read it as a Rust value.
    ///
    /// # Errors
    /// `Invalid` with the path that does not fit.
    pub fn read<T: DeserializeOwned>(&self, field: &'static str) -> Result<T> {
        serde_json::from_str(&self.0).map_err(|e| Error::invalid(field, e.to_string()))
    }
}

/// How deep brackets nest outside strings. Runs before the parser, so it must hold for any bytes.
fn depth(text: &str) -> usize {
    let (mut deepest, mut now, mut in_string, mut escaped) = (0_usize, 0_usize, false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'[' | b'{' if !in_string => {
                now += 1;
                deepest = deepest.max(now);
            }
            b']' | b'}' if !in_string => now = now.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

impl fmt::Debug for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Payloads never reach a log by way of `{:?}`.
        write!(f, "Json({} bytes)", self.0.len())
    }
}

impl Serialize for Json {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let raw: &RawValue = serde_json::from_str(&self.0).map_err(serde::ser::Error::custom)?;
        raw.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        Self::parse("data", raw.get()).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_hold_at_and_one_past() {
        let at = format!("\"{}\"", "x".repeat(JSON_BYTES_MAX - 2));
        let past = format!("\"{}\"", "x".repeat(JSON_BYTES_MAX - 1));
        assert!(Json::parse("data", &at).is_ok());
        assert!(matches!(
            Json::parse("data", &past),
            Err(Error::TooLarge { .. })
        ));

        let nested = |n: usize| format!("{}{}", "[".repeat(n), "]".repeat(n));
        assert!(Json::parse("data", &nested(JSON_DEPTH_MAX)).is_ok());
        assert!(matches!(
            Json::parse("data", &nested(JSON_DEPTH_MAX + 1)),
            Err(Error::Invalid { .. })
        ));
        assert!(Json::parse("data", &"[".repeat(1_000_000)).is_err());
    }

    #[test]
    fn what_is_not_json_is_refused() {
        for bad in ["", "{", "nul", "{\"a\":}", "1 2", "\"\\x\""] {
            assert!(Json::parse("data", bad).is_err(), "{bad}");
        }
        for good in ["null", " 1 ", "\"[[[\"", "{\"a\":[1,2.5,\"\\\"[\"]}"] {
            assert!(Json::parse("data", good).is_ok(), "{good}");
        }
    }
}
