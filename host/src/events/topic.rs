//! The eight topics.

use crate::id::words;

/// What sort of thing an event says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Topic {
    /// Somebody is asked to do something.
    ActionRequests,
    /// What came of a request.
    ActionResults,
    /// Something happened in the tenant's business.
    BusinessFacts,
    /// Something happened in the host.
    SystemEvents,
    /// Somebody should be told.
    NotificationEvents,
    /// Something was used that is paid for.
    BillingEvents,
    /// A plan moved.
    PlanEvents,
    /// A task moved.
    TaskEvents,
}

impl Topic {
    /// All of them, in the order of the contract.
    pub const ALL: [Self; 8] = [
        Self::ActionRequests,
        Self::ActionResults,
        Self::BusinessFacts,
        Self::SystemEvents,
        Self::NotificationEvents,
        Self::BillingEvents,
        Self::PlanEvents,
        Self::TaskEvents,
    ];

    /// Its name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ActionRequests => "action-requests",
            Self::ActionResults => "action-results",
            Self::BusinessFacts => "business-facts",
            Self::SystemEvents => "system-events",
            Self::NotificationEvents => "notification-events",
            Self::BillingEvents => "billing-events",
            Self::PlanEvents => "plan-events",
            Self::TaskEvents => "task-events",
        }
    }
}

words!(Topic, "topic");
