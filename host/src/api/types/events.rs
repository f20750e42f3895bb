//! Events as clients read them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::clock::Timestamp;
use crate::events::{DeliveryStatus, Event, Json, Topic};
use crate::id::{AgentName, CustomerId, EventId, EventType, Label, UserId};

/// Where the answer to an event goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReplyTo {
    /// The topic of the answer.
    pub topic: String,
    /// The event type of the answer.
    #[serde(rename = "type", alias = "event_type", alias = "eventType")]
    pub event_type: String,
}

/// An event.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct EventView {
    /// Its place in its tenant's log.
    pub position: i64,
    /// Unique in the tenant.
    #[schema(value_type = String)]
    pub id: EventId,
    /// Who published it: `agent/<name>`, `client/<key>` or `host`.
    pub source: String,
    /// What happened.
    #[serde(rename = "type")]
    #[schema(value_type = String)]
    pub event_type: EventType,
    /// One of the eight topics.
    #[schema(value_type = String)]
    pub topic: Topic,
    /// When the host accepted it.
    #[schema(value_type = String, format = DateTime)]
    pub time: Timestamp,
    /// What it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// The payload.
    #[schema(value_type = serde_json::Value)]
    pub data: Json,
    /// The name of the payload's schema.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<String>,
    /// Shared by a request and its answers.
    #[schema(value_type = String)]
    pub correlation: Label,
    /// Shared by everything that one first event set off.
    #[schema(value_type = String)]
    pub trace: Label,
    /// The event that led to this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub parent: Option<EventId>,
    /// The conversation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub session: Option<Label>,
    /// The goal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub goal: Option<Label>,
    /// The plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub plan: Option<Label>,
    /// The task.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub task: Option<Label>,
    /// On behalf of this customer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub customer: Option<CustomerId>,
    /// On behalf of this user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub user: Option<UserId>,
    /// Where answers go.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<ReplyTo>,
    /// CloudEvents extension attributes.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub extensions: BTreeMap<String, String>,
    /// Turns between this event and the one that came from outside.
    pub hops: u32,
    /// What became of it at each agent; only when one event is asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deliveries: Option<Vec<DeliveryView>>,
}

impl From<&Event> for EventView {
    fn from(event: &Event) -> Self {
        let body = &event.body;
        Self {
            position: event.position.0,
            id: body.id.clone(),
            source: body.source.to_string(),
            event_type: body.event_type.clone(),
            topic: body.topic,
            time: body.time,
            subject: body.subject.as_deref().map(str::to_owned),
            data: body.data.clone(),
            schema: body.schema.as_deref().map(str::to_owned),
            correlation: body.correlation.clone(),
            trace: body.trace.clone(),
            parent: body.parent.clone(),
            session: body.session.clone(),
            goal: body.goal.clone(),
            plan: body.plan.clone(),
            task: body.task.clone(),
            customer: body.customer.clone(),
            user: body.user.clone(),
            reply_to: body.reply_to.as_ref().map(|address| ReplyTo {
                topic: address.topic.to_string(),
                event_type: address.event_type.to_string(),
            }),
            extensions: body.extensions.iter().cloned().collect(),
            hops: body.hops,
            deliveries: None,
        }
    }
}

/// What became of an event at one agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeliveryView {
    /// The agent.
    #[schema(value_type = String)]
    pub agent: AgentName,
    /// `pending`, `retrying`, `done` or `dead`.
    pub state: String,
    /// How many attempts failed so far.
    pub attempts_failed: u32,
    /// When it is tried next, if it waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub due: Option<Timestamp>,
}

impl From<DeliveryStatus> for DeliveryView {
    fn from(status: DeliveryStatus) -> Self {
        Self {
            agent: status.agent,
            state: status.state.to_owned(),
            attempts_failed: status.attempts_failed,
            due: status.due,
        }
    }
}
