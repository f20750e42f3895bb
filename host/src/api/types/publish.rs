//! Events as clients write them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::clock::Timestamp;
use crate::id::EventId;

use super::ReplyTo;

/// An event to publish. `camelCase` names are understood too. The host stamps source and time.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PublishRequest {
    /// What happened.
    #[serde(rename = "type", alias = "event_type", alias = "eventType")]
    #[schema(example = "order.placed")]
    pub event_type: String,
    /// One of the eight topics; may be left out if the type is defined.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "business-facts")]
    pub topic: Option<String>,
    /// The payload; `null` unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<serde_json::Value>)]
    pub data: Option<Box<RawValue>>,
    /// Unique in the tenant: the same event a second time changes nothing. Made by the host unless given.
    #[serde(
        default,
        alias = "event_id",
        alias = "eventId",
        skip_serializing_if = "Option::is_none"
    )]
    pub id: Option<String>,
    /// What it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// The name of the payload's schema.
    #[serde(
        default,
        alias = "schema_name",
        alias = "schemaName",
        skip_serializing_if = "Option::is_none"
    )]
    pub schema: Option<String>,
    /// Shared by a request and its answers.
    #[serde(
        default,
        alias = "correlation_id",
        alias = "correlationId",
        skip_serializing_if = "Option::is_none"
    )]
    pub correlation: Option<String>,
    /// Shared by everything that one first event set off.
    #[serde(
        default,
        alias = "trace_id",
        alias = "traceId",
        skip_serializing_if = "Option::is_none"
    )]
    pub trace: Option<String>,
    /// The event that led to this one.
    #[serde(
        default,
        alias = "parent_id",
        alias = "parentId",
        skip_serializing_if = "Option::is_none"
    )]
    pub parent: Option<String>,
    /// The conversation.
    #[serde(
        default,
        alias = "session_id",
        alias = "sessionId",
        skip_serializing_if = "Option::is_none"
    )]
    pub session: Option<String>,
    /// The goal.
    #[serde(
        default,
        alias = "goal_id",
        alias = "goalId",
        skip_serializing_if = "Option::is_none"
    )]
    pub goal: Option<String>,
    /// The plan.
    #[serde(
        default,
        alias = "plan_id",
        alias = "planId",
        skip_serializing_if = "Option::is_none"
    )]
    pub plan: Option<String>,
    /// The task.
    #[serde(
        default,
        alias = "task_id",
        alias = "taskId",
        skip_serializing_if = "Option::is_none"
    )]
    pub task: Option<String>,
    /// On behalf of this customer; the request's unless given.
    #[serde(
        default,
        alias = "customer_id",
        alias = "customerId",
        skip_serializing_if = "Option::is_none"
    )]
    pub customer: Option<String>,
    /// On behalf of this user; the request's unless given.
    #[serde(
        default,
        alias = "user_id",
        alias = "userId",
        skip_serializing_if = "Option::is_none"
    )]
    pub user: Option<String>,
    /// Where answers go.
    #[serde(default, alias = "replyTo", skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<ReplyTo>,
    /// CloudEvents extension attributes.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub extensions: BTreeMap<String, String>,
    /// Publish this many milliseconds from now.
    #[serde(default, alias = "delayMs", skip_serializing_if = "Option::is_none")]
    pub delay_ms: Option<u64>,
    /// Publish at this instant (RFC 3339).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
}

/// Events to publish all together or not at all.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BatchRequest {
    /// At most 1,000, none of them delayed.
    pub events: Vec<PublishRequest>,
}

/// What became of a publication.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PublishView {
    /// `true`: a failure is a problem document.
    pub success: bool,
    /// The event.
    #[schema(value_type = String)]
    pub event_id: EventId,
    /// The same in words.
    pub message: String,
    /// Its place in the log; none while it is scheduled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<i64>,
    /// Whether it was there already: nothing was done again.
    pub duplicate: bool,
    /// When it will be published, if it was scheduled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub due: Option<Timestamp>,
}

/// What became of a batch.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct BatchView {
    /// `true`: a failure is a problem document.
    pub success: bool,
    /// One for each event, in order.
    pub items: Vec<PublishView>,
}
