//! Named points at which a test kills the host.
//!
//! A debug build that was started with `WARREN_CRASH_AT=<point>:<n>` aborts the n-th time it reaches the
//! point, as if the machine had stopped there. In a release build there are no points: the function is
//! empty. Each point stands between two steps whose order matters; `host/tests/it/kill.rs` kills at all.

#[cfg(debug_assertions)]
use std::sync::OnceLock;
#[cfg(debug_assertions)]
use std::sync::atomic::{AtomicU64, Ordering};

/// A step of a turn's way, as the tests name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Point {
    /// A delivery was taken, nothing is on record.
    Fetched,
    /// The turn is on record as running.
    Claimed,
    /// The guest has returned.
    GuestReturned,
    /// The writer has begun its transaction.
    CommitBegun,
    /// The delivery was taken out of the queue, nothing else was written.
    MarkInserted,
    /// Memory was written, no event was.
    BetweenWrites,
    /// Events and deliveries were appended.
    OutboxInserted,
    /// Everything was written and nothing committed.
    BeforeCommit,
    /// The transaction is durable, nobody knows.
    Committed,
    /// The turn is decided, its record of running is cleared.
    Acknowledged,
    /// A failed turn is about to be put back.
    BeforeFail,
    /// A failed turn was put back or given up.
    Failed,
    /// Scheduled events were appended.
    TimerFired,
    /// An artifact is complete and has not got its name.
    ArtifactWritten,
    /// A component is kept, no agent points at it.
    ComponentKept,
    /// A version is current.
    Deployed,
    /// The log of the database is about to be written back.
    CheckpointBegun,
    /// The log of the database was written back.
    CheckpointEnded,
    /// The host was asked to stop.
    ShutdownBegun,
}

impl Point {
    /// All of them.
    pub const ALL: [Self; 19] = [
        Self::Fetched,
        Self::Claimed,
        Self::GuestReturned,
        Self::CommitBegun,
        Self::MarkInserted,
        Self::BetweenWrites,
        Self::OutboxInserted,
        Self::BeforeCommit,
        Self::Committed,
        Self::Acknowledged,
        Self::BeforeFail,
        Self::Failed,
        Self::TimerFired,
        Self::ArtifactWritten,
        Self::ComponentKept,
        Self::Deployed,
        Self::CheckpointBegun,
        Self::CheckpointEnded,
        Self::ShutdownBegun,
    ];
}

/// Die here if a test wants it.
#[cfg(debug_assertions)]
pub fn point(point: Point) {
    static ARMED: OnceLock<Option<(String, u64, AtomicU64)>> = OnceLock::new();
    let armed = ARMED.get_or_init(|| {
        let wanted = std::env::var("WARREN_CRASH_AT").ok()?;
        let (name, count) = wanted.split_once(':')?;
        Some((name.to_owned(), count.parse().ok()?, AtomicU64::new(0)))
    });
    if let Some((name, count, reached)) = armed
        && *name == format!("{point:?}")
        && reached.fetch_add(1, Ordering::SeqCst) + 1 == *count
    {
        std::process::abort();
    }
}

/// Nothing.
#[cfg(not(debug_assertions))]
#[inline]
pub const fn point(_: Point) {}
