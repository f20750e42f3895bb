//! The JSON shapes of `/v1`: what clients send and get.
//!
//! Invariant: names follow the words of the domain (`snake_case`), absent values are left out, fields are
//! only ever added. The command line reads the same types, so a shape changes for both at once.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::registry::RowFault;

mod admin;
mod agents;
mod audit;
mod catalog;
mod events;
mod host;
mod memory;
mod publish;
mod secrets;
mod services;
mod turns;
mod usage;

pub use admin::{
    KeyMade, KeyRequest, KeyView, RotateRequest, SuspendRequest, SuspendedComponentView,
    TENANT_WEIGHT_DEFAULT, TENANT_WEIGHT_MAX, TenantPatch, TenantRequest, TenantView, TokenMade,
    TokenRequest, WhoamiView,
};
pub use agents::{
    AgentView, BreakerView, CallRequest, CallView, CapabilityView, PushView, RollbackRequest,
    VersionView,
};
pub use audit::{AuditEndsView, AuditRowView};
pub use catalog::{EventDefinitionRequest, EventDefinitionView, SchemaView};
pub use events::{DeliveryView, EventView, ReplyTo};
pub use host::{EmbedderView, HealthView, HostVersionView, QueueView, ReadyView};
pub use memory::{
    ActivateRequest, ClearedView, EpisodeRequest, EpisodeView, EraseRequest, ErasedView,
    ExportView, FoundView, ImportRequest, ImportView, KnowledgeView, MatchRequest, PartView,
    PlaceView, ProcedureRequest, ProcedureView, RememberRequest, RememberedView, SearchRequest,
    SessionRequest, SessionView, WhyView, WorkingKeyView, WorkingValueView,
};
pub use publish::{BatchRequest, BatchView, PublishRequest, PublishView};
pub use secrets::{SecretRequest, SecretView};
pub use services::{
    FeedMessage, ResolvedView, ServiceView, ServicesImportView, SignatureView, SigningKeyRequest,
    SigningKeyView, StatusRequest,
};
pub use turns::{
    CallRecordView, DeadLetterView, HttpRecordView, LogLineView, TurnDetails, TurnView,
};
pub use usage::{QuotaView, UsagePeriodView, UsageView};

/// One page of a list.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Listing<T> {
    /// The rows.
    pub items: Vec<T>,
    /// Where the next page begins, if there may be one: give it back as the parameter `before` (lists
    /// that begin with the newest) or `after` (lists by name).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// Why a request was not fulfilled: problem details of RFC 9457.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// `urn:warren:problem:` and the code.
    #[serde(rename = "type")]
    pub problem_type: String,
    /// What sort of problem, the same for every one of this code.
    pub title: String,
    /// The status code.
    pub status: u16,
    /// A stable word that programs decide on.
    pub code: String,
    /// What happened, which value, which limit, what to do next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// The input that is to blame.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// The limit that was passed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<String>,
    /// The scope that the key lacks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// The event that the request made before it failed: look it up later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_id: Option<String>,
    /// The turn that failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub turn_id: Option<String>,
    /// The rows of the input that are to blame.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rows: Vec<RowFault>,
    /// Names this request in the host's log.
    pub request_id: String,
}
