//! Which entries of the catalogue somebody looks for.

use crate::registry::search::{contains, has_words};
use crate::registry::{Capability, ServiceDefinition, ServiceKind, ServiceState};

/// Which services to look for. All that is given must match.
#[derive(Debug, Clone, Default)]
pub struct ServiceQuery {
    /// Its id: the name, or `name:version`.
    pub id: Option<String>,
    /// Part of the name, in any case.
    pub name: Option<String>,
    /// What sort.
    pub kind: Option<ServiceKind>,
    /// Its category.
    pub category: Option<String>,
    /// Tags, all of them.
    pub tags: Vec<String>,
    /// A capability by name.
    pub capability: Option<String>,
    /// A task that one of its capabilities carries out.
    pub task: Option<String>,
    /// The type of an event that it consumes.
    pub consumes: Option<String>,
    /// The type of an event that it produces.
    pub produces: Option<String>,
    /// Whose it is: of a service the key that registered it, of an agent what its manifest says.
    pub owner: Option<String>,
    /// In this state.
    pub state: Option<ServiceState>,
    /// Words of its description and its capabilities, all of them, in any case.
    pub text: Option<String>,
    /// A question in plain words: what answers it best comes first, what does not is left out.
    pub about: Option<String>,
    /// An expression of CEL that is true of it. Guests have no way to give one.
    pub filter: Option<String>,
    /// Only hosted agents, or only what lives elsewhere.
    pub hosted: Option<bool>,
    /// Those that are offline too.
    pub include_expired: bool,
    /// At most this many.
    pub limit: u32,
    /// Continue after this name.
    pub after: Option<String>,
}

impl ServiceQuery {
    /// Whether something that says this of itself, of this owner and in this state, is one of those, whatever the
    /// filter says: that is asked last, of what is left.
    pub fn matches_parts(
        &self,
        definition: &ServiceDefinition,
        owner: Option<&str>,
        state: ServiceState,
    ) -> bool {
        let is = |wanted: &Option<String>, got: Option<&str>| {
            wanted.as_deref().is_none_or(|wanted| got == Some(wanted))
        };
        let expired = state == ServiceState::Offline
            && !self.include_expired
            && self.state != Some(ServiceState::Offline);
        !expired
            && self.id.as_deref().is_none_or(|id| definition.has_id(id))
            && contains(definition.name.as_str(), self.name.as_deref())
            && self.kind.is_none_or(|kind| kind == definition.kind)
            && is(&self.category, definition.category.as_deref())
            && self.tags.iter().all(|tag| definition.tags.contains(tag))
            && self.matches_events(definition)
            && self.matches_capability(&definition.capabilities)
            && is(&self.owner, owner)
            && self.state.is_none_or(|wanted| wanted == state)
            && self.matches_text(definition)
    }

    fn matches_events(&self, definition: &ServiceDefinition) -> bool {
        let (consumes, produces) = (self.consumes.as_deref(), self.produces.as_deref());
        consumes.is_none_or(|wanted| definition.consumes(wanted))
            && produces.is_none_or(|wanted| definition.produces(wanted))
    }

    /// One capability has the name and the task, if both are wanted.
    fn matches_capability(&self, all: &[Capability]) -> bool {
        let (name, task) = (self.capability.as_deref(), self.task.as_deref());
        let fits = |capability: &Capability| {
            name.is_none_or(|name| capability.name == name)
                && task.is_none_or(|task| capability.tasks.iter().any(|known| known == task))
        };
        (name.is_none() && task.is_none()) || all.iter().any(fits)
    }

    fn matches_text(&self, definition: &ServiceDefinition) -> bool {
        let Some(words) = self.text.as_deref() else {
            return true;
        };
        let mut text = definition.description.clone();
        for capability in &definition.capabilities {
            text.extend([" ", &capability.name, " ", &capability.description]);
        }
        has_words(&text, Some(words))
    }
}
