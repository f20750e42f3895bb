//! One run of one guest, and the runs of tools nested in it.
//!
//! Invariant: a fresh store a run, with every fence up before the guest is instantiated, dropped after
//! it. The wall clock runs outside the store: when it ends, the run is dropped where it stands. The turn
//! comes out of every run, also out of one that panicked; then its effects must be dropped, as with
//! every end but `Done`, and only its log is worth anything.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;
use wasmtime::{Engine, Store, UpdateDeadline};

use crate::egress::{Egress, Pass};
use crate::error::{Error, Result};
use crate::id::Digest;
use crate::turn::{NestedCall, Turn, TurnEnd};

use super::bindings::{Event, Failure};
use super::cache::{Cache, Loaded};
use super::fences::Fences;
use super::http::Outgoing;
use super::meter::{Meter, Panicked};
use super::state::{Desk, GuestState};
use super::{SandboxLimits, boundary, end};

/// What all runs share.
pub(super) struct Shared {
    pub(super) engine: Engine,
    pub(super) limits: SandboxLimits,
    pub(super) cache: Cache,
    /// The way out.
    pub(super) egress: Option<Arc<Egress>>,
    /// Sandboxes for nested calls. They are tried for, never waited for: whoever waits holds a sandbox
    /// that others may be waiting for.
    pub(super) nested: Arc<Semaphore>,
}

/// One run: what bounds it, and what runs the tools that it calls.
pub(super) struct Runner {
    shared: Arc<Shared>,
    meter: Arc<Meter>,
    deadline: Instant,
    cancelled: CancellationToken,
}

/// What to call.
pub(super) enum Entry {
    /// `handle`, with the event of the turn on the desk.
    Handle(Box<Event>),
    /// `describe`.
    Describe,
}

/// What it returned.
pub(super) enum Returned {
    /// From `handle`.
    Handled(std::result::Result<(), Failure>),
    /// From `describe`.
    Described(String),
}

/// What is left of a run.
pub(super) struct Ran {
    pub(super) desk: Desk,
    pub(super) returned: std::result::Result<Returned, TurnEnd>,
    pub(super) cpu: Duration,
}

impl Runner {
    pub(super) fn new(
        shared: Arc<Shared>,
        cpu: Duration,
        deadline: Instant,
        cancelled: CancellationToken,
    ) -> Self {
        Self {
            shared,
            meter: Arc::new(Meter::new(cpu)),
            deadline,
            cancelled,
        }
    }

    pub(super) fn limits(&self) -> &SandboxLimits {
        &self.shared.limits
    }

    pub(super) fn is_cancelled(&self) -> bool {
        self.cancelled.is_cancelled()
    }

    pub(super) fn cpu_left_ms(&self) -> u32 {
        u32::try_from(self.meter.left().as_millis()).unwrap_or(u32::MAX)
    }

    /// What guests ask over HTTP with: as the agent that is at work on this turn now.
    pub(super) fn outgoing(&self, turn: Option<&Turn>) -> Outgoing {
        let pass = turn.map(|turn| Pass {
            scope: turn.scope().clone(),
            agent: Arc::clone(turn.agent()),
            turn: turn.id().clone(),
            journal: Arc::clone(turn.http()),
            deadline: self.deadline,
        });
        Outgoing::new(self.shared.egress.clone(), pass)
    }

    /// A sandbox for a tool, if one is free now.
    ///
    /// # Errors
    /// `Exhausted` if none is.
    pub(super) fn nested_slot(&self) -> Result<OwnedSemaphorePermit> {
        let nested = Arc::clone(&self.shared.nested);
        nested.try_acquire_owned().map_err(|_| Error::Exhausted {
            limit: "sandbox.nested_max",
            unit: "sandboxes for nested calls",
            max: u64::from(self.shared.limits.nested_max),
        })
    }

    /// Run a tool on the turn that its caller lends. It gets no more time and CPU than its caller has
    /// left; its CPU counts as its caller's, because it runs inside of its polls.
    pub(super) async fn call(&self, call: &NestedCall, desk: Desk) -> (Box<Turn>, TurnEnd) {
        let within = Self::new(
            Arc::clone(&self.shared),
            self.meter.left(),
            self.deadline.min(Instant::now() + call.timeout),
            self.cancelled.clone(),
        );
        // Boxed, because a run may call tools, which are runs.
        let run: Pin<Box<dyn Future<Output = _> + Send>> =
            Box::pin(within.handle(call.agent.digest, desk));
        let (turn, end, _) = run.await;
        (turn, end)
    }

    /// Run `handle` on the turn that is on the desk.
    pub(super) async fn handle(self, digest: Digest, desk: Desk) -> (Box<Turn>, TurnEnd, Duration) {
        let event = Box::new(boundary::event(desk.turn()));
        let ran = self.run(digest, desk, Entry::Handle(event)).await;
        let end = match ran.returned {
            Ok(Returned::Handled(result)) => end::of_result(result),
            Ok(Returned::Described(_)) => TurnEnd::HostError("`describe` ran for `handle`".into()),
            Err(end) => end,
        };
        let turn = ran.desk.clear().expect("the desk of a turn has its turn");
        (turn, end, ran.cpu)
    }

    /// Load, instantiate and call, within all limits.
    pub(super) async fn run(self, digest: Digest, desk: Desk, entry: Entry) -> Ran {
        let (shared, meter) = (Arc::clone(&self.shared), Arc::clone(&self.meter));
        let deadline = self.deadline;
        let loaded = match shared.cache.get(digest).await {
            Ok(loaded) => loaded,
            Err(error) => {
                return Ran {
                    desk,
                    returned: Err(end::not_loaded(&error)),
                    cpu: Duration::ZERO,
                };
            }
        };
        let mut store = self.store(desk);
        let outcome = timeout_at(deadline, meter.run(enter(&loaded, &mut store, entry))).await;
        let state = store.into_data();
        let checked = state.check();
        let (desk, fences) = state.into_parts();
        let returned = match outcome {
            Ok(Ok(Ok(returned))) => checked
                .map(|()| returned)
                .map_err(|stop| end::of_stop(&stop)),
            Ok(Ok(Err(error))) => Err(end::of_error(&error, &fences, &shared.limits)),
            Ok(Err(Panicked(text))) => Err(end::host_error("a host function", &text)),
            Err(_elapsed) => Err(TurnEnd::TimedOut),
        };
        Ran {
            desk,
            returned,
            cpu: meter.used(),
        }
    }

    /// A store with every fence up.
    pub(super) fn store(self, desk: Desk) -> Store<GuestState> {
        let (shared, meter) = (Arc::clone(&self.shared), Arc::clone(&self.meter));
        let limits = &shared.limits;
        let state = GuestState::new(desk, self, Fences::new(limits));
        let mut store = Store::new(&shared.engine, state);
        store.limiter(|state| state.fences());
        store.set_hostcall_fuel(limits.hostcall_bytes_max);
        store.set_max_component_handles(limits.handles_max);
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(move |store| {
            store.data().check()?;
            meter.check()?;
            // Others get their turn at each tick, however long this guest may still run.
            Ok(UpdateDeadline::Yield(1))
        });
        store
    }
}

async fn enter(
    loaded: &Loaded,
    store: &mut Store<GuestState>,
    entry: Entry,
) -> wasmtime::Result<Returned> {
    let agent = loaded.instantiate_async(&mut *store).await?;
    match entry {
        Entry::Handle(event) => {
            let result = agent.call_handle(store, &event).await?;
            Ok(Returned::Handled(result))
        }
        Entry::Describe => Ok(Returned::Described(agent.call_describe(store).await?)),
    }
}
