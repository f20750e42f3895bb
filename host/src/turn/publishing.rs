//! Publishing inside a turn: a guest's draft becomes an event that the commit appends.

use std::sync::Arc;

use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::events::{
    EXTENSION_BYTES_MAX, EXTENSIONS_MAX, Json, NewEvent, ReplyAddress, Topic, short,
};
use crate::id::{EventId, EventType, Label};
use crate::registry::{Grant, PayloadCheck};

use super::Turn;

/// What a guest says about an event that it publishes, not yet checked.
#[derive(Debug, Clone, Default)]
pub struct Draft {
    /// One of the eight topics.
    pub topic: String,
    /// What happened.
    pub event_type: String,
    /// The payload.
    pub data: String,
    /// What it is about.
    pub subject: Option<String>,
    /// The name of the payload's schema.
    pub schema: Option<String>,
    /// Default: that of the event being handled.
    pub correlation: Option<String>,
    /// Default: that of the event being handled.
    pub session: Option<String>,
    /// Default: that of the event being handled.
    pub goal: Option<String>,
    /// Default: that of the event being handled.
    pub plan: Option<String>,
    /// Default: that of the event being handled.
    pub task: Option<String>,
    /// Topic and type of the answer that is asked for.
    pub reply_to: Option<(String, String)>,
    /// CloudEvents extension attributes.
    pub extensions: Vec<(String, String)>,
}

/// When an event is published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum When {
    /// With the commit.
    Commit,
    /// This many milliseconds after the call.
    After(u32),
    /// At an RFC 3339 instant.
    At(String),
}

impl Turn {
    /// Publish an event when this turn commits, or later. Returns the id it will have.
    pub async fn publish(&mut self, draft: Draft, when: When) -> Result<EventId> {
        self.require(Grant::EventsPublish)?;
        let due = self.due(&when)?;
        let event = self.event_from(draft)?;
        self.check_payload(&event, false).await?;
        self.stage_event(event, due)
    }

    /// Answer the event being handled, at the reply address it carries.
    pub async fn respond(&mut self, data: &str) -> Result<EventId> {
        self.require(Grant::EventsPublish)?;
        let data = Json::parse("data", data)?;
        let Some(address) = self.event().body.reply_to.clone() else {
            return Err(Error::not_found(
                "reply address of event",
                self.event().body.id.as_str(),
            ));
        };
        if self.frame().responded {
            return Err(Error::conflict(
                "response",
                "this turn has responded already",
            ));
        }
        let mut event = self.blank(address.topic, address.event_type, data);
        event.reply_to = None;
        let id = if self.nested.is_empty() {
            self.check_payload(&event, true).await?;
            self.stage_event(event, None)?
        } else {
            self.frame_mut().response = Some(event.data);
            event.id
        };
        self.frame_mut().responded = true;
        Ok(id)
    }

    fn due(&self, when: &When) -> Result<Option<Timestamp>> {
        let now = self.now();
        let due = match when {
            When::Commit => return Ok(None),
            When::After(ms) => now.plus_ms(u64::from(*ms)),
            When::At(text) => Timestamp::parse("at", text)?,
        };
        let furthest = now.plus_ms(self.limits.schedule_ahead_ms_max);
        if due > furthest {
            return Err(Error::invalid(
                "at",
                format!("{due} is after {furthest}, the latest allowed"),
            ));
        }
        Ok((due > now).then_some(due))
    }

    /// An event with all that the host stamps. `index` numbers make its id the same on every attempt.
    pub(super) fn blank(&mut self, topic: Topic, event_type: EventType, data: Json) -> NewEvent {
        let index = self.next_id();
        let id = self.services.ids.child_event(&self.id, index);
        let time = self.now();
        let root_position = self.base.event.position;
        let source = self.scope().principal().source();
        let cause = &self.event().body;
        NewEvent {
            id,
            source,
            event_type,
            topic,
            time,
            subject: None,
            data,
            schema: None,
            correlation: cause.correlation.clone(),
            trace: cause.trace.clone(),
            parent: Some(cause.id.clone()),
            session: cause.session.clone(),
            goal: cause.goal.clone(),
            plan: cause.plan.clone(),
            task: cause.task.clone(),
            customer: cause.customer.clone(),
            user: cause.user.clone(),
            reply_to: None,
            extensions: Vec::new(),
            hops: self.base.event.body.hops + 1,
            root: Some(self.base.event.body.root.unwrap_or(root_position)),
        }
    }

    fn event_from(&mut self, draft: Draft) -> Result<NewEvent> {
        let topic: Topic = draft.topic.parse()?;
        let event_type = EventType::new(&draft.event_type)?;
        let data = Json::parse("data", &draft.data)?;
        let reply_to = draft.reply_to.map(|(topic, event_type)| {
            Ok::<_, Error>(ReplyAddress {
                topic: topic.parse()?,
                event_type: EventType::new(&event_type)?,
            })
        });
        let mut event = self.blank(topic, event_type, data);
        event.subject = draft
            .subject
            .map(|text| short("subject", &text))
            .transpose()?;
        event.schema = draft
            .schema
            .map(|text| short("schema", &text))
            .transpose()?;
        event.reply_to = reply_to.transpose()?;
        let label = |given: Option<String>| given.as_deref().map(Label::new).transpose();
        if let Some(correlation) = label(draft.correlation)? {
            event.correlation = correlation;
        }
        event.session = label(draft.session)?.or(event.session);
        event.goal = label(draft.goal)?.or(event.goal);
        event.plan = label(draft.plan)?.or(event.plan);
        event.task = label(draft.task)?.or(event.task);
        check_extensions(&draft.extensions)?;
        event.extensions = draft.extensions;
        Ok(event)
    }

    fn stage_event(&mut self, event: NewEvent, due: Option<Timestamp>) -> Result<EventId> {
        if event.hops > self.limits.hops_max {
            return Err(Error::Exhausted {
                limit: "hops_max",
                unit: "turns from the first event",
                max: u64::from(self.limits.hops_max),
            });
        }
        // Counted here and not at the commit: whoever asks is told so, and may do something else.
        let bytes = event.data.as_str().len() as u64;
        let allowances = &self.services.allowances;
        allowances.admit(self.scope().tenant(), (1, bytes), self.now())?;
        let limits = Arc::clone(&self.limits);
        let id = event.id.clone();
        self.staged.publish(event, due, &limits)?;
        Ok(id)
    }

    /// Check the payload against what is declared of its type. An answer may be of any type: whoever
    /// asked has chosen it.
    pub(super) async fn check_payload(&self, event: &NewEvent, answer: bool) -> Result<()> {
        let scope = self.scope();
        let directory = self.services.agents.directory(scope).await?;
        let check = PayloadCheck {
            scope,
            directory: &directory,
            catalog: &*self.services.catalog,
            schemas: &self.services.schemas,
        };
        if answer {
            check.answer(event).await
        } else {
            check.publication(event).await
        }
    }
}

/// Check extension attributes: CloudEvents wants names of 1 to 20 characters `a-z0-9`.
pub fn check_extensions(extensions: &[(String, String)]) -> Result<()> {
    if extensions.len() > EXTENSIONS_MAX {
        let got = extensions.len();
        return Err(Error::invalid(
            "extensions",
            format!("{got}, the limit is {EXTENSIONS_MAX}"),
        ));
    }
    for (name, value) in extensions {
        let named = (1..=20).contains(&name.len())
            && name
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        if !named {
            let shown: String = name
                .chars()
                .take(40)
                .flat_map(char::escape_default)
                .collect();
            return Err(Error::invalid(
                "extensions",
                format!("`{shown}` is not a name of 1 to 20 characters `a-z0-9`"),
            ));
        }
        if value.len() > EXTENSION_BYTES_MAX || value.chars().any(char::is_control) {
            return Err(Error::invalid(
                "extensions",
                format!(
                    "the value of `{name}` is over {EXTENSION_BYTES_MAX} bytes or holds a control character"
                ),
            ));
        }
    }
    Ok(())
}
