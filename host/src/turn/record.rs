//! What is remembered of an attempt at a turn. Persisted as JSON: fields are only ever added.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::id::{AgentName, Digest, EventId, EventType, Label, Position, TurnId};

use super::HttpRecord;

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TurnOutcome {
    /// The guest was content and all it did is kept.
    Committed,
    /// The guest returned a failure that may be retried.
    Failed,
    /// The guest rejected the event for good.
    Rejected,
    /// The guest trapped.
    Trapped,
    /// The deadline passed.
    TimedOut,
    /// The CPU budget was used up.
    CpuExhausted,
    /// Another limit of the sandbox or of the turn was passed.
    LimitReached,
    /// The host died while it ran.
    HostDied,
    /// The host could not run it: the component is missing, or the store was not to be had.
    HostError,
}

impl TurnOutcome {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Committed,
        Self::Failed,
        Self::Rejected,
        Self::Trapped,
        Self::TimedOut,
        Self::CpuExhausted,
        Self::LimitReached,
        Self::HostDied,
        Self::HostError,
    ];

    /// Its word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Committed => "committed",
            Self::Failed => "failed",
            Self::Rejected => "rejected",
            Self::Trapped => "trapped",
            Self::TimedOut => "timed-out",
            Self::CpuExhausted => "cpu-exhausted",
            Self::LimitReached => "limit-reached",
            Self::HostDied => "host-died",
            Self::HostError => "host-error",
        }
    }
}

/// How much a line of the agent's log matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// Every step.
    Trace,
    /// For whoever writes the agent.
    Debug,
    /// Worth knowing.
    Info,
    /// Odd.
    Warn,
    /// Wrong.
    Error,
}

/// A line of the agent's log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLine {
    /// Milliseconds since the turn began.
    pub at_ms: u32,
    /// How much it matters.
    pub level: LogLevel,
    /// The text, escaped.
    pub message: String,
    /// Names and values, escaped.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<(String, String)>,
}

/// A tool that was called inside the turn.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallRecord {
    /// The tool.
    pub agent: AgentName,
    /// What it was asked.
    pub event_type: EventType,
    /// How long it took, in microseconds.
    pub duration_us: u64,
    /// Why it failed, if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// An attempt at a turn.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TurnRecord {
    /// The turn, the same on every attempt.
    pub turn: TurnId,
    /// The agent.
    pub agent: AgentName,
    /// The component that ran.
    pub digest: Digest,
    /// The event.
    pub event: EventId,
    /// Its place in the log.
    pub position: Position,
    /// Its type.
    pub event_type: EventType,
    /// Its trace.
    pub trace: Label,
    /// 1 on the first attempt.
    pub attempt: u32,
    /// How it ended.
    pub outcome: TurnOutcome,
    /// Why, if it did not end well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When it began.
    pub started: Timestamp,
    /// How long it ran, in microseconds of wall clock.
    pub duration_us: u64,
    /// How long it ran, in microseconds of CPU inside the guest.
    pub cpu_us: u64,
    /// Host functions called.
    pub host_calls: u32,
    /// Times it was run again because something it had read changed.
    #[serde(default)]
    pub reruns: u32,
    /// Writes staged.
    #[serde(default)]
    pub writes: u32,
    /// Events published.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub published: Vec<EventId>,
    /// Tools called.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub calls: Vec<CallRecord>,
    /// Requests to the outside.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub http: Vec<HttpRecord>,
    /// The agent's log.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub logs: Vec<LogLine>,
}
