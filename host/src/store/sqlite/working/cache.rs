//! The last entries of working memory that a tenant read or wrote, beside its database.
//!
//! A turn usually reads a key that an earlier turn wrote, and a read transaction costs three locks and some
//! pages however small the row is: about an eighth of a turn. What is here is what the last commits left.
//!
//! Invariant: an entry is the one of the last commit that its reader could have been told of, or it is not
//! here. Commits put what they wrote after they are durable and before anybody is answered; a read puts what
//! it found only if no commit wrote meanwhile. A turn that slips between is run again: its commit compares
//! versions with the rows. Bounded in bytes; when full it begins anew.

use std::collections::HashMap;

use parking_lot::Mutex;

use crate::clock::Timestamp;
use crate::memory::{WorkingEntry, WorkingKey, WorkingSpace};

/// Most bytes of keys and values kept of one tenant: about a thousand counters, or a few documents. A
/// thousand tenants at work take as much as their connections do.
const BYTES_MAX: usize = 256 * 1024;
/// Longest value that is kept: a larger one is rarely read again soon and would push out many.
const VALUE_BYTES_MAX: usize = 16 * 1024;
/// What an entry takes besides its text.
const OVERHEAD_BYTES: usize = 160;

/// Where a value is.
pub(in crate::store::sqlite) type Place = (WorkingSpace, WorkingKey);

/// What a commit left at a place: an entry, or none.
pub(in crate::store::sqlite) type Change = (Place, Option<WorkingEntry>);

/// See the module.
#[derive(Debug, Default)]
pub(in crate::store::sqlite) struct Cache(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    entries: HashMap<Place, Option<WorkingEntry>>,
    bytes: usize,
    /// Commits that changed anything.
    commits: u64,
}

/// What was found.
pub(super) enum Found {
    /// The entry, or that there is none.
    Known(Option<WorkingEntry>),
    /// Nothing; give this back with what the database has.
    Unknown(u64),
}

impl Cache {
    /// Look, as of `now`.
    pub(super) fn get(&self, place: &Place, now: Timestamp) -> Found {
        let inner = self.0.lock();
        match inner.entries.get(place) {
            Some(entry) => Found::Known(
                entry
                    .clone()
                    .filter(|entry| entry.expires.is_none_or(|at| at > now)),
            ),
            None => Found::Unknown(inner.commits),
        }
    }

    /// Keep what a read found, unless something was committed since it began.
    pub(super) fn keep(&self, place: Place, entry: Option<WorkingEntry>, began: u64) {
        let mut inner = self.0.lock();
        if inner.commits == began {
            inner.put(place, entry);
        }
    }

    /// Take over what a commit did, in its order.
    pub(in crate::store::sqlite) fn committed(&self, changes: Vec<Change>) {
        if changes.is_empty() {
            return;
        }
        let mut inner = self.0.lock();
        inner.commits += 1;
        for (place, entry) in changes {
            inner.put(place, entry);
        }
    }
}

impl Inner {
    fn put(&mut self, place: Place, entry: Option<WorkingEntry>) {
        if let Some((place, old)) = self.entries.remove_entry(&place) {
            self.bytes -= weight(&place, old.as_ref());
        }
        let bytes = weight(&place, entry.as_ref());
        if bytes > VALUE_BYTES_MAX {
            return;
        }
        if self.bytes + bytes > BYTES_MAX {
            self.clear();
        }
        self.bytes += bytes;
        self.entries.insert(place, entry);
    }

    fn clear(&mut self) {
        self.entries.clear();
        self.bytes = 0;
    }
}

fn weight((_, key): &Place, entry: Option<&WorkingEntry>) -> usize {
    OVERHEAD_BYTES + key.as_str().len() + entry.map_or(0, |entry| entry.value.as_str().len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::Json;
    use crate::id::AgentName;

    const NOW: Timestamp = Timestamp(1_000);

    fn place(key: &str) -> Place {
        let agent = AgentName::new("probe").unwrap();
        (WorkingSpace::Agent(agent), WorkingKey::new(key).unwrap())
    }

    #[expect(
        clippy::unnecessary_wraps,
        reason = "the form that the cache takes and gives"
    )]
    fn entry(value: &str, version: u64) -> Option<WorkingEntry> {
        Some(WorkingEntry {
            value: Json::from_stored(value.to_owned()),
            version,
            expires: None,
        })
    }

    #[expect(
        clippy::option_option,
        reason = "unknown, known to be absent, or known"
    )]
    fn known(cache: &Cache, key: &str, now: Timestamp) -> Option<Option<WorkingEntry>> {
        match cache.get(&place(key), now) {
            Found::Known(entry) => Some(entry),
            Found::Unknown(_) => None,
        }
    }

    #[test]
    fn it_holds_what_the_last_commit_left() {
        let cache = Cache::default();
        assert_eq!(known(&cache, "a", NOW), None);
        cache.committed(vec![
            (place("a"), entry("1", 1)),
            (place("a"), entry("2", 2)),
            (place("b"), None),
        ]);
        assert_eq!(known(&cache, "a", NOW), Some(entry("2", 2)));
        assert_eq!(known(&cache, "b", NOW), Some(None));
    }

    #[test]
    fn a_read_that_a_commit_overtook_is_not_kept() {
        let cache = Cache::default();
        let Found::Unknown(began) = cache.get(&place("a"), NOW) else {
            panic!("an empty cache knows nothing");
        };
        cache.committed(vec![(place("b"), entry("1", 1))]);
        cache.keep(place("a"), entry("0", 1), began);
        assert_eq!(known(&cache, "a", NOW), None);
        cache.keep(place("a"), entry("0", 1), began + 1);
        assert_eq!(known(&cache, "a", NOW), Some(entry("0", 1)));
    }

    #[test]
    fn an_entry_past_its_time_is_absent() {
        let cache = Cache::default();
        let mut short = entry("1", 1);
        if let Some(entry) = &mut short {
            entry.expires = Some(NOW.plus_ms(5));
        }
        cache.committed(vec![(place("a"), short.clone())]);
        assert_eq!(known(&cache, "a", NOW.plus_ms(4)), Some(short));
        assert_eq!(known(&cache, "a", NOW.plus_ms(5)), Some(None));
    }

    #[test]
    fn it_is_bounded() {
        let cache = Cache::default();
        let value = "7".repeat(VALUE_BYTES_MAX - OVERHEAD_BYTES - 1);
        cache.committed(vec![(place("a"), entry(&value, 1))]);
        assert!(known(&cache, "a", NOW).is_some(), "at the limit of a value");
        let long = format!("{value}7");
        cache.committed(vec![(place("a"), entry(&long, 2))]);
        assert_eq!(known(&cache, "a", NOW), None, "one past it");
        for n in 0..10_000_u32 {
            cache.committed(vec![(place(&format!("k{n}")), entry("1", 1))]);
            let inner = cache.0.lock();
            assert!(inner.bytes <= BYTES_MAX);
            let sum: usize = inner
                .entries
                .iter()
                .map(|(p, e)| weight(p, e.as_ref()))
                .sum();
            assert_eq!(inner.bytes, sum);
        }
        assert!(known(&cache, "k9999", NOW).is_some());
    }
}
