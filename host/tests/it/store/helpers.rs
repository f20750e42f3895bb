//! What tests of agents and memory need beside the fixture: neighbours, people, and turns that only write.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use warren::bus::Announcement;
use warren::clock::Clock;
use warren::events::Topic;
use warren::id::{AgentName, CustomerId, Digest, EventType, TenantId, UserId};
use warren::identity::TenantScope;
use warren::registry::{AgentKind, GrantSet, Manifest, NewVersion, Settings, Subscription};
use warren::turn::{CommitOutcome, Effect, Read, TurnCommit};

use super::{Fixture, RecordingBus, create_tenant, event};

impl RecordingBus {
    /// What was announced of a tenant since the last call.
    pub(super) fn of(&self, tenant: TenantId) -> Vec<Announcement> {
        let mut all = self.0.lock().unwrap();
        let (told, rest) = all.drain(..).partition(|(of, _)| *of == tenant);
        *all = rest;
        let told: Vec<(TenantId, Announcement)> = told;
        told.into_iter()
            .map(|(_, announcement)| announcement)
            .collect()
    }
}

impl Fixture {
    /// The same store with another tenant.
    pub(super) async fn neighbour(&self, name: &str) -> Self {
        Self {
            scope: create_tenant(&*self.admin, name, &self.clock).await,
            clock: self.clock.clone(),
            bus: Arc::clone(&self.bus),
            ids: self.ids.clone(),
            admin: Arc::clone(&self.admin),
            agents: Arc::clone(&self.agents),
            catalog: Arc::clone(&self.catalog),
            services: Arc::clone(&self.services),
            events: Arc::clone(&self.events),
            deliveries: Arc::clone(&self.deliveries),
            turns: Arc::clone(&self.turns),
            working: Arc::clone(&self.working),
            knowledge: Arc::clone(&self.knowledge),
            keeper: Arc::clone(&self.keeper),
            desk: Arc::clone(&self.desk),
            sessions: Arc::clone(&self.sessions),
            eraser: Arc::clone(&self.eraser),
            episodes: Arc::clone(&self.episodes),
            procedures: Arc::clone(&self.procedures),
            usage: Arc::clone(&self.usage),
            dir: None,
        }
    }

    /// A version whose digest is that of `component`.
    pub(super) fn version(&self, name: &str, component: &str, event_types: &[&str]) -> NewVersion {
        let subscription = |event_type: &&str| Subscription {
            topic: Topic::BusinessFacts,
            event_type: EventType::new(event_type).unwrap(),
            description: String::new(),
            schema: None,
        };
        let name = AgentName::new(name).unwrap();
        NewVersion {
            name: name.clone(),
            digest: Digest::of(component.as_bytes()),
            component_bytes: 1,
            manifest: Arc::new(Manifest {
                name,
                kind: AgentKind::Worker,
                description: String::new(),
                version: None,
                category: None,
                tags: BTreeSet::new(),
                owner: None,
                capabilities: Vec::new(),
                subscriptions: event_types.iter().map(subscription).collect(),
                produces: Vec::new(),
                grants: GrantSet::NONE,
                settings: Settings::default(),
            }),
            grants: GrantSet::NONE,
            now: self.clock.now(),
        }
    }

    /// The scope of a turn for `customer/user`, either of which may be empty.
    pub(super) fn person(&self, who: &str) -> TenantScope {
        let (customer, user) = identity(who);
        let agent = AgentName::new("worker").unwrap();
        TenantScope::for_turn(self.scope.tenant(), agent, customer, user)
    }

    /// Commit a turn of the agent `worker` that read and wrote this.
    pub(super) async fn turn(
        &self,
        scope: &TenantScope,
        reads: Vec<Read>,
        effects: Vec<Effect>,
    ) -> warren::error::Result<CommitOutcome> {
        static EVENTS: AtomicU64 = AtomicU64::new(0);
        let agent = self.deploy("worker", &["worker.asked"]).await;
        let id = format!("asked-{}", EVENTS.fetch_add(1, Ordering::Relaxed));
        self.publish(vec![event(&id, "worker.asked")]).await;
        let waiting = self.pending(&agent).await;
        let delivery = waiting
            .iter()
            .find(|delivery| delivery.event.body.id.as_str() == id)
            .unwrap();
        let commit = TurnCommit {
            reads,
            effects,
            ..self.commit_of(&agent, delivery)
        };
        self.turns.commit(scope, commit).await
    }

    /// Commit a turn that only wrote.
    pub(super) async fn apply(&self, scope: &TenantScope, effects: Vec<Effect>) {
        let outcome = self.turn(scope, Vec::new(), effects).await.unwrap();
        assert_eq!(outcome, CommitOutcome::Committed);
    }

    /// Commit a turn that only read: whether nothing of it had changed.
    pub(super) async fn unchanged(&self, scope: &TenantScope, read: Read) -> bool {
        match self.turn(scope, vec![read], Vec::new()).await.unwrap() {
            CommitOutcome::Committed => true,
            CommitOutcome::ReadChanged { .. } => false,
            other => panic!("{other:?}"),
        }
    }
}

/// The customer and user of `customer/user`.
pub(super) fn identity(who: &str) -> (Option<CustomerId>, Option<UserId>) {
    let (customer, user) = who.split_once('/').unwrap();
    (
        (!customer.is_empty()).then(|| CustomerId::new(customer).unwrap()),
        (!user.is_empty()).then(|| UserId::new(user).unwrap()),
    )
}
