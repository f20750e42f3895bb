//! Agents, their versions, pushes and calls.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::clock::Timestamp;
use crate::events::Json;
use crate::id::{AgentName, Digest, EventId};
use crate::registry::{
    Agent, AgentStatus, BreakerState, CapabilityContract, EventContract, GrantSet, Manifest,
    Version,
};

/// An agent.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct AgentView {
    /// Its name.
    #[schema(value_type = String)]
    pub name: AgentName,
    /// `tool`, `worker`, `planner` or `agent`.
    pub kind: String,
    /// `active`, `paused` or `quarantined`.
    pub status: String,
    /// Why it is quarantined, if it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status_reason: Option<String>,
    /// Set while it has failed so often in a row that its events wait.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub breaker: Option<BreakerView>,
    /// The number of the version that new turns run.
    pub version: u32,
    /// That version's component.
    #[schema(value_type = String, example = "sha256:…")]
    pub digest: Digest,
    /// What it is for.
    pub description: String,
    /// A shelf to find it on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    /// Words to find it by.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Whose it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// What it can do, each event written out.
    #[serde(default)]
    pub capabilities: Vec<CapabilityView>,
    /// What it may do.
    #[schema(value_type = Vec<String>)]
    pub grants: GrantSet,
    /// Configuration values that the tenant set.
    pub config: BTreeMap<String, String>,
    /// What it says of itself.
    #[schema(value_type = Object)]
    pub manifest: Manifest,
    /// When it was first pushed.
    #[schema(value_type = String, format = DateTime)]
    pub created: Timestamp,
    /// When it last changed.
    #[schema(value_type = String, format = DateTime)]
    pub updated: Timestamp,
}

/// An agent's circuit breaker that is not closed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BreakerView {
    /// `open`, or `half-open` while one turn is tried.
    pub state: String,
    /// Failures in a row.
    pub failures: u32,
    /// When one turn is tried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub until: Option<Timestamp>,
}

impl From<BreakerState> for BreakerView {
    fn from(BreakerState { failures, until }: BreakerState) -> Self {
        let state = until.map_or("half-open", |_| "open");
        Self {
            state: state.to_owned(),
            failures,
            until,
        }
    }
}

impl AgentView {
    /// The same with what the host knows of its breaker.
    #[must_use]
    pub fn with_breaker(mut self, breaker: Option<BreakerState>) -> Self {
        self.breaker = breaker.map(BreakerView::from);
        self
    }
}

impl From<&Agent> for AgentView {
    fn from(agent: &Agent) -> Self {
        Self {
            name: agent.name.clone(),
            kind: agent.manifest.kind.as_str().to_owned(),
            status: agent.status.as_str().to_owned(),
            status_reason: match &agent.status {
                AgentStatus::Quarantined { reason } => Some(reason.clone()),
                AgentStatus::Active | AgentStatus::Paused => None,
            },
            breaker: None,
            version: agent.version,
            digest: agent.digest,
            description: agent.manifest.description.clone(),
            category: agent.manifest.category.clone(),
            tags: agent.manifest.tags.iter().cloned().collect(),
            owner: agent.manifest.owner.clone(),
            capabilities: CapabilityView::all(agent.manifest.capability_contracts()),
            grants: agent.grants.clone(),
            config: (*agent.config).clone(),
            manifest: (*agent.manifest).clone(),
            created: agent.created,
            updated: agent.updated,
        }
    }
}

/// Something that an agent can do, with the events that ask for it and those that answer.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct CapabilityView {
    /// Its name.
    pub name: String,
    /// What it does.
    pub description: String,
    /// Names of the tasks that it carries out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tasks: Vec<String>,
    /// The events that ask for it: topic, type, description, and the schema or the name of a registered one.
    #[schema(value_type = Vec<Object>)]
    pub consumes: Vec<EventContract>,
    /// The events that answer.
    #[schema(value_type = Vec<Object>)]
    pub produces: Vec<EventContract>,
}

impl CapabilityView {
    /// All of them.
    pub fn all(contracts: Vec<CapabilityContract>) -> Vec<Self> {
        let view = |contract: CapabilityContract| Self {
            name: contract.name,
            description: contract.description,
            tasks: contract.tasks,
            consumes: contract.consumes,
            produces: contract.produces,
        };
        contracts.into_iter().map(view).collect()
    }
}

/// A version of an agent.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct VersionView {
    /// 1, 2, 3 …
    pub version: u32,
    /// Whether new turns run it.
    pub current: bool,
    /// Its component.
    #[schema(value_type = String)]
    pub digest: Digest,
    /// Bytes as uploaded.
    pub component_bytes: u64,
    /// What it may do.
    #[schema(value_type = Vec<String>)]
    pub grants: GrantSet,
    /// What it says of itself.
    #[schema(value_type = Object)]
    pub manifest: Manifest,
    /// When it was pushed.
    #[schema(value_type = String, format = DateTime)]
    pub created: Timestamp,
}

impl VersionView {
    /// The view of `version` of an agent whose current version is `current`.
    pub fn new(version: &Version, current: u32) -> Self {
        Self {
            version: version.number,
            current: version.number == current,
            digest: version.digest,
            component_bytes: version.component_bytes,
            grants: version.grants.clone(),
            manifest: (*version.manifest).clone(),
            created: version.created,
        }
    }
}

/// What a push did, or what a dry run would have done.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct PushView {
    /// The agent's name.
    #[schema(value_type = String)]
    pub name: AgentName,
    /// The number of the version that is current now; none in a dry run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u32>,
    /// Of the bytes as uploaded.
    #[schema(value_type = String)]
    pub digest: Digest,
    /// Whether there was no agent of that name before.
    pub created: bool,
    /// Whether this very version was current already: nothing was done.
    pub unchanged: bool,
    /// Whether it was only checked.
    pub dry_run: bool,
    /// Bytes as uploaded.
    pub component_bytes: u64,
    /// Size of the compiled artifact.
    pub artifact_bytes: u64,
    /// How long it took to compile; 0 when it was compiled before.
    pub compile_ms: u64,
    /// How long it took from the artifact on the disk to the answer of `describe`, in microseconds: a cold
    /// start.
    pub start_us: u64,
    /// The interfaces it imports.
    pub imports: Vec<String>,
    /// What it may do: what its manifest asks for as far as the push grants it.
    #[schema(value_type = Vec<String>)]
    pub grants: GrantSet,
    /// What it says of itself.
    #[schema(value_type = Object)]
    pub manifest: Manifest,
}

/// Which version to go back to.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RollbackRequest {
    /// Its number; the one before the current unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u32>,
}

/// A question to a tool.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CallRequest {
    /// The type of the action request; may be left out if the tool handles only one.
    #[serde(
        default,
        rename = "type",
        alias = "event_type",
        alias = "eventType",
        skip_serializing_if = "Option::is_none"
    )]
    pub event_type: Option<String>,
    /// The payload; `null` unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<serde_json::Value>)]
    pub data: Option<Box<RawValue>>,
    /// How long to wait for the answer: 1 to 300,000, by default 30,000.
    #[serde(default, alias = "timeoutMs", skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u32>,
}

/// A tool's answer.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct CallView {
    /// The answer.
    #[schema(value_type = serde_json::Value)]
    pub data: Json,
    /// The request, as an event.
    #[schema(value_type = String)]
    pub event_id: EventId,
    /// The answer, as an event.
    #[schema(value_type = String)]
    pub reply_id: EventId,
}
