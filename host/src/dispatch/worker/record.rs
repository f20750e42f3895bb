//! What is put on record of turns: how each went, and what its agents were refused.
//!
//! Invariant: a record counts what was kept. What a failed turn staged is not in it.

use crate::id::TenantId;
use crate::identity::{AuditRecord, Outcome};
use crate::registry::Agent;
use crate::turn::{Delivery, Lacking, Turn, TurnEnd, TurnOutcome, TurnOutput, TurnRecord};

use super::super::Shared;
use super::Attempt;

impl Shared {
    /// Write down what agents were refused in a turn, whatever becomes of it.
    pub(super) async fn tell_refusals(&self, attempt: &Attempt, turn: &Turn) {
        for Lacking {
            agent,
            grant,
            reason,
        } in turn.lacking()
        {
            let record = AuditRecord {
                who: format!("agent/{}", agent.name),
                with: None,
                what: format!("grant {grant}"),
                target: turn.id().to_string(),
                outcome: Outcome::Denied,
                code: Some("denied".to_owned()),
                reason: Some(reason.into_owned()),
                policy: None,
                component: Some(agent.digest.to_string()),
                request: None,
                suppressed: 0,
            };
            let now = self.parts.services.clock.now();
            self.parts.audit.denied(&attempt.scope, record, now).await;
        }
    }

    pub(super) fn record(
        &self,
        attempt: &Attempt,
        end: &TurnEnd,
        output: Option<&TurnOutput>,
    ) -> TurnRecord {
        let event = &attempt.delivery.event;
        let delivery = &attempt.delivery;
        let published = output.map(|output| {
            let later = output.scheduled.iter().map(|(_, event)| event);
            output
                .events
                .iter()
                .chain(later)
                .map(|event| event.id.clone())
                .collect()
        });
        TurnRecord {
            turn: self
                .parts
                .services
                .ids
                .turn(attempt.tenant, event.position, delivery.agent),
            agent: attempt.agent.name.clone(),
            digest: attempt.agent.digest,
            event: event.body.id.clone(),
            position: event.position,
            event_type: event.body.event_type.clone(),
            trace: event.body.trace.clone(),
            attempt: delivery.attempts_failed + 1,
            outcome: end.outcome(),
            reason: end.reason(),
            started: attempt.started,
            duration_us: attempt.wall.as_micros() as u64,
            cpu_us: attempt.cpu.as_micros() as u64,
            host_calls: output.map_or(0, |output| output.host_calls),
            reruns: attempt.reruns,
            // What a failed turn staged was dropped, so it is not counted.
            writes: match end {
                TurnEnd::Done => output.map_or(0, |output| output.effects.len() as u32),
                _ => 0,
            },
            published: match end {
                TurnEnd::Done => published.unwrap_or_default(),
                _ => Vec::new(),
            },
            calls: output
                .map(|output| output.calls.clone())
                .unwrap_or_default(),
            http: output.map(|output| output.http.clone()).unwrap_or_default(),
            logs: output.map(|output| output.logs.clone()).unwrap_or_default(),
        }
    }

    /// The record of a turn that the host did not survive.
    pub(in crate::dispatch) fn record_of_death(
        &self,
        tenant: TenantId,
        agent: &Agent,
        delivery: &Delivery,
    ) -> TurnRecord {
        let event = &delivery.event;
        let deaths = delivery.host_deaths;
        TurnRecord {
            turn: self
                .parts
                .services
                .ids
                .turn(tenant, event.position, delivery.agent),
            agent: agent.name.clone(),
            digest: agent.digest,
            event: event.body.id.clone(),
            position: event.position,
            event_type: event.body.event_type.clone(),
            trace: event.body.trace.clone(),
            attempt: delivery.attempts_failed + 1,
            outcome: TurnOutcome::HostDied,
            reason: Some(format!("the host died {deaths} times while it ran")),
            started: self.parts.services.clock.now(),
            duration_us: 0,
            cpu_us: 0,
            host_calls: 0,
            reruns: 0,
            writes: 0,
            published: Vec::new(),
            calls: Vec::new(),
            http: Vec::new(),
            logs: Vec::new(),
        }
    }
}
