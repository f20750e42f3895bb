//! Episodic memory, and sessions.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::clock::Timestamp;
use crate::events::Json;
use crate::id::{AgentName, Label};
use crate::memory::{Episode, Role, Session};

/// Something that was said or done.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EpisodeRequest {
    /// The agent that remembers it.
    #[schema(value_type = String)]
    pub agent: AgentName,
    /// `user`, `assistant`, `system` or `tool`.
    #[schema(value_type = String, example = "user")]
    pub role: Role,
    /// The text, 1 byte to 64 KiB.
    pub content: String,
    /// In this session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub session: Option<Label>,
    /// A JSON object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub metadata: Option<Box<RawValue>>,
}

/// An episode.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct EpisodeView {
    /// The host's name for it.
    #[schema(value_type = String)]
    pub id: Arc<str>,
    /// The agent that remembers it.
    #[schema(value_type = String)]
    pub agent: AgentName,
    /// Who spoke or acted.
    #[schema(value_type = String)]
    pub role: Role,
    /// The text.
    #[schema(value_type = String)]
    pub content: Arc<str>,
    /// A JSON object.
    #[schema(value_type = Object)]
    pub metadata: Json,
    /// In which session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub session: Option<Label>,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub time: Timestamp,
}

impl From<Episode> for EpisodeView {
    fn from(episode: Episode) -> Self {
        Self {
            id: episode.id,
            agent: episode.agent,
            role: episode.role,
            content: episode.content,
            metadata: episode.metadata,
            session: episode.session,
            time: episode.time,
        }
    }
}

/// What to keep of a session.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SessionRequest {
    /// A JSON object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub metadata: Option<Box<RawValue>>,
}

/// A session.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SessionView {
    /// Its name.
    #[schema(value_type = String)]
    pub id: Label,
    /// When it began.
    #[schema(value_type = String, format = DateTime)]
    pub started: Timestamp,
    /// When something last happened in it.
    #[schema(value_type = String, format = DateTime)]
    pub last_interaction: Timestamp,
    /// How many events belong to it.
    pub events: u64,
    /// A JSON object.
    #[schema(value_type = Object)]
    pub metadata: Json,
}

impl From<Session> for SessionView {
    fn from(session: Session) -> Self {
        Self {
            id: session.id,
            started: session.started,
            last_interaction: session.last,
            events: session.events,
            metadata: session.metadata,
        }
    }
}
