//! API keys and tenants that were looked up lately, so that a request costs no query.
//!
//! Invariant: bounded in number and in age. Only what exists is kept: guesses cannot push it out.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::Duration;

use parking_lot::RwLock;

use crate::clock::Timestamp;

/// What was looked up, by what it was looked up with.
pub(crate) struct Lately<K, V> {
    age_ms_max: u64,
    entries_max: usize,
    rows: RwLock<HashMap<K, (Timestamp, V)>>,
}

impl<K: Eq + Hash + Clone, V: Clone> Lately<K, V> {
    /// Of at most `entries_max` rows, each believed for `age_max`.
    pub(crate) fn new(age_max: Duration, entries_max: usize) -> Self {
        Self {
            age_ms_max: u64::try_from(age_max.as_millis()).unwrap_or(u64::MAX),
            entries_max,
            rows: RwLock::default(),
        }
    }

    /// The row, if it was looked up lately.
    pub(crate) fn get(&self, id: &K, now: Timestamp) -> Option<V> {
        let rows = self.rows.read();
        let (read, row) = rows.get(id)?;
        // A clock that was set back must not make an entry live longer.
        let fresh = *read <= now && now.since(*read) < self.age_ms_max;
        fresh.then(|| row.clone())
    }

    /// Keep a row that was looked up at `now`.
    pub(crate) fn put(&self, id: K, row: V, now: Timestamp) -> V {
        let mut rows = self.rows.write();
        if rows.len() >= self.entries_max && !rows.contains_key(&id) {
            let age = self.age_ms_max;
            rows.retain(|_, (read, _)| now.since(*read) < age);
            if rows.len() >= self.entries_max {
                // All of them are in use: starting anew costs each one query.
                rows.clear();
            }
        }
        rows.insert(id, (now, row.clone()));
        row
    }

    /// Forget all of them.
    pub(crate) fn clear(&self) {
        self.rows.write().clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cache(entries_max: usize) -> Lately<&'static str, u8> {
        Lately::new(Duration::from_secs(5), entries_max)
    }

    #[test]
    fn a_row_is_believed_until_its_age_is_reached() {
        let cache = cache(10);
        cache.put("a", 1, Timestamp(1_000));
        for (at, kept) in [(1_000, true), (5_999, true), (6_000, false), (999, false)] {
            assert_eq!(cache.get(&"a", Timestamp(at)).is_some(), kept, "{at}");
        }
    }

    #[test]
    fn no_more_than_the_limit_are_kept() {
        let cache = cache(2);
        for id in ["a", "b", "c"] {
            cache.put(id, 1, Timestamp(0));
            assert!(cache.rows.read().len() <= 2);
        }
        assert_eq!(cache.get(&"c", Timestamp(0)), Some(1));
        cache.put("d", 1, Timestamp(0));
        cache.put("e", 1, Timestamp(10_000));
        assert_eq!(cache.get(&"e", Timestamp(10_000)), Some(1));
    }
}
