//! Finding by what is wanted, over hosted agents and services alike.
//!
//! Invariant: an entry is told as it is at that moment, and what a viewer may not see is left out before
//! anything is matched, counted or ranked.

use std::collections::HashMap;
use std::sync::Arc;

use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::id::{AgentId, AgentName};

use super::filter::{FILTER_STEPS_MAX, Filter, Untold};
use super::lifecycle::{HostedFacts, HostedState, ServiceState, hosted_state};
use super::search::page_size;
use super::{
    Agent, Capability, CapabilityContract, Directory, EventRef, Service, ServiceDefinition,
    ServiceQuery, Viewer,
};

/// Longest question in bytes: some sentences.
pub const QUESTION_BYTES_MAX: usize = 1_024;
/// How much of what an entry says is compared with a question, in bytes: a description at its longest.
const COMPARED_BYTES_MAX: usize = super::DESCRIPTION_BYTES_MAX;

/// What was found.
#[derive(Debug, Clone)]
pub enum Entry {
    /// An agent of this host, and what it is doing.
    Agent(Arc<Agent>, HostedState),
    /// A service that lives elsewhere.
    Service(Arc<Service>),
}

/// An entry of the catalogue as it was when somebody looked.
#[derive(Debug, Clone)]
pub struct Found {
    /// The agent or the service.
    pub entry: Entry,
    /// What it says of itself.
    pub definition: Arc<ServiceDefinition>,
    /// Its state.
    pub state: ServiceState,
    /// How well it answers the question, 0 to 1, if one was asked.
    pub score: Option<f64>,
}

/// A page of what was found.
#[derive(Debug, Clone, Default)]
pub struct Discovered {
    /// Entries, at most as many as were asked for.
    pub found: Vec<Found>,
    /// The last entry that was looked at, if a filter took so many steps that the page ends before its time: what
    /// comes after it was not looked at.
    pub stopped_at: Option<AgentName>,
}

impl Found {
    /// Its name.
    pub fn name(&self) -> &AgentName {
        &self.definition.name
    }

    /// Whether this host runs it.
    pub fn is_hosted(&self) -> bool {
        matches!(self.entry, Entry::Agent(..))
    }

    /// Whose it is: of a service the key that registered it, of an agent what its manifest says.
    pub fn owner(&self) -> Option<&str> {
        match &self.entry {
            Entry::Agent(agent, _) => agent.manifest.owner.as_deref(),
            Entry::Service(service) => Some(service.owner.as_str()),
        }
    }

    fn of_service(service: &Arc<Service>, now: Timestamp) -> Self {
        Self {
            definition: Arc::clone(&service.definition),
            state: service.state_at(now),
            entry: Entry::Service(Arc::clone(service)),
            score: None,
        }
    }
}

impl ServiceDefinition {
    /// Its capabilities with each of their events written out.
    pub fn capability_contracts(&self) -> Vec<CapabilityContract> {
        let written = |c| CapabilityContract::of(c, &self.subscriptions, &self.produces);
        self.capabilities.iter().map(written).collect()
    }

    /// The same with each event of its capabilities written out.
    #[must_use]
    pub fn written_out(&self) -> Self {
        let written = |contract: CapabilityContract| Capability {
            name: contract.name,
            description: contract.description,
            tasks: contract.tasks,
            consumes: contract
                .consumes
                .into_iter()
                .map(EventRef::Contract)
                .collect(),
            produces: contract
                .produces
                .into_iter()
                .map(EventRef::Contract)
                .collect(),
        };
        let capabilities = self
            .capability_contracts()
            .into_iter()
            .map(written)
            .collect();
        Self {
            capabilities,
            ..self.clone()
        }
    }

    /// What a question is compared with: what it is, and then each thing that it can do.
    fn compared(&self) -> Vec<String> {
        let mut room = COMPARED_BYTES_MAX;
        let mut part = |words: &[&str]| {
            let mut text = words.join(" ");
            text.truncate(text.floor_char_boundary(room));
            room -= text.len();
            text
        };
        let mut about = vec![self.name.as_str(), self.kind.as_str()];
        about.extend(self.category.as_deref());
        about.extend(self.tags.iter().map(String::as_str));
        about.push(&self.description);
        let mut parts = vec![part(&about)];
        for capability in &self.capabilities {
            let mut about = vec![capability.name.as_str(), &capability.description];
            about.extend(capability.tasks.iter().map(String::as_str));
            about.extend(capability.consumes.iter().map(|e| e.event_type().as_str()));
            parts.push(part(&about));
        }
        parts.retain(|part| !part.is_empty());
        parts
    }
}

impl Directory {
    /// Entries that match and that the viewer may see: by name, or the best first if a question is asked.
    ///
    /// # Errors
    /// `Invalid` for a limit out of range, a filter that cannot be used, or a question that is too long or wants
    /// to be continued: a ranked list has no pages.
    pub fn discover(
        &self,
        viewer: Viewer<'_>,
        query: &ServiceQuery,
        facts: &HashMap<AgentId, HostedFacts>,
        now: Timestamp,
    ) -> Result<Discovered> {
        let limit = page_size(query.limit)?;
        let filter = query.filter.as_deref().map(Filter::compile).transpose()?;
        let mut found = self.entries(viewer, query, facts, now);
        found.sort_by(|a, b| a.name().cmp(b.name()));
        let mut stopped_at = None;
        if let Some(filter) = filter {
            let wanted = if query.about.is_some() {
                found.len()
            } else {
                limit
            };
            let is_whole = query.after.is_none();
            (found, stopped_at) = filtered(&filter, found, wanted, is_whole)?;
        }
        if let Some(question) = &query.about {
            if stopped_at.is_some() {
                return Err(Filter::too_dear());
            }
            found = self.ranked(question, query, found)?;
        }
        found.truncate(limit);
        Ok(Discovered { found, stopped_at })
    }

    /// All entries that match and that the viewer may see, in no order.
    pub(super) fn entries(
        &self,
        viewer: Viewer<'_>,
        query: &ServiceQuery,
        facts: &HashMap<AgentId, HostedFacts>,
        now: Timestamp,
    ) -> Vec<Found> {
        let after = query.after.as_deref().unwrap_or_default();
        let mut found: Vec<Found> = Vec::new();
        if query.hosted != Some(false) {
            let all = self.agents().zip(self.said_by_agents());
            found.extend(all.map(|(agent, said)| of_agent(agent, said, facts)));
        }
        if query.hosted != Some(true) {
            let all = self.services().visible_to(viewer);
            found.extend(all.map(|service| Found::of_service(service, now)));
        }
        found.retain(|found| {
            found.name().as_str() > after
                && query.matches_parts(&found.definition, found.owner(), found.state)
        });
        found
    }

    fn ranked(
        &self,
        question: &str,
        query: &ServiceQuery,
        found: Vec<Found>,
    ) -> Result<Vec<Found>> {
        if question.len() > QUESTION_BYTES_MAX {
            let got = question.len();
            let reason = format!("{got} bytes, the limit is {QUESTION_BYTES_MAX}");
            return Err(Error::invalid("about", reason));
        }
        if query.after.is_some() {
            let reason = "a list that is ranked by `about` has no next page: ask for more rows";
            return Err(Error::invalid("after", reason));
        }
        let texts = found.iter().map(|found| found.definition.compared());
        let ranked = self.texts.ranked(question, texts.collect());
        let mut found: Vec<Option<Found>> = found.into_iter().map(Some).collect();
        let scored = ranked.into_iter().filter_map(|(place, score)| {
            let entry = found.get_mut(place)?.take()?;
            Some(Found {
                score: Some(score),
                ..entry
            })
        });
        Ok(scored.collect())
    }
}

/// The first entries, by name, of which a filter is true; and the last that was looked at if there was no room
/// for the next. `is_whole` says that none was left out before.
fn filtered(
    filter: &Filter,
    found: Vec<Found>,
    wanted: usize,
    is_whole: bool,
) -> Result<(Vec<Found>, Option<AgentName>)> {
    let (mut kept, mut left) = (Vec::new(), FILTER_STEPS_MAX);
    let (mut last, mut told, mut untold) = (None, false, None);
    for entry in found {
        if kept.len() == wanted {
            return Ok((kept, None));
        }
        let steps = filter.steps(&entry);
        if steps <= FILTER_STEPS_MAX && steps > left {
            return Ok((kept, last));
        }
        last = Some(entry.name().clone());
        let is_true = if steps > left {
            // It alone is past it. Whoever wrote it shall not keep others from being found.
            Err(Untold::Unfit(format!(
                "{steps} steps, filter_steps_max is {FILTER_STEPS_MAX}"
            )))
        } else {
            left -= steps;
            filter.is_true_of(&entry)
        };
        match is_true {
            Ok(is_true) => {
                told = true;
                kept.extend(is_true.then_some(entry));
            }
            Err(Untold::Absent) => {}
            Err(Untold::Unfit(reason)) => {
                untold.get_or_insert_with(|| (entry.name().clone(), reason));
            }
        }
    }
    match untold {
        Some((name, reason)) if !told && is_whole => Err(Filter::untold(name.as_str(), &reason)),
        _ => Ok((kept, None)),
    }
}

fn of_agent(
    agent: &Arc<Agent>,
    said: &Arc<ServiceDefinition>,
    facts: &HashMap<AgentId, HostedFacts>,
) -> Found {
    let facts = facts.get(&agent.id).copied().unwrap_or_default();
    let state = hosted_state(agent, facts);
    Found {
        definition: Arc::clone(said),
        state: state.as_service(),
        entry: Entry::Agent(Arc::clone(agent), state),
        score: None,
    }
}
