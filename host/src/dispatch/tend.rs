//! Keeps the queues in memory fed from the store: new agents, refills, retries and timers that are due.
//!
//! Announcements are hints. Every tenant is also looked at on a slow poll, so that a lost hint costs
//! time ([`POLL`], and longer with more tenants than [`POLLED_MAX`]), never a delivery.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{Notify, Semaphore};

use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::id::{AgentId, Digest, TenantId};
use crate::identity::TenantScope;
use crate::registry::{AgentStatus, Directory};
use crate::usage::{Span, day_of};

use super::Shared;
use super::queue::Refill;

/// How often tenants are looked at without a hint.
const POLL: Duration = Duration::from_secs(10);
/// Most tenants that are looked at then; the others are next. To look at one opens it, which takes a
/// millisecond and the place of another, and most are idle.
const POLLED_MAX: usize = 256;
/// Most tenants that are looked after at once. Each is held open meanwhile: far fewer than may be
/// (`store.tenants_open_max`), so that those whom somebody waits for find a place.
const TENDED_MAX: usize = 16;
/// The soonest that the clock is looked at again while something is due.
const TICK: Duration = Duration::from_millis(50);
/// The longest that the clock is not looked at, so that a clock that was set forward is noticed.
const LONGEST_SLEEP: Duration = Duration::from_secs(1);
/// How long to wait after the store refused.
const STORE_DOWN: Duration = Duration::from_secs(1);

/// What a tenant needs.
#[derive(Debug, Clone, Copy, Default)]
struct Need {
    agents: bool,
    refill: bool,
    due: bool,
    /// Its lanes that wait for retries have been read.
    opened: bool,
    busy: bool,
}

impl Need {
    const fn any(self) -> bool {
        self.agents || self.refill || self.due
    }
}

/// Which tenants need something, and when the next one will.
#[derive(Debug, Default)]
pub(super) struct Attention {
    needs: Mutex<HashMap<TenantId, Need>>,
    timers: Mutex<Timers>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct Timers {
    queue: BTreeSet<(Timestamp, TenantId)>,
    of: HashMap<TenantId, Timestamp>,
}

/// Which tenants are looked at next without a hint.
#[derive(Debug, Default)]
struct Poll {
    last: Option<TenantId>,
}

impl Poll {
    /// Of all tenants those whose turn it is.
    fn next(&mut self, mut tenants: Vec<TenantId>) -> Vec<TenantId> {
        tenants.sort_unstable();
        let seen = |last| tenants.partition_point(|tenant| *tenant <= last);
        let from = self.last.map_or(0, seen);
        tenants.rotate_left(from);
        tenants.truncate(POLLED_MAX);
        self.last = tenants.last().copied();
        tenants
    }
}

impl Timers {
    fn set(&mut self, tenant: TenantId, due: Option<Timestamp>) {
        if let Some(old) = self.of.remove(&tenant) {
            self.queue.remove(&(old, tenant));
        }
        if let Some(due) = due {
            self.of.insert(tenant, due);
            self.queue.insert((due, tenant));
        }
    }
}

impl Attention {
    pub(super) fn all(&self, tenant: TenantId) {
        self.need(tenant, |need| {
            (need.agents, need.refill, need.due) = (true, true, true);
        });
    }

    pub(super) fn refill(&self, tenant: TenantId) {
        self.need(tenant, |need| need.refill = true);
    }

    pub(super) fn due(&self, tenant: TenantId) {
        self.need(tenant, |need| need.due = true);
    }

    pub(super) fn forget(&self, tenant: TenantId) {
        self.needs.lock().remove(&tenant);
        self.timers.lock().set(tenant, None);
    }

    fn need(&self, tenant: TenantId, what: impl FnOnce(&mut Need)) {
        what(self.needs.lock().entry(tenant).or_default());
        self.changed.notify_one();
    }

    fn is_quiet(&self) -> bool {
        self.needs
            .lock()
            .values()
            .all(|need| !need.busy && !need.any())
    }

    /// Tenants that need something and are not being looked at; they are from now on.
    fn begin(&self) -> Vec<(TenantId, Need)> {
        let mut needs = self.needs.lock();
        let waiting = needs
            .iter_mut()
            .filter(|(_, need)| need.any() && !need.busy);
        waiting
            .map(|(tenant, need)| {
                let found = *need;
                *need = Need {
                    busy: true,
                    opened: true,
                    ..Need::default()
                };
                (*tenant, found)
            })
            .collect()
    }

    fn end(&self, tenant: TenantId) {
        if let Some(need) = self.needs.lock().get_mut(&tenant) {
            need.busy = false;
        }
        self.changed.notify_one();
    }

    fn timers_due(&self, now: Timestamp) {
        let due: Vec<TenantId> = {
            let mut timers = self.timers.lock();
            let due: Vec<_> = timers
                .queue
                .iter()
                .take_while(|(at, _)| *at <= now)
                .copied()
                .collect();
            for (_, tenant) in &due {
                timers.set(*tenant, None);
            }
            due.into_iter().map(|(_, tenant)| tenant).collect()
        };
        for tenant in due {
            self.due(tenant);
        }
    }

    /// Look at the clock again: something may end sooner than was known.
    pub(super) fn look(&self) {
        self.changed.notify_one();
    }

    fn sleep(&self, now: Timestamp, release: Option<Timestamp>) -> Duration {
        let due = self.timers.lock().queue.first().map(|(due, _)| *due);
        match due.into_iter().chain(release).min() {
            Some(due) => Duration::from_millis(due.since(now)).clamp(TICK, LONGEST_SLEEP),
            None => LONGEST_SLEEP,
        }
    }
}

impl Shared {
    /// Whether nothing runs, nothing could run, and nothing is being read.
    pub(super) fn settled(&self) -> bool {
        self.attention.is_quiet() && {
            let queues = self.queues.lock();
            queues.is_idle() && self.attention.is_quiet()
        }
    }

    /// Look after all tenants until the host closes.
    pub(super) async fn tend_all(self: Arc<Self>) {
        let mut polled = tokio::time::Instant::now();
        let mut poll = Poll::default();
        let room = Arc::new(Semaphore::new(TENDED_MAX));
        let tasks = tokio_util::task::TaskTracker::new();
        loop {
            let changed = self.attention.changed.notified();
            let now = self.parts.services.clock.now();
            self.attention.timers_due(now);
            let release = self.release(now);
            if polled.elapsed() >= POLL {
                polled = tokio::time::Instant::now();
                for tenant in poll.next(self.queues.lock().tenants()) {
                    self.attention.all(tenant);
                }
            }
            for (tenant, need) in self.attention.begin() {
                let (shared, room) = (Arc::clone(&self), Arc::clone(&room));
                tasks.spawn(async move {
                    let tended = {
                        // Never closed. Whoever waits longest is next.
                        let _place = room.acquire().await;
                        shared.tend(tenant, need).await
                    };
                    match tended {
                        Ok(()) => {}
                        // It was deleted meanwhile, and would be looked for for ever.
                        Err(Error::NotFound { .. }) => shared.attention.forget(tenant),
                        Err(error) => {
                            tracing::error!(tenant.id = %tenant, %error, "queue not refilled, trying again");
                            tokio::time::sleep(STORE_DOWN).await;
                            shared.attention.all(tenant);
                        }
                    }
                    shared.attention.end(tenant);
                });
            }
            tokio::select! {
                () = self.closing.cancelled() => break,
                () = changed => {}
                () = tokio::time::sleep(self.attention.sleep(now, release)) => {}
            }
        }
        tasks.close();
        tasks.wait().await;
    }

    /// Let tenants go on that waited for their quotas; says when the next one does.
    fn release(&self, now: Timestamp) -> Option<Timestamp> {
        let (run, next) = {
            let mut queues = self.queues.lock();
            (queues.release(now), queues.next_release())
        };
        if run {
            self.work.notify_one();
        }
        next
    }

    async fn tend(&self, tenant: TenantId, need: Need) -> Result<()> {
        let scope = TenantScope::for_dispatch(tenant);
        if !need.opened {
            self.open(tenant, &scope).await.inspect_err(|_| {
                // Its agents get no turns before this was read once: without it, what follows a retry
                // of its lane would run before it.
                self.attention.need(tenant, |need| need.opened = false);
            })?;
        }
        if need.agents || !need.opened {
            let directory = self.parts.services.agents.directory(&scope).await?;
            self.take_over_agents(tenant, &directory);
        }
        if need.due {
            self.look_at_due(tenant, &scope).await?;
        }
        self.refill(tenant, &scope).await
    }

    /// Let those agents run that may, and stop the turns of those that may not.
    fn take_over_agents(&self, tenant: TenantId, directory: &Directory) {
        let suspended = self.suspended_agents(directory);
        {
            let mut queues = self.queues.lock();
            queues.set_agents(tenant, directory);
            queues.stand_still(tenant, &suspended);
        }
        self.failing
            .keep(tenant, |id| directory.by_id(id).is_some());
        self.work.notify_one();
        let may_run = |id: AgentId| {
            let agent = directory.by_id(id);
            agent.is_some_and(|agent| agent.status == AgentStatus::Active)
                && !suspended.contains(&id)
        };
        self.running
            .stop(|turn| turn.tenant == tenant && !may_run(turn.agent));
    }

    /// Agents whose components are suspended on this host.
    fn suspended_agents(&self, directory: &Directory) -> Vec<AgentId> {
        let allowances = &self.parts.services.allowances;
        let agents = directory.agents();
        let suspended = agents.filter(|agent| allowances.is_suspended(&agent.digest));
        suspended.map(|agent| agent.id).collect()
    }

    /// Components were suspended or resumed: stop what runs of them, as a turn's own component or as a tool
    /// that it may be calling, and look at everybody's agents again.
    pub(super) async fn components_changed(&self) -> Result<()> {
        for tenant in self.running.tenants() {
            let scope = TenantScope::for_dispatch(tenant);
            let directory = self.parts.services.agents.directory(&scope).await?;
            if !self.suspended_agents(&directory).is_empty() {
                self.running.stop(|turn| turn.tenant == tenant);
            }
        }
        let allowances = &self.parts.services.allowances;
        // Also those that run a version from before.
        let is_suspended = |digest: &Digest| allowances.is_suspended(digest);
        self.running
            .stop(|turn| turn.digest.as_ref().is_some_and(is_suspended));
        let tenants = self.queues.lock().tenants();
        for tenant in tenants {
            self.attention.all(tenant);
        }
        Ok(())
    }

    /// Take note of what a tenant used today and of what of it waits for retries.
    async fn open(&self, tenant: TenantId, scope: &TenantScope) -> Result<()> {
        let now = self.parts.services.clock.now();
        let days = self.parts.usage.usage(scope, Span::Day, None, 1).await?;
        let today = days.first().filter(|day| day_of(day.start) == day_of(now));
        if let Some(today) = today {
            let cpu_us = today.figures.cpu_us;
            self.queues.lock().set_used(tenant, now, cpu_us);
        }
        self.park_all(tenant, scope).await
    }

    /// Take note of every lane that waits for a retry.
    async fn park_all(&self, tenant: TenantId, scope: &TenantScope) -> Result<()> {
        let batch = self.parts.limits.load_batch;
        let mut last = None;
        loop {
            let page = self
                .parts
                .deliveries
                .parked(scope, last.as_ref(), batch)
                .await?;
            self.queues.lock().park(tenant, &page);
            if page.len() < batch as usize || self.closing.is_cancelled() {
                return Ok(());
            }
            last = page.last().cloned();
        }
    }

    async fn look_at_due(&self, tenant: TenantId, scope: &TenantScope) -> Result<()> {
        let batch = self.parts.limits.load_batch;
        let now = self.parts.services.clock.now();
        let store = &self.parts.deliveries;
        let fired = store.fire_scheduled(scope, now, batch).await?;
        let limit = batch + self.queues.lock().retries(tenant) as u32;
        let rows = store.due(scope, now, limit).await?;
        let full = fired == batch || rows.len() == limit as usize;
        let left = self.queues.lock().admit_due(tenant, rows);
        let more = full || left;
        self.work.notify_one();
        let next = if more {
            Some(now.plus_ms(TICK.as_millis() as u64))
        } else {
            store.next_due(scope, now).await?
        };
        self.attention.timers.lock().set(tenant, next);
        Ok(())
    }

    async fn refill(&self, tenant: TenantId, scope: &TenantScope) -> Result<()> {
        let batch = self.parts.limits.load_batch;
        loop {
            let refills = self.queues.lock().refills(tenant);
            if refills.is_empty() || self.closing.is_cancelled() {
                return Ok(());
            }
            for refill in refills {
                let store = &self.parts.deliveries;
                let rows = match &refill {
                    Refill::Agent(agent, after) => {
                        store.pending(scope, *agent, *after, batch).await?
                    }
                    Refill::Lane(agent, key, from) => {
                        store.lane(scope, *agent, key, *from, batch).await?
                    }
                };
                let full = rows.len() == batch as usize;
                self.queues.lock().refilled(tenant, &refill, rows, full);
                self.work.notify_one();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_tenant_is_polled_once_a_round() {
        for count in [0, 1, POLLED_MAX, POLLED_MAX + 1, 2 * POLLED_MAX + 7] {
            let tenants: BTreeSet<TenantId> = (0..count).map(|_| TenantId::generate()).collect();
            let mut poll = Poll::default();
            let mut seen = BTreeSet::new();
            for round in 1..=count.div_ceil(POLLED_MAX) {
                let polled = poll.next(tenants.iter().copied().collect());
                assert!(polled.len() <= POLLED_MAX, "{count} tenants, round {round}");
                seen.extend(polled);
                assert_eq!(seen.len(), count.min(round * POLLED_MAX), "{count} tenants");
            }
            assert_eq!(seen, tenants);
        }
    }

    #[test]
    fn a_poll_goes_on_when_the_tenant_it_ended_with_is_gone() {
        let mut tenants: Vec<TenantId> = (0..=POLLED_MAX).map(|_| TenantId::generate()).collect();
        let mut poll = Poll::default();
        let last = *poll.next(tenants.clone()).last().unwrap();
        tenants.sort_unstable();
        tenants.retain(|tenant| *tenant != last);
        let waiting = tenants[POLLED_MAX - 1];
        assert_eq!(poll.next(tenants)[0], waiting);
    }
}
