//! How fast a tenant's turns may begin: its quotas of turns a second and of CPU a day.
//!
//! Invariant: who waits here is not offered to a worker, so that a tenant over its quota costs its neighbours
//! nothing; what it has waits in its queue, and nothing of it is dropped. No I/O here.

use crate::clock::Timestamp;
use crate::id::{AgentId, TenantId};
use crate::quota::{Bucket, Quota, Standing};
use crate::usage::{day_begins, day_of};

use super::Queues;

/// What a quota in seconds is kept in.
const US_PER_S: u64 = 1_000_000;

/// What a tenant has used of both.
#[derive(Debug, Default)]
pub(super) struct Pace {
    turns: Bucket,
    turns_per_second: u64,
    /// 0 is no limit.
    cpu_us_per_day: u64,
    day: i64,
    cpu_us: u64,
    /// Taken out of the line until then.
    held_until: Option<Timestamp>,
    suspended: bool,
}

impl Pace {
    /// Whether its turns may begin at all, as far as is known.
    pub(super) fn is_free(&self) -> bool {
        !self.suspended && self.held_until.is_none()
    }

    /// CPU that a turn has used. A turn that ends after midnight counts for the day on which it began.
    pub(super) fn use_cpu(&mut self, cpu_us: u64) {
        self.cpu_us = self.cpu_us.saturating_add(cpu_us);
    }

    /// A turn begins.
    pub(super) fn begin(&mut self, now: Timestamp) {
        // Asked before, under the same lock.
        let _ = self.turns.take(1, self.turns_per_second, now);
    }

    /// Until when the next turn has to wait, if it has to.
    fn wait(&mut self, now: Timestamp) -> Option<Timestamp> {
        let today = day_of(now);
        if today != self.day {
            (self.day, self.cpu_us) = (today, 0);
        }
        if self.cpu_us_per_day > 0 && self.cpu_us >= self.cpu_us_per_day {
            return Some(day_begins(today + 1));
        }
        match self.turns.wait_ms(1, self.turns_per_second, now) {
            0 => None,
            ms => Some(now.plus_ms(ms)),
        }
    }
}

impl Queues {
    /// Take over what a tenant may use. It holds for the next turn.
    pub(in crate::dispatch) fn set_standing(&mut self, tenant: TenantId, standing: &Standing) {
        let Some(queue) = self.tenants.get_mut(&tenant) else {
            return;
        };
        let quota = |quota| standing.quotas.get(quota);
        queue.cap = usize::try_from(quota(Quota::TenantTurnsRunningMax)).unwrap_or(usize::MAX);
        let pace = &mut queue.pace;
        pace.turns_per_second = quota(Quota::TurnsPerSecond);
        pace.cpu_us_per_day = quota(Quota::CpuSecondsPerDay).saturating_mul(US_PER_S);
        pace.suspended = standing.suspended.is_some();
        // What it waited for may be over now; if not, it is held again before its next turn.
        if let Some(until) = pace.held_until.take() {
            self.held.remove(&(until, tenant));
        }
        // Its place in the line is found by what it has used, in terms of the weight it had.
        if queue.in_runnable {
            self.runnable.remove(&(queue.used, tenant));
            queue.in_runnable = false;
        }
        queue.weight = u64::from(standing.weight.max(1));
        self.refresh(tenant);
    }

    /// Let agents stand still until the directory is taken over again: their components are suspended.
    pub(in crate::dispatch) fn stand_still(&mut self, tenant: TenantId, agents: &[AgentId]) {
        let Some(queue) = self.tenants.get_mut(&tenant) else {
            return;
        };
        for id in agents {
            if let Some(agent) = queue.agents.get_mut(id) {
                agent.still = true;
            }
        }
        self.refresh(tenant);
    }

    /// CPU that a tenant had used today before this host started.
    pub(in crate::dispatch) fn set_used(&mut self, tenant: TenantId, now: Timestamp, cpu_us: u64) {
        if let Some(queue) = self.tenants.get_mut(&tenant) {
            (queue.pace.day, queue.pace.cpu_us) = (day_of(now), cpu_us);
        }
    }

    /// Hold a tenant back if its quotas say so.
    pub(super) fn hold(&mut self, tenant: TenantId, now: Timestamp) -> bool {
        let Some(queue) = self.tenants.get_mut(&tenant) else {
            return false;
        };
        let Some(until) = queue.pace.wait(now) else {
            return false;
        };
        queue.pace.held_until = Some(until);
        self.held.insert((until, tenant));
        self.has_new_hold = true;
        self.refresh(tenant);
        true
    }

    /// Let those go on whose wait is over. Says whether there is something to run.
    pub(in crate::dispatch) fn release(&mut self, now: Timestamp) -> bool {
        while let Some((until, tenant)) = self.held.first().copied() {
            if until > now {
                break;
            }
            self.held.remove(&(until, tenant));
            if let Some(queue) = self.tenants.get_mut(&tenant) {
                queue.pace.held_until = None;
            }
            self.refresh(tenant);
        }
        self.half_open(now);
        self.has_runnable()
    }

    /// When the next wait is over.
    pub(in crate::dispatch) fn next_release(&self) -> Option<Timestamp> {
        let held = self.held.first().map(|(until, _)| *until);
        let open = self.open.first().map(|(until, ..)| *until);
        held.into_iter().chain(open).min()
    }

    /// Whether a wait began since this was asked last.
    pub(in crate::dispatch) fn take_new_hold(&mut self) -> bool {
        std::mem::take(&mut self.has_new_hold)
    }

    pub(super) fn forget_hold(&mut self, tenant: TenantId, pace: &Pace) {
        if let Some(until) = pace.held_until {
            self.held.remove(&(until, tenant));
        }
    }
}
