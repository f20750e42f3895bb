//! Who can do what: agents, their versions and manifests, event definitions and schemas.
//!
//! Invariant: a version never changes; an agent points at one of its versions, and a turn keeps the
//! one it began with. This module knows nothing of HTTP, SQL or Wasm.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::error::Result;
use crate::events::{Json, Topic};
use crate::id::{AgentId, AgentName, Digest, EventType};
use crate::identity::TenantScope;

mod bootstrap;
mod brief;
mod compatibility;
mod config;
mod directory;
mod discovery;
mod document;
mod entry;
mod feed;
mod filter;
mod grant;
mod graph;
mod lifecycle;
mod manifest;
mod overview;
mod payload;
mod ranking;
mod routing;
mod schema;
mod search;
mod services;
mod settings;
mod signature;
mod well_known;

pub use bootstrap::{
    BOOTSTRAP_FAULTS_MAX, BOOTSTRAP_ROWS_MAX, Bootstrap, BootstrapFormat, Place, RowFault,
};
pub use brief::BRIEF_BYTES_MAX;
pub use compatibility::{
    BREAKING_MAX, Breaking, Compatibility, STEPS_MAX as COMPATIBILITY_STEPS_MAX, breaking,
    require_compatible,
};
pub use config::{CONFIG_NAME_BYTES_MAX, CONFIG_VALUE_BYTES_MAX, CONFIG_VALUES_MAX, check_config};
pub use directory::Directory;
pub use discovery::{Discovered, Entry, Found, QUESTION_BYTES_MAX};
pub use document::ServiceDocument;
pub use entry::{
    AuthHint, AuthKind, ENDPOINTS_MAX, Endpoint, METADATA_BYTES_MAX, NewService, READERS_MAX,
    RESERVED_NAMES, RegisteredService, SERVICE_BYTES_MAX, SERVICES_PER_TENANT_MAX, Service,
    ServiceDefinition, ServiceKind, TTL_S_MAX, URL_BYTES_MAX, Viewer, Visibility,
};
pub use feed::{Change, FEED_PREFIX, change_event, is_feed_event};
pub use filter::{FILTER_BYTES_MAX, FILTER_DEPTH_MAX, FILTER_NODES_MAX, FILTER_STEPS_MAX};
pub use grant::{
    AnyGrant, Grant, GrantSet, HTTP_GRANTS_MAX, HostName, HttpGrant, HttpScheme, Origin, split_port,
};
pub use graph::{Dangling, Graph, GraphEvent, GraphNode};
pub use lifecycle::{
    BEATS_MISSED_DEGRADED, BEATS_MISSED_UNHEALTHY, BEATS_PER_TTL, BreakerState, ERRORS_DEGRADED,
    ERRORS_UNHEALTHY, Health, HealthWord, HostedFacts, HostedState, LOAD_DEGRADED_PERCENT,
    MEMORY_UNHEALTHY_PERCENT, ServiceState, hosted_state,
};
pub use manifest::{
    ATTEMPTS_MAX, AgentKind, CONCURRENCY_MAX, Capability, CapabilityContract,
    DESCRIPTION_BYTES_MAX, EventContract, EventRef, MANIFEST_BYTES_MAX, MANIFEST_LIST_MAX,
    Manifest, PayloadSchema, Produced, Settings, Subscription, TAGS_MAX, TIMEOUT_MS_MAX,
    WORD_BYTES_MAX,
};
pub use overview::{Counts, EventsOverview, HealthOverview, Overview};
pub use payload::{PayloadCheck, TenantSettings, UnknownEvents};
pub use routing::Address;
pub use schema::{SchemaCache, VIOLATIONS_MAX, Violation, compile as compile_schema};
pub use search::{AgentQuery, EventQuery, FIND_LIMIT_MAX, FoundEvent};
pub use services::{
    Hosted, SIGNING_KEYS_PER_TENANT_MAX, SWEPT_SERVICES_MAX, ServiceQuery, ServiceStore, Services,
    SweptServices,
};
pub use settings::RegistrySettings;
pub use signature::{JWS_BYTES_MAX, PublicJwk, Signature, SigningKey, Unverified, canonical};
pub use well_known::{
    RESERVED_PREFIX, WELL_KNOWN, WellKnown, check_definition, check_schema_name, own_schema,
};

/// Most versions kept of one agent; older ones that are not current are forgotten first.
pub const VERSIONS_PER_AGENT_MAX: u32 = 100;
/// Most agents in a tenant.
pub const AGENTS_PER_TENANT_MAX: u64 = 1_000;
/// Longest configuration of an agent as JSON in bytes: settings, not data.
pub const CONFIG_BYTES_MAX: usize = 64 * 1024;

/// Whether an agent gets turns.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "kebab-case")]
pub enum AgentStatus {
    /// It does.
    Active,
    /// Its deliveries wait until somebody resumes it.
    Paused,
    /// Its deliveries wait: it took the host down. An operator releases it.
    Quarantined {
        /// What happened.
        reason: String,
    },
}

impl AgentStatus {
    /// `active`, `paused` or `quarantined`.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Paused => "paused",
            Self::Quarantined { .. } => "quarantined",
        }
    }
}

/// An agent.
#[derive(Debug, Clone)]
pub struct Agent {
    /// Its number in the tenant.
    pub id: AgentId,
    /// Its name in the tenant.
    pub name: AgentName,
    /// Whether it gets turns.
    pub status: AgentStatus,
    /// The number of the version that new turns run.
    pub version: u32,
    /// That version's component.
    pub digest: Digest,
    /// That version's manifest.
    pub manifest: Arc<Manifest>,
    /// What it may do: what the manifest asks for, as far as the tenant granted it.
    pub grants: GrantSet,
    /// Configuration values that the tenant set.
    pub config: Arc<BTreeMap<String, String>>,
    /// When it was first pushed.
    pub created: Timestamp,
    /// When it last changed.
    pub updated: Timestamp,
}

/// A version of an agent.
#[derive(Debug, Clone)]
pub struct Version {
    /// 1, 2, 3 …
    pub number: u32,
    /// Its component.
    pub digest: Digest,
    /// Bytes as uploaded.
    pub component_bytes: u64,
    /// Its manifest.
    pub manifest: Arc<Manifest>,
    /// What it was granted.
    pub grants: GrantSet,
    /// When it was pushed.
    pub created: Timestamp,
}

/// A version about to be deployed: intake has checked and compiled it.
#[derive(Debug, Clone)]
pub struct NewVersion {
    /// Whose.
    pub name: AgentName,
    /// Its component.
    pub digest: Digest,
    /// Bytes as uploaded.
    pub component_bytes: u64,
    /// What it says of itself.
    pub manifest: Arc<Manifest>,
    /// What it gets.
    pub grants: GrantSet,
    /// When.
    pub now: Timestamp,
}

/// What a deploy did.
#[derive(Debug, Clone)]
pub struct Deployed {
    /// The agent as it is now.
    pub agent: Agent,
    /// Whether there was none of that name before.
    pub created: bool,
    /// Whether this very version was current already: nothing was done.
    pub unchanged: bool,
}

/// Agents of a tenant.
#[async_trait]
pub trait AgentStore: Send + Sync {
    /// Make a version the current one, subscriptions included, in one transaction. A digest that the
    /// agent had before becomes current again under its old number.
    async fn deploy(&self, scope: &TenantScope, version: NewVersion) -> Result<Deployed>;
    /// Everything about the tenant's agents as of the last commit: cheap, shared, never stale.
    async fn directory(&self, scope: &TenantScope) -> Result<Arc<Directory>>;
    /// Versions of an agent, newest first.
    async fn versions(&self, scope: &TenantScope, name: &AgentName) -> Result<Vec<Version>>;
    /// Point an agent at the version of this number, or at the one before the current.
    /// `NotFound` if there is no such agent or version.
    async fn rollback(
        &self,
        scope: &TenantScope,
        name: &AgentName,
        to: Option<u32>,
        now: Timestamp,
    ) -> Result<Agent>;
    /// Pause, resume, quarantine or release.
    async fn set_status(
        &self,
        scope: &TenantScope,
        name: &AgentName,
        status: AgentStatus,
        now: Timestamp,
    ) -> Result<Agent>;
    /// Replace the configuration values.
    async fn set_config(
        &self,
        scope: &TenantScope,
        name: &AgentName,
        config: BTreeMap<String, String>,
        now: Timestamp,
    ) -> Result<Agent>;
    /// Remove an agent, its versions and its waiting deliveries. Its past turns stay readable.
    async fn delete(&self, scope: &TenantScope, name: &AgentName) -> Result<()>;
}

/// An event type that somebody declared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventDefinition {
    /// The type.
    pub event_type: EventType,
    /// Its topic.
    pub topic: Topic,
    /// What it means.
    pub description: String,
    /// The name of the schema of its payload: the payload is checked against its latest version.
    pub schema: Option<String>,
}

/// A version of a schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schema {
    /// Its name.
    pub name: String,
    /// 1, 2, 3 …
    pub version: u32,
    /// The schema.
    pub body: Json,
    /// Whose it is, of all its versions.
    pub owner: String,
    /// What a new version must be to the one before it.
    pub compatibility: Compatibility,
    /// When it was registered.
    pub created: Timestamp,
}

/// A version of a schema about to be registered.
#[derive(Debug, Clone)]
pub struct NewSchema {
    /// Its name.
    pub name: String,
    /// The number that it must get; the next one unless given.
    pub version: Option<u32>,
    /// The schema.
    pub body: Json,
    /// Whose it is from now on; as before unless given, and the publisher's for the first version.
    pub owner: Option<String>,
    /// What versions must be to the one before from now on; as before unless given.
    pub compatibility: Option<Compatibility>,
    /// Check only.
    pub dry_run: bool,
    /// When.
    pub now: Timestamp,
}

impl NewSchema {
    /// The next version; owner and compatibility as before.
    pub fn next(name: impl Into<String>, body: Json, now: Timestamp) -> Self {
        Self {
            name: name.into(),
            version: None,
            body,
            owner: None,
            compatibility: None,
            dry_run: false,
            now,
        }
    }
}

/// What a registration did, or would have done.
#[derive(Debug, Clone)]
pub struct RegisteredSchema {
    /// The version.
    pub schema: Schema,
    /// Whether it is a new one.
    pub created: bool,
}

/// Event definitions, schemas and settings of a tenant. Declared by hand; those that manifests declare
/// are in the [`Directory`].
#[async_trait]
pub trait CatalogStore: Send + Sync {
    /// Register or replace a definition.
    async fn put_event(&self, scope: &TenantScope, definition: EventDefinition) -> Result<()>;
    /// Remove a definition. `NotFound` if there is none.
    async fn delete_event(&self, scope: &TenantScope, event_type: &EventType) -> Result<()>;
    /// All definitions, by type; at most [`EVENT_DEFINITIONS_MAX`] exist.
    async fn events(&self, scope: &TenantScope) -> Result<Vec<EventDefinition>>;
    /// Register a version of a schema. The latest one again is not a new version.
    ///
    /// # Errors
    /// `Conflict` if its number is another body's, or if it does not go with the version before it.
    async fn put_schema(&self, scope: &TenantScope, schema: NewSchema) -> Result<RegisteredSchema>;
    /// This version, or the latest. `NotFound` if there is none. The host's own are in every tenant.
    async fn schema(&self, scope: &TenantScope, name: &str, version: Option<u32>)
    -> Result<Schema>;
    /// The latest version of each schema of this owner, or of all, by name.
    async fn schemas(&self, scope: &TenantScope, owner: Option<&str>) -> Result<Vec<Schema>>;
    /// Versions of a schema, the newest first, before `before`. `NotFound` if there is none.
    async fn schema_versions(
        &self,
        scope: &TenantScope,
        name: &str,
        before: Option<u32>,
        limit: u32,
    ) -> Result<Vec<Schema>>;
    /// Replace the settings, which are in the [`Directory`].
    async fn put_settings(&self, scope: &TenantScope, settings: TenantSettings) -> Result<()>;
}

/// Most event definitions in a tenant.
pub const EVENT_DEFINITIONS_MAX: u64 = 10_000;
/// Most schemas in a tenant: [`CatalogStore::schemas`] returns the latest of each at once.
pub const SCHEMAS_PER_TENANT_MAX: u64 = 1_000;
/// Most versions of a schema, which are all kept for ever.
pub const SCHEMA_VERSIONS_MAX: u32 = 1_000;
