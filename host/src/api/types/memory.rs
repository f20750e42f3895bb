//! Memory, as far as it can be looked at from outside.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::clock::Timestamp;
use crate::events::Json;

mod episodes;
mod knowledge;
mod procedures;

pub use episodes::{EpisodeRequest, EpisodeView, SessionRequest, SessionView};
pub use knowledge::{
    ExportView, FoundView, ImportRequest, ImportView, KnowledgeView, PartView, PlaceView,
    RememberRequest, RememberedView, SearchRequest, WhyView,
};
pub use procedures::{
    ActivateRequest, ClearedView, EraseRequest, ErasedView, MatchRequest, ProcedureRequest,
    ProcedureView,
};

/// A value of working memory.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct WorkingValueView {
    /// Whose: `agent:<name>` or `plan:<id>`.
    pub space: String,
    /// Its key.
    pub key: String,
    /// The value.
    #[schema(value_type = serde_json::Value)]
    pub value: Json,
    /// Raised by every write.
    pub version: u64,
    /// When it is forgotten, if it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub expires: Option<Timestamp>,
}

/// A key of working memory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WorkingKeyView {
    /// The key.
    pub key: String,
    /// Raised by every write.
    pub version: u64,
}
