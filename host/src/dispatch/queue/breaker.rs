//! The circuit breaker of an agent: after many failures in a row its events wait for a while, then one is
//! tried, and what comes of that decides.
//!
//! Invariant: nothing is dropped and no attempt of what waits is used up. It is kept in memory: a host that
//! starts finds out anew. A new version, a restart, and a pause that is lifted, begin with a closed one. No I/O here.

use std::time::Duration;

use crate::clock::Timestamp;
use crate::id::{AgentId, TenantId};
use crate::registry::BreakerState;

use super::{DispatchLimits, Queues};

/// One agent's.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::dispatch) struct Breaker {
    state: State,
    /// Failures in a row.
    failures: u32,
    /// When the first of those that count was.
    first: Timestamp,
    /// Times in a row that it opened.
    opened: u32,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum State {
    /// Turns run.
    #[default]
    Closed,
    /// None runs before then.
    Open(Timestamp),
    /// One is tried.
    HalfOpen,
}

impl Breaker {
    /// Whether another turn may begin beside those that run.
    pub(in crate::dispatch) fn lets(&self, running: usize) -> bool {
        match self.state {
            State::Closed => true,
            State::Open(_) => false,
            State::HalfOpen => running == 0,
        }
    }

    fn fail(&mut self, now: Timestamp, limits: &DispatchLimits) -> Option<Timestamp> {
        if limits.breaker_failures == 0 {
            return None;
        }
        match self.state {
            // Of turns that ran beside the one that opened it.
            State::Open(_) => return None,
            State::HalfOpen => {}
            State::Closed => {
                let window_ms = limits.breaker_window.as_millis() as u64;
                if self.failures == 0 || now.since(self.first) > window_ms {
                    (self.failures, self.first) = (0, now);
                }
            }
        }
        self.failures = self.failures.saturating_add(1);
        if self.state == State::Closed && self.failures < limits.breaker_failures {
            return None;
        }
        let until = now.plus_ms(cool_down(self.opened, limits).as_millis() as u64);
        self.opened = self.opened.saturating_add(1);
        self.state = State::Open(until);
        Some(until)
    }

    fn told(&self) -> Option<BreakerState> {
        let failures = self.failures;
        match self.state {
            State::Closed => None,
            State::Open(until) => Some(BreakerState {
                failures,
                until: Some(until),
            }),
            State::HalfOpen => Some(BreakerState {
                failures,
                until: None,
            }),
        }
    }
}

/// Twice as long each time in a row.
fn cool_down(opened: u32, limits: &DispatchLimits) -> Duration {
    let whole = limits.breaker_cool_down.saturating_mul(1 << opened.min(20));
    whole.min(limits.retry_longest.max(limits.breaker_cool_down))
}

impl Queues {
    /// An attempt of an agent has ended. Says until when the agent waits, if that is new.
    pub(in crate::dispatch) fn note_attempt(
        &mut self,
        (tenant, id): (TenantId, AgentId),
        failed: bool,
        now: Timestamp,
    ) -> Option<Timestamp> {
        let queue = self.tenants.get_mut(&tenant)?;
        let agent = queue.agents.get_mut(&id)?;
        if !failed {
            agent.breaker = Breaker::default();
            queue.stand_in_line(id);
            self.refresh(tenant);
            return None;
        }
        let until = agent.breaker.fail(now, &self.limits)?;
        self.open.insert((until, tenant, id));
        self.has_new_hold = true;
        self.refresh(tenant);
        Some(until)
    }

    /// Forget that an agent failed: its events are next.
    pub(in crate::dispatch) fn close_breaker(&mut self, tenant: TenantId, id: AgentId) {
        let Some(queue) = self.tenants.get_mut(&tenant) else {
            return;
        };
        if let Some(agent) = queue.agents.get_mut(&id) {
            agent.breaker = Breaker::default();
            queue.stand_in_line(id);
        }
        self.refresh(tenant);
    }

    /// Let one turn be tried of each agent whose wait is over.
    pub(super) fn half_open(&mut self, now: Timestamp) {
        while let Some((until, tenant, id)) = self.open.first().copied() {
            if until > now {
                break;
            }
            self.open.remove(&(until, tenant, id));
            if let Some(queue) = self.tenants.get_mut(&tenant) {
                if let Some(agent) = queue.agents.get_mut(&id)
                    && agent.breaker.state == State::Open(until)
                {
                    agent.breaker.state = State::HalfOpen;
                }
                queue.stand_in_line(id);
            }
            self.refresh(tenant);
        }
    }

    /// Agents of a tenant whose breakers are not closed.
    pub(in crate::dispatch) fn breakers(&self, tenant: TenantId) -> Vec<(AgentId, BreakerState)> {
        let agents = self.tenants.get(&tenant).map(|queue| &queue.agents);
        let agents = agents.into_iter().flatten();
        agents
            .filter_map(|(id, agent)| Some((*id, agent.breaker.told()?)))
            .collect()
    }
}
