//! Sandboxes: where guests run.
//!
//! Invariant: one turn, one store, dropped after it whatever came of it; every limit is armed before the
//! guest's first instruction; the guest's tenant is fixed by the `Turn` that it is given and cannot be
//! named by it. This module is the only one that names wasmtime. It stages nothing itself and knows
//! nothing of SQL, HTTP or deliveries.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::egress::Egress;
use crate::error::{Error, Result};
use crate::id::Digest;
use crate::turn::{Turn, TurnEnd};

mod bindings;
mod boundary;
mod cache;
mod end;
pub mod engine;
mod fences;
mod http;
pub mod intake;
pub mod limits;
mod linker;
mod meter;
mod run;
mod state;
mod wasi;

pub use cache::ArtifactSource;
pub use limits::SandboxLimits;

use cache::Cache;
use engine::Ticker;
use run::{Entry, Returned, Runner, Shared};
use state::Desk;

/// Runs guests.
pub struct Sandbox {
    shared: Arc<Shared>,
    describing: Semaphore,
    /// Dropped last of what is ours: guests that are still suspended then never run again.
    _ticker: Ticker,
}

/// What came of a turn.
#[derive(Debug)]
pub struct SandboxRun {
    /// The turn, with what it staged. Unless `end` is `Done` nothing of that may be kept but the log.
    pub turn: Box<Turn>,
    /// How it ended.
    pub end: TurnEnd,
    /// CPU time of the guest, of host functions on its behalf, and of tools that it called.
    pub cpu: Duration,
    /// Wall clock, loading the component included.
    pub wall: Duration,
}

/// What a component said of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Described {
    /// Its manifest, as JSON that nobody checked yet.
    pub manifest: String,
    /// How long it took to instantiate and ask it, and to load and link it if it was not in memory.
    pub start: Duration,
}

impl Sandbox {
    /// Make the engine and everything that guests may import. Without a way out nobody can ask anything over HTTP.
    ///
    /// # Errors
    /// `Internal` if the machine refuses the address space or a thread.
    pub fn new(
        limits: SandboxLimits,
        artifacts: Arc<dyn ArtifactSource>,
        egress: Option<Arc<Egress>>,
    ) -> Result<Arc<Self>> {
        let engine = engine::run_engine(&limits)?;
        let linker =
            linker::linker(&engine).map_err(|e| Error::internal("linking host functions", e))?;
        let cache = Cache::new(engine.clone(), linker, artifacts, limits.loaded_max);
        Ok(Arc::new(Self {
            _ticker: Ticker::start(&engine)?,
            describing: Semaphore::new(limits.describe_max as usize),
            shared: Arc::new(Shared {
                nested: Arc::new(Semaphore::new(limits.nested_max as usize)),
                engine,
                cache,
                limits,
                egress,
            }),
        }))
    }

    /// Run a turn until it ends or its deadline does. At most `turns_max` at once: whoever calls this sees to it. The component is the one that the turn's agent had
    /// when it was claimed.
    ///
    /// `cancelled` only tells the guest that it should come to an end. Dropping the future ends it at
    /// once, and the turn with it.
    pub async fn run(
        &self,
        digest: Digest,
        turn: Box<Turn>,
        cancelled: CancellationToken,
    ) -> SandboxRun {
        let began = Instant::now();
        let allowed = Duration::from_millis(u64::from(turn.budget().time_ms));
        let runner = Runner::new(
            Arc::clone(&self.shared),
            Duration::from_millis(self.shared.limits.cpu_ms_max),
            began + allowed,
            cancelled,
        );
        let (turn, end, cpu) = runner.handle(digest, Desk::of(turn)).await;
        SandboxRun {
            turn,
            end,
            cpu,
            wall: began.elapsed(),
        }
    }

    /// Take a component out of memory: nobody runs it any more. The next run loads it again.
    pub fn unload(&self, digest: Digest) {
        self.shared.cache.forget(digest);
    }

    /// What the component says of itself. It runs without a turn: every host function that reads or
    /// writes anything is denied.
    ///
    /// # Errors
    /// `Invalid` that names the import which is not linked, or says how the guest ended instead of
    /// answering; `Exhausted` if it took too long.
    pub async fn describe(&self, digest: Digest) -> Result<Described> {
        let _slot = self
            .describing
            .acquire()
            .await
            .map_err(|e| Error::internal("waiting for a sandbox", e))?;
        let begun = Instant::now();
        // Loaded first, so that what is wrong with its imports is told as it is.
        self.shared.cache.get(digest).await?;
        let limits = &self.shared.limits;
        let runner = Runner::new(
            Arc::clone(&self.shared),
            Duration::from_millis(limits.describe_cpu_ms_max),
            Instant::now() + Duration::from_millis(limits.describe_ms_max),
            CancellationToken::new(),
        );
        let ran = runner.run(digest, Desk::empty(), Entry::Describe).await;
        match ran.returned {
            Ok(Returned::Described(manifest)) => Ok(Described {
                manifest,
                start: begun.elapsed(),
            }),
            Ok(Returned::Handled(_)) => Err(Error::internal(
                "describing an agent",
                "`handle` ran instead",
            )),
            Err(end) => Err(not_described(end, limits)),
        }
    }
}

fn not_described(end: TurnEnd, limits: &SandboxLimits) -> Error {
    let (limit, max) = match end {
        TurnEnd::CpuExhausted => ("sandbox.describe_cpu_ms_max", limits.describe_cpu_ms_max),
        TurnEnd::TimedOut => ("sandbox.describe_ms_max", limits.describe_ms_max),
        TurnEnd::HostError(reason) => return Error::internal("describing an agent", reason),
        end => {
            let why = end.reason().unwrap_or_default();
            let word = end.outcome().as_str();
            return Error::invalid("describe", format!("{word}: {why}"));
        }
    };
    Error::invalid(
        "describe",
        format!("took longer than {limit}, {max} milliseconds"),
    )
}

#[cfg(test)]
mod tests;
