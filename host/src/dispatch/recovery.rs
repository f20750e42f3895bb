//! After a death of the host: who was running, who did it, and what is run again first.
//!
//! A death counts against every delivery that was running, apart from its failed attempts. Those are
//! then run again one at a time before anything else runs. If the host dies during one of these, there
//! is no doubt who did it: the delivery becomes a dead letter and its agent is quarantined. So one bad
//! component costs two deaths, and those that merely ran beside it are cleared.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::error::Result;
use crate::id::{AgentId, Position, TenantId};
use crate::identity::{Principal, TenantScope};
use crate::registry::AgentStatus;
use crate::turn::{Delivery, TurnFailure};

use super::Shared;
use super::slots::Interrupted;

/// How long the deliveries that were running at the death are run alone, all together, before the host
/// opens: a start must not wait for a slow guest.
const ALONE: Duration = Duration::from_secs(1);

impl Shared {
    pub(super) async fn recover(&self, interrupted: Vec<Interrupted>) -> Result<()> {
        let mut by_tenant: BTreeMap<TenantId, Vec<Interrupted>> = BTreeMap::new();
        for turn in interrupted {
            by_tenant.entry(turn.tenant).or_default().push(turn);
        }
        let mut suspects = Vec::new();
        let tenants = self.parts.admin.all_tenants().await?;
        for (tenant, turns) in by_tenant {
            if tenants.iter().any(|known| known.id == tenant) {
                suspects.extend(self.count_deaths(tenant, &turns).await?);
            }
        }
        self.slots.clear()?;
        if !suspects.is_empty() {
            tracing::warn!(
                suspects = suspects.len(),
                "the host died; running alone what was running"
            );
            let all = self.run_alone(suspects);
            if tokio::time::timeout(ALONE, all).await.is_err() {
                tracing::warn!("what was running takes long; opening without waiting for it");
                // It was dropped where it stood, and a later death is not its doing.
                self.slots.clear()?;
            }
        }
        Ok(())
    }

    /// Count the death against what was running, give up those that are proved, return the others.
    async fn count_deaths(
        &self,
        tenant: TenantId,
        turns: &[Interrupted],
    ) -> Result<Vec<(TenantId, Delivery)>> {
        let scope = TenantScope::for_dispatch(tenant);
        let places: Vec<(AgentId, Position)> = turns
            .iter()
            .map(|turn| (turn.agent, turn.position))
            .collect();
        let deliveries = self.parts.deliveries.host_died(&scope, &places).await?;
        let mut suspects = Vec::new();
        for delivery in deliveries {
            let alone = turns.iter().any(|turn| {
                turn.alone
                    && (turn.agent, turn.position) == (delivery.agent, delivery.event.position)
            });
            let max = self.parts.limits.host_deaths_max;
            // Without the proof of having run alone it takes one death more.
            if delivery.host_deaths >= max + u32::from(!alone) {
                self.quarantine(&scope, &delivery).await?;
            } else {
                suspects.push((tenant, delivery));
            }
        }
        Ok(suspects)
    }

    async fn quarantine(&self, scope: &TenantScope, delivery: &Delivery) -> Result<()> {
        debug_assert_eq!(scope.principal(), &Principal::Host);
        let directory = self.parts.services.agents.directory(scope).await?;
        let Some(agent) = directory.by_id(delivery.agent) else {
            return Ok(());
        };
        let record = self.record_of_death(scope.tenant(), agent, delivery);
        let reason = format!(
            "component {} took the host down {} times on event {}",
            agent.digest, delivery.host_deaths, delivery.event.body.id
        );
        tracing::error!(tenant.id = %scope.tenant(), agent.name = %agent.name, reason, "quarantined");
        let now = self.parts.services.clock.now();
        let status = AgentStatus::Quarantined { reason };
        self.parts
            .services
            .agents
            .set_status(scope, &agent.name, status, now)
            .await?;
        let failure = TurnFailure {
            agent: delivery.agent,
            position: delivery.event.position,
            attempts_failed: delivery.attempts_failed,
            retry_at: None,
            record,
        };
        self.parts.turns.fail(scope, failure).await?;
        self.stats.dead_letter();
        Ok(())
    }

    async fn run_alone(&self, suspects: Vec<(TenantId, Delivery)>) {
        for (tenant, delivery) in suspects {
            let position = delivery.event.position;
            let (done, _) = self.run_delivery(0, tenant, delivery, true).await;
            tracing::info!(tenant.id = %tenant, event.position = position.0, ?done, "ran alone");
        }
    }
}
