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

/// Which entries of the catalogue to look for. All that is given must match.
///
/// ```
/// # use warren_agent::{CatalogQuery, Context, Result};
/// fn who_summarises(ctx: &Context) -> Result<Option<String>> {
///     let query = CatalogQuery::about("who can summarise a web page?");
///     let best = ctx.registry().discover(query)?.into_iter().next();
///     Ok(best.map(|entry| entry.name))
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CatalogQuery {
    /// Its id: the name, or `name:version`.
    pub id: Option<String>,
    /// Part of the name, in any case.
    pub name: Option<String>,
    /// `agent`, `tool`, `service`, `api`, `device` or `node`. Hosted planners and workers are agents.
    pub kind: Option<String>,
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
    /// `active`, `degraded`, `unhealthy`, `paused` or `offline`.
    pub state: Option<String>,
    /// Words of its description and its capabilities, all of them.
    pub text: Option<String>,
    /// A question in plain words: what answers it best comes first, what does not is left out.
    pub about: Option<String>,
    /// Only agents of this host, or only what lives elsewhere.
    pub hosted: Option<bool>,
    /// Those that are offline too.
    pub include_expired: bool,
    /// At most this many, 1 to 100.
    pub limit: u32,
    /// Continue after this name: the last one of the page before. Not with a question.
    pub after: Option<String>,
}

impl Default for CatalogQuery {
    fn default() -> Self {
        Self {
            id: None,
            name: None,
            kind: None,
            category: None,
            tags: Vec::new(),
            capability: None,
            task: None,
            consumes: None,
            produces: None,
            owner: None,
            state: None,
            text: None,
            about: None,
            hosted: None,
            include_expired: false,
            limit: LIMIT,
            after: None,
        }
    }
}

impl CatalogQuery {
    /// What answers a question in plain words, the best first.
    pub fn about(question: impl Into<String>) -> Self {
        Self {
            about: Some(question.into()),
            ..Self::default()
        }
    }
}

/// An entry of the catalogue: an agent of this host, or a service that lives elsewhere.
#[derive(Debug, Clone, PartialEq)]
pub struct CatalogEntry {
    /// Unique in the tenant.
    pub name: String,
    /// `agent`, `tool`, `service`, `api`, `device` or `node`.
    pub kind: String,
    /// Whether this host runs it.
    pub hosted: bool,
    /// Its state at this moment: `active`, `degraded`, `unhealthy`, `paused` or `offline`.
    pub state: String,
    /// Whose it is.
    pub owner: Option<String>,
    /// What it is for.
    pub description: String,
    /// Where it is, if it lives elsewhere.
    pub url: Option<String>,
    /// How well it answers the question, 0 to 1, if one was asked.
    pub score: Option<f64>,
    /// It in a few lines for a language model: what it can do, what to send, what comes back.
    pub brief: String,
    /// All that it says of itself, the events of its capabilities written out with their schemas.
    pub definition: Json,
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
    /// Only those that something consumes which works now.
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
    /// Whether something consumes it that works now.
    pub actionable: bool,
    /// Names of the agents and services that consume it.
    pub consumers: Vec<String>,
    /// Names of the agents and services that produce it.
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

    /// Agents and services that match: by name, or the best first if a question is asked.
    pub fn discover(self, query: CatalogQuery) -> Result<Vec<CatalogEntry>> {
        self.host.get().discover(query)
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
