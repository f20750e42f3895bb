//! A worker: takes a delivery, runs its turn, commits it, and takes the next.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::OwnedMutexGuard;
use tokio_util::sync::CancellationToken;

use crate::crash::{self, Point};
use crate::error::Result;
use crate::id::TenantId;
use crate::identity::TenantScope;
use crate::registry::{Agent, AgentStatus};
use crate::turn::{
    CommitOutcome, Delivery, Turn, TurnCommit, TurnEnd, TurnFailure, TurnInput, TurnOutcome,
    TurnOutput,
};

use super::queue::{Claim, Done};
use super::retry::{Verdict, verdict};
use super::slots::Interrupted;
use super::{AgentKey, Ran, Shared, store_is_down};

mod record;

/// How long a worker waits after the store refused before it takes another delivery.
const STORE_DOWN: Duration = Duration::from_secs(1);

/// One gate an agent: turns that lost a race run again one at a time, so that each of them wins.
#[derive(Debug, Default)]
pub(super) struct Gates(Mutex<HashMap<AgentKey, Arc<tokio::sync::Mutex<()>>>>);

impl Gates {
    async fn enter(&self, key: AgentKey) -> OwnedMutexGuard<()> {
        let gate = Arc::clone(self.0.lock().entry(key).or_default());
        gate.lock_owned().await
    }

    /// Drop the gate if nobody else is at it.
    fn leave(&self, key: AgentKey, guard: OwnedMutexGuard<()>) {
        let mut gates = self.0.lock();
        drop(guard);
        if gates
            .get(&key)
            .is_some_and(|gate| Arc::strong_count(gate) == 1)
        {
            gates.remove(&key);
        }
    }
}

/// A turn on its way: what stays the same between its runs, and what they add up to.
struct Attempt {
    tenant: TenantId,
    scope: TenantScope,
    agent: Arc<Agent>,
    delivery: Delivery,
    started: crate::clock::Timestamp,
    /// Cancelled when it must not run any more.
    stopped: CancellationToken,
    reruns: u32,
    cpu: Duration,
    wall: Duration,
}

impl Shared {
    pub(super) async fn work(self: Arc<Self>, index: usize) {
        while let Some(claim) = self.next().await {
            crash::point(Point::Fetched);
            self.run_claim(index, claim).await;
        }
    }

    /// The next delivery, or none when the host closes.
    async fn next(&self) -> Option<Claim> {
        loop {
            let woken = self.work.notified();
            if self.closing.is_cancelled() {
                return None;
            }
            let now = self.parts.services.clock.now();
            let (claim, more, held) = {
                let mut queues = self.queues.lock();
                let claim = queues.take(now);
                (claim, queues.has_runnable(), queues.take_new_hold())
            };
            if held {
                self.attention.look();
            }
            if claim.is_some() {
                if more {
                    self.work.notify_one();
                }
                return claim;
            }
            tokio::select! {
                () = woken => {}
                () = self.closing.cancelled() => return None,
            }
        }
    }

    async fn run_claim(&self, worker: usize, claim: Claim) {
        let tenant = claim.tenant;
        let run = self.run_delivery(worker, tenant, claim.delivery.clone(), false);
        let (done, cpu) = tokio::select! {
            result = run => result,
            () = self.killed.cancelled() => (Done::Undecided, Duration::ZERO),
        };
        if done == Done::Undecided && !self.killed.is_cancelled() {
            tokio::select! {
                () = tokio::time::sleep(STORE_DOWN) => {}
                () = self.closing.cancelled() => {}
            }
        }
        crash::point(Point::Acknowledged);
        let (read, run) = {
            let mut queues = self.queues.lock();
            (
                queues.done(claim, done, cpu.as_micros() as u64),
                queues.has_runnable(),
            )
        };
        if read {
            self.attention.refill(tenant);
        }
        if run {
            self.work.notify_one();
        }
    }

    /// Run a delivery until it is decided. `alone`: nothing else runs, after a death of the host.
    pub(super) async fn run_delivery(
        &self,
        worker: usize,
        tenant: TenantId,
        delivery: Delivery,
        alone: bool,
    ) -> (Done, Duration) {
        let place = self.running.enter(tenant, delivery.agent);
        let host = TenantScope::for_dispatch(tenant);
        let directory = match self.parts.services.agents.directory(&host).await {
            Ok(directory) => directory,
            Err(error) => {
                tracing::error!(tenant.id = %tenant, %error, "agents cannot be read, trying again");
                return (Done::Undecided, Duration::ZERO);
            }
        };
        let Some(agent) = directory.by_id(delivery.agent) else {
            return (Done::Gone, Duration::ZERO);
        };
        if agent.status != AgentStatus::Active {
            // It waits in the store until the agent is resumed; the queue was told of the change.
            return (Done::Undecided, Duration::ZERO);
        }
        place.runs(agent.digest);
        if !self.may_run(tenant, agent) {
            return (Done::Stopped, Duration::ZERO);
        }
        let body = &delivery.event.body;
        let mut attempt = Attempt {
            tenant,
            scope: TenantScope::for_turn(
                tenant,
                agent.name.clone(),
                body.customer.clone(),
                body.user.clone(),
            ),
            agent: Arc::clone(agent),
            delivery,
            started: self.parts.services.clock.now(),
            stopped: place.stopped().clone(),
            reruns: 0,
            cpu: Duration::ZERO,
            wall: Duration::ZERO,
        };
        let done = self.run_attempt(worker, &mut attempt, alone).await;
        (done, attempt.cpu)
    }

    /// Whether the operator lets it. An agent that may not stands still from now on.
    fn may_run(&self, tenant: TenantId, agent: &Agent) -> bool {
        let allowances = &self.parts.services.allowances;
        if allowances.is_suspended(&agent.digest) {
            let mut queues = self.queues.lock();
            queues.stand_still(tenant, &[agent.id]);
            return false;
        }
        allowances.require_running(tenant).is_ok()
    }

    async fn run_attempt(&self, worker: usize, attempt: &mut Attempt, alone: bool) -> Done {
        let key = (attempt.tenant, attempt.delivery.agent);
        let mut gate = None;
        let done = loop {
            let ran = match self.run_guest(worker, attempt, alone).await {
                Ok(Some(ran)) => ran,
                Ok(None) => break Done::Stopped,
                Err(error) => {
                    tracing::error!(%error, "a turn cannot be recorded, trying again");
                    break Done::Undecided;
                }
            };
            if let Some(turn) = &ran.turn {
                self.tell_refusals(attempt, turn).await;
            }
            let output = ran.turn.map(|turn| turn.finish());
            match self.decide(attempt, ran.end, output).await {
                Some(done) => break done,
                None if gate.is_none() => gate = Some(self.gates.enter(key).await),
                None => {}
            }
        };
        if let Some(gate) = gate {
            self.gates.leave(key, gate);
        }
        done
    }

    /// Run the guest; none if it was stopped, or never begun. A commit is never interrupted.
    async fn run_guest(
        &self,
        worker: usize,
        attempt: &mut Attempt,
        alone: bool,
    ) -> Result<Option<Ran>> {
        if attempt.stopped.is_cancelled() {
            return Ok(None);
        }
        let delivery = &attempt.delivery;
        let position = delivery.event.position;
        let place = Interrupted {
            tenant: attempt.tenant,
            agent: delivery.agent,
            position,
            alone,
        };
        let timeout = attempt.agent.manifest.settings.timeout_ms;
        let services = &self.parts.services;
        let input = TurnInput {
            scope: attempt.scope.clone(),
            turn: services.ids.turn(attempt.tenant, position, delivery.agent),
            agent: Arc::clone(&attempt.agent),
            event: Arc::clone(&delivery.event),
            attempt: delivery.attempts_failed + 1,
            deadline: services.clock.now().plus_ms(u64::from(timeout)),
        };
        let turn = Turn::new(Arc::clone(services), Arc::clone(&self.turn_limits), input);
        self.slots.begin(worker, &place)?;
        crash::point(Point::Claimed);
        let runner = &self.parts.runner;
        let run = runner.run(attempt.agent.digest, Box::new(turn), self.closing.clone());
        let ran = tokio::select! {
            ran = run => ran,
            () = attempt.stopped.cancelled() => {
                self.slots.end(worker)?;
                return Ok(None);
            }
        };
        crash::point(Point::GuestReturned);
        self.slots.end(worker)?;
        attempt.cpu += ran.cpu;
        attempt.wall += ran.wall;
        Ok(Some(ran))
    }

    /// Commit or fail a run. None: it must run again.
    async fn decide(
        &self,
        attempt: &mut Attempt,
        end: TurnEnd,
        output: Option<TurnOutput>,
    ) -> Option<Done> {
        let (end, output) = match (end, output) {
            (TurnEnd::Done, Some(output)) => match self.commit(attempt, output).await {
                Ok(Some(done)) => return Some(done),
                Ok(None) if attempt.reruns < self.parts.limits.reruns_max => {
                    attempt.reruns += 1;
                    self.stats.rerun();
                    return None;
                }
                Ok(None) => {
                    let why = format!(
                        "what it read changed during each of {} runs",
                        attempt.reruns
                    );
                    (
                        TurnEnd::Failed {
                            retry_ms: None,
                            reason: Some(why),
                        },
                        None,
                    )
                }
                Err(error) if store_is_down(&error) => {
                    tracing::error!(%error, "a turn cannot be committed, trying again");
                    return Some(Done::Undecided);
                }
                Err(error) => (TurnEnd::LimitReached(error.to_string()), None),
            },
            (end, output) => (end, output),
        };
        Some(self.fail(attempt, &end, output).await)
    }

    async fn commit(&self, attempt: &Attempt, output: TurnOutput) -> Result<Option<Done>> {
        let record = self.record(attempt, &TurnEnd::Done, Some(&output));
        let commit = TurnCommit {
            turn: record.turn.clone(),
            agent: attempt.delivery.agent,
            position: attempt.delivery.event.position,
            attempts_failed: attempt.delivery.attempts_failed,
            reads: output.reads,
            effects: output.effects,
            events: output.events,
            scheduled: output.scheduled,
            record,
        };
        match self.parts.turns.commit(&attempt.scope, commit).await? {
            CommitOutcome::Committed => {
                self.note_end(attempt, false);
                self.stats
                    .count(TurnOutcome::Committed, attempt.wall, attempt.cpu);
                Ok(Some(Done::Gone))
            }
            CommitOutcome::AlreadyConsumed | CommitOutcome::Stale => Ok(Some(Done::Gone)),
            CommitOutcome::ReadChanged { what } => {
                tracing::debug!(agent.name = %attempt.agent.name, what, "read changed, running again");
                Ok(None)
            }
        }
    }

    async fn fail(&self, attempt: &Attempt, end: &TurnEnd, output: Option<TurnOutput>) -> Done {
        let delivery = &attempt.delivery;
        let failed = delivery.attempts_failed + 1;
        let max = attempt.agent.manifest.settings.attempts;
        let now = self.parts.services.clock.now();
        let retry_at = match verdict(end, failed, max, now, &self.parts.limits) {
            Verdict::Retry(at) => Some(at),
            Verdict::GiveUp => None,
        };
        let failure = TurnFailure {
            agent: delivery.agent,
            position: delivery.event.position,
            attempts_failed: delivery.attempts_failed,
            retry_at,
            record: self.record(attempt, end, output.as_ref()),
        };
        let outcome = failure.record.outcome;
        crash::point(Point::BeforeFail);
        match self.parts.turns.fail(&attempt.scope, failure).await {
            Ok(_) => {}
            Err(error) => {
                tracing::error!(%error, "a failed turn cannot be recorded, trying again");
                return Done::Undecided;
            }
        }
        crash::point(Point::Failed);
        self.note_end(attempt, !is_said_by_a_sound_agent(end));
        self.failing.note(attempt.tenant, delivery.agent, true);
        self.stats.count(outcome, attempt.wall, attempt.cpu);
        if retry_at.is_some() {
            return Done::Parked;
        }
        self.stats.dead_letter();
        Done::Gone
    }

    /// How an attempt ended, for what is known of its agent.
    fn note_end(&self, attempt: &Attempt, failed: bool) {
        let (tenant, agent) = (attempt.tenant, &attempt.agent);
        if !self.failing.note(tenant, agent.id, failed) {
            return;
        }
        let now = self.parts.services.clock.now();
        let opened = {
            let mut queues = self.queues.lock();
            queues.note_attempt((tenant, agent.id), failed, now)
        };
        if let Some(until) = opened {
            self.attention.look();
            tracing::warn!(
                tenant.id = %tenant, agent.name = %agent.name, %until,
                "the agent fails again and again: its events wait"
            );
        }
    }
}

/// Whether an attempt that failed says nothing against its agent: it rejected the event, or knows when it
/// wants it again.
fn is_said_by_a_sound_agent(end: &TurnEnd) -> bool {
    matches!(
        end,
        TurnEnd::Rejected(_)
            | TurnEnd::Failed {
                retry_ms: Some(_),
                ..
            }
    )
}
