//! Who can do what, in this tenant.

use serde::Serialize;

use crate::agent::Kind;
use crate::error::Result;
use crate::host::{Backend, Host as _};
use crate::json::Json;
use crate::topic::Topic;

/// Rows of a query that says no limit.
const LIMIT: u32 = 100;

/// Which agents to look for. All that is given must match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentQuery {
    /// Part of the name, in any case.
    pub name: Option<String>,
    /// What sort.
    pub kind: Option<Kind>,
    /// The type of an event that it consumes.
    pub consumes: Option<String>,
    /// The type of an event that it produces.
    pub produces: Option<String>,
    /// A capability by name.
    pub capability: Option<String>,
    /// Words of its description.
    pub text: Option<String>,
    /// At most this many, 1 to 100.
    pub limit: u32,
    /// Continue after this name: the last one of the page before.
    pub after: Option<String>,
}

impl Default for AgentQuery {
    fn default() -> Self {
        Self {
            name: None,
            kind: None,
            consumes: None,
            produces: None,
            capability: None,
            text: None,
            limit: LIMIT,
            after: None,
        }
    }
}

/// An agent as the registry knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentInfo {
    /// Unique in the tenant.
    pub name: String,
    /// `tool`, `worker`, `planner` or `agent`.
    pub kind: String,
    /// What it is for.
    pub description: String,
    /// `active`, `paused` or `quarantined`.
    pub status: String,
    /// The SHA-256 digest of the component that new turns run.
    pub digest: String,
    /// Its whole manifest.
    pub manifest: Json,
}

/// Which event types to look for. All that is given must match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventQuery {
    /// Part of the event type.
    pub event_type: Option<String>,
    /// Of this topic.
    pub topic: Option<Topic>,
    /// Words of its description.
    pub text: Option<String>,
    /// Only those that some active agent consumes.
    pub actionable: bool,
    /// At most this many, 1 to 100.
    pub limit: u32,
    /// Continue after this event type: the last one of the page before.
    pub after: Option<String>,
}

impl Default for EventQuery {
    fn default() -> Self {
        Self {
            event_type: None,
            topic: None,
            text: None,
            actionable: false,
            limit: LIMIT,
            after: None,
        }
    }
}

/// An event type that somebody declared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventInfo {
    /// For example `order.placed`.
    pub event_type: String,
    /// One of the eight topics, by its name.
    pub topic: String,
    /// What it means.
    pub description: String,
    /// The name of the schema of its payload, if one is registered.
    pub schema: Option<String>,
    /// Whether some active agent consumes it.
    pub actionable: bool,
    /// Names of the agents that consume it.
    pub consumers: Vec<String>,
    /// Names of the agents that produce it.
    pub producers: Vec<String>,
}

/// A JSON schema (draft 2020-12) under a name and a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schema {
    /// For example `order.placed`.
    pub name: String,
    /// 1, 2, 3 …: a registered version never changes.
    pub version: u32,
    /// The schema itself.
    pub body: Json,
}

/// Where and why a value breaks a schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// JSON pointer into the value: `/items/3/price`.
    pub pointer: String,
    /// What is wrong there.
    pub message: String,
}

/// Who can do what; made by [`Context::registry`](crate::Context::registry).
///
/// ```
/// # use warren_agent::{AgentQuery, Context, Result};
/// fn who_greets(ctx: &Context) -> Result<Vec<String>> {
///     let query = AgentQuery { consumes: Some("greet.requested".into()), ..AgentQuery::default() };
///     let agents = ctx.registry().find_agents(query)?;
///     Ok(agents.into_iter().map(|agent| agent.name).collect())
/// }
/// ```
#[derive(Clone, Copy)]
pub struct Registry<'a> {
    host: &'a Backend,
}

impl<'a> Registry<'a> {
    pub(super) fn new(host: &'a Backend) -> Self {
        Self { host }
    }

    /// Agents that match, by name.
    pub fn find_agents(self, query: AgentQuery) -> Result<Vec<AgentInfo>> {
        self.host.get().find_agents(query)
    }

    /// The agent of this name.
    pub fn get_agent(self, name: &str) -> Result<AgentInfo> {
        self.host.get().get_agent(name)
    }

    /// Event types that match, by name.
    pub fn find_events(self, query: EventQuery) -> Result<Vec<EventInfo>> {
        self.host.get().find_events(query)
    }

    /// The latest version of a registered schema.
    pub fn get_schema(self, name: &str) -> Result<Schema> {
        self.host.get().get_schema(name, None)
    }

    /// This version of a registered schema.
    pub fn get_schema_version(self, name: &str, version: u32) -> Result<Schema> {
        self.host.get().get_schema(name, Some(version))
    }

    /// Check a value against the latest version of a registered schema. Empty when it fits; at most 32.
    pub fn validate<T: Serialize + ?Sized>(
        self,
        schema: &str,
        value: &T,
    ) -> Result<Vec<Violation>> {
        self.host.get().validate(schema, &Json::of(value)?)
    }
}
