//! A tenant's agents as one shared, immutable value: replaced by the commit that changes an agent, read
//! without a query by everything that routes events.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, OnceLock};

use crate::error::{Error, Result};
use crate::events::Topic;
use crate::id::{AgentId, AgentName, EventType};

use super::ranking::Texts;
use super::search::Declared;
use super::{
    Agent, AgentKind, AgentStatus, EventDefinition, PayloadSchema, ServiceDefinition, Services,
    TenantSettings, WellKnown,
};

/// Who handles events of a topic and a type.
type Subscribers = HashMap<(Topic, EventType), Arc<[AgentId]>>;

/// Everything about a tenant's agents, and the services beside them, as of one commit. A copy shares all
/// of it: a heartbeat replaces the services alone.
#[derive(Debug, Clone, Default)]
pub struct Directory {
    by_name: Arc<BTreeMap<AgentName, Arc<Agent>>>,
    by_id: Arc<HashMap<AgentId, Arc<Agent>>>,
    subscribers: Arc<Subscribers>,
    produced: Arc<HashSet<(Topic, EventType)>>,
    definitions: Arc<BTreeMap<EventType, EventDefinition>>,
    services: Services,
    settings: TenantSettings,
    /// What `search` puts together of all but the services.
    pub(super) declared: Arc<OnceLock<Declared>>,
    /// What each agent would say of itself as a service, by name.
    said: Arc<OnceLock<Vec<Arc<ServiceDefinition>>>>,
    /// Texts that were taken apart to be ranked.
    pub(super) texts: Arc<Texts>,
}

impl Directory {
    /// From all agents and all event definitions of a tenant.
    pub fn new(agents: Vec<Agent>, definitions: Vec<EventDefinition>) -> Self {
        let mut subscribers: HashMap<(Topic, EventType), Vec<AgentId>> = HashMap::new();
        for agent in &agents {
            for subscription in &agent.manifest.subscriptions {
                let key = (subscription.topic, subscription.event_type.clone());
                subscribers.entry(key).or_default().push(agent.id);
            }
        }
        let produced = agents
            .iter()
            .flat_map(|agent| &agent.manifest.produces)
            .map(|produced| (produced.topic, produced.event_type.clone()))
            .collect();
        let agents: Vec<Arc<Agent>> = agents.into_iter().map(Arc::new).collect();
        let by_id = agents.iter().map(|a| (a.id, Arc::clone(a))).collect();
        let by_name = agents.into_iter().map(|a| (a.name.clone(), a)).collect();
        let subscribers = subscribers
            .into_iter()
            .map(|(key, ids)| (key, ids.into()))
            .collect();
        let definitions = definitions
            .into_iter()
            .map(|d| (d.event_type.clone(), d))
            .collect();
        Self {
            by_id: Arc::new(by_id),
            by_name: Arc::new(by_name),
            subscribers: Arc::new(subscribers),
            definitions: Arc::new(definitions),
            produced: Arc::new(produced),
            settings: TenantSettings::default(),
            services: Services::default(),
            declared: Arc::default(),
            said: Arc::default(),
            texts: Arc::default(),
        }
    }

    /// The same agents beside these services.
    #[must_use]
    pub fn with_services(&self, services: Services) -> Self {
        Self {
            services,
            ..self.clone()
        }
    }

    /// The same, which knows the texts that an earlier one has taken apart.
    #[must_use]
    pub fn after(self, earlier: &Self) -> Self {
        Self {
            texts: Arc::clone(&earlier.texts),
            ..self
        }
    }

    /// What lives elsewhere: all of it, whoever may see it. Ask [`Services::visible_to`].
    pub fn services(&self) -> &Services {
        &self.services
    }

    /// The same of a tenant that chose these settings.
    #[must_use]
    pub fn with_settings(self, settings: TenantSettings) -> Self {
        Self { settings, ..self }
    }

    /// What the tenant chose.
    pub fn settings(&self) -> TenantSettings {
        self.settings
    }

    /// Whether anybody declared events of this type on this topic.
    pub fn knows(&self, topic: Topic, event_type: &EventType) -> bool {
        let key = (topic, event_type.clone());
        self.subscribers.contains_key(&key)
            || self.produced.contains(&key)
            || self
                .definition(event_type)
                .is_some_and(|d| d.topic == topic)
            || WellKnown::get(topic, event_type.as_str()).is_some()
            || self.services.speak_of(topic, event_type)
    }

    /// What the agents that handle requests of this type declare about their payload.
    pub fn request_schemas(&self, event_type: &EventType) -> Vec<(&AgentName, &PayloadSchema)> {
        let key = (Topic::ActionRequests, event_type.clone());
        let handlers = self.subscribers.get(&key).map_or(&[][..], |ids| ids);
        handlers
            .iter()
            .filter_map(|id| self.by_id.get(id))
            .filter_map(|agent| {
                let handled = agent.manifest.handles(Topic::ActionRequests, event_type)?;
                Some((&agent.name, handled.schema.as_ref()?))
            })
            .collect()
    }

    /// The agent of this name.
    pub fn get(&self, name: &AgentName) -> Result<&Arc<Agent>> {
        self.by_name
            .get(name)
            .ok_or_else(|| Error::not_found("agent", name.as_str()))
    }

    /// The agent of this number, if it still exists.
    pub fn by_id(&self, id: AgentId) -> Option<&Arc<Agent>> {
        self.by_id.get(&id)
    }

    /// All agents by name.
    pub fn agents(&self) -> impl Iterator<Item = &Arc<Agent>> {
        self.by_name.values()
    }

    /// What each agent would say of itself as a service, in the order of [`Self::agents`]. Put together
    /// when it is first asked for.
    pub(super) fn said_by_agents(&self) -> &[Arc<ServiceDefinition>] {
        self.said.get_or_init(|| {
            let said = |agent: &Arc<Agent>| Arc::new(ServiceDefinition::of_agent(agent));
            self.agents().map(said).collect()
        })
    }

    /// How many agents there are.
    pub fn len(&self) -> usize {
        self.by_name.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.by_name.is_empty()
    }

    /// Who gets a delivery of an event of this topic and type: paused agents too, theirs wait.
    pub fn subscribers(&self, topic: Topic, event_type: &EventType) -> Arc<[AgentId]> {
        // Cloning the key costs a reference count, not an allocation.
        self.subscribers
            .get(&(topic, event_type.clone()))
            .cloned()
            .unwrap_or_default()
    }

    /// The definition registered for a type.
    pub fn definition(&self, event_type: &EventType) -> Option<&EventDefinition> {
        self.definitions.get(event_type)
    }

    /// All definitions registered by hand, by type.
    pub fn definitions(&self) -> impl Iterator<Item = &EventDefinition> {
        self.definitions.values()
    }

    /// The one active tool that answers action requests of this type.
    ///
    /// # Errors
    /// `NotFound` without one, `Conflict` with several.
    pub fn tool_for(&self, event_type: &EventType) -> Result<&Arc<Agent>> {
        let ids = self.subscribers(Topic::ActionRequests, event_type);
        let mut tools = ids.iter().filter_map(|id| self.by_id(*id)).filter(|agent| {
            agent.manifest.kind == AgentKind::Tool && agent.status == AgentStatus::Active
        });
        match (tools.next(), tools.next()) {
            (Some(tool), None) => Ok(tool),
            (Some(one), Some(two)) => Err(Error::conflict(
                "tool",
                format!(
                    "`{}` and `{}` both consume `{event_type}`: pause one",
                    one.name, two.name
                ),
            )),
            (None, _) => Err(Error::not_found(
                "active tool for event type",
                event_type.as_str(),
            )),
        }
    }
}
