//! The index of a tenant's vectors, with what of each row decides whether a search may find it.
//!
//! Invariant: a row has at most one live slot, and every search looks at live slots alone. A row that
//! changes gets a new slot; dead ones stay in the graph as stepping stones until the table is worn.

use std::collections::{BTreeSet, HashMap};

use serde_json::{Map, Value};
use warren_vectors::{Index, Plan, Query, Scored};

use super::facets::Numbers;
use super::{Most, Seen};

/// Up to this many rows are scanned where all are seen: twice the time of the graph (0.29 and 0.15 ms on a busy
/// machine), exact, and nothing to build.
const SCANNED_ROWS_MAX: usize = 4 * 1024;
/// A table of fewer dead slots than this is not worn: making it anew is not worth the while.
const DEAD_SLOTS_MIN: usize = 1_024;

/// A row that was found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in super::super) struct Near {
    /// Its number.
    pub(in super::super) n: i64,
    /// Its version when its vector was taken.
    pub(in super::super) version: i64,
    /// The cosine.
    pub(in super::super) similarity: f32,
}

/// What a search found, and whether links would have served it.
pub(super) struct Found {
    pub(super) near: Vec<Near>,
    pub(super) wants_links: bool,
}

/// What the table is told of a row.
pub(super) struct Row {
    pub(super) version: i64,
    pub(super) domain: String,
    pub(super) expires_ms: Option<i64>,
    pub(super) updated_ms: i64,
    pub(super) valid_from_ms: Option<i64>,
    pub(super) valid_until_ms: Option<i64>,
    pub(super) source: Option<String>,
    pub(super) tags: Vec<String>,
    pub(super) metadata: Map<String, Value>,
    pub(super) vector: Vec<f32>,
}

struct Slot {
    n: i64,
    version: i64,
    expires_ms: i64,
    updated_ms: i64,
    valid_from_ms: i64,
    valid_until_ms: i64,
    facets: Box<[u64]>,
    domain: u32,
    live: bool,
}

/// See above.
pub(super) struct Table {
    embedder: String,
    index: Index,
    slots: Vec<Slot>,
    by_row: HashMap<i64, u32>,
    domains: HashMap<String, u32>,
    /// The slots of each domain, dead ones with them.
    of_domain: Vec<Vec<u32>>,
    numbers: Numbers,
    /// Rows of more facets than are kept.
    unknown: BTreeSet<i64>,
    facets: usize,
}

impl Table {
    pub(super) fn new(embedder: &str, dims: usize) -> Self {
        Self {
            embedder: embedder.to_owned(),
            index: Index::new(dims),
            slots: Vec::new(),
            by_row: HashMap::new(),
            domains: HashMap::new(),
            of_domain: Vec::new(),
            numbers: Numbers::default(),
            unknown: BTreeSet::new(),
            facets: 0,
        }
    }

    /// Whether it is about the vectors of this embedder.
    pub(super) fn holds(&self, embedder: &str, dims: usize) -> bool {
        self.embedder == embedder && self.index.dims() == dims
    }

    /// Whether it is mostly dead slots.
    pub(super) fn is_worn(&self) -> bool {
        let dead = self.slots.len() - self.by_row.len();
        dead >= DEAD_SLOTS_MIN && dead > self.by_row.len()
    }

    pub(super) fn bytes(&self) -> usize {
        let slot = size_of::<Slot>() + size_of::<(i64, u32)>() * 2 + size_of::<u32>();
        self.index.bytes() + self.slots.capacity() * slot + self.facets * size_of::<u64>()
    }

    /// How to link one more slot; none if all are linked.
    pub(super) fn plan(&self) -> Option<Plan> {
        self.index.plan()
    }

    /// Carry out the last plan made.
    pub(super) fn apply(&mut self, plan: Plan) {
        self.index.apply(plan);
    }

    /// Rows of which filters cannot be told.
    pub(super) fn unknown(&self) -> impl Iterator<Item = i64> {
        self.unknown.iter().copied()
    }

    /// What a row is from now on; none: it is gone, or has no vector of this embedder.
    pub(super) fn replace(&mut self, n: i64, row: Option<Row>) {
        if let Some(old) = self.by_row.remove(&n)
            && let Some(slot) = self.slots.get_mut(old as usize)
        {
            slot.live = false;
        }
        self.unknown.remove(&n);
        let Some(row) = row else {
            return;
        };
        let Some(number) = self.index.push(&row.vector) else {
            return;
        };
        let facets = self
            .numbers
            .of_row(row.source.as_deref(), &row.tags, &row.metadata);
        if facets.is_none() {
            self.unknown.insert(n);
        }
        let facets = facets.unwrap_or_default();
        self.facets += facets.len();
        let domain = self.domain(row.domain);
        self.slots.push(Slot {
            n,
            version: row.version,
            expires_ms: row.expires_ms.unwrap_or(i64::MAX),
            updated_ms: row.updated_ms,
            valid_from_ms: row.valid_from_ms.unwrap_or(i64::MIN),
            valid_until_ms: row.valid_until_ms.unwrap_or(i64::MAX),
            facets,
            domain,
            live: true,
        });
        if let Some(slots) = self.of_domain.get_mut(domain as usize) {
            slots.push(number);
        }
        self.by_row.insert(n, number);
    }

    fn domain(&mut self, name: String) -> u32 {
        let next = self.of_domain.len() as u32;
        let number = *self.domains.entry(name).or_insert(next);
        if number == next {
            self.of_domain.push(Vec::new());
        }
        number
    }

    /// The domains of these names that there are.
    pub(super) fn numbers_of(&self, names: &[String; 3]) -> Vec<u32> {
        names
            .iter()
            .filter_map(|name| self.domains.get(name).copied())
            .collect()
    }

    /// Whether a row is in one of these domains.
    pub(super) fn is_in(&self, n: i64, domains: &[u32]) -> bool {
        let slot = self.by_row.get(&n);
        slot.and_then(|slot| self.slots.get(*slot as usize))
            .is_some_and(|slot| domains.contains(&slot.domain))
    }

    /// The nearest of what is seen, the rows in `aside` (sorted) left out.
    pub(super) fn nearest(
        &self,
        query: &Query,
        seen: &Seen<'_>,
        aside: &[i64],
        most: Most,
    ) -> Found {
        let domains = self.numbers_of(seen.domains);
        let wanted: Vec<u64> = seen.facets.iter().map(|f| self.numbers.of(*f)).collect();
        let allowed = |number: u32| {
            self.slots.get(number as usize).is_some_and(|slot| {
                slot.live
                    && domains.contains(&slot.domain)
                    && slot.is_seen(seen)
                    && wanted.iter().all(|f| slot.facets.binary_search(f).is_ok())
                    && aside.binary_search(&slot.n).is_err()
            })
        };
        let of_domains = domains
            .iter()
            .filter_map(|domain| self.of_domain.get(*domain as usize));
        let is_filtered = !wanted.is_empty() || seen.since.is_some() || seen.until.is_some();
        // Filters may leave few of many, and counting them is quick.
        let few: Option<Vec<u32>> = is_filtered.then(|| {
            let all = of_domains.clone().flatten().copied();
            all.filter(|slot| allowed(*slot)).collect()
        });
        let count = match &few {
            Some(few) => few.len(),
            None => of_domains.clone().map(Vec::len).sum(),
        };
        let pays = self.graph_pays(count);
        let found = pays.then(|| self.search(query, &allowed, count, most));
        let found = found.flatten().unwrap_or_else(|| match few {
            Some(few) => self.index.scan(query, few, most.keep, most.least),
            None => {
                let slots = of_domains.flatten().copied();
                let slots = slots.filter(|slot| allowed(*slot));
                self.index.scan(query, slots, most.keep, most.least)
            }
        });
        Found {
            near: found.into_iter().filter_map(|f| self.near(f)).collect(),
            wants_links: pays && self.index.linked() < self.index.len(),
        }
    }

    fn near(&self, scored: Scored) -> Option<Near> {
        let slot = self.slots.get(scored.slot as usize)?;
        Some(Near {
            n: slot.n,
            version: slot.version,
            similarity: scored.similarity,
        })
    }

    /// Whether the graph is quicker than a scan of so many slots. To find as many of them it looks at the
    /// more others, the smaller their share: its cost is a scan's of [`SCANNED_ROWS_MAX`] over the share.
    fn graph_pays(&self, allowed: usize) -> bool {
        allowed * allowed > SCANNED_ROWS_MAX * self.slots.len()
    }

    /// By the graph; none if it gives fewer than there are, or does not find its way.
    fn search(
        &self,
        query: &Query,
        allowed: &impl Fn(u32) -> bool,
        count: usize,
        most: Most,
    ) -> Option<Vec<Scored>> {
        if self.index.linked() == 0 {
            return None;
        }
        let mut found = self
            .index
            .search(query, most.keep, f32::NEG_INFINITY, allowed)?;
        if found.len() < most.keep.min(count) {
            return None;
        }
        found.retain(|scored| scored.similarity > most.least);
        Some(found)
    }
}

impl Slot {
    /// As to time.
    fn is_seen(&self, seen: &Seen<'_>) -> bool {
        self.expires_ms > seen.now.0
            && self.valid_from_ms <= seen.as_of.0
            && self.valid_until_ms > seen.as_of.0
            && seen.since.is_none_or(|at| self.updated_ms >= at.0)
            && seen.until.is_none_or(|at| self.updated_ms < at.0)
    }
}
