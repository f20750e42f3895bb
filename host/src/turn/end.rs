//! How a run of a guest ended, and what that means for its delivery.

use super::TurnOutcome;

/// How a run of a guest ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TurnEnd {
    /// The guest returned ok.
    Done,
    /// The guest returned a failure that may be retried.
    Failed {
        /// After this many milliseconds; none: as the back-off says.
        retry_ms: Option<u32>,
        /// Why.
        reason: Option<String>,
    },
    /// The guest rejected the event for good.
    Rejected(String),
    /// The guest trapped.
    Trapped(String),
    /// The deadline passed.
    TimedOut,
    /// The CPU budget was used up.
    CpuExhausted,
    /// Another limit was passed.
    LimitReached(String),
    /// The host could not run it.
    HostError(String),
}

impl TurnEnd {
    /// The word that is recorded.
    pub const fn outcome(&self) -> TurnOutcome {
        match self {
            Self::Done => TurnOutcome::Committed,
            Self::Failed { .. } => TurnOutcome::Failed,
            Self::Rejected(_) => TurnOutcome::Rejected,
            Self::Trapped(_) => TurnOutcome::Trapped,
            Self::TimedOut => TurnOutcome::TimedOut,
            Self::CpuExhausted => TurnOutcome::CpuExhausted,
            Self::LimitReached(_) => TurnOutcome::LimitReached,
            Self::HostError(_) => TurnOutcome::HostError,
        }
    }

    /// Why, if there is more to say than the word.
    pub fn reason(&self) -> Option<String> {
        match self {
            Self::Done | Self::TimedOut | Self::CpuExhausted => None,
            Self::Failed { reason, .. } => reason.clone(),
            Self::Rejected(why)
            | Self::Trapped(why)
            | Self::LimitReached(why)
            | Self::HostError(why) => Some(why.clone()),
        }
    }
}
