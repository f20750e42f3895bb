//! Services, their signatures, and what becomes of them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::clock::Timestamp;
use crate::events::Json;
use crate::id::{AgentName, KeyName, Position};
use crate::registry::{
    Agent, Entry, Found, Health, HostedFacts, HostedState, PublicJwk, Service, ServiceDefinition,
    ServiceKind, ServiceState, Signature, SigningKey, hosted_state,
};

use super::{CapabilityView, EventView};

/// An entry of the catalogue: a service that lives elsewhere, or an agent of this host.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ServiceView {
    /// Its name.
    #[schema(value_type = String)]
    pub name: AgentName,
    /// `name:version`.
    pub id: String,
    /// What sort of thing.
    #[serde(rename = "type")]
    pub kind: ServiceKind,
    /// Whether this host runs it: it is an agent then, and `/v1/agents` knows more of it.
    pub hosted: bool,
    /// Its state at this moment.
    pub state: ServiceState,
    /// Of an agent of this host: `loaded`, `running`, `failing`, `paused` or `quarantined`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hosted_state: Option<String>,
    /// Heartbeats in a row that it has missed.
    pub missed_beats: u32,
    /// Whose it is: of a service the key that registered it, of an agent what its manifest says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// How well it answers the question, 0 to 1, if one was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score: Option<f64>,
    /// What it last told of its health.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health: Option<Health>,
    /// Its last sign of life.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub seen: Option<Timestamp>,
    /// Its signature, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<SignatureView>,
    /// When it was first registered.
    #[schema(value_type = String, format = DateTime)]
    pub registered: Timestamp,
    /// When it last changed what it says.
    #[schema(value_type = String, format = DateTime)]
    pub updated: Timestamp,
    /// What it can do, each event written out.
    #[serde(default)]
    pub capabilities: Vec<CapabilityView>,
    /// What it says of itself.
    pub definition: ServiceDefinition,
}

/// A signature that was verified when it came.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SignatureView {
    /// The key that made it.
    #[schema(value_type = String)]
    pub key: KeyName,
    /// Whether it was verified, and its key still stands.
    pub verified: bool,
    /// The compact JWS with the signed document in it.
    pub jws: String,
}

impl From<&Signature> for SignatureView {
    fn from(signature: &Signature) -> Self {
        Self {
            key: signature.key.clone(),
            verified: signature.verified,
            jws: signature.jws.clone(),
        }
    }
}

impl ServiceView {
    /// A service as it is at `now`.
    pub fn of_service(service: &Service, now: Timestamp) -> Self {
        Self {
            name: service.name().clone(),
            id: service.definition.id(),
            kind: service.definition.kind,
            hosted: false,
            state: service.state_at(now),
            hosted_state: None,
            missed_beats: service.missed_at(now),
            owner: Some(service.owner.to_string()),
            score: None,
            health: service.health.clone(),
            seen: Some(service.seen),
            signature: service.signature.as_deref().map(Into::into),
            registered: service.registered,
            updated: service.updated,
            capabilities: CapabilityView::all(service.definition.capability_contracts()),
            definition: (*service.definition).clone(),
        }
    }

    /// An agent of this host, of which these are the facts.
    pub fn of_agent(agent: &Agent, facts: HostedFacts) -> Self {
        let definition = ServiceDefinition::of_agent(agent);
        Self::hosted(agent, hosted_state(agent, facts), definition)
    }

    /// What was found.
    pub fn of_found(found: &Found, now: Timestamp) -> Self {
        let view = match &found.entry {
            Entry::Agent(agent, state) => Self::hosted(agent, *state, (*found.definition).clone()),
            Entry::Service(service) => Self::of_service(service, now),
        };
        Self {
            score: found.score,
            ..view
        }
    }

    fn hosted(agent: &Agent, state: HostedState, definition: ServiceDefinition) -> Self {
        Self {
            name: agent.name.clone(),
            id: definition.id(),
            kind: definition.kind,
            hosted: true,
            state: state.as_service(),
            hosted_state: Some(state.as_str().to_owned()),
            missed_beats: 0,
            owner: agent.manifest.owner.clone(),
            score: None,
            health: None,
            seen: None,
            signature: None,
            registered: agent.created,
            updated: agent.updated,
            capabilities: CapabilityView::all(definition.capability_contracts()),
            definition,
        }
    }
}

/// What state to put a service into.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StatusRequest {
    /// `active`, `degraded`, `unhealthy`, `paused` or `offline`.
    #[serde(default, alias = "status")]
    pub state: Option<ServiceState>,
}

/// Whom to ask.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ResolvedView {
    /// Its name.
    #[schema(value_type = String)]
    pub name: AgentName,
    /// Where to ask. Of an agent of this host it is a path of this host.
    pub url: String,
    /// What is spoken there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protocol: Option<String>,
    /// Its state: `active` or `degraded`.
    pub state: ServiceState,
    /// Names of others that would do, the best first.
    #[schema(value_type = Vec<String>)]
    pub others: Vec<AgentName>,
}

/// What an import did, or would do.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ServicesImportView {
    /// Whether it was only checked.
    pub dry_run: bool,
    /// Rows of the file.
    pub rows: usize,
    /// Services that are new.
    pub created: usize,
    /// Services that say something else than before.
    pub changed: usize,
    /// Services that say the same as before.
    pub unchanged: usize,
}

/// A public key to check signatures with.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SigningKeyRequest {
    /// The key as a JWK: `{"kty": "OKP", "crv": "Ed25519", "x": "…"}`.
    #[schema(value_type = Object)]
    pub jwk: PublicJwk,
}

/// A public key that signatures are checked with.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SigningKeyView {
    /// What `kid` says.
    #[schema(value_type = String)]
    pub id: KeyName,
    /// The API key that registered it.
    #[schema(value_type = String)]
    pub owner: KeyName,
    /// The key.
    #[schema(value_type = Object)]
    pub jwk: PublicJwk,
    /// When it was registered.
    #[schema(value_type = String, format = DateTime)]
    pub created: Timestamp,
}

impl From<SigningKey> for SigningKeyView {
    fn from(key: SigningKey) -> Self {
        Self {
            jwk: PublicJwk::of(&key.public),
            id: key.id,
            owner: key.owner,
            created: key.created,
        }
    }
}

/// A message of the feed over a WebSocket.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct FeedMessage {
    /// `event`, or `connected`, `heartbeat` or `disconnected`, which speak of the stream itself.
    pub kind: String,
    /// How far the log was read: give it back as `after`.
    #[schema(value_type = i64)]
    pub position: Position,
    /// What happened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<EventView>,
    /// What there is to say of the stream.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub data: Option<Json>,
}
