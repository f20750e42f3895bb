//! Turns, their logs, and dead letters.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::clock::Timestamp;
use crate::id::{AgentName, Digest, EventId, EventType, Label, TurnId};
use crate::turn::{CallRecord, DeadLetter, HttpRecord, LogLine, TurnRecord};

use super::EventView;

/// An attempt at a turn.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct TurnView {
    /// The turn, the same on every attempt.
    #[schema(value_type = String)]
    pub turn: TurnId,
    /// The agent.
    #[schema(value_type = String)]
    pub agent: AgentName,
    /// The event.
    #[schema(value_type = String)]
    pub event: EventId,
    /// The event's type.
    #[schema(value_type = String)]
    pub event_type: EventType,
    /// The event's place in the log.
    pub position: i64,
    /// The event's trace.
    #[schema(value_type = String)]
    pub trace: Label,
    /// The component that ran.
    #[schema(value_type = String)]
    pub digest: Digest,
    /// 1 on the first attempt.
    pub attempt: u32,
    /// `committed`, `failed`, `rejected`, `trapped`, `timed-out`, `cpu-exhausted`, `limit-reached`,
    /// `host-died` or `host-error`.
    pub outcome: String,
    /// Why, if it did not end well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When it began.
    #[schema(value_type = String, format = DateTime)]
    pub started: Timestamp,
    /// How long it ran, in microseconds.
    pub duration_us: u64,
    /// How long it computed, in microseconds.
    pub cpu_us: u64,
    /// Host functions called.
    pub host_calls: u32,
    /// Times it was run again because something it had read changed.
    pub reruns: u32,
    /// Writes kept.
    pub writes: u32,
    /// Events published.
    #[schema(value_type = Vec<String>)]
    pub published: Vec<EventId>,
    /// Tools called.
    pub calls: Vec<CallRecordView>,
    /// Requests to the outside.
    #[serde(default)]
    pub http: Vec<HttpRecordView>,
    /// The agent's log; left out of lists unless asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logs: Option<Vec<LogLineView>>,
}

impl TurnView {
    /// The view of `record`, with its log or without.
    pub fn new(record: TurnRecord, with_logs: bool) -> Self {
        let logs = record.logs;
        Self {
            turn: record.turn,
            agent: record.agent,
            event: record.event,
            event_type: record.event_type,
            position: record.position.0,
            trace: record.trace,
            digest: record.digest,
            attempt: record.attempt,
            outcome: record.outcome.as_str().to_owned(),
            reason: record.reason,
            started: record.started,
            duration_us: record.duration_us,
            cpu_us: record.cpu_us,
            host_calls: record.host_calls,
            reruns: record.reruns,
            writes: record.writes,
            published: record.published,
            calls: record.calls.into_iter().map(Into::into).collect(),
            http: record.http.into_iter().map(Into::into).collect(),
            logs: with_logs.then(|| logs.into_iter().map(Into::into).collect()),
        }
    }
}

/// A tool that was called inside a turn.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct CallRecordView {
    /// The tool.
    #[schema(value_type = String)]
    pub agent: AgentName,
    /// What it was asked.
    #[schema(value_type = String)]
    pub event_type: EventType,
    /// How long it took, in microseconds.
    pub duration_us: u64,
    /// Why it failed, if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl From<CallRecord> for CallRecordView {
    fn from(call: CallRecord) -> Self {
        Self {
            agent: call.agent,
            event_type: call.event_type,
            duration_us: call.duration_us,
            error: call.error,
        }
    }
}

/// A request that a turn sent to the outside, or was refused.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct HttpRecordView {
    /// Whose: the turn's agent, or a tool that it called.
    #[schema(value_type = String)]
    pub agent: AgentName,
    /// Its method.
    pub method: String,
    /// Scheme, host and port.
    pub origin: String,
    /// The status of the answer, if one came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Bytes that were sent, head and body.
    pub sent_bytes: u64,
    /// Bytes that were received, head and body.
    pub received_bytes: u64,
    /// How long it took, in microseconds.
    pub duration_us: u64,
    /// Why it failed or was refused, if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl From<HttpRecord> for HttpRecordView {
    fn from(sent: HttpRecord) -> Self {
        Self {
            agent: sent.agent,
            method: sent.method,
            origin: sent.origin,
            status: sent.status,
            sent_bytes: sent.sent_bytes,
            received_bytes: sent.received_bytes,
            duration_us: sent.duration_us,
            error: sent.error,
        }
    }
}

/// A line of an agent's log.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct LogLineView {
    /// Milliseconds since the turn began.
    pub at_ms: u32,
    /// `trace`, `debug`, `info`, `warn` or `error`.
    #[schema(value_type = String)]
    pub level: crate::turn::LogLevel,
    /// The text.
    pub message: String,
    /// Names and values.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<Vec<String>>)]
    pub fields: Vec<(String, String)>,
}

impl From<LogLine> for LogLineView {
    fn from(line: LogLine) -> Self {
        Self {
            at_ms: line.at_ms,
            level: line.level,
            message: line.message,
            fields: line.fields,
        }
    }
}

/// A turn with all its attempts.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct TurnDetails {
    /// The turn.
    #[schema(value_type = String)]
    pub turn: TurnId,
    /// All attempts with their logs, the last first.
    pub attempts: Vec<TurnView>,
}

/// An event that an agent could not handle.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct DeadLetterView {
    /// Names it: replay or discard it by this.
    #[schema(value_type = String)]
    pub turn: TurnId,
    /// When it was given up.
    #[schema(value_type = String, format = DateTime)]
    pub time: Timestamp,
    /// The last attempt with its log.
    pub last_attempt: TurnView,
    /// The event.
    pub event: EventView,
}

impl From<DeadLetter> for DeadLetterView {
    fn from(letter: DeadLetter) -> Self {
        Self {
            turn: letter.record.turn.clone(),
            time: letter.time,
            last_attempt: TurnView::new(letter.record, true),
            event: EventView::from(&*letter.event),
        }
    }
}
