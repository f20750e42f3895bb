//! A tenant's vectors in memory, beside its database: what makes a search by likeness fast.
//!
//! Invariant: a search finds exactly what the rows of its moment say. The index is made of committed rows
//! and is told of every change: SQLite calls [`VectorIndex::touch`] for each row of knowledge that a
//! transaction touches, before the commit, and the writer calls [`VectorIndex::settle`] after it. Between
//! the two a search leaves these rows of the index aside and reads them from the database; afterwards the
//! next search brings the index up to date. So the writer never waits for a search, nor does a write cost
//! more than noting a number. What a search found is compared with the rows once more when they are loaded.
//!
//! The index is a cache: made by the first search, dropped when memory is short, too much has changed or
//! something was erased. It knows nothing of embedders but their names.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use parking_lot::{Mutex, RwLock};
use rusqlite::Connection;
pub(super) use warren_vectors::Query;

use crate::clock::Timestamp;

mod facets;
mod keeper;
mod load;
mod table;

pub(super) use facets::Facet;
pub(super) use keeper::{Keeper, VECTOR_BYTES_MAX};
pub(super) use load::numbers;
pub(super) use table::Near;
use table::Table;

/// Most rows that may change without a search in between, or in one transaction; after more the index is
/// made anew. To take over this many takes some 0.3 s, to make it anew for the most entries of a tenant not
/// much more.
pub(super) const CHANGES_MAX: usize = 32 * 1024;

/// What a search may find.
pub(super) struct Seen<'a> {
    /// In one of these domains.
    pub(super) domains: &'a [String; 3],
    /// Not expired at this moment.
    pub(super) now: Timestamp,
    /// True at this moment.
    pub(super) as_of: Timestamp,
    /// Written at or after.
    pub(super) since: Option<Timestamp>,
    /// Written before.
    pub(super) until: Option<Timestamp>,
    /// With all of these.
    pub(super) facets: Vec<Facet<'a>>,
}

/// How much to find.
#[derive(Clone, Copy)]
pub(super) struct Most {
    /// At most this many.
    pub(super) keep: usize,
    /// Nearer than this.
    pub(super) least: f32,
}

/// What a search in memory gave.
pub(super) struct Answer {
    /// The nearest first.
    pub(super) near: Vec<Near>,
    /// Rows that were left aside, as a commit may be changing them or as the filters are not known of them:
    /// to be read from the database.
    pub(super) aside: Vec<i64>,
}

/// The vectors of one tenant.
pub(super) struct VectorIndex {
    changes: Mutex<Changes>,
    table: RwLock<Option<Table>>,
    /// Held by whoever changes the table. Before `table`, which is before `changes`.
    work: Mutex<()>,
    keeper: Keeper,
    bytes: AtomicUsize,
    used: AtomicU64,
    /// Waits for links.
    asked: AtomicBool,
}

/// Rows that may be other than the table says.
#[derive(Default)]
struct Changes {
    /// In a transaction that is not over yet.
    in_flight: Vec<i64>,
    /// More than [`CHANGES_MAX`] of them: which is not known.
    flood: bool,
    /// Committed, or rolled back.
    settled: Vec<i64>,
    /// Whether anybody wants to know of settled ones.
    watched: bool,
    /// More than [`CHANGES_MAX`] settled.
    lost: bool,
}

impl VectorIndex {
    /// Nothing in memory yet.
    pub(super) fn new(keeper: &Keeper) -> Arc<Self> {
        Arc::new(Self {
            changes: Mutex::default(),
            table: RwLock::default(),
            work: Mutex::default(),
            keeper: keeper.clone(),
            bytes: AtomicUsize::new(0),
            used: AtomicU64::new(0),
            asked: AtomicBool::new(false),
        })
    }

    /// Have the write connection tell of every row of knowledge that it touches.
    pub(super) fn watch(self: &Arc<Self>, conn: &Connection) -> rusqlite::Result<()> {
        let this = Arc::clone(self);
        conn.update_hook(Some(move |_, _: &str, table: &str, n| {
            if matches!(table, "knowledge" | "knowledge_vectors") {
                this.touch(n);
            }
        }))
    }

    fn touch(&self, n: i64) {
        let mut changes = self.changes.lock();
        if changes.in_flight.last() == Some(&n) {
            return;
        }
        if changes.in_flight.len() < CHANGES_MAX {
            changes.in_flight.push(n);
        } else {
            changes.flood = true;
        }
    }

    /// The writer's transaction is over, one way or the other.
    pub(super) fn settle(&self) {
        let mut changes = self.changes.lock();
        if changes.in_flight.is_empty() {
            return;
        }
        let over = std::mem::take(&mut changes.in_flight);
        let flood = std::mem::take(&mut changes.flood);
        if !changes.watched || changes.lost {
            return;
        }
        if flood || changes.settled.len() + over.len() > CHANGES_MAX {
            changes.settled = Vec::new();
            changes.lost = true;
        } else {
            changes.settled.extend(over);
        }
    }

    /// The nearest of what is seen; none while somebody else is making the index, or when nothing is known
    /// of what has changed.
    pub(super) fn search(
        self: &Arc<Self>,
        conn: &Connection,
        embedder: &str,
        query: &Query,
        seen: &Seen<'_>,
        most: Most,
    ) -> rusqlite::Result<Option<Answer>> {
        self.used.store(self.keeper.tick(), Ordering::Relaxed);
        // Before anything is looked at: a commit that is over by now is in one of the two lists.
        if !self.bring_up_to_date(conn, embedder, query.dims())? {
            return Ok(None);
        }
        let table = self.table.read();
        let Some(table) = table
            .as_ref()
            .filter(|table| table.holds(embedder, query.dims()))
        else {
            return Ok(None);
        };
        let Some(mut aside) = self.unsure() else {
            return Ok(None);
        };
        if !seen.facets.is_empty() {
            aside.extend(table.unknown());
        }
        aside.sort_unstable();
        aside.dedup();
        let found = table.nearest(query, seen, &aside, most);
        if found.wants_links {
            self.keeper.link(self);
        }
        Ok(Some(Answer {
            near: found.near,
            aside,
        }))
    }

    /// Ask of rows whether they are in one of these domains, as far as memory tells: it may be behind by
    /// what changed last. None without an index.
    pub(super) fn with_domains<T>(
        &self,
        domains: &[String; 3],
        ask: impl FnOnce(&dyn Fn(i64) -> bool) -> T,
    ) -> Option<T> {
        let table = self.table.read();
        let table = table.as_ref()?;
        let domains = table.numbers_of(domains);
        Some(ask(&|n| table.is_in(n, &domains)))
    }

    /// Rows of which the table may say something else than the database; none if that may be any.
    fn unsure(&self) -> Option<Vec<i64>> {
        let changes = self.changes.lock();
        if changes.lost || changes.flood {
            return None;
        }
        let mut rows = changes.in_flight.clone();
        rows.extend(&changes.settled);
        Some(rows)
    }

    /// Load the table if it is not there, or take over what has changed. False if somebody else is at it.
    fn bring_up_to_date(
        self: &Arc<Self>,
        conn: &Connection,
        embedder: &str,
        dims: usize,
    ) -> rusqlite::Result<bool> {
        let there = self
            .table
            .read()
            .as_ref()
            .is_some_and(|table| table.holds(embedder, dims) && !table.is_worn());
        let lost = {
            let changes = self.changes.lock();
            if there && changes.settled.is_empty() && !changes.lost {
                return Ok(true);
            }
            changes.lost
        };
        let Some(_work) = self.work.try_lock() else {
            return Ok(there);
        };
        let done = if there && !lost {
            self.take_over(conn, embedder)
        } else {
            self.load(conn, embedder, dims)
        };
        if let Err(error) = done {
            self.drop_table();
            return Err(error);
        }
        self.weigh();
        Ok(true)
    }

    /// Only with `work` held.
    fn load(&self, conn: &Connection, embedder: &str, dims: usize) -> rusqlite::Result<()> {
        // Not while the old one is in memory as well.
        *self.table.write() = None;
        {
            // From here on every change is noted, so that none is lost while rows are read.
            let mut changes = self.changes.lock();
            changes.watched = true;
            changes.lost = false;
            changes.settled = Vec::new();
        }
        let table = load::table(conn, embedder, dims)?;
        *self.table.write() = Some(table);
        Ok(())
    }

    /// Only with `work` held, so that nobody else shortens the list meanwhile.
    fn take_over(&self, conn: &Connection, embedder: &str) -> rusqlite::Result<()> {
        let settled = self.changes.lock().settled.clone();
        let taken = settled.len();
        let settled: BTreeSet<i64> = settled.into_iter().collect();
        let mut rows = Vec::with_capacity(settled.len());
        for n in settled {
            rows.push((n, load::row(conn, embedder, n)?));
        }
        // Both at once, so that whoever reads the table knows what it lacks.
        let mut table = self.table.write();
        let mut changes = self.changes.lock();
        if let Some(table) = table.as_mut() {
            for (n, row) in rows {
                table.replace(n, row);
            }
        }
        let taken = taken.min(changes.settled.len());
        changes.settled.drain(..taken);
        Ok(())
    }

    /// Say how much memory is taken.
    fn weigh(self: &Arc<Self>) {
        let bytes = self.table.read().as_ref().map_or(0, Table::bytes);
        self.bytes.store(bytes, Ordering::Relaxed);
        self.keeper.keep(self);
    }

    /// Drop the index with all that it held of rows that are no more. The next search makes it anew.
    pub(super) fn forget(&self) {
        let _work = self.work.lock();
        self.drop_table();
    }

    /// As [`Self::forget`], unless somebody works on it.
    fn try_forget(&self) {
        if let Some(_work) = self.work.try_lock() {
            self.drop_table();
        }
    }

    /// Only with `work` held.
    fn drop_table(&self) {
        *self.table.write() = None;
        let mut changes = self.changes.lock();
        changes.watched = false;
        changes.lost = false;
        changes.settled = Vec::new();
        self.bytes.store(0, Ordering::Relaxed);
    }

    /// Link up to `most` vectors; says whether more are to be linked.
    pub(super) fn link(self: &Arc<Self>, most: usize) -> bool {
        for _ in 0..most {
            let _work = self.work.lock();
            // Made while others search, carried out in microseconds.
            let plan = self.table.read().as_ref().and_then(Table::plan);
            let Some(plan) = plan else {
                self.weigh();
                return false;
            };
            if let Some(table) = self.table.write().as_mut() {
                table.apply(plan);
            }
        }
        self.weigh();
        true
    }

    /// Bytes in memory.
    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }
}
