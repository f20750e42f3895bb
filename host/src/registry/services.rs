//! The catalogue of services as one shared, immutable value, and the storage trait behind it.
//!
//! Invariant: a table is that of one commit; a change makes a new one that shares all the rest. What a
//! viewer may not see is left out before anything is matched, counted or paged.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use async_trait::async_trait;

use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::events::Topic;
use crate::id::{AgentId, AgentName, EventType, KeyName, TenantId};
use crate::identity::TenantScope;

use super::entry::{
    NewService, RegisteredService, SERVICES_PER_TENANT_MAX, Service, ServiceDefinition,
    ServiceKind, Viewer, Visibility,
};
use super::lifecycle::{BreakerState, Health, HostedFacts, ServiceState};
use super::signature::SigningKey;
use super::{Agent, AgentKind, Directory};

mod query;

pub use query::ServiceQuery;

/// Most signing keys in a tenant: one for each service.
pub const SIGNING_KEYS_PER_TENANT_MAX: u64 = 1_000;
/// Most services that one sweep changes: it shares its transaction with publishers and turns.
pub const SWEPT_SERVICES_MAX: usize = 256;

/// All services of a tenant, whoever may see them.
#[derive(Debug, Clone, Default)]
pub struct Services(Arc<BTreeMap<AgentName, Arc<Service>>>);

impl Services {
    /// From all services of a tenant.
    pub fn new(services: impl IntoIterator<Item = Service>) -> Self {
        let named = |service: Service| (service.name().clone(), Arc::new(service));
        Self(Arc::new(services.into_iter().map(named).collect()))
    }

    /// The service of this name.
    pub fn get(&self, name: &AgentName) -> Option<&Arc<Service>> {
        self.0.get(name)
    }

    /// The service of this name, if the viewer may see it.
    ///
    /// # Errors
    /// `NotFound` if there is none, or none that the viewer may see.
    pub fn seen_by(&self, viewer: Viewer<'_>, name: &AgentName) -> Result<&Arc<Service>> {
        self.get(name)
            .filter(|service| service.visible_to(viewer))
            .ok_or_else(|| Error::not_found("service", name.as_str()))
    }

    /// All services by name.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Service>> {
        self.0.values()
    }

    /// Those that the viewer may see, by name.
    pub fn visible_to<'a>(&'a self, viewer: Viewer<'a>) -> impl Iterator<Item = &'a Arc<Service>> {
        self.iter()
            .filter(move |service| service.visible_to(viewer))
    }

    /// Whether one of them declares events of this type on this topic.
    pub(super) fn speak_of(&self, topic: Topic, event_type: &EventType) -> bool {
        self.iter().any(|service| {
            let said = &service.definition;
            let mut declared = said.subscriptions.iter().chain(&said.produces);
            declared.any(|event| event.topic == topic && event.event_type == *event_type)
        })
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The same with these services in the place of those of their names.
    #[must_use]
    pub fn with(&self, services: impl IntoIterator<Item = Arc<Service>>) -> Self {
        let mut all = BTreeMap::clone(&self.0);
        let named = |service: Arc<Service>| (service.name().clone(), service);
        all.extend(services.into_iter().map(named));
        Self(Arc::new(all))
    }

    /// The same without the service of this name.
    #[must_use]
    pub fn without(&self, name: &AgentName) -> Self {
        let mut all = BTreeMap::clone(&self.0);
        all.remove(name);
        Self(Arc::new(all))
    }

    /// Those whose state is another than the feed has told of, or that are to be removed.
    pub fn overdue(
        &self,
        now: Timestamp,
        retention_ms: u64,
    ) -> impl Iterator<Item = &Arc<Service>> {
        self.iter().filter(move |service| {
            service.state_at(now) != service.announced || service.is_forgotten(now, retention_ms)
        })
    }
}

impl Service {
    /// Whether it has been offline for so long that nobody waits for it any more.
    pub fn is_forgotten(&self, now: Timestamp, retention_ms: u64) -> bool {
        self.offline_since
            .is_some_and(|since| now.since(since) >= retention_ms)
            && self.state_at(now) == ServiceState::Offline
    }
}

impl ServiceDefinition {
    /// `name:version`, or the name alone of what says no version.
    pub fn id(&self) -> String {
        if self.version.is_empty() {
            return self.name.to_string();
        }
        format!("{}:{}", self.name, self.version)
    }

    fn has_id(&self, wanted: &str) -> bool {
        wanted == self.name.as_str() || wanted == self.id()
    }

    /// Whether it handles events of this type.
    pub fn consumes(&self, wanted: &str) -> bool {
        let mut all = self.subscriptions.iter();
        all.any(|subscription| subscription.event_type.as_str() == wanted)
    }

    /// Whether it publishes events of this type.
    pub fn produces(&self, wanted: &str) -> bool {
        let mut all = self.produces.iter();
        all.any(|produced| produced.event_type.as_str() == wanted)
    }

    /// What a hosted agent would say of itself, for whoever looks over both.
    pub fn of_agent(agent: &Agent) -> Self {
        let manifest = &agent.manifest;
        Self {
            name: agent.name.clone(),
            version: manifest.version.clone().unwrap_or_default(),
            kind: match manifest.kind {
                AgentKind::Tool => ServiceKind::Tool,
                AgentKind::Worker | AgentKind::Planner | AgentKind::Agent => ServiceKind::Agent,
            },
            description: manifest.description.clone(),
            category: manifest.category.clone(),
            tags: manifest.tags.clone(),
            url: None,
            protocol: None,
            auth: None,
            endpoints: Vec::new(),
            capabilities: manifest.capabilities.clone(),
            subscriptions: manifest.subscriptions.clone(),
            produces: manifest.produces.clone(),
            metadata: None,
            visibility: Visibility::Public,
            readers: BTreeSet::new(),
            ttl_s: None,
        }
    }
}

impl Directory {
    /// Whether `key` may register this service: the one that it takes the place of, if there is one.
    ///
    /// # Errors
    /// `Conflict` if the name is an agent's, or another key's, or that of a signed service and this one
    /// is not; `Exhausted` if there is no room for `more` new ones.
    pub fn admits(
        &self,
        key: &KeyName,
        definition: &ServiceDefinition,
        signed: bool,
        more: usize,
    ) -> Result<Option<&Arc<Service>>> {
        let name = &definition.name;
        let conflict = |reason| Err(Error::conflict("service", reason));
        if self.get(name).is_ok() {
            return conflict(format!(
                "`{name}` is an agent of this host, and a name means one thing: choose another"
            ));
        }
        let Some(known) = self.services().get(name) else {
            if self.services().len() + more > SERVICES_PER_TENANT_MAX {
                return Err(Error::Exhausted {
                    limit: "services_per_tenant_max",
                    unit: "services",
                    max: SERVICES_PER_TENANT_MAX as u64,
                });
            }
            return Ok(None);
        };
        if known.owner != *key {
            return conflict(format!(
                "`{name}` was registered with another key: choose another name, or use that key"
            ));
        }
        if known.signature.is_some() && !signed {
            return conflict(format!(
                "`{name}` is signed and this is not: sign it, or deregister it first"
            ));
        }
        Ok(Some(known))
    }
}

/// What one sweep did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SweptServices {
    /// Changes of state that were announced.
    pub changed: usize,
    /// Services that were removed.
    pub removed: usize,
    /// Whether there is more to do.
    pub more: bool,
}

/// Services of a tenant. They are read in the [`Directory`], which every commit here
/// replaces. Whoever changes a service must hold the key that registered it.
#[async_trait]
pub trait ServiceStore: Send + Sync {
    /// Register services or replace what they said before, all in one transaction or none. Registering
    /// is a sign of life.
    ///
    /// # Errors
    /// `Conflict` if the name is an agent's, another key's, or that of a signed service and this one is
    /// not; `Exhausted` over the limit. `Invalid` of a list names the place in it.
    async fn register(
        &self,
        scope: &TenantScope,
        services: Vec<NewService>,
    ) -> Result<Vec<RegisteredService>>;
    /// Note a sign of life, and what it tells of its health. `NotFound` if there is no such service.
    async fn beat(
        &self,
        scope: &TenantScope,
        name: &AgentName,
        health: Option<Health>,
        now: Timestamp,
    ) -> Result<Arc<Service>>;
    /// Put a service into a state. `Conflict` if that does not follow on the one it is in.
    async fn set_state(
        &self,
        scope: &TenantScope,
        name: &AgentName,
        state: ServiceState,
        now: Timestamp,
    ) -> Result<Arc<Service>>;
    /// Take a service out of the catalogue. `NotFound` if there is no such service.
    async fn deregister(&self, scope: &TenantScope, name: &AgentName, now: Timestamp)
    -> Result<()>;
    /// Tell the feed of states that time has changed, and remove what has been offline for
    /// `retention_ms`; at most [`SWEPT_SERVICES_MAX`] at once.
    async fn sweep_services(
        &self,
        scope: &TenantScope,
        now: Timestamp,
        retention_ms: u64,
    ) -> Result<SweptServices>;
    /// Keep a key that signatures are checked with, for the key that acts. The same again changes
    /// nothing. `Conflict` if its id is another key's.
    async fn put_signing_key(&self, scope: &TenantScope, key: SigningKey) -> Result<()>;
    /// Keys that signatures are checked with, by id.
    async fn signing_keys(&self, scope: &TenantScope) -> Result<Vec<SigningKey>>;
    /// Forget one; what it has signed is no longer taken for verified. `NotFound` if there is none of
    /// that id that is the acting key's.
    async fn delete_signing_key(
        &self,
        scope: &TenantScope,
        id: &KeyName,
        now: Timestamp,
    ) -> Result<()>;
}

/// What the host knows of its agents, for whoever tells their state: see
/// [`hosted_state`](super::hosted_state).
#[async_trait]
pub trait Hosted: Send + Sync {
    /// The facts about a tenant's agents at this moment. An agent that is not in it waits for work.
    async fn facts(&self, scope: &TenantScope) -> Result<HashMap<AgentId, HostedFacts>>;
    /// Agents of a tenant that failed so often that their events wait.
    fn breakers(&self, tenant: TenantId) -> HashMap<AgentId, BreakerState>;
    /// Components were suspended or resumed: stop what runs of them at once, and let run what waits.
    async fn components_changed(&self) -> Result<()>;
    /// How many turns of a tenant run now.
    fn running(&self, tenant: TenantId) -> usize;
    /// An agent begins afresh: its running turns are stopped and their events wait, how it failed is forgotten,
    /// and its component is loaded anew for the next turn.
    fn restart(&self, tenant: TenantId, agent: &Agent);
}
