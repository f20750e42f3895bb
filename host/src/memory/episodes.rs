//! Episodic memory: what was said and done, for one agent and one user.

use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::error::Result;
use crate::events::Json;
use crate::id::{AgentName, CustomerId, Label, UserId};
use crate::identity::TenantScope;

/// Most episodes that one read returns.
pub const EPISODES_LIMIT_MAX: u32 = 100;

/// Who spoke or acted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// The end user.
    User,
    /// The agent.
    Assistant,
    /// Instructions.
    System,
    /// A tool's result.
    Tool,
}

impl Role {
    /// Its word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Assistant => "assistant",
            Self::System => "system",
            Self::Tool => "tool",
        }
    }
}

/// One thing that was said or done.
#[derive(Debug, Clone, PartialEq)]
pub struct Episode {
    /// The host's name for it.
    pub id: Arc<str>,
    /// Whose episodes these are.
    pub agent: AgentName,
    /// With whom: customer.
    pub customer: Option<CustomerId>,
    /// With whom: user.
    pub user: Option<UserId>,
    /// Who spoke or acted.
    pub role: Role,
    /// The text.
    pub content: Arc<str>,
    /// A JSON object.
    pub metadata: Json,
    /// The session of the event in whose turn it was added.
    pub session: Option<Label>,
    /// When.
    pub time: Timestamp,
}

/// Which episodes. All that is given must match.
#[derive(Debug, Clone)]
pub struct EpisodeFilter {
    /// Of this agent.
    pub agent: AgentName,
    /// Of this session.
    pub session: Option<Label>,
    /// By this role.
    pub role: Option<Role>,
    /// At or after.
    pub since: Option<Timestamp>,
    /// Before.
    pub until: Option<Timestamp>,
    /// At most this many.
    pub limit: u32,
    /// Older than the episode of this id.
    pub before: Option<String>,
}

/// Episodes that have not been made into knowledge.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Unconsolidated {
    /// Up to where they have been; 0 for none. What a commit checks.
    pub mark: u64,
    /// Those after it, in the order of their commits.
    pub episodes: Vec<Episode>,
}

/// Episodic memory as a client of the tenant keeps it, outside turns.
#[async_trait]
pub trait EpisodeKeeper: Send + Sync {
    /// Add an episode of the scope's customer and user.
    async fn add(&self, scope: &TenantScope, episode: Episode) -> Result<()>;
}

/// Reads of episodic memory of the scope's customer and user.
#[async_trait]
pub trait EpisodeStore: Send + Sync {
    /// The newest first.
    async fn recent(&self, scope: &TenantScope, filter: &EpisodeFilter) -> Result<Vec<Episode>>;
    /// By words, the best first.
    async fn search(
        &self,
        scope: &TenantScope,
        text: &str,
        filter: &EpisodeFilter,
    ) -> Result<Vec<Episode>>;
    /// Whether there is such an episode of the agent.
    async fn has(&self, scope: &TenantScope, agent: &AgentName, id: &str) -> Result<bool>;
    /// The oldest first: those after the mark, or after the episode of id `after`.
    async fn unconsolidated(
        &self,
        scope: &TenantScope,
        agent: &AgentName,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Unconsolidated>;
}
