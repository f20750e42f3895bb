//! API keys that were looked up lately, so that a request costs no query.
//!
//! Invariant: bounded in number and in age. Only keys that exist are kept: guesses cannot push them out.

use std::collections::HashMap;
use std::time::Duration;

use parking_lot::RwLock;

use crate::clock::Timestamp;
use crate::identity::{ApiKey, KeyId};

/// Looked-up keys by their id.
pub(crate) struct KeyCache {
    age_ms_max: u64,
    entries_max: usize,
    rows: RwLock<HashMap<KeyId, (Timestamp, ApiKey)>>,
}

impl KeyCache {
    /// Of at most `entries_max` keys, each believed for `age_max`.
    pub(crate) fn new(age_max: Duration, entries_max: usize) -> Self {
        Self {
            age_ms_max: u64::try_from(age_max.as_millis()).unwrap_or(u64::MAX),
            entries_max,
            rows: RwLock::default(),
        }
    }

    /// The key, if it was looked up lately.
    pub(crate) fn get(&self, id: &KeyId, now: Timestamp) -> Option<ApiKey> {
        let rows = self.rows.read();
        let (read, row) = rows.get(id)?;
        // A clock that was set back must not make an entry live longer.
        let fresh = *read <= now && now.since(*read) < self.age_ms_max;
        fresh.then(|| row.clone())
    }

    /// Keep a key that was looked up at `now`.
    pub(crate) fn put(&self, row: ApiKey, now: Timestamp) -> ApiKey {
        let mut rows = self.rows.write();
        if rows.len() >= self.entries_max && !rows.contains_key(&row.id) {
            let age = self.age_ms_max;
            rows.retain(|_, (read, _)| now.since(*read) < age);
            if rows.len() >= self.entries_max {
                // All of them are in use: starting anew costs each one query.
                rows.clear();
            }
        }
        rows.insert(row.id.clone(), (now, row.clone()));
        row
    }

    /// Forget all of them.
    pub(crate) fn clear(&self) {
        self.rows.write().clear();
    }
}

#[cfg(test)]
mod tests {
    use crate::id::{KeyName, TenantId};
    use crate::identity::{ApiKeySecret, KeyHasher};

    use super::*;

    fn key(id: &str) -> ApiKey {
        let secret = ApiKeySecret::generate().unwrap();
        let named = (TenantId::generate(), KeyName::new("k").unwrap());
        let key = ApiKey::new(&secret, &KeyHasher::new([0; 32]), named, Timestamp(0));
        ApiKey {
            id: KeyId::from_stored(id.into()),
            ..key
        }
    }

    #[test]
    fn a_key_is_believed_until_its_age_is_reached() {
        let cache = KeyCache::new(Duration::from_secs(5), 10);
        let row = cache.put(key("a"), Timestamp(1_000));
        for (at, kept) in [(1_000, true), (5_999, true), (6_000, false), (999, false)] {
            assert_eq!(cache.get(&row.id, Timestamp(at)).is_some(), kept, "{at}");
        }
    }

    #[test]
    fn no_more_than_the_limit_are_kept() {
        let cache = KeyCache::new(Duration::from_secs(5), 2);
        for id in ["a", "b", "c"] {
            cache.put(key(id), Timestamp(0));
            assert!(cache.rows.read().len() <= 2);
        }
        assert!(cache.get(&key("c").id, Timestamp(0)).is_some());
        cache.put(key("d"), Timestamp(0));
        cache.put(key("e"), Timestamp(10_000));
        assert!(cache.get(&key("e").id, Timestamp(10_000)).is_some());
    }
}
