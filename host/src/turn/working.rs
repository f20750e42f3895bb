//! Working memory inside a turn: reads overlaid with the turn's own writes.

use crate::error::{Error, Result};
use crate::events::Json;
use crate::memory::{KEYS_LIMIT_MAX, KeyRange, WorkingKey};
use crate::registry::Grant;

use super::stage::Seen;
use super::{Effect, Read, Turn};

/// Largest integer that a JSON number keeps exactly everywhere.
const EXACT_INTEGER_MAX: f64 = 9_007_199_254_740_992.0;

impl Turn {
    /// The value, or nothing.
    pub async fn working_get(&mut self, key: &str) -> Result<Option<Json>> {
        self.require(Grant::WorkingRead)?;
        let key = WorkingKey::new(key)?;
        self.current(&key).await
    }

    /// Set a value.
    pub async fn working_put(&mut self, key: &str, value: &str, ttl_ms: Option<u32>) -> Result<()> {
        self.require(Grant::WorkingWrite)?;
        let key = WorkingKey::new(key)?;
        let value = Json::parse("value", value)?;
        self.put(key, value, ttl_ms)
    }

    /// Remove a value. Says whether there was one.
    pub async fn working_delete(&mut self, key: &str) -> Result<bool> {
        self.require(Grant::WorkingWrite)?;
        let key = WorkingKey::new(key)?;
        if self.current(&key).await?.is_none() {
            return Ok(false);
        }
        let space = self.frame().space.clone();
        self.push(Effect::WorkingDelete { space, key })?;
        Ok(true)
    }

    /// Keys that begin with `prefix`, in byte order, after `after`, at most `limit`.
    pub async fn working_keys(
        &mut self,
        prefix: &str,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<String>> {
        self.require(Grant::WorkingRead)?;
        if limit == 0 || limit > KEYS_LIMIT_MAX {
            let rule = format!("{limit} is not between 1 and {KEYS_LIMIT_MAX}");
            return Err(Error::invalid("limit", rule));
        }
        let space = self.frame().space.clone();
        let in_range = |key: &str| key.starts_with(prefix) && after.is_none_or(|after| key > after);
        let (mut added, mut deleted) = (Vec::new(), Vec::new());
        for (key, effect) in self.staged.working_of(&space) {
            match effect {
                _ if !in_range(key.as_str()) => {}
                Effect::WorkingDelete { .. } => deleted.push(key.clone()),
                _ => added.push(key.clone()),
            }
        }
        // As many more as this turn deleted, so that the page is full after they are taken out.
        let range = KeyRange {
            space,
            prefix: prefix.to_owned(),
            after: after.map(str::to_owned),
            limit: limit + deleted.len() as u32,
        };
        let now = self.now();
        let scope = self.scope().clone();
        let seen = self.services.working.keys(&scope, &range, now).await?;
        self.count_read(seen.iter().map(|(key, _)| key.as_str().len() + 16).sum())?;
        let mut keys: Vec<WorkingKey> = seen.iter().map(|(key, _)| key.clone()).collect();
        self.note_read(Read::WorkingKeys { range, seen });
        keys.retain(|key| !deleted.contains(key));
        keys.extend(added);
        keys.sort();
        keys.dedup();
        keys.truncate(limit as usize);
        Ok(keys
            .into_iter()
            .map(|key| key.as_str().to_owned())
            .collect())
    }

    /// Add to a number and return the sum.
    pub async fn working_increment(&mut self, key: &str, by: f64) -> Result<f64> {
        self.require(Grant::WorkingWrite)?;
        let key = WorkingKey::new(key)?;
        let old = match self.current(&key).await? {
            None => 0.0,
            Some(value) => {
                serde_json::from_str::<f64>(value.as_str()).map_err(|_| not_a(&key, "number"))?
            }
        };
        let sum = old + by;
        if !sum.is_finite() {
            return Err(Error::invalid(
                "by",
                format!("{old} + {by} is not a finite number"),
            ));
        }
        let value = if sum.fract() == 0.0 && sum.abs() <= EXACT_INTEGER_MAX {
            Json::from_value("value", &(sum as i64))?
        } else {
            Json::from_value("value", &sum)?
        };
        self.put(key, value, None)?;
        Ok(sum)
    }

    /// Append to an array and return its new length.
    pub async fn working_append(&mut self, key: &str, value: &str) -> Result<u32> {
        self.require(Grant::WorkingWrite)?;
        let key = WorkingKey::new(key)?;
        let value = Json::parse("value", value)?;
        let mut items: Vec<Box<serde_json::value::RawValue>> = match self.current(&key).await? {
            None => Vec::new(),
            Some(old) => serde_json::from_str(old.as_str()).map_err(|_| not_a(&key, "array"))?,
        };
        let raw = serde_json::value::RawValue::from_string(value.as_str().to_owned());
        items.push(raw.map_err(|e| Error::invalid("value", e.to_string()))?);
        let whole = Json::from_value("value", &items)?;
        self.put(key, whole, None)?;
        Ok(items.len() as u32)
    }

    fn put(&mut self, key: WorkingKey, value: Json, ttl_ms: Option<u32>) -> Result<()> {
        let expires = ttl_ms.map(|ms| self.now().plus_ms(u64::from(ms)));
        let space = self.frame().space.clone();
        self.push(Effect::WorkingPut {
            space,
            key,
            value,
            expires,
        })
    }

    /// The value as this turn sees it: its own last write, else what it saw before, else the store's.
    async fn current(&mut self, key: &WorkingKey) -> Result<Option<Json>> {
        let space = self.frame().space.clone();
        match self.staged.working(&space, key) {
            Some(Effect::WorkingPut { value, .. }) => return Ok(Some(value.clone())),
            Some(_) => return Ok(None),
            None => {}
        }
        let place = (space, key.clone());
        if let Some(seen) = self.seen.get(&place) {
            return Ok(seen.value.clone());
        }
        let now = self.now();
        let entry = self
            .services
            .working
            .get(&self.frame().scope, &place.0, key, now)
            .await?;
        let seen = entry.map_or(
            Seen {
                value: None,
                version: 0,
            },
            |entry| Seen {
                value: Some(entry.value),
                version: entry.version,
            },
        );
        let value = seen.value.clone();
        self.count_read(key.as_str().len() + value.as_ref().map_or(0, |v| v.as_str().len()))?;
        self.seen.insert(place, seen);
        Ok(value)
    }
}

fn not_a(key: &WorkingKey, kind: &str) -> Error {
    Error::conflict(
        "working memory",
        format!("the value of `{}` is not a {kind}", key.as_str()),
    )
}
