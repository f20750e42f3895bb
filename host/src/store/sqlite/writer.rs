//! The writer threads: they own every write to tenants' databases and commit many jobs with one flush.
//!
//! Invariant: a job runs once, on its tenant's thread, inside a transaction of that tenant alone; its
//! caller hears of it after the COMMIT and never before. One job's error takes back that job alone. After
//! an I/O error nothing is written or answered as if it had been: the process ends, see [`Health`].
//! This module knows nothing of events, turns or agents.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::JoinHandle;

use parking_lot::{Condvar, Mutex};
use tokio::sync::{Semaphore, oneshot};

use super::tenant::Tenant;
use crate::bus::Bus;
use crate::error::{Error, Result};

mod batch;
mod checkpoint;
mod health;
#[cfg(test)]
mod tests;

pub(super) use batch::{Counters, WriteTx};
pub(super) use checkpoint::{Checkpointer, WalSettings, WalState, watch_log};
pub use health::FatalHook;
pub(super) use health::Health;

use batch::{Fate, Ran};

/// Most jobs in one transaction. Twice as many gain under a tenth more throughput and double the wait of
/// the first one.
pub(super) const BATCH_JOBS_MAX: usize = 512;
/// Most jobs of one tenant that wait: one full batch, so that its next one is ready when one is committed
/// and a flooding tenant puts at most this many before its neighbours' jobs.
pub(super) const TENANT_JOBS_MAX: usize = BATCH_JOBS_MAX;
/// Most jobs that wait for one thread.
pub(super) const THREAD_JOBS_MAX: usize = 8 * BATCH_JOBS_MAX;

type Work = dyn FnOnce(Option<&mut WriteTx<'_>>) -> Ran + Send;

/// One write, with its caller's address in it.
pub(super) struct Job {
    tenant: Arc<Tenant>,
    /// Given nothing, it does nothing and only makes the answer.
    run: Box<Work>,
}

/// What waits for one thread. Its bound is the permits of `room`, taken before a job is pushed.
struct Queue {
    waiting: Mutex<Waiting>,
    filled: Condvar,
    room: Semaphore,
}

#[derive(Default)]
struct Waiting {
    jobs: VecDeque<Job>,
    stopping: bool,
}

/// Hands jobs to one writer thread.
#[derive(Clone)]
pub(super) struct WriteQueue(Arc<Queue>);

impl WriteQueue {
    /// Run `work` in a transaction of the tenant and return after it is durable. Waits while the tenant
    /// or the thread has its bound of jobs waiting. If the caller goes away, a job that was queued is
    /// done all the same.
    pub(super) async fn write<T: Send + 'static>(
        &self,
        tenant: &Arc<Tenant>,
        work: impl FnOnce(&mut WriteTx<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (answer, answered) = oneshot::channel();
        let run = move |tx: Option<&mut WriteTx<'_>>| {
            let result = tx.map_or_else(|| Err(closed()), work);
            let (kept, ruin) = match &result {
                Ok(_) => (true, None),
                Err(e) => (false, Fate::ruin(e)),
            };
            let reply = move |fate: &Fate| {
                // A caller that went away needs no answer.
                let _ = answer.send(fate.error().map_or(result, Err));
            };
            Ran {
                kept,
                ruin,
                reply: Box::new(reply),
            }
        };
        // Given back by the thread when it takes the job; until both are here, by whoever gives up waiting.
        let of_tenant = tenant.room().acquire().await.map_err(|_| closed())?;
        let of_thread = self.0.room.acquire().await.map_err(|_| closed())?;
        of_tenant.forget();
        of_thread.forget();
        self.push(Job {
            tenant: Arc::clone(tenant),
            run: Box::new(run),
        })?;
        answered.await.map_err(|_| {
            Error::internal(
                "running a write",
                "the job panicked; nothing of it was kept",
            )
        })?
    }

    fn push(&self, job: Job) -> Result<()> {
        let mut waiting = self.0.waiting.lock();
        if waiting.stopping {
            return Err(closed());
        }
        waiting.jobs.push_back(job);
        drop(waiting);
        self.0.filled.notify_one();
        Ok(())
    }

    /// The next jobs, oldest first; none when the store is closed and all is done.
    fn take(&self) -> Option<Vec<Job>> {
        let mut waiting = self.0.waiting.lock();
        while waiting.jobs.is_empty() {
            if waiting.stopping {
                return None;
            }
            self.0.filled.wait(&mut waiting);
        }
        let count = waiting.jobs.len().min(BATCH_JOBS_MAX);
        let jobs: Vec<Job> = waiting.jobs.drain(..count).collect();
        drop(waiting);
        self.0.room.add_permits(count);
        for job in &jobs {
            job.tenant.room().add_permits(1);
        }
        Some(jobs)
    }

    fn stop(&self) {
        self.0.waiting.lock().stopping = true;
        self.0.filled.notify_one();
    }
}

fn closed() -> Error {
    Error::Unavailable {
        what: super::rows::STORAGE,
        reason: "the host is shutting down".into(),
    }
}

/// The pool of writer threads.
pub(super) struct Writers {
    queues: Vec<WriteQueue>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

/// What a writer thread works with.
struct Worker {
    queue: WriteQueue,
    health: Arc<Health>,
    bus: Arc<dyn Bus>,
    checkpointer: Checkpointer,
}

impl Writers {
    /// Start `count` threads.
    pub(super) fn start(
        count: usize,
        health: &Arc<Health>,
        bus: &Arc<dyn Bus>,
        checkpointer: &Checkpointer,
    ) -> Result<Self> {
        let mut queues = Vec::with_capacity(count);
        let mut threads = Vec::with_capacity(count);
        for index in 0..count.max(1) {
            let queue = WriteQueue(Arc::new(Queue {
                waiting: Mutex::default(),
                filled: Condvar::new(),
                room: Semaphore::new(THREAD_JOBS_MAX),
            }));
            let worker = Worker {
                queue: queue.clone(),
                health: Arc::clone(health),
                bus: Arc::clone(bus),
                checkpointer: checkpointer.clone(),
            };
            let thread = std::thread::Builder::new()
                .name(format!("writer-{index}"))
                .spawn(move || worker.run_guarded())
                .map_err(|e| Error::internal("starting a writer thread", e))?;
            queues.push(queue);
            threads.push(thread);
        }
        Ok(Self {
            queues,
            threads: Mutex::new(threads),
        })
    }

    /// The queue of the thread that a tenant is bound to.
    pub(super) fn queue(&self, tenant: crate::id::TenantId) -> WriteQueue {
        // The last bytes of the id are random; the first are the time of creation.
        let spread = tenant.as_bytes().iter().skip(8).fold(0_usize, |sum, byte| {
            sum.wrapping_mul(31).wrapping_add(usize::from(*byte))
        });
        self.queues
            .get(spread % self.queues.len().max(1))
            .cloned()
            .expect("start makes at least one queue")
    }

    /// Finish what was queued, refuse what comes, and wait for the threads. Blocks.
    pub(super) fn stop(&self) {
        for queue in &self.queues {
            queue.stop();
        }
        for thread in std::mem::take(&mut *self.threads.lock()) {
            if thread.join().is_err() {
                tracing::error!("a writer thread panicked");
            }
        }
    }
}

impl Worker {
    /// Jobs may panic, the thread may not: nobody else writes for its tenants.
    fn run_guarded(&self) {
        if catch_unwind(AssertUnwindSafe(|| self.run())).is_err() {
            self.health.fail(&"a writer thread panicked");
        }
    }

    fn run(&self) {
        while let Some(jobs) = self.queue.take() {
            for (tenant, jobs) in by_tenant(jobs) {
                self.commit(&tenant, jobs);
            }
        }
    }
}

/// Group jobs by tenant, tenants in the order of their first job, jobs of a tenant in their order.
fn by_tenant(jobs: Vec<Job>) -> Vec<(Arc<Tenant>, Vec<Job>)> {
    let mut groups: Vec<(Arc<Tenant>, Vec<Job>)> = Vec::new();
    let mut places = std::collections::HashMap::new();
    for job in jobs {
        let place = *places.entry(job.tenant.id()).or_insert(groups.len());
        match groups.get_mut(place) {
            Some((_, group)) => group.push(job),
            None => groups.push((Arc::clone(&job.tenant), vec![job])),
        }
    }
    groups
}
