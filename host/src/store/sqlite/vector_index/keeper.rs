//! Links vectors in the background, and keeps all tenants' together within a bound.
//!
//! Invariant: only tables whose searches would gain by it are linked, in slices, so that no tenant waits
//! for another's whole graph. What is over the bound goes, the longest unused first; its tenant's next
//! search makes it anew.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Weak};
use std::thread::JoinHandle;

use parking_lot::Mutex;

use super::VectorIndex;
use crate::error::{Error, Result};

/// Most memory of all tenants' vectors together, in bytes; one tenant's may be over it alone. A hundred
/// thousand of 384 dimensions take some 250 MB.
pub(in super::super) const VECTOR_BYTES_MAX: usize = 2 * 1024 * 1024 * 1024;
/// Most tenants that wait for links. One that finds no room asks again at its next search.
const TENANTS_WAITING_MAX: usize = 1_024;
/// Vectors linked for one tenant before the next one's turn: some 0.1 s.
const SLICE_LINKS: usize = 256;

/// Asks the keeper thread.
#[derive(Clone)]
pub(in super::super) struct Keeper(Arc<Shared>);

struct Shared {
    bytes_max: usize,
    ticks: AtomicU64,
    /// Those that may have a table.
    kept: Mutex<Vec<Weak<VectorIndex>>>,
    asks: SyncSender<Option<Weak<VectorIndex>>>,
    stopping: Arc<AtomicBool>,
}

impl Keeper {
    /// Start the thread.
    pub(in super::super) fn start(bytes_max: usize) -> Result<(Self, JoinHandle<()>)> {
        let (asks, asked) = sync_channel(TENANTS_WAITING_MAX);
        let stopping = Arc::new(AtomicBool::new(false));
        let this = Self(Arc::new(Shared {
            bytes_max,
            ticks: AtomicU64::new(0),
            kept: Mutex::default(),
            asks,
            stopping: Arc::clone(&stopping),
        }));
        let thread = std::thread::Builder::new()
            .name("vector-keeper".into())
            .spawn(move || run(&asked, &stopping))
            .map_err(|e| Error::internal("starting the keeper of vectors", e))?;
        Ok((this, thread))
    }

    /// End the thread after the slice it works on.
    pub(in super::super) fn stop(&self) {
        self.0.stopping.store(true, Ordering::Release);
        // Without room the thread is awake and sees the flag.
        let _ = self.0.asks.try_send(None);
    }

    /// Counts uses, so that the least recent one is known.
    pub(super) fn tick(&self) -> u64 {
        self.0.ticks.fetch_add(1, Ordering::Relaxed)
    }

    /// Account for `index`.
    pub(super) fn keep(&self, index: &Arc<VectorIndex>) {
        let mut kept = self.0.kept.lock();
        kept.retain(|other| other.strong_count() > 0);
        let is_kept = kept
            .iter()
            .any(|other| other.as_ptr() == Arc::as_ptr(index));
        if !is_kept {
            kept.push(Arc::downgrade(index));
        }
        let mut all: Vec<Arc<VectorIndex>> = kept.iter().filter_map(Weak::upgrade).collect();
        drop(kept);
        all.sort_by_key(|other| other.used.load(Ordering::Relaxed));
        for other in self.over(all, index) {
            other.try_forget();
        }
    }

    /// Link the vectors of `index`, unless it waits for that already.
    pub(super) fn link(&self, index: &Arc<VectorIndex>) {
        if !index.asked.swap(true, Ordering::AcqRel) {
            self.ask(index);
        }
    }

    fn ask(&self, index: &Arc<VectorIndex>) {
        if self.0.asks.try_send(Some(Arc::downgrade(index))).is_err() {
            index.asked.store(false, Ordering::Release);
        }
    }

    /// Who must go, the longest unused first, but never the one in use.
    fn over(&self, all: Vec<Arc<VectorIndex>>, used: &Arc<VectorIndex>) -> Vec<Arc<VectorIndex>> {
        let bytes = |index: &Arc<VectorIndex>| index.bytes.load(Ordering::Relaxed);
        let mut sum: usize = all.iter().map(bytes).sum();
        let mut over = Vec::new();
        for other in all {
            if sum <= self.0.bytes_max {
                break;
            }
            if !Arc::ptr_eq(&other, used) && bytes(&other) > 0 {
                sum -= bytes(&other);
                over.push(other);
            }
        }
        over
    }
}

fn run(asked: &Receiver<Option<Weak<VectorIndex>>>, stopping: &AtomicBool) {
    while let Ok(Some(index)) = asked.recv() {
        if stopping.load(Ordering::Acquire) {
            return;
        }
        let Some(index) = index.upgrade() else {
            continue;
        };
        if index.link(SLICE_LINKS) {
            let keeper = index.keeper.clone();
            keeper.ask(&index);
        } else {
            index.asked.store(false, Ordering::Release);
        }
    }
}
