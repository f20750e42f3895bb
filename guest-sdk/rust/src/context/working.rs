//! Working memory.

use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::millis;
use crate::error::{Error, Result};
use crate::host::{Backend, Host as _};
use crate::json::Json;

/// Most keys that one [`Working::keys`] returns.
const KEYS_MAX: u32 = 1_000;

/// Largest whole number that a JSON number keeps exactly everywhere: 2^53.
const EXACT_INTEGER_MAX: f64 = 9_007_199_254_740_992.0;

/// Working memory: JSON values under string keys, of the plan of the event being handled, else of this
/// agent. Made by [`Context::working`](crate::Context::working).
///
/// Reads see this turn's own writes. What was read is checked at commit; if it changed meanwhile, the
/// turn runs again. So a read followed by a write never loses an update.
#[derive(Clone, Copy)]
pub struct Working<'a> {
    host: &'a Backend,
}

impl<'a> Working<'a> {
    pub(super) fn new(host: &'a Backend) -> Self {
        Self { host }
    }

    /// The value, or nothing.
    ///
    /// # Errors
    /// `Json` with the key if the value is not a `T`.
    pub fn get<T: DeserializeOwned>(self, key: &str) -> Result<Option<T>> {
        let Some(value) = self.host.get().working_get(key)? else {
            return Ok(None);
        };
        match value.read() {
            Ok(value) => Ok(Some(value)),
            Err(Error::Json(reason)) => {
                Err(Error::Json(format!("working memory `{key}`: {reason}")))
            }
            Err(error) => Err(error),
        }
    }

    /// Set a value. Keys are 1 to 512 bytes without control characters; values at most 256 KiB.
    pub fn put<T: Serialize + ?Sized>(self, key: &str, value: &T) -> Result<()> {
        self.host.get().working_put(key, &Json::of(value)?, None)
    }

    /// Set a value that is forgotten this long after this call.
    pub fn put_for<T: Serialize + ?Sized>(self, key: &str, value: &T, ttl: Duration) -> Result<()> {
        let ttl_ms = millis("a time to live", ttl)?;
        self.host
            .get()
            .working_put(key, &Json::of(value)?, Some(ttl_ms))
    }

    /// Read, change and write a value in one go, and return what was written. No update is lost, whatever
    /// else runs at the same time.
    ///
    /// ```
    /// # use warren_agent::{Context, Result};
    /// fn note_highest(ctx: &Context, bid: u32) -> Result<u32> {
    ///     ctx.working().update("highest", |highest: Option<u32>| highest.unwrap_or(0).max(bid))
    /// }
    /// ```
    pub fn update<T, F>(self, key: &str, change: F) -> Result<T>
    where
        T: Serialize + DeserializeOwned,
        F: FnOnce(Option<T>) -> T,
    {
        let value = change(self.get(key)?);
        self.put(key, &value)?;
        Ok(value)
    }

    /// Remove a value. Says whether there was one.
    pub fn delete(self, key: &str) -> Result<bool> {
        self.host.get().working_delete(key)
    }

    /// The first 1,000 keys that begin with `prefix`, in byte order.
    pub fn keys(self, prefix: &str) -> Result<Vec<String>> {
        self.host.get().working_keys(prefix, None, KEYS_MAX)
    }

    /// At most `limit` keys that begin with `prefix`, in byte order, after the key `after`.
    pub fn keys_after(self, prefix: &str, after: &str, limit: u32) -> Result<Vec<String>> {
        self.host.get().working_keys(prefix, Some(after), limit)
    }

    /// Add to a number and return the sum; a missing value counts as 0. Integers are exact to 2^53.
    ///
    /// # Errors
    /// `Conflict` if the value is not a number.
    pub fn increment(self, key: &str, by: impl Into<f64>) -> Result<f64> {
        self.host.get().working_increment(key, by.into())
    }

    /// Add one to a whole number and return it; a missing value counts as 0.
    ///
    /// # Errors
    /// `Conflict` if the value is not a whole number from 0 to 2^53.
    pub fn count(self, key: &str) -> Result<u64> {
        let sum = self.increment(key, 1)?;
        let whole = sum.fract() == 0.0 && (1.0..=EXACT_INTEGER_MAX).contains(&sum);
        if !whole {
            let reason = format!("`{key}` is {}, which is no count", sum - 1.0);
            return Err(Error::Conflict(reason));
        }
        Ok(sum as u64)
    }

    /// Append to an array and return its new length; a missing value counts as empty.
    ///
    /// # Errors
    /// `Conflict` if the value is not an array.
    pub fn append<T: Serialize + ?Sized>(self, key: &str, value: &T) -> Result<u32> {
        self.host.get().working_append(key, &Json::of(value)?)
    }
}
