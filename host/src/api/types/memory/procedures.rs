//! Procedural memory, and erasure.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::clock::Timestamp;
use crate::events::Json;
use crate::id::{CustomerId, UserId};
use crate::memory::{Erased, Procedure, ProcedureKind};

/// A version of a procedure to keep and make current.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ProcedureRequest {
    /// `prompt`, `rule` or `skill`.
    #[schema(value_type = String, example = "rule")]
    pub kind: ProcedureKind,
    /// The text, 1 byte to 64 KiB.
    pub body: String,
    /// When to use it, in plain words: at most 32 of at most 512 bytes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub triggers: Vec<String>,
    /// A JSON object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub metadata: Option<Box<RawValue>>,
}

/// Which version to make current.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ActivateRequest {
    /// Its number.
    #[serde(default)]
    pub version: u32,
}

/// A situation to find procedures for.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MatchRequest {
    /// What is the case, in plain words.
    pub situation: String,
    /// At most this many, 1 to 50; 10 unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

/// A version of a procedure.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ProcedureView {
    /// Its name.
    #[schema(value_type = String)]
    pub name: Arc<str>,
    /// 1, 2, 3 …
    pub version: u32,
    /// What sort.
    #[schema(value_type = String)]
    pub kind: ProcedureKind,
    /// The text.
    #[schema(value_type = String)]
    pub body: Arc<str>,
    /// When to use it.
    pub triggers: Vec<String>,
    /// A JSON object.
    #[schema(value_type = Object)]
    pub metadata: Json,
    /// The agent that wrote it, or `client/<key>`.
    #[schema(value_type = String)]
    pub writer: Arc<str>,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub created: Timestamp,
    /// How well it fits, 0 to 1; only of what was matched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score: Option<f64>,
}

impl From<Procedure> for ProcedureView {
    fn from(procedure: Procedure) -> Self {
        Self {
            name: procedure.name,
            version: procedure.version,
            kind: procedure.kind,
            body: procedure.body,
            triggers: procedure.triggers,
            metadata: procedure.metadata,
            writer: procedure.writer,
            created: procedure.created,
            score: None,
        }
    }
}

impl From<(Procedure, f64)> for ProcedureView {
    fn from((procedure, score): (Procedure, f64)) -> Self {
        Self {
            score: Some(score),
            ..procedure.into()
        }
    }
}

/// Whom to erase: a user, or a customer with all its users.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EraseRequest {
    /// The customer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub customer: Option<CustomerId>,
    /// The user: of this customer, or of none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub user: Option<UserId>,
}

/// How many rows went.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ErasedView {
    /// Events of the log.
    pub events: u64,
    /// Turns on them, dead letters included.
    pub turns: u64,
    /// Events that waited for their time.
    pub scheduled: u64,
    /// Knowledge entries; each chunk of a document counts.
    pub knowledge: u64,
    /// Episodes.
    pub episodes: u64,
    /// Sessions.
    pub sessions: u64,
    /// Values of working memory that only turns on behalf of the subject wrote.
    pub working: u64,
    /// Values of working memory that turns on behalf of several users wrote: these stay.
    pub working_shared: u64,
}

impl From<Erased> for ErasedView {
    fn from(erased: Erased) -> Self {
        Self {
            events: erased.events,
            turns: erased.turns,
            scheduled: erased.scheduled,
            knowledge: erased.knowledge,
            episodes: erased.episodes,
            sessions: erased.sessions,
            working: erased.working,
            working_shared: erased.working_shared,
        }
    }
}

/// How many values of working memory went.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ClearedView {
    /// Values.
    pub cleared: u64,
}
