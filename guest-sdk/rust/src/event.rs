//! An event as a handler receives it.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::Result;
use crate::instant::Instant;
use crate::json::Json;
use crate::payload::Payload;
use crate::topic::Topic;

/// Where the answer to an event goes: the event that the asker waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplyTo {
    /// The topic of the answer.
    pub topic: Topic,
    /// The type of the answer.
    pub event_type: String,
}

/// An event with its payload and the context of the work it belongs to.
#[derive(Debug, Clone, PartialEq)]
pub struct Event<P = Json> {
    /// The payload.
    pub data: P,
    /// Unique in the tenant.
    pub id: String,
    /// Who published it: `agent/<name>` or `client/<key name>`.
    pub source: String,
    /// What happened, for example `order.placed`.
    pub event_type: String,
    /// What sort of thing it says.
    pub topic: Topic,
    /// When the host accepted it.
    pub time: Instant,
    /// What it is about, for example an order number.
    pub subject: Option<String>,
    /// The name of the JSON schema that the payload follows.
    pub schema: Option<String>,
    /// Shared by a request and all that answers it.
    pub correlation: String,
    /// Shared by everything that one first event set off.
    pub trace: String,
    /// The event in whose turn this one was published.
    pub parent: Option<String>,
    /// The conversation.
    pub session: Option<String>,
    /// The goal being pursued.
    pub goal: Option<String>,
    /// The plan this is part of. Working memory belongs to the plan where there is one.
    pub plan: Option<String>,
    /// The task within the plan.
    pub task: Option<String>,
    /// The tenant's customer on whose behalf this happens.
    pub customer: Option<String>,
    /// The end user on whose behalf this happens. Memory is scoped by it.
    pub user: Option<String>,
    /// Where [`Context::respond`](crate::Context::respond) sends its answer.
    pub reply_to: Option<ReplyTo>,
    /// 1 on the first delivery to this agent.
    pub attempt: u32,
    /// When this turn ends whether the agent is ready or not.
    pub deadline: Instant,
    /// CloudEvents extension attributes that have no field here.
    pub extensions: Vec<(String, String)>,
}

impl<P: Payload> Event<P> {
    /// An event with this payload as it would come from outside. For tests: agents receive events and
    /// publish payloads.
    pub fn new(data: P) -> Self {
        Self::of(P::TOPIC, P::TYPE, data)
    }
}

impl<P> Event<P> {
    /// An event of any topic and type as it would come from outside. For tests.
    pub fn of(topic: Topic, event_type: impl Into<String>, data: P) -> Self {
        Self {
            data,
            id: "evt_test".into(),
            source: "client/test".into(),
            event_type: event_type.into(),
            topic,
            time: Instant::from_unix_ms(0),
            subject: None,
            schema: None,
            correlation: "evt_test".into(),
            trace: "evt_test".into(),
            parent: None,
            session: None,
            goal: None,
            plan: None,
            task: None,
            customer: None,
            user: None,
            reply_to: None,
            attempt: 1,
            deadline: Instant::from_unix_ms(30_000),
            extensions: Vec::new(),
        }
    }

    /// The same event with this id, and as the root of its own trace.
    #[must_use]
    pub fn with_id(mut self, id: impl Into<String>) -> Self {
        self.id = id.into();
        self.correlation.clone_from(&self.id);
        self.trace.clone_from(&self.id);
        self
    }

    /// The same event in this session.
    #[must_use]
    pub fn with_session(mut self, session: impl Into<String>) -> Self {
        self.session = Some(session.into());
        self
    }

    /// The same event as part of this plan.
    #[must_use]
    pub fn with_plan(mut self, plan: impl Into<String>) -> Self {
        self.plan = Some(plan.into());
        self
    }

    /// The same event on behalf of this end user.
    #[must_use]
    pub fn with_user(mut self, user: impl Into<String>) -> Self {
        self.user = Some(user.into());
        self
    }

    /// The same event on behalf of this customer.
    #[must_use]
    pub fn with_customer(mut self, customer: impl Into<String>) -> Self {
        self.customer = Some(customer.into());
        self
    }

    /// The same event, asking for an answer of this topic and type.
    #[must_use]
    pub fn with_reply_to(mut self, topic: Topic, event_type: impl Into<String>) -> Self {
        self.reply_to = Some(ReplyTo {
            topic,
            event_type: event_type.into(),
        });
        self
    }

    /// The same event as the host delivers it for the `attempt`-th time.
    #[must_use]
    pub fn with_attempt(mut self, attempt: u32) -> Self {
        self.attempt = attempt;
        self
    }

    /// The same event with another payload.
    pub fn with_data<Q>(self, data: Q) -> Event<Q> {
        Event {
            data,
            id: self.id,
            source: self.source,
            event_type: self.event_type,
            topic: self.topic,
            time: self.time,
            subject: self.subject,
            schema: self.schema,
            correlation: self.correlation,
            trace: self.trace,
            parent: self.parent,
            session: self.session,
            goal: self.goal,
            plan: self.plan,
            task: self.task,
            customer: self.customer,
            user: self.user,
            reply_to: self.reply_to,
            attempt: self.attempt,
            deadline: self.deadline,
            extensions: self.extensions,
        }
    }
}

impl<P: Serialize> Event<P> {
    /// The same event with its payload as JSON text.
    ///
    /// # Errors
    /// `Json` if the payload cannot be written as JSON.
    pub fn encode(self) -> Result<Event> {
        let data = Json::of(&self.data)?;
        Ok(self.with_data(data))
    }
}

impl Event {
    /// The same event with its payload as a Rust value.
    ///
    /// # Errors
    /// `Json` that says what does not fit and where.
    pub fn decode<P: DeserializeOwned>(self) -> Result<Event<P>> {
        let data = self.data.read()?;
        Ok(self.with_data(data))
    }
}
