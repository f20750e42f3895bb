//! Events: what they carry, the eight topics, and the log that keeps them.
//!
//! Invariant: an [`Event`] that exists was accepted: its fields follow their grammars, its payload is
//! JSON within the limits, and its position in its tenant's log never changes. This module knows
//! nothing of HTTP, SQL or Wasm.

use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::id::{AgentName, CustomerId, EventId, EventType, Label, Position, UserId};
use crate::identity::{Principal, TenantScope};

mod json;
mod topic;

pub use json::{JSON_BYTES_MAX, JSON_DEPTH_MAX, Json};
pub use topic::Topic;

/// Most events in one batch, so that one request holds the writer for a bounded time.
pub const BATCH_EVENTS_MAX: usize = 1_000;
/// Most extension attributes of an event.
pub const EXTENSIONS_MAX: usize = 16;
/// Longest value of an extension attribute in bytes.
pub const EXTENSION_BYTES_MAX: usize = 1_024;
/// Longest subject or schema name in bytes.
pub const SUBJECT_BYTES_MAX: usize = 256;

/// Where the answer to an event goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplyAddress {
    /// The topic of the answer.
    pub topic: Topic,
    /// The event type of the answer.
    pub event_type: EventType,
}

/// An event, complete but for its place in the log.
///
/// Built by `api` from a client's request, by `turn` from a guest's draft, and by `registry` to tell of a
/// change of the catalogue; nothing else makes one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NewEvent {
    /// Unique in the tenant.
    pub id: EventId,
    /// Who published it: stamped by the host, see [`crate::identity::Principal::source`].
    pub source: Arc<str>,
    /// What happened.
    #[serde(rename = "type")]
    pub event_type: EventType,
    /// One of the eight.
    pub topic: Topic,
    /// When the host accepted it.
    pub time: Timestamp,
    /// What it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<Arc<str>>,
    /// The payload.
    pub data: Json,
    /// The name of the schema of the payload.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<Arc<str>>,
    /// Shared by a request and its answers.
    pub correlation: Label,
    /// Shared by everything that one first event set off.
    pub trace: Label,
    /// The event in whose turn this one was published.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<EventId>,
    /// The conversation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<Label>,
    /// The goal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub goal: Option<Label>,
    /// The plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<Label>,
    /// The task.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<Label>,
    /// On behalf of this customer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer: Option<CustomerId>,
    /// On behalf of this user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<UserId>,
    /// Where answers go.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<ReplyAddress>,
    /// CloudEvents extension attributes that have no field here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub extensions: Vec<(String, String)>,
    /// How many turns lie between this event and the one that came from outside: 0 from outside.
    #[serde(default)]
    pub hops: u32,
    /// The position of the event from outside that this one descends from; none for itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub root: Option<Position>,
}

impl NewEvent {
    /// What the host itself has to tell a tenant: a system event that nothing caused.
    pub fn of_host(event_type: EventType, data: Json, time: Timestamp) -> Self {
        let id = EventId::generate();
        Self {
            source: Principal::Host.source(),
            event_type,
            topic: Topic::SystemEvents,
            time,
            subject: None,
            data,
            schema: None,
            correlation: Label::of_event(&id),
            trace: Label::of_event(&id),
            parent: None,
            session: None,
            goal: None,
            plan: None,
            task: None,
            customer: None,
            user: None,
            reply_to: None,
            extensions: Vec::new(),
            hops: 0,
            root: None,
            id,
        }
    }

    /// What deliveries of this event are kept in order by: the plan, else the session, else nothing.
    pub fn order_key(&self) -> Option<&Label> {
        self.plan.as_ref().or(self.session.as_ref())
    }

    /// Whether `other` is the same publication: all that the publisher said is equal. What the host
    /// stamped (time, trace and correlation made from the id) is left out.
    pub fn same_publication(&self, other: &Self) -> bool {
        self.id == other.id
            && self.source == other.source
            && self.event_type == other.event_type
            && self.topic == other.topic
            && self.subject == other.subject
            && self.data == other.data
            && self.schema == other.schema
            && self.session == other.session
            && self.goal == other.goal
            && self.plan == other.plan
            && self.task == other.task
            && self.customer == other.customer
            && self.user == other.user
            && self.reply_to == other.reply_to
            && self.extensions == other.extensions
    }
}

/// An event in its tenant's log.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Its place: 1, 2, 3 … in commit order.
    pub position: Position,
    /// The rest.
    pub body: NewEvent,
}

/// Check a subject, the name of a schema, or another short text.
///
/// # Errors
/// `Invalid` past [`SUBJECT_BYTES_MAX`], or if it is empty or holds a control character.
pub fn short(field: &'static str, text: &str) -> Result<Arc<str>> {
    if text.is_empty() || text.len() > SUBJECT_BYTES_MAX || text.chars().any(char::is_control) {
        return Err(Error::invalid(
            field,
            format!("must be 1 to {SUBJECT_BYTES_MAX} bytes without control characters"),
        ));
    }
    Ok(text.into())
}

/// What became of one event of an append.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Appended {
    /// Its id.
    pub id: EventId,
    /// Its place in the log; the first one's for a duplicate.
    pub position: Position,
    /// Whether the same publication was there already: nothing was done again.
    pub duplicate: bool,
}

/// Which events to list. All that is given must match.
#[derive(Debug, Clone, Default)]
pub struct EventFilter {
    /// Of this topic.
    pub topic: Option<Topic>,
    /// Of this type.
    pub event_type: Option<EventType>,
    /// Of this correlation.
    pub correlation: Option<Label>,
    /// Of this trace.
    pub trace: Option<Label>,
    /// Of this session.
    pub session: Option<Label>,
    /// Of this plan.
    pub plan: Option<Label>,
    /// Published by this source.
    pub source: Option<String>,
    /// On behalf of this user.
    pub user: Option<UserId>,
}

impl EventFilter {
    /// Whether `event` passes.
    pub fn matches(&self, event: &NewEvent) -> bool {
        fn same<T: PartialEq>(wanted: Option<&T>, got: Option<&T>) -> bool {
            wanted.is_none() || wanted == got
        }
        same(self.topic.as_ref(), Some(&event.topic))
            && same(self.event_type.as_ref(), Some(&event.event_type))
            && same(self.correlation.as_ref(), Some(&event.correlation))
            && same(self.trace.as_ref(), Some(&event.trace))
            && same(self.session.as_ref(), event.session.as_ref())
            && same(self.plan.as_ref(), event.plan.as_ref())
            && same(self.user.as_ref(), event.user.as_ref())
            && self
                .source
                .as_deref()
                .is_none_or(|source| source == &*event.source)
    }
}

/// One page of a list, newest first.
#[derive(Debug, Clone)]
pub struct Page<T> {
    /// The rows.
    pub items: Vec<T>,
    /// Where the next page begins, if there may be one: give it as `before`.
    pub next: Option<Position>,
}

/// What became of an event at one agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DeliveryStatus {
    /// The agent.
    pub agent: AgentName,
    /// `pending`, `retrying`, `done` or `dead`.
    pub state: &'static str,
    /// How many attempts failed so far.
    pub attempts_failed: u32,
    /// When it is tried next, if it waits.
    pub due: Option<Timestamp>,
}

/// The log of a tenant's events.
#[async_trait]
pub trait EventStore: Send + Sync {
    /// Append events in one transaction, each with a delivery for every agent subscribed to it, and
    /// return after they are durable. The same publication again is a duplicate and changes nothing.
    ///
    /// # Errors
    /// `Conflict` if an id is there with another content: nothing is appended then.
    async fn append(&self, scope: &TenantScope, events: Vec<NewEvent>) -> Result<Vec<Appended>>;
    /// Keep an event and append it at `due`. `Conflict` as for `append`, `Exhausted` over the limit.
    async fn schedule(&self, scope: &TenantScope, event: NewEvent, due: Timestamp) -> Result<()>;
    /// `NotFound` if there is none.
    async fn get(&self, scope: &TenantScope, id: &EventId) -> Result<Arc<Event>>;
    /// Events that pass `filter`, newest first, before `before`.
    async fn list(
        &self,
        scope: &TenantScope,
        filter: &EventFilter,
        before: Option<Position>,
        limit: u32,
    ) -> Result<Page<Arc<Event>>>;
    /// Events after `after` in order, for streams.
    async fn after(
        &self,
        scope: &TenantScope,
        after: Position,
        limit: u32,
    ) -> Result<Vec<Arc<Event>>>;
    /// The last position of the log.
    async fn head(&self, scope: &TenantScope) -> Result<Position>;
    /// What became of an event at each agent it was delivered to.
    async fn deliveries(&self, scope: &TenantScope, id: &EventId) -> Result<Vec<DeliveryStatus>>;
}
