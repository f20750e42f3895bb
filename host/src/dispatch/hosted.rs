//! What the host knows of its agents at this moment: the facts that their state is told from.
//!
//! Invariant: facts are read where they are kept, never remembered beside it. What runs is what the queue
//! says, what waits for another attempt is what the store says; only how the last attempt ended is kept
//! here, and only of those that failed, so that a turn that went well costs one look at a counter.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use parking_lot::Mutex;

use crate::error::Result;
use crate::id::{AgentId, TenantId};
use crate::identity::TenantScope;
use crate::registry::{Agent, BreakerState, Hosted, HostedFacts};

use super::Shared;

/// Agents whose last attempt failed. At most as many as there are agents.
#[derive(Debug, Default)]
pub(super) struct Failing {
    count: AtomicUsize,
    agents: Mutex<HashSet<(TenantId, AgentId)>>,
}

impl Failing {
    /// An attempt has ended. Says whether the one before had failed or this one did.
    pub(super) fn note(&self, tenant: TenantId, agent: AgentId, failed: bool) -> bool {
        if !failed && self.count.load(Ordering::Relaxed) == 0 {
            return false;
        }
        let mut agents = self.agents.lock();
        let was_failing = if failed {
            !agents.insert((tenant, agent))
        } else {
            agents.remove(&(tenant, agent))
        };
        self.count.store(agents.len(), Ordering::Relaxed);
        was_failing || failed
    }

    /// An agent begins afresh.
    pub(super) fn forget_agent(&self, tenant: TenantId, agent: AgentId) {
        let mut agents = self.agents.lock();
        agents.remove(&(tenant, agent));
        self.count.store(agents.len(), Ordering::Relaxed);
    }

    /// These are the agents that a tenant has: the others were deleted.
    pub(super) fn keep(&self, tenant: TenantId, has: impl Fn(AgentId) -> bool) {
        if self.count.load(Ordering::Relaxed) == 0 {
            return;
        }
        let mut agents = self.agents.lock();
        agents.retain(|(of, agent)| *of != tenant || has(*agent));
        self.count.store(agents.len(), Ordering::Relaxed);
    }

    /// A tenant is gone.
    pub(super) fn forget(&self, tenant: TenantId) {
        let mut agents = self.agents.lock();
        agents.retain(|(of, _)| *of != tenant);
        self.count.store(agents.len(), Ordering::Relaxed);
    }

    fn of(&self, tenant: TenantId) -> Vec<AgentId> {
        let agents = self.agents.lock();
        let mine = agents.iter().filter(|(of, _)| *of == tenant);
        mine.map(|(_, agent)| *agent).collect()
    }
}

/// Tells them to whoever holds it.
pub(super) struct Facts(pub(super) Arc<Shared>);

#[async_trait]
impl Hosted for Facts {
    async fn facts(&self, scope: &TenantScope) -> Result<HashMap<AgentId, HostedFacts>> {
        let tenant = scope.tenant();
        let mut facts: HashMap<AgentId, HostedFacts> = HashMap::new();
        for (agent, retrying) in self.0.parts.deliveries.retrying(scope).await? {
            facts.entry(agent).or_default().retrying = retrying;
        }
        for agent in self.0.failing.of(tenant) {
            facts.entry(agent).or_default().last_failed = true;
        }
        // Last, as it changes the fastest.
        for (agent, running) in self.0.queues.lock().running_of(tenant) {
            facts.entry(agent).or_default().running = running;
        }
        Ok(facts)
    }

    fn breakers(&self, tenant: TenantId) -> HashMap<AgentId, BreakerState> {
        self.0.queues.lock().breakers(tenant).into_iter().collect()
    }

    async fn components_changed(&self) -> Result<()> {
        self.0.components_changed().await
    }

    fn running(&self, tenant: TenantId) -> usize {
        let running = self.0.queues.lock().running_of(tenant);
        running.into_iter().map(|(_, running)| running).sum()
    }

    fn restart(&self, tenant: TenantId, agent: &Agent) {
        self.0.restart(tenant, agent);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_agent_is_failing_from_a_failure_to_a_success() {
        let failing = Failing::default();
        let (a, b) = (TenantId::generate(), TenantId::generate());
        failing.note(a, AgentId(1), false);
        assert_eq!(failing.of(a), []);
        failing.note(a, AgentId(1), true);
        failing.note(a, AgentId(1), true);
        failing.note(b, AgentId(1), true);
        assert_eq!(failing.of(a), [AgentId(1)]);
        failing.note(a, AgentId(1), false);
        assert_eq!((failing.of(a), failing.of(b)), (vec![], vec![AgentId(1)]));
        failing.keep(b, |agent| agent == AgentId(1));
        assert_eq!(failing.of(b), [AgentId(1)]);
        failing.note(b, AgentId(2), true);
        failing.keep(b, |agent| agent == AgentId(1));
        assert_eq!(failing.of(b), [AgentId(1)], "2 was deleted");
        failing.note(a, AgentId(3), true);
        failing.forget_agent(a, AgentId(3));
        assert_eq!((failing.of(a), failing.of(b)), (vec![], vec![AgentId(1)]));
        failing.forget(b);
        assert_eq!(failing.count.load(Ordering::Relaxed), 0);
    }
}
