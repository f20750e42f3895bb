//! A service: something that lives elsewhere and stands in the catalogue beside the hosted agents.
//!
//! Invariant: a [`ServiceDefinition`] that was accepted is within every limit of this file and holds no
//! secret: who wants to use the service is told which kind of key it takes, never the key. Hosted agents
//! and services share their names, so that a name means one thing. Knows nothing of HTTP or SQL.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::events::Json;
use crate::id::{AgentName, KeyName};
use crate::identity::Principal;

use super::lifecycle::{Health, ServiceState, missed_beats, state_by_beats, unknown_word};
use super::signature::Signature;
use super::{Capability, Produced, Subscription};

mod check;

pub use check::{
    ENDPOINTS_MAX, METADATA_BYTES_MAX, READERS_MAX, RESERVED_NAMES, SERVICE_BYTES_MAX, TTL_S_MAX,
    URL_BYTES_MAX,
};

/// Most services in a tenant, as many as agents: the catalogue is held in memory, and a heartbeat copies
/// its index of pointers.
pub const SERVICES_PER_TENANT_MAX: usize = 1_000;

/// What sort of thing lives elsewhere.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum ServiceKind {
    /// An agent of another host.
    Agent,
    /// Answers a request.
    Tool,
    /// Any other program.
    Service,
    /// An interface of somebody else.
    Api,
    /// A machine in the world.
    Device,
    /// Another host.
    Node,
}

impl ServiceKind {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Agent,
        Self::Tool,
        Self::Service,
        Self::Api,
        Self::Device,
        Self::Node,
    ];

    /// Its word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::Tool => "tool",
            Self::Service => "service",
            Self::Api => "api",
            Self::Device => "device",
            Self::Node => "node",
        }
    }
}

impl FromStr for ServiceKind {
    type Err = Error;

    fn from_str(word: &str) -> Result<Self> {
        let mut all = Self::ALL.into_iter();
        all.find(|kind| kind.as_str() == word)
            .ok_or_else(|| unknown_word("type", word, &Self::ALL.map(Self::as_str)))
    }
}

impl fmt::Display for ServiceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Who may see a service. Whoever may not is answered as if it were not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Visibility {
    /// Every key and every agent of the tenant.
    #[default]
    Public,
    /// The key that registered it, and the keys that it names as readers.
    Private,
    /// The key that registered it, and whoever operates the host.
    Internal,
}

/// Who is looking.
#[derive(Debug, Clone, Copy)]
pub enum Viewer<'a> {
    /// The holder of a key.
    Key(&'a KeyName),
    /// A hosted agent in its turn.
    Agent,
    /// Whoever operates the host, or the host itself.
    Operator,
}

impl<'a> Viewer<'a> {
    /// The viewer that acts.
    pub fn of(principal: &'a Principal) -> Self {
        match principal {
            Principal::Client(key) => Self::Key(key),
            Principal::Agent(_) => Self::Agent,
            Principal::Host => Self::Operator,
        }
    }
}

/// A way into a service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Endpoint {
    /// Below the service's url, for example `/chat`.
    pub path: String,
    /// How it is asked, for example `POST`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// What it does.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
}

/// Which kind of key a service takes. Never the key itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AuthHint {
    /// What sort.
    #[serde(rename = "type")]
    pub kind: AuthKind,
    /// Where to get one, in words.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub hint: String,
}

/// What sort of key a service takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum AuthKind {
    /// None.
    None,
    /// A key of its own.
    #[serde(alias = "api_key")]
    ApiKey,
    /// A signed token.
    Jwt,
    /// OAuth 2.
    Oauth,
    /// A client certificate.
    Mtls,
    /// Something else: the hint says what.
    Other,
}

/// What a service says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ServiceDefinition {
    /// Its name, unique in the tenant among services and agents.
    #[schema(value_type = String)]
    pub name: AgentName,
    /// The owner's version, for people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub version: String,
    /// What sort of thing.
    #[serde(rename = "type")]
    pub kind: ServiceKind,
    /// What it is for.
    #[serde(default)]
    pub description: String,
    /// A shelf to find it on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    /// Words to find it by.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub tags: BTreeSet<String>,
    /// Where it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// What is spoken there, for example `http` or `mqtt`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protocol: Option<String>,
    /// Which kind of key it takes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth: Option<AuthHint>,
    /// The ways into it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub endpoints: Vec<Endpoint>,
    /// What it can do.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<Object>)]
    pub capabilities: Vec<Capability>,
    /// What it handles, as in a manifest.
    #[serde(default, alias = "consumes", skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<Object>)]
    pub subscriptions: Vec<Subscription>,
    /// What it publishes, as in a manifest.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<Object>)]
    pub produces: Vec<Produced>,
    /// Anything else: a JSON object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub metadata: Option<Json>,
    /// Who may see it.
    #[serde(default)]
    pub visibility: Visibility,
    /// With `private`: the keys that may see it beside its owner's.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    #[schema(value_type = Vec<String>)]
    pub readers: BTreeSet<KeyName>,
    /// Seconds without a sign of life after which it is offline; 0 for one that never sends any. The
    /// host's default unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttl_s: Option<u32>,
}

/// A service in the catalogue.
#[derive(Debug, Clone, PartialEq)]
pub struct Service {
    /// What it says of itself.
    pub definition: Arc<ServiceDefinition>,
    /// The key that registered it and alone may change it. By name, so that a key that takes the place
    /// of a revoked one keeps what that one had.
    pub owner: KeyName,
    /// Its signature, if it came with one.
    pub signature: Option<Arc<Signature>>,
    /// Milliseconds without a sign of life after which it is offline; 0: never.
    pub ttl_ms: u64,
    /// The state that its owner put it in; what it tells and what it misses come on top.
    pub asked: ServiceState,
    /// What it last told of its health.
    pub health: Option<Health>,
    /// The state that the feed last told of.
    pub announced: ServiceState,
    /// Its last sign of life.
    pub seen: Timestamp,
    /// Since when the feed knows it as offline.
    pub offline_since: Option<Timestamp>,
    /// When it was first registered.
    pub registered: Timestamp,
    /// When its definition last changed.
    pub updated: Timestamp,
}

impl Service {
    /// Its name.
    pub fn name(&self) -> &AgentName {
        &self.definition.name
    }

    /// Its state at this very moment, whether anybody has been told of it yet or not.
    pub fn state_at(&self, now: Timestamp) -> ServiceState {
        let by_beats = state_by_beats(self.missed_at(now));
        if by_beats == ServiceState::Offline || self.asked == ServiceState::Offline {
            return ServiceState::Offline;
        }
        if self.asked == ServiceState::Paused {
            return ServiceState::Paused;
        }
        let by_health = self
            .health
            .as_ref()
            .map_or(ServiceState::Active, Health::state);
        self.asked.max(by_beats).max(by_health)
    }

    /// How many heartbeats in a row it has missed.
    pub fn missed_at(&self, now: Timestamp) -> u32 {
        missed_beats(now.since(self.seen), self.ttl_ms)
    }

    /// Whether this viewer may know of it.
    pub fn visible_to(&self, viewer: Viewer<'_>) -> bool {
        let mine = matches!(viewer, Viewer::Key(key) if *key == self.owner);
        mine || match self.definition.visibility {
            Visibility::Public => true,
            Visibility::Private => {
                matches!(viewer, Viewer::Key(key) if self.definition.readers.contains(key))
            }
            Visibility::Internal => matches!(viewer, Viewer::Operator),
        }
    }
}

/// A service about to be registered: it was checked, and its signature too if it has one.
#[derive(Debug, Clone)]
pub struct NewService {
    /// What it says of itself.
    pub definition: ServiceDefinition,
    /// Its signature, if it came with one.
    pub signature: Option<Signature>,
    /// Milliseconds without a sign of life after which it is offline; 0: never.
    pub ttl_ms: u64,
    /// When.
    pub now: Timestamp,
}

/// What a registration did.
#[derive(Debug, Clone)]
pub struct RegisteredService {
    /// The service as it is now.
    pub service: Arc<Service>,
    /// Whether there was none of that name before.
    pub created: bool,
    /// Whether it says the same as before: only its time to live was renewed.
    pub unchanged: bool,
}

#[cfg(test)]
mod tests;
