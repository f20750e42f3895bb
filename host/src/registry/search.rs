//! Finding agents and event types in a [`Directory`].

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::events::Topic;
use crate::id::{AgentName, EventType};

use super::{Agent, AgentStatus, Directory, EventContract, Manifest, Viewer};

/// Most rows of a page.
pub const FIND_LIMIT_MAX: u32 = 100;

/// Which agents to look for. All that is given must match.
#[derive(Debug, Clone, Default)]
pub struct AgentQuery {
    /// The name, exactly.
    pub id: Option<String>,
    /// Part of the name, in any case.
    pub name: Option<String>,
    /// `tool`, `worker`, `planner` or `agent`.
    pub kind: Option<String>,
    /// The type of an event that it consumes.
    pub consumes: Option<String>,
    /// The type of an event that it produces.
    pub produces: Option<String>,
    /// A capability by name.
    pub capability: Option<String>,
    /// A task that one of its capabilities carries out.
    pub task: Option<String>,
    /// Its category.
    pub category: Option<String>,
    /// Tags, all of them.
    pub tags: Vec<String>,
    /// Whose it is.
    pub owner: Option<String>,
    /// `active`, `paused` or `quarantined`.
    pub status: Option<String>,
    /// Words of its description and its capabilities, all of them, in any case.
    pub text: Option<String>,
    /// At most this many, 1 to [`FIND_LIMIT_MAX`].
    pub limit: u32,
    /// Continue after this name.
    pub after: Option<String>,
}

/// Which event types to look for. All that is given must match.
#[derive(Debug, Clone, Default)]
pub struct EventQuery {
    /// Part of the type, in any case.
    pub event_type: Option<String>,
    /// One of the eight topics.
    pub topic: Option<String>,
    /// Words of its description, all of them, in any case.
    pub text: Option<String>,
    /// Only those that something consumes which works now.
    pub actionable: bool,
    /// At most this many, 1 to [`FIND_LIMIT_MAX`], but the last type comes whole.
    pub limit: u32,
    /// Continue after this type.
    pub after: Option<String>,
}

/// An event type that somebody declared, in a manifest or by hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundEvent {
    /// The type.
    pub event_type: EventType,
    /// Its topic.
    pub topic: Topic,
    /// What it means: as registered, else as the first manifest says.
    pub description: String,
    /// The name of its schema, if one is registered.
    pub schema: Option<String>,
    /// Whether something consumes it that works now.
    pub actionable: bool,
    /// Agents and services that consume it.
    pub consumers: Vec<AgentName>,
    /// Agents and services that produce it.
    pub producers: Vec<AgentName>,
}

impl Directory {
    /// Agents that match, by name.
    ///
    /// # Errors
    /// `Invalid` for a limit out of range.
    pub fn find_agents(&self, query: &AgentQuery) -> Result<Vec<Arc<Agent>>> {
        let limit = page_size(query.limit)?;
        let after = query.after.as_deref().unwrap_or_default();
        Ok(self
            .agents()
            .filter(|agent| agent.name.as_str() > after && query.matches(agent))
            .take(limit)
            .cloned()
            .collect())
    }

    /// Event types that match, by type, of agents and of the services that the viewer may see. A type that
    /// is declared on several topics comes whole, so the last one may bring up to seven rows more than the
    /// limit: a list is continued after a type.
    ///
    /// # Errors
    /// `Invalid` for a limit out of range or an unknown topic.
    pub fn find_events(
        &self,
        viewer: Viewer<'_>,
        query: &EventQuery,
        now: Timestamp,
    ) -> Result<Vec<FoundEvent>> {
        let limit = page_size(query.limit)?;
        let topic = query
            .topic
            .as_deref()
            .map(str::parse::<Topic>)
            .transpose()?;
        let after = query.after.as_deref().unwrap_or_default();
        let rest = (Bound::Excluded(after), Bound::Unbounded);
        let mut page = Vec::new();
        for (_, topics) in self.all_declared(viewer, now).range::<str, _>(rest) {
            if page.len() >= limit {
                break;
            }
            let found = topics.values().filter(|found| {
                topic.is_none_or(|topic| topic == found.topic) && query.matches(found)
            });
            page.extend(found.cloned());
        }
        Ok(page)
    }

    /// What is declared of this event type: on the topic of its definition, if it has one.
    pub fn declared(
        &self,
        viewer: Viewer<'_>,
        event_type: &EventType,
        now: Timestamp,
    ) -> Option<FoundEvent> {
        let all = self.all_declared(viewer, now);
        let topics = all.get(event_type)?;
        let found = match self.definition(event_type) {
            Some(definition) => topics.get(&definition.topic),
            None => topics.values().next(),
        };
        found.cloned()
    }

    /// What agents and definitions declare, and the services that the viewer may see.
    fn all_declared(&self, viewer: Viewer<'_>, now: Timestamp) -> Cow<'_, Declared> {
        let mut all = Cow::Borrowed(self.declared_events());
        for service in self.services().visible_to(viewer) {
            let said = &service.definition;
            if !said.subscriptions.is_empty() || !said.produces.is_empty() {
                let sides = (&*said.subscriptions, &*said.produces);
                declare(all.to_mut(), &said.name, sides, service.is_usable(now));
            }
        }
        all
    }

    /// Put together when it is first asked for: agents change seldom, and most tenants never ask.
    fn declared_events(&self) -> &Declared {
        self.declared.get_or_init(|| {
            let mut all = Declared::new();
            for definition in self.definitions() {
                let found = slot(&mut all, &definition.event_type, definition.topic);
                found.description.clone_from(&definition.description);
                found.schema.clone_from(&definition.schema);
            }
            for agent in self.agents() {
                let said = &agent.manifest;
                let sides = (&*said.subscriptions, &*said.produces);
                let works = agent.status == AgentStatus::Active;
                declare(&mut all, &agent.name, sides, works);
            }
            all
        })
    }
}

impl EventQuery {
    fn matches(&self, found: &FoundEvent) -> bool {
        (found.actionable || !self.actionable)
            && contains(found.event_type.as_str(), self.event_type.as_deref())
            && has_words(&found.description, self.text.as_deref())
    }
}

impl AgentQuery {
    fn matches(&self, agent: &Agent) -> bool {
        let manifest = &agent.manifest;
        let is = |wanted: &Option<String>, got: &str| wanted.as_deref().is_none_or(|w| w == got);
        let types = |events: &[EventContract], wanted: &Option<String>| {
            wanted
                .as_deref()
                .is_none_or(|wanted| events.iter().any(|e| e.event_type.as_str() == wanted))
        };
        let has = |wanted: &Option<String>, got: &Option<String>| wanted.is_none() || wanted == got;
        is(&self.id, agent.name.as_str())
            && contains(agent.name.as_str(), self.name.as_deref())
            && is(&self.kind, manifest.kind.as_str())
            && is(&self.status, agent.status.as_str())
            && has(&self.category, &manifest.category)
            && has(&self.owner, &manifest.owner)
            && self.tags.iter().all(|tag| manifest.tags.contains(tag))
            && types(&manifest.subscriptions, &self.consumes)
            && types(&manifest.produces, &self.produces)
            && self.matches_capability(manifest)
            && self.matches_text(manifest)
    }

    fn matches_capability(&self, manifest: &Manifest) -> bool {
        let all = &manifest.capabilities;
        let named = |wanted: &str| all.iter().any(|c| c.name == wanted);
        let tasked = |wanted: &str| {
            all.iter()
                .any(|c| c.tasks.iter().any(|task| task == wanted))
        };
        self.capability.as_deref().is_none_or(named) && self.task.as_deref().is_none_or(tasked)
    }

    fn matches_text(&self, manifest: &Manifest) -> bool {
        let Some(words) = self.text.as_deref() else {
            return true;
        };
        let mut text = manifest.description.clone();
        for capability in &manifest.capabilities {
            text.extend([" ", &capability.name, " ", &capability.description]);
        }
        has_words(&text, Some(words))
    }
}

/// Everything that is declared, by type and topic.
pub(super) type Declared = BTreeMap<EventType, BTreeMap<Topic, FoundEvent>>;

fn slot<'a>(all: &'a mut Declared, event_type: &EventType, topic: Topic) -> &'a mut FoundEvent {
    let topics = all.entry(event_type.clone()).or_default();
    topics.entry(topic).or_insert_with(|| FoundEvent {
        event_type: event_type.clone(),
        topic,
        description: String::new(),
        schema: None,
        actionable: false,
        consumers: Vec::new(),
        producers: Vec::new(),
    })
}

/// What somebody handles and publishes.
fn declare(
    all: &mut Declared,
    name: &AgentName,
    (handled, published): (&[EventContract], &[EventContract]),
    works: bool,
) {
    for wanted in handled {
        let found = slot(all, &wanted.event_type, wanted.topic);
        describe(found, &wanted.description);
        found.consumers.push(name.clone());
        found.actionable |= works;
    }
    for made in published {
        let found = slot(all, &made.event_type, made.topic);
        describe(found, &made.description);
        found.producers.push(name.clone());
    }
}

fn describe(found: &mut FoundEvent, description: &str) {
    if found.description.is_empty() {
        description.clone_into(&mut found.description);
    }
}

pub(super) fn page_size(limit: u32) -> Result<usize> {
    if limit == 0 || limit > FIND_LIMIT_MAX {
        let rule = format!("{limit} is not between 1 and {FIND_LIMIT_MAX}");
        return Err(Error::invalid("limit", rule));
    }
    Ok(limit as usize)
}

pub(super) fn contains(text: &str, part: Option<&str>) -> bool {
    part.is_none_or(|part| text.to_lowercase().contains(&part.to_lowercase()))
}

pub(super) fn has_words(text: &str, words: Option<&str>) -> bool {
    let text = text.to_lowercase();
    words.is_none_or(|words| {
        words
            .to_lowercase()
            .split_whitespace()
            .all(|word| text.contains(word))
    })
}
