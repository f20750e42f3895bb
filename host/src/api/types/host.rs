//! The host itself.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::memory::embed::EmbeddingFigures;
use crate::turn::QueueDepth;

/// Whether the process lives, and what hangs on it.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct HealthView {
    /// `ok`.
    pub status: String,
    /// `ready`, `recovering` or `draining`.
    pub state: String,
    /// `sqlite`. A host whose disk fails ends, so one that answers has its store.
    pub store: String,
    /// `local`: events are carried inside this process, and the bus lives as long as it does.
    pub bus: String,
    /// Open event streams.
    pub streams: u64,
    /// The host's version.
    pub version: String,
    /// What makes the vectors of knowledge.
    pub embedder: EmbedderView,
}

/// How the embedder does, and how far knowledge is embedded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EmbedderView {
    /// Its name, which is kept with every vector.
    pub name: String,
    /// `ready`; `behind` while entries still wait for their vectors; `down` while it cannot be asked:
    /// searches go by words then, and what is remembered is embedded later.
    pub state: String,
    /// Entries that wait, in all tenants.
    pub waiting: u64,
    /// Entries that it does not take: they are found by words alone.
    pub refused: u64,
}

impl From<EmbeddingFigures> for EmbedderView {
    fn from(figures: EmbeddingFigures) -> Self {
        let state = match (&figures.down, figures.waiting) {
            (Some(_), _) => "down",
            (None, 0) => "ready",
            (None, _) => "behind",
        };
        Self {
            name: figures.embedder.to_string(),
            state: state.to_owned(),
            waiting: figures.waiting,
            refused: figures.refused,
        }
    }
}

/// Whether work may be sent here.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ReadyView {
    /// `ready`.
    pub status: String,
}

/// What runs here.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct HostVersionView {
    /// The host's version.
    pub version: String,
    /// The contract with guests that this host speaks.
    pub contract: String,
    /// The version of this HTTP interface.
    pub api: String,
}

/// What waits in a tenant's queue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct QueueView {
    /// Deliveries that may run.
    pub pending: u64,
    /// Deliveries that wait for their next attempt.
    pub retrying: u64,
    /// Events that wait for their time.
    pub scheduled: u64,
    /// Dead letters.
    pub dead: u64,
}

impl From<QueueDepth> for QueueView {
    fn from(depth: QueueDepth) -> Self {
        Self {
            pending: depth.pending,
            retrying: depth.retrying,
            scheduled: depth.scheduled,
            dead: depth.dead,
        }
    }
}
