//! Moves deliveries: pull → admit → run → commit → acknowledge.
//!
//! Invariant: a delivery leaves the queue only by the transaction that commits its turn or makes it a
//! dead letter; everything in memory here is a copy that a restart reads again. A worker takes its
//! agent's and its tenant's place before it takes a delivery, so nothing waits inside the host with a
//! claim on it. This module knows traits only: no SQL, no Wasm, no HTTP.

use std::path::Path;
use std::sync::{Arc, Weak};
use std::time::Duration;

use async_trait::async_trait;
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::bus::{Announcement, Bus};
use crate::error::{Error, Result};
use crate::id::{AgentId, Digest, TenantId};
use crate::identity::{AdminStore, AuditLog};
use crate::registry::{Agent, Hosted};
use crate::telemetry::TurnFigures;
use crate::turn::{DeliveryStore, Services, Turn, TurnEnd, TurnLimits, TurnStore};
use crate::usage::UsageStore;

mod hosted;
mod lane;
mod limits;
mod queue;
mod recovery;
mod retry;
mod running;
mod slots;
mod stats;
mod sweeper;
mod tend;
mod worker;

pub use limits::DispatchLimits;
pub use stats::Held;
pub use sweeper::{ServiceSweeper, UsageTeller};

use hosted::{Facts, Failing};
use queue::Queues;
use running::Running;
use slots::SlotFile;
use stats::DispatchStats;
use tend::Attention;
use worker::Gates;

/// What a run of a guest gives back.
#[derive(Debug)]
pub struct Ran {
    /// The turn with all that it staged; none if the host panicked in it.
    pub turn: Option<Box<Turn>>,
    /// How it ended.
    pub end: TurnEnd,
    /// CPU time used.
    pub cpu: Duration,
    /// Wall clock used.
    pub wall: Duration,
}

/// Runs guests. The sandbox is one; tests have another that needs no Wasm.
#[async_trait]
pub trait Runner: Send + Sync {
    /// Run `handle` of a component on the turn's event, until the turn's deadline.
    async fn run(&self, digest: Digest, turn: Box<Turn>, cancelled: CancellationToken) -> Ran;
    /// Take a component out of memory. Runs that hold it finish with it, the next one loads it again.
    fn unload(&self, digest: Digest);
}

/// What the dispatcher works with.
pub struct Parts {
    /// Tenants.
    pub admin: Arc<dyn AdminStore>,
    /// Where refusals to agents are written down.
    pub audit: Arc<AuditLog>,
    /// Queues.
    pub deliveries: Arc<dyn DeliveryStore>,
    /// Turns.
    pub turns: Arc<dyn TurnStore>,
    /// What they used today before this host started.
    pub usage: Arc<dyn UsageStore>,
    /// What turns read from.
    pub services: Arc<Services>,
    /// Runs guests.
    pub runner: Arc<dyn Runner>,
    /// Its own limits.
    pub limits: DispatchLimits,
    /// The limits of turns.
    pub turn_limits: TurnLimits,
}

/// The dispatcher of one host.
pub struct Dispatcher {
    shared: Arc<Shared>,
    tasks: TaskTracker,
}

struct Shared {
    parts: Parts,
    turn_limits: Arc<TurnLimits>,
    queues: Mutex<Queues>,
    /// Wakes one worker that waits for something to run.
    work: Notify,
    attention: Attention,
    slots: SlotFile,
    gates: Gates,
    stats: DispatchStats,
    failing: Failing,
    running: Running,
    /// No more deliveries are taken.
    closing: CancellationToken,
    /// Running turns are dropped.
    killed: CancellationToken,
}

impl Shared {
    fn figures(&self) -> TurnFigures {
        self.stats.figures(self.queues.lock().running())
    }

    /// Begin to look after a tenant, or take over what of it was changed.
    fn take_over(&self, tenant: TenantId) {
        let standing = self.parts.services.allowances.standing(tenant);
        let run = {
            let mut queues = self.queues.lock();
            queues.add_tenant(tenant, standing.weight);
            queues.set_standing(tenant, &standing);
            queues.has_runnable()
        };
        if run {
            self.work.notify_one();
        }
        if standing.suspended.is_some() {
            let stopped = self.running.stop(|turn| turn.tenant == tenant);
            tracing::info!(tenant.id = %tenant, stopped, "nothing of the tenant runs any more");
        }
    }

    /// Let an agent begin afresh. What runs of it is stopped last, so that it is next with all else done.
    fn restart(&self, tenant: TenantId, agent: &Agent) {
        self.failing.forget_agent(tenant, agent.id);
        self.queues.lock().close_breaker(tenant, agent.id);
        self.parts.runner.unload(agent.digest);
        let stopped = self
            .running
            .stop(|turn| turn.tenant == tenant && turn.agent == agent.id);
        tracing::info!(tenant.id = %tenant, agent.id = %agent.name, stopped, "agent begins afresh");
        self.work.notify_one();
    }
}

impl Dispatcher {
    /// Read what was running when the host last died, and make ready. Nothing runs yet.
    ///
    /// # Errors
    /// `Internal` if the file of running turns cannot be used.
    pub fn new(parts: Parts, running_file: &Path) -> Result<(Self, Recovery)> {
        let (slots, interrupted) = SlotFile::open(running_file)?;
        let shared = Shared {
            turn_limits: Arc::new(parts.turn_limits),
            queues: Mutex::new(Queues::new(parts.limits)),
            work: Notify::new(),
            attention: Attention::default(),
            slots,
            gates: Gates::default(),
            stats: DispatchStats::default(),
            failing: Failing::default(),
            running: Running::default(),
            closing: CancellationToken::new(),
            killed: CancellationToken::new(),
            parts,
        };
        let dispatcher = Self {
            shared: Arc::new(shared),
            tasks: TaskTracker::new(),
        };
        Ok((dispatcher, Recovery(interrupted)))
    }

    /// Take up what the last host left, then run: first, alone and one by one, what was running when it
    /// died, then everything. Returns when the host is ready.
    pub async fn start(&self, recovery: Recovery) -> Result<()> {
        self.shared.recover(recovery.0).await?;
        for tenant in self.shared.parts.admin.all_tenants().await? {
            self.shared.take_over(tenant.id);
            self.shared.attention.all(tenant.id);
        }
        let tender = Arc::clone(&self.shared);
        self.tasks.spawn(async move { tender.tend_all().await });
        for index in 0..self.shared.parts.limits.turns_running_max {
            let worker = Arc::clone(&self.shared);
            self.tasks.spawn(async move { worker.work(index).await });
        }
        Ok(())
    }

    /// Where announcements go.
    pub fn inbox(&self) -> Arc<dyn Bus> {
        Arc::new(Inbox(Arc::downgrade(&self.shared)))
    }

    /// Tells what is known of the agents.
    pub fn hosted(&self) -> Arc<dyn Hosted> {
        Arc::new(Facts(Arc::clone(&self.shared)))
    }

    /// What was counted since the start.
    pub fn stats(&self) -> TurnFigures {
        self.shared.figures()
    }

    /// What of a tenant's queue is in memory.
    pub fn held(&self, tenant: TenantId) -> Held {
        self.shared.queues.lock().held(tenant)
    }

    /// Reads the same counts for as long as anybody keeps it.
    pub fn figures(&self) -> impl Fn() -> TurnFigures + Send + Sync + 'static {
        let shared = Arc::clone(&self.shared);
        move || shared.figures()
    }

    /// Look at the clock and the store again: for tests that move a simulated clock.
    pub fn poke(&self) {
        let tenants = self.shared.queues.lock().tenants();
        for tenant in tenants {
            self.shared.attention.due(tenant);
        }
    }

    /// Wait until nothing runs and nothing in memory could run.
    pub async fn settle(&self) {
        while !self.shared.settled() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// Take no more deliveries, tell running guests, wait for them as long as `limits.drain` says, and
    /// drop what still runs: its delivery is in the store. Says how many were dropped.
    pub async fn drain(&self) -> usize {
        self.shared.closing.cancel();
        self.tasks.close();
        if tokio::time::timeout(self.shared.parts.limits.drain, self.tasks.wait())
            .await
            .is_ok()
        {
            return 0;
        }
        let dropped = self.shared.queues.lock().running();
        self.shared.killed.cancel();
        self.tasks.wait().await;
        // Nothing runs any more, and nobody died of what was dropped.
        if let Err(error) = self.shared.slots.clear() {
            tracing::warn!(%error, "turns that were dropped will count as running when the host ended");
        }
        dropped
    }
}

/// What was running when the host last died, to be given to [`Dispatcher::start`].
#[derive(Debug)]
pub struct Recovery(Vec<slots::Interrupted>);

/// Takes announcements. Cheap and without I/O, because the store's writer calls it. It does not keep the
/// dispatcher alive: the bus is held by the store, and the store by the dispatcher.
struct Inbox(Weak<Shared>);

impl Bus for Inbox {
    fn announce(&self, tenant: TenantId, announcement: Announcement) {
        let Some(shared) = self.0.upgrade() else {
            return;
        };
        match announcement {
            Announcement::Appended { deliveries, .. } => {
                if deliveries.is_empty() {
                    return;
                }
                let (read, run) = {
                    let mut queues = shared.queues.lock();
                    let read = queues.announce(tenant, deliveries);
                    (read, queues.has_runnable())
                };
                if read {
                    shared.attention.refill(tenant);
                }
                if run {
                    shared.work.notify_one();
                }
            }
            Announcement::DeliveriesRemoved(lanes) => {
                if shared.queues.lock().look_again(tenant, &lanes) {
                    shared.attention.refill(tenant);
                }
            }
            Announcement::DueChanged => shared.attention.due(tenant),
            Announcement::AgentsChanged => shared.attention.all(tenant),
            Announcement::TenantCreated { .. } => {
                shared.take_over(tenant);
                shared.attention.all(tenant);
            }
            Announcement::TenantChanged => shared.take_over(tenant),
            Announcement::TenantDeleted => {
                shared.queues.lock().remove_tenant(tenant);
                shared.running.stop(|turn| turn.tenant == tenant);
                shared.failing.forget(tenant);
                shared.attention.forget(tenant);
            }
        }
    }
}

/// A key for what is kept per agent of a tenant.
type AgentKey = (TenantId, AgentId);

/// Whether an error says that the store cannot be used now, rather than that the turn was wrong.
fn store_is_down(error: &Error) -> bool {
    matches!(
        error,
        Error::Unavailable { .. } | Error::StorageFull { .. } | Error::Internal { .. }
    )
}
