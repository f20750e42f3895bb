//! From what a client says to an event: every field is checked here, and nothing below sees raw JSON.

use std::sync::Arc;

use serde_json::value::RawValue;

use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::events::{Json, NewEvent, ReplyAddress, Topic};
use crate::id::{CustomerId, EventId, EventType, Label, UserId};
use crate::identity::TenantScope;
use crate::registry::{Directory, PayloadCheck, WellKnown};
use crate::turn::{TurnLimits, check_extensions, short};

use super::super::Api;
use super::super::types::{PublishRequest, ReplyTo};

/// An event that a client may publish, and when.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Draft {
    pub(crate) event: NewEvent,
    /// Not before this; none means at once.
    pub(crate) due: Option<Timestamp>,
}

/// What the host knows that the client did not say.
pub(crate) struct Stamp<'a> {
    pub(crate) scope: &'a TenantScope,
    pub(crate) directory: &'a Directory,
    pub(crate) now: Timestamp,
    /// The id derived from an `Idempotency-Key`.
    pub(crate) id: Option<EventId>,
}

impl Stamp<'_> {
    /// Check `request` and make it an event.
    ///
    /// # Errors
    /// `Invalid` that names the field, `TooLarge` for the payload.
    pub(crate) fn event(&self, request: PublishRequest) -> Result<Draft> {
        let event_type = EventType::new(&request.event_type).map_err(named("type"))?;
        let topic = self.topic(&event_type, request.topic.as_deref())?;
        let id = self.event_id(request.id.as_deref())?;
        let extensions: Vec<_> = request.extensions.into_iter().collect();
        check_extensions(&extensions)?;
        let due = due(self.now, request.delay_ms, request.at.as_deref())?;
        let label = |field, text: Option<String>| {
            let text = text.as_deref();
            text.map(Label::new).transpose().map_err(named(field))
        };
        let event = NewEvent {
            source: self.scope.principal().source(),
            topic,
            time: self.now,
            subject: words("subject", request.subject)?,
            data: payload(request.data.as_deref())?,
            schema: words("schema", request.schema)?,
            correlation: label("correlation", request.correlation)?
                .unwrap_or_else(|| Label::of_event(&id)),
            trace: label("trace", request.trace)?.unwrap_or_else(|| Label::of_event(&id)),
            parent: one("parent", request.parent.as_deref(), EventId::new)?,
            session: label("session", request.session)?,
            goal: label("goal", request.goal)?,
            plan: label("plan", request.plan)?,
            task: label("task", request.task)?,
            customer: one("customer", request.customer.as_deref(), CustomerId::new)?
                .or_else(|| self.scope.customer().cloned()),
            user: one("user", request.user.as_deref(), UserId::new)?
                .or_else(|| self.scope.user().cloned()),
            reply_to: request.reply_to.as_ref().map(reply_address).transpose()?,
            extensions,
            hops: 0,
            root: None,
            event_type,
            id,
        };
        Ok(Draft { event, due })
    }

    /// The topic that was said, else that of the type's definition, else the one on which the type is consumed
    /// or produced.
    fn topic(&self, event_type: &EventType, said: Option<&str>) -> Result<Topic> {
        if let Some(topic) = said {
            return topic.parse();
        }
        if let Some(definition) = self.directory.definition(event_type) {
            return Ok(definition.topic);
        }
        if let Some(known) = WellKnown::of_type(event_type.as_str()) {
            return Ok(known.topic);
        }
        let knows = |topic: &Topic| self.directory.knows(*topic, event_type);
        let topics: Vec<Topic> = Topic::ALL.into_iter().filter(knows).collect();
        let reason = match topics.as_slice() {
            [topic] => return Ok(*topic),
            [] => format!("missing, and nobody consumes, produces or declared `{event_type}`"),
            several => {
                let several: Vec<&str> = several.iter().map(|topic| topic.as_str()).collect();
                let several = several.join(", ");
                format!("missing, and `{event_type}` is known on several: {several}")
            }
        };
        Err(Error::invalid("topic", reason))
    }

    fn event_id(&self, said: Option<&str>) -> Result<EventId> {
        match (said, &self.id) {
            (Some(_), Some(_)) => Err(Error::invalid(
                "id",
                "given along with an Idempotency-Key, which makes the id: give one of the two",
            )),
            (Some(text), None) => EventId::new(text).map_err(named("id")),
            (None, Some(id)) => Ok(id.clone()),
            (None, None) => Ok(EventId::generate()),
        }
    }
}

impl Api {
    /// Check an event that a client publishes against what is declared of its type.
    pub(crate) async fn check_payload(
        &self,
        scope: &TenantScope,
        directory: &Directory,
        event: &NewEvent,
    ) -> Result<()> {
        let check = PayloadCheck {
            scope,
            directory,
            catalog: &*self.app.catalog,
            schemas: &self.schemas,
        };
        check.publication(event).await
    }
}

/// A payload; `null` unless given.
pub(crate) fn payload(raw: Option<&RawValue>) -> Result<Json> {
    Json::parse("data", raw.map_or("null", RawValue::get))
}

/// Makes an error speak of the field that the client wrote.
pub(crate) fn named(field: &'static str) -> impl Fn(Error) -> Error {
    move |error| match error {
        Error::Invalid { reason, .. } => Error::invalid(field, reason),
        other => other,
    }
}

fn one<T>(
    field: &'static str,
    text: Option<&str>,
    read: fn(&str) -> Result<T>,
) -> Result<Option<T>> {
    text.map(read).transpose().map_err(named(field))
}

fn words(field: &'static str, text: Option<String>) -> Result<Option<Arc<str>>> {
    text.map(|text| short(field, &text)).transpose()
}

fn reply_address(to: &ReplyTo) -> Result<ReplyAddress> {
    Ok(ReplyAddress {
        topic: to.topic.parse().map_err(named("reply_to.topic"))?,
        event_type: EventType::new(&to.event_type).map_err(named("reply_to.type"))?,
    })
}

/// When an event is to be published; none means at once.
fn due(now: Timestamp, delay_ms: Option<u64>, at: Option<&str>) -> Result<Option<Timestamp>> {
    let (field, due) = match (delay_ms, at) {
        (None, None) => return Ok(None),
        (Some(_), Some(_)) => {
            return Err(Error::invalid(
                "at",
                "given along with `delay_ms`: give one of the two",
            ));
        }
        (Some(delay), None) => ("delay_ms", now.plus_ms(delay)),
        (None, Some(text)) => ("at", Timestamp::parse("at", text)?),
    };
    // Clients may schedule as far ahead as agents may.
    let furthest = now.plus_ms(TurnLimits::default().schedule_ahead_ms_max);
    if due > furthest {
        return Err(Error::invalid(
            field,
            format!("{due} is after {furthest}, the latest allowed"),
        ));
    }
    Ok((due > now).then_some(due))
}

#[cfg(test)]
mod tests {
    use crate::events::JSON_BYTES_MAX;
    use crate::id::{KeyName, TenantId};

    use super::*;

    const NOW: Timestamp = Timestamp(1_700_000_000_000);

    fn draft(json: &str) -> Result<Draft> {
        let scope = TenantScope::for_request(
            TenantId::generate(),
            KeyName::new("shop").unwrap(),
            Some(CustomerId::new("c-1").unwrap()),
            None,
        );
        let stamp = Stamp {
            scope: &scope,
            directory: &Directory::default(),
            now: NOW,
            id: None,
        };
        let request: PublishRequest =
            serde_json::from_str(json).map_err(|e| Error::invalid("body", e.to_string()))?;
        stamp.event(request)
    }

    #[test]
    fn both_spellings_make_the_same_event() {
        let snake = r#"{"type":"order.placed","topic":"business-facts","data":{"n":1},"id":"e-1",
            "correlation_id":"c","trace_id":"t","session_id":"s","goal_id":"g","plan_id":"p","task_id":"k",
            "user_id":"u","reply_to":{"topic":"action-results","event_type":"x.done"},"schema_name":"o"}"#;
        let camel = r#"{"eventType":"order.placed","topic":"business-facts","data":{"n":1},"eventId":"e-1",
            "correlationId":"c","traceId":"t","sessionId":"s","goalId":"g","planId":"p","taskId":"k",
            "userId":"u","replyTo":{"topic":"action-results","eventType":"x.done"},"schemaName":"o"}"#;
        let plain = r#"{"type":"order.placed","topic":"business-facts","data":{"n":1},"id":"e-1",
            "correlation":"c","trace":"t","session":"s","goal":"g","plan":"p","task":"k",
            "user":"u","reply_to":{"topic":"action-results","type":"x.done"},"schema":"o"}"#;
        let expect = draft(plain).unwrap();
        assert_eq!(draft(snake).unwrap(), expect);
        assert_eq!(draft(camel).unwrap(), expect);
        assert_eq!(&*expect.event.source, "client/shop");
        assert_eq!(expect.event.customer.unwrap().as_str(), "c-1");
    }

    #[test]
    fn a_first_event_is_the_root_of_its_trace() {
        let event = draft(r#"{"type":"a","topic":"business-facts"}"#)
            .unwrap()
            .event;
        assert_eq!(event.trace.as_str(), event.id.as_str());
        assert_eq!(event.correlation.as_str(), event.id.as_str());
        assert_eq!(event.data.as_str(), "null");
        assert_eq!((event.hops, event.root), (0, None));
    }

    #[test]
    fn what_is_wrong_is_named() {
        let table = [
            (r#"{"type":"a b","topic":"business-facts"}"#, "type"),
            (r#"{"type":"a","topic":"facts"}"#, "topic"),
            (r#"{"type":"a"}"#, "topic"),
            (r#"{"type":"a","topic":"business-facts","id":""}"#, "id"),
            (
                r#"{"type":"a","topic":"business-facts","plan":"a b"}"#,
                "plan",
            ),
            (
                r#"{"type":"a","topic":"business-facts","parent":"\n"}"#,
                "parent",
            ),
            (r#"{"type":"a","topic":"business-facts","user":""}"#, "user"),
            (
                r#"{"type":"a","topic":"business-facts","subject":""}"#,
                "subject",
            ),
            (
                r#"{"type":"a","topic":"business-facts","reply_to":{"topic":"x","type":"y"}}"#,
                "reply_to.topic",
            ),
            (
                r#"{"type":"a","topic":"business-facts","extensions":{"Bad":"x"}}"#,
                "extensions",
            ),
            (
                r#"{"type":"a","topic":"business-facts","delay_ms":1,"at":"2026-01-01T00:00:00Z"}"#,
                "at",
            ),
            (
                r#"{"type":"a","topic":"business-facts","at":"9999-01-01T00:00:00Z"}"#,
                "at",
            ),
            (
                r#"{"type":"a","topic":"business-facts","delay_ms":18446744073709551615}"#,
                "delay_ms",
            ),
            (
                r#"{"type":"a","topic":"business-facts","tenant_id":"ten_1"}"#,
                "body",
            ),
            (
                r#"{"type":"a","topic":"business-facts","source":"host"}"#,
                "body",
            ),
        ];
        for (json, expect) in table {
            match draft(json) {
                Err(Error::Invalid { field, .. }) => assert_eq!(field, expect, "{json}"),
                other => panic!("{json}: {other:?}"),
            }
        }
    }

    #[test]
    fn a_payload_is_limited_at_and_one_past() {
        let body = |bytes: usize| {
            let text = "x".repeat(bytes - 2);
            format!(r#"{{"type":"a","topic":"business-facts","data":"{text}"}}"#)
        };
        assert!(draft(&body(JSON_BYTES_MAX)).is_ok());
        assert!(matches!(
            draft(&body(JSON_BYTES_MAX + 1)),
            Err(Error::TooLarge { .. })
        ));
    }

    #[test]
    fn a_time_that_has_passed_means_at_once() {
        let ahead = TurnLimits::default().schedule_ahead_ms_max;
        let table = [
            (Some(0), None, None),
            (Some(1), None, Some(NOW.plus_ms(1))),
            (Some(ahead), None, Some(NOW.plus_ms(ahead))),
            (None, Some("1970-01-01T00:00:00Z"), None),
        ];
        for (delay, at, expect) in table {
            assert_eq!(due(NOW, delay, at).unwrap(), expect);
        }
        assert!(due(NOW, Some(ahead + 1), None).is_err());
    }
}
