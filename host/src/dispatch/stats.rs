//! What the dispatcher counts: for metrics, never for decisions.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::telemetry::TurnFigures;
use crate::turn::TurnOutcome;

/// Upper bounds of the histogram of turn durations, in microseconds: from a small agent's turn to a
/// model call.
const DURATION_BOUNDS_US: [u64; 12] = [
    50, 100, 250, 500, 1_000, 2_500, 10_000, 50_000, 250_000, 1_000_000, 5_000_000, 30_000_000,
];

/// Counters, all since the start of the host.
#[derive(Debug, Default)]
pub(super) struct DispatchStats {
    outcomes: [AtomicU64; TurnOutcome::ALL.len()],
    durations: [AtomicU64; DURATION_BOUNDS_US.len() + 1],
    duration_us: AtomicU64,
    cpu_us: AtomicU64,
    reruns: AtomicU64,
    dead_letters: AtomicU64,
}

/// What waits in memory: copies of rows, bounded however many rows there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Held {
    /// Deliveries.
    pub deliveries: usize,
    /// Their payloads and envelopes, about.
    pub bytes: usize,
    /// Order keys of which something waits, in memory or in the store.
    pub lanes: usize,
}

impl DispatchStats {
    pub(super) fn count(&self, outcome: TurnOutcome, wall: Duration, cpu: Duration) {
        if let Some(counter) = self.outcomes.get(outcome as usize) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
        let us = wall.as_micros() as u64;
        let bucket = DURATION_BOUNDS_US.iter().position(|bound| us <= *bound);
        if let Some(counter) = self
            .durations
            .get(bucket.unwrap_or(DURATION_BOUNDS_US.len()))
        {
            counter.fetch_add(1, Ordering::Relaxed);
        }
        self.duration_us.fetch_add(us, Ordering::Relaxed);
        self.cpu_us
            .fetch_add(cpu.as_micros() as u64, Ordering::Relaxed);
    }

    pub(super) fn rerun(&self) {
        self.reruns.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn dead_letter(&self) {
        self.dead_letters.fetch_add(1, Ordering::Relaxed);
    }

    /// The counters at one moment, while so many turns run.
    pub(super) fn figures(&self, running: usize) -> TurnFigures {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let outcomes = TurnOutcome::ALL.into_iter().map(TurnOutcome::as_str);
        TurnFigures {
            outcomes: outcomes.zip(self.outcomes.iter().map(read)).collect(),
            bounds_us: &DURATION_BOUNDS_US,
            durations: self.durations.iter().map(read).collect(),
            duration_us: read(&self.duration_us),
            cpu_us: read(&self.cpu_us),
            reruns: read(&self.reruns),
            dead_letters: read(&self.dead_letters),
            running: running as u64,
        }
    }
}
