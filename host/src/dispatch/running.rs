//! What runs at this moment, and how to stop it.
//!
//! Invariant: a turn stands here before it is looked at whether it may run, and whoever forbids it forbids
//! first and looks here then; so that of a turn that must not run one of the two sees the other. What is
//! stopped leaves nothing, and its delivery is as it was.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

use crate::id::{AgentId, Digest, TenantId};

/// A turn that runs.
#[derive(Debug, Clone)]
pub(super) struct RunningTurn {
    pub(super) tenant: TenantId,
    pub(super) agent: AgentId,
    /// Its component, once that is known.
    pub(super) digest: Option<Digest>,
    stop: CancellationToken,
}

/// All that run. As many as there are workers.
#[derive(Debug, Default)]
pub(super) struct Running {
    turns: Mutex<HashMap<u64, RunningTurn>>,
    next: AtomicU64,
}

/// A turn's place among them, until it is dropped.
#[derive(Debug)]
pub(super) struct Place<'a> {
    running: &'a Running,
    key: u64,
    stop: CancellationToken,
}

impl Running {
    /// A turn is about to run.
    pub(super) fn enter(&self, tenant: TenantId, agent: AgentId) -> Place<'_> {
        let key = self.next.fetch_add(1, Ordering::Relaxed);
        let stop = CancellationToken::new();
        let turn = RunningTurn {
            tenant,
            agent,
            digest: None,
            stop: stop.clone(),
        };
        self.turns.lock().insert(key, turn);
        Place {
            running: self,
            key,
            stop,
        }
    }

    /// Stop those that are meant; says how many.
    pub(super) fn stop(&self, meant: impl Fn(&RunningTurn) -> bool) -> usize {
        let turns = self.turns.lock();
        let stopped = turns.values().filter(|turn| meant(turn));
        stopped.map(|turn| turn.stop.cancel()).count()
    }

    /// Whose turns run.
    pub(super) fn tenants(&self) -> Vec<TenantId> {
        let mut tenants: Vec<TenantId> =
            self.turns.lock().values().map(|turn| turn.tenant).collect();
        tenants.sort_unstable();
        tenants.dedup();
        tenants
    }
}

impl Place<'_> {
    /// It is this component that runs.
    pub(super) fn runs(&self, digest: Digest) {
        if let Some(turn) = self.running.turns.lock().get_mut(&self.key) {
            turn.digest = Some(digest);
        }
    }

    /// Cancelled when it must stop.
    pub(super) fn stopped(&self) -> &CancellationToken {
        &self.stop
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.running.turns.lock().remove(&self.key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_that_are_meant_are_stopped_and_no_others() {
        let running = Running::default();
        let (a, b) = (TenantId::generate(), TenantId::generate());
        let first = running.enter(a, AgentId(1));
        let second = running.enter(b, AgentId(1));
        second.runs(Digest::of(b"x"));
        assert_eq!(running.stop(|turn| turn.tenant == a), 1);
        assert!(first.stopped().is_cancelled() && !second.stopped().is_cancelled());
        assert_eq!(running.tenants().len(), 2);
        drop(first);
        assert_eq!(running.tenants(), [b]);
        assert_eq!(
            running.stop(|turn| turn.digest == Some(Digest::of(b"x"))),
            1
        );
        drop(second);
        assert!(running.tenants().is_empty());
    }
}
