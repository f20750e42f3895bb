//! The catalogue in figures: how much there is of what, and what is wrong with it.
//!
//! Invariant: counted at one moment, of what a viewer may see, so that the figures agree with the lists.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::clock::Timestamp;
use crate::id::AgentId;

use super::discovery::{Entry, Found};
use super::{Directory, Graph, HostedFacts, ServiceQuery, Viewer};

/// How often something is there, by its word.
pub type Counts = BTreeMap<String, u64>;

/// The catalogue in figures.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
pub struct Overview {
    /// Agents and services, also those that are offline.
    pub entries: u64,
    /// Those that this host runs.
    pub hosted: u64,
    /// By `agent`, `tool`, `service`, `api`, `device` or `node`.
    pub by_type: BTreeMap<String, u64>,
    /// By `active`, `degraded`, `unhealthy`, `paused` or `offline`.
    pub by_state: BTreeMap<String, u64>,
    /// Agents of this host by `loaded`, `running`, `failing`, `paused` or `quarantined`.
    pub agents_by_state: BTreeMap<String, u64>,
    /// By category; without those that have none.
    pub by_category: BTreeMap<String, u64>,
    /// By owner; without those that have none.
    pub by_owner: BTreeMap<String, u64>,
    /// Different capabilities.
    pub capabilities: u64,
    /// What services tell of their health.
    pub health: HealthOverview,
    /// Event types that are declared.
    pub events: EventsOverview,
}

/// What services tell of their health.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize, ToSchema)]
pub struct HealthOverview {
    /// Services that tell anything.
    pub reporting: u64,
    /// The mean share of the processor in use, of those that tell it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_percent_mean: Option<f64>,
    /// The mean share of the memory in use, of those that tell it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_percent_mean: Option<f64>,
    /// Open connections of all of them.
    pub connections: u64,
    /// Errors since the last heartbeat of each.
    pub errors: u64,
    /// Heartbeats in a row that are missed now.
    pub beats_missed: u64,
}

/// Event types that are declared.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub struct EventsOverview {
    /// How many there are.
    pub declared: u64,
    /// By topic.
    pub by_topic: BTreeMap<String, u64>,
    /// Those that lead nowhere, by `nobody-consumes`, `nobody-answers` and `nobody-produces`.
    pub dangling: BTreeMap<String, u64>,
}

impl Overview {
    /// Of what a viewer sees of a tenant at `now`.
    pub fn of(
        directory: &Directory,
        viewer: Viewer<'_>,
        facts: &HashMap<AgentId, HostedFacts>,
        now: Timestamp,
    ) -> Self {
        let all = ServiceQuery {
            include_expired: true,
            ..ServiceQuery::default()
        };
        let found = directory.entries(viewer, &all, facts, now);
        let mut overview = Self::default();
        let mut capabilities = BTreeSet::new();
        for found in &found {
            overview.count(found);
            let names = found.definition.capabilities.iter();
            capabilities.extend(names.map(|capability| capability.name.as_str()));
        }
        overview.capabilities = capabilities.len() as u64;
        overview.health = health(&found, now);
        overview.events = events(&Graph::of(directory, viewer, now));
        overview
    }

    fn count(&mut self, found: &Found) {
        self.entries += 1;
        add(&mut self.by_type, found.definition.kind.as_str());
        add(&mut self.by_state, found.state.as_str());
        if let Entry::Agent(_, state) = &found.entry {
            self.hosted += 1;
            add(&mut self.agents_by_state, state.as_str());
        }
        if let Some(category) = &found.definition.category {
            add(&mut self.by_category, category);
        }
        if let Some(owner) = found.owner() {
            add(&mut self.by_owner, owner);
        }
    }
}

fn health(found: &[Found], now: Timestamp) -> HealthOverview {
    let mut overview = HealthOverview::default();
    let (mut cpu, mut memory) = (Vec::new(), Vec::new());
    for found in found {
        let Entry::Service(service) = &found.entry else {
            continue;
        };
        overview.beats_missed += u64::from(service.missed_at(now));
        let Some(told) = &service.health else {
            continue;
        };
        overview.reporting += 1;
        overview.connections += u64::from(told.connections.unwrap_or_default());
        overview.errors += u64::from(told.errors.unwrap_or_default());
        cpu.extend(told.cpu_percent);
        memory.extend(told.memory_percent);
    }
    overview.cpu_percent_mean = mean(&cpu);
    overview.memory_percent_mean = mean(&memory);
    overview
}

fn events(graph: &Graph) -> EventsOverview {
    let mut overview = EventsOverview::default();
    for event in &graph.events {
        overview.declared += 1;
        add(&mut overview.by_topic, event.topic.as_str());
        if let Some(dangling) = event.dangling {
            add(&mut overview.dangling, dangling.as_str());
        }
    }
    overview
}

fn add(counts: &mut Counts, word: &str) {
    *counts.entry(word.to_owned()).or_default() += 1;
}

fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}
