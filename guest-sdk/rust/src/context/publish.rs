//! An event in the making.

use std::time::Duration;

use super::millis;
use crate::error::Result;
use crate::event::ReplyTo;
use crate::host::{Backend, Host as _, NewEvent, When};
use crate::instant::Instant;
use crate::json::Json;
use crate::payload::Payload;
use crate::topic::Topic;

/// An event in the making; made by [`Context::draft`](crate::Context::draft), sent by
/// [`publish`](Draft::publish). What is not set here follows from the event being handled.
#[must_use = "an event is published by `.publish()`"]
pub struct Draft<'a> {
    host: &'a Backend,
    event: Result<NewEvent>,
    when: Result<When>,
}

impl<'a> Draft<'a> {
    pub(super) fn new(
        host: &'a Backend,
        topic: Topic,
        event_type: String,
        data: Result<Json>,
    ) -> Self {
        let event = data.map(|data| NewEvent {
            topic,
            event_type,
            data,
            subject: None,
            schema: None,
            correlation: None,
            session: None,
            goal: None,
            plan: None,
            task: None,
            reply_to: None,
            extensions: Vec::new(),
        });
        Self {
            host,
            event,
            when: Ok(When::Commit),
        }
    }

    /// What it is about, for example an order number.
    pub fn subject(self, subject: impl Into<String>) -> Self {
        self.with(|event| event.subject = Some(subject.into()))
    }

    /// The name of the registered JSON schema that the payload follows.
    pub fn schema(self, schema: impl Into<String>) -> Self {
        self.with(|event| event.schema = Some(schema.into()))
    }

    /// Another correlation than that of the event being handled.
    pub fn correlation(self, correlation: impl Into<String>) -> Self {
        self.with(|event| event.correlation = Some(correlation.into()))
    }

    /// Another conversation than that of the event being handled.
    pub fn session(self, session: impl Into<String>) -> Self {
        self.with(|event| event.session = Some(session.into()))
    }

    /// Another goal than that of the event being handled.
    pub fn goal(self, goal: impl Into<String>) -> Self {
        self.with(|event| event.goal = Some(goal.into()))
    }

    /// Another plan than that of the event being handled.
    pub fn plan(self, plan: impl Into<String>) -> Self {
        self.with(|event| event.plan = Some(plan.into()))
    }

    /// Another task than that of the event being handled.
    pub fn task(self, task: impl Into<String>) -> Self {
        self.with(|event| event.task = Some(task.into()))
    }

    /// Ask for an answer that is the payload `P`.
    pub fn reply_with<P: Payload>(self) -> Self {
        self.reply_to(P::TOPIC, P::TYPE)
    }

    /// Ask for an answer of this topic and type.
    pub fn reply_to(self, topic: Topic, event_type: impl Into<String>) -> Self {
        self.with(|event| {
            event.reply_to = Some(ReplyTo {
                topic,
                event_type: event_type.into(),
            });
        })
    }

    /// A CloudEvents extension attribute: a name of 1 to 20 characters `a-z0-9`.
    pub fn extension(self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.with(|event| event.extensions.push((name.into(), value.into())))
    }

    /// Publish it this long after the turn commits, up to 49 days.
    pub fn after(mut self, delay: Duration) -> Self {
        self.when = millis("a delay", delay).map(When::After);
        self
    }

    /// Publish it at this instant: at once if that has passed, at most 366 days ahead.
    pub fn at(mut self, instant: Instant) -> Self {
        self.when = Ok(When::At(instant));
        self
    }

    /// Publish it when this turn commits, and return the id it will have.
    ///
    /// # Errors
    /// As [`Context::publish`](crate::Context::publish), and `Json` if the payload cannot be written as JSON.
    pub fn publish(self) -> Result<String> {
        self.host.get().publish(self.event?, self.when?)
    }

    fn with(mut self, change: impl FnOnce(&mut NewEvent)) -> Self {
        if let Ok(event) = &mut self.event {
            change(event);
        }
        self
    }
}
