//! The messenger between the store and everything that waits for it.
//!
//! Invariant: the store is the truth. An announcement is a hint sent after a commit; losing one costs
//! latency until the next poll, never data. Announcements of one tenant come in commit order.

use std::sync::Arc;

use crate::events::Event;
use crate::id::{AgentId, Label, TenantId};
use crate::turn::Delivery;

pub mod local;

/// What a commit changed.
#[derive(Debug, Clone)]
pub enum Announcement {
    /// Events were appended, with these deliveries. Both in order of position.
    Appended {
        /// The events.
        events: Vec<Arc<Event>>,
        /// Their deliveries.
        deliveries: Vec<Delivery>,
    },
    /// Something was scheduled or put back for a retry: there may be a sooner due time.
    DueChanged,
    /// Deliveries of these lanes were removed from the store without having run.
    DeliveriesRemoved(Vec<(AgentId, Label)>),
    /// Agents were deployed, rolled back, paused, resumed or deleted.
    AgentsChanged,
    /// The tenant was made.
    TenantCreated {
        /// Its share of the host, see [`crate::identity::Tenant::weight`].
        weight: u32,
    },
    /// What the tenant may use was changed, or whether anything of it runs.
    TenantChanged,
    /// The tenant was deleted.
    TenantDeleted,
}

/// Carries announcements. Called by the store's writer after each commit, so it must not block.
pub trait Bus: Send + Sync {
    /// Tell whoever waits.
    fn announce(&self, tenant: TenantId, announcement: Announcement);
}

/// Live events of a tenant, for open streams.
pub trait Feed: Send + Sync {
    /// Events from now on, in commit order. One that falls behind is told so and reads the log.
    fn subscribe(&self, tenant: TenantId) -> tokio::sync::broadcast::Receiver<Arc<Event>>;
}
