//! All queues of a host: which delivery runs next.
//!
//! Tenants take turns by the CPU time they have used, divided by their weight (start-time fair queueing:
//! the tenant with the least is next, and one that was idle begins at the present, not in the past).
//! Inside a tenant, agents take turns. Invariant: `runnable` holds exactly the tenants that have
//! something to run and a free place under their cap. No I/O here.

use std::collections::{BTreeSet, HashMap, VecDeque};

use crate::clock::Timestamp;
use crate::id::{AgentId, Label, Position, TenantId};
use crate::registry::{AgentStatus, Directory};
use crate::turn::{Delivery, Parked};

use super::DispatchLimits;
use super::lane::{AfterLane, AgentQueue};
use super::stats::Held;

mod breaker;
mod pace;
mod refill;

pub(super) use breaker::Breaker;
use pace::Pace;

/// What a microsecond of CPU costs a tenant of weight 1. Whole microseconds, divided by a weight, would make the
/// shortest turns of a heavy tenant free, and it would always be next.
const SHARES_PER_US: i64 = 1_000;

/// A delivery that was taken to be run.
#[derive(Debug, Clone)]
pub(super) struct Claim {
    pub(super) tenant: TenantId,
    pub(super) delivery: Delivery,
    /// What its tenant was charged in advance, in microseconds.
    pub(super) charged_us: u64,
}

/// What became of a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Done {
    /// It is out of the queue.
    Gone,
    /// It waits in the store for its retry.
    Parked,
    /// Nothing was decided; it is next again.
    Undecided,
    /// It was stopped, as it must not run now; it is next again.
    Stopped,
}

/// Something to read from the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Refill {
    /// Deliveries of an agent after a position.
    Agent(AgentId, Position),
    /// Deliveries of a lane from a position on.
    Lane(AgentId, Label, Position),
}

#[derive(Debug)]
struct TenantQueue {
    weight: u64,
    /// CPU time used, divided by the weight: [`SHARES_PER_US`].
    used: u64,
    in_runnable: bool,
    running: usize,
    bytes: usize,
    agents: HashMap<AgentId, AgentQueue>,
    /// Agents that may have something ready, in turn, each once (`AgentQueue::in_line`).
    line: VecDeque<AgentId>,
    lanes_to_read: Vec<Refill>,
    /// Some agent has more in the store.
    starved: bool,
    /// Retries in memory: they stay due in the store until decided.
    retries: BTreeSet<(Position, AgentId)>,
    /// Most turns at once.
    cap: usize,
    pace: Pace,
}

/// All queues of a host.
#[derive(Debug)]
pub(super) struct Queues {
    limits: DispatchLimits,
    tenants: HashMap<TenantId, TenantQueue>,
    runnable: BTreeSet<(u64, TenantId)>,
    /// The `used` of the tenant that was served last: where idle tenants begin again.
    present: u64,
    running: usize,
    /// Tenants that wait for their quotas, and until when.
    held: BTreeSet<(Timestamp, TenantId)>,
    has_new_hold: bool,
    /// Agents whose breakers are open, and until when.
    open: BTreeSet<(Timestamp, TenantId, AgentId)>,
}

impl Queues {
    pub(super) fn new(limits: DispatchLimits) -> Self {
        Self {
            limits,
            tenants: HashMap::new(),
            runnable: BTreeSet::new(),
            present: 0,
            running: 0,
            held: BTreeSet::new(),
            has_new_hold: false,
            open: BTreeSet::new(),
        }
    }

    pub(super) fn running(&self) -> usize {
        self.running
    }

    /// What of a tenant's queue is in memory.
    pub(super) fn held(&self, tenant: TenantId) -> Held {
        let agents = self.tenants.get(&tenant).map(|queue| queue.agents.values());
        agents
            .into_iter()
            .flatten()
            .fold(Held::default(), |sum, agent| Held {
                deliveries: sum.deliveries + agent.waiting,
                bytes: sum.bytes + agent.bytes,
                lanes: sum.lanes + agent.lanes(),
            })
    }

    /// How many turns of each of a tenant's agents run.
    pub(super) fn running_of(&self, tenant: TenantId) -> Vec<(AgentId, usize)> {
        let agents = self.tenants.get(&tenant).map(|queue| &queue.agents);
        agents
            .into_iter()
            .flatten()
            .filter(|(_, agent)| agent.running > 0)
            .map(|(id, agent)| (*id, agent.running))
            .collect()
    }

    /// Whether nothing runs and nothing in memory could run.
    pub(super) fn is_idle(&self) -> bool {
        self.running == 0 && self.runnable.is_empty()
    }

    pub(super) fn tenants(&self) -> Vec<TenantId> {
        self.tenants.keys().copied().collect()
    }

    pub(super) fn add_tenant(&mut self, tenant: TenantId, weight: u32) {
        let cap = self.limits.tenant_turns_running_max;
        self.tenants.entry(tenant).or_insert_with(|| TenantQueue {
            weight: u64::from(weight.max(1)),
            used: 0,
            in_runnable: false,
            running: 0,
            bytes: 0,
            agents: HashMap::new(),
            line: VecDeque::new(),
            lanes_to_read: Vec::new(),
            starved: false,
            retries: BTreeSet::new(),
            cap,
            pace: Pace::default(),
        });
    }

    pub(super) fn remove_tenant(&mut self, tenant: TenantId) {
        if let Some(queue) = self.tenants.remove(&tenant) {
            self.runnable.remove(&(queue.used, tenant));
            self.forget_hold(tenant, &queue.pace);
            // What runs of it still ends by `done`, and is counted there.
        }
    }

    /// Take over a tenant's agents: new ones read the store, resumed ones run, deleted ones are gone.
    pub(super) fn set_agents(&mut self, tenant: TenantId, directory: &Directory) {
        let Some(queue) = self.tenants.get_mut(&tenant) else {
            return;
        };
        queue
            .agents
            .retain(|id, agent| directory.by_id(*id).is_some() || agent.running > 0);
        for agent in directory.agents() {
            let slot = queue.agents.entry(agent.id).or_insert_with(AgentQueue::new);
            let active = agent.status == AgentStatus::Active;
            let renewed = slot.digest.replace(agent.digest) != Some(agent.digest);
            if renewed || (active && !slot.active) {
                slot.breaker = Breaker::default();
            }
            slot.active = active;
            slot.still = false;
            slot.concurrency = agent.manifest.settings.concurrency as usize;
            queue.stand_in_line(agent.id);
        }
        for (id, agent) in &mut queue.agents {
            if directory.by_id(*id).is_none() {
                agent.reset();
                agent.active = false;
            }
        }
        queue.recount();
        self.refresh(tenant);
    }

    /// Deliveries that a commit made. Those that do not fit stay in the store.
    /// Says whether the store should be read.
    pub(super) fn announce(&mut self, tenant: TenantId, deliveries: Vec<Delivery>) -> bool {
        let limits = self.limits;
        let mut read = false;
        let Some(queue) = self.tenants.get_mut(&tenant) else {
            return false;
        };
        for delivery in deliveries {
            let id = delivery.agent;
            let agent = queue.agents.entry(id).or_insert_with(AgentQueue::new);
            let fits =
                agent.has_room(queue.bytes, &delivery, &limits) && agent.may_open_lane(&limits);
            if agent.spilled || !fits {
                agent.spilled = true;
                agent.missed = true;
                queue.starved = true;
                read |= agent.is_low(&limits);
                continue;
            }
            let before = agent.bytes;
            agent.offer(delivery);
            queue.bytes = queue.bytes + agent.bytes - before;
            queue.stand_in_line(id);
        }
        self.refresh(tenant);
        read
    }

    /// Retries whose time has come; those already in memory are left out. Those that do not fit stay in
    /// the store and stay due. Says whether there are such.
    pub(super) fn admit_due(&mut self, tenant: TenantId, deliveries: Vec<Delivery>) -> bool {
        let limits = self.limits;
        let mut left = false;
        let Some(queue) = self.tenants.get_mut(&tenant) else {
            return false;
        };
        for delivery in deliveries {
            let id = delivery.agent;
            let place = (delivery.event.position, id);
            let agent = queue.agents.entry(id).or_insert_with(AgentQueue::new);
            if !agent.active || queue.retries.contains(&place) {
                continue;
            }
            if !agent.has_room(queue.bytes, &delivery, &limits) {
                left = true;
                continue;
            }
            queue.retries.insert(place);
            let before = agent.bytes;
            agent.admit(delivery);
            queue.bytes = queue.bytes + agent.bytes - before;
            queue.stand_in_line(id);
        }
        self.refresh(tenant);
        left
    }

    /// How many retries of a tenant are in memory.
    pub(super) fn retries(&self, tenant: TenantId) -> usize {
        self.tenants
            .get(&tenant)
            .map_or(0, |queue| queue.retries.len())
    }

    /// Lanes whose head waits for a retry, as found at start.
    pub(super) fn park(&mut self, tenant: TenantId, retries: &[Parked]) {
        let Some(queue) = self.tenants.get_mut(&tenant) else {
            return;
        };
        for retry in retries {
            queue
                .agents
                .entry(retry.agent)
                .or_insert_with(AgentQueue::new)
                .park(retry);
        }
    }

    /// The next delivery to run.
    pub(super) fn take(&mut self, now: Timestamp) -> Option<Claim> {
        while let Some((used, tenant)) = self.runnable.first().copied() {
            if self.hold(tenant, now) {
                continue;
            }
            self.present = used;
            let queue = self.tenants.get_mut(&tenant);
            let taken = queue.and_then(|queue| queue.take(now));
            if let Some((delivery, cost_us)) = taken {
                self.running += 1;
                self.charge(tenant, i64::try_from(cost_us).unwrap_or(i64::MAX));
                return Some(Claim {
                    tenant,
                    delivery,
                    charged_us: cost_us,
                });
            }
            self.refresh(tenant);
            if self.runnable.first() == Some(&(used, tenant)) {
                // Nothing could be taken although it said so: leave it until something changes.
                self.runnable.remove(&(used, tenant));
                if let Some(queue) = self.tenants.get_mut(&tenant) {
                    queue.in_runnable = false;
                }
            }
        }
        None
    }

    /// Whether another worker would find something.
    pub(super) fn has_runnable(&self) -> bool {
        !self.runnable.is_empty()
    }

    /// A claim has ended, having used this much CPU. Says whether the store should be read.
    pub(super) fn done(&mut self, claim: Claim, done: Done, cpu_us: u64) -> bool {
        let Claim {
            tenant,
            delivery,
            charged_us,
            ..
        } = claim;
        self.running = self.running.saturating_sub(1);
        let limits = self.limits;
        let Some(queue) = self.tenants.get_mut(&tenant) else {
            return false;
        };
        queue.running -= 1;
        // A clock that did not move: a turn that cost nothing would be next for ever.
        let cpu_us = cpu_us.max(1);
        queue.pace.use_cpu(cpu_us);
        let id = delivery.agent;
        if !matches!(done, Done::Undecided | Done::Stopped) {
            queue.retries.remove(&(delivery.event.position, id));
        }
        if let Some(agent) = queue.agents.get_mut(&id) {
            agent.cost_us = (agent.cost_us * 7 + cpu_us) / 8;
            let before = agent.bytes;
            match done {
                Done::Undecided | Done::Stopped => agent.put_back(delivery),
                Done::Parked => agent.finish_parked(&delivery),
                Done::Gone => {
                    if let AfterLane::Read(key, from) = agent.finish(&delivery) {
                        queue.lanes_to_read.push(Refill::Lane(id, key, from));
                    }
                }
            }
            queue.bytes = queue.bytes + agent.bytes - before;
            queue.stand_in_line(id);
        }
        let room = queue.bytes < limits.tenant_window_bytes / 2;
        let read = !queue.lanes_to_read.is_empty()
            || queue.starved
                && queue.agents.get(&id).map_or(room, |agent| {
                    (room && !agent.spilled) || agent.should_read(room, &limits)
                });
        let correction = i64::try_from(cpu_us).unwrap_or(i64::MAX)
            - i64::try_from(charged_us).unwrap_or(i64::MAX);
        self.charge(tenant, correction);
        read
    }

    fn charge(&mut self, tenant: TenantId, cpu_us: i64) {
        let Some(queue) = self.tenants.get_mut(&tenant) else {
            return;
        };
        if queue.in_runnable {
            self.runnable.remove(&(queue.used, tenant));
            queue.in_runnable = false;
        }
        let weight = i64::try_from(queue.weight).unwrap_or(1);
        let shares = cpu_us.saturating_mul(SHARES_PER_US) / weight;
        queue.used = queue.used.saturating_add_signed(shares);
        self.refresh(tenant);
    }

    /// Put a tenant among the runnable ones, or take it out.
    fn refresh(&mut self, tenant: TenantId) {
        let Some(queue) = self.tenants.get_mut(&tenant) else {
            return;
        };
        let wanted = queue.running < queue.cap && queue.pace.is_free() && queue.has_ready();
        if wanted == queue.in_runnable {
            return;
        }
        if wanted {
            queue.used = queue.used.max(self.present);
            self.runnable.insert((queue.used, tenant));
        } else {
            self.runnable.remove(&(queue.used, tenant));
        }
        queue.in_runnable = wanted;
    }
}

impl TenantQueue {
    /// The next agent's next delivery, and what a turn of it costs.
    fn take(&mut self, now: Timestamp) -> Option<(Delivery, u64)> {
        while let Some(id) = self.next_in_line() {
            let Some(agent) = self.agents.get_mut(&id) else {
                continue;
            };
            let before = agent.bytes;
            let Some(delivery) = agent.take() else {
                continue;
            };
            self.bytes = self.bytes + agent.bytes - before;
            self.running += 1;
            self.pace.begin(now);
            let cost_us = agent.cost_us;
            self.stand_in_line(id);
            return Some((delivery, cost_us));
        }
        None
    }

    /// Whether the agent at the front can run; takes those that cannot out of the line.
    fn has_ready(&mut self) -> bool {
        while let Some(id) = self.line.front() {
            if self.agents.get(id).is_some_and(AgentQueue::runnable) {
                return true;
            }
            self.next_in_line();
        }
        false
    }

    fn stand_in_line(&mut self, id: AgentId) {
        let Some(agent) = self.agents.get_mut(&id) else {
            return;
        };
        if !agent.in_line && agent.runnable() {
            agent.in_line = true;
            self.line.push_back(id);
        }
    }

    fn next_in_line(&mut self) -> Option<AgentId> {
        let id = self.line.pop_front()?;
        if let Some(agent) = self.agents.get_mut(&id) {
            agent.in_line = false;
        }
        Some(id)
    }

    fn recount(&mut self) {
        self.bytes = self.agents.values().map(|agent| agent.bytes).sum();
    }
}

#[cfg(test)]
mod tests;
