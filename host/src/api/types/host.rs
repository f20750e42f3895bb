//! The host itself.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

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
