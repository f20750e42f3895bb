//! What the queues want read from the store, and what was read for them. No I/O here.

use crate::dispatch::lane::AfterLane;
use crate::id::{AgentId, Label, TenantId};
use crate::turn::Delivery;

use super::{Queues, Refill};

impl Queues {
    /// Lanes of which deliveries were removed from the store. Says whether the store should be read.
    pub(in crate::dispatch) fn look_again(
        &mut self,
        tenant: TenantId,
        lanes: &[(AgentId, Label)],
    ) -> bool {
        let Some(queue) = self.tenants.get_mut(&tenant) else {
            return false;
        };
        let mut read = false;
        for (id, key) in lanes {
            let agent = queue.agents.get_mut(id);
            if let Some(AfterLane::Read(key, from)) = agent.map(|agent| agent.look_again(key)) {
                queue.lanes_to_read.push(Refill::Lane(*id, key, from));
                read = true;
            }
        }
        read
    }

    /// What should be read from the store for a tenant now.
    pub(in crate::dispatch) fn refills(&mut self, tenant: TenantId) -> Vec<Refill> {
        let limits = self.limits;
        let Some(queue) = self.tenants.get_mut(&tenant) else {
            return Vec::new();
        };
        let mut refills = std::mem::take(&mut queue.lanes_to_read);
        queue.starved = false;
        let room = queue.bytes < limits.tenant_window_bytes / 2;
        for (id, agent) in &mut queue.agents {
            if agent.should_read(room, &limits) {
                agent.missed = false;
                refills.push(Refill::Agent(*id, agent.cursor));
            }
            queue.starved |= agent.spilled;
        }
        refills
    }

    /// What was read for a refill; `full` if there may be more.
    pub(in crate::dispatch) fn refilled(
        &mut self,
        tenant: TenantId,
        refill: &Refill,
        rows: Vec<Delivery>,
        full: bool,
    ) {
        let limits = self.limits;
        let Some(queue) = self.tenants.get_mut(&tenant) else {
            return;
        };
        let (Refill::Agent(id, _) | Refill::Lane(id, _, _)) = refill;
        let Some(agent) = queue.agents.get_mut(id) else {
            return;
        };
        let before = agent.bytes;
        match refill {
            Refill::Agent(..) => {
                let mut fits = true;
                for row in rows {
                    fits = agent.has_room(queue.bytes + agent.bytes - before, &row, &limits)
                        && agent.may_open_lane(&limits);
                    if !fits {
                        break;
                    }
                    agent.offer(row);
                }
                agent.spilled = full || !fits || agent.missed;
            }
            Refill::Lane(_, key, _) => {
                let mut rows = rows;
                let fitting = agent.fitting(queue.bytes, &rows, &limits);
                let last = !full && fitting == rows.len();
                rows.truncate(fitting);
                if let AfterLane::Read(key, from) = agent.lane_read(key, rows, last) {
                    queue.lanes_to_read.push(Refill::Lane(*id, key, from));
                }
            }
        }
        queue.bytes = queue.bytes + agent.bytes - before;
        queue.stand_in_line(*id);
        self.refresh(tenant);
    }
}
