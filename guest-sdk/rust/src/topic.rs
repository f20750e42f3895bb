//! The eight topics.

use std::fmt;

use serde::Serialize;

/// What sort of thing an event says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
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

    /// The topic of this name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|topic| topic.as_str() == text)
    }
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
